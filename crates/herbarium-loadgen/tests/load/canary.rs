//! A candidate is promoted, rolled back, or neither.

use std::time::Duration;

use herbarium_loadgen::canary::{CanaryOptions, CanaryReport, Decision, canary};
use herbarium_loadgen::scenario::ServerSpec;
use herbarium_loadgen::{Stop, Target};

use crate::servers::{GOOD, Manner, Server, options, scenario};

const LOAD: &str = "load = { spacing = \"even\" }\nstage = [{ hold = 400, for = \"300ms\" }]";

fn quick() -> CanaryOptions {
    // Times are compared on a machine on which anything may run beside.
    CanaryOptions { least_requests: 1, times: 1e9, run: options(), ..CanaryOptions::default() }
}

fn walk(candidate: &str, options: &CanaryOptions) -> CanaryReport {
    let baseline = Server::start(Manner::Says(GOOD));
    let [baseline, candidate] = [&baseline.url, candidate].map(|url| Target::parse(url).unwrap());
    canary(&scenario(LOAD), &baseline, &candidate, options, &Stop::new(), &mut ()).unwrap()
}

fn check(candidate: &str, options: &CanaryOptions, decision: Decision, word: &str) {
    let report = walk(candidate, options);
    let step = report.steps.last().unwrap();
    assert_eq!(report.decision, decision, "{step:?}");
    assert!(step.reasons.iter().any(|reason| reason.contains(word)), "{word}: {step:?}");
    assert_eq!(report.steps.len(), 1);
}

#[test]
fn a_candidate_as_good_as_the_baseline_is_promoted_step_by_step() {
    let report = walk(&Server::start(Manner::Says(GOOD)).url, &quick());
    assert_eq!(report.decision, Decision::Promote, "{report:?}");
    let requests: Vec<u64> = report.steps.iter().map(|step| step.requests).collect();
    assert_eq!(requests, [6, 30, 60, 120]);
}

#[test]
fn each_trigger_rolls_a_candidate_back() {
    let broken = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";
    check(&Server::start(Manner::Says(broken)).url, &quick(), Decision::Rollback, "errors");
    let slow = Server::start(Manner::Slow(Duration::from_millis(400)));
    let twice = CanaryOptions { times: 2.0, ..quick() };
    check(&slow.url, &twice, Decision::Rollback, "p99");
    let own = ServerSpec { pid: Some(std::process::id()), metrics: None };
    let fat = CanaryOptions { candidate: own, memory_limit: Some(1e6), ..quick() };
    check(&Server::start(Manner::Says(GOOD)).url, &fat, Decision::Rollback, "memory");
    check(&Server::gone(), &quick(), Decision::Rollback, "reached");
}

#[test]
fn too_few_requests_decide_nothing() {
    let options = CanaryOptions { least_requests: 100, ..quick() };
    check(&Server::start(Manner::Says(GOOD)).url, &options, Decision::Inconclusive, "fewer");
}

#[test]
fn a_generator_that_was_too_slow_decides_nothing() {
    let server = Server::start(Manner::Says(GOOD));
    let mut scenario = scenario(LOAD);
    scenario.honesty.cpu = 0.0;
    let target = Target::parse(&server.url).unwrap();
    let report = canary(&scenario, &target, &target, &quick(), &Stop::new(), &mut ()).unwrap();
    assert_eq!(report.decision, Decision::Inconclusive);
    assert_eq!(report.decision.exit_code(), 3);
}
