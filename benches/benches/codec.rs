//! Pressing and opening beside parsing: `cargo bench -p herbarium-benches`.
//!
//! Every figure is the time for all sources together, so that two of them can
//! be divided; the throughput is in nodes.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use herbarium_benches::{Source, sources};
use herbarium_capture::Capturer;
use herbarium_codec::{Decoder, Encoder, Tree, encode};
use tree_sitter::Parser;

/// A source with all that is made of it, and the tools to make it.
struct Case {
    source: Source,
    parser: Parser,
    capturer: Capturer,
    live: tree_sitter::Tree,
    tree: Tree,
    pressed: Vec<u8>,
}

impl Case {
    fn new(source: Source) -> Self {
        let mut parser = Parser::new();
        parser.set_language(&source.language.tree_sitter()).expect("a grammar of this runtime");
        let live = parser.parse(&source.text, None).expect("no limit is set");
        let mut capturer = Capturer::new(source.language.grammar());
        let tree = capturer.capture(&live, &source.text).expect("a tree of this source");
        let pressed = encode(&tree);
        Self { source, parser, capturer, live, tree, pressed }
    }
}

fn codec(criterion: &mut Criterion) {
    let mut cases: Vec<Case> = sources().into_iter().map(Case::new).collect();
    let nodes: usize = cases.iter().map(|case| case.tree.descendant_count()).sum();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(nodes as u64));
    live(&mut group, &mut cases);
    pressing(&mut group, &mut cases);
    opening(&mut group, &cases);
    group.finish();
}

/// What tree-sitter does.
fn live(group: &mut BenchmarkGroup<'_, WallTime>, cases: &mut [Case]) {
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            for Case { parser, source, .. } in &mut *cases {
                black_box(parser.parse(&source.text, None));
            }
        });
    });
    group.bench_function("walk the live tree", |bencher| {
        bencher.iter(|| cases.iter().map(|case| walk_live(&case.live)).sum::<usize>());
    });
}

fn pressing(group: &mut BenchmarkGroup<'_, WallTime>, cases: &mut [Case]) {
    group.bench_function("capture", |bencher| {
        bencher.iter(|| {
            for Case { capturer, live, source, tree, .. } in &mut *cases {
                capturer.capture_into(live, &source.text, tree).expect("captured before");
            }
        });
    });
    group.bench_function("encode", |bencher| {
        let mut encoder = Encoder::new();
        bencher.iter(|| {
            for Case { tree, pressed, .. } in &mut *cases {
                encoder.encode_into(tree, None, pressed);
            }
        });
    });
}

fn opening(group: &mut BenchmarkGroup<'_, WallTime>, cases: &[Case]) {
    let mut opened: Vec<Tree> =
        cases.iter().map(|case| Tree::new(case.source.language.grammar())).collect();
    group.bench_function("decode", |bencher| {
        let mut decoder = Decoder::new();
        bencher.iter(|| {
            for (case, tree) in cases.iter().zip(&mut opened) {
                let grammar = case.source.language.grammar();
                decoder.decode_into(&case.pressed, grammar, None, tree).expect("pressed before");
            }
        });
    });
    group.bench_function("walk the opened tree", |bencher| {
        bencher.iter(|| opened.iter().map(walk_opened).sum::<usize>());
    });
}

/// Visits every node and reads what a program that scans a tree reads.
fn walk_live(tree: &tree_sitter::Tree) -> usize {
    let mut cursor = tree.walk();
    let mut sum = 0usize;
    loop {
        let node = cursor.node();
        sum = sum.wrapping_add(usize::from(node.kind_id()) + node.start_byte() + node.end_byte());
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return sum;
            }
        }
    }
}

/// The same over an opened tree.
fn walk_opened(tree: &Tree) -> usize {
    let mut cursor = tree.walk();
    let mut sum = 0usize;
    loop {
        let node = cursor.node();
        sum = sum.wrapping_add(usize::from(node.kind_id()) + node.start_byte() + node.end_byte());
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return sum;
            }
        }
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
