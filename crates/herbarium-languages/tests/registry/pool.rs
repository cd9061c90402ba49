//! Parsers are kept, bounded, and never carry anything from one file to the next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use herbarium_languages::{Language, ParseError, ParseLimits, ParserPool, by_id};
use tree_sitter::{InputEdit, Point, Range};

fn language(id: &str) -> &'static Language {
    by_id(id).unwrap_or_else(|| panic!("these tests need the feature lang-{id}"))
}

fn parse(pool: &ParserPool, source: &[u8]) -> String {
    pool.parse(language("c"), source, None, &ParseLimits::default())
        .map_or_else(|error| error.to_string(), |tree| tree.root_node().to_sexp())
}

/// Runs so many parses at once and counts the parsers that are kept.
fn check_kept(most: usize, at_once: usize, expected: usize) {
    let (pool, c, barrier) = (ParserPool::new(most), language("c"), Barrier::new(at_once));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| pool.with(c, |_| barrier.wait()).is_ok());
        }
    });
    assert_eq!(pool.idle(c), expected, "{at_once} at once, {most} to keep");
    assert_eq!(pool.parses(), at_once as u64);
    assert_eq!(pool.idle(language("rust")), 0, "of a language that was not used");
}

#[test]
fn a_pool_keeps_no_more_parsers_than_it_may() {
    check_kept(2, 1, 1);
    check_kept(2, 2, 2);
    check_kept(2, 5, 2);
    check_kept(0, 1, 0);
}

#[test]
fn a_parser_is_dropped_after_a_panic() {
    let pool = ParserPool::new(4);
    assert!(parse(&pool, b"int x;").contains("declaration"));
    assert_eq!(pool.idle(language("c")), 1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        pool.with(language("c"), |_| std::panic::resume_unwind(Box::new("stop")))
    }));
    assert!(result.is_err());
    assert_eq!(pool.idle(language("c")), 0);
    assert!(parse(&pool, b"int x;").contains("declaration"));
}

#[test]
fn what_was_set_on_a_parser_is_gone_when_it_is_lent_again() {
    let pool = ParserPool::new(1);
    let range = Range {
        start_byte: 4,
        end_byte: 5,
        start_point: Point::new(0, 4),
        end_point: Point::new(0, 5),
    };
    let set = pool.with(language("c"), |parser| parser.set_included_ranges(&[range]).is_ok());
    assert_eq!(set, Ok(true));
    assert!(parse(&pool, b"int x;").contains("primitive_type"));
    let set = pool
        .with(language("c"), |parser| parser.set_language(&language("rust").tree_sitter()).is_ok());
    assert_eq!(set, Ok(true));
    assert!(parse(&pool, b"int x;").contains("primitive_type"));
}

#[test]
fn an_old_tree_of_another_language_is_refused() {
    let pool = ParserPool::default();
    let rust = pool.parse(language("rust"), b"fn f() {}", None, &ParseLimits::default());
    let rust = rust.unwrap_or_else(|error| panic!("{error}"));
    let found = pool.parse(language("c"), b"int x;", Some(&rust), &ParseLimits::default());
    assert_eq!(found.err(), Some(ParseError::OldTree { language: "c" }));
}

#[test]
fn a_parse_that_starts_from_an_old_tree_gives_the_same_tree() {
    let pool = ParserPool::default();
    let limits = ParseLimits::default();
    let parse = |source: &[u8], old: Option<&tree_sitter::Tree>| {
        pool.parse(language("c"), source, old, &limits).unwrap_or_else(|error| panic!("{error}"))
    };
    let mut old = parse(b"int x;\nint y;\n", None);
    old.edit(&InputEdit {
        start_byte: 4,
        old_end_byte: 5,
        new_end_byte: 7,
        start_position: Point::new(0, 4),
        old_end_position: Point::new(0, 5),
        new_end_position: Point::new(0, 7),
    });
    let new = b"int abc;\nint y;\n";
    assert_eq!(
        parse(new, Some(&old)).root_node().to_sexp(),
        parse(new, None).root_node().to_sexp()
    );
}

#[test]
fn any_bytes_give_a_tree() {
    let pool = ParserPool::default();
    for source in [&b""[..], b"\0", b"\xff\xfe\xfd", b"\xEF\xBB\xBFint x;", b"int \x80;", b"\r\n\t"]
    {
        let tree = pool.parse(language("c"), source, None, &ParseLimits::default());
        assert!(tree.is_ok(), "{source:?}: {tree:?}");
    }
}
