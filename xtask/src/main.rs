//! Tasks of the workspace: `cargo xtask TASK`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to its terminal")]

mod api;
mod bench;
mod ci;
mod command;
mod conformance;
mod corpus;
mod coverage;
mod crash;
mod cross;
mod dist;
mod e2e;
mod endurance;
mod fuzz;
mod image;
mod kubernetes;
mod languages;
mod metadata;
mod notices;
mod observe;
mod readme;
mod semver;
mod site;
mod spdx;
mod supply;
mod wine;
#[cfg(test)]
mod yaml;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a task returns: nothing, or what went wrong and what to do about it.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// One task: its name, what it does, and the function that does it.
struct Task {
    name: &'static str,
    usage: &'static str,
    run: fn(&[String]) -> Outcome,
}

const TASKS: &[Task] = &[
    Task { name: "api", usage: api::USAGE, run: api::run },
    Task { name: "bench", usage: bench::USAGE, run: bench::run },
    Task { name: "ci", usage: ci::USAGE, run: ci::run },
    Task { name: "conformance", usage: conformance::USAGE, run: conformance::run },
    Task { name: "corpus", usage: corpus::USAGE, run: corpus::run },
    Task { name: "coverage", usage: coverage::USAGE, run: coverage::run },
    Task { name: "crash", usage: crash::USAGE, run: crash::run },
    Task { name: "cross", usage: cross::USAGE, run: cross::run },
    Task { name: "dist", usage: dist::USAGE, run: dist::run },
    Task { name: "endurance", usage: endurance::USAGE, run: endurance::run },
    Task { name: "e2e", usage: e2e::USAGE, run: e2e::run },
    Task { name: "fuzz", usage: fuzz::USAGE, run: fuzz::run },
    Task { name: "image", usage: image::USAGE, run: image::run },
    Task { name: "kubernetes", usage: kubernetes::USAGE, run: kubernetes::run },
    Task { name: "languages", usage: languages::USAGE, run: languages::run },
    Task { name: "notices", usage: notices::USAGE, run: notices::run },
    Task { name: "observe", usage: observe::USAGE, run: observe::run },
    Task { name: "semver", usage: semver::USAGE, run: semver::run },
    Task { name: "readme", usage: readme::USAGE, run: readme::run },
    Task { name: "site", usage: site::USAGE, run: site::run },
    Task { name: "supply", usage: supply::USAGE, run: supply::run },
    Task { name: "wine", usage: wine::USAGE, run: wine::run },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let task = args.first().and_then(|name| TASKS.iter().find(|task| task.name == name));
    let asks_for_help = |arg: &String| arg == "--help" || arg == "-h";
    if let Some(task) = task.filter(|_| args[1..].iter().any(asks_for_help)) {
        println!("usage: cargo xtask {}", task.usage);
        return ExitCode::SUCCESS;
    }
    let Some(task) = task else {
        if args.first().is_some_and(asks_for_help) {
            println!("usage: cargo xtask TASK");
            TASKS.iter().for_each(|task| println!("  {}", task.usage));
            return ExitCode::SUCCESS;
        }
        eprintln!("usage: cargo xtask TASK");
        TASKS.iter().for_each(|task| eprintln!("  {}", task.usage));
        return ExitCode::from(2);
    };
    match (task.run)(&args[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {}: {error}", task.name);
            ExitCode::FAILURE
        }
    }
}

/// The folder that holds the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(path)).map_err(|error| format!("reading {path}: {error}"))
}

/// The oldest toolchain that is promised to do.
fn rust_version(root: &Path) -> Result<String, String> {
    of_workspace(&read(root, "Cargo.toml")?, "rust-version")
}

/// What the manifest says for all packages of the workspace.
fn of_workspace(manifest: &str, key: &str) -> Result<String, String> {
    let manifest: toml::Table = manifest.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let value = manifest.get("workspace").and_then(|it| it.get("package")?.get(key)?.as_str());
    value.map(str::to_owned).ok_or_else(|| format!("Cargo.toml: no {key} of the workspace"))
}
