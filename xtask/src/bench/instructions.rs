//! Instructions of the hot paths, by callgrind: the same on a busy machine as on an idle one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What is counted; the first is what the others are compared with.
const WORKS: &[&str] = &["parse", "capture", "encode", "decode"];
/// Samples of the languages, with the name that tells their language.
const SAMPLES: &[(&str, &str)] = &[("c", "c"), ("python", "py"), ("rust", "rs")];
/// A count may be so many times that of the baseline. Parsing is not ours. Capturing runs C, of
/// which each compiler makes something else; the compiler of the rest is the same everywhere.
const TOLERANCES: &[(&str, f64)] = &[("capture", 1.15), ("encode", 1.05), ("decode", 1.05)];
const TIMES: u64 = 10;

/// Instructions of each work on each sample, by `language work`; empty without valgrind.
pub(crate) fn count(
    root: &Path,
    programs: &Path,
    scratch: &Path,
) -> Result<BTreeMap<String, u64>, String> {
    let mut counts = BTreeMap::new();
    if !crate::command::succeeds("valgrind --version") {
        println!("NOT COUNTED: instructions need valgrind");
        return Ok(counts);
    }
    for (language, extension) in SAMPLES {
        let sample = format!("crates/herbarium-languages/tests/samples/{language}.txt");
        let file = scratch.join(format!("sample.{extension}"));
        fs::copy(root.join(&sample), &file).map_err(|error| format!("{sample}: {error}"))?;
        for work in WORKS {
            let (few, many) =
                (one(programs, work, &file, 1)?, one(programs, work, &file, 1 + TIMES)?);
            counts.insert(format!("{language} {work}"), many.saturating_sub(few) / TIMES);
        }
    }
    Ok(counts)
}

/// Instructions of a process that does the work so many times.
fn one(programs: &Path, work: &str, file: &Path, times: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(programs.join("herbarium-bench"))
        .args(["hot", work])
        .arg(file)
        .arg(times.to_string())
        .output()
        .map_err(|error| format!("starting valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    collected(&said).filter(|_| output.status.success()).ok_or_else(|| {
        format!("counting instructions of {work}: expected a line 'Collected', found {said}")
    })
}

/// `==1== Collected : 1234`.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// Counts that are more than the baseline allows.
pub(crate) fn grown(counts: &BTreeMap<String, u64>, baseline: Option<&Value>) -> Vec<String> {
    let told = |(name, now, then): (&String, u64, u64)| {
        let work = name.rsplit(' ').next()?;
        let (_, tolerance) = TOLERANCES.iter().find(|it| it.0 == work)?;
        (now as f64 > then as f64 * tolerance).then(|| {
            format!("{name}: expected at most {tolerance} times {then} instructions, found {now}")
        })
    };
    beside(counts, baseline).filter_map(told).collect()
}

/// The counts that the baseline has, too, beside its own.
fn beside<'a>(
    counts: &'a BTreeMap<String, u64>,
    baseline: Option<&'a Value>,
) -> impl Iterator<Item = (&'a String, u64, u64)> {
    let before = move |name: &String| baseline.and_then(|it| it[name].as_u64());
    counts.iter().filter_map(move |(name, now)| Some((name, *now, before(name)?)))
}

/// The counts, and what they are of those of the baseline; for a terminal.
pub(crate) fn compared(counts: &BTreeMap<String, u64>, baseline: &Value) -> String {
    beside(counts, Some(baseline))
        .map(|(name, now, then)| {
            format!("{name:<16} {now:>9}  {:.3} of {then}\n", now as f64 / then.max(1) as f64)
        })
        .collect()
}

/// For the page.
pub(crate) fn table(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let mut text = "## Instructions of the hot paths\n\nFor the sample of the language, by callgrind; \
                    beside them the share of the parse.\n\n| | parse | capture | encode | decode |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for (language, _) in SAMPLES {
        let of = |work: &str| counts.get(&format!("{language} {work}")).copied().unwrap_or(0);
        let _ = write!(text, "| {language} | {} |", of("parse"));
        for work in &WORKS[1..] {
            let share = of(work) as f64 / of("parse").max(1) as f64;
            let _ = write!(text, " {} ({share:.3}) |", of(work));
        }
        text.push('\n');
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234\n"), Some(1234));
        assert_eq!(collected("nothing"), None);
    }

    #[test]
    fn what_grew_is_named() {
        let counts = [("c parse", 200), ("c capture", 110), ("c encode", 106), ("c decode", 104)];
        let now: BTreeMap<_, _> = counts.map(|(name, count)| (name.to_owned(), count)).into();
        let before = serde_json::json!({ "c parse": 100, "c capture": 100, "c encode": 100, "c decode": 100 });
        let expected = ["c encode: expected at most 1.05 times 100 instructions, found 106"];
        assert_eq!(grown(&now, Some(&before)), expected);
        assert!(grown(&now, None).is_empty());
        assert!(compared(&now, &before).contains("c encode               106  1.060 of 100\n"));
    }

    #[test]
    fn what_is_counted_is_in_the_baseline() {
        let baseline = crate::read(&crate::root(), super::super::BASELINE).expect("a baseline");
        let baseline: Value = serde_json::from_str(&baseline).expect("JSON");
        for (language, _) in SAMPLES {
            for work in WORKS {
                let count = &baseline["instructions"][format!("{language} {work}")];
                assert!(count.as_u64().is_some(), "{language} {work}");
            }
        }
    }
}
