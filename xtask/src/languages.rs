//! `cargo xtask languages`: everything that is generated from the rows of
//! `crates/herbarium-languages/languages.toml`, its clashes and its pins.

mod counts;
mod lock;
mod registry;
mod render;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, read, root};
use registry::Registry;

pub(crate) const USAGE: &str = "languages [--check | --pin]   generate dependencies, features, registration code and docs from languages.toml";

const CRATE: &str = "crates/herbarium-languages";
const PINS: &str = "crates/herbarium-languages/pins.tsv";

/// Writes what is generated; with `--check` compares it with what is there,
/// with `--pin` measures the grammars first.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write(&root),
        ["--check"] => check(&root),
        ["--pin"] => pin(&root).and_then(|()| write(&root)),
        _ => Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    }
}

fn write(root: &Path) -> Outcome {
    for (path, text) in generated(root)? {
        let file = root.join(path);
        if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            fs::write(&file, text).map_err(|error| format!("writing {path}: {error}"))?;
            println!("wrote {path}");
        }
    }
    Ok(())
}

fn check(root: &Path) -> Outcome {
    let mut found = Vec::new();
    for (path, expected) in generated(root)? {
        if let Some(line) = first_difference(&expected, &read(root, path)?) {
            found.push(format!("{path} differs from what its data say, first in line {line}"));
        }
    }
    if !found.is_empty() {
        found.push("run `cargo xtask languages` and commit what it writes".to_owned());
    }
    let registry = registry(root)?;
    found.extend(lock::strangers(&registry, &read(root, "Cargo.lock")?)?);
    found.extend(counts::faults(&registry, |path| read(root, path))?);
    match found.is_empty() {
        true => Ok(()),
        false => Err(found.join("\n").into()),
    }
}

/// Line number of the first difference, counted from 1.
fn first_difference(expected: &str, found: &str) -> Option<usize> {
    if expected == found {
        return None;
    }
    let same = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

/// Path and text of every generated file.
fn generated(root: &Path) -> Result<Vec<(&'static str, String)>, Box<dyn std::error::Error>> {
    const MANIFEST: &str = "crates/herbarium-languages/Cargo.toml";
    const CODE: &str = "crates/herbarium-languages/src/generated.rs";
    const DOCS: &str = "docs/LANGUAGES.md";
    let registry = registry(root)?;
    Ok(vec![
        (MANIFEST, render::manifest(&registry, &read(root, MANIFEST)?)?),
        (CODE, render::code(&registry)),
        (DOCS, render::docs(&registry, &read(root, DOCS)?)?),
    ])
}

pub(crate) fn registry(root: &Path) -> Result<Registry, Box<dyn std::error::Error>> {
    Registry::read(
        &read(root, &format!("{CRATE}/languages.toml"))?,
        &read(root, &format!("{CRATE}/clashes.toml"))?,
        &read(root, PINS)?,
    )
}

/// Builds every grammar and writes down what it looks like when loaded.
fn pin(root: &Path) -> Outcome {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["run", "--release", "--package", "herbarium-languages"])
        .args(["--features", "all-langs", "--example", "pins"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("running cargo to measure the grammars: {error}"))?;
    if !output.status.success() {
        return Err("the measuring program failed; its own message is above".into());
    }
    fs::write(root.join(PINS), output.stdout)
        .map_err(|error| format!("writing {PINS}: {error}"))?;
    println!("wrote {PINS}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_files_say_what_their_data_say() {
        if let Err(error) = super::check(&crate::root()) {
            panic!("{error}");
        }
    }

    #[test]
    fn a_difference_is_reported_with_its_line() {
        assert_eq!(super::first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(super::first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(super::first_difference("a\nb\n", "a\n"), Some(2));
    }
}
