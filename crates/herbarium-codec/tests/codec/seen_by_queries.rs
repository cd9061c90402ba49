//! What only queries see of a tree, supertypes and quirks, comes back from its
//! bytes, and is refused where the grammar does not have it. Scans for marked
//! shapes find what looking at every node finds.

use std::sync::Arc;

use herbarium_codec::{
    BuildError, DecodeError, Grammar, GrammarParts, Kind, NewNode, Quirk, Tree, TreeBuilder,
    decode, doc, encode,
};
use proptest::prelude::*;

use crate::grow::grow;
use crate::model::{check_round_trip, tree_of};
use crate::parts::Parts;

/// A supertype, or a kind that shows.
fn kind(supertype: bool) -> Kind {
    Kind { name: "kind".into(), named: true, visible: !supertype, supertype }
}

/// A grammar of one kind that shows, that many supertypes, and fields.
fn grammar(supertypes: usize, fields: usize) -> Arc<Grammar> {
    let parts = GrammarParts {
        name: "test".into(),
        kinds: (0..supertypes).map(|_| kind(true)).chain([kind(false)]).collect(),
        fields: (0..fields).map(|id| format!("f{id}")).collect(),
        ..GrammarParts::default()
    };
    Arc::new(Grammar::new(parts).expect("not too many"))
}

/// A root and nodes under it with these supertypes; the quirks are of any node.
fn tree(
    grammar: &Arc<Grammar>,
    supertypes: &[u32],
    quirks: &[(u32, Quirk)],
) -> Result<Tree, BuildError> {
    let kind = grammar.kind_count() as u16 - 1;
    let mut builder = TreeBuilder::new(grammar);
    builder.start(b"")?;
    builder.push(NewNode { kind, ..NewNode::default() })?;
    for &supertypes in supertypes {
        builder.push(NewNode { kind, depth: 1, supertypes, ..NewNode::default() })?;
    }
    quirks.iter().try_for_each(|&(node, quirk)| builder.quirk(node, quirk))?;
    builder.finish()
}

#[test]
fn every_supertype_of_any_number_of_them_comes_back() {
    for count in [0, 1, 6, 7, 8, 31, 32, 33, 70] {
        let grammar = grammar(count, 0);
        let kept = count.min(32);
        assert_eq!(grammar.supertype_kinds().len(), kept);
        let mut sets: Vec<u32> = (0..kept).map(|bit| 1 << bit).collect();
        sets.extend([0, ((1u64 << kept) - 1) as u32]);
        let back = check_round_trip(&tree(&grammar, &sets, &[]).expect("a tree"));
        for (index, set) in (1..).zip(sets) {
            assert_eq!(back.shape_supertypes(back.shape_of(index)), set, "{count} supertypes");
        }
    }
}

#[test]
fn the_first_32_supertypes_are_those_of_the_lowest_kinds() {
    let grammar = grammar(33, 0);
    assert_eq!(grammar.supertype_kinds(), (0..32).collect::<Vec<u16>>());
}

#[test]
fn a_grammar_without_supertypes_has_no_column_of_them() {
    let section = |grammar: &Arc<Grammar>| {
        let tree = tree(grammar, &[0], &[]).expect("a tree");
        Parts::of(&encode(&tree)).expect("own container").sections[0].bytes.len()
    };
    // One byte for each of two shapes.
    assert_eq!(section(&grammar(0, 0)) + 2, section(&grammar(1, 0)));
}

#[test]
fn a_supertype_that_the_grammar_does_not_have_is_refused() {
    for (count, set) in [(0, 1), (1, 2), (31, 1 << 31), (8, 0xffff_ffff)] {
        let found = tree(&grammar(count, 0), &[0, set], &[]);
        let expected = BuildError::UnknownSupertype {
            index: 2,
            supertypes: set,
            grammar: "test".into(),
            known: count,
        };
        assert_eq!(found, Err(expected));
    }
}

#[test]
fn a_quirk_of_what_the_grammar_does_not_have_is_refused() {
    let field =
        |field| BuildError::UnknownField { index: 1, field, grammar: "test".into(), fields: 3 };
    let kind = |kind| BuildError::UnknownKind { index: 1, kind, grammar: "test".into(), kinds: 1 };
    let cases = [
        (Quirk::Field(0), field(0)),
        (Quirk::Field(4), field(4)),
        (Quirk::Field(u16::MAX), field(u16::MAX)),
        (Quirk::Alias(1), kind(1)),
        (Quirk::FieldWithin(0), field(0)),
        (Quirk::FieldWithin(4), field(4)),
        (Quirk::Alias(u16::MAX), kind(u16::MAX)),
    ];
    for (quirk, expected) in cases {
        assert_eq!(tree(&grammar(0, 3), &[0], &[(1, quirk)]), Err(expected), "{quirk:?}");
    }
}

#[test]
fn a_child_is_found_by_the_fields_that_it_has_when_asked() {
    // A token with field 1, one with field 2, an extra; under a root.
    let nodes = [(1, false), (2, false), (0, true)];
    let tree = |quirks: &[(u32, Quirk)]| {
        let mut builder = TreeBuilder::new(&grammar(0, 3));
        builder.start(b"")?;
        builder.push(NewNode::default())?;
        for (field, extra) in nodes {
            builder.push(NewNode { depth: 1, field, extra, ..NewNode::default() })?;
        }
        quirks.iter().try_for_each(|&(node, quirk)| builder.quirk(node, quirk))?;
        builder.finish()
    };
    let check = |quirks: &[(u32, Quirk)], expected: [Option<usize>; 4]| {
        let tree = check_round_trip(&tree(quirks).expect("a tree"));
        let root = tree.root_node();
        let found = [0, 1, 2, 3].map(|field| root.child_by_field_id(field).map(|node| node.id()));
        assert_eq!(found, expected, "{quirks:?}");
        assert_eq!(tree.nodes().nth(1).and_then(|node| node.field_id()), Some(1), "{quirks:?}");
    };
    check(&[], [None, Some(1), Some(2), None]);
    // By another beside its own, and before one that shows it.
    check(&[(1, Quirk::Field(3))], [None, Some(1), Some(2), Some(1)]);
    check(&[(1, Quirk::Field(2))], [None, Some(1), Some(1), None]);
    // Not by its own, or by another in its place.
    check(&[(1, Quirk::Field(1))], [None, None, Some(2), None]);
    check(
        &[(2, Quirk::Field(1)), (1, Quirk::Field(1)), (1, Quirk::Field(2))],
        [None, Some(2), Some(1), None],
    );
    // An extra that counts as having a field is found by another quirk.
    check(&[(3, Quirk::Field(3))], [None, Some(1), Some(2), None]);
    check(&[(3, Quirk::FieldWithin(3))], [None, Some(1), Some(2), Some(3)]);
}

#[test]
fn quirks_come_back_in_order_and_those_of_no_node_are_dropped() {
    let quirks = [
        (2, Quirk::Field(3)),
        (0, Quirk::Alias(0)),
        (2, Quirk::Alias(1)),
        (3, Quirk::LastOfField),
        (2, Quirk::Field(1)),
    ];
    let built = tree(&grammar(1, 3), &[0, 1], &quirks).expect("a tree");
    let back = check_round_trip(&built);
    let of = |index| back.quirks_of(index).collect::<Vec<_>>();
    assert!(back.has_quirks());
    assert_eq!(of(0), [Quirk::Alias(0)]);
    assert_eq!(of(1), []);
    assert_eq!(of(2), [Quirk::Field(3), Quirk::Alias(1), Quirk::Field(1)]);
    assert_eq!(of(3), [], "there is no such node");
}

/// The tree opened as if it had been pressed with another grammar.
fn open_as(tree: &Tree, grammar: &Arc<Grammar>) -> Result<Tree, DecodeError> {
    let mut parts = Parts::of(&encode(tree)).expect("own container");
    parts.header[8..24].copy_from_slice(&grammar.fingerprint().0);
    decode(&parts.seal(), grammar)
}

#[test]
fn bytes_that_name_what_the_grammar_does_not_have_are_refused_in_words() {
    let check = |tree: Result<Tree, BuildError>, other: &Arc<Grammar>, words: &[&str]| {
        let tree = tree.expect("a tree");
        let error = open_as(&tree, other).expect_err("refused").to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "`{word}` is not in: {error}"));
        assert!(open_as(&tree, tree.grammar()).as_ref() == Ok(&tree));
    };
    // As many kinds as the other, more of them supertypes.
    let mut parts = grammar(3, 4).parts().clone();
    parts.kinds[2].supertype = false;
    let fewer = Arc::new(Grammar::new(parts).expect("not too many"));
    let words = ["shape supertypes", "2 supertypes", "0x7"];
    check(tree(&grammar(3, 4), &[1, 6], &[]), &fewer, &words);
    let with = |quirk| tree(&grammar(3, 4), &[0], &[(1, quirk)]);
    check(with(Quirk::Field(4)), &grammar(3, 3), &["quirk", "offset", "node 1, code 14"]);
    let mut parts = grammar(3, 4).parts().clone();
    parts.kinds.push(kind(false));
    let more = Arc::new(Grammar::new(parts).expect("not too many"));
    let mut builder = TreeBuilder::new(&more);
    builder.start(b"").expect("a source");
    builder.push(NewNode { kind: 3, ..NewNode::default() }).expect("the root");
    builder.quirk(0, Quirk::Alias(4)).expect("a kind of the grammar");
    check(builder.finish(), &grammar(3, 4), &["quirk", "offset", "node 0, code 15"]);
}

/// The pressed tree, its list of quirks replaced.
fn with_quirks(quirks: &[u8]) -> Result<Tree, DecodeError> {
    let grammar = grammar(0, 3);
    let tree = tree(&grammar, &[0], &[(1, Quirk::LastOfField)]).expect("a tree");
    let mut parts = Parts::of(&encode(&tree)).expect("own container");
    let section = &mut parts.sections[0].bytes;
    assert!(section.ends_with(&[0, 0, 1, 1, 0]), "two empty lists, one quirk: {section:?}");
    section.truncate(section.len() - 3);
    section.extend_from_slice(quirks);
    decode(&parts.seal(), &grammar)
}

#[test]
fn a_quirk_that_does_not_exist_is_refused() {
    let none = with_quirks(&[]).expect("the list may be left out");
    assert_eq!(with_quirks(&[0]), Ok(none), "or be empty");
    assert!(with_quirks(&[2, 1, 1, 0, 7]).is_ok());
    let wrong: [&[u8]; 8] = [
        &[1, 2, 0],
        &[1, 1, 9],
        &[1, 1, 4],
        &[2, 1, 0, 1, 0],
        &[2, 1, 0],
        &[1, 1, 0, 0],
        &[1, 1, 0x83, 0x80, 8],
        &[2, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xf, 0],
    ];
    for quirks in wrong {
        assert!(with_quirks(quirks).is_err(), "{quirks:?}");
    }
}

#[test]
fn trees_that_differ_only_in_what_queries_see_are_not_equal() {
    let grammar = grammar(3, 3);
    let tree = |sets, quirks| tree(&grammar, sets, quirks).expect("a tree");
    let own = tree(&[0, 5], &[(1, Quirk::Field(1))]);
    assert_eq!(own, tree(&[0, 5], &[(1, Quirk::Field(1))]));
    let others = [
        tree(&[0, 4], &[(1, Quirk::Field(1))]),
        tree(&[5, 0], &[(1, Quirk::Field(1))]),
        tree(&[0, 5], &[]),
        tree(&[0, 5], &[(2, Quirk::Field(1))]),
        tree(&[0, 5], &[(1, Quirk::Field(2))]),
        tree(&[0, 5], &[(1, Quirk::Alias(1))]),
        tree(&[0, 5], &[(1, Quirk::LastOfField)]),
        tree(&[0, 5], &[(1, Quirk::NotLastOfField)]),
        tree(&[0, 5], &[(1, Quirk::Field(1)), (1, Quirk::LastOfField)]),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(&own, other, "change {index}");
        assert_ne!(other, &own, "change {index}");
    }
}

/// What [`Tree::next_marked`] promises, node by node.
fn next_marked(tree: &Tree, from: u32, until: u32, marks: &[u8]) -> Option<u32> {
    let is_marked =
        |index: &u32| marks.get(tree.shape_of(*index) as usize).is_some_and(|mark| *mark != 0);
    (from..until.min(tree.descendant_count() as u32)).find(is_marked)
}

/// Every marked node, one after the other, from everywhere.
fn check_scan(tree: &Tree, marks: &[u8], starts: impl Iterator<Item = u32>, until: u32) {
    for from in starts {
        let found = tree.next_marked(from, until, marks);
        assert_eq!(found, next_marked(tree, from, until, marks), "from {from} to {until}");
    }
}

/// A root, and nodes of as many shapes as there are.
fn many_shapes(shapes: u32) -> Tree {
    const KINDS: u32 = 400;
    let parts = GrammarParts {
        name: "wide".into(),
        kinds: (0..KINDS).map(|_| kind(false)).collect(),
        fields: (0..shapes / KINDS).map(|id| format!("f{id}")).collect(),
        ..GrammarParts::default()
    };
    let mut builder = TreeBuilder::new(&Arc::new(Grammar::new(parts).expect("not too many")));
    builder.start(b"").expect("a source");
    builder.push(NewNode::default()).expect("the root");
    for child in 1..shapes {
        let (kind, field) = ((child % KINDS) as u16, (child / KINDS) as u16);
        builder.push(NewNode { kind, field, depth: 1, ..NewNode::default() }).expect("a child");
    }
    builder.finish().expect("a tree")
}

#[test]
fn marked_shapes_past_what_the_column_numbers_are_found() {
    for count in [0xfeff, 0xff00, 0xff01, 0x10000, 0x10100, 70_000] {
        let built = many_shapes(count);
        let tree = decode(&encode(&built), built.grammar()).expect("own bytes open");
        assert_eq!(tree.shapes_len(), count as usize);
        for shape in [0, 1, 0xfeff, 0xff00, 0xff01, 0xffff, 0x10000, 0x1_0001, count - 1, count] {
            let mut marks = vec![0; shape as usize + 1];
            marks[shape as usize] = 1;
            check_scan(&tree, &marks, [0, count / 2, count - 1].into_iter(), u32::MAX);
        }
        check_scan(&tree, &vec![0; count as usize], [0].into_iter(), u32::MAX);
        check_scan(&tree, &[], [0].into_iter(), u32::MAX);
        let all = vec![1; count as usize];
        let next = |at: &u32| tree.next_marked(at + 1, u32::MAX, &all);
        assert_eq!(std::iter::successors(Some(0), next).count(), count as usize);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_scan_finds_what_looking_at_every_node_finds(
        steps in prop::collection::vec(any::<u8>(), 0..80),
        marked in prop::collection::vec(prop::bool::weighted(0.1), 0..300),
        until in prop::option::of(0u32..2000),
    ) {
        let tree = tree_of(&grow(&steps));
        let marks: Vec<u8> = marked.into_iter().map(u8::from).collect();
        let count = tree.descendant_count() as u32;
        check_scan(&tree, &marks, 0..count.min(300) + 2, until.unwrap_or(u32::MAX));
        check_scan(&tree, &marks, count.saturating_sub(5)..count + 2, until.unwrap_or(u32::MAX));
    }

    #[test]
    fn a_shape_says_what_its_nodes_say(steps in prop::collection::vec(any::<u8>(), 0..120)) {
        let built = tree_of(&grow(&steps));
        let tree = decode(&encode(&built), built.grammar()).expect("own bytes open");
        for node in tree.nodes() {
            let index = node.id() as u32;
            let info = tree.shape_info(tree.shape_of(index)).expect("a shape");
            prop_assert_eq!((info.kind, info.field), (node.kind_id(), node.field_id().unwrap_or(0)));
            let flags = (info.has_children, info.is_last, info.is_extra, info.is_missing);
            let last = node.next_sibling().is_none();
            let expected = (node.child(0).is_some(), last, node.is_extra(), node.is_missing());
            prop_assert_eq!(flags, expected);
            let parent = node.parent().unwrap_or(node).id() as u32;
            prop_assert_eq!(tree.parent_index(index), parent);
            let end = index + node.descendant_count() as u32;
            prop_assert_eq!(tree.subtree_end(index), end);
            let range = tree.start_byte_of(index) as usize..tree.end_byte_of(index) as usize;
            prop_assert_eq!(range, node.byte_range());
        }
        prop_assert_eq!(tree.shape_info(tree.shapes_len() as u32), None);
    }

    #[test]
    fn any_supertypes_and_quirks_come_back(
        count in 0usize..36,
        sets in prop::collection::vec(any::<u32>(), 0..50),
        quirks in prop::collection::vec((0u32..60, 0u8..5, any::<u16>()), 0..20),
    ) {
        let grammar = grammar(count, 300);
        let kept = ((1u64 << count.min(32)) - 1) as u32;
        let sets: Vec<u32> = sets.into_iter().map(|set| set & kept).collect();
        let quirk = |(node, which, id): (u32, u8, u16)| (node, match which {
            0 => Quirk::LastOfField,
            1 => Quirk::NotLastOfField,
            2 => Quirk::Field(1 + id % 300),
            3 => Quirk::FieldWithin(1 + id % 300),
            _ => Quirk::Alias(id % grammar.kind_count() as u16),
        });
        let quirks: Vec<(u32, Quirk)> = quirks.into_iter().map(quirk).collect();
        let tree = tree(&grammar, &sets, &quirks).expect("a tree");
        let back = check_round_trip(&tree);
        let found: Vec<u32> =
            (1..=sets.len() as u32).map(|at| back.shape_supertypes(back.shape_of(at))).collect();
        prop_assert_eq!(found, sets);
    }
}

#[test]
fn a_tree_without_what_queries_see_says_so() {
    let tree = doc::one_plus_two(&Arc::new(doc::sums()));
    assert!(!tree.has_quirks());
    assert!((0..9).all(|shape| tree.shape_supertypes(shape) == 0));
    assert!((0..9).all(|node| tree.quirks_of(node).next().is_none()));
}
