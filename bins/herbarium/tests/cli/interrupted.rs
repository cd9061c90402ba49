//! The end of a run before its time: by Ctrl-C, or with no warning.

#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, Ran, check_values};

const FILES: u64 = 80;

/// Enough to be in the middle of for a while, even on a fast machine.
fn large_project() -> Bed {
    let bed = Bed::new();
    for number in 0..FILES {
        bed.write(format!("src/f{number}.rs"), source(number));
    }
    bed
}

/// No two files alike, nor two functions in a row.
fn source(seed: u64) -> String {
    let bodies =
        ["a", "a + 1", "f(a, &[b, 1])", "if a > b { a } else { b }", "match a { 0 => b, _ => a }"];
    let mut state = seed;
    let mut body = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bodies[(state >> 33) as usize % bodies.len()]
    };
    (0..1_500)
        .map(|number| format!("fn f{number}(a: u32, b: u32) -> u32 {{ {} }}\n", body()))
        .collect()
}

fn send(signal: &str, process: u32) {
    let status = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until a run has begun to write trees.
fn wait_for_trees(bed: &Bed) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let written = || {
        let files = std::fs::read_dir(bed.store().join("segments")).into_iter().flatten();
        files.flatten().any(|file| file.metadata().is_ok_and(|of| of.len() > 20_000))
    };
    while !written() {
        assert!(Instant::now() < deadline, "no tree was written in a minute");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_run_stops_in_good_order_and_keeps_what_it_has() {
    let bed = large_project();
    let mut command = bed.command(["index", "--json", "--workers", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_trees(&bed);
    send("-INT", child.id());
    let ran = Ran::from_output("index".into(), child.wait_with_output().unwrap()).code(130);
    let report = ran.json();
    assert_eq!(report["cancelled"], true);
    let new = report["trees_new"].as_u64().unwrap();
    assert!((1..FILES).contains(&new), "{new} trees");

    let rest = bed.json(["index", "--json"]);
    check_values(
        &rest,
        &[("files", json!(FILES)), ("errors", json!(0)), ("cancelled", Value::Bool(false))],
    );
    let parses = rest["parses"].as_u64().unwrap();
    assert!(parses <= FILES - new, "{parses} parses after {new} trees");
    bed.run(["verify"]).code(0);
}

#[test]
fn a_run_that_is_killed_keeps_what_it_has() {
    let bed = large_project();
    // Another language with samples of its own: the first is stored before.
    for number in 0..FILES {
        bed.write(format!("web/f{number}.js"), source(number).replace("fn ", "function "));
    }
    let mut command = bed.command(["index", "--json", "--workers", "1"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_trees(&bed);
    send("-KILL", child.id());
    child.wait().unwrap();

    bed.run(["verify"]).code(0);
    let rest = bed.json(["index", "--json"]);
    check_values(&rest, &[("files", json!(2 * FILES)), ("errors", json!(0))]);
    let (reused, parses) =
        (rest["trees_reused"].as_u64().unwrap(), rest["parses"].as_u64().unwrap());
    assert!(reused > 0 && parses == 2 * FILES - reused, "{reused} reused, {parses} parses");
    bed.run(["verify"]).code(0);
}
