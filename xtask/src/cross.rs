//! `cargo xtask cross`: the Rust code, checked for systems that are not this one.

use std::process::Command;

use crate::{Outcome, root};

pub(crate) const USAGE: &str = "cross [TARGET...]   check all libraries and programs for Windows and macOS, without a C compiler for them";

/// One of each family; what is `cfg(windows)` or `cfg(target_os = "macos")` is the same in
/// the others.
pub(crate) const TARGETS: &[&str] = &["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// Crates that cannot be checked for a family of systems, and why.
const NOT_FOR: &[(&str, &str, &str)] = &[
    ("apple", "herbarium-health", "libproc reads headers of macOS while it is built"),
    ("apple", "herbarium-http", "is built on herbarium-health"),
    ("apple", "herbarium-server", "is built on herbarium-health"),
    ("apple", "herbariumd", "is built on herbarium-health"),
];

/// Checks the workspace for each target.
pub(crate) fn run(args: &[String]) -> Outcome {
    let named: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Some(option) = named.iter().find(|name| name.starts_with('-')) {
        return Err(format!("unknown option {option}; usage: cargo xtask {USAGE}").into());
    }
    let targets = if named.is_empty() { TARGETS } else { &named[..] };
    let mut failed = Vec::new();
    for &target in targets {
        println!("+ cargo check --workspace --lib --bins --target {target}");
        for (_, name, why) in left_out(target) {
            println!("  without {name}: {why}");
        }
        let status = check(target).status();
        if !status.map_err(|error| format!("starting cargo: {error}"))?.success() {
            failed.push(target);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("does not compile for {}; the compiler's messages are above", failed.join(", "))
        .into())
}

/// A check reads no object code. So where a build script asks for a C compiler, it gets
/// a program that does nothing, and does it well. Rust code is checked in full; C code,
/// and linking, are not.
fn check(target: &str) -> Command {
    let suffix = target.replace('-', "_");
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["check", "--workspace", "--lib", "--bins", "--keep-going"]);
    command.args(["--target", target]);
    for (_, name, _) in left_out(target) {
        command.args(["--exclude", name]);
    }
    for tool in ["CC", "CXX", "AR"] {
        command.env(format!("{tool}_{suffix}"), "true");
    }
    // Else the SDK would be looked for, which is on a Mac alone.
    command.env("SDKROOT", "/");
    command
}

fn left_out(
    target: &str,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    NOT_FOR.iter().filter(move |(family, ..)| target.contains(family))
}
