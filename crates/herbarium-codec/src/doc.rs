//! The smallest grammar and tree, for examples.

use std::sync::Arc;

use crate::{Grammar, GrammarParts, Kind, NewNode, Tree, TreeBuilder};

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
