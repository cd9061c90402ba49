//! What examples and the page about the format are made of. No part of the
//! promised interface.

use std::sync::Arc;

use crate::shape::gap;
use crate::{Grammar, GrammarParts, Kind, NewNode, Tree, TreeBuilder};
use crate::{container, decode, grammar, shape};

/// A grammar of sums.
pub fn sums() -> Grammar {
    let kind =
        |name: &str, named, visible| Kind { name: name.into(), named, visible, supertype: false };
    Grammar::new(GrammarParts {
        name: "sums".into(),
        version: "1.0.0".into(),
        abi: 15,
        states: 7,
        kinds: vec![
            kind("end", false, false),
            kind("number", true, true),
            kind("+", false, true),
            kind("sum", true, true),
        ],
        fields: vec!["left".into(), "right".into()],
        supertypes: vec![],
    })
    .unwrap_or_else(|error| unreachable!("{error}"))
}

/// The tree of `1 + 2`.
pub fn one_plus_two(grammar: &Arc<Grammar>) -> Tree {
    let node = |kind, field, depth, start, end| NewNode {
        kind,
        field,
        depth,
        start,
        end,
        ..NewNode::default()
    };
    let nodes =
        [node(3, 0, 0, 0, 5), node(1, 1, 1, 0, 1), node(2, 0, 1, 2, 3), node(1, 2, 1, 4, 5)];
    let mut builder = TreeBuilder::new(grammar);
    let started = builder.start(b"1 + 2");
    let built = started.and_then(|()| nodes.into_iter().try_for_each(|node| builder.push(node)));
    built.and_then(|()| builder.finish()).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Every constant of the format under the name that `docs/format/v1.md` gives
/// it, so that a test can compare the two.
pub fn constants() -> Vec<(&'static str, u64)> {
    let [one, two, three, four] = &gap::LINES;
    vec![
        ("FORMAT_MAJOR", container::FORMAT_MAJOR.into()),
        ("FORMAT_MINOR", container::FORMAT_MINOR.into()),
        ("HEADER_LEN", container::HEADER_LEN as u64),
        ("ENTRY_LEN", container::ENTRY_LEN as u64),
        ("SECTION_TREE", container::SECTION_TREE.into()),
        ("FIRST_OPTIONAL", container::FIRST_OPTIONAL.into()),
        ("SECTION_RESUME", container::SECTION_RESUME.into()),
        ("SECTION_GRAMMAR", container::SECTION_GRAMMAR.into()),
        ("PLAIN", container::PLAIN.into()),
        ("EXTRA", shape::EXTRA.into()),
        ("MISSING", shape::MISSING.into()),
        ("INTERNAL", shape::INTERNAL.into()),
        ("LAST", shape::LAST.into()),
        ("GAP_COLUMN", shape::GAP_COLUMN.into()),
        ("LEN_COLUMN", shape::LEN_COLUMN.into()),
        ("LINES", shape::LINES.into()),
        ("TAIL", shape::TAIL.into()),
        ("GAP_PLAIN", gap::PLAIN.into()),
        ("GAP_ONE_LINE", one.centre.into()),
        ("GAP_ONE_LINE_REACH", one.reach.into()),
        ("GAP_TWO_LINES", two.centre.into()),
        ("GAP_TWO_LINES_REACH", two.reach.into()),
        ("GAP_THREE_LINES", three.centre.into()),
        ("GAP_THREE_LINES_REACH", three.reach.into()),
        ("GAP_FOUR_LINES", four.centre.into()),
        ("GAP_FOUR_LINES_REACH", four.reach.into()),
        ("GAP_RESERVED", gap::RESERVED.into()),
        ("GAP_ESCAPE", gap::ESCAPE.into()),
        ("LONG_LEN", crate::lens::LONG_LEN.into()),
        ("FIRST_LONG", decode::FIRST_LONG.into()),
        ("LONG_CODE", decode::LONG_CODE.into()),
        ("LONG_LIMIT", decode::LONG_LIMIT.into()),
        ("ERROR_KIND", crate::ERROR_KIND.into()),
        ("MAX_KINDS", grammar::MAX_KINDS as u64),
        ("MAX_FIELDS", grammar::MAX_FIELDS as u64),
        ("MAX_SOURCE_LEN", crate::MAX_SOURCE_LEN),
        ("MAX_NODES", crate::builder::MAX_NODES.into()),
        ("MAX_LINES", crate::builder::MAX_LINES.into()),
        ("MAX_BOOK", crate::MAX_BOOK as u64),
    ]
}
