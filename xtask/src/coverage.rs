//! `cargo xtask coverage`: which lines of the libraries the tests run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::{Outcome, root};

pub(crate) const USAGE: &str = "coverage [--min PERCENT]   lines of the libraries that the tests run, crate by crate, and the files that they run least of (needs cargo-llvm-cov)";

/// At least so many of 100 lines, over all libraries.
const BAR: f64 = 85.0;
/// So many files are named.
const WORST: usize = 15;

/// Crates of which nobody's program is made, and why tests do not run all of their lines.
const APART: &[(&str, &str)] = &[
    ("herbarium-conformance", "for tests: what it tells of differences is run when there are some"),
    ("herbarium-faults", "for tests: its processes are killed, and what is killed writes no count"),
];

/// Runs the tests of the workspace and counts lines.
pub(crate) fn run(args: &[String]) -> Outcome {
    let bar = match args {
        [] => BAR,
        [option, percent] if option == "--min" => percent
            .parse()
            .map_err(|_| format!("--min: expected a number of percent, found '{percent}'"))?,
        _ => return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    };
    let json = measure()?;
    let report = Report::read(&json, &root())?;
    print!("{}", report.text());
    let all = report.all().percent();
    if all < bar {
        return Err(format!(
            "{all:.1}% of the lines are run, expected at least {bar}%; the files above need tests"
        )
        .into());
    }
    Ok(())
}

/// What cargo-llvm-cov prints. Its own lines, and those of the tests, go to the terminal.
/// A test that fills the disk leaves a count that is cut off: it is left out.
fn measure() -> Result<String, String> {
    let output = Command::new("cargo")
        .current_dir(root())
        .args(["llvm-cov", "--workspace", "--exclude", "xtask", "--json", "--summary-only"])
        .args(["--failure-mode", "all"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("starting cargo llvm-cov: {error}"))?;
    if !output.status.success() {
        return Err("cargo llvm-cov failed, or a test did; its own message is above. \
                    If it is not there: cargo install --locked cargo-llvm-cov"
            .into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let start = text.find("{\"data\"").ok_or("cargo llvm-cov printed no JSON")?;
    Ok(text[start..].to_owned())
}

/// Lines, and how many of them were run.
#[derive(Clone, Copy, Default, Deserialize)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    fn percent(self) -> f64 {
        if self.count == 0 { 100.0 } else { 100.0 * self.covered as f64 / self.count as f64 }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.covered += other.covered;
    }
}

/// The export of LLVM, as far as it is looked at.
#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Lines,
}

/// Lines of each file of a library, by its path from the root.
struct Report(BTreeMap<String, Lines>);

impl Report {
    fn read(json: &str, root: &Path) -> Result<Self, String> {
        let export: Export = serde_json::from_str(json)
            .map_err(|error| format!("reading what cargo llvm-cov printed: {error}"))?;
        let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
        let library = |file: File| {
            let path = Path::new(&file.filename).strip_prefix(&root).ok()?;
            let path = path.to_string_lossy().replace('\\', "/");
            let is_source = path.starts_with("crates/") && path.contains("/src/");
            is_source.then_some((path, file.summary.lines))
        };
        let files = export.data.into_iter().flat_map(|data| data.files);
        Ok(Self(files.filter_map(library).collect()))
    }

    /// Of what others build on.
    fn all(&self) -> Lines {
        self.0.iter().filter(|(path, _)| why_apart(crate_of(path)).is_none()).fold(
            Lines::default(),
            |mut sum, (_, lines)| {
                sum.add(*lines);
                sum
            },
        )
    }

    fn text(&self) -> String {
        let mut crates: BTreeMap<&str, Lines> = BTreeMap::new();
        for (path, lines) in &self.0 {
            crates.entry(crate_of(path)).or_default().add(*lines);
        }
        let (apart, libraries): (Vec<_>, Vec<_>) =
            crates.into_iter().partition(|(name, _)| why_apart(name).is_some());
        let row = |name: &str, lines: Lines| {
            format!("{:5.1}%  {:6} of {:6}  {name}\n", lines.percent(), lines.covered, lines.count)
        };
        let mut text: String = libraries.iter().map(|(name, lines)| row(name, *lines)).collect();
        text.push_str(&row("all libraries", self.all()));
        for (name, lines) in apart {
            let why = why_apart(name).unwrap_or_default();
            text.push_str(&row(&format!("{name}, which is not in the sum ({why})"), lines));
        }
        text.push_str("\nmost lines that no test runs:\n");
        let counts = |path: &str| why_apart(crate_of(path)).is_none();
        let mut files: Vec<_> = self.0.iter().filter(|(path, _)| counts(path)).collect();
        files.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.count - lines.covered));
        let worst = files.into_iter().take(WORST).filter(|(_, lines)| lines.covered < lines.count);
        text.extend(worst.map(|(path, lines)| row(path, *lines)));
        text
    }
}

/// Its second folder.
fn crate_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or(path)
}

fn why_apart(name: &str) -> Option<&'static str> {
    APART.iter().find(|(apart, _)| *apart == name).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_for_each_crate_and_tests_are_left_out() {
        let root = root().canonicalize().unwrap();
        let file = |path: &str, count: u32, covered: u32| {
            let path = root.join(path);
            format!(
                r#"{{"filename":{path:?},"summary":{{"lines":{{"count":{count},"covered":{covered}}}}}}}"#
            )
        };
        let files = [
            file("crates/a/src/lib.rs", 80, 80),
            file("crates/a/src/b.rs", 20, 10),
            file("crates/b/src/lib.rs", 100, 40),
            file("crates/b/tests/all.rs", 1000, 0),
            file("crates/herbarium-faults/src/lib.rs", 50, 10),
            file("bins/c/src/main.rs", 1000, 0),
        ];
        let json = format!(r#"{{"data":[{{"files":[{}]}}]}}"#, files.join(","));
        let report = Report::read(&json, &root).unwrap();
        let expected = " 90.0%      90 of    100  a\n\
                        \x2040.0%      40 of    100  b\n\
                        \x2065.0%     130 of    200  all libraries\n\
                        \x2020.0%      10 of     50  herbarium-faults, which is not in the sum (for tests: \
                        its processes are killed, and what is killed writes no count)\n\n\
                        most lines that no test runs:\n\
                        \x2040.0%      40 of    100  crates/b/src/lib.rs\n\
                        \x2050.0%      10 of     20  crates/a/src/b.rs\n";
        assert_eq!(report.text(), expected);
    }

    #[test]
    fn what_is_not_in_the_sum_is_there() {
        for (name, _) in APART {
            assert!(root().join("crates").join(name).join("Cargo.toml").exists(), "{name}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert!(Report::read("{}", &root()).is_err());
    }
}
