//! Inputs that once broke a promise, and the seeds that fuzzing starts from:
//! each goes through the function that its fuzz target calls.

#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;
#[path = "../../../fuzz/src/store.rs"]
pub mod store;

#[test]
fn files_of_a_store_are_read_or_refused_for_every_kept_input() {
    replay::check("store", store::store);
}
