//! Pressing, opening, checking and walking, for each node of
//!
//! - a tree made here, of 40,000 nodes, in the proportions of ordinary code;
//! - the stand-alone trees (`.hrbt`) in the folder that the environment
//!   variable `HERBARIUM_BENCH_TREES` names, if it names one.
//!
//! `herbarium-bench` measures real files beside their parser; this is for
//! comparing two versions of the codec.

#[path = "../../../fuzz/src/grow.rs"]
pub mod grow;

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use herbarium_codec::{Cursor, Decoder, Encoder, Tree, TreeBuilder, decode_standalone, encode};

criterion_group!(benches, made, of_files);
criterion_main!(benches);

fn made(criterion: &mut Criterion) {
    measure(criterion, "made", &[made_tree()]);
}

fn of_files(criterion: &mut Criterion) {
    if let Some(folder) = std::env::var_os("HERBARIUM_BENCH_TREES") {
        measure(criterion, "files", &trees_in(Path::new(&folder)));
    }
}

/// Statements on lines of their own: a call of a name with two arguments, a
/// block around every ten of them.
fn made_tree() -> Tree {
    const NODE: u8 = 2;
    const TOKEN: u8 = 1;
    const NAME: u8 = TOKEN | 2 << 3;
    const CLOSE: u8 = 3;
    const NEXT_LINE: u8 = 2 << 3;
    let call = [
        &[NODE | 8, 20, NAME | 32, 4, NODE, 22, TOKEN, 5, NAME, 6, TOKEN | 8, 7][..],
        &[0, NAME, 6, TOKEN, 9, CLOSE, CLOSE, TOKEN, 11, NEXT_LINE],
    ]
    .concat();
    let block = [&[NODE, 30, TOKEN, 33, NEXT_LINE][..], &call.repeat(10), &[CLOSE]].concat();
    let steps = [&[0, 2][..], &block.repeat(430)].concat();
    grow::grow(&steps).build(&mut TreeBuilder::new(&grow::grammar()))
}

fn trees_in(folder: &Path) -> Vec<Tree> {
    let files =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let pressed = paths.filter(|path| path.extension().is_some_and(|kind| kind == "hrbt"));
    let trees: Vec<Tree> =
        pressed.filter_map(|path| decode_standalone(&fs::read(path).ok()?).ok()).collect();
    assert!(!trees.is_empty(), "{}: no stand-alone tree opens", folder.display());
    trees
}

fn measure(criterion: &mut Criterion, name: &str, trees: &[Tree]) {
    let nodes: usize = trees.iter().map(Tree::descendant_count).sum();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(nodes as u64));
    measure_bytes(&mut group, trees);
    measure_walks(&mut group, trees);
    group.finish();
}

fn measure_bytes(group: &mut BenchmarkGroup<'_, WallTime>, trees: &[Tree]) {
    let pressed: Vec<Vec<u8>> = trees.iter().map(encode).collect();
    let both = || trees.iter().zip(&pressed);
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    group.bench_function("encode", |bench| {
        bench.iter(|| {
            for tree in trees {
                encoder.encode_into(black_box(tree), None, &mut out);
            }
        });
    });
    let (mut decoder, mut room) = (Decoder::new(), trees[0].clone());
    group.bench_function("decode", |bench| {
        bench.iter(|| {
            for (tree, bytes) in both() {
                let opened = decoder.decode_into(black_box(bytes), tree.grammar(), None, &mut room);
                opened.expect("own bytes open");
            }
        });
    });
    group.bench_function("verify", |bench| {
        bench.iter(|| {
            for (tree, bytes) in both() {
                let whole = herbarium_codec::verify(black_box(bytes), tree.grammar());
                whole.expect("own bytes are whole");
            }
        });
    });
}

fn measure_walks(group: &mut BenchmarkGroup<'_, WallTime>, trees: &[Tree]) {
    group.bench_function("walk with a cursor", |bench| {
        bench.iter(|| trees.iter().map(|tree| walk(&mut tree.walk())).sum::<usize>());
    });
    group.bench_function("kinds and ranges in order", |bench| {
        let sum = |tree: &Tree| -> usize {
            tree.nodes().map(|node| usize::from(node.kind_id()) + node.end_byte()).sum()
        };
        bench.iter(|| trees.iter().map(sum).sum::<usize>());
    });
}

/// Number of named nodes that a cursor passes.
fn walk(cursor: &mut Cursor<'_>) -> usize {
    let mut named = 0;
    loop {
        named += usize::from(cursor.node().is_named());
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return named;
            }
        }
    }
}
