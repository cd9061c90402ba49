//! Runs steps one after the other, and says at the end how each went.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::need::Need;
use super::steps::Step;
use crate::{Outcome, command};

/// How steps are run.
#[derive(Debug, Default)]
pub(crate) struct How {
    /// Ends after the first step that fails.
    pub(crate) fail_fast: bool,
    /// A step whose tool is not there is no failure.
    pub(crate) allow_missing: bool,
    /// First gets the tools that are there in seconds, as far as that can be done here.
    pub(crate) install: bool,
}

/// How a step went.
#[derive(Debug)]
enum Verdict {
    Passed,
    Failed(String),
    /// A tool is missing: which, and how to get it.
    NotRun(String),
}

impl Verdict {
    fn fails(&self, how: &How) -> bool {
        match self {
            Self::Passed => false,
            Self::Failed(_) => true,
            Self::NotRun(_) => !how.allow_missing,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::NotRun(why) => write!(f, "NOT RUN: {why}"),
        }
    }
}

struct Row {
    name: &'static str,
    took: Duration,
    verdict: Verdict,
}

/// Runs the steps and prints a table; an error if one of them failed.
pub(crate) fn all(root: &Path, steps: &[&'static Step], how: &How) -> Outcome {
    if how.install {
        install(root, steps);
    }
    let begun = Instant::now();
    let mut rows = Vec::new();
    for step in steps {
        println!("\n== {}: {}", step.name, step.protects);
        let from = Instant::now();
        let verdict = one(root, step);
        let failed = verdict.fails(how);
        rows.push(Row { name: step.name, took: from.elapsed(), verdict });
        if failed && how.fail_fast {
            break;
        }
    }
    print!("\n{}", table(&rows, begun.elapsed(), steps.len() - rows.len()));
    let failed: Vec<_> =
        rows.iter().filter(|row| row.verdict.fails(how)).map(|row| row.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let alone = format!("cargo xtask ci {}", failed.join(" "));
    Err(format!("{} of {} steps did not pass; again, alone: {alone}", failed.len(), rows.len())
        .into())
}

fn one(root: &Path, step: &Step) -> Verdict {
    if let Some(missing) = step.needs.iter().find(|need| !need.is_met()) {
        return Verdict::NotRun(format!("needs {}: {}", missing.name, missing.get));
    }
    let lines = match step.commands(root) {
        Ok(lines) => lines,
        Err(error) => return Verdict::Failed(error),
    };
    for line in lines {
        println!("+ {line}");
        if let Err(error) = command::run(root, &line) {
            return Verdict::Failed(error);
        }
    }
    Verdict::Passed
}

/// What cannot be got shows as a step that is not run.
fn install(root: &Path, steps: &[&'static Step]) {
    let mut tried: Vec<&Need> = Vec::new();
    for need in steps.iter().flat_map(|step| step.needs) {
        if !need.light || tried.contains(&need) || need.is_met() {
            continue;
        }
        if need.get.starts_with("apt-get ")
            && !tried.iter().any(|it| it.get.starts_with("apt-get "))
        {
            // A list of packages that is old, or not there at all, knows nothing.
            let _ = command::run(root, "apt-get update");
        }
        tried.push(need);
        println!("+ {}", need.get);
        if let Err(error) = command::run(root, need.get) {
            println!("{} is not to be had: {error}", need.name);
        }
    }
}

fn table(rows: &[Row], all: Duration, left: usize) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("all".len());
    let line = |name: &str, took: Duration, verdict: &str| {
        let line = format!("{name:width$} {:>6} s  {verdict}", took.as_secs());
        format!("{}\n", line.trim_end())
    };
    let each = rows.iter().map(|row| line(row.name, row.took, &row.verdict.to_string()));
    let left = match left {
        0 => String::new(),
        left => format!("{left} steps left out after the failure"),
    };
    each.chain([line("all", all, &left)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::need::NO_SUCH_TOOL;
    use super::*;

    const PASSES: &str = "cargo --version";
    const FAILS: &str = "cargo no-such-command-of-cargo";

    fn check(line: &'static str, needs: &'static [Need], expected: &str) {
        let step = Step::for_test(line, needs);
        let verdict = one(&crate::root(), &step).to_string();
        assert!(verdict.starts_with(expected), "{line}: {verdict}");
    }

    #[test]
    fn a_step_passes_fails_or_is_not_run() {
        check(PASSES, &[], "passed");
        check(FAILS, &[], "FAILED");
        check("no-such-program-at-all", &[], "FAILED");
        check(PASSES, &[NO_SUCH_TOOL], "NOT RUN: needs no such tool: wish");
    }

    #[test]
    fn what_was_not_run_fails_unless_that_is_allowed() {
        let strict = How::default();
        let lenient = How { allow_missing: true, ..How::default() };
        let missing = Verdict::NotRun("a tool".into());
        assert!(missing.fails(&strict) && !missing.fails(&lenient));
        assert!(Verdict::Failed("1".into()).fails(&lenient));
        assert!(!Verdict::Passed.fails(&strict));
    }

    #[test]
    fn the_table_has_a_row_a_step_and_says_what_was_left_out() {
        let seconds = Duration::from_secs;
        let rows = [
            Row { name: "fmt", took: seconds(1), verdict: Verdict::Passed },
            Row { name: "clippy", took: seconds(228), verdict: Verdict::Failed("code 101".into()) },
        ];
        let expected = "fmt         1 s  passed\n\
                        clippy    228 s  FAILED: code 101\n\
                        all       229 s  2 steps left out after the failure\n";
        assert_eq!(table(&rows, seconds(229), 2), expected);
    }
}
