use std::fmt::Write as _;

use super::secs;
use crate::report::{Report, Summary};

/// A summary for a pull request or the page of a job.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, report);
    out
}

fn write_all(out: &mut String, report: &Report) -> std::fmt::Result {
    let whole = &report.whole;
    writeln!(out, "## {}: {}\n", cell(&report.scenario.name), report.verdict)?;
    writeln!(
        out,
        "{} requests in {}, {:.1} good ones a second, {:.4}% errors, started {}.\n",
        whole.requests,
        secs(Some(report.seconds)),
        whole.rate,
        whole.error_ratio * 100.0,
        report.started,
    )?;
    if !report.gates.is_empty() {
        writeln!(out, "| gate | measured | |\n|---|---|---|")?;
        for gate in &report.gates {
            let word = match gate.passed {
                Some(true) => "pass",
                Some(false) => "**fail**",
                None => "**unknown**",
            };
            writeln!(out, "| {} | {} | {word} |", cell(&gate.objective), cell(&gate.measured))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "| | p50 | p90 | p99 | p99.9 | max |\n|---|---|---|---|---|---|")?;
    let rows = [
        ("response (due to done)", &whole.response),
        ("service (sent to done)", &whole.service),
        ("the generator's own lag", &report.lag),
    ];
    for (name, times) in rows {
        let Summary { p50, p90, p99, p999, max, .. } = times;
        let cells = [p50, p90, p99, p999, max].map(|it| secs(*it)).join(" | ");
        writeln!(out, "| {name} | {cells} |")?;
    }
    for limit in report.honesty.limits.iter().filter(|limit| !limit.kept) {
        let measured = limit.measured.unwrap_or(0.0);
        writeln!(
            out,
            "\nInvalid: {} is {measured:.4}, {:.4} is allowed.",
            limit.name, limit.limit
        )?;
    }
    for note in &report.notes {
        writeln!(out, "\nNote: {}", cell(note))?;
    }
    Ok(())
}

/// Nothing that ends a cell or starts an element.
fn cell(text: &str) -> String {
    super::escaped(text).replace('|', "\\|").replace('\n', " ")
}
