//! What `docs/faults.md` says can be done is done.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::bench;

/// The commands of the page, without the prompt.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let page = fs::read_to_string(page).unwrap();
    page.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

/// The same, with so few cycles that it is quick.
fn shortened(args: &str) -> Vec<String> {
    let mut args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
    for at in 1..args.len() {
        let most = match args[at - 1].as_str() {
            "--cycles" => 3,
            "--power" => 0,
            _ => continue,
        };
        let asked: u64 = args[at].parse().unwrap();
        args[at] = asked.min(most).to_string();
    }
    args
}

#[test]
fn the_long_form_runs_as_the_page_says() {
    if bench().is_none() {
        return;
    }
    let commands = commands();
    assert_eq!(commands[0], "cargo test -p herbarium-faults");
    for command in &commands[1..] {
        let args = command.strip_prefix("cargo xtask crash ").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_herbarium-faults"))
            .arg("crash")
            .args(shortened(args))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}: {said}");
        assert!(said.starts_with("seed ") && said.contains("trees acknowledged"), "{said}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for args in [&["crash", "--cycles"][..], &["crash", "--cycles", "many"], &["walk"], &[]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_herbarium-faults")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("usage:"), "{args:?}");
    }
}

#[test]
fn every_file_of_tests_is_on_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let page = fs::read_to_string(page).unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    for entry in fs::read_dir(tests).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let told = ["main.rs", "bench.rs", "docs.rs"].contains(&&*name) || page.contains(&name);
        assert!(told, "{name} is not in docs/faults.md");
    }
}
