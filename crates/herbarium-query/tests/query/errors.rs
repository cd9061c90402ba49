//! Texts that are no queries: the same error at the same place.

use herbarium_conformance::{Generator, Settings};

use crate::common::{Bench, sample};

fn check(language: &str, texts: &[&str]) {
    let bench = Bench::of(language);
    for text in texts {
        let compared = bench.compare(text, &[], &Settings::default());
        assert!(compared.is_ok(), "{text}\n{}", compared.unwrap_err());
    }
}

#[test]
fn what_is_wrong_and_where_is_what_tree_sitter_says() {
    check(
        "rust",
        &[
            "",
            " ",
            ";",
            "(",
            ")",
            "[",
            "]",
            "[]",
            "()",
            "(())",
            "(identifier",
            "identifier",
            "(identifier))",
            "(identifier) )",
            "(identifier) ]",
            "[(identifier)",
            "((identifier)",
            "(identifer)",
            "\"fnn\"",
            "\"fn",
            "\"fn\n\"",
            "\"\\",
            "(identifier name: (_))",
            "(function_item nam: (identifier))",
            "(function_item name (identifier))",
            "(function_item name:)",
            "(function_item name: (identifier)",
            "(function_item !name)",
            "(function_item !nme)",
            "(function_item !)",
            "(function_item ! name)",
            "!",
            "(identifier) @",
            "(identifier) @a.b-c_d",
            "@a",
            "(identifier) +",
            "(identifier) @a ? @b",
            "((identifier) @a (#eq? @a))",
            "((identifier) @a (#eq? @b \"x\"))",
            "((identifier) @a (#eq? \"x\" @a))",
            "((identifier) @a (#eq @a \"x\"))",
            "((identifier) @a (#))",
            "((identifier) @a (#eq? @))",
            "((identifier) @a (#match? @a \"(\"))",
            "((identifier) @a (#match? @a @a))",
            "((identifier) @a (#match? @a))",
            "((identifier) @a (#any-of? @a x \"y\" @a))",
            "((identifier) @a (#any-of?))",
            "((identifier) @a (#set! a b c))",
            "((identifier) @a (#set!))",
            "((identifier) @a (#set! @a @a x))",
            "((identifier) @a (#is? @a))",
            "((identifier) @a (#is-not? local))",
            "((identifier) @a (#foo-bar! @a b \"c\"))",
            "((identifier) @a (#eq? @a \"x\")",
            "(MISSING)",
            "(MISSING identifier)",
            "(MISSING \";\")",
            "(MISSING \"nope\")",
            "(MISSING nope)",
            "(MISSING +)",
            "(MISSING",
            "(ERROR)",
            "(ERR)",
            "(E (identifier))",
            "(ERROR (nope))",
            "(_)",
            "_",
            "(_ _)",
            "_foo",
            "(identifier (identifier))",
            "(function_item (match_arm))",
            "(match_arm (function_item))",
            "(source_file (identifier))",
            "(_expression/identifier)",
            "(_expression/function_item)",
            "(_expression/)",
            "(_expression/nope)",
            "(identifier/identifier)",
            "(_expression (identifier))",
            "(_expression/\"fn\")",
            "(function_item . )",
            "(function_item . (identifier) .)",
            "(function_item (identifier) . )",
            "(. (identifier))",
            "((identifier) . )",
            "((identifier) . (identifier))",
            "(function_item . . (identifier))",
            ". (identifier)",
            "(identifier) . (identifier)",
            "[(identifier) (nope)]",
            "[\"fn\" \"nope\"]",
            "[(identifier) . (self)]",
            "name: (identifier)",
            "name: [(identifier) (self)] @x",
            "(#eq? @a \"b\")",
            "(.eq? a)",
            "(-)",
            "(a-b)",
            "(1)",
            "(identifier)?? @a",
            "(identifier)*+?",
            "((identifier)* @a)+",
            "; comment",
            "; comment\n(identifier) ; more",
            "(identifier)\t\x0c(self)",
            "\u{e9}",
            "(\u{e9})",
            "\"\u{e9}\"",
            "\"\\\"\"",
            "\"\\n\"",
            "\u{a0}(identifier)",
        ],
    );
}

#[test]
fn unknown_names_come_with_the_nearest_known_one() {
    let bench = Bench::of("rust");
    for (text, suggestion) in [
        ("(identifer)", Some("identifier")),
        ("(function_item nam: (identifier))", Some("name")),
        ("((identifier) @name (#eq? @nmae \"x\"))", Some("name")),
        ("((identifier) @a.name (#eq? @a.nmae \"x\"))", Some("a.name")),
        ("\"matchh\"", Some("\"match\"")),
        // Named where it is a token, and the other way round.
        ("(match)", Some("\"match\"")),
        ("\"identifier\"", Some("(identifier)")),
        ("(qqqqqqqqqqqqqqqqqq)", None),
        ("(zz)", None),
    ] {
        let error = bench.compiler.compile(text).expect_err(text);
        assert_eq!(error.suggestion.as_deref(), suggestion, "{text}");
    }
}

#[test]
fn a_wrong_predicate_is_shown_beside_its_pattern() {
    let bench = Bench::of("rust");
    let wrong = "wrong predicate: Wrong number of arguments to #eq? predicate. Expected 2, got 1.";
    for (text, shown) in [
        (
            "((identifier) @a (#eq? @a))",
            "query, line 1, column 1: WRONG\n  \
             ((identifier) @a (#eq? @a))\n                    ^",
        ),
        (
            "(self)\n((identifier) @a\n  (#eq? @a \"x\")\n  (#eq? @a)) (self)",
            "query, line 2, column 1: WRONG\n  ((identifier) @a\n  ^\n\
             the predicate, line 4, column 4:\n    (#eq? @a)) (self)\n     ^",
        ),
        (
            "((self) @a (#eq? @a \"#eq?\")) ; (#eq? @b)\n((self) @a ; (#is? x)\r\n(.eq? @a))",
            "query, line 2, column 1: WRONG\n  ((self) @a ; (#is? x)\n  ^\n\
             the predicate, line 3, column 2:\n  (.eq? @a))\n   ^",
        ),
    ] {
        let error = bench.compiler.compile(text).expect_err(text);
        assert_eq!(error.to_string(), shown.replace("WRONG", wrong), "{text}");
        let place = error.predicate.as_ref().expect(text);
        assert!(text[place.offset..].starts_with(['#', '.']), "{text}");
        assert_eq!((error.column, error.offset), (0, 0), "{text}");
        let live = tree_sitter::Query::new(&bench.live, text).expect_err(text);
        assert_eq!((live.row, live.column, live.offset), (error.row, 0, 0), "{text}");
    }
}

#[test]
fn broken_queries_give_the_same_error_at_the_same_place() {
    let bench = Bench::of("javascript");
    let specimen = bench.press(sample(bench.language));
    let mut wrong = 0;
    for seed in 0..400 {
        let mut generator = Generator::new(seed);
        let text = generator.query(&specimen.tree, &specimen.source);
        let broken = generator.broken(text.as_bytes());
        let Ok(broken) = std::str::from_utf8(&broken) else { continue };
        let compared = bench.compare(broken, &[], &Settings::default());
        assert!(compared.is_ok(), "seed {seed}\n{broken}\n{}", compared.unwrap_err());
        wrong += usize::from(bench.compiler.compile(broken).is_err());
    }
    assert!(wrong > 100, "only {wrong} of 400 are wrong");
}

#[test]
fn deep_and_long_queries_are_refused_not_crashed_on() {
    let bench = Bench::of("rust");
    let deep = format!("{}{}", "(_ ".repeat(100_000), ")".repeat(100_000));
    let long = "(identifier) ".repeat(70_000);
    for text in [deep, long, "[".repeat(1_000_000), "((".repeat(1_000_000)] {
        let error = bench.compiler.compile(&text).expect_err("too large");
        assert_eq!(error.kind, herbarium_query::QueryErrorKind::TooLarge);
    }
}

/// tree-sitter writes behind its steps there.
#[test]
fn predicates_alone_may_be_grouped_captured_and_repeated() {
    let bench = Bench::of("json");
    let specimen = bench.press(b"[1, \"a\", [2], 3]".to_vec());
    for group in ["((#set! x y))", "[((#set! x y))]", "(((#set! x y)) (#set! z))"] {
        for text in
            ["G?", "G*", "G+", "G @a", "G? @a", "((number) @b G?)", "(array G* (number) @b)"]
                .iter()
                .chain(&["(array (number) @b . G?)", "[G (number)]?", "(array [(number) G]* @a)"])
        {
            let text = text.replace('G', group);
            let Ok(query) = bench.compiler.compile(&text) else { continue };
            let mut cursor = herbarium_query::QueryCursor::new();
            cursor.set_time_limit(Some(std::time::Duration::from_secs(60)));
            let mut matches = cursor.matches(&query, specimen.tree.root_node(), &specimen.source);
            while matches.next_match().is_some() {}
            drop(matches);
            assert!(!cursor.did_stop(), "{text}");
        }
    }
}

#[test]
fn patterns_that_tree_sitter_never_ends_with_come_to_an_end() {
    let bench = Bench::of("json");
    let specimen = bench.press(b"[1, \"a\", [2], 3]".to_vec());
    for text in
        ["(array [(number) (string)*]+ @a)", "((number)*)+ @a", "(array ((number)? (string)*)+ @a)"]
    {
        let query = bench.compiler.compile(text).expect(text);
        let mut cursor = herbarium_query::QueryCursor::new();
        let mut matches = cursor.matches(&query, specimen.tree.root_node(), &specimen.source);
        let mut count = 0;
        while matches.next_match().is_some() {
            count += 1;
        }
        assert!((1..1000).contains(&count), "{text}: {count} matches");
    }
}

#[test]
fn what_is_shown_of_a_line_is_about_the_caret() {
    let bench = Bench::of("rust");
    let long = "(identifier) ".repeat(2_000);
    let texts = [
        ("(identifer)".to_owned(), "(identifer)\n   ^"),
        ("(a\u{7}\tb (".to_owned(), "(a  b (\n   ^"),
        (format!("(nope) {long}"), "\n   ^"),
        (format!("{long}(nope)"), "(identifier) (nope)\n"),
        (format!("{long}(nope) {long}"), "(identifier) (nope) (identifier)"),
        (format!("; äöü€ {long}\n(nope)"), "  (nope)\n   ^"),
        (format!("(string_literal \"äöü€\" {}", "ä".repeat(3_000)), "ää"),
    ];
    for (text, shown) in texts {
        let error = bench.compiler.compile(&text).expect_err("it is wrong").to_string();
        assert!(error.contains(shown), "{error}\nhas not: {shown}");
        assert!(error.chars().count() < 500, "{} characters", error.chars().count());
        let [.., line, caret] = error.lines().collect::<Vec<_>>()[..] else { panic!("{error}") };
        let under = line.chars().nth(caret.chars().count() - 1);
        assert!(under.is_none_or(|c| "(nabä".contains(c) || c == 'i'), "{error}");
    }
}
