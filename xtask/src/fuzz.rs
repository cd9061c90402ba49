//! `cargo xtask fuzz`: every fuzz target for a while, and what breaks one is kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, read, root};

pub(crate) const USAGE: &str = "fuzz [TARGET...] [--seconds N]   run fuzz targets, each N seconds (default: all, 60); what breaks one goes to fuzz/regressions";

/// Runs the targets one after the other, also past one that fails.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    let known = targets(&read(&root, "fuzz/Cargo.toml")?)?;
    let (targets, seconds) = asked(args, &known)?;
    let mut failed = Vec::new();
    for target in targets {
        println!("\n== {target}, {seconds} s");
        let before = kept(&root, &target)?;
        let fuzzed = fuzz(&root, &target, seconds)?;
        for name in kept(&root, &target)?.difference(&before) {
            println!("kept fuzz/regressions/{target}/{name}; give it a name that says what broke");
        }
        if !fuzzed {
            failed.push(target);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("broken or not built: {}; what broke them is above", failed.join(", ")).into())
}

/// Targets and seconds.
fn asked(args: &[String], known: &[String]) -> Result<(Vec<String>, u32), String> {
    let (mut targets, mut seconds) = (Vec::new(), 60);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--seconds" {
            let number = rest.next().and_then(|number| number.parse().ok());
            seconds = number.ok_or("--seconds: expected a number of seconds after it")?;
        } else if known.contains(arg) {
            targets.push(arg.clone());
        } else {
            let known = known.join(", ");
            return Err(format!("unknown fuzz target '{arg}'; expected one of {known}"));
        }
    }
    Ok((if targets.is_empty() { known.to_vec() } else { targets }, seconds))
}

/// The programs of the fuzz manifest.
fn targets(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: toml::Table =
        manifest.parse().map_err(|error| format!("fuzz/Cargo.toml: {error}"))?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array);
    let names = bins.into_iter().flatten().filter_map(|bin| bin.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}

/// Inputs that broke a target at some time. `cargo test` replays them where the tests of a
/// crate read the folder: fuzz/README.md says which.
fn kept(root: &Path, target: &str) -> Result<BTreeSet<String>, String> {
    let folder = root.join("fuzz/regressions").join(target);
    let failed = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let entries = fs::read_dir(&folder).map_err(failed)?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn fuzz(root: &Path, target: &str, seconds: u32) -> Result<bool, String> {
    let folder = root.join("fuzz");
    let corpus = format!("corpus/{target}");
    fs::create_dir_all(folder.join(&corpus)).map_err(|error| format!("{corpus}: {error}"))?;
    let mut command = Command::new("cargo");
    command.current_dir(&folder).args(["+nightly", "fuzz", "run", target]);
    command.args([&corpus, &format!("seeds/{target}"), &format!("regressions/{target}")]);
    command.args(["--", "-detect_leaks=0", "-timeout=60"]);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix=regressions/{target}/"));
    // The grammars are C code with globals of the same name.
    command.env("ASAN_OPTIONS", "detect_odr_violation=0");
    let status = command.status().map_err(|error| format!("starting cargo fuzz: {error}"))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn targets_are_those_of_the_manifest() {
        let targets = targets(&read(&root(), "fuzz/Cargo.toml").unwrap()).unwrap();
        assert!(targets.contains(&"decode".to_owned()), "{targets:?}");
        for target in targets {
            let source = root().join("fuzz/fuzz_targets").join(format!("{target}.rs"));
            assert!(source.exists(), "{}", source.display());
        }
    }

    #[test]
    fn arguments_choose_targets_and_time() {
        let known = words(&["decode", "query"]);
        assert_eq!(asked(&[], &known), Ok((known.clone(), 60)));
        let args = words(&["query", "--seconds", "5"]);
        assert_eq!(asked(&args, &known), Ok((words(&["query"]), 5)));
        let error = asked(&words(&["dekode"]), &known).unwrap_err();
        assert!(error.contains("dekode") && error.contains("decode, query"), "{error}");
        assert!(asked(&words(&["--seconds"]), &known).is_err());
        assert!(asked(&words(&["--seconds", "soon"]), &known).is_err());
    }
}
