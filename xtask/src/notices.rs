//! `cargo xtask notices`: `NOTICES`, the licences of everything that is in the programs.
//!
//! Crates that ship a licence file are quoted. Most grammars ship none: they get the text
//! of the licence that their manifest names, with the authors and the repository that it
//! names.

mod texts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::metadata::{self, Package};
use crate::spdx::Expression;
use crate::{Outcome, dist, read, root};

pub(crate) const USAGE: &str =
    "notices [--check]   write NOTICES, the licences of all that is in the programs, or compare";

const FILE: &str = "NOTICES";

/// Writes the file; with `--check` compares it with what is there.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    let check = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    };
    let programs = dist::packages(&root)?;
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    let mut packages = metadata::linked(&root, &programs, &["--all-features"], "all")?;
    packages.retain(|package| package.source.is_some());
    let text = render(&packages)?;
    let there = read(&root, FILE).unwrap_or_default();
    match (check, there == text) {
        (_, true) => println!("{FILE} names {} packages", packages.len()),
        (false, false) => {
            fs::write(root.join(FILE), text).map_err(|error| format!("writing {FILE}: {error}"))?;
            println!("wrote {FILE}");
        }
        (true, false) => {
            let same = there.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
            return Err(format!(
                "{FILE} differs from what the manifests and licence files of {} packages say, \
                 first in line {}, where `{}` is expected; run `cargo xtask notices` and commit \
                 what it writes",
                packages.len(),
                same + 1,
                text.lines().nth(same).unwrap_or("the end").trim()
            )
            .into());
        }
    }
    Ok(())
}

/// The whole file: packages with the numbers of their texts, then the texts.
fn render(packages: &[Package]) -> Result<String, String> {
    let mut texts = Texts::default();
    let mut list = String::new();
    for package in packages {
        let numbers = texts.of(package)?;
        let Package { name, version, license, repository, .. } = package;
        let _ = write!(list, "{name} {version}: {}", license.as_deref().unwrap_or("no licence"));
        if let Some(repository) = repository {
            let _ = write!(list, "\n    {repository}");
        }
        let _ = writeln!(list, "\n    texts: {}", numbers.join(", "));
    }
    let mut all = format!("{INTRODUCTION}\n{list}\n");
    for (index, text) in texts.in_order().into_iter().enumerate() {
        let _ = write!(all, "{}\n[{}]\n\n{}\n", "=".repeat(80), index + 1, text.trim_end());
    }
    Ok(all)
}

const INTRODUCTION: &str = "\
Notices of third parties

The programs of Herbarium contain the packages below; which of them depends on the
features that they were built with: grammars are in a program only if their language is.
Each package stands with its licence, its source, and the numbers of the texts that
follow the list. Where a package ships no licence file, the text is that of the licence
which its manifest names. Written by `cargo xtask notices`.
";

/// Texts of licences, each once, numbered in the order in which they are met.
#[derive(Default)]
struct Texts {
    numbers: BTreeMap<String, usize>,
    texts: Vec<String>,
}

impl Texts {
    fn of(&mut self, package: &Package) -> Result<Vec<String>, String> {
        let mut texts = shipped(package.folder())?;
        if texts.is_empty() {
            texts = standard(package)?;
        }
        Ok(texts.into_iter().map(|text| self.number(text).to_string()).collect())
    }

    /// Texts that differ in white space, or in how a line is broken, are one.
    fn number(&mut self, text: String) -> usize {
        let key = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let next = self.texts.len() + 1;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.texts.push(text);
        }
        number
    }

    fn in_order(self) -> Vec<String> {
        self.texts
    }
}

/// The licence files in a package's folder.
fn shipped(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file() && is_licence(path));
    files.sort();
    let text = |path: &std::path::PathBuf| {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(plain(&String::from_utf8_lossy(&bytes)))
    };
    files.iter().map(text).collect()
}

fn is_licence(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
    let starts = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
    starts.iter().any(|start| name.starts_with(start))
}

/// No line ends of Windows, no white space at the end of lines, no form feeds.
fn plain(text: &str) -> String {
    let lines = text.trim_start_matches('\u{feff}').lines();
    let text: String =
        lines.map(|line| format!("{}\n", line.replace('\u{c}', "").trim_end())).collect();
    text.trim_matches('\n').to_owned()
}

/// The text of the first licence that may be chosen and whose text is here.
fn standard(package: &Package) -> Result<Vec<String>, String> {
    let Package { name, version, .. } = package;
    let license = package.license.as_deref().unwrap_or_default();
    let expression = Expression::read(license)?;
    let texts = match &expression {
        Expression::Any(parts) => parts.iter().find_map(all_of),
        other => all_of(other),
    };
    let texts = texts.ok_or_else(|| {
        format!(
            "{name} {version} ships no licence file, and xtask/src/notices has no text for \
             '{license}'; add it to texts.rs"
        )
    })?;
    Ok(texts.into_iter().map(|text| text.replace(texts::HOLDERS, &holders(package))).collect())
}

fn all_of(expression: &Expression) -> Option<Vec<String>> {
    expression.licences().into_iter().map(|name| texts::of(name).map(str::to_owned)).collect()
}

/// Whom the notice names: the authors of the manifest, or those of the repository.
fn holders(package: &Package) -> String {
    let authors: Vec<&str> = package.authors.iter().map(|author| without_mail(author)).collect();
    match (&authors[..], &package.repository) {
        ([], Some(repository)) => format!("the authors of {} ({repository})", package.name),
        ([], None) => format!("the authors of {}", package.name),
        (authors, _) => authors.join(", "),
    }
}

fn without_mail(author: &str) -> &str {
    author.split(" <").next().unwrap_or(author).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(license: &str, folder: &Path) -> Package {
        let mut package = crate::metadata::tests::sample().swap_remove(1);
        package.license = Some(license.into());
        package.manifest_path = folder.join("Cargo.toml");
        package
    }

    #[test]
    fn a_package_without_a_licence_file_gets_the_text_of_its_licence() {
        let folder = tempfile::tempdir().unwrap();
        let text = render(&[package("MIT", folder.path())]).unwrap();
        assert!(text.contains("library 1.0.0: MIT\n    texts: 1\n"), "{text}");
        assert!(text.contains("Copyright (c) A. Author"), "{text}");
        assert!(text.contains("Permission is hereby granted"), "{text}");
    }

    #[test]
    fn a_licence_file_is_quoted_and_equal_ones_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("LICENSE-MIT"), "Copyright Somebody  \r\nand others\r\n")
            .unwrap();
        let packages = [package("MIT", folder.path()), package("MIT", folder.path())];
        let text = render(&packages).unwrap();
        assert_eq!(text.matches("Copyright Somebody\nand others\n").count(), 1, "{text}");
        assert_eq!(text.matches("texts: 1\n").count(), 2, "{text}");
    }

    #[test]
    fn a_choice_takes_what_there_is_a_text_for() {
        let folder = tempfile::tempdir().unwrap();
        let text = render(&[package("Strange-1.0 OR MIT", folder.path())]).unwrap();
        assert!(text.contains("Permission is hereby granted"), "{text}");
        let error = render(&[package("Strange-1.0 AND MIT", folder.path())]).unwrap_err();
        assert!(error.contains("library 1.0.0") && error.contains("Strange-1.0"), "{error}");
    }
}
