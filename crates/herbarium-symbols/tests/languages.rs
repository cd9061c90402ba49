//! Every built-in query against a file of its language and the symbols that
//! are in it.
//!
//! `tests/fixtures/ID.EXTENSION` is the file; `ID.expected` has a symbol a line:
//! line, role, kind, name, then the names of the definitions around it, behind
//! `<`, the innermost first; its signature behind `|` and its documentation
//! behind `#`, for definitions. `(elsewhere)` marks the name of a container that
//! the file does not define. After a change to a query,
//!
//! ```text
//! HERBARIUM_REWRITE=1 cargo test -p herbarium-symbols --features all-langs
//! ```
//!
//! writes what is found there, to be read before it is believed.
#![expect(clippy::print_stdout, reason = "a test over many languages says how many it saw")]

mod support;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use herbarium_codec::Tree;
use herbarium_languages::{Language, by_id, known};
use herbarium_symbols::{Role, Symbol, SymbolFinder, SymbolQuery, Symbols};

/// What is wrong with one language; nothing if all is well.
fn check(id: &str, language: &Language) -> Result<(), Box<dyn std::error::Error>> {
    let fixture = fixture(id)?;
    let expected_path = fixtures().join(format!("{id}.expected"));
    let source = std::fs::read(&fixture)?;
    let tree = stored(language, &source)?;
    if let Some(error) = tree.nodes().find(|node| node.is_error() || node.is_missing()) {
        return Err(format!("{}: broken at {error:?}", fixture.display()).into());
    }
    let compiler = support::compiler(language);
    let query = SymbolQuery::for_language(id, &compiler).ok_or("no query")??;
    let mut finder = SymbolFinder::new();
    let found = listed(&finder.find(&query, &tree, &source));
    if std::env::var_os("HERBARIUM_REWRITE").is_some() {
        std::fs::write(&expected_path, &found)?;
    }
    let expected = std::fs::read_to_string(&expected_path)?;
    match first_difference(&expected, &found) {
        None => Ok(()),
        Some(difference) => Err(format!("{}: {difference}", fixture.display()).into()),
    }
}

/// The tree as a store gives it: pressed, and opened again.
fn stored(language: &Language, source: &[u8]) -> Result<Tree, Box<dyn std::error::Error>> {
    Ok(herbarium_codec::decode(&support::press(language, source)?, language.grammar())?)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn fixture(id: &str) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let is_fixture = |path: &PathBuf| {
        path.file_stem().is_some_and(|stem| stem == id)
            && path.extension().is_some_and(|extension| extension != "expected")
    };
    let mut paths = std::fs::read_dir(fixtures())?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(is_fixture).ok_or_else(|| "no fixture".into())
}

fn listed(symbols: &Symbols<'_>) -> String {
    let mut list = String::new();
    for symbol in *symbols {
        let row = symbol.name_range.start_point.row + 1;
        let name = one_line(&symbols.name(symbol));
        let _ = write!(list, "{row} {} {} {name}", symbol.role, symbol.kind);
        let container = symbols.container(symbol).map(|it| symbols.name(it));
        if let Some(named) =
            symbols.container_name(symbol).filter(|it| container != Some(it.clone()))
        {
            let _ = write!(list, " < {} (elsewhere)", one_line(&named));
        }
        let mut around: &Symbol = symbol;
        while let Some(container) = symbols.container(around) {
            let _ = write!(list, " < {}", one_line(&symbols.name(container)));
            around = container;
        }
        if symbol.role == Role::Definition {
            let _ = write!(list, " | {}", symbols.signature(symbol));
            if let Some(doc) = symbols.doc(symbol) {
                let _ = write!(list, " # {}", doc.replace('\n', "\\n"));
            }
        }
        list.push('\n');
    }
    list
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_difference(expected: &str, found: &str) -> Option<String> {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let len = expected.len().max(found.len());
    let at = (0..len).find(|at| expected.get(*at) != found.get(*at))?;
    let show = |lines: &[&str]| lines.get(at).map_or("nothing".to_owned(), |line| line.to_string());
    Some(format!("symbol {}: expected `{}`, found `{}`", at + 1, show(&expected), show(&found)))
}

#[test]
fn every_built_in_query_finds_the_symbols_of_its_fixture() {
    let languages = SymbolQuery::languages().filter_map(|id| Some((id, by_id(id)?)));
    let (mut checked, mut wrong) = (0, Vec::new());
    for (id, language) in languages {
        checked += 1;
        let causes = |error: Box<dyn std::error::Error>| match error.source() {
            Some(cause) => format!("{id}: {error}: {cause}"),
            None => format!("{id}: {error}"),
        };
        wrong.extend(check(id, language).err().map(causes));
    }
    println!("symbols of {checked} of {} languages checked", SymbolQuery::languages().len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 16, "only {checked} languages are built in");
}

#[test]
fn every_built_in_query_is_for_a_known_language_in_order() {
    let ids: Vec<&str> = SymbolQuery::languages().collect();
    assert!(ids.is_sorted());
    for id in ids {
        assert!(known().iter().any(|row| row.id == id), "`{id}` is no language");
        assert!(fixture(id).is_ok(), "`{id}` has no fixture");
    }
}
