//! Damaged and hostile bytes: an error, or the same tree, never a panic.
//! That they cost little memory is shown in `allocations.rs`.

use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, Decoder, Encoder, NewNode, ShapeBook, Tree, TreeBuilder, decode,
    decode_standalone, doc, encode, encode_standalone,
};
use proptest::prelude::*;

use crate::grow::grow;
use crate::model::tree_of;
use crate::parts::{Part, Parts};

/// A whole file, what it holds, and what it takes to open it.
struct Whole {
    bytes: Vec<u8>,
    tree: Tree,
    book: Option<Arc<ShapeBook>>,
}

impl Whole {
    fn new(bytes: Vec<u8>, tree: Tree) -> Self {
        Self { bytes, tree, book: None }
    }

    /// In each way of opening that fits: an error, or the tree.
    fn check(&self, bytes: &[u8], place: &str) {
        let opened = Decoder::new().decode(bytes, self.tree.grammar(), self.book.as_ref());
        assert!(opened.is_err() || opened.as_ref() == Ok(&self.tree), "another tree: {place}");
        let alone = decode_standalone(bytes);
        assert!(alone.is_err() || alone.as_ref() == Ok(&self.tree), "another tree: {place}");
    }
}

fn broken() -> Tree {
    tree_of(&grow(b"\0\x02\x0a\x08\x04\x02\x0c\x06\x34\x05\x14\x06\x1c\x07\x03\x44\x08\xe0"))
}

/// Supertypes and quirks, with an error among them.
fn seen_by_queries() -> Tree {
    tree_of(&grow(
        b"\0\x02\xdb\x03\xe3\x10\x09\x06\xeb\x11\xc3\0\xcb\x07\x0c\x06\x03\x0a\x08\xd3\x01",
    ))
}

/// Files of every make: plain, stand-alone, with a book, with sections that
/// are skipped.
fn files() -> Vec<Whole> {
    let sum = doc::one_plus_two(&Arc::new(doc::sums()));
    let lines = tree_of(&grow(b"\x01\x02\x01\x05\x08\x09\x06\x10\x21\x08\x39\x04\x50\x36"));
    let mut more = Parts::of(&encode_standalone(&sum)).expect("own container");
    more.sections.push(Part { id: 200, style: [3, 0, 0], bytes: b"to be skipped".to_vec() });
    more.sections.insert(0, Part { id: 129, style: [0; 3], bytes: vec![] });
    vec![
        Whole::new(encode(&sum), sum.clone()),
        Whole::new(encode_standalone(&sum), sum.clone()),
        Whole::new(more.seal(), sum.clone()),
        Whole::new(encode(&broken()), broken()),
        Whole::new(encode(&lines), lines),
        Whole::new(encode(&seen_by_queries()), seen_by_queries()),
        with_book(broken()),
        with_book(seen_by_queries()),
    ]
}

fn with_book(tree: Tree) -> Whole {
    let mut trainer = BookTrainer::new(tree.grammar());
    trainer.add(&tree);
    let (mut bytes, book) = (Vec::new(), Arc::new(trainer.finish()));
    Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
    Whole { bytes, tree, book: Some(book) }
}

#[test]
fn every_single_bit_flip_is_an_error_or_the_same_tree() {
    for (index, whole) in files().iter().enumerate() {
        let mut bytes = whole.bytes.clone();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            whole.check(&bytes, &format!("file {index}, bit {bit}"));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_flipped_bit_in_header_or_tree_is_always_noticed() {
    let whole = &files()[0];
    for bit in 0..whole.bytes.len() * 8 {
        let mut bytes = whole.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bytes, whole.tree.grammar()).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for (index, whole) in files().iter().enumerate() {
        for len in 0..whole.bytes.len() {
            let cut = &whole.bytes[..len];
            let opened = Decoder::new().decode(cut, whole.tree.grammar(), whole.book.as_ref());
            assert!(
                opened.is_err() && decode_standalone(cut).is_err(),
                "file {index}, {len} bytes"
            );
        }
    }
}

/// The last child but one says that it is the last, in trees of every size.
#[test]
fn a_node_beside_the_root_is_refused() {
    for nodes in [8u32, 4000, 5000, 65_000, 66_000] {
        let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
        builder.start(&vec![b'+'; nodes as usize]).expect("a source");
        let sum = NewNode { kind: 3, end: nodes, ..NewNode::default() };
        builder.push(sum).expect("a sum");
        for start in 0..nodes {
            let (depth, end) = (1, start + 1);
            builder.push(NewNode { kind: 2, depth, start, end, ..NewNode::default() }).expect("+");
        }
        let tree = builder.finish().expect("a tree");
        let mut parts = Parts::of(&encode(&tree)).expect("own container");
        let section = &mut parts.sections[0].bytes;
        // Behind the codes stands that there is no line end: one byte.
        let [.., before, last, 0] = section.as_mut_slice() else { panic!("codes and a 0") };
        assert_ne!(before, last, "one is the last child");
        *before = *last;
        let error = decode(&parts.seal(), tree.grammar()).expect_err("two last children");
        assert!(error.to_string().contains("one root"), "{nodes} nodes: {error}");
    }
}

/// Whatever opens can be walked, pressed and opened again.
fn check_open(bytes: &[u8], whole: &Whole) {
    let grammar = whole.tree.grammar();
    let Ok(tree) = Decoder::new().decode(bytes, grammar, whole.book.as_ref()) else { return };
    assert_eq!(decode(&encode(&tree), grammar).as_ref(), Ok(&tree));
    for node in tree.nodes() {
        let parent = node.parent().map_or(0..tree.source_len() as usize, |node| node.byte_range());
        let range = node.byte_range();
        assert!(parent.start <= range.start && range.start <= range.end && range.end <= parent.end);
        assert!(node.start_position() <= node.end_position());
        assert!(node.next_sibling().is_none_or(|next| next.start_byte() >= range.end));
    }
    crate::dump::dump(&tree);
}

#[test]
fn every_byte_behind_the_checksums_may_be_anything() {
    for whole in files() {
        let parts = Parts::of(&whole.bytes).expect("own container");
        let section = parts.sections.iter().position(|part| part.id == 1).expect("a tree");
        for at in 0..parts.sections[section].bytes.len() {
            for value in 0..=255 {
                let mut changed = parts.clone();
                changed.sections[section].bytes[at] = value;
                check_open(&changed.seal(), &whole);
            }
        }
    }
}

#[test]
fn every_number_of_the_header_may_be_anything() {
    for whole in files() {
        let parts = Parts::of(&whole.bytes).expect("own container");
        for (at, value) in (40..48).flat_map(|at| (0..=255).map(move |value| (at, value))) {
            let mut changed = parts.clone();
            changed.header[at] = value;
            check_open(&changed.seal(), &whole);
        }
    }
}

/// A change of bytes: at a place, so many replaced by others.
type Change = (prop::sample::Index, usize, Vec<u8>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change =
        (any::<prop::sample::Index>(), 0..6usize, prop::collection::vec(any::<u8>(), 0..6));
    prop::collection::vec(change, 1..6)
}

fn apply(bytes: &mut Vec<u8>, changes: &[Change]) {
    for (at, gone, new) in changes {
        let at = at.index(bytes.len() + 1);
        let until = bytes.len().min(at + gone);
        bytes.splice(at..until, new.iter().copied());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn arbitrary_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes, &crate::grow::grammar()).is_err());
        prop_assert!(decode_standalone(&bytes).is_err());
    }

    #[test]
    fn an_arbitrary_tree_section_is_an_error_or_a_whole_tree(
        section in prop::collection::vec(prop_oneof![0u8..12, any::<u8>()], 0..200),
        nodes in 0u32..100,
    ) {
        let tree = broken();
        let mut parts = Parts::of(&encode(&tree)).expect("own container");
        parts.header[44..].copy_from_slice(&nodes.to_le_bytes());
        parts.sections[0].bytes = section;
        check_open(&parts.seal(), &Whole::new(vec![], tree));
    }

    #[test]
    fn changes_behind_the_checksums_are_an_error_or_a_whole_tree(
        steps in prop::collection::vec(any::<u8>(), 0..40),
        changes in changes(),
        nodes in prop::option::of(-2i64..3),
    ) {
        let mut steps = steps;
        // Steps that make thousands of nodes belong to other tests.
        steps.retain(|step| step & 7 != 5 && step & 7 != 7);
        let tree = grow(&steps).build(&mut herbarium_codec::TreeBuilder::new(&crate::grow::grammar()));
        let mut parts = Parts::of(&encode(&tree)).expect("own container");
        apply(&mut parts.sections[0].bytes, &changes);
        let count = tree.descendant_count() as i64 + nodes.unwrap_or(0);
        parts.header[44..].copy_from_slice(&(count as u32).to_le_bytes());
        check_open(&parts.seal(), &Whole::new(vec![], tree));
    }
}
