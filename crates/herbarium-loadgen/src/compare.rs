//! Two runs beside each other: how far percentiles lie apart, and whether that
//! is more than chance.
//!
//! Each run is a series of intervals. Drawing intervals with replacement, again
//! and again, shows how far a percentile moves when nothing has changed (the
//! bootstrap); a difference whose 95% interval does not hold 1 is one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::report::{Part, Point, Report, Verdict};
use crate::scenario::Role;
use crate::stats::{Interval, bootstrap};
use crate::timeline::Buckets;

/// How two runs are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompareOptions {
    /// Also runs of different scenarios, versions or machines.
    pub force: bool,
    /// Draws.
    pub rounds: usize,
    /// Of the draws.
    pub seed: u64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self { force: false, rounds: 1_000, seed: 1 }
    }
}

/// Two runs beside each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// What makes them incomparable, where that was overruled.
    pub differences: Vec<String>,
    /// Response time by percentile, then rate and errors.
    pub rows: Vec<Row>,
}

/// One figure of both runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub name: String,
    /// In the first run, in seconds or as a number.
    pub before: f64,
    /// In the second run.
    pub after: f64,
    /// `after / before`.
    pub ratio: f64,
    /// Where the ratio lies with 95% confidence; `None` with too few intervals.
    pub interval: Option<Interval>,
    /// What that means.
    pub change: Change,
}

/// Whether a figure changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Less than before, and not by chance.
    Lower,
    /// More than before, and not by chance.
    Higher,
    /// No more than chance.
    Same,
    /// Too few intervals to know.
    Unknown,
}

/// Why two runs are not compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompareError {
    /// They are not of a kind.
    #[error("these runs cannot be compared: {}; run both alike, or overrule this with --force", differences.join("; "))]
    Different {
        /// What differs.
        differences: Vec<String>,
    },
    /// One of them says nothing.
    #[error(
        "the {which} run is {verdict}: it says nothing about the server; run it again, or overrule this with --force"
    )]
    Invalid {
        /// First or second.
        which: &'static str,
        /// Its verdict.
        verdict: String,
    },
}

/// Percentiles that are compared.
const PERCENTILES: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];
/// With fewer intervals a draw says little.
const LEAST_INTERVALS: usize = 5;

/// Compares the steady parts of two runs.
///
/// # Errors
/// They differ in scenario, version or machine, or one is invalid, was ended early
/// or found no server, unless that is overruled.
pub fn compare(
    before: &Report,
    after: &Report,
    options: &CompareOptions,
) -> Result<Comparison, CompareError> {
    let differences = differences(before, after);
    if !options.force {
        for (which, report) in [("first", before), ("second", after)] {
            // Gates are no matter here: what the figures say of the server is.
            let verdict = match report.verdict {
                it @ (Verdict::Interrupted | Verdict::Unreachable) => it,
                _ if !report.honesty.valid => Verdict::Invalid,
                _ => continue,
            };
            return Err(CompareError::Invalid { which, verdict: verdict.to_string() });
        }
        if !differences.is_empty() {
            return Err(CompareError::Different { differences });
        }
    }
    let mut rows = percentile_rows(before, after, options);
    rows.push(plain_row("rate", before.steady.rate, after.steady.rate));
    rows.push(plain_row("errors", before.steady.error_ratio, after.steady.error_ratio));
    Ok(Comparison { differences, rows })
}

fn differences(before: &Report, after: &Report) -> Vec<String> {
    let fields = [
        ("scenario", &before.scenario_fingerprint, &after.scenario_fingerprint),
        ("version", &before.version, &after.version),
        ("machine", &before.host_fingerprint, &after.host_fingerprint),
    ];
    let differing = fields.into_iter().filter(|(_, before, after)| before != after);
    differing.map(|(name, before, after)| format!("{name} {before} and {after}")).collect()
}

fn percentile_rows(before: &Report, after: &Report, options: &CompareOptions) -> Vec<Row> {
    let (first, second) = (steady_buckets(before), steady_buckets(after));
    let table = Table::new(first.iter().chain(&second));
    let (first_rows, second_rows) = (table.rows(&first), table.rows(&second));
    let enough = first.len().min(second.len()) >= LEAST_INTERVALS;
    let row = |percent: f64| {
        let secs = |buckets: &[Buckets]| {
            let at = Buckets::sum(buckets).percentile(percent);
            at.map_or(0.0, |it| it.as_secs_f64())
        };
        let interval = enough.then(|| {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            bootstrap((first.len(), second.len()), options.rounds, options.seed, |drawn, too| {
                let was = table.percentile(&first_rows, drawn, percent, &mut one);
                let is = table.percentile(&second_rows, too, percent, &mut other);
                is / was.max(1.0)
            })
        });
        let (before, after) = (secs(&first), secs(&second));
        let interval = interval.flatten();
        Row {
            name: format!("p{percent}"),
            before,
            after,
            ratio: after / before.max(1e-12),
            interval,
            change: change(interval),
        }
    };
    PERCENTILES.into_iter().map(row).collect()
}

fn change(interval: Option<Interval>) -> Change {
    match interval {
        None => Change::Unknown,
        Some(Interval { high, .. }) if high < 1.0 => Change::Lower,
        Some(Interval { low, .. }) if low > 1.0 => Change::Higher,
        Some(_) => Change::Same,
    }
}

fn plain_row(name: &str, before: f64, after: f64) -> Row {
    let ratio = if before == after { 1.0 } else { after / before.max(1e-12) };
    Row { name: name.to_owned(), before, after, ratio, interval: None, change: Change::Unknown }
}

/// Response times of each interval of the steady stages.
fn steady_buckets(report: &Report) -> Vec<Buckets> {
    let is_steady = |part: &&Part| part.role == Some(Role::Steady);
    let has_steady = report.stages.iter().any(|part| is_steady(&part));
    let inside = |point: &&Point| {
        let mut steady = report.stages.iter().filter(is_steady);
        !has_steady
            || steady.any(|part| {
                point.at >= part.start - 1e-6
                    && point.at + point.seconds <= part.start + part.seconds + 1e-6
            })
    };
    let points = report.series.iter().filter(inside);
    points.map(Point::buckets).filter(|buckets| buckets.count() > 0).collect()
}

/// All times that occur in either run, so that a draw is a sum of columns.
struct Table {
    nanos: Vec<u64>,
}

impl Table {
    fn new<'a>(all: impl Iterator<Item = &'a Buckets>) -> Self {
        let mut nanos: Vec<u64> = all.flat_map(|it| it.pairs().map(|(at, _)| at)).collect();
        nanos.sort_unstable();
        nanos.dedup();
        Self { nanos }
    }

    /// Each interval as columns and counts.
    fn rows(&self, all: &[Buckets]) -> Vec<Vec<(usize, u64)>> {
        let column: BTreeMap<u64, usize> =
            self.nanos.iter().enumerate().map(|(at, nanos)| (*nanos, at)).collect();
        let row = |buckets: &Buckets| {
            let pairs = buckets.pairs();
            pairs.filter_map(|(nanos, count)| Some((*column.get(&nanos)?, count))).collect()
        };
        all.iter().map(row).collect()
    }

    fn percentile(
        &self,
        rows: &[Vec<(usize, u64)>],
        drawn: &[usize],
        percent: f64,
        counts: &mut Vec<u64>,
    ) -> f64 {
        counts.clear();
        counts.resize(self.nanos.len(), 0);
        for (column, count) in drawn.iter().flat_map(|at| &rows[*at]) {
            counts[*column] += count;
        }
        let whole: u64 = counts.iter().sum();
        let wanted = ((whole as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        let column = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        column.map_or(0.0, |at| self.nanos[at] as f64)
    }
}
