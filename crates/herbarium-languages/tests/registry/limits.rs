//! A parse that costs too much ends with a clear error, and the pool goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use herbarium_languages::{Language, ParseError, ParseLimits, ParserPool, by_id};

fn c() -> &'static Language {
    by_id("c").unwrap_or_else(|| panic!("these tests need the feature lang-c"))
}

/// C source of at least that many bytes.
fn source(len: usize) -> Vec<u8> {
    let function = b"int f(int a, int b) { return a * (b + 1) - g(a, b); }\n";
    function.repeat(len / function.len() + 1)
}

/// Parses under the limits, then something small with the same pool, which must
/// not remember anything of the first.
fn check(source: &[u8], limits: &ParseLimits, expected: &ParseError) {
    let pool = ParserPool::new(1);
    let found = pool.parse(c(), source, None, limits).map(|tree| tree.root_node().to_sexp().len());
    assert_eq!(found.as_ref(), Err(expected));
    let tree = pool
        .parse(c(), b"int x;", None, &ParseLimits::default())
        .unwrap_or_else(|error| panic!("after {expected:?}: {error}"));
    assert_eq!(tree.root_node().end_byte(), 6, "after {expected:?}");
    assert!(!tree.root_node().has_error(), "after {expected:?}");
    assert_eq!(pool.idle(c()), 1, "after {expected:?}");
}

#[test]
fn twenty_megabytes_in_50_milliseconds_time_out_and_the_pool_goes_on() {
    let limit = Duration::from_millis(50);
    let limits = ParseLimits { max_time: Some(limit), ..ParseLimits::default() };
    check(&source(20 << 20), &limits, &ParseError::TimedOut { limit });
}

#[test]
fn a_source_over_the_limit_is_not_parsed() {
    let limits = ParseLimits { max_bytes: 100, ..ParseLimits::default() };
    check(&[b' '; 101], &limits, &ParseError::TooLarge { len: 101, limit: 100 });
    assert!(limits.check_len(100).is_ok());
}

#[test]
fn a_parse_is_cancelled_from_another_thread() {
    let cancel = Arc::new(AtomicBool::new(false));
    let limits = ParseLimits { cancel: Some(Arc::clone(&cancel)), ..ParseLimits::none() };
    let source = source(20 << 20);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            cancel.store(true, Ordering::Relaxed);
        });
        check(&source, &limits, &ParseError::Cancelled);
    });
}

#[test]
fn errors_say_what_was_found_and_what_to_do() {
    let limit = Duration::from_millis(50);
    let cases = [
        (
            ParseError::TooLarge { len: 101, limit: 100 },
            ["101 bytes", "limit is 100", "raise the limit"],
        ),
        (ParseError::TimedOut { limit }, ["stopped after 50ms", "time limit", "raise the limit"]),
        (ParseError::Cancelled, ["cancelled", "parse again", ""]),
        (ParseError::OldTree { language: "c" }, ["old tree", "`c`", "same language"]),
        (ParseError::NoTree { language: "c" }, ["`c`", "no tree", "report"]),
    ];
    for (error, parts) in cases {
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}
