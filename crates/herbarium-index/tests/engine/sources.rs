//! Opening the tree of a text that is in no file.

use std::path::Path;
use std::time::Duration;

use super::Ground;
use herbarium_index::{Cancel, EngineOptions, OpenError, Origin, Source};

fn source<'a>(path: &'a str, text: &'a [u8]) -> Source<'a> {
    Source { path: Path::new(path), ..Source::new(text) }
}

#[test]
fn a_text_has_the_tree_and_the_key_of_a_file_with_it() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n")]);
    let engine = ground.engine();
    let opened = engine.open_source(&source("x/b.rs", b"fn a() {}\n"), &Cancel::new()).unwrap();
    let of_file = engine.open(&ground.path("a.rs")).unwrap();
    assert_eq!((opened.key, &opened.tree), (of_file.key, &of_file.tree));
    assert_eq!((opened.from, of_file.from), (Origin::Parsed, Origin::Store));
    assert_eq!(engine.parses(), 1);
}

#[test]
fn a_text_that_is_not_to_be_kept_leaves_nothing_behind() {
    let ground = Ground::new();
    let engine = ground.engine();
    let passing = Source { keep: false, ..source("a.rs", b"fn a() {}\n") };
    for parses in 1..=2 {
        let opened = engine.open_source(&passing, &Cancel::new()).unwrap();
        assert_eq!((opened.from, engine.parses()), (Origin::Parsed, parses));
        assert!(matches!(engine.open_key(&opened.key), Err(OpenError::NoTree { .. })));
    }
    engine.open_source(&source("a.rs", b"fn a() {}\n"), &Cancel::new()).unwrap();
    let known = engine.open_source(&passing, &Cancel::new()).unwrap();
    assert_eq!((known.from, engine.parses()), (Origin::Store, 3));
}

#[test]
fn each_reason_not_to_open_a_text_has_its_error() {
    let ground = Ground::new();
    let options = EngineOptions { max_file_bytes: 1000, ..EngineOptions::default() };
    let engine = ground.engine_with(options);
    let error = |source: &Source<'_>| engine.open_source(source, &Cancel::new()).unwrap_err();
    let named = |id| Source { language: Some(id), ..Source::new(b"words") };
    assert!(matches!(error(&source("a.unheard", b"w")), OpenError::UnknownLanguage { .. }));
    assert!(matches!(error(&named("unheard")), OpenError::NoLanguage { id } if id == "unheard"));
    assert!(matches!(error(&source("a.rs", b"a\0b")), OpenError::Encoding { .. }));
    assert!(matches!(error(&source("a.rs", &[b' '; 1001])), OpenError::TooLarge { .. }));
    let many = "f();".repeat(200);
    let hurried =
        Source { max_parse_time: Some(Duration::ZERO), ..source("a.rs", many.as_bytes()) };
    assert!(matches!(error(&hurried), OpenError::Parse { .. }));
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = engine.open_source(&source("a.rs", many.as_bytes()), &cancel);
    assert!(matches!(cancelled, Err(OpenError::Parse { .. })));
}

#[test]
fn a_language_that_is_named_wins_over_the_path() {
    let ground = Ground::new();
    let named = Source { language: Some("json"), ..source("a.rs", b"[1]") };
    let opened = ground.engine().open_source(&named, &Cancel::new()).unwrap();
    assert_eq!(opened.language.id, "json");
}
