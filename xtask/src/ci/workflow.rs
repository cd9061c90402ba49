//! The workflows, written from the list.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::jobs::{JOBS, Job};
use super::need::Need;
use super::steps;
use crate::{Outcome, read, rust_version};

const FOLDER: &str = ".github/workflows";

/// A workflow: its name, and when it runs.
struct Workflow {
    name: &'static str,
    on: &'static str,
    /// Of two runs for one branch the older one is of no use.
    cancel_in_progress: bool,
}

const WORKFLOWS: &[Workflow] = &[
    Workflow {
        name: "ci",
        on: "  push:\n    branches: [main]\n  pull_request:\n",
        cancel_in_progress: true,
    },
    Workflow {
        name: "nightly",
        on: "  schedule:\n    - cron: \"17 2 * * *\"\n  workflow_dispatch:\n",
        cancel_in_progress: false,
    },
];

/// Writes the files that differ.
pub(crate) fn write(root: &Path) -> Outcome {
    for (path, text) in all(root)? {
        if read(root, &path).ok().as_deref() != Some(&text) {
            fs::write(root.join(&path), text)
                .map_err(|error| format!("writing {path}: {error}"))?;
            println!("wrote {path}");
        }
    }
    Ok(())
}

/// An error that names the files that differ, and those that nobody wrote.
pub(crate) fn check(root: &Path) -> Outcome {
    let all = all(root)?;
    let mut found = Vec::new();
    for (path, text) in &all {
        if read(root, path).ok().as_deref() != Some(text) {
            found.push(format!("{path} differs from the list in xtask/src/ci/steps.rs"));
        }
    }
    let known: BTreeSet<_> = all.iter().map(|(path, _)| path.as_str()).collect();
    let there = fs::read_dir(root.join(FOLDER)).map_err(|error| format!("{FOLDER}: {error}"))?;
    for entry in there {
        let path = format!("{FOLDER}/{}", entry?.file_name().to_string_lossy());
        if !known.contains(path.as_str()) {
            found.push(format!("{path} is not written from the list"));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nrun `cargo xtask ci --write-workflows` and commit what it writes",
        found.join("\n")
    )
    .into())
}

/// Path and text of each.
fn all(root: &Path) -> Result<Vec<(String, String)>, String> {
    // What is tested with the oldest toolchain that is promised holds for newer ones.
    let toolchain = rust_version(root)?;
    let text = |workflow: &Workflow| {
        let path = format!("{FOLDER}/{}.yml", workflow.name);
        render(workflow, &toolchain).map(|text| (path, text))
    };
    WORKFLOWS.iter().map(text).collect()
}

fn render(workflow: &Workflow, toolchain: &str) -> Result<String, String> {
    let Workflow { name, on, cancel_in_progress } = workflow;
    let mut text = format!(
        "\
# Written by `cargo xtask ci --write-workflows` from xtask/src/ci/steps.rs and jobs.rs.
name: {name}

on:
{on}
permissions:
  contents: read

concurrency:
  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}
  cancel-in-progress: {cancel_in_progress}

env:
  CARGO_INCREMENTAL: 0
  CARGO_TERM_COLOR: always

defaults:
  run:
    shell: bash

jobs:
"
    );
    let jobs: Vec<_> = JOBS.iter().filter(|job| job.workflow == *name).collect();
    let jobs = jobs.into_iter().map(|job| render_job(job, toolchain));
    text.push_str(&jobs.collect::<Result<Vec<_>, _>>()?.join("\n"));
    Ok(text)
}

fn render_job(job: &Job, toolchain: &str) -> Result<String, String> {
    let Job { name, minutes, .. } = job;
    let steps = steps::of_job(name)?;
    let (runs_on, strategy) = machines(job);
    let needs = setup(steps.iter().flat_map(|step| step.needs));
    // A checkout has no tags unless it has all commits.
    let history = match steps.iter().any(|step| step.name == "semver") {
        true => "\n          fetch-depth: 0",
        false => "",
    };
    let mut text = format!(
        "  {name}:
{strategy}    runs-on: {runs_on}
    timeout-minutes: {minutes}
    steps:
      - uses: actions/checkout@v6
        with:
          persist-credentials: false{history}
      - uses: actions/cache@v5
        with:
          path: |
            ~/.cargo/registry/cache
            ~/.cargo/registry/index
            target
          key: {name}-${{{{ runner.os }}}}-{toolchain}-${{{{ hashFiles('Cargo.lock') }}}}
          restore-keys: {name}-${{{{ runner.os }}}}-{toolchain}-
      - name: tools
        id: tools
        run: |
          rustup toolchain install {toolchain} --profile minimal --no-self-update
          rustup default {toolchain}
{needs}          cargo build --package xtask --target-dir target/xtask
"
    );
    for step in steps {
        text.push_str(&format!(
            "      - name: {}
        if: ${{{{ !cancelled() && steps.tools.outcome == 'success' }}}}
        run: target/xtask/debug/xtask ci {}
",
            step.name, step.name
        ));
    }
    if let Some(path) = job.keep {
        text.push_str(&format!(
            "      - uses: actions/upload-artifact@v6
        if: ${{{{ failure() }}}}
        with:
          name: {name}
          path: {path}
"
        ));
    }
    Ok(text)
}

/// Where a job runs, and what that needs above it. A matrix of one is none.
fn machines(job: &Job) -> (String, String) {
    match job.runs_on {
        [one] => ((*one).to_owned(), String::new()),
        several => (
            "${{ matrix.os }}".to_owned(),
            format!(
                "    strategy:\n      fail-fast: false\n      matrix:\n        os: [{}]\n",
                several.join(", ")
            ),
        ),
    }
}

/// The commands that bring what the steps need, each once.
fn setup<'a>(needs: impl Iterator<Item = &'a Need>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for need in needs {
        let line = match need.get.strip_prefix("apt-get ") {
            Some(rest) => format!("sudo apt-get update && sudo apt-get {rest}"),
            None => need.get.to_owned(),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.iter().map(|line| format!("          {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn the_workflows_are_those_of_the_list() {
        check(&root()).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Every job is one of a workflow that is written.
    #[test]
    fn no_job_is_lost() {
        let all = all(&root()).expect("workflows").into_iter().map(|(_, text)| text);
        let all: String = all.collect();
        for job in JOBS {
            assert!(all.contains(&format!("\n  {}:\n", job.name)), "{}", job.name);
        }
    }

    /// What a workflow says that must not be said by accident: more rights, and
    /// actions of others.
    #[test]
    fn workflows_may_read_and_take_pinned_actions_of_github_alone() {
        for (path, text) in all(&root()).expect("workflows") {
            let yaml = crate::yaml::one(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(text.matches("permissions:").count(), 1, "{path}");
            assert_eq!(yaml["permissions"]["contents"].as_str(), Some("read"), "{path}");
            for (name, job) in yaml["jobs"].as_hash().expect("jobs") {
                assert!(job["timeout-minutes"].as_i64().is_some(), "{path}: {name:?}");
                for step in job["steps"].as_vec().expect("steps") {
                    let Some(uses) = step["uses"].as_str() else { continue };
                    let (action, version) = uses.split_once("@v").expect("a version");
                    assert!(action.starts_with("actions/"), "{path}: {uses}");
                    assert!(version.parse::<u32>().is_ok(), "{path}: {uses}");
                }
            }
        }
    }
}
