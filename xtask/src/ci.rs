//! `cargo xtask ci`: everything that must hold before a change goes in, from one
//! list. The workflows are written from the same one.

mod jobs;
mod need;
mod run;
mod steps;
mod workflow;

use std::fmt::Write as _;
use std::path::Path;

use crate::{Outcome, root};
use run::How;
use steps::{STEPS, Step};

pub(crate) const USAGE: &str = "ci [--quick | --nightly | --job JOB | STEP...] [--fail-fast] [--allow-missing] [--install]   run the steps, and say at the end which failed
  ci --list   the steps, what each protects, and its commands
  ci --write-workflows | --check-workflows   write .github/workflows from the same list, or compare";

/// Runs steps, prints the list, or writes what is generated from it.
pub(crate) fn run(args: &[String]) -> Outcome {
    match Asked::read(args)? {
        Asked::Steps(steps, how) => run::all(&root(), &steps, &how),
        Asked::List => {
            print!("{}", list(&root())?);
            Ok(())
        }
        Asked::WriteWorkflows => workflow::write(&root()),
        Asked::CheckWorkflows => workflow::check(&root()),
    }
}

/// What the arguments ask for.
#[derive(Debug)]
enum Asked {
    Steps(Vec<&'static Step>, How),
    List,
    WriteWorkflows,
    CheckWorkflows,
}

impl Asked {
    fn read(args: &[String]) -> Result<Self, String> {
        match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["--list"] => return Ok(Self::List),
            ["--write-workflows"] => return Ok(Self::WriteWorkflows),
            ["--check-workflows"] => return Ok(Self::CheckWorkflows),
            _ => {}
        }
        let (mut how, mut named, mut chosen) = (How::default(), Vec::new(), None);
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match arg.as_str() {
                "--fail-fast" => how.fail_fast = true,
                "--allow-missing" => how.allow_missing = true,
                "--install" => how.install = true,
                "--quick" => choose(&mut chosen, STEPS.iter().filter(|step| step.is_quick()))?,
                "--nightly" => choose(&mut chosen, STEPS.iter().filter(|step| step.is_nightly()))?,
                "--job" => {
                    let job = rest.next().ok_or("--job: expected the name of a job after it")?;
                    choose(&mut chosen, steps::of_job(job)?.into_iter())?;
                }
                flag if flag.starts_with('-') => {
                    return Err(format!("unknown option {flag}; usage: cargo xtask {USAGE}"));
                }
                name => named.push(steps::named(name)?),
            }
        }
        if !named.is_empty() {
            choose(&mut chosen, named.into_iter())?;
        }
        let usual = || STEPS.iter().filter(|step| !step.is_nightly()).collect();
        Ok(Self::Steps(chosen.unwrap_or_else(usual), how))
    }
}

/// Two choices would leave open which of them holds.
fn choose(
    chosen: &mut Option<Vec<&'static Step>>,
    steps: impl Iterator<Item = &'static Step>,
) -> Result<(), String> {
    match chosen.replace(steps.collect()) {
        None => Ok(()),
        Some(_) => Err("expected one of --quick, --nightly, --job JOB and names of steps, \
                        found several; give one"
            .into()),
    }
}

/// The steps, for people.
fn list(root: &Path) -> Result<String, String> {
    let mut text = String::new();
    for step in STEPS {
        let _ = writeln!(text, "{} ({}): {}", step.name, step.when.name(), step.protects);
        for line in step.commands(root)? {
            let _ = writeln!(text, "    $ {line}");
        }
        for need in step.needs {
            let _ = writeln!(text, "    needs {}: {}", need.name, need.get);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Asked, String> {
        Asked::read(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    /// Names of the steps that the arguments choose.
    fn chosen(args: &[&str]) -> Vec<&'static str> {
        match read(args) {
            Ok(Asked::Steps(steps, _)) => steps.iter().map(|step| step.name).collect(),
            other => panic!("{args:?}: expected steps, found {other:?}"),
        }
    }

    #[test]
    fn arguments_choose_steps() {
        assert_eq!(chosen(&["fmt", "doc"]), ["fmt", "doc"]);
        assert!(chosen(&[]).contains(&"test"), "all of the usual ones");
        assert!(!chosen(&[]).contains(&"miri"), "not those of the night");
        assert!(!chosen(&["--quick"]).contains(&"test"), "a quick run builds little");
        assert!(chosen(&["--nightly"]).contains(&"miri"));
        assert!(chosen(&["--job", "languages"]).contains(&"all-langs"));
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused_by_name() {
        for (args, named) in [
            (&["fmtt"][..], "fmtt"),
            (&["--quik"], "--quik"),
            (&["--job"], "--job"),
            (&["--job", "nobody"], "nobody"),
            (&["--quick", "fmt"], "several"),
        ] {
            let error = read(args).expect_err("no sense in this");
            assert!(error.contains(named), "{args:?}: {error}");
        }
    }

    #[test]
    fn options_set_how_it_is_run() {
        let Ok(Asked::Steps(_, how)) = read(&["--fail-fast", "--allow-missing", "fmt"]) else {
            panic!("steps and how to run them");
        };
        assert!(how.fail_fast && how.allow_missing && !how.install);
    }

    #[test]
    fn the_list_names_every_step_and_its_commands() {
        let text = list(&root()).expect("a list");
        for step in STEPS {
            assert!(text.contains(&format!("{} (", step.name)), "{}", step.name);
        }
        assert!(text.contains("$ cargo test --workspace"), "the command of the README:\n{text}");
    }
}
