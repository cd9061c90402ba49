//! `cargo xtask crash`: processes killed while they write, many times over.

use std::process::Command;

use crate::{Outcome, root};

pub(crate) const USAGE: &str = "crash [--cycles N] [--power N] [--seed N]   kill processes that write to a store, N times, and let power fail during N runs of work; see docs/faults.md";

/// Builds the program that kills, optimised, and passes the arguments on to it.
pub(crate) fn run(args: &[String]) -> Outcome {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--release", "--quiet", "--package", "herbarium-faults"]);
    command.arg("--manifest-path").arg(root().join("Cargo.toml"));
    command.args(["--", "crash"]).args(args);
    let status =
        command.status().map_err(|error| format!("running cargo to kill processes: {error}"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) => Err("something was lost, damaged or refused; what is told above".into()),
        _ => Err("the kills did not come to their end; their own message is above".into()),
    }
}
