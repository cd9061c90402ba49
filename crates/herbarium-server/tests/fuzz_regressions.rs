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

/// Else fuzzing would try what stands before the routes, and never them.
#[test]
fn seeds_reach_the_routes_behind_the_front() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/http");
    let names = ["get-file-children", "get-file-outline", "file-query", "gzip", "press-batch"];
    for name in names.into_iter().chain(["source-outline", "source-query"]) {
        let answer = http::answer(&std::fs::read(seeds.join(name)).expect("a seed"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 20"), "{name}: {answer}");
    }
}
