//! Languages that are not built in, in a store that another program filled.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;

use herbarium_capture::parse_table_of;
use herbarium_codec::ParseTable;
use herbarium_index::{
    Cancel, Engine, EngineOptions, Missed, OpenError, Origin, Outlet, ScanFile, TablesError,
    Visitor,
};
use herbarium_languages::{all, by_id};

use crate::{Ground, check_sums, index, work};

const FILES: [(&str, &str); 3] =
    [("a.py", "def f():\n    return 1\n"), ("b.py", "x = 2\n"), ("c.rs", "fn main() {}\n")];

/// An engine that has all languages but these.
fn engine_without(ground: &Ground, languages: &[&str]) -> Engine {
    let never_parse = languages.iter().map(|&id| id.to_owned()).collect();
    ground.engine_with(EngineOptions { never_parse, ..EngineOptions::default() })
}

/// Tells of each file its language and the S-expression of its tree.
struct Trees;

impl Visitor for Trees {
    type Tools = ();
    type Item = (String, String);

    fn tools(&self) {}

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        (): &mut (),
        outlet: &mut Outlet<'_, Self::Item>,
    ) -> Result<(), Missed> {
        let (id, grammar) = (file.language().id.to_owned(), file.grammar().clone());
        let tree = file.open()?.0;
        assert_eq!(tree.grammar().fingerprint(), grammar.fingerprint());
        outlet.send((id, tree.root_node().to_sexp()));
        Ok(())
    }
}

fn trees(engine: &Engine, ground: &Ground, no_index: bool) -> Vec<(String, String)> {
    let snapshot = if no_index {
        engine.snapshot(&[ground.root()]).unwrap()
    } else {
        let (report, snapshot) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
        check_sums(&report);
        snapshot
    };
    let mut heard = Vec::new();
    let hear = |item| {
        heard.push(item);
        ControlFlow::Continue(())
    };
    let report = engine.scan(&snapshot, &Trees, hear, &Cancel::new()).unwrap();
    assert_eq!(report.missed, []);
    heard
}

#[test]
fn every_parse_table_comes_back_from_its_bytes() {
    for language in all() {
        let (grammar, table) = (language.grammar(), parse_table_of(&language.tree_sitter()));
        let bytes = table.to_bytes(grammar.fingerprint());
        let again = ParseTable::from_bytes(&bytes, grammar);
        assert!(again == Ok(table), "{}", language.id());
    }
}

#[test]
fn trees_of_a_language_that_is_not_built_in_are_asked() {
    let ground = Ground::with(&FILES);
    index(&ground.engine(), &ground.root());
    let all = trees(&ground.engine(), &ground, true);
    assert_eq!(all.len(), 3);
    let few = engine_without(&ground, &["python"]);
    for no_index in [true, false, true] {
        assert_eq!(trees(&few, &ground, no_index), all, "{no_index}");
    }
    let report = index(&few, &ground.root());
    assert_eq!(work(&report), (0, 3, 0, 0));
    // Moved and copied files have the same content, and so the same tree.
    fs::rename(ground.path("a.py"), ground.path("moved.py")).unwrap();
    fs::copy(ground.path("b.py"), ground.path("copy.py")).unwrap();
    ground.rest();
    let report = index(&few, &ground.root());
    assert_eq!(work(&report), (0, 4, 2, 0));
    assert_eq!(trees(&few, &ground, true).len(), 4);
    // Content of which nobody made a tree.
    ground.write("b.py", "y = 3\n");
    ground.rest();
    let report = index(&few, &ground.root());
    assert_eq!((work(&report), report.not_built["python"]), ((0, 3, 1, 0), 1));
    let report = index(&few, &ground.root());
    assert_eq!((work(&report), report.not_built["python"]), ((0, 3, 0, 0), 1));
    // Whoever has the language makes up for it.
    let report = index(&ground.engine(), &ground.root());
    assert_eq!(work(&report), (1, 3, 1, 1));
    assert_eq!(trees(&few, &ground, false).len(), 4);
}

#[test]
fn a_file_of_it_is_opened_from_the_store_or_named() {
    let ground = Ground::with(&FILES);
    let few = engine_without(&ground, &["python"]);
    let path = ground.path("a.py");
    assert!(matches!(few.open(&path), Err(OpenError::NotBuilt { id: "python", .. })));
    index(&ground.engine(), &ground.root());
    let opened = few.open(&path).unwrap();
    assert_eq!((opened.from, opened.language.id), (Origin::Store, "python"));
    ground.write("a.py", "z = 1\n");
    assert!(matches!(few.open(&path), Err(OpenError::NotBuilt { id: "python", .. })));
}

#[test]
fn its_tables_come_from_the_store() {
    let ground = Ground::with(&FILES);
    let few = engine_without(&ground, &["python", "c"]);
    let refused = few.query_tables("python");
    assert!(matches!(refused, Err(TablesError::NotBuilt { id: "python", .. })), "{refused:?}");
    index(&ground.engine(), &ground.root());
    let python = by_id("python").unwrap();
    let tables = few.query_tables("python").unwrap();
    assert_eq!(tables.grammar.fingerprint(), python.fingerprint());
    assert_eq!(*tables.parse_table, parse_table_of(&python.tree_sitter()));
    assert_eq!(few.grammar("python").unwrap().fingerprint(), python.fingerprint());
    assert!(few.query_tables("rust").is_ok());
    assert!(matches!(few.query_tables("c"), Err(TablesError::NotBuilt { id: "c", .. })));
    let unknown = few.query_tables("klingon");
    assert!(matches!(unknown, Err(TablesError::Unknown { .. })), "{unknown:?}");
}

#[test]
fn a_store_from_before_parse_tables_says_what_it_lacks() {
    let ground = Ground::with(&FILES);
    // As if stored then: the grammar table alone.
    let python = by_id("python").unwrap();
    ground.store.put_grammar(python.grammar()).unwrap();
    let few = engine_without(&ground, &["python"]);
    let refused = few.query_tables("python").unwrap_err();
    assert!(matches!(refused, TablesError::NoParseTable { id: "python", .. }), "{refused}");
    assert!(refused.to_string().contains("index once with a program that has Python"));
    // The next index with the language puts it there, though nothing has changed.
    index(&ground.engine(), &ground.root());
    assert!(few.query_tables("python").is_ok());
}

#[test]
fn a_program_without_any_language_asks_a_full_store() {
    let ground = Ground::with(&FILES);
    let without: BTreeSet<&str> = all().iter().map(|language| language.id()).collect();
    index(&ground.engine(), &ground.root());
    let few = engine_without(&ground, &without.into_iter().collect::<Vec<_>>());
    assert_eq!(trees(&few, &ground, false).len(), 3);
    for id in ["python", "rust"] {
        assert!(few.query_tables(id).is_ok(), "{id}");
    }
}
