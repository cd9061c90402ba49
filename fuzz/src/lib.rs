//! What is fuzzed: functions that take any bytes and panic where the codec
//! breaks a promise. The fuzz targets call them, and so does the test that
//! replays what fuzzing once found.

pub mod grow;
pub mod parts;

use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, Decoder, Encoder, Grammar, Node, ShapeBook, Tree, TreeBuilder, decode,
    decode_standalone, encode, encode_standalone, verify,
};

use parts::{Part, Parts};

/// Bytes as they come: opened as everything that the codec opens, and once
/// more with checksums that fit.
pub fn decode_any(data: &[u8]) {
    let grammar = grow::grammar();
    open(data, &grammar);
    if let Some(parts) = Parts::of(data) {
        open(&parts.seal(), &grammar);
    }
    let _ = Grammar::from_bytes(data);
    let _ = ShapeBook::from_bytes(data, &grammar);
}

fn open(bytes: &[u8], grammar: &Arc<Grammar>) {
    if let Ok(tree) = decode_standalone(bytes) {
        look_at(&tree);
    }
    let tree = decode(bytes, grammar);
    assert_eq!(tree.is_ok(), verify(bytes, grammar).is_ok(), "verify and decode disagree");
    if let Ok(tree) = tree {
        look_at(&tree);
    }
}

/// Bytes as a tree section in a sealed container: number of nodes (4 bytes),
/// length of the source (4 bytes), then the section.
pub fn decode_sealed(data: &[u8]) {
    let Some((counts, section)) = data.split_first_chunk::<8>() else { return };
    let grammar = grow::grammar();
    let tree = grow::grow(&[]).build(&mut TreeBuilder::new(&grammar));
    let mut parts = Parts::of(&encode(&tree)).expect("own container");
    let (nodes, source) = counts.split_at(4);
    parts.header[40..44].copy_from_slice(source);
    parts.header[44..48].copy_from_slice(nodes);
    parts.sections = vec![Part { id: 1, style: [0; 3], bytes: section.to_vec() }];
    open(&parts.seal(), &grammar);
}

/// What [`decode_sealed`] takes to open the tree that `pressed` holds.
pub fn sealed_input(pressed: &[u8]) -> Option<Vec<u8>> {
    let parts = Parts::of(pressed)?;
    let (source, nodes) = parts.header[40..].split_at(4);
    let section = parts.sections.iter().find(|part| part.id == 1)?;
    Some([nodes, source, &section.bytes].concat())
}

/// Bytes as steps of [`grow::grow`]: the tree comes back from its bytes, from
/// a stand-alone file, and from bytes pressed with a shape book.
pub fn round_trip(data: &[u8]) {
    let grammar = grow::grammar();
    let tree = grow::grow(data).build(&mut TreeBuilder::new(&grammar));
    look_at(&tree);
    assert_eq!(decode_standalone(&encode_standalone(&tree)).as_ref(), Ok(&tree));
    let mut trainer = BookTrainer::new(&grammar);
    trainer.add(&grow::grow(&data[..data.len() / 2]).build(&mut TreeBuilder::new(&grammar)));
    let book = Arc::new(trainer.finish());
    let mut bytes = Vec::new();
    Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
    assert_eq!(Decoder::new().decode(&bytes, &grammar, Some(&book)).as_ref(), Ok(&tree));
}

/// Whatever opens can be walked everywhere, and pressed and opened again.
fn look_at(tree: &Tree) {
    let again = decode(&encode(tree), tree.grammar());
    assert_eq!(again.as_ref(), Ok(tree), "pressed and opened again");
    for (index, node) in tree.nodes().enumerate() {
        look_at_node(index, node);
    }
    let root = tree.root_node();
    assert!(root.end_byte() <= tree.source_len() as usize);
    let _ = root.to_sexp();
    let middle = tree.source_len() as usize / 2;
    let found = root.descendant_for_byte_range(middle, middle).expect("the root at least");
    assert!(found == root || found.start_byte() <= middle && middle <= found.end_byte());
}

fn look_at_node(index: usize, node: Node<'_>) {
    assert_eq!(node.id(), index);
    assert!(node.start_byte() <= node.end_byte());
    assert!(node.start_position() <= node.end_position());
    assert!(node.descendant_count() > 0);
    if let Some(parent) = node.parent() {
        assert!(parent.start_byte() <= node.start_byte() && node.end_byte() <= parent.end_byte());
        assert!(parent.has_error() || !node.has_error());
        assert!(parent.id() < index && index < parent.id() + parent.descendant_count());
    }
    if let Some(next) = node.next_sibling() {
        assert!(next.start_byte() >= node.end_byte());
        assert_eq!(next.parent(), node.parent());
        assert_eq!(next.id(), index + node.descendant_count());
    }
}
