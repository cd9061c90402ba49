//! The jobs of the workflows: where the steps of the list are run.

/// One job of a workflow. Which steps it runs, the steps say.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) workflow: &'static str,
    /// The machines, one run on each.
    pub(crate) runs_on: &'static [&'static str],
    /// After these it is ended.
    pub(crate) minutes: u32,
    /// Files to keep where a step failed.
    pub(crate) keep: Option<&'static str>,
}

const LINUX: &[&str] = &["ubuntu-latest"];
const ALL: &[&str] = &["ubuntu-latest", "macos-latest", "windows-latest"];

/// Run for every change.
const CI: &str = "ci";
/// Run once a day.
const NIGHTLY: &str = "nightly";

pub(crate) const JOBS: &[Job] = &[
    Job { name: "checks", workflow: CI, runs_on: LINUX, minutes: 45, keep: None },
    Job { name: "test", workflow: CI, runs_on: ALL, minutes: 60, keep: None },
    Job { name: "languages", workflow: CI, runs_on: ALL, minutes: 60, keep: None },
    Job { name: "supply", workflow: CI, runs_on: LINUX, minutes: 30, keep: None },
    Job { name: "deploy", workflow: CI, runs_on: LINUX, minutes: 20, keep: None },
    Job { name: "targets", workflow: CI, runs_on: LINUX, minutes: 45, keep: None },
    // For every change, and beside the others: optimised programs are built for it.
    Job { name: "figures", workflow: CI, runs_on: LINUX, minutes: 30, keep: None },
    Job {
        name: "fuzz",
        workflow: NIGHTLY,
        runs_on: LINUX,
        minutes: 180,
        keep: Some("fuzz/regressions"),
    },
    Job { name: "windows", workflow: NIGHTLY, runs_on: LINUX, minutes: 90, keep: None },
    Job { name: "miri", workflow: NIGHTLY, runs_on: LINUX, minutes: 180, keep: None },
    Job { name: "faults", workflow: NIGHTLY, runs_on: LINUX, minutes: 120, keep: None },
    Job { name: "release", workflow: NIGHTLY, runs_on: LINUX, minutes: 120, keep: None },
    Job { name: "coverage", workflow: NIGHTLY, runs_on: LINUX, minutes: 120, keep: None },
];
