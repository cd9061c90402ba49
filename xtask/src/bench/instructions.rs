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
/// A count may be so many times that of the baseline.
const TOLERANCE: f64 = 1.05;
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
    let before = |name: &String| baseline.and_then(|it| it[name].as_u64());
    let pairs = counts.iter().filter_map(|(name, now)| Some((name, *now, before(name)?)));
    pairs
        .filter(|(_, now, then)| *now as f64 > *then as f64 * TOLERANCE)
        .map(|(name, now, then)| format!("{name}: {now} instructions, {then} in the baseline"))
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
        let now = BTreeMap::from([("c parse".to_owned(), 104), ("c encode".to_owned(), 106)]);
        let before = serde_json::json!({ "c parse": 100, "c encode": 100 });
        let expected = ["c encode: 106 instructions, 100 in the baseline"];
        assert_eq!(grown(&now, Some(&before)), expected);
        assert!(grown(&now, None).is_empty());
    }
}
