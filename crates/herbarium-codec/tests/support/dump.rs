//! A tree as text, for people and for comparing.

use std::fmt::Write;

use herbarium_codec::{Cursor, Node, Tree};

/// Everything that a tree shows: a line for the tree, a line a node, the
/// S-expression.
pub fn dump(tree: &Tree) -> String {
    let mut out = format!(
        "grammar {}, source of {} bytes and {} lines, hash {:016x}, {} nodes\n",
        tree.grammar().name(),
        tree.source_len(),
        tree.line_count(),
        tree.source_hash(),
        tree.descendant_count(),
    );
    let mut cursor = tree.walk();
    loop {
        put_node(&mut out, &cursor);
        if !(cursor.goto_first_child() || goto_next(&mut cursor)) {
            break;
        }
    }
    out.push_str(&tree.root_node().to_sexp());
    out.push('\n');
    out
}

/// To the node after everything under this one; false at the end.
fn goto_next(cursor: &mut Cursor<'_>) -> bool {
    while !cursor.goto_next_sibling() {
        if !cursor.goto_parent() {
            return false;
        }
    }
    true
}

fn put_node(out: &mut String, cursor: &Cursor<'_>) {
    let node = cursor.node();
    let _ = write!(out, "{:3} ", cursor.depth());
    if let Some(field) = cursor.field_name() {
        let _ = write!(out, "{field}: ");
    }
    let (from, to) = (node.start_position(), node.end_position());
    let _ = writeln!(
        out,
        "{}{} {}..{} ({}:{})..({}:{}){}",
        if node.is_named() { "" } else { "'" },
        node.kind(),
        node.start_byte(),
        node.end_byte(),
        from.row,
        from.column,
        to.row,
        to.column,
        flags(node),
    );
}

fn flags(node: Node<'_>) -> String {
    let flags = [
        (node.is_extra(), " extra"),
        (node.is_missing(), " missing"),
        (node.is_error(), " error"),
        (node.has_error(), " has-error"),
    ];
    flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect()
}
