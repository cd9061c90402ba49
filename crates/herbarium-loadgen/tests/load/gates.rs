//! Each kind of gate passes and fails where it should.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use herbarium_loadgen::gate::{Bound, GateSpec, Metric, Window};
use herbarium_loadgen::{Report, Scenario, ServerSample, Span};

use crate::servers::{GOOD, Manner, Server, report, scenario};

/// Answers after 20 ms, 100 requests a second for half a second.
fn slow_report(extra: &str) -> Report {
    let server = Server::start(Manner::Slow(Duration::from_millis(20)));
    report(&scenario(&format!("{}\n{extra}", STAGES)), &server.url)
}

const STAGES: &str = "
    load = { spacing = \"even\" }
    stage = [
        { name = \"one\", hold = 100, for = \"500ms\" },
        { name = \"up\", steps = { from = 50, to = 100, count = 2 }, for = \"400ms\" },
        { name = \"after\", role = \"recovery\", hold = 100, for = \"300ms\" },
    ]
    flow = [{ name = \"a\", weight = 3 }, { name = \"b\", path = \"/b\" }]
";

/// The gate under both limits: the one that the server keeps, and one that it
/// cannot.
fn check(
    report: &Report,
    gate: &GateSpec,
    kept: (Option<Bound>, Option<Bound>),
    broken: (Option<Bound>, Option<Bound>),
) {
    for ((below, above), passes) in [(kept, true), (broken, false)] {
        let gate = GateSpec { below, above, ..gate.clone() };
        let mut judged = report.clone();
        judged.scenario.gates = vec![gate.clone()];
        let result = herbarium_loadgen::judge::result(&judged, &gate);
        assert_eq!(result.passed, Some(passes), "{}: {}", result.objective, result.measured);
    }
}

fn below(bound: Bound) -> (Option<Bound>, Option<Bound>) {
    (Some(bound), None)
}

fn above(bound: Bound) -> (Option<Bound>, Option<Bound>) {
    (None, Some(bound))
}

fn millis(millis: u64) -> Bound {
    Bound::Time(Span::millis(millis))
}

#[test]
fn gates_on_times_and_counts_pass_and_fail() {
    let report = slow_report("");
    let hour = Bound::Time(Span::secs(3600));
    let response = GateSpec::on(Metric::Response);
    for window in [Window::Whole, Window::Steady, Window::Worst(Span::millis(200))] {
        for percentile in [50.0, 99.0, 100.0] {
            let gate = GateSpec { window, percentile: Some(percentile), ..response.clone() };
            check(&report, &gate, below(hour), below(millis(20)));
            check(&report, &gate, above(millis(19)), above(hour));
        }
    }
    check(
        &report,
        &GateSpec { flow: Some("b".into()), ..response.clone() },
        below(hour),
        below(millis(20)),
    );
    check(
        &report,
        &GateSpec { stage: Some("up 2/2".into()), ..response },
        below(hour),
        below(millis(20)),
    );
    check(&report, &GateSpec::on(Metric::Service), below(hour), below(millis(20)));
    let none = Bound::Time(Span::from(Duration::ZERO));
    for metric in [Metric::Wait, Metric::Lag, Metric::Connect] {
        check(
            &report,
            &GateSpec { window: Window::Whole, ..GateSpec::on(metric) },
            below(hour),
            below(none),
        );
    }
    let number = Bound::Number;
    check(&report, &GateSpec::on(Metric::Errors), below(number(0.001)), above(number(0.0)));
    check(&report, &GateSpec::on(Metric::Rate), above(number(99.0)), above(number(140.0)));
    check(&report, &GateSpec::on(Metric::Delivered), above(number(0.99)), below(number(0.99)));
    check(&report, &GateSpec::on(Metric::P99Drift), below(number(1e6)), below(number(1e-6)));
    check(&report, &GateSpec::on(Metric::Scaling), above(number(0.5)), above(number(1.5)));
}

#[test]
fn gates_on_knee_and_recovery_pass_and_fail() {
    let calm = slow_report("knee = { p99 = \"1h\" }");
    assert_eq!(calm.knee.as_ref().and_then(|knee| knee.beyond.clone()), None);
    check(
        &calm,
        &GateSpec::on(Metric::Knee),
        above(Bound::Number(90.0)),
        above(Bound::Number(500.0)),
    );
    check(&calm, &GateSpec::on(Metric::Recovery), below(millis(1)), above(millis(1)));
    let strict = slow_report("knee = { p99 = \"10ms\" }");
    assert_eq!(strict.knee.as_ref().and_then(|knee| knee.beyond.clone()).unwrap(), "up 1/2");
    check(
        &strict,
        &GateSpec::on(Metric::Knee),
        below(Bound::Number(1.0)),
        above(Bound::Number(1.0)),
    );
    assert_eq!(strict.recovery.as_ref().unwrap().seconds, None);
    check(&strict, &GateSpec::on(Metric::Recovery), above(millis(1)), below(millis(100_000)));
}

#[test]
fn gates_on_the_server_pass_and_fail() {
    let mut report = slow_report("");
    let sample = |at: u32| ServerSample {
        at: f64::from(at) * 60.0,
        memory: Some(1e8 + 1e6 * f64::from(at)),
        cpu: Some(f64::from(at)),
        descriptors: Some(10.0 + f64::from(at / 50)),
    };
    report.server = (0..=100).map(sample).collect();
    let number = Bound::Number;
    // 60 MB an hour, of 150 MB.
    check(&report, &GateSpec::on(Metric::MemorySlope), below(number(0.41)), below(number(0.39)));
    check(&report, &GateSpec::on(Metric::MemoryGrowth), below(number(2.01)), below(number(1.99)));
    check(&report, &GateSpec::on(Metric::Descriptors), below(number(2.5)), below(number(1.5)));
}

#[test]
fn what_cannot_be_measured_neither_passes_nor_fails() {
    let report = slow_report("");
    for metric in [Metric::MemorySlope, Metric::MemoryGrowth, Metric::Descriptors] {
        let gate = GateSpec { below: Some(Bound::Number(1.0)), ..GateSpec::on(metric) };
        assert_eq!(herbarium_loadgen::judge::result(&report, &gate).passed, None);
    }
    let gate = GateSpec { flow: Some("nobody".into()), ..GateSpec::on(Metric::Response) };
    let gate = gate.below(Duration::from_secs(1));
    assert_eq!(herbarium_loadgen::judge::result(&report, &gate).passed, None);
}

#[test]
fn a_gate_against_a_baseline_passes_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = slow_report("");
    report.write(&folder.path().join("before.json")).unwrap();
    report.scenario.folder = folder.path().to_owned();
    for (times, passes) in [(1.0, true), (0.9, false)] {
        let gate = GateSpec {
            baseline: Some("before.json".into()),
            at_most: Some(times),
            ..GateSpec::on(Metric::Response)
        };
        assert_eq!(herbarium_loadgen::judge::result(&report, &gate).passed, Some(passes));
        let lost = GateSpec { baseline: Some("lost.json".into()), ..gate };
        assert_eq!(herbarium_loadgen::judge::result(&report, &lost).passed, None);
    }
}

/// A Prometheus that knows one answer.
fn prometheus(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 2048];
            let read = stream.read(&mut head).unwrap_or(0);
            let asked = String::from_utf8_lossy(&head[..read]).into_owned();
            assert!(asked.starts_with("GET /api/v1/query?query=max%28up%29 HTTP/1.0"), "{asked}");
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}");
        }
    });
    url
}

#[test]
fn a_query_to_prometheus_passes_fails_or_is_unknown() {
    let report = slow_report("");
    let check = |body, passed| {
        let gate = GateSpec {
            prometheus: Some(prometheus(body)),
            query: Some("max(up)".into()),
            below: Some(Bound::Number(3.0)),
            ..GateSpec::on(Metric::Prometheus)
        };
        let result = herbarium_loadgen::judge::result(&report, &gate);
        assert_eq!(result.passed, passed, "{}", result.measured);
    };
    let one = r#"{"data":{"resultType":"vector","result":[{"value":[1,"2.5"]}]}}"#;
    check(one, Some(true));
    check(r#"{"data":{"resultType":"scalar","result":[1,"4"]}}"#, Some(false));
    check(r#"{"data":{"resultType":"vector","result":[]}}"#, None);
    check(r#"{"data":{"resultType":"vector","result":[{"value":[1,"NaN"]}]}}"#, None);
    check(
        r#"{"data":{"resultType":"vector","result":[{"value":[1,"1"]},{"value":[1,"1"]}]}}"#,
        None,
    );
    check("gateway gone", None);
}

#[test]
fn gates_that_make_no_sense_are_refused() {
    for gate in [
        "metric = \"response\"",
        "metric = \"response\"\nbelow = 3",
        "metric = \"errors\"\nbelow = \"3s\"",
        "metric = \"response\"\nbelow = \"3s\"\npercentile = 101",
        "metric = \"response\"\nbaseline = \"x.json\"",
        "metric = \"prometheus\"\nbelow = 3",
        "metric = \"errors\"\nbelow = 3\nquery = \"up\"",
        "metric = \"lag\"\nbelow = \"3s\"\nwindow = \"worst 3s\"",
        "metric = \"response\"\nbelow = \"3s\"\nwindow = \"best 3s\"",
        "metric = \"happiness\"\nabove = 3",
        "metric = \"errors\"\nbelow = 3\nclass = [\"bad\"]",
    ] {
        let toml = format!("name = \"x\"\n[[stage]]\nhold = 1\nfor = \"1s\"\n[[gate]]\n{gate}");
        assert!(Scenario::from_toml(&toml).is_err(), "{gate}");
    }
}

/// Connections are opened in the warm-up: they are no leak.
#[test]
fn the_server_is_judged_by_its_steady_part() {
    let server = Server::start(Manner::Says(GOOD));
    let stages = "stage = [
        { name = \"up\", role = \"warmup\", hold = 20, for = \"200ms\" },
        { name = \"steady\", hold = 20, for = \"200ms\" },
    ]";
    let mut report = report(&scenario(stages), &server.url);
    let sample = |(at, open): (f64, f64)| ServerSample {
        at,
        memory: Some(open * 1e6),
        cpu: None,
        descriptors: Some(open),
    };
    report.server = [(0.0, 10.0), (0.25, 510.0), (0.35, 511.0), (0.5, 10.0)].map(sample).to_vec();
    let number = Bound::Number;
    check(&report, &GateSpec::on(Metric::Descriptors), below(number(2.0)), below(number(1.0)));
    check(&report, &GateSpec::on(Metric::MemoryGrowth), below(number(1.1)), below(number(1.0)));
}

#[test]
fn gates_that_no_run_could_measure_are_known_before_it() {
    let check = |gate: &str, word: Option<&str>| {
        let toml = format!("{STAGES}\n[[gate]]\n{gate}\n[server]\npid = 0");
        let mut scenario = scenario(&toml);
        if gate.contains("memory-growth") {
            scenario.server.pid = None;
        }
        let found = scenario.unmeasurable().concat();
        assert_eq!(found.is_empty(), word.is_none(), "{found}");
        assert!(found.contains(word.unwrap_or_default()), "{found}");
    };
    let time = "metric = \"response\"\nbelow = \"1s\"";
    check(time, None);
    check(&format!("{time}\nstage = \"up 2/2\"\nflow = \"b\""), None);
    check(&format!("{time}\nstage = \"down\""), Some("no stage `down`"));
    check(&format!("{time}\nflow = \"c\""), Some("no flow `c`"));
    check(&format!("{time}\nbaseline = \"lost.json\"\nat_most = 2"), Some("lost.json"));
    check("metric = \"knee\"\nabove = 1", None);
    check("metric = \"recovery\"\nbelow = \"1s\"", None);
    check("metric = \"memory-growth\"\nbelow = 1", Some("--server-pid"));
    check("metric = \"descriptors\"\nbelow = 1", Some("no process 0"));
    let plain = Scenario::from_toml(
        "name = \"x\"\nstage = [{ hold = 1, for = \"1s\" }]
        gate = [{ metric = \"knee\", above = 1 }, { metric = \"recovery\", below = \"1s\" }]",
    );
    assert_eq!(plain.unwrap().unmeasurable().len(), 2);
}
