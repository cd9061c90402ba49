//! Inputs that once broke a promise, and the seeds that fuzzing starts from:
//! each goes through the function that its fuzz target calls.

#[path = "../../../fuzz/src/http.rs"]
pub mod http;
#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;

#[test]
fn requests_get_an_answer_or_an_end_for_every_kept_input() {
    replay::check("http", http::http);
}
