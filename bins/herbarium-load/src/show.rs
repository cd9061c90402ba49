//! What is printed: a line for each interval, and a summary at the end.

use std::fmt::Write as _;

use herbarium_loadgen::report::{Part, Report, Summary};
use herbarium_loadgen::{Span, View, show_nanos};

/// One interval on one line.
pub(crate) fn line(view: &View<'_>) -> String {
    let slot = view.slot;
    let rate = slot.requests as f64 / view.interval.as_secs_f64();
    let time = |percent| {
        let at = slot.response.percentile(percent);
        at.map_or("-".to_owned(), |it| show_nanos(it.as_nanos() as f64))
    };
    let lag = slot.lag.percentile(99.0).map_or("-".to_owned(), |it| Span::from(it).to_string());
    format!(
        "{:>6}s {:>9.1}/s  p50 {:>8}  p99 {:>8}  max {:>8}  errors {:<5} lag p99 {:>8}  open {:<5} {}",
        view.at.as_secs_f64(),
        rate,
        time(50.0),
        time(99.0),
        time(100.0),
        slot.faults.sum(),
        lag,
        slot.open,
        view.stage,
    )
}

/// Seconds for reading.
fn secs(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |it| show_nanos(it * 1e9))
}

/// The whole report in a screenful.
pub(crate) fn summary(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_summary(&mut out, report);
    out
}

fn write_summary(out: &mut String, report: &Report) -> std::fmt::Result {
    let Report { whole, .. } = report;
    writeln!(out, "\n{} -> {}", report.scenario.name, report.target)?;
    writeln!(
        out,
        "{} requests in {} ({:.1} good ones a second), {} due, {} errors ({:.4}%)",
        whole.requests,
        secs(Some(report.seconds)),
        whole.rate,
        report.due,
        whole.errors.sum(),
        whole.error_ratio * 100.0,
    )?;
    for (fault, count) in whole.errors.iter() {
        writeln!(out, "  {fault}: {count}")?;
    }
    write_table(out, report)?;
    write_stages(out, &report.stages)?;
    if let Some(knee) = &report.knee {
        let rate =
            knee.rate.map_or("not even the first step".to_owned(), |it| format!("{it:.1}/s"));
        match &knee.beyond {
            Some(step) => writeln!(out, "knee: {rate}; too much in `{step}`")?,
            None => writeln!(out, "knee: above {rate}; no step was too much")?,
        }
    }
    if let Some(recovery) = &report.recovery {
        let after = recovery.seconds.map_or("not within the stage".to_owned(), |it| secs(Some(it)));
        writeln!(out, "recovery: {after}")?;
    }
    write_honesty(out, report)?;
    for gate in &report.gates {
        let word = match gate.passed {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "????",
        };
        writeln!(out, "gate {word}: {} (measured: {})", gate.objective, gate.measured)?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "{}", report.verdict)
}

/// Response and service side by side: how far they lie apart is what tools that
/// only measure from the sending leave out.
fn write_table(out: &mut String, report: &Report) -> std::fmt::Result {
    let columns: [(&str, &Summary); 4] = [
        ("response", &report.whole.response),
        ("service", &report.whole.service),
        ("wait", &report.wait),
        ("own lag", &report.lag),
    ];
    let names: Vec<String> = columns.iter().map(|(name, _)| format!("{name:>12}")).collect();
    writeln!(out, "{:10}{}", "", names.concat())?;
    type Get = fn(&Summary) -> Option<f64>;
    let rows: [(&str, Get); 7] = [
        ("p50", |it| it.p50),
        ("p90", |it| it.p90),
        ("p95", |it| it.p95),
        ("p99", |it| it.p99),
        ("p99.9", |it| it.p999),
        ("max", |it| it.max),
        ("mean", |it| it.mean),
    ];
    for (name, get) in rows {
        let cells: Vec<String> =
            columns.iter().map(|(_, times)| format!("{:>12}", secs(get(times)))).collect();
        writeln!(out, "{name:10}{}", cells.concat())?;
    }
    Ok(())
}

fn write_stages(out: &mut String, stages: &[Part]) -> std::fmt::Result {
    if stages.len() < 2 {
        return Ok(());
    }
    for part in stages {
        writeln!(
            out,
            "stage {:<20} {:>10.1}/s  p50 {:>9}  p99 {:>9}  errors {:.3}%",
            part.name,
            part.rate,
            secs(part.response.p50),
            secs(part.response.p99),
            part.error_ratio * 100.0,
        )?;
    }
    Ok(())
}

fn write_honesty(out: &mut String, report: &Report) -> std::fmt::Result {
    for limit in report.honesty.limits.iter().filter(|limit| !limit.kept) {
        let measured = limit.measured.unwrap_or(f64::NAN);
        writeln!(
            out,
            "invalid: {} is {measured:.4}, and {:.4} is allowed: this run says more about the \
             generator or its machine than about the server",
            limit.name, limit.limit,
        )?;
    }
    Ok(())
}
