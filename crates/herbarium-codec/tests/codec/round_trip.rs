//! Trees of any shape come back from their bytes.

use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, Decoder, ERROR_KIND, Encoder, Grammar, Header, Kind, NewNode, Quirk, Tree,
    TreeBuilder, decode, doc, encode,
};
use proptest::prelude::*;

use crate::grow::grow;
use crate::model::{check_nodes, check_round_trip, tree_of};

/// Steps for [`grow`]: any bytes give a tree.
fn steps() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..120)
}

/// Nodes that may or may not fit into the tree so far.
fn any_node() -> impl Strategy<Value = NewNode> {
    let kind = prop_oneof![4 => 0..5u16, 1 => Just(ERROR_KIND)];
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (kind, 0..3u16, 0..5u32, 0..13u32, 0..13u32, flags, 0..5u32).prop_map(
        |(kind, field, depth, start, len, (extra, missing), supertypes)| NewNode {
            kind,
            field,
            depth,
            start,
            end: start + len,
            extra,
            missing,
            supertypes,
        },
    )
}

/// Sums with two hidden kinds more, both supertypes.
fn sums_with_supertypes() -> Arc<Grammar> {
    let mut parts = doc::sums().parts().clone();
    let kind = |name: &str| {
        let name = name.into();
        Kind { name, named: true, visible: false, supertype: true }
    };
    parts.kinds.extend([kind("_number"), kind("_sum")]);
    Arc::new(Grammar::new(parts).expect("not too many"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_tree_comes_back_from_its_bytes(steps in steps()) {
        let grown = grow(&steps);
        let back = check_round_trip(&tree_of(&grown));
        check_nodes(&back, &grown);
    }

    #[test]
    fn a_reused_encoder_and_decoder_give_the_same_in_any_order(
        many in prop::collection::vec(steps(), 1..6),
        order in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 1..20),
    ) {
        let trees: Vec<Tree> = many.iter().map(|steps| tree_of(&grow(steps))).collect();
        let book = |tree: &Tree| {
            let mut trainer = BookTrainer::new(tree.grammar());
            trainer.add(tree);
            Arc::new(trainer.finish())
        };
        let books = [Some(book(&trees[0])), None, Some(book(&trees[trees.len() - 1]))];
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let (mut bytes, mut back) = (Vec::new(), trees[0].clone());
        for [tree, book] in &order {
            let (tree, book) = (tree.get(&trees), book.get(&books).as_ref());
            encoder.encode_into(tree, book, &mut bytes);
            if book.is_none() {
                prop_assert_eq!(&bytes, &encode(tree));
            }
            decoder.decode_into(&bytes, tree.grammar(), book, &mut back).expect("own bytes open");
            prop_assert_eq!(&back, tree);
        }
    }

    #[test]
    fn whatever_the_builder_takes_comes_back(
        source in "[ab\n\r\t ]{12}",
        nodes in prop::collection::vec(any_node(), 1..40),
        faults in prop::collection::vec((0..7u8, 0..40u32, 0..4u32, any::<i32>()), 0..6),
    ) {
        let mut builder = TreeBuilder::new(&sums_with_supertypes());
        builder.start(source.as_bytes()).expect("a source");
        for (index, &node) in nodes.iter().enumerate() {
            let _ = builder.push(node);
            for &(fault, _, _, character) in faults.iter().filter(|fault| fault.1 == index as u32) {
                if fault == 0 {
                    builder.unexpected(character);
                }
            }
        }
        for &(fault, node, before, _) in &faults {
            match fault {
                0 => {}
                1 => builder.mark_error(node),
                2 => builder.quirk(node, Quirk::LastOfField).expect("a quirk of any grammar"),
                3 => drop(builder.quirk(node, Quirk::Field(before as u16))),
                4 => drop(builder.quirk(node, Quirk::Alias(before as u16 * 2))),
                5 => drop(builder.quirk(node, Quirk::FieldWithin(before as u16))),
                _ => builder.hidden_missing(node, before, 1, true).expect("a kind of the grammar"),
            }
        }
        if let Ok(tree) = builder.finish() {
            let back = decode(&encode(&tree), tree.grammar());
            prop_assert_eq!(back.as_ref(), Ok(&tree));
        }
    }

    #[test]
    fn a_book_of_other_trees_serves(pressed in steps(), trained in prop::collection::vec(steps(), 0..3)) {
        let tree = tree_of(&grow(&pressed));
        let mut trainer = BookTrainer::new(tree.grammar());
        trained.iter().for_each(|other| trainer.add(&tree_of(&grow(other))));
        let book = trainer.finish();
        let book = herbarium_codec::ShapeBook::from_bytes(&book.to_bytes(), tree.grammar());
        let book = Arc::new(book.expect("own book opens"));
        let mut bytes = Vec::new();
        Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
        prop_assert_eq!(Header::read(&bytes).expect("own header").book, Some(book.id()));
        let back = Decoder::new().decode(&bytes, tree.grammar(), Some(&book));
        prop_assert_eq!(back.as_ref(), Ok(&tree));
    }
}

#[test]
fn a_failed_decode_leaves_an_empty_tree_and_a_usable_decoder() {
    let tree = tree_of(&grow(b"\0\x02\x05\x2d\x06\x1a"));
    let bytes = encode(&tree);
    let mut decoder = Decoder::new();
    let mut back = tree.clone();
    for len in [0, 48, bytes.len() - 1] {
        let failed = decoder.decode_into(&bytes[..len], tree.grammar(), None, &mut back);
        assert!(failed.is_err(), "{len} bytes");
    }
    decoder.decode_into(&bytes, tree.grammar(), None, &mut back).expect("own bytes open");
    assert_eq!(back, tree);
}

#[test]
fn a_reused_builder_starts_afresh() {
    let grammar = crate::grow::grammar();
    let mut builder = TreeBuilder::new(&grammar);
    for steps in [&b"\x01\x02\x2d\x06\xff\x12"[..], b"", b"\x10\x04\x1c\x0c\x05", b"\x02"] {
        let grown = grow(steps);
        let expected = tree_of(&grown);
        let _ = builder.start(b"left over").and_then(|()| builder.push(Default::default()));
        assert_eq!(grown.build(&mut builder), expected);
    }
}

#[test]
fn a_book_of_another_grammar_is_ignored() {
    let other = Arc::new(doc::sums());
    let book = Arc::new(BookTrainer::new(&other).finish());
    let tree = tree_of(&grow(b"\0\x01\x05\x15"));
    let mut bytes = Vec::new();
    Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
    assert_eq!(bytes, encode(&tree));
}

#[test]
fn a_trainer_ignores_trees_of_another_grammar() {
    let mut trainer = BookTrainer::new(&Arc::new(doc::sums()));
    trainer.add(&tree_of(&grow(b"\0\x01\x05\x15")));
    assert!(trainer.finish().is_empty());
}

#[test]
fn a_book_makes_a_small_tree_smaller() {
    let grammar = Arc::new(doc::sums());
    let tree = doc::one_plus_two(&grammar);
    let mut trainer = BookTrainer::new(&grammar);
    trainer.add(&tree);
    let (mut with_book, book) = (Vec::new(), Arc::new(trainer.finish()));
    Encoder::new().encode_into(&tree, Some(&book), &mut with_book);
    assert!(with_book.len() + 10 < encode(&tree).len(), "{} bytes", with_book.len());
}

#[test]
fn encode_into_replaces_what_was_there() {
    let tree = doc::one_plus_two(&Arc::new(doc::sums()));
    let mut bytes = b"something else".to_vec();
    Encoder::new().encode_into(&tree, None, &mut bytes);
    assert_eq!(decode(&bytes, tree.grammar()).as_ref(), Ok(&tree));
}

#[test]
fn trees_that_differ_in_one_thing_are_not_equal() {
    let grammar = Arc::new(doc::sums());
    let build = |source: &[u8], change: fn(&mut Vec<NewNode>)| {
        let node =
            |kind, depth, start, end| NewNode { kind, depth, start, end, ..Default::default() };
        let mut nodes = vec![node(3, 0, 0, 4), node(1, 1, 0, 1), node(2, 1, 2, 3)];
        change(&mut nodes);
        let mut builder = TreeBuilder::new(&grammar);
        builder.start(source).expect("a source");
        nodes.into_iter().try_for_each(|node| builder.push(node)).expect("valid nodes");
        builder.finish().expect("a tree")
    };
    let tree = build(b"1 +\n", |_| {});
    assert_eq!(tree, build(b"1 +\n", |_| {}));
    let others = [
        build(b"1 +\n", |nodes| nodes[1].kind = 2),
        build(b"1 +\n", |nodes| nodes[1].field = 1),
        build(b"1 +\n", |nodes| nodes[1].extra = true),
        build(b"1 +\n", |nodes| nodes[1].missing = true),
        build(b"1 +\n", |nodes| nodes[1].end = 2),
        build(b"1 +\n", |nodes| nodes[2].start = 1),
        build(b"1 +\n", |nodes| {
            let [_, _, last] = nodes.as_mut_slice() else { unreachable!() };
            *last = NewNode { kind: 2, depth: 2, start: 0, end: 1, ..Default::default() };
        }),
        build(b"1 +\n", |nodes| nodes[0].end = 3),
        build(b"1 +\n", |nodes| nodes.truncate(2)),
        build(b"2 +\n", |_| {}),
        build(b"1 +\n ", |_| {}),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(&tree, other, "change {index}");
    }
}

#[test]
fn a_missing_node_takes_no_children() {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    builder.start(b"").expect("a source");
    builder.push(NewNode { kind: 3, missing: true, ..NewNode::default() }).expect("the root");
    let child = builder.push(NewNode { kind: 1, depth: 1, ..NewNode::default() });
    assert!(child.is_err(), "tree-sitter's missing nodes are tokens, and so are the format's");
}
