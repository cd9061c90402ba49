//! `cargo xtask api`: the public items of each library, as text that a change to them
//! changes.
//!
//! Read from the pages of rustdoc, which the step `doc` has written anyway: no other tool,
//! no nightly toolchain. What the pages look like depends on the toolchain, so it is the
//! one that `Cargo.toml` names.

mod page;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, command, read, root, rust_version};

pub(crate) const USAGE: &str =
    "api [--check]   write docs/api, the public items of each library, or compare";

const FOLDER: &str = "docs/api";

/// Libraries for tests and benchmarks: nobody depends on them.
const TOOLS: &[&str] = &["herbarium-conformance", "herbarium-faults"];

/// Libraries that are workspaces of their own.
const ELSEWHERE: &[&str] = &["herbarium-cache-rivals"];

/// Writes the listings; with `--check` compares them with what is there.
pub(crate) fn run(args: &[String]) -> Outcome {
    let check = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    };
    let root = root();
    same_toolchain(&root)?;
    // As the step `doc` does it, so that nothing is done twice.
    command::run(&root, "RUSTDOCFLAGS+=-Dwarnings cargo doc --workspace --no-deps")?;
    let listings = listings(&root)?;
    if check { compare(&root, &listings) } else { write(&root, &listings) }
}

fn same_toolchain(root: &Path) -> Result<(), String> {
    let wanted = rust_version(root)?;
    let found = command::output("rustc --version")?;
    if found.starts_with(&format!("rustc {wanted}.")) {
        return Ok(());
    }
    let found = found.trim();
    Err(format!("expected Rust {wanted}, found {found}; run `cargo +{wanted} xtask api`"))
}

/// Text of each listing, by its file name.
fn listings(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let docs =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let listing = |name: String| {
        let pages = docs.join("doc").join(name.replace('-', "_"));
        listing(&name, &pages).map(|text| (format!("{name}.txt"), text))
    };
    libraries(root)?.into_iter().map(listing).collect()
}

/// The libraries that others build on.
pub(crate) fn libraries(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("crates");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| folder.join(name).join("Cargo.toml").exists());
    let names = names.filter(|name| !TOOLS.contains(&&**name) && !ELSEWHERE.contains(&&**name));
    let mut names: Vec<_> = names.collect();
    names.sort();
    Ok(names)
}

/// All items of one library.
fn listing(name: &str, pages: &Path) -> Result<String, String> {
    let page = |path: &Path| {
        fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))
    };
    let mut text = format!("The public items of {name}, written by `cargo xtask api`.\n");
    let mut modules = Vec::new();
    indexes(pages, &mut modules)?;
    modules.sort();
    for module in modules {
        for line in page::reexports(&page(&module)?) {
            let module = module.parent().and_then(|it| it.strip_prefix(pages).ok());
            let module = module.map(|it| it.to_string_lossy().replace('\\', "/"));
            let module = module.filter(|it| !it.is_empty()).map(|it| it.replace('/', "::") + ": ");
            text.push_str(&format!("\n{}{line}\n", module.unwrap_or_default()));
        }
    }
    let mut items = page::items(&page(&pages.join("all.html"))?);
    items.sort();
    for item in items {
        text.push_str(&format!("\n{}\n", item.name));
        for line in page::lines(&page(&pages.join(&item.link))?) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    Ok(text)
}

/// The pages of all public modules: private ones have none.
fn indexes(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}; is the library documented?", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            indexes(&path, found)?;
        } else if path.ends_with("index.html") {
            found.push(path);
        }
    }
    Ok(())
}

fn write(root: &Path, listings: &BTreeMap<String, String>) -> Outcome {
    fs::create_dir_all(root.join(FOLDER))?;
    for (name, text) in listings {
        let path = format!("{FOLDER}/{name}");
        if read(root, &path).ok().as_ref() != Some(text) {
            fs::write(root.join(&path), text).map_err(|error| format!("{path}: {error}"))?;
            println!("wrote {path}");
        }
    }
    for path in strangers(root, listings)? {
        fs::remove_file(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        println!("removed {path}");
    }
    Ok(())
}

fn compare(root: &Path, listings: &BTreeMap<String, String>) -> Outcome {
    let mut found = Vec::new();
    for (name, text) in listings {
        let path = format!("{FOLDER}/{name}");
        let there = read(root, &path).unwrap_or_default();
        let same = there.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
        if there != *text {
            let line = text.lines().nth(same).or_else(|| there.lines().nth(same));
            found.push(format!(
                "{path} differs from the code in line {}: `{}`",
                same + 1,
                line.unwrap_or_default().trim()
            ));
        }
    }
    found.extend(strangers(root, listings)?.iter().map(|path| format!("{path} is of no library")));
    if found.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nif the change is meant, run `cargo xtask api`, commit what it writes, and say in \
         MIGRATION.md what users have to do",
        found.join("\n")
    )
    .into())
}

/// Listings of libraries that are gone.
fn strangers(root: &Path, listings: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let Ok(entries) = fs::read_dir(root.join(FOLDER)) else { return Ok(Vec::new()) };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let strangers = names.filter(|name| !listings.contains_key(name));
    Ok(strangers.map(|name| format!("{FOLDER}/{name}")).collect())
}
