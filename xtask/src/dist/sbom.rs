//! What is in a program, as CycloneDX says it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Binary, Plan, provenance, sha256};
use crate::metadata::{self, Package};
use crate::read;

/// The bill of materials of one program.
pub(super) fn text(root: &Path, plan: &Plan, binary: &Binary) -> Result<String, String> {
    let features = binary.features.join(",");
    let features: Vec<&str> =
        if features.is_empty() { vec![] } else { vec!["--features", &features] };
    let programs = [binary.package.as_str()];
    let packages = metadata::linked(root, &programs, &features, &plan.target)?;
    let links = metadata::links(root, &programs, &features, &plan.target)?;
    let checksums = checksums(&read(root, "Cargo.lock")?)?;
    let is_program = |package: &&Package| package.name == binary.package;
    let program = packages.iter().find(is_program);
    let program = program.ok_or_else(|| format!("cargo knows no package {}", binary.package))?;
    let component = |package: &Package| component(package, &checksums);
    let components: Vec<_> = packages.iter().filter(|it| !is_program(it)).map(component).collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial(plan, binary),
        "version": 1,
        "metadata": {
            "timestamp": provenance::time(plan.epoch),
            "component": component_of_program(program, binary),
        },
        "components": components,
        "dependencies": dependencies(&packages, &links),
    });
    serde_json::to_string_pretty(&bill)
        .map(|text| text + "\n")
        .map_err(|error| format!("writing the SBOM of {}: {error}", binary.name))
}

/// The same for the same program of the same commit.
fn serial(plan: &Plan, binary: &Binary) -> String {
    let hash = sha256(format!("{} {}", plan.commit, plan.name(binary)).as_bytes());
    let (a, b, c, d, e) = (&hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32]);
    format!("urn:uuid:{a}-{b}-4{c}-8{d}-{e}")
}

fn component_of_program(package: &Package, binary: &Binary) -> Value {
    json!({
        "type": "application",
        "bom-ref": reference(&package.name, &package.version),
        "name": binary.name,
        "version": package.version,
        "licenses": [{ "expression": licence(package) }],
    })
}

fn component(package: &Package, checksums: &BTreeMap<(String, String), String>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(&package.name, &package.version),
        "name": package.name,
        "version": package.version,
        "purl": reference(&package.name, &package.version),
        "licenses": [{ "expression": licence(package) }],
    });
    if let Some(description) = &package.description {
        component["description"] = json!(description.trim());
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    if let Some(checksum) = checksums.get(&(package.name.clone(), package.version.clone())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// The expression, with `OR` where old manifests have `/`.
fn licence(package: &Package) -> String {
    let text = package.license.as_deref().unwrap_or("NOASSERTION");
    text.replace(" / ", " OR ").replace('/', " OR ").replace(" or ", " OR ")
}

fn reference(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

fn dependencies<'a>(
    packages: &'a [Package],
    links: impl IntoIterator<Item = &'a metadata::Link>,
) -> Vec<Value> {
    let mut of: BTreeMap<String, Vec<String>> = packages
        .iter()
        .map(|package| (reference(&package.name, &package.version), Vec::new()))
        .collect();
    for (from, to) in links {
        let to = reference(&to.0, &to.1);
        of.entry(reference(&from.0, &from.1)).or_default().push(to);
    }
    of.into_iter().map(|(from, to)| json!({ "ref": from, "dependsOn": to })).collect()
}

/// What the registry says that the bytes of each package are.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>, String> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(lock).map_err(|error| format!("Cargo.lock: {error}"))?;
    let row = |it: Locked| it.checksum.map(|checksum| ((it.name, it.version), checksum));
    Ok(lock.package.into_iter().filter_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    fn plan(name: &str) -> Plan {
        let (name, package) = (name.to_owned(), name.to_owned());
        Plan {
            binaries: vec![Binary { name, package, features: vec![], extras: vec![] }],
            target: "x86_64-unknown-linux-gnu".into(),
            version: "1.2.3".into(),
            commit: "0123456789abcdef".into(),
            changed: false,
            epoch: 0,
            compiler: String::new(),
        }
    }

    #[test]
    fn the_serial_number_follows_from_commit_and_program() {
        let (a, b) = (plan("a"), plan("b"));
        let serial = |plan: &Plan| serial(plan, &plan.binaries[0]);
        assert_eq!(serial(&a), serial(&plan("a")));
        assert_ne!(serial(&a), serial(&b));
        assert_eq!(serial(&a).len(), "urn:uuid:00000000-0000-4000-8000-000000000000".len());
    }

    /// The bill of a program of ours names what it is built with, and nothing twice.
    #[test]
    fn a_bill_names_each_package_once_with_licence_and_checksum() {
        let root = crate::root();
        let plan = plan("herbarium-load");
        let text = text(&root, &plan, &plan.binaries[0]).unwrap();
        let bill: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bill["specVersion"], "1.5");
        assert_eq!(bill["metadata"]["component"]["name"], "herbarium-load");
        let components = bill["components"].as_array().unwrap();
        let purls: std::collections::BTreeSet<_> =
            components.iter().map(|it| it["purl"].as_str().unwrap()).collect();
        assert_eq!(purls.len(), components.len());
        let clap = components.iter().find(|it| it["name"] == "clap").expect("clap");
        assert_eq!(clap["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(clap["hashes"][0]["content"].as_str().map(str::len), Some(64));
        for dependency in bill["dependencies"].as_array().unwrap() {
            for to in dependency["dependsOn"].as_array().unwrap() {
                assert!(purls.contains(to.as_str().unwrap()), "{to}");
            }
        }
    }
}
