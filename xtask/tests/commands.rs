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

/// All Markdown files that are not inputs of tests, from the root.
fn pages() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "*.md"]).current_dir(root()).output();
    let listed = listed.expect("git").stdout;
    let listed = String::from_utf8(listed).expect("UTF-8");
    listed.lines().filter(|page| !page.contains("/fixtures/")).map(str::to_owned).collect()
}

/// The task, its steps and its options.
#[test]
fn every_task_and_step_that_a_page_names_is_there() {
    let (_, usage) = xtask(&[]);
    let (listed, steps) = xtask(&["ci", "--list"]);
    assert!(listed, "{steps}");
    let mut count = 0;
    for page in pages().into_iter().chain(["deny.toml".to_owned()]) {
        for words in commands(&page) {
            let (task, args) = words.split_first().expect("words");
            if task.starts_with("TASK") {
                continue;
            }
            let of_task = |line: &&str| line.split_whitespace().next() == Some(task);
            let usage: Vec<_> = usage.lines().filter(of_task).collect();
            assert!(!usage.is_empty(), "{page}: no task `{task}`");
            for option in args.iter().filter(|arg| arg.starts_with("--")) {
                let is_known = |line: &&str| {
                    line.split(|it: char| !it.is_ascii_lowercase() && it != '-')
                        .any(|word| word == option)
                };
                assert!(usage.iter().any(is_known), "{page}: `{task}` has no {option}");
            }
            for step in args.iter().filter(|arg| task == "ci" && !arg.starts_with("--")) {
                let known = steps.lines().any(|line| line.starts_with(&format!("{step} (")));
                assert!(known, "{page}: no step `{step}`");
            }
            count += 1;
        }
    }
    assert!(count > 60, "pages that name few tasks, or a test that finds few: {count}");
}

/// What runs the commands of each page. Those of this file are named, not run: they take
/// minutes or hours, and are steps themselves.
const RUN_BY: &[(&str, &str)] = &[
    ("README.md", "xtask/src/readme.rs"),
    ("docs/bench.md", "bins/herbarium-bench/tests/bench.rs"),
    ("docs/cli.md", "bins/herbarium/tests/cli/docs.rs"),
    ("docs/contributing.md", "xtask/tests/commands.rs"),
    ("docs/deploy/README.md", "bins/herbarium-load/tests/cli/docs.rs"),
    ("docs/faults.md", "crates/herbarium-faults/tests/faults/docs.rs"),
    ("docs/load.md", "bins/herbarium-load/tests/cli/docs.rs"),
    ("docs/operations.md", "xtask/src/observe.rs"),
    ("docs/releasing.md", "xtask/tests/commands.rs"),
    ("docs/service.md", "bins/herbariumd/tests/service/docs.rs"),
    ("docs/troubleshooting.md", "bins/herbarium-bench/tests/manuals/main.rs"),
    ("docs/tuning.md", "bins/herbarium-bench/tests/manuals/main.rs"),
    ("docs/tutorial-cli.md", "bins/herbarium-bench/tests/manuals/main.rs"),
    ("docs/tutorial-service.md", "bins/herbarium-bench/tests/manuals/main.rs"),
    ("fuzz/README.md", "xtask/tests/commands.rs"),
];

#[test]
fn every_page_with_commands_is_read_by_what_runs_them() {
    for page in pages() {
        let text = std::fs::read_to_string(root().join(&page)).expect("a page");
        let has_commands = ["```sh\n", "```console\n"].iter().any(|kind| text.contains(kind));
        let by = RUN_BY.iter().find(|(name, _)| *name == page).map(|(_, by)| by);
        assert_eq!(has_commands, by.is_some(), "{page}: commands on the left, a test on the right");
        let Some(by) = by else { continue };
        let code = std::fs::read_to_string(root().join(by)).expect("a source");
        assert!(code.contains(&page), "{by} does not read {page}");
    }
}

/// Blocks that these tests do not run word for word hold tasks alone.
#[test]
fn pages_of_tasks_have_no_other_commands() {
    for (page, _) in RUN_BY.iter().filter(|(_, by)| *by == "xtask/tests/commands.rs") {
        let text = std::fs::read_to_string(root().join(page)).expect("a page");
        for block in text.split("```sh\n").skip(1) {
            let (block, _) = block.split_once("```").expect("an end");
            for line in block.lines() {
                assert!(line.starts_with("cargo xtask "), "{page}: {line}");
            }
        }
    }
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

#[test]
fn help_is_no_mistake() {
    for (args, told) in [
        (&["--help"][..], "usage: cargo xtask TASK"),
        (&["ci", "--help"], "--quick"),
        (&["wine", "-h"], "usage: cargo xtask wine"),
    ] {
        let (good, text) = xtask(args);
        assert!(good && text.contains(told), "{args:?}: {text}");
    }
}

/// The tests of that program run each of its commands; here it is asked that the page's are
/// among them.
#[test]
fn commands_of_the_page_on_measuring_are_those_that_its_tests_run() {
    let text = |path: &str| std::fs::read_to_string(root().join(path)).expect("a text");
    let (tests, args) =
        (text("bins/herbarium-bench/tests/bench.rs"), text("bins/herbarium-bench/src/args.rs"));
    let page = text("docs/bench.md");
    let mut count = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let (_, line) = line.split_once("herbarium-bench -- ").expect("that program");
        let mut words = line.split_whitespace();
        let command = words.next().expect("a command");
        assert!(tests.contains(&format!("\"{command}\"")), "no test runs `{command}`");
        for option in words.filter_map(|word| word.strip_prefix("--")) {
            let field = format!("{}:", option.replace('-', "_"));
            let known = args.contains(&field) || args.contains(&format!("long = \"{option}\""));
            assert!(known, "{command}: no option --{option}");
        }
        count += 1;
    }
    assert!(count > 5, "{count}");
}
