//! The list.

use std::path::Path;

use super::jobs::JOBS;
use super::need::{self, Need};
use crate::read;

/// One step of the list.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What would go unnoticed without it.
    pub(crate) protects: &'static str,
    commands: Commands,
    /// Beyond a Rust toolchain and a C compiler.
    pub(crate) needs: &'static [Need],
    pub(crate) when: When,
    /// The jobs of the workflows that run it.
    pub(crate) jobs: &'static [&'static str],
}

#[derive(Debug)]
enum Commands {
    /// One after the other; the first that fails ends the step. `NAME=VALUE` before a
    /// command sets a variable for it, `NAME+=VALUE` adds to what is set.
    Lines(&'static [&'static str]),
    /// What the README tells people to test with, so that the two cannot differ.
    OfTheReadme,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Also in a quick run: builds nothing but `xtask`.
    Quick,
    /// Before a change goes in.
    Usual,
    /// Takes long: at night, in a job of its own, or when it is named.
    Nightly,
}

impl When {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Usual => "usual",
            Self::Nightly => "nightly",
        }
    }
}

use When::{Nightly, Quick, Usual};

/// The interpreter is thousands of times slower than the machine: few cases of each kind.
const MIRI_CODEC: &str = "MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 \
     cargo +nightly miri test --package herbarium-codec --lib";
/// A dependency of the benches asks for a C compiler: any does, for nothing of it is run.
const BIG_ENDIAN_UNITS: &str = "MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 \
     CC_s390x_unknown_linux_gnu=cc AR_s390x_unknown_linux_gnu=ar \
     cargo +nightly miri test --package herbarium-codec --lib --target s390x-unknown-linux-gnu";
const BIG_ENDIAN_GOLDEN: &str = "MIRIFLAGS=-Zmiri-disable-isolation \
     CC_s390x_unknown_linux_gnu=cc AR_s390x_unknown_linux_gnu=ar \
     cargo +nightly miri test --package herbarium-codec --test codec \
     --target s390x-unknown-linux-gnu golden::a_tree_with_a_book";

/// What costs little comes first.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        protects: "the code looks as rustfmt leaves it",
        commands: Commands::Lines(&["cargo fmt --all --check"]),
        needs: &[need::RUSTFMT],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "generated",
        protects: "what is generated from the language rows is what is in the repository",
        commands: Commands::Lines(&["cargo xtask languages --check"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "workflows",
        protects: "the workflows are those of this list",
        commands: Commands::Lines(&["cargo xtask ci --check-workflows"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "supply",
        protects: "licences, sources, and one tree-sitter: what deny.toml says, by cargo alone",
        commands: Commands::Lines(&["cargo xtask supply"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "notices",
        protects: "NOTICES has the licence of everything that is in the programs",
        commands: Commands::Lines(&["cargo xtask notices --check"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "observe",
        protects: "rules and dashboards name metrics and labels that there are; alerts have a runbook",
        commands: Commands::Lines(&["cargo xtask observe --check"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "links",
        protects: "links of the documents lead somewhere, and the book has every page",
        commands: Commands::Lines(&["cargo xtask site --links"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "xtask",
        protects: "the tasks themselves; the arrows of docs/ARCHITECTURE.md",
        commands: Commands::Lines(&["cargo test --package xtask"]),
        needs: &[],
        when: Quick,
        jobs: &["checks"],
    },
    Step {
        name: "test",
        protects: "what everything promises: tests and the examples in the documents",
        commands: Commands::OfTheReadme,
        needs: &[],
        when: Usual,
        jobs: &["test"],
    },
    Step {
        name: "clippy",
        protects: "no warning, from the compiler or from clippy",
        commands: Commands::Lines(&["cargo clippy --workspace --all-targets -- -D warnings"]),
        needs: &[need::CLIPPY],
        when: Usual,
        jobs: &["checks"],
    },
    Step {
        name: "features",
        protects: "each crate builds with less than its usual features; trees are captured without the direct walk",
        commands: Commands::Lines(&[
            "cargo clippy --package herbarium-cache --no-default-features -- -D warnings",
            "cargo clippy --package herbarium-capture --no-default-features -- -D warnings",
            "cargo clippy --package herbarium-health --no-default-features -- -D warnings",
            "cargo clippy --package herbarium-health --all-features -- -D warnings",
            "cargo clippy --package herbarium --no-default-features -- -D warnings",
            // What stands in where a tree cannot be read directly is run by no other step.
            "cargo test --package herbarium-capture --no-default-features",
        ]),
        needs: &[need::CLIPPY],
        when: Usual,
        jobs: &["checks"],
    },
    Step {
        name: "doc",
        protects: "public items are documented, and links in the documentation lead somewhere",
        commands: Commands::Lines(&["RUSTDOCFLAGS+=-Dwarnings cargo doc --workspace --no-deps"]),
        needs: &[],
        when: Usual,
        jobs: &["checks"],
    },
    Step {
        name: "api",
        protects: "no public item comes, goes or changes unseen: docs/api lists them",
        commands: Commands::Lines(&["cargo xtask api --check"]),
        needs: &[],
        when: Usual,
        jobs: &["checks"],
    },
    Step {
        name: "all-langs",
        protects: "the samples of all 141 languages parse as they are pinned; a scanner that hangs costs one thread",
        // In the profile of the step `test`, whose grammars are used again: the C compiler
        // spends its time reading tables, and a lower level would save a fifth of that at most.
        commands: Commands::Lines(&[
            "cargo test --package herbarium-languages --features all-langs",
            "cargo test --package herbarium-index --features all-langs --test engine hanging",
        ]),
        needs: &[],
        when: Usual,
        jobs: &["languages"],
    },
    Step {
        name: "instructions",
        protects: "the hot paths take no more instructions than benches/baseline.json allows",
        commands: Commands::Lines(&["cargo xtask bench --instructions"]),
        needs: &[need::VALGRIND],
        when: Nightly,
        jobs: &["figures"],
    },
    Step {
        name: "deny",
        protects: "licences by their texts, bans, sources: deny.toml, all of it but advisories",
        commands: Commands::Lines(&["cargo deny --all-features check licenses bans sources"]),
        needs: &[need::CARGO_DENY],
        when: Usual,
        jobs: &["supply"],
    },
    Step {
        name: "dockerfile",
        protects: "the Dockerfile keeps to what hadolint knows to be safe",
        commands: Commands::Lines(&["hadolint docs/deploy/Dockerfile"]),
        needs: &[need::HADOLINT],
        when: Usual,
        jobs: &["deploy"],
    },
    Step {
        name: "systemd",
        protects: "the unit gives the service little to break: an exposure of at most 1.0",
        commands: Commands::Lines(&[
            "systemd-analyze security --offline=true --threshold=10 docs/deploy/herbariumd.service",
        ]),
        needs: &[need::SYSTEMD_ANALYZE],
        when: Usual,
        jobs: &["deploy"],
    },
    Step {
        name: "kubernetes",
        protects: "the manifests are what the schemas of Kubernetes allow, read strictly",
        commands: Commands::Lines(&["cargo xtask kubernetes"]),
        needs: &[need::KUBECTL, need::KUBERNETES_VALIDATE],
        when: Usual,
        jobs: &["deploy"],
    },
    Step {
        name: "rules",
        protects: "each alert fires when it should, and not when not: promtool and amtool",
        commands: Commands::Lines(&["cargo xtask observe --tools"]),
        needs: &[need::PROMETHEUS, need::ALERTMANAGER],
        when: Usual,
        jobs: &["deploy"],
    },
    Step {
        name: "yaml",
        protects: "workflows and manifests are YAML that is read one way",
        commands: Commands::Lines(&[
            "yamllint --strict --config-file xtask/yamllint.yml .github/workflows docs/deploy",
        ]),
        needs: &[need::YAMLLINT],
        when: Usual,
        jobs: &["deploy"],
    },
    Step {
        name: "32-bit",
        protects: "the codec reads and writes the same bytes with 32-bit words",
        commands: Commands::Lines(&[
            "cargo test --package herbarium-codec --tests --target i686-unknown-linux-gnu",
        ]),
        needs: &[need::TARGET_32, need::GCC_32],
        when: Usual,
        jobs: &["targets"],
    },
    Step {
        name: "cross",
        protects: "the Rust code of all libraries and programs compiles for Windows and macOS",
        commands: Commands::Lines(&["cargo xtask cross"]),
        needs: &[need::TARGET_WINDOWS, need::TARGET_MACOS],
        when: Nightly,
        jobs: &["targets"],
    },
    Step {
        name: "wine",
        protects: "the tests of codec, cache, store and command line pass as programs for Windows",
        commands: Commands::Lines(&["cargo xtask wine"]),
        needs: &[need::TARGET_WINDOWS, need::GCC_WINDOWS, need::WINE],
        when: Nightly,
        jobs: &["windows"],
    },
    Step {
        name: "fuzz",
        protects: "no input makes the codec or the queries panic, hang or answer wrongly",
        commands: Commands::Lines(&["cargo xtask fuzz --seconds 600"]),
        needs: &[need::NIGHTLY, need::CARGO_FUZZ],
        when: Nightly,
        jobs: &["fuzz"],
    },
    Step {
        name: "miri",
        protects: "the codec does nothing undefined",
        commands: Commands::Lines(&[MIRI_CODEC]),
        needs: &[need::MIRI],
        when: Nightly,
        jobs: &["miri"],
    },
    Step {
        name: "big-endian",
        protects: "the codec reads and writes the same bytes on a big-endian machine",
        commands: Commands::Lines(&[BIG_ENDIAN_UNITS, BIG_ENDIAN_GOLDEN]),
        needs: &[need::MIRI],
        when: Nightly,
        jobs: &["miri"],
    },
    Step {
        name: "crash",
        protects: "nothing acknowledged is lost when processes are killed or power fails",
        commands: Commands::Lines(&["cargo xtask crash --cycles 1000 --power 20"]),
        needs: &[],
        when: Nightly,
        jobs: &["faults"],
    },
    Step {
        name: "endurance",
        protects: "hours of changes: nothing lost, nothing parsed twice, and the store does not grow",
        commands: Commands::Lines(&["cargo xtask endurance --seconds 1800"]),
        needs: &[],
        when: Nightly,
        jobs: &["faults"],
    },
    Step {
        name: "alerts",
        protects: "a fault is heard of, and its end; metrics are in a scrape; what operations.md says works",
        commands: Commands::Lines(&["cargo xtask e2e names alerts operations"]),
        needs: &[need::PROMETHEUS, need::ALERTMANAGER, need::KUBECTL],
        when: Nightly,
        jobs: &["faults"],
    },
    Step {
        name: "conformance",
        protects: "queries answer as tree-sitter's engine does, in all languages",
        commands: Commands::Lines(&["cargo xtask conformance --all-langs"]),
        needs: &[],
        when: Nightly,
        jobs: &["faults"],
    },
    Step {
        name: "corpus",
        protects: "real code of at least 60 languages: every tree as a fresh parse has it",
        commands: Commands::Lines(&["cargo xtask corpus --set small --press"]),
        needs: &[],
        when: Nightly,
        jobs: &["faults"],
    },
    Step {
        name: "site",
        protects: "the documents as a book, and every link of its pages",
        commands: Commands::Lines(&["cargo xtask site"]),
        needs: &[],
        when: Nightly,
        jobs: &["release"],
    },
    Step {
        name: "dist",
        protects: "a release is the same bytes, wherever it is built",
        commands: Commands::Lines(&["cargo xtask dist --check"]),
        needs: &[],
        when: Nightly,
        jobs: &["release"],
    },
    Step {
        name: "image",
        protects: "the service as a static program, alone in an image, as nobody",
        commands: Commands::Lines(&[
            "cargo xtask dist herbariumd --target x86_64-unknown-linux-musl",
            "cargo xtask image",
        ]),
        needs: &[need::TARGET_STATIC, need::MUSL, need::BUILDAH],
        when: Nightly,
        jobs: &["release"],
    },
    Step {
        name: "semver",
        protects: "the version says what became of the public items since the last release",
        commands: Commands::Lines(&["cargo xtask semver"]),
        needs: &[need::CARGO_SEMVER_CHECKS],
        when: Nightly,
        jobs: &["release"],
    },
    Step {
        name: "coverage",
        protects: "at least 85 of 100 lines of the libraries are run by a test",
        commands: Commands::Lines(&["cargo xtask coverage"]),
        needs: &[need::CARGO_LLVM_COV],
        when: Nightly,
        jobs: &["coverage"],
    },
];

impl Step {
    pub(crate) fn is_quick(&self) -> bool {
        self.when == Quick
    }

    pub(crate) fn is_nightly(&self) -> bool {
        self.when == Nightly
    }

    /// A step of one command that is in no list.
    #[cfg(test)]
    pub(crate) fn for_test(line: &'static str, needs: &'static [Need]) -> Self {
        let commands = Commands::Lines(Box::leak(Box::new([line])));
        Self { name: "test", protects: "nothing", commands, needs, when: Usual, jobs: &[] }
    }

    /// Its commands, as one would type them.
    pub(crate) fn commands(&self, root: &Path) -> Result<Vec<String>, String> {
        match self.commands {
            Commands::Lines(lines) => Ok(lines.iter().map(|&line| line.to_owned()).collect()),
            Commands::OfTheReadme => {
                readme_test_command(&read(root, "README.md")?).map(|it| vec![it])
            }
        }
    }
}

/// The step of that name.
pub(crate) fn named(name: &str) -> Result<&'static Step, String> {
    let known = || STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
    let step = STEPS.iter().find(|step| step.name == name);
    step.ok_or_else(|| format!("unknown step '{name}'; expected one of {}", known()))
}

/// The steps of a job, in the order of the list.
pub(crate) fn of_job(job: &str) -> Result<Vec<&'static Step>, String> {
    let known = || JOBS.iter().map(|job| job.name).collect::<Vec<_>>().join(", ");
    let steps: Vec<_> = STEPS.iter().filter(|step| step.jobs.contains(&job)).collect();
    if steps.is_empty() {
        return Err(format!("unknown job '{job}'; expected one of {}", known()));
    }
    Ok(steps)
}

/// The only line of the README's section on testing that begins with a prompt.
fn readme_test_command(readme: &str) -> Result<String, String> {
    let section = readme.split("\n## ").find(|section| section.starts_with("Test"));
    let lines = section.unwrap_or_default().lines();
    let commands: Vec<&str> = lines.filter_map(|line| line.strip_prefix("$ ")).collect();
    match commands[..] {
        [command] => Ok(command.to_owned()),
        _ => Err(format!(
            "README.md: expected one command (a line that begins with '$ ') in the section \
             'Test', found {commands:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn every_step_is_run_by_a_job_and_every_job_runs_a_step() {
        let known: BTreeSet<_> = JOBS.iter().map(|job| job.name).collect();
        let used: BTreeSet<_> = STEPS.iter().flat_map(|step| step.jobs).copied().collect();
        assert_eq!(known, used, "the jobs on the left, those that the steps name on the right");
        for step in STEPS {
            assert!(!step.jobs.is_empty(), "no job runs the step '{}'", step.name);
        }
    }

    #[test]
    fn the_readme_has_one_test_command() {
        let check = |readme: &str, expected: Option<&str>| {
            assert_eq!(readme_test_command(readme).ok().as_deref(), expected, "{readme}");
        };
        check("# A\n\n## Test it\n\n```\n$ cargo test\n```\n\n## B\n$ other\n", Some("cargo test"));
        check("# A\n\n## Test it\n$ one\n$ two\n", None);
        check("# A\n\n## Tested\nnothing\n", None);
        check("# A\n", None);
    }
}
