//! Scenarios are read, sized, and held against Little's law.

use std::time::Duration;

use herbarium_loadgen::scenario::{Role, ScenarioError};
use herbarium_loadgen::{Scenario, Span};
use proptest::prelude::*;

fn read(toml: &str) -> Result<Scenario, ScenarioError> {
    Scenario::from_toml(&format!("name = \"x\"\n{toml}"))
}

const STAGE: &str = "\n[[stage]]\nhold = 50\nfor = \"10s\"\n";

#[test]
fn what_makes_no_sense_is_refused_and_named() {
    let check = |toml: &str, word: &str| {
        let error = read(toml).expect_err(toml);
        let mut text = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            text = format!("{text} {cause}");
        }
        assert!(text.contains(word), "{toml}: {text}");
    };
    check("", "[[stage]]");
    check("schema = 2\n[[stage]]\nhold = 1\nfor = \"1s\"", "schema");
    check("[[stage]]\nhold = 1", "stage 1.for");
    check("[[stage]]\nfor = \"1s\"", "exactly one of");
    check("[[stage]]\nhold = 1\nramp = { from = 1, to = 2 }\nfor = \"1s\"", "exactly one of");
    check("[[stage]]\nusers = 1\nfor = \"1s\"", "closed mode");
    check("load = { mode = \"closed\" }\n[[stage]]\nhold = 1\nfor = \"1s\"", "closed");
    check("[[stage]]\nhold = -1\nfor = \"1s\"", "stage 1.hold");
    check("[[stage]]\nhold = 1e99\nfor = \"1s\"", "stage 1.hold");
    check("[[stage]]\nhold = nan\nfor = \"1s\"", "stage 1.hold");
    check("[[stage]]\nsteps = { from = 1, to = 2, count = 0 }\nfor = \"1s\"", "stage 1");
    check("[[stage]]\nburst = { size = 1, every = \"0s\" }\nfor = \"1s\"", "burst.every");
    check("[[stage]]\nhold = 1\nfor = \"soon\"", "soon");
    check("[[stage]]\nhold = 1\nfor = \"1s\"\nlong = 3", "long");
    check(&format!("{STAGE}[[flow]]\npath = \"x\""), "path");
    check(&format!("{STAGE}[[flow]]\nmethod = \"get\""), "method");
    check(&format!("{STAGE}[[flow]]\nweight = 0"), "weight");
    check(&format!("{STAGE}[target]\ntimeout = \"0s\""), "timeout");
    check(&format!("{STAGE}[honesty]\ncpu = -1"), "honesty.cpu");
}

#[test]
fn a_size_keeps_proportions() {
    let scenario = read(
        "load = { users = 100 }\nsizes = { ci = { scale = 0.1, length = \"3s\" } }
         [[stage]]\nhold = 50\nfor = \"10s\"
         [[stage]]\nsteps = { from = 100, to = 200, count = 2 }\nfor = \"20s\"",
    )
    .unwrap();
    let sized = scenario.in_size("ci").unwrap();
    assert_eq!(sized.length(), Duration::from_secs(3));
    assert_eq!(sized.connections(), 10);
    let stages = sized.stages().unwrap();
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["stage 1", "stage 2 1/2", "stage 2 2/2"]);
    assert!(stages.iter().all(|stage| stage.length == Duration::from_secs(1)));
    assert_eq!(stages[2].role, Role::Climb);
    assert_eq!(sized.schedule().unwrap().expected().round(), 5.0 + 10.0 + 20.0);
    assert_eq!(scenario.in_size("full").unwrap(), scenario);
    assert!(scenario.in_size("huge").is_err());
    assert_ne!(scenario.fingerprint(), sized.fingerprint());
}

#[test]
fn users_think_time_and_rate_must_agree() {
    let check = |users: u32, think: &str, agrees: bool| {
        let scenario = read(&format!("load = {{ users = {users}, think = \"{think}\" }}{STAGE}"));
        assert_eq!(scenario.unwrap().contradictions().is_empty(), agrees, "{users} {think}");
    };
    check(500, "10s", true);
    check(550, "10s", true);
    check(500, "5s", false);
    check(100, "10s", false);
}

#[test]
fn what_is_written_in_a_report_is_read_as_the_same_scenario() {
    let scenario = read(
        "[[stage]]\nspike = { base = 1, peak = 2, after = \"1s\", hold = \"2s\" }\nfor = \"9s\"
         [[flow]]\nkeys = { count = 5, popularity = { zipf = { exponent = 1.5 } } }
         [[gate]]\nmetric = \"errors\"\nwindow = \"worst 10s\"\nbelow = 0.5\nclass = [\"status5xx\"]",
    )
    .unwrap();
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z0-9\\[\\]=\"{}., \n]{0,300}") {
        let _ = Scenario::from_toml(&text);
        let _ = text.parse::<Span>();
    }
}

#[test]
fn a_replay_is_scaled_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..100).map(|at| format!("{}", f64::from(at) / 100.0)).collect();
    std::fs::write(folder.path().join("trace.csv"), lines.join("\n")).unwrap();
    let toml = "name = \"x\"\nstage = [{ replay = { file = \"trace.csv\" }, for = \"1s\" }]";
    let mut scenario = Scenario::from_toml(toml).unwrap();
    scenario.folder = folder.path().to_owned();
    for (scale, arrivals) in [(1.0, 100), (0.1, 10), (0.25, 25), (2.5, 250)] {
        let scaled = scenario.sized(scale, None).schedule().unwrap();
        assert_eq!(scaled.arrivals().count(), arrivals, "{scale}");
    }
}
