//! One parser per C symbol in the whole dependency graph.
//!
//! Every grammar crate exports a plain C function. Where two crates export the
//! same one, the linker takes whichever comes first and says nothing: node kinds
//! then change their meaning. The rows hold one crate per symbol, so it is
//! enough that the lock file holds no grammar that is not in the rows.

use std::collections::HashMap;
use std::error::Error;

use serde::Deserialize;

use super::registry::Registry;

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// What a grammar depends on, as against being one.
const RUNTIME: &[&str] = &["tree-sitter", "tree-sitter-language"];
/// Called like a grammar, and none: the C headers that arborium's crates build with.
const NO_GRAMMAR: &[&str] = &["arborium-sysroot"];

/// What is wrong with the grammars in a lock file: those that are in no row,
/// and those of a second version.
pub(crate) fn strangers(registry: &Registry, lock: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let lock: Lock = toml::from_str(lock).map_err(|error| format!("Cargo.lock: {error}"))?;
    let known: HashMap<&str, &str> = registry.packages().into_iter().collect();
    Ok(lock
        .package
        .iter()
        .filter(|package| is_grammar(package))
        .filter_map(|package| fault(package, &known))
        .collect())
}

/// Packages of the workspace have no source; they may use the runtime freely.
fn is_grammar(package: &Package) -> bool {
    let uses_runtime = package
        .dependencies
        .iter()
        .any(|dependency| RUNTIME.contains(&dependency.split(' ').next().unwrap_or_default()));
    let called_so =
        package.name.starts_with("tree-sitter-") || package.name.starts_with("arborium-");
    let excepted = [RUNTIME, NO_GRAMMAR].concat().contains(&package.name.as_str());
    package.source.is_some() && !excepted && (uses_runtime || called_so)
}

fn fault(package: &Package, known: &HashMap<&str, &str>) -> Option<String> {
    let Package { name, version, .. } = package;
    match known.get(name.as_str()) {
        Some(expected) if expected == version => None,
        Some(expected) => Some(format!(
            "Cargo.lock holds {name} {version}, languages.toml pins {expected}: two versions export one C symbol"
        )),
        None => Some(format!(
            "Cargo.lock holds {name} {version}, a grammar of no row: it may replace the parser of another crate without a word; find who brings it with `cargo tree -i {name}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::Registry;

    const ROWS: &str = r#"
        [[language]]
        id = "cpp"
        name = "C++"
        crate = "tree-sitter-cpp"
        version = "0.23.4"
        exposure = "constant"
        path = "tree_sitter_cpp::LANGUAGE"
        c_symbol = "tree_sitter_cpp"
        licence = "MIT"
        tier = "core"
        weight = "heavy"
    "#;

    fn check(name: &str, version: &str, dependency: &str, expected: &str) {
        let registry =
            Registry::read(ROWS, "clash = []", "id\tabi\tstates\tkinds\tfields\tfingerprint")
                .unwrap_or_else(|error| panic!("{error}"));
        let lock = format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry\"\ndependencies = [\"{dependency}\"]"
        );
        let found =
            super::strangers(&registry, &lock).unwrap_or_else(|error| panic!("{error}")).join("\n");
        assert!(
            if expected.is_empty() { found.is_empty() } else { found.contains(expected) },
            "{name} {version}: expected {expected:?}, found {found:?}"
        );
    }

    #[test]
    fn a_grammar_outside_the_rows_is_a_stranger() {
        check("tree-sitter-cpp", "0.23.4", "tree-sitter-language", "");
        check(
            "tree-sitter-cpp",
            "0.23.3",
            "tree-sitter-language",
            "two versions export one C symbol",
        );
        check("arborium-cpp", "2.18.2", "tree-sitter-language", "cargo tree -i arborium-cpp");
        check("some-parser", "1.0.0", "tree-sitter 0.26.0", "a grammar of no row");
        check("tree-sitter", "0.27.1", "tree-sitter-language", "");
        check("serde", "1.0.0", "serde_core", "");
        check("arborium-sysroot", "2.18.2", "cc", "");
    }
}
