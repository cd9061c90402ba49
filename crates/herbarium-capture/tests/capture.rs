//! Captured trees against the live trees they come from, node for node.

use std::sync::Arc;

use herbarium_capture::{CaptureError, Capturer, differences, grammar_of};
use herbarium_codec::{BuildError, Grammar, Tree, decode, encode};
use tree_sitter::{InputEdit, Language, Parser, Point};

fn languages() -> Vec<(&'static str, Language)> {
    vec![
        ("c", tree_sitter_c::LANGUAGE.into()),
        ("javascript", tree_sitter_javascript::LANGUAGE.into()),
        ("python", tree_sitter_python::LANGUAGE.into()),
        ("rust", tree_sitter_rust::LANGUAGE.into()),
        ("vim", arborium_vim::language().into()),
    ]
}

fn language(name: &str) -> (Language, Arc<Grammar>) {
    let found = languages().into_iter().find(|(known, _)| *known == name);
    let (_, language) = found.expect("a language of this test");
    let grammar = Arc::new(grammar_of(&language, name, "test").expect("a grammar table"));
    (language, grammar)
}

fn parse(language: &Language, source: &[u8]) -> tree_sitter::Tree {
    let mut parser = Parser::new();
    parser.set_language(language).expect("a grammar of this runtime");
    parser.parse(source, None).expect("a tree")
}

/// Captures, presses, opens, and walks the result beside the live tree.
fn check(name: &str, source: &[u8]) -> Tree {
    let (language, grammar) = language(name);
    let live = parse(&language, source);
    let tree = Capturer::new(&grammar).capture(&live, source).expect("a captured tree");
    let opened = decode(&encode(&tree), &grammar).expect("a tree that opens");
    assert!(opened == tree, "{name}: pressed and opened, the tree is another");
    assert_eq!(differences(&live, &opened), [], "{name}: {}", String::from_utf8_lossy(source));
    assert_eq!(opened.root_node().to_sexp(), live.root_node().to_sexp());
    opened
}

#[test]
fn whole_and_broken_sources_are_captured_as_they_are() {
    let cases: &[(&str, &str)] = &[
        ("rust", "fn main() { let x = 1 + 2; // sum\n}\n"),
        ("rust", ""),
        ("rust", "\n\n  \n"),
        ("rust", "x"),
        ("rust", "fn f( { let"),
        ("rust", "struct S<'a, T: 'a> { a: &'a T } impl<'a> S<'a> {"),
        ("rust", "/* never closed"),
        ("python", "def f(a, *, b=1):\n    return [x for x in a if x]\n\n\nclass C:\n\tpass\n"),
        ("python", "if x:\n    y\n  z\n"),
        ("python", "f(\r\n  1,\r\n  2)\r\n"),
        ("javascript", "const f = async ({a, b}) => `x${a + 1}y`\nf()\n"),
        ("javascript", "let a = 1\nlet b = (\n"),
        ("javascript", "if (a) { return b"),
        ("javascript", "\u{feff}let bom = 'ü€😀'"),
        ("c", "#define X(a) a\nint main(void) { return X(0); }\n"),
        ("c", "int a[] = { 1, 2, ; }"),
        ("c", "int f(\n"),
        ("c", "#if 0\nint x;\n#else\n#endif\n"),
    ];
    cases.iter().for_each(|(name, source)| drop(check(name, source.as_bytes())));
}

/// The grammar counts `"*"` as `wildcard` and `"NONE"` as `hl_group`.
#[test]
fn a_token_that_counts_as_another_kind_keeps_its_name() {
    let check = |source: &str, names: &[(&str, bool, &str)]| {
        let tree = check("vim", source.as_bytes());
        for &(name, named, counts_as) in names {
            let of_name = |node: &herbarium_codec::Node<'_>| node.kind() == name;
            let node = tree.nodes().find(of_name).expect("a node of that name");
            let found = (node.is_named(), tree.grammar().kind_name(node.kind_id()));
            assert_eq!(found, (named, Some(counts_as)), "{name}");
        }
    };
    let star = ("*", false, "wildcard");
    check("let x = y * 2\n", &[star]);
    check("set suffixes+=*\nlet x = y * 2\n", &[star]);
    check("sign unplace *\nlet x = y * 2\n", &[("wildcard", true, "wildcard"), star]);
    let names = [("hl_group", true, "hl_group"), ("NONE", false, "hl_group")];
    check("hi link Foo NONE\nhi Foo term=NONE\n", &names);
}

#[test]
fn bytes_that_are_no_text_are_captured_as_they_are() {
    let cases: &[&[u8]] = &[
        b"let a = '\xff\xfe';",
        b"\0\0let a = 1;\0",
        b"\xc3",
        b"fn f() {\x80\x80}",
        b"a\0b\nc\r\rd\r\n",
    ];
    for (name, _) in languages() {
        cases.iter().for_each(|source| drop(check(name, source)));
    }
}

#[test]
fn every_prefix_of_a_source_is_captured_as_it_is() {
    let source =
        "fn f<T: Ord>(mut a: Vec<T>) -> Option<T> {\n    a.sort();\n    \"x\\n\"; a.pop()\n}\n";
    for end in 0..source.len() {
        check("rust", &source.as_bytes()[..end]);
    }
    let source =
        "class A:\n    def f(self):\n        '''doc\n        '''\n        return f\"{self!r}\"\n";
    for end in 0..source.len() {
        check("python", &source.as_bytes()[..end]);
    }
    let source = "export default class { #a = 1; get x() { return /re/g.test(`a${1}`) } }\n// end";
    for end in 0..source.len() {
        check("javascript", &source.as_bytes()[..end]);
    }
}

#[test]
fn a_missing_token_that_the_grammar_hides_is_in_the_printed_form() {
    let (language, grammar) = language("javascript");
    let source = b"let a = 1 let b";
    let live = parse(&language, source);
    let tree = Capturer::new(&grammar).capture(&live, source).expect("a captured tree");
    assert_eq!(tree.root_node().to_sexp(), live.root_node().to_sexp());
    assert_eq!(tree.root_node().has_error(), live.root_node().has_error());
}

#[test]
fn a_very_deep_tree_is_captured_without_recursion() {
    let depth = 50_000;
    let source = "(".repeat(depth) + "1" + &")".repeat(depth);
    let (language, grammar) = language("javascript");
    let live = parse(&language, source.as_bytes());
    let tree = Capturer::new(&grammar).capture(&live, source.as_bytes()).expect("a captured tree");
    assert_eq!(tree.descendant_count(), live.root_node().descendant_count());
    assert!(decode(&encode(&tree), &grammar).expect("a tree that opens") == tree);
}

#[test]
fn one_capturer_serves_many_trees() {
    let (language, grammar) = language("c");
    let mut capturer = Capturer::new(&grammar);
    let mut again = Tree::new(&grammar);
    for source in ["int a;", "int f( {", "", "int b, c;\nint d;\n", "x y z ;;"] {
        let live = parse(&language, source.as_bytes());
        let fresh =
            Capturer::new(&grammar).capture(&live, source.as_bytes()).expect("a captured tree");
        capturer.capture_into(&live, source.as_bytes(), &mut again).expect("a captured tree");
        assert!(again == fresh, "{source}");
    }
}

#[test]
fn included_ranges_are_captured_as_they_are() {
    let (language, grammar) = language("javascript");
    let source = b"<p><script>let a = 1;</script> text <script>f(a)</script>";
    let range = |start: usize, end: usize| tree_sitter::Range {
        start_byte: start,
        end_byte: end,
        start_point: Point::new(0, start),
        end_point: Point::new(0, end),
    };
    let mut parser = Parser::new();
    parser.set_language(&language).expect("a grammar of this runtime");
    parser.set_included_ranges(&[range(11, 21), range(44, 48)]).expect("ranges in order");
    let live = parser.parse(source, None).expect("a tree");
    let tree = Capturer::new(&grammar).capture(&live, source).expect("a captured tree");
    assert_eq!(differences(&live, &tree), []);
}

#[test]
fn an_edited_tree_is_refused_and_its_successor_is_not() {
    let (language, grammar) = language("rust");
    let (before, after) = ("fn f() { 1 }", "fn f() { 12 }");
    let mut live = parse(&language, before.as_bytes());
    let edit = InputEdit {
        start_byte: 10,
        old_end_byte: 10,
        new_end_byte: 11,
        start_position: Point::new(0, 10),
        old_end_position: Point::new(0, 10),
        new_end_position: Point::new(0, 11),
    };
    live.edit(&edit);
    let mut capturer = Capturer::new(&grammar);
    assert_eq!(capturer.capture(&live, after.as_bytes()), Err(CaptureError::Edited));
    let mut parser = Parser::new();
    parser.set_language(&language).expect("a grammar of this runtime");
    let next = parser.parse(after, Some(&live)).expect("a tree");
    let tree = capturer.capture(&next, after.as_bytes()).expect("a captured tree");
    assert_eq!(differences(&next, &tree), []);
}

#[test]
fn a_source_that_is_not_the_tree_s_own_is_refused() {
    let (language, grammar) = language("rust");
    let live = parse(&language, b"fn long_enough() {}");
    let refused = Capturer::new(&grammar).capture(&live, b"fn f");
    let range = |error: &CaptureError| {
        matches!(error, CaptureError::Build { source: BuildError::Range { .. }, .. })
    };
    assert!(refused.as_ref().is_err_and(range), "{refused:?}");
    let (_, other) = self::language("python");
    let text = b"let a: Vec<u8> = vec![]; match a { _ => 1 }";
    let live = parse(&language, text);
    let refused = Capturer::new(&other).capture(&live, text);
    assert!(refused.is_err(), "a grammar of other kinds");
}

#[test]
fn utf_16_is_refused_with_its_name() {
    let (language, grammar) = language("rust");
    let source = b"\xff\xfef\0n\0";
    let live = parse(&language, source);
    let refused = Capturer::new(&grammar).capture(&live, source).expect_err("UTF-16");
    let CaptureError::Build { source, .. } = refused else { panic!("{refused}") };
    assert_eq!(source, BuildError::Utf16 { mark: "UTF-16 little-endian" });
}

#[test]
fn each_kind_of_difference_is_found_at_its_node() {
    let check = |live: &str, captured: &str, node: u64, what: &str| {
        let (language, grammar) = language("rust");
        let other = parse(&language, captured.as_bytes());
        let tree =
            Capturer::new(&grammar).capture(&other, captured.as_bytes()).expect("a captured tree");
        let found = differences(&parse(&language, live.as_bytes()), &tree);
        let first = found.iter().find(|it| it.what != "descendant_count").expect("a difference");
        assert_eq!((first.node, first.what), (node, what), "{live:?} {captured:?} {first}");
        assert!(found.len() < 32, "one difference does not make a thousand");
    };
    check("fn a() {}", "fn ab() {}", 0, "end_byte");
    check("let a = 1;", "let a = x;", 5, "kind_id");
    check("f(1, 2)", "f(1)   ", 1, "end_byte");
    check("\na", " a", 0, "start_position");
    check(&"fn a() {}\n".repeat(500), &"fn a() { }".repeat(500), 0, "end_position");
}
