//! Differences are told from chance.

use herbarium_loadgen::compare::{Change, CompareError, CompareOptions, compare};
use herbarium_loadgen::outcome::Fault;
use herbarium_loadgen::record::{Recorder, Sample, Tally};
use herbarium_loadgen::timeline::{Slot, Timeline};
use herbarium_loadgen::{Outcome, Random, Report, Scenario, Verdict, output};
use std::time::{Duration, SystemTime};

/// A report of a run that never was: 60 seconds with times around `millis`.
pub(crate) fn made_up(millis: f64, seed: u64, fault: Option<Fault>) -> Report {
    let toml = "name = \"x\"\n[[stage]]\nhold = 100\nfor = \"60s\"";
    let scenario = Scenario::from_toml(toml).unwrap();
    let mut random = Random::new(seed);
    let mut recorder = Recorder::new(Duration::from_secs(1));
    let mut timeline = Timeline::new(Duration::from_secs(1));
    let mut whole = Tally::default();
    for index in 0..60 {
        for _ in 0..100 {
            let time = Duration::from_secs_f64(millis / 1e3 * (0.5 + random.exponential()));
            recorder.record(&Sample {
                stage: 0,
                flow: 0,
                response: time,
                service: Some(time),
                wait: Duration::ZERO,
                lag: Duration::ZERO,
                status: 200,
                fault: fault.filter(|_| random.unit() < 0.1),
                bytes: 1,
            });
            recorder.counters().due += 1;
        }
        let tally = recorder.take(index, None);
        timeline.push(Slot::of(&tally));
        whole.merge(&tally);
    }
    let outcome = Outcome {
        whole,
        timeline,
        stages: scenario.stages().unwrap(),
        started: SystemTime::UNIX_EPOCH,
        elapsed: Duration::from_secs(60),
        interrupted: false,
        server: Vec::new(),
        cpu: 0.1,
        cpu_seconds: 6.0,
        pressure: Some(0.0),
        workers: 1,
        lost: 0,
        notes: Vec::new(),
    };
    Report::new(&scenario, "http://127.0.0.1", &outcome)
}

fn change(before: &Report, after: &Report, name: &str) -> Change {
    let comparison = compare(before, after, &CompareOptions::default()).unwrap();
    comparison.rows.iter().find(|row| row.name == name).unwrap().change
}

#[test]
fn a_run_beside_its_like_is_the_same() {
    let before = made_up(10.0, 1, None);
    assert_eq!(change(&before, &before, "p99"), Change::Same);
    // At 95%, one in twenty is wrong: of 20, that more than 5 are is one in 3,000.
    let differ = |seed: &u64| {
        let (before, after) = (made_up(10.0, *seed, None), made_up(10.0, seed + 1_000, None));
        change(&before, &after, "p50") != Change::Same
    };
    let wrong = (2..22).filter(differ).count();
    assert!(wrong <= 5, "{wrong}");
}

#[test]
fn slower_is_higher_and_faster_is_lower() {
    let before = made_up(10.0, 1, None);
    let slower = made_up(12.0, 2, None);
    for percentile in ["p50", "p90", "p99"] {
        assert_eq!(change(&before, &slower, percentile), Change::Higher, "{percentile}");
        assert_eq!(change(&slower, &before, percentile), Change::Lower, "{percentile}");
    }
    let comparison = compare(&before, &slower, &CompareOptions::default()).unwrap();
    let row = &comparison.rows[0];
    let interval = row.interval.unwrap();
    assert!(
        (row.ratio - 1.2).abs() < 0.05 && interval.low < row.ratio && row.ratio < interval.high
    );
}

#[test]
fn runs_that_are_not_of_a_kind_are_refused_unless_forced() {
    let before = made_up(10.0, 1, None);
    let changes: [fn(&mut Report); 3] = [
        |report| report.version = "0.0.1".to_owned(),
        |report| report.host_fingerprint = "other".to_owned(),
        |report| report.scenario_fingerprint = "other".to_owned(),
    ];
    let force = CompareOptions { force: true, ..CompareOptions::default() };
    for change in changes {
        let mut after = made_up(10.0, 2, None);
        change(&mut after);
        let refused = compare(&before, &after, &CompareOptions::default());
        assert!(matches!(refused, Err(CompareError::Different { .. })), "{refused:?}");
        assert_eq!(compare(&before, &after, &force).unwrap().differences.len(), 1);
    }
    let mut invalid = made_up(10.0, 2, None);
    invalid.honesty.valid = false;
    let refused = compare(&before, &invalid, &CompareOptions::default());
    assert!(matches!(refused, Err(CompareError::Invalid { .. })), "{refused:?}");
}

#[test]
fn a_report_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let report = made_up(10.0, 1, Some(Fault::Status5xx));
    report.write(&path).unwrap();
    assert_eq!(Report::read(&path).unwrap().to_json(), report.to_json());
    let text = std::fs::read_to_string(&path).unwrap();
    for (wrong, word) in [
        (text.replacen("\"schema\": 1", "\"schema\": 2", 1), "schema is 2"),
        ("{}".to_owned(), "no report"),
        (text[..text.len() / 2].to_owned(), "no report"),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = Report::read(&path).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn every_other_shape_of_a_report_says_the_same() {
    let mut report = made_up(10.0, 1, Some(Fault::Status5xx));
    report.scenario.name = "<a & \"b\" | c>".to_owned();
    let gate = |passed, objective: &str| herbarium_loadgen::report::GateResult {
        objective: objective.to_owned(),
        measured: "1 < 2".to_owned(),
        value: Some(1.0),
        passed,
    };
    report.gates = vec![gate(Some(true), "one"), gate(Some(false), "two"), gate(None, "three")];
    let csv = output::csv(&report);
    assert_eq!(csv.lines().count(), 61);
    let columns = csv.lines().map(|line| line.split(',').count());
    assert!(columns.into_iter().all(|count| count == 18), "{csv}");
    let log = output::hlog(&report);
    let lines = log.lines().filter(|line| !line.starts_with(['#', '"']));
    let times = lines
        .map(|line| herbarium_loadgen::record::Times::from_base64(line.split(',').nth(3).unwrap()));
    assert_eq!(times.map(|times| times.unwrap().count()).sum::<u64>(), report.whole.response.count);
    let junit = output::junit(&report);
    assert!(junit.contains("tests=\"4\" failures=\"1\" errors=\"1\""), "{junit}");
    assert!(junit.contains("&lt;a &amp; &quot;b&quot; | c&gt;"), "{junit}");
    let markdown = output::markdown(&report);
    assert!(markdown.contains("| two | 1 &lt; 2 | **fail** |"), "{markdown}");
    let html = output::html(&report);
    assert!(html.contains("&lt;a &amp; &quot;b&quot; | c&gt;") && !html.contains("<a &"));
    assert!(html.matches("<svg viewBox=\"0 0 760").count() >= 6);
    for other_place in ["http://www", "https://", "<script", "<link", "@import", "url("] {
        assert!(!html.contains(other_place), "{other_place}");
    }
}

#[test]
fn runs_that_were_ended_early_or_found_no_server_are_refused() {
    let before = made_up(10.0, 1, None);
    for verdict in [Verdict::Interrupted, Verdict::Unreachable] {
        let after = Report { verdict, ..made_up(10.0, 2, None) };
        let refused = compare(&before, &after, &CompareOptions::default()).unwrap_err();
        assert!(refused.to_string().contains(&verdict.to_string()), "{refused}");
        let force = CompareOptions { force: true, ..CompareOptions::default() };
        assert!(compare(&before, &after, &force).is_ok());
    }
}
