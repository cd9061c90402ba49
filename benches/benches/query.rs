//! Queries on opened trees beside tree-sitter's on live ones: `cargo bench -p
//! herbarium-benches --bench query`.
//!
//! Every figure is the time for all sources together, so that two of them can
//! be divided; the throughput is in nodes.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use herbarium_benches::{Source, sources};
use herbarium_capture::{Capturer, parse_table_of};
use herbarium_codec::{Tree, decode, encode};
use herbarium_conformance::{package_folders, query_files};
use herbarium_query::{Compiler, Query, QueryCursor};
use tree_sitter::{Parser, StreamingIterator};

/// Calls of one function: the first that the sample of the language calls.
const SELECTIVE: &[(&str, &str)] = &[
    ("c", "(call_expression function: (identifier) @f"),
    ("go", "(call_expression function: (_) @f"),
    ("java", "(method_invocation name: (identifier) @f"),
    ("javascript", "(call_expression function: (_) @f"),
    ("python", "(call function: (identifier) @f"),
    ("rust", "(call_expression function: (_) @f"),
];

/// A source with both trees and a query for both engines.
struct Case {
    text: Vec<u8>,
    live: tree_sitter::Tree,
    tree: Tree,
    live_query: tree_sitter::Query,
    query: Query,
}

impl Case {
    fn new(source: Source, query: impl FnOnce(&Source, &Compiler, &Tree) -> String) -> Self {
        let mut parser = Parser::new();
        let language = source.language.tree_sitter();
        parser.set_language(&language).expect("a grammar of this runtime");
        let live = parser.parse(&source.text, None).expect("no limit is set");
        let grammar = source.language.grammar();
        let captured = Capturer::new(grammar).capture(&live, &source.text);
        let tree = decode(&encode(&captured.expect("a tree of this source")), grammar);
        let tree = tree.expect("pressed just now");
        let compiler = Compiler::new(grammar.clone(), Arc::new(parse_table_of(&language)));
        let text = query(&source, &compiler, &tree);
        let live_query = tree_sitter::Query::new(&language, &text).expect("a query");
        let query = compiler.compile(&text).expect("a query");
        Self { text: source.text, live, tree, live_query, query }
    }
}

/// Sources of the languages that the bars name.
fn chosen() -> impl Iterator<Item = (Source, &'static str)> {
    sources().into_iter().filter_map(|source| {
        let (_, pattern) = SELECTIVE.iter().find(|(id, _)| *id == source.language.id())?;
        Some((source, *pattern))
    })
}

fn highlights(criterion: &mut Criterion) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = package_folders(&workspace).expect("cargo knows the packages");
    let text = |source: &Source| {
        let language = source.language;
        let key = (language.crate_name().to_owned(), language.version().to_owned());
        let files = query_files(folders.get(&key).expect("built in")).expect("readable");
        let file = files.iter().find(|file| file.ends_with("highlights.scm"));
        std::fs::read_to_string(file.expect("shipped")).expect("readable")
    };
    let cases = chosen().map(|(source, _)| Case::new(source, |source, _, _| text(source)));
    compare(&mut criterion.benchmark_group("highlights"), &cases.collect::<Vec<_>>());
}

fn selective(criterion: &mut Criterion) {
    let cases = chosen().map(|(source, pattern)| {
        Case::new(source, |source, compiler, tree| {
            let calls = compiler.compile(&format!("{pattern})")).expect("a query");
            // A name that nothing has is as selective as one that something has.
            let name = first(&calls, tree, &source.text).unwrap_or_else(|| "none".to_owned());
            format!("({pattern}) (#eq? @f {name:?}))")
        })
    });
    compare(&mut criterion.benchmark_group("selective"), &cases.collect::<Vec<_>>());
}

/// The text of the first capture.
fn first(query: &Query, tree: &Tree, text: &[u8]) -> Option<String> {
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(query, tree.root_node(), text);
    let node = matches.next_match()?.captures().next()?.node;
    let text = text.get(node.start_byte()..node.end_byte())?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn compare(group: &mut BenchmarkGroup<'_, WallTime>, cases: &[Case]) {
    let nodes: usize = cases.iter().map(|case| case.tree.descendant_count()).sum();
    group.throughput(Throughput::Elements(nodes as u64));
    group.bench_function("matches, live trees", |bencher| {
        let mut cursor = tree_sitter::QueryCursor::new();
        bencher.iter(|| {
            for case in cases {
                let root = case.live.root_node();
                let mut matches = cursor.matches(&case.live_query, root, &*case.text);
                while let Some(one) = matches.next() {
                    black_box(one.captures());
                }
            }
        });
    });
    group.bench_function("matches, opened trees", |bencher| {
        let mut cursor = QueryCursor::new();
        bencher.iter(|| {
            for case in cases {
                let mut matches = cursor.matches(&case.query, case.tree.root_node(), &case.text);
                while let Some(one) = matches.next_match() {
                    black_box(one.capture_count());
                }
            }
        });
    });
    group.bench_function("captures, live trees", |bencher| {
        let mut cursor = tree_sitter::QueryCursor::new();
        bencher.iter(|| {
            for case in cases {
                let root = case.live.root_node();
                let mut captures = cursor.captures(&case.live_query, root, &*case.text);
                while let Some((_, number)) = captures.next() {
                    black_box(number);
                }
            }
        });
    });
    group.bench_function("captures, opened trees", |bencher| {
        let mut cursor = QueryCursor::new();
        bencher.iter(|| {
            for case in cases {
                let root = case.tree.root_node();
                let mut captures = cursor.captures(&case.query, root, &case.text);
                while let Some((_, number)) = captures.next_capture() {
                    black_box(number);
                }
            }
        });
    });
}

criterion_group!(benches, highlights, selective);
criterion_main!(benches);
