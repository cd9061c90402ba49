//! `herbarium-load canary`

use std::fmt::Write as _;

use herbarium_loadgen::canary::{CanaryOptions, CanaryReport, canary};
use herbarium_loadgen::{Target, show_nanos};

use crate::args::CanaryArgs;
use crate::command::run::Lines;
use crate::command::what;
use crate::exit::{Trouble, print};
use crate::interrupt;

pub(crate) fn run(args: &CanaryArgs) -> Result<u8, Trouble> {
    let scenario = what::scenario(&args.what)?;
    if args.steps.iter().any(|step| !(*step > 0.0 && *step <= 100.0)) {
        return Err(Trouble::usage("--steps: expected percents above 0, at most 100"));
    }
    let target = |url: &str| -> Result<Target, Trouble> {
        Ok(Target::parse(url)?.allow(args.what.i_own_this_target)?)
    };
    let (baseline, candidate) = (target(&args.baseline)?, target(&args.candidate)?);
    let options = CanaryOptions {
        steps: args.steps.iter().map(|percent| percent / 100.0).collect(),
        errors: args.errors,
        times: args.times,
        memory: args.memory,
        memory_limit: args.memory_limit,
        least_requests: args.least_requests,
        candidate: scenario.server.clone(),
        run: what::options(&args.what),
    };
    let stop = interrupt::stop_on_ctrl_c();
    let mut lines = Lines { quiet: args.quiet };
    let report = canary(&scenario, &baseline, &candidate, &options, &stop, &mut lines)?;
    match args.json {
        true => print(format_args!("{}\n", serde_json::to_string_pretty(&report)?)),
        false => print(table(&report)),
    }
    Ok(report.decision.exit_code())
}

fn table(report: &CanaryReport) -> String {
    let mut out = String::new();
    let secs = |value: Option<f64>| value.map_or("-".to_owned(), |it| show_nanos(it * 1e9));
    for step in &report.steps {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{:>5}%  {:>8} requests  errors {:.3}% / {:.3}%  p99 {} / {}  {:?}",
            step.share * 100.0,
            step.requests,
            step.errors[0] * 100.0,
            step.errors[1] * 100.0,
            secs(step.p99[0]),
            secs(step.p99[1]),
            step.decision,
        );
        for reason in &step.reasons {
            let _ = writeln!(out, "        {reason}");
        }
    }
    let _ = writeln!(out, "{:?}", report.decision);
    out
}
