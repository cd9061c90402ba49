//! A run for each verdict.

use herbarium_loadgen::scenario::HonestySpec;
use herbarium_loadgen::{Options, Report, RunError, Span, Stop, Target, Verdict, View, Watch, run};

use crate::servers::{GOOD, Manner, Server, options, outcome, report, scenario};

const SHORT: &str = "
    load = { spacing = \"even\" }
    stage = [{ hold = 100, for = \"300ms\" }]
";

fn with_gate(gate: &str) -> Report {
    let server = Server::start(Manner::Says(GOOD));
    report(&scenario(&format!("{SHORT}\n[[gate]]\n{gate}")), &server.url)
}

fn check(report: &Report, verdict: Verdict, code: u8) {
    assert_eq!((report.verdict, report.exit_code), (verdict, code));
    assert_eq!(verdict.exit_code(), code);
}

#[test]
fn a_kept_gate_is_a_pass() {
    check(&with_gate("metric = \"errors\"\nbelow = 0.01"), Verdict::Pass, 0);
}

#[test]
fn a_broken_gate_is_a_fail() {
    check(&with_gate("metric = \"response\"\nbelow = \"1ns\""), Verdict::Fail, 2);
}

#[test]
fn a_gate_that_cannot_be_measured_makes_a_run_invalid() {
    check(&with_gate("metric = \"memory-slope\"\nbelow = 1"), Verdict::Invalid, 3);
}

#[test]
fn each_limit_of_the_generator_makes_a_run_invalid() {
    let server = Server::start(Manner::Says(GOOD));
    let unlimited = HonestySpec::UNLIMITED;
    let none = Span::from(std::time::Duration::ZERO);
    let mut scenario = scenario(SHORT);
    for (honesty, name) in [
        (HonestySpec { lag_p99: none, ..unlimited }, "lag_p99"),
        (HonestySpec { late_after: none, late_or_dropped: 0.0, ..unlimited }, "late_or_dropped"),
        (HonestySpec { cpu: 0.0, ..unlimited }, "cpu"),
    ] {
        scenario.honesty = honesty;
        let report = report(&scenario, &server.url);
        check(&report, Verdict::Invalid, 3);
        let broken: Vec<&str> =
            report.honesty.limits.iter().filter(|it| !it.kept).map(|it| it.name.as_str()).collect();
        assert_eq!(broken, [name]);
    }
}

/// Pressure is the machine's: a figure is given, not made.
#[test]
fn a_starved_machine_makes_a_run_invalid() {
    let server = Server::start(Manner::Says(GOOD));
    let mut scenario = scenario(SHORT);
    scenario.honesty.host_pressure = 0.6;
    let mut outcome = outcome(&scenario, &server.url);
    for (pressure, verdict) in
        [(Some(0.7), Verdict::Invalid), (Some(0.5), Verdict::Pass), (None, Verdict::Pass)]
    {
        outcome.pressure = pressure;
        assert_eq!(Report::new(&scenario, &server.url, &outcome).verdict, verdict);
    }
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let target = Target::parse(&Server::gone()).unwrap();
    let ended = run(&scenario(SHORT), &target, &options(), &Stop::new(), &mut ());
    assert!(matches!(ended, Err(RunError::Unreachable { .. })), "{ended:?}");
}

/// Ends the run after the first interval.
struct Impatient(Stop);

impl Watch for Impatient {
    fn interval(&mut self, _view: &View<'_>) {
        self.0.set();
    }
}

#[test]
fn a_run_that_is_ended_early_reports_what_it_did() {
    let server = Server::start(Manner::Says(GOOD));
    for load in ["hold = 100", "users = 3"] {
        let mode = if load.starts_with('u') { "closed" } else { "open" };
        let toml = format!("load = {{ mode = \"{mode}\" }}\nstage = [{{ {load}, for = \"1h\" }}]");
        let scenario = scenario(&toml);
        let target = Target::parse(&server.url).unwrap();
        let stop = Stop::new();
        let mut watch = Impatient(stop.clone());
        let outcome = run(&scenario, &target, &options(), &stop, &mut watch).unwrap();
        assert!(outcome.elapsed.as_secs() < 30);
        let report = Report::new(&scenario, target.url(), &outcome);
        check(&report, Verdict::Interrupted, 130);
        assert!(report.whole.requests > 0);
    }
}

#[test]
fn no_run_exceeds_a_cap() {
    let server = Server::start(Manner::Says(GOOD));
    let target = Target::parse(&server.url).unwrap();
    let with = |change: &dyn Fn(&mut Options), toml: &str| {
        let mut options = options();
        change(&mut options);
        run(&scenario(toml), &target, &options, &Stop::new(), &mut ())
    };
    let refused = |change: &dyn Fn(&mut Options)| {
        assert!(matches!(with(change, SHORT), Err(RunError::Cap { .. })));
    };
    refused(&|options| options.caps.requests = 29);
    refused(&|options| options.caps.time = Span::millis(299));
    refused(&|options| options.caps.connections = 9);
    let closed = "load = { mode = \"closed\" }\nstage = [{ users = 2, for = \"1h\" }]";
    let ended = with(&|options| options.caps.requests = 100, closed).unwrap();
    assert!(ended.whole.due == 100 && !ended.interrupted);
    assert!(ended.notes.iter().any(|note| note.contains("cap")), "{:?}", ended.notes);
}
