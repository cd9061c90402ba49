//! Syntax trees as text. Nothing here recurses: depth costs no stack.

mod indented;
mod json;
mod token;

use herbarium_codec::{Node, Tree};

pub(crate) use indented::print_indented;
pub(crate) use json::{TreeHead, print_json};

/// All nodes in pre-order, each with its depth; the root has 0.
fn with_depth(tree: &Tree) -> impl Iterator<Item = (Node<'_>, u32)> {
    let mut cursor = tree.walk();
    let mut started = false;
    std::iter::from_fn(move || {
        let moved = !std::mem::replace(&mut started, true) || advance(&mut cursor);
        moved.then(|| (cursor.node(), cursor.depth()))
    })
}

/// To the next node in pre-order; false after the last.
fn advance(cursor: &mut herbarium_codec::Cursor<'_>) -> bool {
    if cursor.goto_first_child() {
        return true;
    }
    while !cursor.goto_next_sibling() {
        if !cursor.goto_parent() {
            return false;
        }
    }
    true
}

/// The bytes of a token; none where the tree's ranges are not those of the source.
fn token_bytes<'a>(node: Node<'_>, source: &'a [u8]) -> Option<&'a [u8]> {
    if node.child_count() > 0 { None } else { source.get(node.byte_range()) }
}
