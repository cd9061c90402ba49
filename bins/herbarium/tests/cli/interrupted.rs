//! Ctrl-C in the middle of a run.

#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, Ran, check_values};

/// Enough to be in the middle of for a while, even on a fast machine.
fn large_project() -> Bed {
    let bed = Bed::new();
    let function = |number| {
        format!("fn f{number}(a: u32) -> u32 {{ if a > {number} {{ a }} else {{ 0 }} }}\n")
    };
    let text: String = (0..2_000).map(function).collect();
    for number in 0..150 {
        bed.write(format!("src/f{number}.rs"), format!("// {number}\n{text}"));
    }
    bed
}

fn interrupt(process: u32) {
    let status = Command::new("kill").args(["-INT", &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until a run has begun to write trees.
fn wait_for_trees(bed: &Bed) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let written = || {
        let files = std::fs::read_dir(bed.store().join("segments")).into_iter().flatten();
        files.flatten().any(|file| file.metadata().is_ok_and(|of| of.len() > 50_000))
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
    interrupt(child.id());
    let ran = Ran::from_output("index".into(), child.wait_with_output().unwrap()).code(130);
    let report = ran.json();
    assert_eq!(report["cancelled"], true);
    let new = report["trees_new"].as_u64().unwrap();
    assert!((1..150).contains(&new), "{new} trees");

    let rest = bed.json(["index", "--json"]);
    check_values(
        &rest,
        &[("files", json!(150)), ("errors", json!(0)), ("cancelled", Value::Bool(false))],
    );
    let parses = rest["parses"].as_u64().unwrap();
    assert!(parses <= 150 - new, "{parses} parses after {new} trees");
    bed.run(["verify", "--deep"]).code(0);
}
