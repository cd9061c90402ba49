//! What memory the codec takes: none at all for the next of many trees, and
//! for hostile bytes never more than a fixed multiple of them.

#[path = "../../../fuzz/src/grow.rs"]
pub mod grow;
#[path = "../../../fuzz/src/parts.rs"]
pub mod parts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, Decoder, Encoder, Grammar, ShapeBook, Tree, TreeBuilder, decode, doc, encode,
};
use parts::Parts;
use proptest::prelude::*;

#[global_allocator]
static COUNTING: Counting = Counting;

/// The system's allocator, counting for each thread.
struct Counting;

thread_local! {
    static USAGE: Cell<Usage> = const { Cell::new(Usage { calls: 0, live: 0, peak: 0 }) };
}

#[derive(Clone, Copy)]
struct Usage {
    calls: usize,
    live: usize,
    peak: usize,
}

fn count(taken: usize, given: usize) {
    let _ = USAGE.try_with(|usage| {
        let Usage { calls, live, peak } = usage.get();
        // Both blocks of a reallocation live for a moment.
        let most = live.saturating_add(taken);
        let calls = calls + usize::from(taken != 0);
        usage.set(Usage { calls, live: most.saturating_sub(given), peak: peak.max(most) });
    });
}

// SAFETY: every call goes to the system's allocator as it came; counting
// touches no memory but a cell of the thread, and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: `block` came from `System` with that layout, as all blocks do.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as for `dealloc`; the promise about `size` is passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Allocations of `deed`, and how much more memory it had at its peak than
/// there was before.
fn usage<T>(deed: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = USAGE.get();
    USAGE.set(Usage { peak: before.live, ..before });
    let result = deed();
    let after = USAGE.get();
    (result, after.calls - before.calls, after.peak - before.live)
}

/// Trees of every sort: tokens and gaps, line ends of both kinds, faults, long
/// tokens, depth, what only queries see, many shapes.
fn trees() -> Vec<Tree> {
    let shapes: Vec<u8> = (0..900u32).flat_map(|n| [1 | (n as u8) << 3, (n / 4) as u8]).collect();
    let steps: [&[u8]; 8] = [
        b"\0\x02\x01\x05\x10\x09\x06\x18\x11\x07\x30\x21\x08",
        b"\x01\x02\xf5\x01\x08\xf5\x10",
        b"",
        b"\0\x02\x0a\x08\x04\x02\x0c\x06\x34\x05\x14\x06\x1c\x07\x03\x44\x08",
        b"\0\x02\x36\x76\x05\xb6\xf6\x07\x01\x05",
        b"\0\x02\xff\x02\xff\x02\x2d\x03\x03\xfd\x01\x06",
        b"\0\x02\xdb\x03\xe3\x10\x09\x06\xeb\x11\xc3\0\xcb\x07\x03\x0a\x08\xd3\x01",
        &[&[0, 2][..], &shapes].concat(),
    ];
    let mut builder = TreeBuilder::new(&grow::grammar());
    steps.iter().map(|steps| grow::grow(steps).build(&mut builder)).collect()
}

fn book(trees: &[Tree]) -> Arc<ShapeBook> {
    let mut trainer = BookTrainer::new(trees[0].grammar());
    trees.iter().step_by(2).for_each(|tree| trainer.add(tree));
    Arc::new(trainer.finish())
}

#[test]
fn an_encoder_that_has_seen_the_like_allocates_nothing() {
    let trees = trees();
    let book = book(&trees);
    for book in [None, Some(&book)] {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        trees.iter().for_each(|tree| encoder.encode_into(tree, book, &mut out));
        for (index, tree) in trees.iter().rev().enumerate() {
            let ((), calls, _) = usage(|| encoder.encode_into(tree, book, &mut out));
            assert_eq!(calls, 0, "tree {index} from the end, book: {}", book.is_some());
        }
    }
}

#[test]
fn a_decoder_that_has_seen_the_like_allocates_nothing() {
    let trees = trees();
    let whole: Vec<&Tree> = trees.iter().filter(|tree| !tree.root_node().has_error()).collect();
    assert!(whole.len() > 4);
    check_decoder(&whole, None);
    check_decoder(&whole, Some(&book(&trees)));
}

#[test]
fn a_decoder_that_has_seen_broken_source_allocates_nothing_for_more_of_it() {
    let trees = trees();
    let broken: Vec<&Tree> = trees.iter().filter(|tree| tree.root_node().has_error()).collect();
    assert!(!broken.is_empty());
    check_decoder(&broken, None);
}

/// After two rounds over the trees, a decoder opens them without allocating.
fn check_decoder(trees: &[&Tree], book: Option<&Arc<ShapeBook>>) {
    let press = |tree: &&Tree| {
        let mut out = Vec::new();
        Encoder::new().encode_into(tree, book, &mut out);
        out
    };
    let pressed: Vec<Vec<u8>> = trees.iter().map(press).collect();
    let grammar = trees[0].grammar();
    let (mut decoder, mut tree) = (Decoder::new(), trees[0].clone());
    for bytes in pressed.iter().chain(&pressed) {
        decoder.decode_into(bytes, grammar, book, &mut tree).expect("own bytes open");
    }
    for (index, bytes) in pressed.iter().enumerate().rev() {
        let (opened, calls, _) = usage(|| decoder.decode_into(bytes, grammar, book, &mut tree));
        opened.expect("own bytes open");
        assert_eq!(calls, 0, "tree {index}, book: {}", book.is_some());
        assert_eq!(&tree, trees[index]);
    }
}

/// Memory for a byte of input, at most; stated in the documentation of
/// `decode`.
const MULTIPLE: usize = 128;
/// Memory that does not depend on the input.
const FIXED: usize = 16 * 1024;

/// Opens bytes; the peak stays within the bound. Tells whether they opened and
/// gives bytes of memory for each of input.
#[track_caller]
fn check(name: &str, grammar: &Arc<Grammar>, bytes: &[u8]) -> (bool, usize) {
    let (opened, _, peak) = usage(|| decode(bytes, grammar).is_ok());
    let bound = FIXED + MULTIPLE * bytes.len();
    assert!(peak <= bound, "{name}: {peak} bytes of memory for {} of input", bytes.len());
    (opened, peak / bytes.len().max(1))
}

/// The columns of a tree section.
#[derive(Default)]
struct Columns {
    shapes: Vec<u8>,
    codes: Vec<u8>,
    long_codes: Vec<u8>,
    gaps: Vec<u8>,
    lens: Vec<u8>,
    lines: Vec<u8>,
    tails: Vec<u8>,
    faults: Vec<u8>,
}

/// One more than a power of two, where growing vectors have doubled.
const SIZE: usize = (1 << 18) + 1;

impl Columns {
    /// Two shapes, each of kind 2 without a field: (flags, gap code, length)
    /// as far as the flags want them.
    fn new(flags: [u8; 2], rest: &[u8]) -> Self {
        let shapes = [&[2, 4, 0][..], &flags, &[0, 0], rest].concat();
        Self { shapes, lines: vec![0], ..Self::default() }
    }

    /// `SIZE` nodes with the first shape and one with the second.
    fn many(self) -> Self {
        let codes = std::iter::repeat_n(0, SIZE).chain([1]).collect();
        Self { codes, ..self }
    }

    /// As a tree of [`doc::sums`]: without supertypes, shapes take the fewest
    /// bytes.
    fn seal(&self, nodes: usize, source: usize) -> Vec<u8> {
        let tree = doc::one_plus_two(&Arc::new(doc::sums()));
        let mut parts = Parts::of(&encode(&tree)).expect("own container");
        parts.header[40..44].copy_from_slice(&(source as u32).to_le_bytes());
        parts.header[44..48].copy_from_slice(&(nodes as u32).to_le_bytes());
        let rest = [&self.long_codes, &self.gaps, &self.lens, &self.lines, &self.tails];
        let mut section = vec![0];
        put_varint(&mut section, self.shapes.len());
        rest.iter().for_each(|column| put_varint(&mut section, column.len()));
        let columns = [&self.shapes, &self.codes].into_iter().chain(rest).chain([&self.faults]);
        columns.for_each(|column| section.extend_from_slice(column));
        parts.sections[0].bytes = section;
        parts.seal()
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

const INTERNAL: u8 = 4;
const LAST: u8 = 8;
const TAIL: u8 = 128;
const FOUR_LINES: u8 = 219;

/// Bytes that get as much memory out of each as they can, and whether they are
/// a tree.
fn greedy() -> Vec<(&'static str, bool, Vec<u8>)> {
    let deep = || Columns::new([INTERNAL | LAST, LAST], &[0, 0, 0]).many();
    let deep_lines = || Columns::new([INTERNAL | LAST, LAST], &[FOUR_LINES, 0, 0]).many();
    let marks = || counted(SIZE, 0);
    let endless = Columns { codes: vec![0; SIZE], ..deep() };
    let only_marks = Columns { codes: vec![1], faults: marks(), ..deep() };
    // Each on the root: no later sibling has its field.
    let quirks = || [vec![0], counted(SIZE, 0), vec![0; SIZE]].concat();
    let only_quirks = Columns { codes: vec![1], faults: quirks(), ..deep() };
    let spelled = Columns {
        codes: vec![0],
        lines: [&counted(SIZE, 0)[1..], &[0, 0]].concat(),
        ..Columns::new([LAST, 0], &[255, 0, 0, 0])
    };
    let tails = Columns::new([INTERNAL | LAST | TAIL, LAST], &[0, 0, 0]).many();
    let tails = Columns { tails: vec![1; SIZE], ..tails };
    let flat = Columns {
        codes: [vec![0], vec![1; SIZE], vec![2]].concat(),
        shapes: [[3, 4, 0, 0].as_slice(), &[INTERNAL | LAST, 0, LAST, 0, 0, 0], &[219; 3], &[0; 2]]
            .concat(),
        ..deep()
    };
    vec![
        ("depth", true, deep().seal(SIZE + 1, 0)),
        ("depth and line ends", true, deep_lines().seal(SIZE + 1, 4 * SIZE)),
        ("depth that does not end", false, endless.seal(SIZE, 0)),
        ("depth and marks", true, Columns { faults: marks(), ..deep() }.seal(SIZE + 1, 0)),
        ("nothing but marks", true, only_marks.seal(1, 0)),
        ("depth and quirks", true, Columns { faults: quirks(), ..deep() }.seal(SIZE + 1, 0)),
        ("nothing but quirks", true, only_quirks.seal(1, 0)),
        ("line ends, spelled out", true, spelled.seal(1, (1 << 21) - 1)),
        ("depth and tails", true, tails.seal(SIZE + 1, 2)),
        ("width and line ends", true, flat.seal(SIZE + 2, 4 * SIZE + 8)),
        ("more shapes than 16 bits number", true, many_shapes()),
    ]
}

/// An empty list, and a list of so many numbers of one byte.
fn counted(count: usize, number: u8) -> Vec<u8> {
    let mut list = vec![0];
    put_varint(&mut list, count);
    list.resize(list.len() + count, number);
    list
}

/// Depth and line ends, and a table that makes the column of shapes wide.
fn many_shapes() -> Vec<u8> {
    const SHAPES: usize = 65_281;
    let mut columns = Columns { lines: vec![0], ..Columns::default() };
    put_varint(&mut columns.shapes, SHAPES);
    columns.shapes.extend([4].into_iter().chain(std::iter::repeat_n(0, SHAPES - 1)));
    columns.shapes.extend(std::iter::repeat_n(INTERNAL | LAST, SHAPES - 1).chain([LAST]));
    columns.shapes.extend(std::iter::repeat_n(0, SHAPES));
    columns.shapes.extend(std::iter::repeat_n(FOUR_LINES, SHAPES));
    columns.shapes.push(0);
    columns.codes = [vec![0; 4 * SIZE], vec![255]].concat();
    columns.long_codes = (SHAPES as u32 - 1).to_le_bytes().to_vec();
    columns.seal(4 * SIZE + 1, 16 * SIZE + 4)
}

#[test]
fn bytes_made_to_take_memory_take_no_more_than_the_stated_multiple() {
    let (mut most, grammar) = (0, Arc::new(doc::sums()));
    for (name, valid, bytes) in greedy() {
        let (opened, multiple) = check(name, &grammar, &bytes);
        assert_eq!(opened, valid, "{name}");
        most = most.max(multiple);
    }
    assert!(most * 2 > MULTIPLE, "the stated multiple is twice what was ever seen: {most}");
}

#[test]
fn numbers_that_promise_more_than_there_is_take_nothing() {
    let (whole, grammar) = (encode(&trees()[0]), grow::grammar());
    let parts = Parts::of(&whole).expect("own container");
    let large = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for at in 0..8 {
        let mut changed = parts.clone();
        let section = &mut changed.sections[0].bytes;
        section.splice(at..at + 1, large);
        check(&format!("a large number at {at}"), &grammar, &changed.seal());
        changed.header[44..48].fill(0xff);
        check("a large number of nodes", &grammar, &changed.seal());
    }
    // No name, no version, no numbers, and as many kinds as a number can say.
    let table = [&grow::grammar().to_bytes()[..22], &[0, 0, 0, 0], &large].concat();
    let (_, _, peak) = usage(|| drop(Grammar::from_bytes(&table)));
    assert!(peak < FIXED, "{peak}");
}

#[test]
fn grammar_tables_and_books_take_no_more_than_the_stated_multiple() {
    let grammar = grow::grammar();
    let mut tables = Vec::new();
    let head = &grammar.to_bytes()[..22];
    for count in [300, 65_000, SIZE] {
        let mut table = [head, &[0, 0, 0, 0]].concat();
        put_varint(&mut table, count);
        (0..count)
            .for_each(|id| table.extend([2, 3, b'a' + (id % 26) as u8, b'a', id as u8 & 127]));
        tables.push(table);
        let mut book = [&b"HRBB\x01\x00"[..], &grammar.fingerprint().0].concat();
        put_varint(&mut book, count);
        book.resize(book.len() + 2 * count, 0);
        tables.push(book);
    }
    for bytes in tables {
        let (_, _, peak) = usage(|| {
            drop(Grammar::from_bytes(&bytes));
            drop(ShapeBook::from_bytes(&bytes, &grammar));
        });
        assert!(peak <= FIXED + MULTIPLE * bytes.len(), "{peak} for {} bytes", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_behind_the_checksums_takes_no_more_than_the_stated_multiple(
        which in 0..8usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut parts = Parts::of(&encode(&trees()[which])).expect("own container");
        let section = &mut parts.sections[0].bytes;
        for (at, to) in changes {
            let at = at.index(section.len());
            section[at] = to;
        }
        check("changed", &grow::grammar(), &parts.seal());
    }
}
