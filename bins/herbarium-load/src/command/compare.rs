//! `herbarium-load compare`

use std::fmt::Write as _;

use herbarium_loadgen::compare::{Change, CompareOptions, Comparison, Row, compare};
use herbarium_loadgen::{Report, Verdict, show_nanos};

use crate::args::CompareArgs;
use crate::exit::{Trouble, print, tell_line};

pub(crate) fn run(args: &CompareArgs) -> Result<u8, Trouble> {
    let (before, after) = (Report::read(&args.before)?, Report::read(&args.after)?);
    let options = CompareOptions { force: args.force, ..CompareOptions::default() };
    let comparison = compare(&before, &after, &options)?;
    match args.json {
        true => print(format_args!("{}\n", serde_json::to_string_pretty(&comparison)?)),
        false => print(table(&comparison)),
    }
    Ok(args.at_most.map_or(Verdict::Pass, |most| judge(&comparison, most)).exit_code())
}

/// Above for sure is when the whole interval lies above; without any interval
/// nothing is sure.
fn judge(comparison: &Comparison, most: f64) -> Verdict {
    let mut intervals = comparison.rows.iter().filter_map(|row| row.interval).peekable();
    if intervals.peek().is_none() {
        tell_line("too few intervals to tell a difference from chance: make the runs longer");
        return Verdict::Invalid;
    }
    match intervals.any(|interval| interval.low > most) {
        true => Verdict::Fail,
        false => Verdict::Pass,
    }
}

fn table(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{:8}{:>12}{:>12}{:>9}  95% interval", "", "before", "after", "ratio");
    for row in &comparison.rows {
        let _ = writeln!(out, "{}", line(row));
    }
    for difference in &comparison.differences {
        let _ = writeln!(out, "note: these runs differ: {difference}");
    }
    out
}

fn line(row: &Row) -> String {
    let show = |value: f64| match row.name.as_str() {
        "rate" => format!("{value:.1}/s"),
        "errors" => format!("{:.4}%", value * 100.0),
        _ => show_nanos(value * 1e9),
    };
    let change = match row.change {
        Change::Lower => "lower",
        Change::Higher => "HIGHER",
        Change::Same => "no more than chance",
        Change::Unknown => "",
    };
    let interval =
        row.interval.map_or(String::new(), |it| format!("{:.3} to {:.3}", it.low, it.high));
    format!(
        "{:8}{:>12}{:>12}{:>9.3}  {interval:16} {change}",
        row.name,
        show(row.before),
        show(row.after),
        row.ratio
    )
    .trim_end()
    .to_owned()
}
