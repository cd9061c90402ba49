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

/// A root and children, each with a kind and a field that stand for a number.
fn tree(numbers: &[u32]) -> Tree {
    const KINDS: u32 = 400;
    let grammar = grammar(KINDS, numbers.iter().max().unwrap_or(&0) / KINDS + 1);
    let mut builder = TreeBuilder::new(&grammar);
    builder.start(b"").expect("a source");
    builder.push(NewNode::default()).expect("the root");
    for number in numbers {
        let (kind, field) = ((number % KINDS) as u16, (number / KINDS) as u16);
        builder.push(NewNode { kind, field, depth: 1, ..NewNode::default() }).expect("a child");
    }
    builder.finish().expect("a tree")
}

fn check_numbers(numbers: &[u32]) {
    let back = check_round_trip(&tree(numbers));
    let of = |node: herbarium_codec::Node<'_>| {
        u32::from(node.kind_id()) + u32::from(node.field_id().unwrap_or(0)) * 400
    };
    let found: Vec<u32> = back.nodes().skip(1).map(of).collect();
    assert_eq!(found, numbers, "{} nodes", numbers.len());
}

/// Each of so many shapes occurs once.
fn check(shapes: u32) {
    check_numbers(&(1..shapes).collect::<Vec<u32>>());
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
fn shapes_that_come_again_and_again_come_back() {
    // Fewer, as many and more than there are codes to lend, and those that
    // differ by what a table of 256 does not tell apart.
    for (shapes, step, nodes) in [(250, 1, 2000), (256, 31, 2000), (300, 7, 3000), (900, 256, 4000)]
    {
        check_numbers(&(0..nodes).map(|node| 1 + node * step % shapes).collect::<Vec<u32>>());
    }
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
