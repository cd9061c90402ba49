//! What is promised for every tree, source and query.

mod support;

use std::sync::OnceLock;

use herbarium_codec::Tree;
use herbarium_languages::{Language, by_id};
use herbarium_symbols::{Role, SymbolFinder, SymbolKind, SymbolQuery, SymbolQueryError};
use proptest::prelude::*;

fn language(id: &str) -> &'static Language {
    by_id(id).expect("a core language")
}

fn stored(id: &str, source: &[u8]) -> Tree {
    let pressed = support::press(language(id), source).expect("it parses");
    herbarium_codec::decode(&pressed, language(id).grammar()).expect("it opens")
}

fn query(id: &str, text: &str) -> Result<SymbolQuery, SymbolQueryError> {
    SymbolQuery::new(&support::compiler(language(id)), text)
}

/// The names that a query finds, with role, kind and documentation.
fn check(id: &str, source: &str, text: &str, expected: &[(&str, &str, Option<&str>)]) {
    let tree = stored(id, source.as_bytes());
    let query = query(id, text).expect("a query");
    let mut finder = SymbolFinder::new();
    let symbols = finder.find(&query, &tree, source.as_bytes());
    let found: Vec<_> = symbols
        .iter()
        .map(|it| (format!("{} {}", it.role, it.kind), symbols.name(it), symbols.doc(it)))
        .collect();
    let found: Vec<_> =
        found.iter().map(|(what, name, doc)| (what.as_str(), &**name, doc.as_deref())).collect();
    assert_eq!(found, expected, "{source}");
}

#[test]
fn a_tags_file_of_tree_sitter_works_as_it_is() {
    let tags = r#"
        (
          (comment)* @doc
          .
          (function_declaration name: (identifier) @name) @definition.function
          (#strip! @doc "^//\\s?")
          (#select-adjacent! @doc @definition.function)
        )
        ((call_expression function: (identifier) @name) @reference.call
          (#not-eq? @name "require"))
        (new_expression constructor: (identifier) @name) @reference.class
    "#;
    let source = "// away\n\n// one\n// two\nfunction f() { g(require(new C())) }\n";
    let expected = [
        ("definition function", "f", Some("one\ntwo")),
        ("reference call", "g", None),
        ("reference class", "C", None),
    ];
    check("javascript", source, tags, &expected);
}

#[test]
fn the_first_pattern_wins_and_definitions_win_over_references() {
    let text = r#"
        ((identifier) @name @ignore (#eq? @name "print"))
        (identifier) @name @reference.variable
        (function_definition name: (identifier) @name) @definition.function
        (call function: (identifier) @name) @reference.call
    "#;
    let expected = [("definition function", "f", None), ("reference variable", "g", None)];
    check("python", "def f():\n    print(g())\n", text, &expected);
}

#[test]
fn what_a_definition_belongs_to_can_stand_elsewhere() {
    let source = "package p\nfunc (t *Tree) Len() int { return 0 }\ntype Tree struct{}\n\
                  func (l List[T]) Len() int { return 0 }\n";
    let tree = stored("go", source.as_bytes());
    let built_in = SymbolQuery::for_language("go", &support::compiler(language("go")));
    let query = built_in.expect("it is built in").expect("a query");
    let mut finder = SymbolFinder::new();
    let symbols = finder.find(&query, &tree, source.as_bytes());
    let methods: Vec<_> = symbols.iter().filter(|it| it.kind == SymbolKind::Method).collect();
    let kinds = methods.iter().map(|it| symbols.container(it).map(|of| of.kind));
    assert_eq!(kinds.collect::<Vec<_>>(), [Some(SymbolKind::Struct), None]);
    let names = methods.iter().map(|it| symbols.container_name(it));
    assert_eq!(names.collect::<Vec<_>>(), [Some("Tree".into()), Some("List".into())]);
}

#[test]
fn containers_that_name_each_other_come_to_an_end() {
    let source = "struct A::B { int x; };\nstruct B::A { int y; };\n";
    let tree = stored("cpp", source.as_bytes());
    let built_in = SymbolQuery::for_language("cpp", &support::compiler(language("cpp")));
    let query = built_in.expect("it is built in").expect("a query");
    let mut finder = SymbolFinder::new();
    let symbols = finder.find(&query, &tree, source.as_bytes());
    let y = symbols.iter().find(|it| symbols.name(it) == "y").expect("a field");
    let way_out = std::iter::successors(Some(y), |it| symbols.container(it));
    let names: Vec<_> = way_out.map(|it| symbols.name(it)).collect();
    assert_eq!(names, ["y", "A", "B"]);
}

#[test]
fn a_definition_can_go_on_to_the_next_of_its_kind() {
    let text = r#"
        ((expression_statement (assignment left: (identifier) @name)) @definition.module
          (#set! rest-of-scope))
        (function_definition name: (identifier) @name) @definition.function
    "#;
    let source = "def a(): pass\nx = 1\ndef b(): pass\ny = 2\ndef c(): pass\n";
    let tree = stored("python", source.as_bytes());
    let query = query("python", text).expect("a query");
    let mut finder = SymbolFinder::new();
    let symbols = finder.find(&query, &tree, source.as_bytes());
    let found: Vec<_> = symbols
        .iter()
        .map(|it| (symbols.name(it), symbols.container_name(it), it.range.end_point.row))
        .collect();
    let expected = [
        ("a".into(), None, 0),
        ("x".into(), None, 3),
        ("b".into(), Some("x".into()), 2),
        ("y".into(), None, 5),
        ("c".into(), Some("y".into()), 4),
    ];
    assert_eq!(found, expected);
}

#[test]
fn documentation_can_stand_beside_a_definition() {
    let text = r#"
        ((expression_statement
          (call function: (identifier) @_doc arguments: (argument_list (string) @doc))) @documents
          (#eq? @_doc "doc"))
        (function_definition name: (identifier) @name) @definition.function
    "#;
    let expected = [
        ("definition function", "f", Some("Says f.")),
        ("definition function", "g", None),
        ("definition function", "h", None),
    ];
    let source = "doc(\"Says f.\")\nnote(1)\ndef f(): pass\ndef g(): pass\nx: int\ndef h(): pass\n";
    check("python", source, text, &expected);
}

#[test]
fn patterns_that_are_run_apart_find_the_same() {
    let text = |apart: &str| {
        format!(
            r#"
            ((identifier) @name @ignore (#eq? @name "print"))
            ((call function: (identifier) @name) @reference.call {apart})
            (function_definition name: (identifier) @name) @definition.function
            "#
        )
    };
    let expected = [("definition function", "f", None), ("reference call", "g", None)];
    for apart in ["", "(#set! apart)"] {
        check("python", "def f():\n    print(g())\n", &text(apart), &expected);
    }
}

#[test]
fn a_definition_can_be_a_node_further_out() {
    let text = r#"((call function: (identifier) @name) @definition.function
        (#set! out "2"))"#;
    let tree = stored("python", b"x = [f(1)]\n");
    let query = query("python", text).expect("a query");
    let mut finder = SymbolFinder::new();
    let symbols = finder.find(&query, &tree, b"x = [f(1)]\n");
    let ranges: Vec<_> =
        symbols.iter().map(|it| (it.range.start_byte, it.range.end_byte)).collect();
    assert_eq!(ranges, [(0, 10)]);
}

#[test]
fn a_name_can_be_a_part_of_what_is_captured() {
    let text = r#"
        ((call) @name @definition.function (#set! cut "("))
        ((list) @name @definition.variable (#set! inside))
    "#;
    let expected = [("definition function", "f", None), ("definition variable", "a, b", None)];
    check("python", "f (1)\n[ a, b ]\n", text, &expected);
}

#[test]
fn a_kind_that_is_not_in_the_set_is_other() {
    let text = "(function_definition name: (identifier) @name) @definition.spell";
    check("python", "def f(): pass\n", text, &[("definition other", "f", None)]);
}

#[test]
fn every_kind_has_a_word_that_means_it() {
    for kind in SymbolKind::ALL {
        assert_eq!(SymbolKind::of_word(kind.as_str()), *kind);
    }
}

#[test]
fn a_query_that_can_find_nothing_is_an_error() {
    let no_name = query("python", "(function_definition) @definition.function");
    assert_eq!(no_name.map(|_| ()), Err(SymbolQueryError::NoSymbols));
    let no_role = query("python", "(function_definition name: (identifier) @name)");
    assert_eq!(no_role.map(|_| ()), Err(SymbolQueryError::NoSymbols));
}

#[test]
fn errors_say_where_they_are() {
    let unknown = query("python", "(function name: (identifier) @name) @definition.function");
    assert!(matches!(unknown, Err(SymbolQueryError::Query(error)) if error.column == 1));
    let strip = "(function_definition name: (identifier) @name) @definition.function
        ((comment) @doc (#strip! @doc \"(\"))";
    let strip = query("python", strip);
    assert!(matches!(strip, Err(SymbolQueryError::Strip { pattern: 2, .. })));
    for (setting, key) in [
        ("(#set! not-in \"function\")", "not-in"),
        ("(#set! declared-by)", "declared-by"),
        ("(#set! out \"far\")", "out"),
        ("(#set! kind-in-type)", "kind-in-type"),
    ] {
        let text = format!("((class_definition name: (_) @name) @definition.class {setting})");
        let wrong = query("python", &text).expect_err(setting);
        let is_it =
            matches!(&wrong, SymbolQueryError::Setting { pattern: 1, key: of, .. } if of == key);
        assert!(is_it, "{setting}: {wrong}");
    }
}

#[test]
fn a_tree_of_another_grammar_has_no_symbols() {
    let tree = stored("python", b"def f(): pass\n");
    let query =
        query("c", "(function_declarator declarator: (identifier) @name) @definition.function");
    let query = query.expect("a query");
    assert!(SymbolFinder::new().find(&query, &tree, b"def f(): pass\n").is_empty());
}

#[test]
fn without_references_the_definitions_are_the_same() {
    let source = include_bytes!("fixtures/typescript.ts");
    let tree = stored("typescript", source);
    let all = SymbolQuery::for_language("typescript", &support::compiler(language("typescript")));
    let all = all.expect("it is built in").expect("a query");
    let only = all.clone().definitions_only();
    let mut finder = SymbolFinder::new();
    let place = |it: &herbarium_symbols::Symbol| (it.kind, it.name_range, it.range);
    let symbols = finder.find(&all, &tree, source);
    let definitions = symbols.iter().filter(|it| it.role == Role::Definition);
    let expected: Vec<_> = definitions.map(place).collect();
    let found: Vec<_> = finder.find(&only, &tree, source).iter().map(place).collect();
    assert_eq!(found, expected);
}

/// Built-in queries that the property is tried on, with what to cut up.
fn subjects() -> &'static [(&'static str, SymbolQuery, &'static [u8])] {
    static SUBJECTS: OnceLock<Vec<(&'static str, SymbolQuery, &'static [u8])>> = OnceLock::new();
    SUBJECTS.get_or_init(|| {
        let sources: [(&str, &[u8]); 4] = [
            ("rust", include_bytes!("fixtures/rust.rs")),
            ("python", include_bytes!("fixtures/python.py")),
            ("cpp", include_bytes!("fixtures/cpp.cpp")),
            ("javascript", include_bytes!("fixtures/javascript.js")),
        ];
        let subject = |(id, source): (&'static str, &'static [u8])| {
            let query = SymbolQuery::for_language(id, &support::compiler(language(id)));
            (id, query.expect("it is built in").expect("a query"), source)
        };
        sources.into_iter().map(subject).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Sources with pieces cut out and moved, so with errors in them.
    #[test]
    fn symbols_are_in_order_unique_and_within_their_containers(
        which in 0..4_usize,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..80_usize), 0..6),
        short in any::<bool>(),
    ) {
        let (id, query, source) = &subjects()[which];
        let mut source = source.to_vec();
        for (at, len) in cuts {
            let at = at.index(source.len().max(1)).min(source.len());
            let piece: Vec<u8> = source.drain(at..(at + len).min(source.len())).collect();
            let middle = source.len() / 2;
            source.splice(middle..middle, piece);
        }
        let tree = stored(id, &source);
        let given = if short { &source[..source.len() / 2] } else { &source };
        let mut finder = SymbolFinder::new();
        let symbols = finder.find(query, &tree, given);
        let mut names = std::collections::HashSet::new();
        for (number, symbol) in symbols.iter().enumerate() {
            prop_assert!(names.insert((symbol.name_range.start_byte, symbol.name_range.end_byte)));
            symbols.name(symbol);
            symbols.doc(symbol);
            prop_assert!(symbols.signature(symbol).len() <= 200);
            if let Some(before) = number.checked_sub(1) {
                prop_assert!(symbols[before].range.start_byte <= symbol.range.start_byte);
            }
            let ways_out = std::iter::successors(Some(symbol), |it| symbols.container(it));
            prop_assert!(ways_out.take(symbols.len() + 1).count() <= symbols.len());
            if let Some(around) = symbol.container {
                prop_assert!((around as usize) < number);
                let container = &symbols[around as usize];
                prop_assert_eq!(container.role, Role::Definition);
                prop_assert!(container.range.start_byte <= symbol.range.start_byte);
                prop_assert!(container.range.end_byte >= symbol.range.end_byte);
            }
        }
    }
}
