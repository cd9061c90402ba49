//! Opening one tree.

use std::path::Path;

use serde_json::{Value, json};

use crate::bed::{Bed, Type, check_shape, check_values};

const HEAD: [(&str, Type); 9] = [
    ("path", Type::Text),
    ("language", Type::Text),
    ("key", Type::Text),
    ("parsed", Type::Flag),
    ("source_bytes", Type::Number),
    ("lines", Type::Number),
    ("has_error", Type::Flag),
    ("node_count", Type::Number),
    ("nodes", Type::List),
];

#[test]
fn a_tree_comes_from_the_store_without_a_word() {
    let bed = Bed::grown();
    let expected = "\
source_file 0:0-3:0
  function_item 0:0-2:1
    visibility_modifier 0:0-0:3
      \"pub\" 0:0-0:3
    \"fn\" 0:4-0:6
    name: identifier 0:7-0:10 \"add\"
";
    let ran = bed.run(["tree", "src/lib.rs"]).code(0).silent();
    assert!(ran.out.starts_with(expected), "{}", ran.out);
}

#[test]
fn what_had_to_be_parsed_is_said_and_is_stored() {
    let bed = Bed::sown();
    let says = ["parsed src/lib.rs: the store did not have"];
    let first = bed.run(["tree", "src/lib.rs"]).code(0).says(&says);
    let second = bed.run(["tree", "src/lib.rs"]).code(0).silent();
    assert_eq!(first.out, second.out);
    bed.write("src/lib.rs", "fn other() {}\n");
    bed.run(["tree", "src/lib.rs", "--quiet"]).code(0).silent();
}

#[test]
fn from_store_fails_where_it_would_have_to_parse() {
    let bed = Bed::grown();
    for option in ["--from-store", "--no-parse"] {
        bed.run(["tree", "src/lib.rs", option]).code(0).silent().prints(&["source_file"]);
    }
    bed.write("src/lib.rs", "fn changed() {}\n");
    for option in ["--from-store", "--no-parse"] {
        let ran = bed.run(["tree", "src/lib.rs", option]).code(3);
        ran.says(&["could not open the tree of src/lib.rs", "run `herbarium index` again"]);
    }
    let before = bed.json(["stats", "--json"]);
    assert_eq!(before["trees"], 6, "a failed look-up stores nothing");
}

#[test]
fn s_expressions_are_those_of_tree_sitter() {
    let bed = Bed::with(&[("add.js", "a + 1;\n")]);
    let ran = bed.run(["tree", "add.js", "--sexp"]).code(0);
    let expected = "(program (expression_statement \
                    (binary_expression left: (identifier) right: (number))))\n";
    assert_eq!(ran.out, expected);
    for (path, language) in
        [("src/main.rs", "rust"), ("tools/run.py", "python"), ("c/broken.c", "c")]
    {
        let bed = Bed::grown();
        let live = live_sexp(&bed.path(path), language);
        assert_eq!(bed.run(["tree", path, "--sexp"]).code(0).silent().out, live + "\n");
    }
}

fn live_sexp(path: &Path, language: &str) -> String {
    let source = std::fs::read(path).unwrap();
    let language = herbarium_languages::by_id(language).unwrap();
    let limits = herbarium_languages::ParseLimits::default();
    let pool = herbarium_languages::ParserPool::default();
    pool.parse(language, &source, None, &limits).unwrap().root_node().to_sexp()
}

#[test]
fn the_json_tree_has_the_documented_shape() {
    let bed = Bed::with(&[("add.js", "a + 1; // one\n")]);
    bed.run(["index"]).code(0);
    let tree = bed.json(["tree", "add.js", "--json"]);
    check_shape(&tree, &HEAD);
    check_values(
        &tree,
        &[
            ("path", json!("add.js")),
            ("language", json!("javascript")),
            ("parsed", json!(false)),
            ("source_bytes", json!(14)),
            ("lines", json!(1)),
            ("has_error", json!(false)),
            ("node_count", json!(8)),
        ],
    );
    let nodes = tree["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 8);
    let expected = json!({
        "depth": 3, "kind": "identifier", "named": true, "field": "left",
        "start_byte": 0, "end_byte": 1,
        "start": {"row": 0, "column": 0}, "end": {"row": 0, "column": 1},
        "text": "a",
    });
    assert_eq!(nodes[3], expected);
    let expected = json!({
        "depth": 1, "kind": "comment", "named": true,
        "start_byte": 7, "end_byte": 13,
        "start": {"row": 0, "column": 7}, "end": {"row": 0, "column": 13},
        "extra": true, "text": "// one",
    });
    assert_eq!(nodes[7], expected);
}

#[test]
fn lines_are_counted_as_by_index() {
    for (text, lines) in [("", 0), ("a;", 1), ("a;\n", 1), ("a;\nb;", 2), ("a;\r\nb;\r\n", 2)] {
        let bed = Bed::with(&[("a.js", text)]);
        assert_eq!(bed.json(["index", "--json"])["lines"], lines, "{text:?}");
        assert_eq!(bed.json(["tree", "a.js", "--json"])["lines"], lines, "{text:?}");
        assert_eq!(bed.json(["stats", "--json"])["total"]["lines"], lines, "{text:?}");
    }
}

#[test]
fn errors_and_missing_tokens_are_marked() {
    let bed = Bed::with(&[("a.c", "int x = 1\n"), ("b.c", "int main( { return 0 }\n")]);
    bed.run(["tree", "a.c"]).code(0).prints(&["MISSING \";\" 0:9-0:9"]);
    let tree = bed.json(["tree", "a.c", "--json"]);
    assert_eq!(tree["has_error"], true);
    assert_eq!(marked(&tree, "missing"), [";"]);
    bed.run(["tree", "b.c"]).code(0).prints(&["ERROR"]);
    assert_eq!(
        marked(&bed.json(["tree", "b.c", "--json"]), "error").first(),
        Some(&"ERROR".into())
    );
}

fn marked(tree: &Value, flag: &str) -> Vec<String> {
    let nodes = tree["nodes"].as_array().unwrap().iter();
    let marked = nodes.filter(|node| node[flag] == true);
    marked.map(|node| node["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_tree_of_100_000_levels_is_printed_in_full() {
    let levels = 100_000;
    let source = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let bed = Bed::with(&[("deep.json", &source)]);
    bed.run(["index"]).code(0);
    let indented = bed.run(["tree", "deep.json"]).code(0).silent().out;
    assert!(indented.contains(&format!("[depth {levels}] array")), "the innermost array");
    assert!(indented.len() < 100_000_000, "blanks do not grow with the square of the depth");
    let sexp = bed.run(["tree", "deep.json", "--sexp"]).code(0).silent().out;
    assert_eq!(sexp.matches("(array").count(), levels);
    let json = bed.json(["tree", "deep.json", "--json"]);
    assert_eq!(json["nodes"].as_array().unwrap().len(), 1 + 3 * levels);
}

#[test]
fn a_file_in_a_language_that_was_not_built_in_names_the_feature() {
    let bed = Bed::with(&[("main.zig", "pub fn main() void {}\n")]);
    let ran = bed.run(["tree", "main.zig"]);
    match herbarium_languages::by_id("zig") {
        Some(_) => ran.code(0).prints(&["source_file"]),
        None => ran.code(3).says(&[
            "Zig",
            "not built in",
            "what to do: build with `--features extended-langs`",
            "`--features herbarium-languages/lang-zig`",
        ]),
    };
}

#[test]
fn an_empty_file_has_a_tree() {
    let bed = Bed::with(&[("empty.rs", "")]);
    bed.run(["index"]).code(0);
    let ran = bed.run(["tree", "empty.rs"]).code(0).silent();
    assert_eq!(ran.out, "source_file 0:0-0:0\n");
}

#[test]
fn bytes_that_are_not_utf8_are_shown_and_do_not_break_json() {
    let bed = Bed::new();
    bed.write("latin.c", b"// caf\xe9\nint x;\n");
    bed.run(["index"]).code(0);
    bed.run(["tree", "latin.c"]).code(0).silent().prints(&["comment 0:0-0:7 \"// caf\\xe9\""]);
    let tree = bed.json(["tree", "latin.c", "--json"]);
    assert_eq!(tree["nodes"][1]["text"], "// caf\u{fffd}");
    assert_eq!(tree["nodes"][1]["end_byte"], 7);
}

#[test]
fn control_characters_in_a_file_do_not_reach_the_terminal() {
    let bed = Bed::with(&[("a.c", "// \u{1b}[31mred\n")]);
    let ran = bed.run(["tree", "a.c"]).code(0);
    assert!(!ran.out.contains('\u{1b}'), "{:?}", ran.out);
}
