//! The commands of `docs/releasing.md` and other pages are ones that there are.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn xtask(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).output().expect("xtask");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8"))
}

/// All `cargo xtask …` of a page, in blocks and in its text.
fn commands(page: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join(page))
        .unwrap_or_else(|error| panic!("{page}: {error}"));
    let found = text.split("cargo xtask ").skip(1);
    let line = |rest: &str| {
        let line = rest.split(['`', '\n', '#', ';', ')']).next().unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    found.map(line).filter(|words| !words.is_empty()).collect()
}

#[test]
fn every_task_and_step_that_a_page_names_is_there() {
    let (_, usage) = xtask(&[]);
    let (listed, steps) = xtask(&["ci", "--list"]);
    assert!(listed, "{steps}");
    let pages = [
        "docs/releasing.md",
        "docs/operations.md",
        "docs/STABILITY.md",
        "docs/deploy/README.md",
        "docs/faults.md",
        "docs/ARCHITECTURE.md",
        "deny.toml",
    ];
    let mut count = 0;
    for page in pages {
        for words in commands(page) {
            let (task, args) = words.split_first().expect("words");
            if task.starts_with("TASK") {
                continue;
            }
            let usage = usage.lines().any(|line| line.trim_start().starts_with(task.as_str()));
            assert!(usage, "{page}: no task `{task}`");
            for arg in args.iter().filter(|_| task == "ci") {
                let known = steps.lines().any(|line| line.starts_with(&format!("{arg} (")));
                let option = arg.starts_with("--");
                assert!(known || option, "{page}: no step `{arg}`");
            }
            count += 1;
        }
    }
    assert!(count > 15, "pages that name few tasks, or a test that finds few: {count}");
}

/// Each step that the page of releases names in its tables.
#[test]
fn every_step_that_breaks_is_one_of_the_list() {
    let (_, steps) = xtask(&["ci", "--list"]);
    let page = std::fs::read_to_string(root().join("docs/releasing.md")).expect("a page");
    let (_, table) = page.split_once("## What breaks which step").expect("a section");
    let (table, _) = table.split_once("\n## ").expect("an end");
    for row in table.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cell = row.split('|').nth(2).expect("two columns");
        for name in cell.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')) {
            assert!(
                steps.lines().any(|line| line.starts_with(&format!("{name} ("))),
                "{name}: {row}"
            );
        }
    }
}

#[test]
fn every_library_and_program_has_its_promise() {
    let page = std::fs::read_to_string(root().join("docs/STABILITY.md")).expect("a page");
    for folder in ["crates", "bins"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            let manifest = root().join(folder).join(&name).join("Cargo.toml");
            // What is a workspace of its own compares us with others.
            if !manifest.exists() || name == "herbarium-cache-rivals" {
                continue;
            }
            assert!(page.contains(&format!("`{name}`")), "docs/STABILITY.md does not name {name}");
        }
    }
}

#[test]
fn what_is_unknown_is_named() {
    for (args, named) in [
        (&["no-such-task"][..], "usage: cargo xtask TASK"),
        (&["ci", "no-such-step"], "no-such-step"),
        (&["fuzz", "no-such-target"], "no-such-target"),
        (&["dist", "no-such-program"], "no-such-program"),
        (&["cross", "--no-such-option"], "--no-such-option"),
        (&["notices", "--chek"], "--chek"),
        (&["api", "--chek"], "--chek"),
        (&["supply", "x"], "x"),
        (&["kubernetes", "x"], "x"),
        (&["coverage", "--min", "all"], "'all'"),
    ] {
        let (good, text) = xtask(args);
        assert!(!good && text.contains(named), "{args:?}: {text}");
    }
}
