//! `docs/ARCHITECTURE.md` is held against what the manifests say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// `cargo metadata`, as far as it is looked at.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for a normal one.
    kind: Option<String>,
}

/// Names that each member of the workspace depends on, apart from tests and benches.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a cargo command prints. The network is not asked: what is being tested
/// was built from what is there.
fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(args).arg("--offline").current_dir(root()).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn arrows() -> Arrows {
    let output = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    let metadata: Metadata = serde_json::from_str(&output).expect("cargo's JSON");
    let members: BTreeSet<String> = metadata.workspace_members.into_iter().collect();
    let members = metadata.packages.into_iter().filter(|package| members.contains(&package.id));
    members.map(|package| (package.name, built_with(package.dependencies))).collect()
}

fn built_with(dependencies: Vec<Dependency>) -> BTreeSet<String> {
    let built_with = dependencies.into_iter().filter(|it| it.kind.as_deref() != Some("dev"));
    built_with.map(|it| it.name).collect()
}

fn page() -> String {
    let path = root().join("docs/ARCHITECTURE.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lines of the fenced block of that name.
fn block(page: &str, name: &str) -> Vec<String> {
    let after =
        page.split_once(&format!("```{name}\n")).unwrap_or_else(|| panic!("no {name} block"));
    let (block, _) = after.1.split_once("```").expect("the block ends");
    block.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// `a -> b c` as (a, {b, c}).
fn parse(line: &str) -> (String, BTreeSet<String>) {
    let (from, to) = line.split_once("->").unwrap_or_else(|| panic!("no arrow in `{line}`"));
    (from.trim().to_owned(), to.split_whitespace().map(str::to_owned).collect())
}

/// All that a member is built with, by any number of steps within the workspace.
fn reachable(arrows: &Arrows, from: &str) -> BTreeSet<String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(name) = next.pop() {
        for dependency in arrows.get(&name).into_iter().flatten() {
            if seen.insert(dependency.clone()) {
                next.push(dependency.clone());
            }
        }
    }
    seen
}

#[test]
fn the_arrows_on_the_page_are_those_of_the_manifests() {
    let all = arrows();
    let within = |(from, to): (&String, &BTreeSet<String>)| {
        let to = to.iter().filter(|to| all.contains_key(*to)).cloned().collect();
        (from.clone(), to)
    };
    let real: Arrows = all.iter().map(within).collect();
    let written: Arrows = block(&page(), "arrows").iter().map(|line| parse(line)).collect();
    for (from, to) in &real {
        assert_eq!(
            written.get(from),
            Some(to),
            "`{from}`: docs/ARCHITECTURE.md on the left, its manifest on the right; do without the \
             dependency, or, if the arrow is meant, draw it on the page"
        );
    }
    let gone: Vec<&String> = written.keys().filter(|name| !real.contains_key(*name)).collect();
    assert!(gone.is_empty(), "on the page, but not in the workspace: {gone:?}");
}

/// A ban that names what is not there bans nothing: each name must be a crate
/// that some member uses, or one that the page says is not used at all.
#[test]
fn no_crate_knows_what_the_page_says_it_never_knows() {
    let arrows = arrows();
    let page = page();
    let nowhere: BTreeSet<String> = block(&page, "nowhere").into_iter().collect();
    let everywhere: BTreeSet<String> =
        arrows.iter().flat_map(|(from, to)| to.iter().chain([from])).cloned().collect();
    let used: Vec<&String> = nowhere.intersection(&everywhere).collect();
    assert!(used.is_empty(), "the page says nobody uses {used:?}");
    for line in block(&page, "never") {
        let (from, banned) = parse(&line);
        assert!(arrows.contains_key(&from), "`{from}` is not in the workspace");
        let known = reachable(&arrows, &from);
        for name in banned {
            let of_a_kind = |it: &str| match name.strip_suffix('*') {
                Some(start) => it.starts_with(start),
                None => it == name,
            };
            assert!(everywhere.iter().any(|it| of_a_kind(it)), "nobody uses `{name}`");
            let found: Vec<&String> = known.iter().filter(|it| of_a_kind(it)).collect();
            assert!(
                found.is_empty(),
                "`{from}` must not know `{name}`, and is built with {found:?}"
            );
        }
    }
}

/// The trees of these are small, and stay so.
#[test]
fn libraries_that_stand_alone_are_built_with_what_the_page_says() {
    let all = arrows();
    let lines = block(&page(), "outside");
    assert!(!lines.is_empty(), "the page names no library");
    for (name, written) in lines.iter().map(|line| parse(line)) {
        let built_with = all.get(&name).unwrap_or_else(|| panic!("`{name}` is no member"));
        let outside: BTreeSet<String> =
            built_with.iter().filter(|it| !all.contains_key(*it)).cloned().collect();
        assert_eq!(
            outside, written,
            "`{name}`: its manifest on the left, the block `outside` of docs/ARCHITECTURE.md on \
             the right; do without the crate, or write it there"
        );
    }
}

/// One version, one edition, one oldest toolchain, the same lints: a member with its own would
/// promise something else than the README.
#[test]
fn members_have_what_the_workspace_says() {
    let mut count = 0;
    for folder in ["bins", "crates", "."] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder of members") {
            let path = entry.expect("an entry").path().join("Cargo.toml");
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let manifest: toml::Table = text.parse().unwrap_or_else(|e| panic!("{path:?}: {e}"));
            // What is a workspace of its own inherits nothing.
            if manifest.contains_key("workspace") {
                continue;
            }
            let inherits = |table: &toml::Value, key: &str| {
                let inherited = table.get(key).and_then(|it| it.get("workspace"));
                inherited.and_then(toml::Value::as_bool) == Some(true)
            };
            for key in ["version", "edition", "rust-version", "license"] {
                assert!(
                    inherits(&manifest["package"], key),
                    "{}: expected `{key}.workspace = true`",
                    path.display()
                );
            }
            let lints = manifest.get("lints").and_then(|it| it.get("workspace"));
            let lints = lints.and_then(toml::Value::as_bool);
            assert_eq!(lints, Some(true), "{}: [lints] workspace", path.display());
            count += 1;
        }
    }
    assert!(count > 15, "members, or a test that finds few: {count}");
}

/// What one manifest says is one part: a crate from the registry could bring in
/// what the page bans. The lock file knows.
#[test]
fn no_crate_gets_a_parser_through_others() {
    let output = cargo(&[
        "tree",
        "--edges=normal,build",
        "--prefix=none",
        "--package=herbarium-codec",
        "--package=herbarium-store",
    ]);
    for line in output.lines() {
        assert!(
            !line.starts_with("tree-sitter"),
            "codec or store is built with {line}; `cargo tree --invert` says by whom"
        );
    }
}

/// Lines of code, not of comments.
fn is_unsafe(line: &str) -> bool {
    let code = line.trim_start();
    !code.starts_with("//")
        && ["unsafe {", "unsafe impl", "unsafe fn", "unsafe extern"]
            .iter()
            .any(|it| code.contains(it))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a folder that can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn unsafe_code_is_where_the_page_says() {
    let mut files = Vec::new();
    for folder in ["crates", "bins"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder of crates") {
            sources(&entry.expect("a crate").path().join("src"), &mut files);
        }
    }
    let is_unsafe = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a source file");
        text.lines().any(is_unsafe)
    };
    let from_root = |path: PathBuf| {
        let path = path.strip_prefix(root()).expect("a path below the root");
        path.to_string_lossy().replace('\\', "/")
    };
    let real: BTreeSet<String> = files.into_iter().filter(is_unsafe).map(from_root).collect();
    let written: BTreeSet<String> = block(&page(), "unsafe").into_iter().collect();
    assert_eq!(
        written, real,
        "docs/ARCHITECTURE.md on the left, the sources on the right; do without unsafe code, or \
         list the file on the page"
    );
}

/// Libraries whose errors are for those who test.
const MAY_PANIC: [&str; 1] = ["crates/herbarium-faults"];

#[test]
fn clippy_looks_for_panics_in_every_library() {
    let line =
        "#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]";
    for folder in ["crates", "bins"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder of crates") {
            let path = entry.expect("a crate").path();
            let library = path.join("src/lib.rs");
            let Ok(text) = std::fs::read_to_string(&library) else { continue };
            let from_root = path.strip_prefix(root()).expect("a path below the root");
            if MAY_PANIC.iter().all(|it| Path::new(it) != from_root) {
                assert!(text.contains(line), "{} needs the line {line}", library.display());
            }
        }
    }
}

/// Links of the page, and what it names by a path.
#[test]
fn what_the_page_points_to_exists() {
    let page = page();
    let links = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let links = links.map(|(link, _)| PathBuf::from("docs").join(link));
    let named = page.split('`').filter(|text| {
        ["crates/", "bins/", "xtask/"].iter().any(|start| text.starts_with(start))
            && !text.contains('\n')
    });
    let mut paths: Vec<PathBuf> = links.chain(named.map(PathBuf::from)).collect();
    paths.retain(|path| !root().join(path).exists());
    assert!(paths.is_empty(), "nothing is at {paths:?}");
}

/// An archive of the sources is no checkout; it is made from one.
#[test]
fn no_build_output_is_in_the_repository() {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output();
    let Some(listed) = listed.ok().filter(|output| output.status.success()) else { return };
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let built = |path: &&str| path.split('/').any(|folder| folder == "target");
    let found: Vec<_> = listed.lines().filter(built).take(5).collect();
    assert!(found.is_empty(), "git rm -r --cached these folders: {found:?}");
}
