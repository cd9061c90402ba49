//! What a run gave, as it is written to files: a versioned schema, described
//! field by field in `docs/load.md`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::host::Host;
use crate::judge;
use crate::outcome::{Fault, Faults};
use crate::probe::ServerSample;
use crate::record::{Cell, Times};
use crate::run::Outcome;
use crate::scenario::{Role, Scenario, Stage};
use crate::timeline::{Buckets, Slot, Timeline};

/// Version of the report's JSON. Readers accept this one alone; a field that is
/// only added does not change it.
pub const REPORT_SCHEMA: u32 = 1;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All gates passed.
    Pass,
    /// A gate did not.
    Fail,
    /// The generator or its machine was too slow, or a gate could not be
    /// measured: neither pass nor fail.
    Invalid,
    /// The server was never reached.
    Unreachable,
    /// Somebody ended it early.
    Interrupted,
}

impl Verdict {
    /// What the program exits with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 2,
            Self::Invalid => 3,
            Self::Unreachable => 4,
            Self::Interrupted => 130,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Invalid => "INVALID",
            Self::Unreachable => "UNREACHABLE",
            Self::Interrupted => "INTERRUPTED",
        })
    }
}

/// A whole report.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_SCHEMA`].
    pub schema: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// How the run ended.
    pub verdict: Verdict,
    /// The exit code of that.
    pub exit_code: u8,
    /// When it started, in UTC.
    pub started: String,
    /// From its start until the last answer.
    pub seconds: f64,
    /// Where requests went.
    pub target: String,
    /// What was run, in the size in which it was.
    pub scenario: Scenario,
    /// Equal for runs of the same scenario in the same size.
    pub scenario_fingerprint: String,
    /// Where it ran.
    pub host: Host,
    /// Equal for runs on the same machine.
    pub host_fingerprint: String,
    /// Threads that sent.
    pub workers: usize,
    /// The whole run.
    pub whole: Part,
    /// Its steady stages; the whole run, if there is none.
    pub steady: Part,
    /// Each stage.
    pub stages: Vec<Part>,
    /// Each flow, over the whole run.
    pub flows: Vec<Part>,
    /// Each flow, over the steady stages.
    pub steady_flows: Vec<Part>,
    /// Due to sent.
    pub wait: Summary,
    /// The generator's own part of that.
    pub lag: Summary,
    /// Time to connect.
    pub connect: Summary,
    /// Arrivals that came due.
    pub due: u64,
    /// Connections that could not be opened ahead of any request.
    pub connect_failures: u64,
    /// Connections that the server closed while they were idle.
    pub closed_idle: u64,
    /// Length of a point of the series, in seconds.
    pub point_seconds: f64,
    /// What happened when.
    pub series: Vec<Point>,
    /// What the server did meanwhile.
    pub server: Vec<ServerSample>,
    /// Where it became too much, if a stage climbed.
    pub knee: Option<Knee>,
    /// How long it took to be as before, if a stage was for that.
    pub recovery: Option<Recovery>,
    /// What the generator must say against itself.
    pub honesty: Honesty,
    /// Each gate, in order.
    pub gates: Vec<GateResult>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Requests of the whole run, a stage, or a flow.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Part {
    /// Of the stage or flow.
    pub name: String,
    /// What the stage is for.
    pub role: Option<Role>,
    /// From the start of the run, of a stage.
    pub start: f64,
    /// Length in seconds.
    pub seconds: f64,
    /// Requests that came to an end, well or not.
    pub requests: u64,
    /// Of those, without an error.
    pub good: u64,
    /// Without an error, a second.
    pub rate: f64,
    /// Errors as a share of requests.
    pub error_ratio: f64,
    /// Errors by class.
    pub errors: Faults,
    /// Answers by the first digit of their status; the first counts other ones.
    pub statuses: [u64; 6],
    /// Bytes of answers.
    pub bytes: u64,
    /// Due to done, of what was answered or timed out.
    pub response: Summary,
    /// Sent to done, of the same.
    pub service: Summary,
    /// Due to failed, of all other requests.
    pub failed: Summary,
}

/// Times in seconds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// The shortest.
    pub min: Option<f64>,
    /// Half are not longer.
    pub p50: Option<f64>,
    /// 75 of 100 are not longer.
    pub p75: Option<f64>,
    /// 90 of 100 are not longer.
    pub p90: Option<f64>,
    /// 95 of 100 are not longer.
    pub p95: Option<f64>,
    /// 99 of 100 are not longer.
    pub p99: Option<f64>,
    /// 999 of 1,000 are not longer.
    pub p999: Option<f64>,
    /// 9,999 of 10,000 are not longer.
    pub p9999: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// How far they lie from it.
    pub deviation: Option<f64>,
    /// All of them: HdrHistogram V2, deflated, base64, in nanoseconds.
    pub histogram: Times,
}

/// One point of the series.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Its start, in seconds from that of the run.
    pub at: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// Arrivals that came due.
    pub due: u64,
    /// Requests that came to an end.
    pub requests: u64,
    /// Of those, with an error.
    pub errors: u64,
    /// By class.
    pub faults: Faults,
    /// Response time: half are not longer.
    pub p50: Option<f64>,
    /// Response time: 90 of 100.
    pub p90: Option<f64>,
    /// Response time: 99 of 100.
    pub p99: Option<f64>,
    /// Response time: the longest.
    pub max: Option<f64>,
    /// Service time: 99 of 100.
    pub service_p99: Option<f64>,
    /// The generator's lag: 99 of 100.
    pub lag_p99: Option<f64>,
    /// Arrivals sent late by the generator's fault.
    pub late: u64,
    /// Arrivals thrown away.
    pub dropped: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// Connections open at the end.
    pub open: u64,
    /// Requests under way at the end.
    pub in_flight: u64,
    /// Processor time of the busiest worker, as a share of one core.
    pub cpu: f64,
    /// All response times, as [`Summary::histogram`].
    pub response: String,
}

impl Point {
    /// All response times.
    pub fn buckets(&self) -> Buckets {
        Times::from_base64(&self.response).map(|times| Buckets::of(&times)).unwrap_or_default()
    }
}

/// Where it became too much.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Knee {
    /// Requests a second of the last step that was not; `None` if all were.
    pub rate: Option<f64>,
    /// The first step that was; `None` if none was: the knee lies higher.
    pub beyond: Option<String>,
}

/// How long it took to be as before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recovery {
    /// From the start of the stage; `None`: not within it.
    pub seconds: Option<f64>,
}

/// What the generator must say against itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Honesty {
    /// Nothing was beyond its limit.
    pub valid: bool,
    /// Arrivals sent late by the generator's fault.
    pub late: u64,
    /// Arrivals thrown away.
    pub dropped: u64,
    /// Processor seconds of all workers.
    pub cpu_seconds: f64,
    /// One line for each limit.
    pub limits: Vec<Limit>,
}

/// One limit of the generator.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// Of what: a field of `[honesty]`, or `workers_lost`.
    pub name: String,
    /// What was measured; `None` where it cannot be.
    pub measured: Option<f64>,
    /// What is allowed.
    pub limit: f64,
    /// Not beyond.
    pub kept: bool,
}

/// What became of a gate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GateResult {
    /// What was to be, in words.
    pub objective: String,
    /// What was, in words.
    pub measured: String,
    /// What was, in seconds or as a number.
    pub value: Option<f64>,
    /// Whether it passed; `None`: it could not be measured.
    pub passed: Option<bool>,
}

/// Why a report cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file.
    #[error("cannot {deed} {}", path.display())]
    Io {
        /// Read or write.
        deed: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no report.
    #[error("cannot read {}: it is no report of herbarium-load", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where it went wrong.
        source: serde_json::Error,
    },
    /// It is one of another version.
    #[error("cannot read {}: its schema is {found}, this version reads {REPORT_SCHEMA}; run it again with this version", path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

impl Summary {
    /// Of these times.
    pub fn of(times: &Times) -> Self {
        let secs = |time: Option<Duration>| time.map(|it| it.as_secs_f64());
        let percentile = |percent| secs(times.percentile(percent));
        Self {
            count: times.count(),
            min: secs(times.min()),
            p50: percentile(50.0),
            p75: percentile(75.0),
            p90: percentile(90.0),
            p95: percentile(95.0),
            p99: percentile(99.0),
            p999: percentile(99.9),
            p9999: percentile(99.99),
            max: secs(times.max()),
            mean: secs(times.mean()),
            deviation: secs(times.deviation()),
            histogram: times.clone(),
        }
    }

    /// Any percentile, in seconds; 100 is the longest.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let time = match percent >= 100.0 {
            true => self.histogram.max(),
            false => self.histogram.percentile(percent),
        };
        time.map(|it| it.as_secs_f64())
    }
}

impl Part {
    fn of(name: &str, seconds: f64, cell: &Cell) -> Self {
        let requests = cell.requests();
        let errors = cell.faults.sum();
        let good = requests.saturating_sub(errors);
        Self {
            name: name.to_owned(),
            role: None,
            start: 0.0,
            seconds,
            requests,
            good,
            rate: good as f64 / seconds.max(1e-9),
            error_ratio: errors as f64 / requests.max(1) as f64,
            errors: cell.faults,
            statuses: cell.statuses,
            bytes: cell.bytes,
            response: Summary::of(&cell.response),
            service: Summary::of(&cell.service),
            failed: Summary::of(&cell.failed),
        }
    }
}

impl Point {
    fn of(slot: &Slot, interval: f64) -> Self {
        let secs = |time: Option<Duration>| time.map(|it| it.as_secs_f64());
        Self {
            at: slot.first as f64 * interval,
            seconds: slot.width as f64 * interval,
            due: slot.due,
            requests: slot.requests,
            errors: slot.faults.sum(),
            faults: slot.faults,
            p50: secs(slot.response.percentile(50.0)),
            p90: secs(slot.response.percentile(90.0)),
            p99: secs(slot.response.percentile(99.0)),
            max: secs(slot.response.percentile(100.0)),
            service_p99: secs(slot.service.percentile(99.0)),
            lag_p99: secs(slot.lag.percentile(99.0)),
            late: slot.late,
            dropped: slot.dropped,
            bytes: slot.bytes,
            open: slot.open,
            in_flight: slot.in_flight,
            cpu: slot.cpu,
            response: slot.response.to_times().to_base64(),
        }
    }
}

impl Report {
    /// Sums up an outcome and judges it by the scenario's gates.
    pub fn new(scenario: &Scenario, target: &str, outcome: &Outcome) -> Self {
        let mut report = Self::unjudged(scenario, target, outcome);
        judge::judge(&mut report, outcome);
        report
    }

    fn unjudged(scenario: &Scenario, target: &str, outcome: &Outcome) -> Self {
        let host = Host::this();
        let ran = ran_for(&outcome.stages, outcome);
        let steady_stages: Vec<usize> = steady(&outcome.stages);
        let is_steady = |cell: &Cell| steady_stages.contains(&cell.stage);
        let steady_seconds = steady_stages.iter().map(|at| ran[*at]).sum();
        let whole = &outcome.whole;
        let flow_names = scenario.flows.iter().map(|flow| flow.name.clone().unwrap_or_default());
        let flow_names: Vec<String> = flow_names.collect();
        let seconds = outcome.elapsed.as_secs_f64();
        let flows = |seconds, wanted: &dyn Fn(&Cell) -> bool| {
            let names = flow_names.iter().enumerate();
            names
                .map(|(at, name)| {
                    let sum = whole.sum(|cell| cell.flow == at && wanted(cell));
                    Part::of(name, seconds, &sum)
                })
                .collect()
        };
        Self {
            schema: REPORT_SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            verdict: Verdict::Pass,
            exit_code: 0,
            started: utc(outcome.started),
            seconds,
            target: target.to_owned(),
            scenario: scenario.clone(),
            scenario_fingerprint: scenario.fingerprint(),
            host_fingerprint: host.fingerprint(),
            host,
            workers: outcome.workers,
            whole: Part::of("whole", seconds, &whole.sum(|_| true)),
            steady: Part::of("steady", steady_seconds, &whole.sum(is_steady)),
            stages: stage_parts(outcome, &ran),
            flows: flows(seconds, &|_| true),
            steady_flows: flows(steady_seconds, &is_steady),
            wait: Summary::of(&whole.wait),
            lag: Summary::of(&whole.lag),
            connect: Summary::of(&whole.connect),
            due: whole.due,
            connect_failures: whole.connect_failures,
            closed_idle: whole.closed_idle,
            point_seconds: outcome.timeline.slot_length().as_secs_f64(),
            series: points(&outcome.timeline),
            server: outcome.server.clone(),
            knee: None,
            recovery: None,
            honesty: Honesty {
                valid: true,
                late: whole.late,
                dropped: whole.dropped,
                cpu_seconds: outcome.cpu_seconds,
                limits: Vec::new(),
            },
            gates: Vec::new(),
            notes: outcome.notes.clone(),
        }
    }

    /// As JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Writes JSON to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        write_file(path, &self.to_json())
    }

    /// Reads what [`Report::write`] wrote.
    ///
    /// # Errors
    /// No file, no report, or one of another version.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let text = std::fs::read_to_string(path).map_err(|source| ReportError::Io {
            deed: "read the report",
            path: path.to_owned(),
            source,
        })?;
        let no_report = |source| ReportError::Json { path: path.to_owned(), source };
        let json: serde_json::Value = serde_json::from_str(&text).map_err(no_report)?;
        match json["schema"].as_u64() {
            Some(found) if found != u64::from(REPORT_SCHEMA) => {
                Err(ReportError::Schema { path: path.to_owned(), found })
            }
            _ => serde_json::from_value(json).map_err(no_report),
        }
    }

    /// Whether no request was ever answered, for want of a connection.
    pub(crate) fn is_unreachable(&self) -> bool {
        let answers: u64 = self.whole.statuses.iter().sum();
        let unreachable: u64 = Fault::ALL
            .into_iter()
            .filter(|fault| fault.is_unreachable())
            .map(|fault| self.whole.errors.get(fault))
            .sum();
        answers == 0 && unreachable + self.connect_failures > 0
    }
}

/// Writes a file of the report.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|source| ReportError::Io {
        deed: "write the report",
        path: path.to_owned(),
        source,
    })
}

/// Positions of the steady stages; of all, if there is none.
pub(crate) fn steady(stages: &[Stage]) -> Vec<usize> {
    let steady = (0..stages.len()).filter(|at| stages[*at].role == Role::Steady);
    let steady: Vec<usize> = steady.collect();
    match steady.is_empty() {
        true => (0..stages.len()).collect(),
        false => steady,
    }
}

/// Seconds for which each stage was really run.
fn ran_for(stages: &[Stage], outcome: &Outcome) -> Vec<f64> {
    // A run may end early: when somebody ends it, and at a cap.
    let ran = |stage: &Stage| outcome.elapsed.saturating_sub(stage.start).min(stage.length);
    stages.iter().map(|stage| ran(stage).as_secs_f64()).collect()
}

fn stage_parts(outcome: &Outcome, ran: &[f64]) -> Vec<Part> {
    let stages = outcome.stages.iter().enumerate();
    let part = |(at, stage): (usize, &Stage)| Part {
        role: Some(stage.role),
        start: stage.start.as_secs_f64(),
        ..Part::of(&stage.name, ran[at], &outcome.whole.sum(|cell| cell.stage == at))
    };
    stages.map(part).collect()
}

fn points(timeline: &Timeline) -> Vec<Point> {
    let interval = timeline.interval().as_secs_f64();
    // After the last answer a worker may still have looked into an interval.
    let is_empty = |slot: &Slot| slot.due == 0 && slot.requests == 0;
    let slots = timeline.slots();
    let end = slots.iter().rposition(|slot| !is_empty(slot)).map_or(0, |at| at + 1);
    slots[..end].iter().map(|slot| Point::of(slot, interval)).collect()
}

/// `2026-11-22T15:00:00Z`
pub(crate) fn utc(time: SystemTime) -> String {
    let secs = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (secs / 86_400, secs % 86_400);
    // Days from civil, backwards (Howard Hinnant).
    let z = days as i64 + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let check = |secs, text| assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(secs)), text);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_795_359_599, "2026-11-22T14:59:59Z");
    }
}
