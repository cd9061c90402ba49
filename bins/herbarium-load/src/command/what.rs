//! The scenario and the target that a command line names.

use std::path::Path;

use herbarium_loadgen::{Caps, Options, Scenario, Target};

use crate::args::WhatArgs;
use crate::exit::Trouble;
use crate::profiles;

/// The scenario, in the size that was asked for.
pub(crate) fn scenario(args: &WhatArgs) -> Result<Scenario, Trouble> {
    let mut scenario = named(&args.scenario)?;
    if let Some(requests) = &args.requests {
        scenario = scenario.with_flows_of(requests)?;
    }
    if let Some(size) = &args.size {
        scenario = scenario.in_size(size)?;
    }
    let scale = args.scale.unwrap_or(1.0);
    if !(scale > 0.0 && scale.is_finite()) {
        return Err(Trouble::usage(format!("--scale: found {scale}, expected a number above 0")));
    }
    if args.scale.is_some() || args.length.is_some() {
        scenario = scenario.sized(scale, args.length);
    }
    change(&mut scenario, args);
    scenario.validate()?;
    Ok(scenario)
}

fn named(name: &str) -> Result<Scenario, Trouble> {
    let is_file = name.ends_with(".toml") || Path::new(name).is_file();
    match profiles::text(name) {
        Some(text) if !is_file => Ok(Scenario::from_toml(text)?),
        _ if is_file => Ok(Scenario::from_file(Path::new(name))?),
        _ => Err(profiles::unknown(name)),
    }
}

fn change(scenario: &mut Scenario, args: &WhatArgs) {
    let honesty = &mut scenario.honesty;
    honesty.lag_p99 = args.max_lag.unwrap_or(honesty.lag_p99);
    honesty.late_or_dropped = args.max_late.unwrap_or(honesty.late_or_dropped);
    honesty.cpu = args.max_cpu.unwrap_or(honesty.cpu);
    honesty.host_pressure = args.max_pressure.unwrap_or(honesty.host_pressure);
    scenario.load.seed = args.seed.unwrap_or(scenario.load.seed);
    scenario.server.pid = args.server_pid.or(scenario.server.pid);
    scenario.server.metrics = args.server_metrics.clone().or(scenario.server.metrics.take());
}

/// The target, if it may be loaded.
pub(crate) fn target(args: &WhatArgs, scenario: &Scenario) -> Result<Target, Trouble> {
    let url = args.target.as_ref().or(scenario.target.url.as_ref());
    let url = url.ok_or_else(|| {
        Trouble::usage("no target; name the server with --target http://HOST:PORT")
    })?;
    Ok(Target::parse(url)?.allow(args.i_own_this_target)?)
}

/// Refuses gates that would be found out to be of no use after the run.
pub(crate) fn can_be_judged(scenario: &Scenario) -> Result<(), Trouble> {
    match scenario.unmeasurable() {
        gates if gates.is_empty() => Ok(()),
        gates => Err(Trouble::usage(gates.join("\n"))),
    }
}

/// How it is run.
pub(crate) fn options(args: &WhatArgs) -> Options {
    let mut caps = Caps::default();
    caps.requests = args.max_requests.unwrap_or(caps.requests);
    caps.time = args.max_time.unwrap_or(caps.time);
    caps.connections = args.max_connections.unwrap_or(caps.connections);
    Options { workers: args.workers, caps, ..Options::default() }
}
