//! A scenario that is ready to run: everything that can fail has been done.

use std::time::Duration;

use crate::arrivals::{Schedule, Spacing};
use crate::check::Check;
use crate::connect::Door;
use crate::random::Random;
use crate::scenario::{Mode, Protocol, Scenario, ScenarioError, Stage, StageLoad};
use crate::target::Target;
use crate::template::Request;

/// Shared by all workers.
pub(crate) struct Job {
    pub(crate) flows: Vec<Flow>,
    /// Sums of the weights, from 0 to 1.
    weights: Vec<f64>,
    pub(crate) door: Door,
    pub(crate) scheme: &'static str,
    pub(crate) authority: String,
    pub(crate) protocol: Protocol,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) keep_alive: bool,
    pub(crate) streams: usize,
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) spacing: Spacing,
    pub(crate) think: Duration,
    pub(crate) stages: Vec<Stage>,
    pub(crate) schedule: Schedule,
    pub(crate) length: Duration,
    pub(crate) connections: u32,
    pub(crate) most_connections: u32,
    pub(crate) ramp: Duration,
    pub(crate) late_after: Duration,
    pub(crate) interval: Duration,
    /// Requests that all workers together may send.
    pub(crate) cap: u64,
}

pub(crate) struct Flow {
    pub(crate) request: Request,
    pub(crate) check: Check,
    pub(crate) is_head: bool,
}

impl Job {
    pub(crate) fn new(
        scenario: &Scenario,
        target: &Target,
        interval: Duration,
        cap: u64,
    ) -> Result<Self, ScenarioError> {
        let keep_alive = scenario.connections.keep_alive;
        let flow = |flow| -> Result<Flow, ScenarioError> {
            let base = target.base();
            let request =
                Request::compile(flow, &scenario.folder, target.authority(), base, keep_alive)?;
            let check = Check::compile(&flow.check)?;
            Ok(Flow { is_head: request.method == "HEAD", request, check })
        };
        Ok(Self {
            flows: scenario.flows.iter().map(flow).collect::<Result<_, _>>()?,
            weights: sums(scenario.flows.iter().map(|flow| flow.weight)),
            door: Door::new(target, &scenario.target)?,
            scheme: if target.is_tls() { "https" } else { "http" },
            authority: target.authority().to_owned(),
            protocol: scenario.target.protocol,
            timeout: scenario.target.timeout.get(),
            connect_timeout: scenario.target.connect_timeout.get(),
            keep_alive,
            streams: scenario.connections.streams.max(1) as usize,
            mode: scenario.load.mode,
            seed: scenario.load.seed,
            spacing: scenario.load.spacing,
            think: scenario.load.think.unwrap_or_default().get(),
            stages: scenario.stages()?,
            schedule: scenario.schedule()?,
            length: scenario.length(),
            connections: scenario.connections(),
            most_connections: scenario.most_connections(),
            ramp: scenario.connections.ramp.unwrap_or_default().get(),
            late_after: scenario.honesty.late_after.get(),
            interval,
            cap,
        })
    }

    /// The flow of request number `index`.
    pub(crate) fn flow_of(&self, index: u64) -> usize {
        if self.flows.len() == 1 {
            return 0;
        }
        let at = Random::of(self.seed ^ 0xf10e, index).unit();
        self.weights.partition_point(|sum| *sum <= at).min(self.flows.len() - 1)
    }

    /// When user number `user` of a closed scenario is at work.
    pub(crate) fn shifts(&self, user: u32) -> Vec<Shift> {
        let shifts = self.stages.iter().enumerate();
        shifts.filter_map(|(at, stage)| shift(at, stage, user)).collect()
    }
}

/// One user at work in one stage, from the start of the run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Shift {
    pub(crate) stage: usize,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// The users' number is a straight line: user `n` is there while it is above `n`.
fn shift(at: usize, stage: &Stage, user: u32) -> Option<Shift> {
    let StageLoad::Closed { from, to } = stage.load else { return None };
    let end = stage.start + stage.length;
    let crossing = || {
        let (first, last) = (f64::from(from), f64::from(to));
        let share = (f64::from(user) + 1.0 - first) / (last - first);
        stage.start + stage.length.mul_f64(share.clamp(0.0, 1.0))
    };
    let (from, to) = match (user < from, user < to) {
        (true, true) => (stage.start, end),
        (true, false) => (stage.start, crossing()),
        (false, true) => (crossing(), end),
        (false, false) => return None,
    };
    (from < to).then_some(Shift { stage: at, from, to })
}

fn sums(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sums: Vec<f64> = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let whole = sums.last().copied().unwrap_or(1.0);
    sums.iter_mut().for_each(|sum| *sum /= whole);
    sums
}
