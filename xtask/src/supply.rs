//! `cargo xtask supply`: what may be built in, checked with cargo alone.
//!
//! cargo-deny looks closer, and takes minutes to build. What is looked at here needs
//! nothing, so that no machine goes without: licences by their expressions, crates that
//! must be there once, and where crates come from. Both obey `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::metadata::{self, Package};
use crate::spdx::Expression;
use crate::{Outcome, read, root};

pub(crate) const USAGE: &str =
    "supply   licences, sources and duplicates of all crates, against deny.toml";

/// Checks all crates that any build can contain.
pub(crate) fn run(args: &[String]) -> Outcome {
    if !args.is_empty() {
        return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into());
    }
    let root = root();
    let rules = Rules::read(&read(&root, "deny.toml")?)?;
    let packages = metadata::all(&root)?;
    let found = check(&rules, &packages);
    if found.is_empty() {
        println!("{} crates are as deny.toml allows", packages.len());
        return Ok(());
    }
    Err(format!("{}\nchange the dependency, or deny.toml and say there why", found.join("\n"))
        .into())
}

/// `deny.toml`, as far as it is checked here.
#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Not banned, but wanted once.
    #[serde(default)]
    deny_multiple_versions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: BTreeSet<String>,
}

impl Rules {
    fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("deny.toml: {error}"))
    }
}

/// Everything that the rules do not allow.
fn check(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let licences = packages.iter().filter_map(|package| licence(&rules.licenses, package));
    let sources = packages.iter().filter_map(|package| source(&rules.sources, package));
    let bans = rules.bans.deny.iter().filter_map(|ban| banned(ban, packages));
    let stale = rules
        .licenses
        .exceptions
        .iter()
        .filter(|exception| packages.iter().all(|package| package.name != exception.name));
    let stale = stale.map(|it| format!("deny.toml excepts {}, which is not there", it.name));
    licences.chain(sources).chain(bans).chain(stale).collect()
}

fn licence(rules: &Licences, package: &Package) -> Option<String> {
    let Package { name, version, license, .. } = package;
    let Some(license) = license else {
        return Some(format!("{name} {version}: its manifest names no licence"));
    };
    let excepted = rules.exceptions.iter().filter(|exception| exception.name == *name);
    let excepted: BTreeSet<&String> = excepted.flat_map(|exception| &exception.allow).collect();
    match Expression::read(license) {
        Err(error) => Some(format!("{name} {version}: {error}")),
        Ok(it) => {
            let met =
                it.is_met(&|it| rules.allow.contains(it) || excepted.contains(&it.to_owned()));
            (!met).then(|| format!("{name} {version}: licence '{license}' is not allowed"))
        }
    }
}

/// What has no source lies in this repository.
fn source(rules: &Sources, package: &Package) -> Option<String> {
    let source = package.source.as_deref()?;
    let registry = source.strip_prefix("registry+");
    let known = registry.is_some_and(|registry| rules.allow_registry.contains(registry));
    (!known).then(|| format!("{} {}: comes from {source}", package.name, package.version))
}

fn banned(ban: &Ban, packages: &[Package]) -> Option<String> {
    let mut versions: BTreeMap<&str, &Path> = BTreeMap::new();
    for package in packages.iter().filter(|package| package.name == ban.name) {
        versions.insert(&package.version, package.folder());
    }
    let versions: Vec<&str> = versions.into_keys().collect();
    match (ban.deny_multiple_versions, versions.len()) {
        (true, 0) => Some(format!("deny.toml wants one {}, and there is none", ban.name)),
        (false, 0) | (true, 1) => None,
        (true, _) => Some(format!("{}: expected one version, found {versions:?}", ban.name)),
        (false, _) => Some(format!("{}: is banned, found {versions:?}", ban.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "library", allow = ["MPL-2.0"] }]
        [bans]
        deny = [{ crate = "leaf", deny-multiple-versions = true }, { crate = "openssl" }]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;

    /// What is found after a change to the packages of the sample.
    fn expect(change: impl FnOnce(&mut Vec<Package>), expected: &[&str]) {
        let mut packages = crate::metadata::tests::sample();
        change(&mut packages);
        assert_eq!(check(&Rules::read(RULES).unwrap(), &packages), expected);
    }

    fn of<'a>(packages: &'a mut [Package], name: &str) -> &'a mut Package {
        packages.iter_mut().find(|package| package.name == name).expect("a package")
    }

    #[test]
    fn what_is_allowed_is_not_told() {
        expect(|_| {}, &[]);
        expect(|all| of(all, "library").license = Some("MPL-2.0".into()), &[]);
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_named_with_its_crate() {
        expect(
            |all| of(all, "leaf").license = Some("GPL-3.0".into()),
            &["leaf 1.0.0: licence 'GPL-3.0' is not allowed"],
        );
        expect(
            |all| of(all, "leaf").license = Some("MPL-2.0".into()),
            &["leaf 1.0.0: licence 'MPL-2.0' is not allowed"],
        );
        expect(
            |all| of(all, "leaf").license = None,
            &["leaf 1.0.0: its manifest names no licence"],
        );
    }

    #[test]
    fn a_crate_from_elsewhere_is_named_with_its_source() {
        expect(
            |all| of(all, "leaf").source = Some("git+https://example.org/leaf".into()),
            &["leaf 1.0.0: comes from git+https://example.org/leaf"],
        );
    }

    #[test]
    fn a_second_version_of_what_must_be_there_once_is_told() {
        expect(
            |all| {
                let mut second = of(all, "leaf").clone();
                second.version = "2.0.0".into();
                all.push(second);
            },
            &[r#"leaf: expected one version, found ["1.0.0", "2.0.0"]"#],
        );
        expect(
            |all| of(all, "tester").name = "openssl".into(),
            &[r#"openssl: is banned, found ["1.0.0"]"#],
        );
    }

    #[test]
    fn a_rule_about_nothing_is_told() {
        expect(
            |all| all.retain(|package| package.name != "library"),
            &["deny.toml excepts library, which is not there"],
        );
    }
}
