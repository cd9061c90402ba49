//! Inputs that once broke a promise, and the seeds that fuzzing starts from:
//! each goes through the function that its fuzz target calls.

#[path = "../../../fuzz/src/query.rs"]
pub mod query;
#[path = "../../../fuzz/src/query_bytes.rs"]
pub mod query_bytes;
#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;

#[test]
fn both_engines_say_the_same_for_every_kept_input() {
    replay::check("query", query::query);
}

#[test]
fn compiled_queries_keep_their_promises_for_every_kept_input() {
    replay::check("query_bytes", query_bytes::query_bytes);
}
