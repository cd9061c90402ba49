//! A canary: the new version beside the old one, at the same time, under the
//! same arrivals, in steps.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::host::Usage;
use crate::probe::look;
use crate::report::Report;
use crate::run::{Options, RunError, Stop, Watch, run};
use crate::scenario::{Scenario, ServerSpec};
use crate::span::show_nanos;
use crate::target::Target;

/// When a canary is rolled back, and how it is walked up to there.
#[derive(Clone, PartialEq, Debug)]
pub struct CanaryOptions {
    /// Steps, as shares of the scenario's rate.
    pub steps: Vec<f64>,
    /// A share of errors above this, unless the baseline has as many.
    pub errors: f64,
    /// p99 of the response time above so many times that of the baseline.
    pub times: f64,
    /// Memory above this share of `memory_limit`.
    pub memory: f64,
    /// Bytes that the candidate may use; without it memory is no trigger.
    pub memory_limit: Option<f64>,
    /// With fewer requests a step says nothing.
    pub least_requests: u64,
    /// Where the candidate's memory is read.
    pub candidate: ServerSpec,
    /// How each side is run.
    pub run: Options,
}

impl Default for CanaryOptions {
    fn default() -> Self {
        Self {
            steps: vec![0.05, 0.25, 0.5, 1.0],
            errors: 0.01,
            times: 2.0,
            memory: 0.8,
            memory_limit: None,
            least_requests: 100,
            candidate: ServerSpec::default(),
            run: Options::default(),
        }
    }
}

/// What is to be done with the candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// All steps were good.
    Promote,
    /// A trigger was pulled.
    Rollback,
    /// Too few requests, or a generator that was too slow.
    Inconclusive,
    /// Somebody ended it early.
    Interrupted,
}

impl Decision {
    /// What the program exits with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Promote => 0,
            Self::Rollback => 2,
            Self::Inconclusive => 3,
            Self::Interrupted => 130,
        }
    }
}

/// What a canary gave.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CanaryReport {
    /// What is to be done.
    pub decision: Decision,
    /// Each step that was made; the last one decided.
    pub steps: Vec<CanaryStep>,
}

/// One step of a canary.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CanaryStep {
    /// Share of the scenario's rate.
    pub share: f64,
    /// What it says.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<String>,
    /// Requests to the candidate.
    pub requests: u64,
    /// Share of errors of baseline and candidate.
    pub errors: [f64; 2],
    /// p99 of the response time of baseline and candidate, in seconds.
    pub p99: [Option<f64>; 2],
    /// The candidate's memory, as a share of its limit.
    pub memory: Option<f64>,
}

/// Both sides begin together, this long after a step begins.
const TOGETHER: Duration = Duration::from_millis(500);

/// Walks a candidate up the steps; the first that is not good ends it. Each step
/// is a run of the whole scenario, at its share of the rate.
///
/// # Errors
/// The baseline cannot be reached, or the scenario not be run. A candidate that
/// cannot be reached is a rollback.
pub fn canary(
    scenario: &Scenario,
    baseline: &Target,
    candidate: &Target,
    options: &CanaryOptions,
    stop: &Stop,
    watch: &mut dyn Watch,
) -> Result<CanaryReport, RunError> {
    let mut report = CanaryReport { decision: Decision::Promote, steps: Vec::new() };
    for share in &options.steps {
        let sized = scenario.sized(*share, None);
        let step = match step(&sized, *share, [baseline, candidate], options, stop, watch) {
            // What the steps before it gave is still worth knowing.
            Err(RunError::Stopped) => {
                report.decision = Decision::Interrupted;
                break;
            }
            step => step?,
        };
        report.decision = step.decision;
        report.steps.push(step);
        if report.decision != Decision::Promote {
            break;
        }
    }
    Ok(report)
}

fn step(
    scenario: &Scenario,
    share: f64,
    [baseline, candidate]: [&Target; 2],
    options: &CanaryOptions,
    stop: &Stop,
    watch: &mut dyn Watch,
) -> Result<CanaryStep, RunError> {
    let run_options = Options { start_at: Some(Instant::now() + TOGETHER), ..options.run.clone() };
    let (before, after) = std::thread::scope(|scope| {
        let side = scope.spawn(|| run(scenario, baseline, &run_options, stop, &mut ()));
        let after = run(scenario, candidate, &run_options, stop, watch);
        (side.join(), after)
    });
    let before = before.map_err(|_| RunError::Worker("its thread panicked".to_owned()))??;
    let before = Report::new(scenario, baseline.url(), &before);
    let after = match after {
        Ok(outcome) => Report::new(scenario, candidate.url(), &outcome),
        Err(RunError::Unreachable { fault, .. }) => {
            return Ok(unreachable_step(share, &before, fault.name()));
        }
        Err(error) => return Err(error),
    };
    let memory = look(&options.candidate)
        .and_then(|Usage { memory, .. }| Some(memory? / options.memory_limit?.max(1.0)));
    let mut step = CanaryStep {
        share,
        decision: Decision::Promote,
        reasons: Vec::new(),
        requests: after.whole.requests,
        errors: [before.whole.error_ratio, after.whole.error_ratio],
        p99: [before.whole.response.p99, after.whole.response.p99],
        memory,
    };
    decide(&mut step, options, stop.is_set(), [&before, &after]);
    Ok(step)
}

fn unreachable_step(share: f64, before: &Report, fault: &str) -> CanaryStep {
    CanaryStep {
        share,
        decision: Decision::Rollback,
        reasons: vec![format!("the candidate cannot be reached ({fault})")],
        requests: 0,
        errors: [before.whole.error_ratio, 1.0],
        p99: [before.whole.response.p99, None],
        memory: None,
    }
}

fn decide(step: &mut CanaryStep, options: &CanaryOptions, interrupted: bool, sides: [&Report; 2]) {
    let triggers = triggers(step, options);
    let doubts = doubts(step, options, sides);
    (step.decision, step.reasons) = match () {
        () if interrupted => (Decision::Interrupted, vec!["ended early".to_owned()]),
        // A figure that a slow generator or a dead baseline made is no trigger.
        () if !doubts.is_empty() => (Decision::Inconclusive, doubts),
        () if !triggers.is_empty() => (Decision::Rollback, triggers),
        () => (Decision::Promote, Vec::new()),
    };
}

fn triggers(step: &CanaryStep, options: &CanaryOptions) -> Vec<String> {
    let mut reasons = Vec::new();
    let [was, is] = step.errors;
    if is > options.errors && is > was {
        reasons.push(format!(
            "errors {:.3}% are above {:.3}% (baseline {:.3}%)",
            is * 100.0,
            options.errors * 100.0,
            was * 100.0
        ));
    }
    if let [Some(was), Some(is)] = step.p99
        && is > was * options.times
    {
        let (is, was) = (show_nanos(is * 1e9), show_nanos(was * 1e9));
        reasons.push(format!("p99 {is} is above {} times the baseline's {was}", options.times));
    }
    if let Some(memory) = step.memory.filter(|it| *it > options.memory) {
        reasons.push(format!(
            "memory {:.1}% of its limit is above {:.1}%",
            memory * 100.0,
            options.memory * 100.0
        ));
    }
    reasons
}

fn doubts(step: &CanaryStep, options: &CanaryOptions, sides: [&Report; 2]) -> Vec<String> {
    let mut doubts = Vec::new();
    if step.requests < options.least_requests {
        doubts
            .push(format!("{} requests are fewer than {}", step.requests, options.least_requests));
    }
    for (name, side) in ["baseline", "candidate"].into_iter().zip(sides) {
        for limit in side.honesty.limits.iter().filter(|limit| !limit.kept) {
            let measured = limit.measured.unwrap_or(0.0);
            doubts.push(format!(
                "the generator ({name}): {} {measured:.4} is above {:.4}",
                limit.name, limit.limit
            ));
        }
    }
    if step.p99[0].is_none() {
        doubts.push("the baseline did not answer".to_owned());
    }
    doubts
}
