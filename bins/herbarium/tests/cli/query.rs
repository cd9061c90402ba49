//! `query`: what it finds, what it says, and what it does not do.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use herbarium_languages::{Language, ParseLimits, ParserPool, all, detect};
use serde_json::{Value, json};
use tree_sitter::StreamingIterator;

use crate::bed::{Bed, Ran, Type, check_shape, check_values};

/// What was printed as JSON, line by line.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// What tree-sitter's own cursor finds, as lines of JSON; none where the query
/// is wrong for the language.
fn live(language: &Language, path: &str, source: &[u8], query: &str) -> Vec<Value> {
    let tree = ParserPool::default().parse(language, source, None, &ParseLimits::default());
    let tree = tree.expect("a tree");
    let Ok(query) = tree_sitter::Query::new(&language.tree_sitter(), query) else {
        return Vec::new();
    };
    let mut cursor = tree_sitter::QueryCursor::new();
    let mut matches = cursor.matches(&query, tree.root_node(), source);
    let (mut found, mut number) = (Vec::new(), 0);
    while let Some(one) = matches.next() {
        for capture in one.captures() {
            let node = capture.node;
            let (start, end) = (node.start_position(), node.end_position());
            found.push(json!({
                "path": path,
                "language": language.id(),
                "match": number,
                "pattern": one.pattern_index,
                "capture": query.capture_names()[capture.index as usize],
                "kind": node.kind(),
                "start_byte": node.start_byte(),
                "end_byte": node.end_byte(),
                "start": { "row": start.row, "column": start.column },
                "end": { "row": end.row, "column": end.column },
                "text": String::from_utf8_lossy(&source[node.byte_range()]),
            }));
        }
        number += 1;
    }
    found
}

/// The samples of all languages that are built in, each in a file of its language.
fn samples(bed: &Bed) -> Vec<(String, &'static Language, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../../crates/herbarium-languages/tests/samples");
    let mut samples = Vec::new();
    for language in all().iter().filter(|language| !language.is_injection_only()) {
        let sample = folder.join(format!("{}.txt", language.id()));
        let source = std::fs::read(sample).expect("a sample of each language");
        let by_extension = language.extensions().iter().map(|it| format!("sample.{it}"));
        let mut names = by_extension.chain(language.file_names().iter().map(|&it| it.to_owned()));
        let is_it = |name: &String| {
            let path = bed.path(format!("{}/{name}", language.id()));
            detect(&path, &source).and_then(|it| it.language()) == Some(language)
        };
        let Some(name) = names.find(is_it) else { continue };
        let path = format!("{}/{name}", language.id());
        bed.write(&path, &source);
        samples.push((path, language, source));
    }
    samples.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(samples.len() > 10);
    samples
}

#[test]
fn json_lines_are_what_a_live_cursor_finds() {
    let bed = Bed::new();
    let samples = samples(&bed);
    let queries = [
        "(_) @node",
        "(_ (_) @child) @parent",
        "(_ . (_) @first (_)? @second) @all",
        "(identifier) @id",
        "((identifier) @id (#match? @id \"^[a-m]\"))",
        "((_) @a . (_) @b (#eq? @a @b))",
        "(ERROR) @error (MISSING) @missing",
        "\"(\" @open \")\" @close",
        "[(string) (comment)] @text",
    ];
    for query in queries {
        let ran = bed.run(["query", query, "--json", "-q"]).code(0);
        let of_file = |(path, language, source): &(String, &Language, Vec<u8>)| {
            live(language, path, source, query)
        };
        let expected: Vec<_> = samples.iter().flat_map(of_file).collect();
        let found = lines(&ran);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "line {at} of {query}");
        }
        assert_eq!(found.len(), expected.len(), "{query}");
        if query.contains("(_ ") {
            continue;
        }
        let matches: std::collections::BTreeSet<_> =
            expected.iter().map(|it| (it["path"].to_string(), it["match"].to_string())).collect();
        let count = bed.json(["query", query, "--json", "--count", "-q"]);
        assert_eq!(count["matches"], matches.len(), "{query}");
    }
}

#[test]
fn a_line_shows_place_capture_and_source() {
    let bed = Bed::sown();
    let query = "(function_item name: (identifier) @name)";
    let ran = bed.run(["query", query]).code(0);
    let expected = "src/lib.rs:1:8:@name: pub fn add(a: u32, b: u32) -> u32 {\n\
                    src/main.rs:2:4:@name: fn main() {\n";
    assert_eq!(ran.out, expected);
    let ran = bed.run(["query", query, "src/lib.rs", "--color", "always"]).code(0);
    assert!(ran.out.contains("pub fn \u{1b}[1m\u{1b}[31madd"), "{:?}", ran.out);
    bed.run(["query", query, "--files-with-matches"])
        .code(0)
        .prints(&["src/lib.rs\nsrc/main.rs\n"]);
    let all = bed.run(["query", "(identifier) @a", "--count", "-l", "rust"]).code(0).out;
    assert_eq!(all, "7\n");
}

#[test]
fn the_shapes_of_json_are_those_of_the_manual() {
    let bed = Bed::sown();
    let ran = bed.run(["query", "(function_item) @f", "--json", "-l", "rust"]).code(0).silent();
    use Type::{Number, Object, Text};
    for line in lines(&ran) {
        check_shape(
            &line,
            &[
                ("path", Text),
                ("language", Text),
                ("match", Number),
                ("pattern", Number),
                ("capture", Text),
                ("kind", Text),
                ("start_byte", Number),
                ("end_byte", Number),
                ("start", Object),
                ("end", Object),
                ("text", Text),
            ],
        );
    }
    let count = bed.json(["query", "(function_item) @f", "--json", "-l", "Rust", "--count"]);
    check_shape(&count, &[("matches", Number), ("files", Number), ("incomplete", Number)]);
    check_values(&count, &[("matches", json!(2)), ("files", json!(2)), ("incomplete", json!(0))]);
    let files = ["query", "(function_item)", "--json", "-l", "rust", "--files-with-matches"];
    let expected = json!({ "path": "src/lib.rs", "language": "rust" });
    assert_eq!(lines(&bed.run(files).code(0))[0], expected);
    let bare = bed.run(["query", "(function_item)", "--json", "-l", "rust"]).code(0);
    let expected = json!({ "path": "src/lib.rs", "language": "rust", "match": 0, "pattern": 0 });
    assert_eq!(lines(&bare)[0], expected, "a match without captures");
    bare.says(&["write @name behind a node"]);
}

#[test]
fn one_capture_can_be_asked_for() {
    let bed = Bed::sown();
    let query = "(function_item name: (identifier) @name body: (block) @body) (block) @other";
    let ran = bed.run(["query", query, "--capture", "@name", "-l", "rust"]).code(0);
    assert_eq!(ran.out.lines().count(), 2);
    let args = ["query", query, "--capture", "name", "-l", "rust", "--count"];
    assert_eq!(bed.run(args).code(0).out, "2\n");
    bed.run(["query", query, "--capture", "nome", "-l", "rust"])
        .code(2)
        .says(&["no capture @nome", "@name, @body, @other"]);
}

#[test]
fn a_query_in_a_file_leaves_all_words_to_paths() {
    let bed = Bed::sown();
    bed.write(
        "q.scm",
        "; comments, and several patterns\n(function_item) @f\n(call_expression) @c\n",
    );
    let ran = bed.run(["query", "--file", "q.scm", "src/lib.rs", "-l", "rust"]).code(0);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    bed.run(["query", "--file", "q.scm", "-l", "rust", "--count"]).code(0);
    bed.run(["query", "--file", "none.scm"]).code(3).says(&["none.scm", "what to do"]);
}

#[test]
fn a_wrong_query_is_shown_with_a_caret() {
    let bed = Bed::sown();
    bed.run(["query", "(function_itm) @f", "-l", "rust"]).code(2).says(&[
        "wrong for rust",
        "function_itm",
        "did you mean `function_item`?",
        "\n  (function_itm) @f\n   ^",
    ]);
    assert!(!bed.store().exists(), "nothing is indexed for a wrong query");
    bed.run(["query", "(("]).code(2).says(&["wrong for c, javascript, json, python, rust"]);
    let ran = bed.run(["query", "((", "--json", "-l", "rust"]).code(2);
    let error: Value = serde_json::from_str(ran.err.trim()).unwrap();
    assert_eq!(error["exit_code"], 2);
    bed.run(["query", "(a)", "-l", "klingon"]).code(2).says(&["klingon", "herbarium languages"]);
    bed.run(["query"]).code(2).says(&["PATTERN"]);
}

#[test]
fn a_query_that_is_wrong_for_some_languages_is_asked_in_the_others() {
    let bed = Bed::sown();
    let ran = bed.run(["query", "(function_definition name: (_) @n)"]).code(0);
    assert_eq!(ran.out, "tools/run.py:1:5:@n: def run(x):\n");
    assert_eq!(ran.err.matches("not asked in ").count(), 1, "{}", ran.err);
    ran.says(&["not asked in javascript, json, rust:", "\n   ^"]);
    let ran = bed.run(["query", "(function_definition name: (_) @n)", "--json"]).code(0);
    let warning: Value = serde_json::from_str(ran.err.lines().next().unwrap()).unwrap();
    check_shape(&warning, &[("warning", Type::Text), ("help", Type::Text)]);
    bed.run(["query", "(function_definition name: (_) @n)", "-q"]).code(0).silent();
}

#[test]
fn what_changed_is_indexed_first_and_else_nothing_is_parsed() {
    let bed = Bed::sown();
    let query = ["query", "(function_item name: (_) @n)", "-l", "rust", "--count"];
    assert_eq!(bed.run(query).code(0).silent().out, "2\n");
    bed.write("src/lib.rs", "fn one() {}\nfn two() {}\n");
    assert_eq!(bed.run(query).code(0).silent().out, "3\n");
    let index = bed.json(["index", "--json"]);
    check_values(&index, &[("parses", json!(0)), ("trees_new", json!(0))]);
}

#[test]
fn without_indexing_the_store_is_asked_as_it_is() {
    let bed = Bed::sown();
    let query = |more: &[&str]| {
        let args = ["query", "(function_item name: (_) @n)", "-l", "rust", "--no-index"];
        bed.run(args.iter().chain(more))
    };
    query(&[]).code(3).says(&["run `herbarium index` first"]);
    bed.run(["index", "tools"]).code(0);
    query(&["src"]).code(3).says(&["knows nothing of src", "run `herbarium index` there"]);
    bed.run(["index"]).code(0);
    assert_eq!(query(&[]).code(0).silent().out.lines().count(), 2);
    bed.write("src/lib.rs", "fn one() {}\nfn two() {}\n");
    bed.write("src/new.rs", "fn new() {}\n");
    let ran = query(&[]).code(0).says(&["1 file not asked", "src/lib.rs: changed"]);
    assert_eq!(ran.out, "src/main.rs:2:4:@n: fn main() {\n");
    std::fs::remove_file(bed.path("src/main.rs")).unwrap();
    query(&[]).code(0).says(&["2 files not asked", "src/main.rs: is gone"]);
    assert_eq!(query(&["src/main.rs"]).code(3).out, "");
}

#[test]
fn source_that_is_not_utf8_is_asked_all_the_same() {
    let bed = Bed::new();
    bed.write("a.py", b"# caf\xe9\ndef f(): return 'caf\xe9'\n");
    let ran = bed.run(["query", "(comment) @c (string) @s", "--json"]).code(0);
    let texts: Vec<_> = lines(&ran).iter().map(|it| it["text"].clone()).collect();
    assert_eq!(texts, ["# caf\u{fffd}", "'caf\u{fffd}'"]);
    bed.run(["query", "(comment) @c"]).code(0).prints(&["a.py:1:1:@c: # caf\u{fffd}\n"]);
    bed.write("q.scm", b"(comment) @c ; caf\xe9");
    bed.run(["query", "--file", "q.scm"]).code(3).says(&["UTF-8"]);
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_error() {
    let bed = Bed::new();
    bed.write("long.py", "f(1)\n".repeat(100_000));
    let mut child = bed
        .command(["query", "(_) @node", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 1000];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut some).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_file_over_a_limit_is_named() {
    let bed = Bed::new();
    bed.write("a.py", "x = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n".repeat(2000));
    let query = "(module (_)* @a (_)* @b (_)* @c (_) @d)";
    bed.run(["query", query, "--count", "--time-limit", "1ms"]).code(0).says(&[
        "1 file whose answer is not complete",
        "a.py",
        "--time-limit",
    ]);
    let count = bed.json(["query", query, "--count", "--json", "--time-limit", "1ms"]);
    check_values(&count, &[("incomplete", json!(1))]);
    bed.run(["query", "((_) @a (_) @b)", "--count", "--match-limit", "1", "--time-limit", "20s"])
        .code(0)
        .says(&["a.py", "--match-limit"]);
}

#[test]
fn paths_that_are_not_there_do_not_hide_the_others() {
    let bed = Bed::sown();
    let ran = bed.run(["query", "(function_item) @f", "src/lib.rs", "none", "-l", "rust"]);
    let ran = ran.code(3).says(&["none"]);
    assert_eq!(ran.out.lines().count(), 1);
    bed.run(["query", "(a)", "none"]).code(3).says(&["nothing to ask"]);
}
