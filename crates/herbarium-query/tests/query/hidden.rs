//! What hidden nodes have to do with the answers.

use herbarium_conformance::Settings;
use herbarium_languages::by_id;
use herbarium_query::QueryCursor;
use tree_sitter::StreamingIterator;

use crate::common::{Bench, sample};

/// Compares over a source, with a match limit and without; nothing where the
/// language is not built in.
fn check(language: &str, source: &str, patterns: &[&str]) {
    let Some(language) = by_id(language) else { return };
    let bench = Bench::new(language);
    let specimens = [bench.press(source.into()), bench.press(sample(language))];
    for pattern in patterns {
        assert!(bench.compiler.compile(pattern).is_ok(), "{pattern}");
        for match_limit in [None, Some(6)] {
            let settings = Settings { match_limit, ..Settings::default() };
            if let Err(difference) = bench.compare(pattern, &specimens, &settings) {
                panic!("{} {match_limit:?} {pattern}\n{difference}", language.id());
            }
        }
    }
}

#[test]
fn a_negated_field_of_a_hidden_node_is_asked_for_by_the_rules() {
    let python = "if a: b\nelif c: d\nelse: e\nmatch f:\n  case g: h\n  # i\n  case j: k\n";
    check(
        "python",
        python,
        &[
            "(if_statement !alternative) @a",
            "(match_statement !alternative !subject) @a",
            "(_ !body) @a",
        ],
    );
    let bash = "A=1 B=2 f x y > z 2>&1 <<< w\nwhile IFS= read -r a; do # b\n c; done\n";
    check("bash", bash, &["(command !redirect) @a", "(_ !condition) @a", "(_ !argument) @a"]);
    let javascript = "switch (a) { case 1: // b\n c(); // d\n e(); default: }";
    check("javascript", javascript, &["(switch_case !body) @a", "(_ !value !body) @a"]);
    // The field of a hidden node whose first child has one of its own.
    let jq = "def f: reduce .[] as $i (0; . + ($i ($i | f));\n.a | {b: .c[1:2]} | try f(1)";
    for source in ["(1", jq] {
        check("jq", source, &["(query !term) @a", "(_ !term) @a"]);
    }
    // The field of a node that supertypes hide is not taken over by what is above.
    let luau = "--\nlocal s local";
    check("luau", luau, &["(chunk !local_declaration) @a", "(_ !name !local_declaration) @a"]);
}

#[test]
fn a_field_that_no_rule_lets_come_again_is_waited_for_once() {
    let pattern = "(chunk (comment (comment_content) @a)
        [local_declaration: (variable_declaration \"local\") @b \",\"]
        (function_declaration \"function\") @b)";
    let fields = "(chunk local_declaration: (variable_declaration) @a (_) @b)";
    let sources = ["--\nlocal s local", "--\nlocal a = 1\nlocal b = 2\nlocal c\nf()"];
    sources.iter().for_each(|source| check("luau", source, &[pattern, fields]));
}

#[test]
fn a_pattern_that_begins_with_a_field_waits_for_none_before() {
    // The condition is a hidden node, and both of its children have its field.
    let patterns = [
        "condition: \";\" @a",
        "condition: _ @a",
        "[(command) condition: \";\"] @a",
        "(_ condition: _ @a)",
        "(if_statement condition: \";\" @a)",
    ];
    let sources = ["if 0;end\n", "if a b\n c; end; while d; e\nend\n"];
    sources.iter().for_each(|source| check("fish", source, &patterns));
}

/// tree-sitter gives an error, or another extra, that was captured once its child
/// matched the kind of what would stand in its place.
#[test]
fn an_error_that_is_found_from_its_child_has_the_kind_that_tree_sitter_gives_it() {
    let source = "const { en)coding, ...rest } = f(a, { b)c, ...d });\nlet [g)h] = {i)j};";
    check("javascript", source, &["(_ !name (identifier) @i) @x", "(_ (identifier)) @x @y"]);
    let bench = Bench::of("javascript");
    let specimen = bench.press(source.into());
    let query = bench.compiler.compile("(_ (identifier)) @x").expect("a query");
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(&query, specimen.tree.root_node(), &specimen.source);
    let mut others = 0;
    while let Some(found) = matches.next_match() {
        let is_other = |one: &herbarium_query::QueryCapture<'_>| one.kind_id != one.node.kind_id();
        others += found.captures().filter(is_other).count();
    }
    assert!(others > 0, "none stands in the place of anything");
}

/// Where tree-sitter does not note that it leaves a node, what waited there for a
/// sibling goes on with the children of the next node.
#[test]
fn nodes_of_different_parents_are_no_match_though_tree_sitter_finds_one_in_a_range() {
    let Some(language) = by_id("properties") else { return };
    let bench = Bench::new(language);
    let source = "a=b\nmessages.long=c\\\\temp\\\\x\nu";
    let specimens = [bench.press(source.into())];
    let pattern = "(([_ @a] (value)) (_))";
    let live_query = tree_sitter::Query::new(&bench.live, pattern).expect("a query");
    let mut strays = 0;
    for end in 1..=source.len() {
        for start in 0..end {
            let settings = Settings { bytes: Some(start..end), ..Settings::default() };
            if let Err(difference) = bench.compare(pattern, &specimens, &settings) {
                panic!("{start}..{end}\n{difference}");
            }
            let mut cursor = tree_sitter::QueryCursor::new();
            cursor.set_byte_range(start..end);
            let root = specimens[0].live.root_node();
            strays += cursor.matches(&live_query, root, source.as_bytes()).count();
        }
    }
    assert!(strays > 0, "tree-sitter finds none: the comparison need not allow for it");
}

/// Matches that end with a node that may come again are held back; the functions
/// behind the range are in hidden repetitions.
#[test]
fn last_matches_before_the_end_of_a_range_are_found_though_tree_sitter_loses_them() {
    let bench = Bench::of("rust");
    let source = "fn f() {}\n".repeat(16);
    let specimens = [bench.press(source.clone().into_bytes())];
    let [specimen] = &specimens;
    let pattern = "(function_item (block)+ @a) @b";
    let query = bench.compiler.compile(pattern).expect("a query");
    let mut more = 0;
    for functions in 1..16 {
        let end = functions * 10;
        let of_bytes = Settings { bytes: Some(0..end), ..Settings::default() };
        let of_points = Settings { points: Some((0, 0)..(functions, 0)), ..Settings::default() };
        for settings in [of_bytes, of_points] {
            match bench.compare(pattern, &specimens, &settings) {
                Ok(tally) => more += functions as u64 - tally.matches,
                Err(difference) => panic!("{settings:?}\n{difference}"),
            }
        }
        let mut cursor = QueryCursor::new();
        cursor.set_byte_range(0..end);
        let mut matches = cursor.matches(&query, specimen.tree.root_node(), source.as_bytes());
        let mut found = 0;
        while matches.next_match().is_some() {
            found += 1;
        }
        assert_eq!(found, functions, "all that lie in the range, with {end} bytes");
    }
    assert!(more > 0, "tree-sitter lost none: the comparison need not allow for it");
}
