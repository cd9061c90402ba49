//! Inputs that once broke a promise, and the seeds that fuzzing starts from:
//! each goes through the function that its fuzz target calls.

#[path = "../../../fuzz/src/replay.rs"]
pub mod replay;
#[path = "../../../fuzz/src/scenario.rs"]
pub mod scenario;

#[test]
fn scenario_files_keep_their_promises_for_every_kept_input() {
    replay::check("scenario", scenario::scenario);
}
