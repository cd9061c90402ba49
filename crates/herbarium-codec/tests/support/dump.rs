//! A tree as text, for people and for comparing.

use std::fmt::Write;

use herbarium_codec::{Cursor, Node, Quirk, Tree};

/// Everything that a tree shows, to readers and to queries: a line for the
/// tree, a line a node, the S-expression.
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
        [flags(node), supertypes(node), quirks(node)].concat(),
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

/// The supertypes that the node stands for, by name.
fn supertypes(node: Node<'_>) -> String {
    let (tree, grammar) = (node.tree(), node.tree().grammar());
    let set = tree.shape_supertypes(tree.shape_of(node.id() as u32));
    let kinds = grammar.supertype_kinds().iter().enumerate();
    kinds
        .filter(|(bit, _)| set >> bit & 1 == 1)
        .map(|(_, &kind)| format!(" <{}>", grammar.kind_name(kind).unwrap_or_default()))
        .collect()
}

/// What queries see otherwise.
fn quirks(node: Node<'_>) -> String {
    let grammar = node.tree().grammar();
    let name = |quirk| match quirk {
        Quirk::LastOfField => " last-of-field".to_owned(),
        Quirk::NotLastOfField => " not-last-of-field".to_owned(),
        Quirk::Field(field) => {
            format!(" as-field {}", grammar.field_name(field).unwrap_or_default())
        }
        Quirk::Alias(kind) => format!(" as-kind {}", grammar.kind_name(kind).unwrap_or_default()),
        Quirk::FieldWithin(field) => {
            format!(" within-field {}", grammar.field_name(field).unwrap_or_default())
        }
    };
    node.tree().quirks_of(node.id() as u32).map(name).collect()
}
