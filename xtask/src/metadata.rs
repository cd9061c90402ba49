//! What `cargo metadata` and `cargo tree` say, as far as tasks look at it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// One package.
#[derive(Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An expression of SPDX.
    pub(crate) license: Option<String>,
    pub(crate) authors: Vec<String>,
    pub(crate) repository: Option<String>,
    pub(crate) description: Option<String>,
    /// Where it comes from; nothing for what is in this repository.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Package {
    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

/// What any build of the workspace can contain: on all systems, with all features, tests
/// and build scripts included.
pub(crate) fn all(root: &Path) -> Result<Vec<Package>, String> {
    let tree = ["--workspace", "--all-features", "--target=all", "--edges=normal,build,dev"];
    packages(root, &["--all-features"], &tree)
}

/// What is in programs of ours: what they are linked with, on all systems or one, without
/// what runs while they are built. They themselves are in it. Sorted by name and version.
pub(crate) fn linked(
    root: &Path,
    programs: &[&str],
    features: &[&str],
    target: &str,
) -> Result<Vec<Package>, String> {
    let programs: Vec<String> = programs.iter().map(|name| format!("--package={name}")).collect();
    let platform = format!("--filter-platform={target}");
    let mut metadata = features.to_vec();
    metadata.extend((target != "all").then_some(platform.as_str()));
    let target = format!("--target={target}");
    let mut tree = vec!["--edges=no-dev,no-build,no-proc-macro", &target];
    tree.extend(programs.iter().map(String::as_str));
    tree.extend(features);
    packages(root, &metadata, &tree)
}

/// Names and versions of two packages, the first of which is linked with the second.
pub(crate) type Link = ((String, String), (String, String));

/// Who is linked with whom in such programs.
pub(crate) fn links(
    root: &Path,
    programs: &[&str],
    features: &[&str],
    target: &str,
) -> Result<BTreeSet<Link>, String> {
    let programs: Vec<String> = programs.iter().map(|name| format!("--package={name}")).collect();
    let target = format!("--target={target}");
    let mut tree = vec!["--prefix=depth", "--format= {p}", "--edges=no-dev,no-build,no-proc-macro"];
    tree.push(&target);
    tree.extend(programs.iter().map(String::as_str));
    tree.extend(features);
    Ok(read_links(&cargo(root, "tree", &tree)?))
}

/// Lines like `1 serde v1.0.229`: each is linked with those after it that are one deeper,
/// up to the next that is not deeper. What was shown before is shown without them.
fn read_links(tree: &str) -> BTreeSet<Link> {
    let mut links = BTreeSet::new();
    let mut above: Vec<(String, String)> = Vec::new();
    for line in tree.lines() {
        let Some((depth, package)) = line.split_once(' ') else { continue };
        let (Ok(depth), Some((name, version))) = (depth.parse(), name_and_version(package)) else {
            continue;
        };
        above.truncate(depth);
        let package = (name.to_owned(), version.to_owned());
        links.extend(above.last().map(|parent| (parent.clone(), package.clone())));
        above.push(package);
    }
    links
}

/// `cargo metadata` knows everything about packages, but counts what no feature asks for;
/// `cargo tree` knows which of them are built.
fn packages(root: &Path, metadata: &[&str], tree: &[&str]) -> Result<Vec<Package>, String> {
    let text = cargo(root, "tree", &[&["--prefix=none", "--format={p}"], tree].concat())?;
    let built: BTreeSet<(&str, &str)> = text.lines().filter_map(name_and_version).collect();
    let text = cargo(root, "metadata", &[&["--format-version=1"], metadata].concat())?;
    let mut packages = read(&text)?;
    packages.retain(|it| built.contains(&(it.name.as_str(), it.version.as_str())));
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(packages)
}

/// `serde_derive v1.0.229 (proc-macro) (*)`.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

fn read(json: &str) -> Result<Vec<Package>, String> {
    let metadata: Metadata = serde_json::from_str(json)
        .map_err(|error| format!("reading what cargo metadata printed: {error}"))?;
    Ok(metadata.packages)
}

fn cargo(root: &Path, command: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new("cargo")
        .current_dir(root)
        .args([command, "--locked"])
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("starting cargo {command}: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo {command} failed; its own message is above"));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("cargo {command} printed no UTF-8"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Packages made up: one of ours, others from the registry.
    pub(crate) fn sample() -> Vec<Package> {
        let registry = r#""registry+https://github.com/rust-lang/crates.io-index""#;
        let package = |name: &str, source: &str| {
            format!(
                r#"{{"name":"{name}","version":"1.0.0","license":"MIT",
                "authors":["A. Author"],"repository":null,"description":null,"source":{source},
                "manifest_path":"/{name}/Cargo.toml"}}"#
            )
        };
        let names = ["library", "leaf", "tester"].map(|name| package(name, registry));
        let json =
            format!(r#"{{"packages":[{},{}]}}"#, package("program", "null"), names.join(","));
        read(&json).expect("metadata")
    }

    #[test]
    fn lines_of_a_tree_are_read() {
        let check = |line: &str, expected| assert_eq!(name_and_version(line), expected, "{line}");
        check("serde v1.0.229", Some(("serde", "1.0.229")));
        check("serde_derive v1.0.229 (proc-macro) (*)", Some(("serde_derive", "1.0.229")));
        check("xtask v0.1.0 (/somewhere/xtask)", Some(("xtask", "0.1.0")));
        check("", None);
    }

    #[test]
    fn links_follow_from_depths() {
        let tree = "0 a v1.0.0 (/a)\n1 b v2.0.0\n2 c v3.0.0\n1 c v3.0.0 (*)\n\n0 d v1.0.0\n1 b v2.0.0 (*)\n";
        let links = read_links(tree);
        let links: Vec<_> = links.iter().map(|(from, to)| format!("{}-{}", from.0, to.0)).collect();
        assert_eq!(links, ["a-b", "a-c", "b-c", "d-b"]);
    }

    #[test]
    fn what_only_builds_or_tests_is_not_in_a_program() {
        let root = crate::root();
        let linked = linked(&root, &["xtask"], &[], "x86_64-unknown-linux-gnu").expect("cargo");
        let has = |name: &str| linked.iter().any(|package| package.name == name);
        assert!(has("xtask") && has("serde_json"), "what it is linked with");
        assert!(!has("serde_derive") && !has("yaml-rust2"), "what builds or tests it");
    }
}
