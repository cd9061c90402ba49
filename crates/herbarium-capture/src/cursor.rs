//! The nodes of a live tree, through tree-sitter's public cursor.
//!
//! Three times slower than walking the subtrees, but portable to any
//! tree-sitter. It cannot see missing tokens that the grammar hides, nor what
//! only queries see: supertypes and quirks.

use crate::{Found, Visit};

/// See `direct.rs`; this one has no memory to keep.
pub(crate) struct Walker;

impl Walker {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn visit<E>(
        &mut self,
        tree: &tree_sitter::Tree,
        mut visit: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut cursor = tree.walk();
        let mut depth = 0;
        let broken = tree.root_node().has_error();
        loop {
            visit(Found::Node(at(&cursor, depth, broken)))?;
            if cursor.goto_first_child() {
                depth += 1;
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return Ok(());
                }
                depth -= 1;
            }
        }
    }
}

fn at(cursor: &tree_sitter::TreeCursor<'_>, depth: u32, broken: bool) -> Visit {
    let node = cursor.node();
    let is_token = broken && node.is_error() && node.child_count() == 0;
    Visit {
        start: node.start_byte() as u32,
        end: node.end_byte() as u32,
        depth,
        kind: kind_of(&node),
        field: cursor.field_id().map_or(0, |field| field.get()),
        extra: node.is_extra(),
        missing: broken && node.is_missing(),
        has_error: broken && node.has_error(),
        hidden: false,
        named: node.is_named(),
        unexpected: if is_token { unexpected(&node) } else { None },
        supertypes: 0,
    }
}

/// The kind that has the node's name: hardly ever another one than it counts as.
fn kind_of(node: &tree_sitter::Node<'_>) -> u16 {
    let (language, public) = (node.language(), node.kind_id());
    let is_shown = |id| {
        language.node_kind_for_id(id) == Some(node.kind())
            && language.node_kind_is_named(id) == node.is_named()
    };
    if node.is_error() || is_shown(public) {
        return public;
    }
    (0..language.node_kind_count() as u16).find(|&id| is_shown(id)).unwrap_or(public)
}

/// The character is not part of the public interface, but of the printed form.
fn unexpected(node: &tree_sitter::Node<'_>) -> Option<i32> {
    let text = node.to_sexp();
    let shown = text.strip_prefix("(UNEXPECTED ")?.strip_suffix(')')?;
    Some(match shown {
        "INVALID" => -1,
        "'\\0'" => 0,
        "'\\n'" => 10,
        "'\\t'" => 9,
        "'\\r'" => 13,
        quoted if quoted.starts_with('\'') => quoted.chars().nth(1).map_or(0, |c| c as i32),
        code => code.parse().unwrap_or(0),
    })
}
