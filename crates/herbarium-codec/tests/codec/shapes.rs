//! Trees with more shapes than one byte, two bytes and 16 bits number.

use std::sync::Arc;

use herbarium_codec::{Grammar, GrammarParts, Kind, NewNode, Tree, TreeBuilder, doc};

use crate::model::check_round_trip;

/// A grammar with that many named kinds and fields.
fn grammar(kinds: u32, fields: u32) -> Arc<Grammar> {
    let kind = |id| Kind { name: format!("k{id}"), named: true, visible: true, supertype: false };
    let parts = GrammarParts {
        name: "wide".into(),
        kinds: (0..kinds).map(kind).collect(),
        fields: (0..fields).map(|id| format!("f{id}")).collect(),
        ..GrammarParts::default()
    };
    Arc::new(Grammar::new(parts).expect("not too many"))
}

/// A root and children, each with a kind and a field that occur once.
fn tree(shapes: u32) -> Tree {
    const KINDS: u32 = 400;
    let grammar = grammar(KINDS, shapes / KINDS + 1);
    let mut builder = TreeBuilder::new(&grammar);
    builder.start(b"").expect("a source");
    builder.push(NewNode::default()).expect("the root");
    for child in 1..shapes {
        let (kind, field) = ((child % KINDS) as u16, (child / KINDS) as u16);
        builder.push(NewNode { kind, field, depth: 1, ..NewNode::default() }).expect("a child");
    }
    builder.finish().expect("a tree")
}

fn check(shapes: u32) {
    let back = check_round_trip(&tree(shapes));
    for (index, node) in back.nodes().enumerate().skip(1) {
        let id = usize::from(node.kind_id()) + usize::from(node.field_id().unwrap_or(0)) * 400;
        assert_eq!(id, index, "{shapes} shapes");
    }
}

#[test]
fn as_many_shapes_as_one_byte_numbers_and_one_more() {
    let constants = doc::constants();
    assert!(constants.contains(&("FIRST_LONG", 224)));
    [2, 223, 224, 225, 255, 256, 257].into_iter().for_each(check);
}

#[test]
fn as_many_shapes_as_a_book_holds_and_one_more() {
    [4095, 4096, 4097, 4096 + 225].into_iter().for_each(check);
}

#[test]
fn as_many_shapes_as_two_bytes_number_and_one_more() {
    [8159, 8160, 8161].into_iter().for_each(check);
}

#[test]
fn more_shapes_than_16_bits_number() {
    [0xff00 - 1, 0xff00, 0xff01, 0xffff, 0x10000, 0x10001, 70_000].into_iter().for_each(check);
}

#[test]
fn kinds_and_fields_at_the_end_of_16_bits_come_back() {
    let grammar = grammar(65_534, 65_535);
    let mut builder = TreeBuilder::new(&grammar);
    builder.start(b"x").expect("a source");
    let kinds = [(65_533, 65_535), (256, 256), (255, 255), (65_533, 1), (0, 0)];
    for (depth, (kind, field)) in (0..).zip(kinds) {
        builder.push(NewNode { kind, field, depth, end: 1, ..NewNode::default() }).expect("a node");
    }
    let back = check_round_trip(&builder.finish().expect("a tree"));
    for (node, (kind, field)) in back.nodes().zip(kinds) {
        assert_eq!((node.kind_id(), node.field_id().unwrap_or(0)), (kind, field));
    }
}
