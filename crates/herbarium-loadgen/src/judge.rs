//! The verdict: gates, and before them what the generator must say against
//! itself.

use std::time::Duration;

use crate::gate::{Bound, GateSpec, Metric, Window};
use crate::net;
use crate::probe::ServerSample;
use crate::report::{
    GateResult, Honesty, Knee, Limit, Part, Point, Recovery, Report, Summary, Verdict,
};
use crate::run::Outcome;
use crate::scenario::{KneeSpec, Role};
use crate::span::show_nanos;
use crate::stats::{median, theil_sen};
use crate::timeline::Buckets;

/// A Prometheus answers within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fills in what follows from the figures of a report.
pub(crate) fn judge(report: &mut Report, outcome: &Outcome) {
    report.knee = knee(report);
    report.recovery = recovery(report);
    report.honesty.limits = limits(report, outcome);
    let is_kept = report.honesty.limits.iter().all(|limit| limit.kept);
    report.honesty.valid = is_kept;
    let gates = report.scenario.gates.clone();
    let judged = gates.iter().map(|gate| match (outcome.interrupted, gate.metric) {
        // Whoever ended the run does not want to wait for a Prometheus.
        (true, Metric::Prometheus) => unknown(gate, "the run was ended early".to_owned()),
        _ => result(report, gate),
    });
    report.gates = judged.collect();
    report.verdict = verdict(report, outcome.interrupted);
    report.exit_code = report.verdict.exit_code();
}

fn verdict(report: &Report, interrupted: bool) -> Verdict {
    let Honesty { valid, .. } = report.honesty;
    let gates = &report.gates;
    match () {
        () if interrupted => Verdict::Interrupted,
        () if report.is_unreachable() => Verdict::Unreachable,
        () if !valid => Verdict::Invalid,
        // A server that answers nothing leaves gates on times without a figure, and is no good.
        () if gates.iter().any(|gate| gate.passed == Some(false)) => Verdict::Fail,
        () if gates.iter().any(|gate| gate.passed.is_none()) => Verdict::Invalid,
        () => Verdict::Pass,
    }
}

fn limits(report: &Report, outcome: &Outcome) -> Vec<Limit> {
    let spec = report.scenario.honesty;
    let bad = report.honesty.late + report.honesty.dropped;
    let share = bad as f64 / report.due.max(1) as f64;
    let limit = |name: &str, measured: Option<f64>, limit: f64| Limit {
        name: name.to_owned(),
        kept: measured.is_none_or(|it| it <= limit),
        measured,
        limit,
    };
    let mut limits = vec![
        limit("lag_p99", report.lag.p99, spec.lag_p99.as_secs_f64()),
        limit("late_or_dropped", Some(share), spec.late_or_dropped),
        limit("cpu", Some(outcome.cpu), spec.cpu),
        limit("host_pressure", outcome.pressure, spec.host_pressure),
    ];
    if outcome.lost > 0 {
        limits.push(limit("workers_lost", Some(outcome.lost as f64), 0.0));
    }
    limits
}

fn is_too_much(part: &Part, knee: &KneeSpec) -> bool {
    part.error_ratio > knee.errors
        || part.response.p99.is_none_or(|p99| p99 > knee.p99.as_secs_f64())
}

fn knee(report: &Report) -> Option<Knee> {
    let is_climb = |part: &&Part| part.role == Some(Role::Climb);
    let climb: Vec<&Part> = report.stages.iter().filter(is_climb).collect();
    let spec = report.scenario.knee;
    let first_bad = climb.iter().position(|part| is_too_much(part, &spec));
    let last_good = first_bad.unwrap_or(climb.len()).checked_sub(1);
    (!climb.is_empty()).then(|| Knee {
        rate: last_good.map(|at| climb[at].rate),
        beyond: first_bad.map(|at| climb[at].name.clone()),
    })
}

/// All is as before from the first point after which none is too much.
fn recovery(report: &Report) -> Option<Recovery> {
    let stage = report.stages.iter().find(|part| part.role == Some(Role::Recovery))?;
    let spec = report.scenario.knee;
    let points = points_of(report, stage);
    let is_bad = |point: &&Point| {
        let errors = point.errors as f64 / point.requests.max(1) as f64;
        errors > spec.errors || point.p99.is_some_and(|p99| p99 > spec.p99.as_secs_f64())
    };
    let last_bad = points.iter().rposition(is_bad);
    let seconds = match last_bad {
        None => (!points.is_empty()).then_some(0.0),
        Some(at) => points.get(at + 1).map(|point| (point.at - stage.start).max(0.0)),
    };
    Some(Recovery { seconds })
}

/// Points that lie within a stage.
fn points_of<'a>(report: &'a Report, stage: &Part) -> Vec<&'a Point> {
    let end = stage.start + stage.seconds;
    let noise = report.point_seconds * 1e-6;
    let inside =
        |point: &&Point| point.at >= stage.start - noise && point.at + point.seconds <= end + noise;
    report.series.iter().filter(inside).collect()
}

fn steady_points(report: &Report) -> Vec<&Point> {
    let steady = report.stages.iter().filter(|part| part.role == Some(Role::Steady));
    let points: Vec<&Point> = steady.flat_map(|part| points_of(report, part)).collect();
    match points.is_empty() {
        true => report.series.iter().collect(),
        false => points,
    }
}

/// A gate's value in a report, in seconds or as a number.
///
/// # Errors
/// Why it cannot be measured.
pub fn measure(report: &Report, gate: &GateSpec) -> Result<f64, String> {
    let value = match gate.metric {
        Metric::Prometheus => return query(gate),
        Metric::Wait => report.wait.percentile(gate.percentile()),
        Metric::Lag => report.lag.percentile(gate.percentile()),
        Metric::Connect => report.connect.percentile(gate.percentile()),
        Metric::Response | Metric::Service | Metric::Errors | Metric::Rate => {
            return measure_window(report, gate);
        }
        Metric::Delivered => return delivered(report, gate),
        Metric::MemorySlope => memory_slope(report),
        Metric::MemoryGrowth => growth(report, |last, first| last / first.max(1.0)),
        Metric::Descriptors => descriptors(report),
        Metric::P99Drift => p99_drift(report),
        Metric::Recovery => report.recovery.as_ref().map(|it| it.seconds.unwrap_or(f64::INFINITY)),
        Metric::Knee => report.knee.as_ref().map(|knee| knee.rate.unwrap_or(0.0)),
        Metric::Scaling => scaling(report),
    };
    value.ok_or_else(|| missing(gate.metric).to_owned())
}

fn missing(metric: Metric) -> &'static str {
    match metric {
        Metric::MemorySlope | Metric::MemoryGrowth | Metric::Descriptors => {
            "the server was not watched; name its process or its metrics"
        }
        Metric::Recovery => "no stage has the role recovery",
        Metric::Knee => "no stage has the role climb",
        _ => "nothing was measured",
    }
}

fn measure_window(report: &Report, gate: &GateSpec) -> Result<f64, String> {
    if let Window::Worst(span) = gate.window {
        return worst(report, gate, span.as_secs_f64());
    }
    let part = part(report, gate)?;
    match gate.metric {
        Metric::Response => of_times(&part.response, gate),
        Metric::Service => of_times(&part.service, gate),
        Metric::Rate => Ok(part.rate),
        _ if part.requests == 0 => Err("no request came to an end".to_owned()),
        _ => Ok(errors_of(part, gate) as f64 / part.requests as f64),
    }
}

fn of_times(times: &Summary, gate: &GateSpec) -> Result<f64, String> {
    times.percentile(gate.percentile()).ok_or_else(|| "nothing was measured".to_owned())
}

fn errors_of(part: &Part, gate: &GateSpec) -> u64 {
    match gate.class.is_empty() {
        true => part.errors.sum(),
        false => gate.class.iter().map(|class| part.errors.get(*class)).sum(),
    }
}

/// The part of the run that a gate is about.
fn part<'a>(report: &'a Report, gate: &GateSpec) -> Result<&'a Part, String> {
    let named = |parts: &'a [Part], name: &str| {
        let found = parts.iter().find(|part| part.name == name);
        found.ok_or_else(|| format!("there is no `{name}`"))
    };
    match (&gate.stage, &gate.flow, gate.window) {
        (Some(stage), ..) => named(&report.stages, stage),
        (None, Some(flow), Window::Whole) => named(&report.flows, flow),
        (None, Some(flow), _) => named(&report.steady_flows, flow),
        (None, None, Window::Whole) => Ok(&report.whole),
        (None, None, _) => Ok(&report.steady),
    }
}

/// The worst of all stretches of that length.
fn worst(report: &Report, gate: &GateSpec, seconds: f64) -> Result<f64, String> {
    let count = (seconds / report.point_seconds.max(1e-9)).round() as usize;
    let count = count.clamp(1, report.series.len().max(1));
    let whole_points = report.series.iter().filter(|point| {
        // What is left after the schedule's end is no whole interval.
        point.at + point.seconds <= report.scenario.length().as_secs_f64() + 1e-6
    });
    let points: Vec<&Point> = whole_points.collect();
    let buckets: Vec<Buckets> = match gate.metric {
        Metric::Response => points.iter().map(|point| point.buckets()).collect(),
        _ => Vec::new(),
    };
    let starts = 0..(points.len() + 1).saturating_sub(count);
    let values = starts.filter_map(|at| match gate.metric {
        Metric::Response => {
            let sum = Buckets::sum(&buckets[at..at + count]);
            sum.percentile(gate.percentile()).map(|it| it.as_secs_f64())
        }
        Metric::Rate => Some(rate_of(&points[at..at + count])),
        _ => error_share(&points[at..at + count], gate),
    });
    let worst = match gate.metric {
        Metric::Rate => values.reduce(f64::min),
        _ => values.reduce(f64::max),
    };
    worst.ok_or_else(|| "no interval was measured".to_owned())
}

fn rate_of(points: &[&Point]) -> f64 {
    let good: u64 = points.iter().map(|point| point.requests.saturating_sub(point.errors)).sum();
    good as f64 / points.iter().map(|point| point.seconds).sum::<f64>().max(1e-9)
}

fn error_share(points: &[&Point], gate: &GateSpec) -> Option<f64> {
    let errors = |point: &&Point| match gate.class.is_empty() {
        true => point.errors,
        false => gate.class.iter().map(|class| point.faults.get(*class)).sum(),
    };
    let requests: u64 = points.iter().map(|point| point.requests).sum();
    let errors: u64 = points.iter().map(errors).sum();
    (requests > 0).then(|| errors as f64 / requests as f64)
}

fn delivered(report: &Report, gate: &GateSpec) -> Result<f64, String> {
    let is_whole = gate.window == Window::Whole && gate.stage.is_none() && gate.flow.is_none();
    let part = part(report, gate)?;
    let due = if is_whole { report.due } else { part.requests };
    match due {
        0 => Err("no arrival came due".to_owned()),
        _ => Ok(part.good as f64 / due as f64),
    }
}

fn query(gate: &GateSpec) -> Result<f64, String> {
    let (Some(server), Some(query)) = (&gate.prometheus, &gate.query) else {
        return Err("the gate names no server or no query".to_owned());
    };
    net::query(server, query, PATIENCE).map_err(|error| format!("{server}: {error}"))
}

/// What the server did in the steady part. Before it, connections are still being
/// opened: a server that holds one for each user has not lost them. Where a
/// steady part is too short to be seen twice, all that was seen.
fn steady_samples(report: &Report) -> Vec<&ServerSample> {
    let steady = report.stages.iter().filter(|part| part.role == Some(Role::Steady));
    let is_steady = |sample: &&ServerSample| {
        let mut steady = steady.clone();
        steady.any(|part| (part.start..=part.start + part.seconds).contains(&sample.at))
    };
    let samples: Vec<&ServerSample> = report.server.iter().filter(is_steady).collect();
    match samples.len() {
        0 | 1 => report.server.iter().collect(),
        _ => samples,
    }
}

/// Growth an hour as a share of the usual size.
fn memory_slope(report: &Report) -> Option<f64> {
    let samples = steady_samples(report).into_iter();
    let points: Vec<(f64, f64)> =
        samples.filter_map(|sample| Some((sample.at / 3600.0, sample.memory?))).collect();
    let usual = median(&mut points.iter().map(|(_, memory)| *memory).collect::<Vec<_>>())?;
    theil_sen(&points).map(|slope| slope / usual.max(1.0))
}

fn growth(report: &Report, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let mut memory = steady_samples(report).into_iter().filter_map(|sample| sample.memory);
    let first = memory.next()?;
    Some(of(memory.next_back().unwrap_or(first), first))
}

fn descriptors(report: &Report) -> Option<f64> {
    let mut open = steady_samples(report).into_iter().filter_map(|sample| sample.descriptors);
    let first = open.next()?;
    Some(open.next_back().unwrap_or(first) - first)
}

fn p99_drift(report: &Report) -> Option<f64> {
    let points = steady_points(report);
    let quarter = (points.len() / 4).max(1);
    let p99 = |points: &[&Point]| {
        let all: Vec<Buckets> = points.iter().map(|point| point.buckets()).collect();
        Buckets::sum(&all).percentile(99.0).map(|it| it.as_secs_f64())
    };
    let (first, last) = (points.get(..quarter)?, &points[points.len().checked_sub(quarter)?..]);
    Some(p99(last)? / p99(first)?.max(1e-9))
}

fn scaling(report: &Report) -> Option<f64> {
    let steady = report.stages.iter().filter(|part| part.role == Some(Role::Steady));
    let rates: Vec<f64> = steady.map(|part| part.rate).collect();
    let best = rates.iter().copied().reduce(f64::max)?;
    Some(rates.last()? / best.max(1e-9))
}

/// Measures a gate and holds it against its limits.
pub fn result(report: &Report, gate: &GateSpec) -> GateResult {
    let judged = measure(report, gate).and_then(|value| Ok((value, keeps(report, gate, value)?)));
    match judged {
        Ok((value, passed)) => GateResult {
            objective: gate.objective(),
            measured: show(gate, value),
            value: value.is_finite().then_some(value),
            passed: Some(passed),
        },
        Err(why) => unknown(gate, why),
    }
}

fn unknown(gate: &GateSpec, why: String) -> GateResult {
    GateResult { objective: gate.objective(), measured: why, value: None, passed: None }
}

fn keeps(report: &Report, gate: &GateSpec, value: f64) -> Result<bool, String> {
    let below = gate.below.is_none_or(|bound| value < Bound::value(bound));
    let above = gate.above.is_none_or(|bound| value > Bound::value(bound));
    let Some((path, times)) = gate.baseline.as_ref().zip(gate.at_most) else {
        return Ok(below && above);
    };
    let path = report.scenario.folder.join(path);
    let baseline = Report::read(&path).map_err(|error| error.to_string())?;
    let before = measure(&baseline, gate).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(below && above && value <= before * times)
}

fn show(gate: &GateSpec, value: f64) -> String {
    let is_time = gate.metric.is_time() || gate.metric == Metric::Recovery;
    match gate.metric {
        _ if is_time && value.is_finite() => show_nanos(value * 1e9),
        Metric::Recovery => "not within the stage".to_owned(),
        Metric::Errors => format!("{:.4}%", value * 100.0),
        _ => format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}
