//! What a query demands of a file before its tree is touched.

use crate::common::Bench;

/// Whether a text is allowed, with these patterns disabled.
fn check(query: &str, disabled: &[usize], text: &str, expected: bool) {
    let mut query = Bench::of("rust").compiler.compile(query).expect(query);
    disabled.iter().for_each(|pattern| query.disable_pattern(*pattern));
    assert_eq!(query.demands().allow_text(text.as_bytes()), expected, "{disabled:?} {text}");
}

#[test]
fn one_pattern_that_finds_its_words_is_enough() {
    let query = "((identifier) @a (#eq? @a \"kfree\"))
        ((identifier) @a (#any-of? @a \"malloc\" \"calloc\"))";
    check(query, &[], "kfree(x)", true);
    check(query, &[], "calloc(x)", true);
    check(query, &[], "free(x)", false);
    check("((identifier)? @a (#eq? @a \"kfree\"))", &[], "free(x)", true);
    check("((identifier) @a (#not-eq? @a \"kfree\"))", &[], "free(x)", true);
}

#[test]
fn a_disabled_pattern_demands_nothing_and_allows_nothing() {
    let query = "(identifier) @any ((identifier) @a (#eq? @a \"kfree\"))";
    check(query, &[], "free(x)", true);
    check(query, &[0], "free(x)", false);
    check(query, &[0], "kfree(x)", true);
    check(query, &[1], "free(x)", true);
    check(query, &[0, 1], "kfree(x)", false);
}
