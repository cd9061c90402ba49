//! `cargo xtask fuzz`: every fuzz target for a while, and what breaks one is kept.

mod scanners;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, read, root};

pub(crate) const USAGE: &str = "fuzz [TARGET...] [--seconds N] | --list | --scanners [ID...] [--seconds N] [--seed N] [--child PROGRAM] [--write]   run fuzz targets, each N seconds (default: all, 60), or parse broken sources in child processes; what breaks one goes to fuzz/regressions";

/// Lists the targets, runs them one after the other, also past one that fails, or fuzzes
/// the scanners of grammars.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    let known = targets(&read(&root, "fuzz/Cargo.toml")?)?;
    match args.first().map(String::as_str) {
        Some("--list") if args.len() == 1 => {
            known.iter().for_each(|target| println!("{target}"));
            Ok(())
        }
        Some("--scanners") => scanners::run(&asked_of_scanners(&args[1..])?),
        _ => run_targets(&root, asked(args, &known)?),
    }
}

fn run_targets(root: &Path, (targets, seconds): (Vec<String>, u32)) -> Outcome {
    let mut failed = Vec::new();
    for target in targets {
        println!("\n== {target}, {seconds} s");
        let before = kept(root, &target)?;
        let fuzzed = fuzz(root, &target, seconds)?;
        for name in kept(root, &target)?.difference(&before) {
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

/// Languages, seconds and the rest.
fn asked_of_scanners(args: &[String]) -> Result<scanners::Asked, String> {
    let languages = Vec::new();
    let mut asked = scanners::Asked { languages, seconds: 15, seed: 1, child: None, write: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || rest.next().and_then(|number| number.parse::<u32>().ok());
        let expected = || format!("{arg}: expected a number after it");
        match arg.as_str() {
            "--write" => asked.write = true,
            "--child" => {
                let program = rest.next().ok_or("--child: expected a program after it")?;
                asked.child = Some(program.into());
            }
            "--seconds" => asked.seconds = number().ok_or_else(expected)?,
            "--seed" => asked.seed = number().ok_or_else(expected)?.into(),
            id if scanners::MOST_USED.contains(&id) => asked.languages.push(arg.clone()),
            id => {
                let known = scanners::MOST_USED.join(", ");
                return Err(format!("unknown language '{id}'; expected one of {known}"));
            }
        }
    }
    if asked.languages.is_empty() {
        asked.languages = scanners::MOST_USED.map(str::to_owned).to_vec();
    }
    Ok(asked)
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
    let dictionary = format!("dictionaries/{target}.dict");
    if folder.join(&dictionary).exists() {
        command.arg(format!("-dict={dictionary}"));
    }
    // The grammars are C code with globals of the same name, and tree-sitter's query
    // compiler leaks some bytes for some mistaken queries: told at the end, without the input.
    command.env("ASAN_OPTIONS", "detect_odr_violation=0:detect_leaks=0");
    let status = command.status().map_err(|error| format!("starting cargo fuzz: {error}"))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    /// Names of what is in a folder of `fuzz`, without endings.
    fn names(folder: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(root().join("fuzz").join(folder)).expect("a folder");
        let name = |path: std::path::PathBuf| path.file_stem()?.to_str().map(str::to_owned);
        entries.flatten().filter_map(|entry| name(entry.path())).collect()
    }

    /// One that is in only some of these places is not run, or not replayed, and nobody is told.
    #[test]
    fn every_target_is_in_the_manifest_the_page_the_seeds_and_a_test_that_replays_it() {
        let manifest = targets(&read(&root(), "fuzz/Cargo.toml").unwrap()).unwrap();
        let manifest = BTreeSet::from_iter(manifest);
        assert!(manifest.len() > 5, "{manifest:?}");
        let page = read(&root(), "fuzz/README.md").unwrap();
        let rows: Vec<Vec<&str>> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
            .collect();
        let told = rows.iter().map(|row| row[1].to_owned()).collect();
        for (place, found) in [
            ("files of fuzz/fuzz_targets", names("fuzz_targets")),
            ("folders of fuzz/seeds", names("seeds")),
            ("rows of fuzz/README.md", told),
        ] {
            assert_eq!(
                manifest, found,
                "[[bin]] of fuzz/Cargo.toml on the left, {place} on the right"
            );
        }
        for row in rows {
            let (target, package) = (row[1], row[4]);
            let path = format!("crates/{package}/tests/fuzz_regressions.rs");
            let replayed = read(&root(), &path).unwrap().contains(&format!("check(\"{target}\""));
            assert!(
                replayed,
                "{path}: expected `check(\"{target}\", …)`, which replays its inputs"
            );
        }
    }

    #[test]
    fn every_input_that_broke_something_is_kept() {
        let page = read(&root(), "fuzz/README.md").unwrap();
        let (_, listed) = page.split_once("```kept\n").expect("a list of what is kept");
        let (listed, _) = listed.split_once("```").expect("its end");
        let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
        let targets = targets(&read(&root(), "fuzz/Cargo.toml").unwrap()).unwrap();
        let of_target = |target: String| {
            let names = kept(&root(), &target).expect("a folder").into_iter();
            names.map(move |name| format!("{target}/{name}"))
        };
        let found: BTreeSet<String> = targets.into_iter().flat_map(of_target).collect();
        assert_eq!(listed, found, "fuzz/README.md on the left, fuzz/regressions on the right");
    }

    #[test]
    fn scanners_are_chosen_by_id_or_are_all() {
        let all = asked_of_scanners(&[]).unwrap();
        assert_eq!((all.languages.len(), all.seconds, all.seed, all.write), (40, 15, 1, false));
        let args = words(&["--seed", "7", "c", "--write", "--seconds", "5"]);
        let (languages, seconds) = (words(&["c"]), 5);
        let expected = scanners::Asked { languages, seconds, seed: 7, child: None, write: true };
        assert_eq!(asked_of_scanners(&args), Ok(expected));
        assert!(asked_of_scanners(&words(&["cc"])).unwrap_err().contains("'cc'"));
        assert!(asked_of_scanners(&words(&["--seed"])).is_err());
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
