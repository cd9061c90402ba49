//! `cargo xtask conformance`: the query engine held against tree-sitter's.

use std::process::Command;

use crate::{Outcome, root};

pub(crate) const USAGE: &str = "conformance [--all-langs] [--queries DIR] [--code DIR] [-l LANG] [--made-up N] [--json]   compare the query engine with tree-sitter's; other arguments of `herbarium-bench conformance`, too";

/// Builds the program that compares, and passes the arguments on to it. It is
/// run where we are, so that relative paths hold.
pub(crate) fn run(args: &[String]) -> Outcome {
    let all_langs = args.iter().any(|arg| arg == "--all-langs");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--release", "--quiet", "--package", "herbarium-bench"]);
    command.arg("--manifest-path").arg(root().join("Cargo.toml"));
    if all_langs {
        command.args(["--features", "all-langs"]);
    }
    command.args(["--", "conformance"]).args(args.iter().filter(|arg| *arg != "--all-langs"));
    let status = command
        .status()
        .map_err(|error| format!("running cargo to compare the engines: {error}"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) => Err("the engines differ; the first differences are above".into()),
        _ => Err("the comparison did not come to its end; its own message is above".into()),
    }
}
