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

/// A gate on times has no figure where nothing is answered; that is no excuse.
#[test]
fn a_broken_gate_weighs_more_than_one_that_cannot_be_measured() {
    let server = Server::start(Manner::Resets);
    let gates =
        "gate = [{ metric = \"errors\", below = 0.5 }, { metric = \"response\", below = \"1h\" }]";
    let report = report(&scenario(&format!("{SHORT}\n{gates}")), &server.url);
    let passed: Vec<_> = report.gates.iter().map(|gate| gate.passed).collect();
    assert_eq!(passed, [Some(false), None]);
    check(&report, Verdict::Fail, 2);
}

/// The server takes connections and says nothing, so TLS is never agreed upon.
#[test]
fn a_run_can_be_ended_before_it_began() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (target, stop) = (Target::parse(&url).unwrap(), Stop::new());
    stop.set();
    let ended = run(&scenario(SHORT), &target, &options(), &stop, &mut ());
    assert!(matches!(ended, Err(RunError::Stopped)), "{ended:?}");
}

/// Ends the run when so many arrivals came due.
struct Enough(Stop, u64);

impl Watch for Enough {
    fn interval(&mut self, view: &View<'_>) {
        if view.whole.due >= self.1 {
            self.0.set();
        }
    }
}

/// The end is for all of them at once, not for one after the other.
#[test]
fn hundreds_of_requests_without_an_answer_do_not_delay_the_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    let toml = "target = { timeout = \"1h\" }\nconnections = { count = 1, max = 800 }
        stage = [{ burst = { size = 800, every = \"2h\" }, for = \"1h\" }]";
    let (target, stop) = (Target::parse(&url).unwrap(), Stop::new());
    let options = Options { workers: Some(1), ..options() };
    let mut watch = Enough(stop.clone(), 800);
    let outcome = run(&scenario(toml), &target, &options, &stop, &mut watch).unwrap();
    assert_eq!(outcome.whole.due, 800);
    // A look at each would take 20 s.
    assert!(outcome.elapsed.as_secs() < 12, "{:?}", outcome.elapsed);
}

#[test]
fn at_a_cap_rates_are_those_of_the_time_that_was_run() {
    let server = Server::start(Manner::Says(GOOD));
    let target = Target::parse(&server.url).unwrap();
    let scenario = scenario("load = { mode = \"closed\" }\nstage = [{ users = 2, for = \"1h\" }]");
    let mut options = options();
    options.caps.requests = 100;
    let outcome = run(&scenario, &target, &options, &Stop::new(), &mut ()).unwrap();
    let report = Report::new(&scenario, target.url(), &outcome);
    assert!((report.steady.rate / report.whole.rate - 1.0).abs() < 0.01, "{}", report.steady.rate);
}

#[test]
fn what_is_under_way_at_a_cap_comes_to_its_end() {
    let server = Server::start(Manner::Slow(std::time::Duration::from_secs(3)));
    let target = Target::parse(&server.url).unwrap();
    let closed = "load = { mode = \"closed\" }\nstage = [{ users = 4, for = \"1h\" }]";
    let mut options = options();
    options.caps.requests = 4;
    let outcome = run(&scenario(closed), &target, &options, &Stop::new(), &mut ()).unwrap();
    assert_eq!((outcome.whole.due, outcome.whole.requests()), (4, 4));
}
