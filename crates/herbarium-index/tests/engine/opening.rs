//! Opening one tree.

use std::sync::Arc;

use super::{Ground, index};
use herbarium_index::{Engine, EngineOptions, OpenError, Origin};
use herbarium_store::{Store, StoreOptions, TreeKey};

#[test]
fn a_tree_is_parsed_once_and_then_comes_from_the_store() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n")]);
    let engine = ground.engine();
    let path = ground.path("a.rs");
    let first = engine.open(&path).unwrap();
    let second = engine.open(&path).unwrap();
    assert_eq!((first.from, second.from), (Origin::Parsed, Origin::Store));
    assert_eq!(first.tree, second.tree);
    assert_eq!(second.language.id, "rust");
    assert_eq!(second.tree.root_node().to_sexp(), first.tree.root_node().to_sexp());
    assert_eq!(engine.parses(), 1);
}

#[test]
fn what_was_indexed_is_opened_by_path_and_by_key_without_a_parse() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.h", "class B {};\n")]);
    ground.index();
    let engine = ground.engine();
    for name in ["a.rs", "b.h"] {
        let opened = engine.open(&ground.path(name)).unwrap();
        assert_eq!(opened.from, Origin::Store);
        assert_eq!(engine.open_key(&opened.key).unwrap(), opened.tree);
    }
    assert_eq!(engine.parses(), 0);
}

#[test]
fn what_was_opened_is_not_parsed_by_the_next_index() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n")]);
    let engine = ground.engine();
    engine.open(&ground.path("a.rs")).unwrap();
    let report = index(&engine, &ground.root());
    assert_eq!((report.trees_reused, report.parses), (1, 0));
}

#[test]
fn a_store_for_reading_only_is_no_hindrance() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.rs", "fn b() {}\n")]);
    index(&ground.engine(), &ground.path("a.rs"));
    let options = StoreOptions::new().read_only(true);
    let store = Arc::new(Store::open(ground.dir.path().join("store"), options).unwrap());
    let engine = Engine::new(store, EngineOptions::default());
    assert_eq!(engine.open(&ground.path("a.rs")).unwrap().from, Origin::Store);
    assert_eq!(engine.open(&ground.path("b.rs")).unwrap().from, Origin::Parsed);
    // From memory: it could not be stored.
    assert_eq!(engine.open(&ground.path("b.rs")).unwrap().from, Origin::Store);
    assert_eq!(engine.parses(), 1);
}

/// The error of opening a file of that name and content.
fn error(name: &str, text: &[u8]) -> OpenError {
    let ground = Ground::new();
    ground.write(name, text);
    let options = EngineOptions { max_file_bytes: 100, ..EngineOptions::default() };
    ground.engine_with(options).open(&ground.path(name)).unwrap_err()
}

#[test]
fn each_reason_not_to_open_has_its_error() {
    assert!(matches!(error("a.unheard", b"words"), OpenError::UnknownLanguage { .. }));
    assert!(matches!(error("a.rs", b"a\0b"), OpenError::Encoding { found: "binary", .. }));
    assert!(matches!(error("a.rs", b"\xfe\xff\0a"), OpenError::Encoding { .. }));
    assert!(matches!(
        error("a.rs", &[b' '; 101]),
        OpenError::TooLarge { len: 101, limit: 100, .. }
    ));
    let ground = Ground::new();
    let missing = ground.engine().open(&ground.path("missing.rs"));
    assert!(matches!(missing, Err(OpenError::Read { .. })));
    let key = TreeKey([7; 32]);
    let nothing = ground.engine().open_key(&key);
    assert!(matches!(nothing, Err(OpenError::NoTree { key: found }) if found == key));
}

#[test]
fn lines_are_those_of_the_index() {
    let check = |text: &str, lines: u64| {
        let ground = Ground::with(&[("a.py", text)]);
        assert_eq!(ground.index().lines, lines, "{text:?}");
        assert_eq!(ground.engine().open(&ground.path("a.py")).unwrap().lines(), lines, "{text:?}");
    };
    check("", 0);
    check("a", 1);
    check("a\n", 1);
    check("a\nb", 2);
    check("a\r\nb\r\n", 2);
}
