//! `cargo xtask semver`: whether the version says what became of the public items since the
//! last release, by cargo-semver-checks.

use std::path::Path;

use crate::{Outcome, api, command, root};

pub(crate) const USAGE: &str = "semver [--baseline COMMIT] [LIBRARY...]   compare the public items of each library, or of some, with those of the last release, or of a commit (needs cargo-semver-checks)";

/// Tags of releases: `v0.1.0`.
const RELEASES: &str = "v[0-9]*";

/// Compares; says so where there is nothing to compare with.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    let (baseline, named) = match args {
        [option, commit, named @ ..] if option == "--baseline" => (Some(commit.clone()), named),
        named => (last_release(&root), named),
    };
    let libraries = chosen(api::libraries(&root)?, named)?;
    let Some(baseline) = baseline else {
        println!(
            "NOT COMPARED: no tag {RELEASES} is here, so nothing is released; every change to \
             public items is in docs/api, which the step `api` compares"
        );
        return Ok(());
    };
    let known = format!("git rev-parse --verify --quiet {baseline}^{{commit}}");
    command::output_in(&root, &known).map_err(|_| {
        format!("expected a tag or commit of this repository, found '{baseline}'; is it a shallow clone?")
    })?;
    let packages: String = libraries.iter().map(|name| format!(" --package {name}")).collect();
    let line = format!("cargo semver-checks --baseline-rev {baseline}{packages}");
    println!("+ {line}");
    command::run(&root, &line).map_err(|error| {
        format!("{error}; what is named above asks for a higher version in Cargo.toml").into()
    })
}

/// Those that are named, or all.
fn chosen(libraries: Vec<String>, named: &[String]) -> Result<Vec<String>, String> {
    if let Some(unknown) = named.iter().find(|name| !libraries.contains(name)) {
        return Err(format!(
            "unknown library '{unknown}', expected some of {}; usage: cargo xtask {USAGE}",
            libraries.join(", ")
        ));
    }
    Ok(if named.is_empty() { libraries } else { named.to_vec() })
}

/// The newest tag of a release that this commit comes after.
fn last_release(root: &Path) -> Option<String> {
    let line = format!("git describe --tags --abbrev=0 --match {RELEASES}");
    command::output_in(root, &line).ok().map(|tag| tag.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_commit_is_refused_by_name() {
        let args = ["--baseline", "no-such-commit"].map(str::to_owned);
        let error = run(&args).expect_err("no commit").to_string();
        assert!(error.contains("'no-such-commit'"), "{error}");
        assert!(run(&["--bassline".to_owned()]).is_err());
    }

    #[test]
    fn libraries_are_chosen_by_name() {
        let all = || ["a", "b"].map(str::to_owned).to_vec();
        assert_eq!(chosen(all(), &[]), Ok(all()));
        assert_eq!(chosen(all(), &["b".to_owned()]), Ok(vec!["b".to_owned()]));
        assert!(chosen(all(), &["c".to_owned()]).unwrap_err().contains("'c'"));
    }
}
