//! S-expressions, character for character as tree-sitter prints them.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt::Write;

use crate::Node;
use crate::builder::NO_CHARACTER;
use crate::shape::{INTERNAL, MISSING};
use crate::tree::HiddenMissing;

/// See [`Node::to_sexp`]. Iterative: depth costs no stack.
pub(crate) fn to_sexp(root: Node<'_>) -> String {
    let mut writer = Writer { out: String::new(), open: Vec::new(), root: root.index() };
    let tree = root.tree();
    let after = tree.after(root.index());
    for index in root.index()..after {
        writer.close_before(root, index);
        writer.start(Node::new(tree, index));
    }
    writer.close_before(root, after);
    writer.out
}

struct Writer<'tree> {
    out: String,
    open: Vec<Open<'tree>>,
    root: u32,
}

/// A node whose children are being written.
struct Open<'tree> {
    index: u32,
    /// The number after the last node under it.
    after: u32,
    shown: bool,
    /// The field that children without one take over: that of a node which is
    /// not shown itself.
    field: Option<&'tree str>,
    /// Children written so far.
    children: u32,
}

impl<'tree> Writer<'tree> {
    /// Closes every node that ends before the node with that number.
    fn close_before(&mut self, root: Node<'tree>, index: u32) {
        while self.open.last().is_some_and(|top| top.after <= index) {
            self.put_hidden(root, true);
            if self.open.pop().is_some_and(|top| top.shown) {
                self.out.push(')');
            }
        }
    }

    fn start(&mut self, node: Node<'tree>) {
        self.put_hidden(node, false);
        let shape = node.tree().shape_at(node.index());
        let is_root = node.index() == self.root;
        let shown = node.is_named() || shape.has(MISSING);
        let above = self.open.last_mut().map(|top| {
            top.children = top.children.saturating_add(1);
            top.field
        });
        let field = node.field_name().or(above.flatten()).filter(|_| !is_root);
        if shown || is_root {
            self.separate(is_root, field);
            self.put_name(node);
        }
        // An anonymous root with children stays unclosed, as tree-sitter has it.
        if shape.has(INTERNAL) || has_hidden(node) {
            let after = node.tree().after(node.index());
            let field = field.filter(|_| !shown);
            self.open.push(Open { index: node.index(), after, shown, field, children: 0 });
        } else if shown || is_root {
            self.out.push(')');
        }
    }

    fn separate(&mut self, is_root: bool, field: Option<&str>) {
        if !is_root {
            self.out.push(' ');
            if let Some(field) = field {
                self.out.push_str(field);
                self.out.push_str(": ");
            }
        }
    }

    fn put_name(&mut self, node: Node<'tree>) {
        let shape = node.tree().shape_at(node.index());
        if shape.has(MISSING) {
            return self.put_missing(node.kind(), node.is_named());
        }
        if let Some(code) = unexpected(node) {
            self.out.push_str("(UNEXPECTED ");
            return self.put_character(code);
        }
        let _ = match node.is_named() || shape.has(INTERNAL) {
            true => write!(self.out, "({}", node.kind()),
            false => write!(self.out, "(\"{}\"", node.kind()),
        };
    }

    fn put_missing(&mut self, kind: &str, named: bool) {
        let _ = match named {
            true => write!(self.out, "(MISSING {kind}"),
            false => write!(self.out, "(MISSING \"{kind}\""),
        };
    }

    fn put_character(&mut self, code: i32) {
        let _ = match u8::try_from(code) {
            Ok(0) => write!(self.out, "'\\0'"),
            Ok(b'\n') => write!(self.out, "'\\n'"),
            Ok(b'\t') => write!(self.out, "'\\t'"),
            Ok(b'\r') => write!(self.out, "'\\r'"),
            Ok(byte @ 0x20..0x7f) => write!(self.out, "'{}'", char::from(byte)),
            _ if code == -1 => write!(self.out, "INVALID"),
            _ => write!(self.out, "{code}"),
        };
    }

    /// Writes the missing tokens that no node shows and that stand before the
    /// next child of the innermost open node, or after its last.
    fn put_hidden(&mut self, node: Node<'tree>, at_end: bool) {
        let hidden = node.tree().hidden_missing();
        let Some(top) = self.open.last().filter(|_| !hidden.is_empty()) else { return };
        let (parent, children) = (top.index, top.children);
        let first =
            hidden.partition_point(|hidden| (hidden.parent, hidden.before) < (parent, children));
        let here = |hidden: &&HiddenMissing| {
            hidden.parent == parent && (at_end || hidden.before == children)
        };
        for hidden in hidden.iter().skip(first).take_while(here) {
            let grammar = node.tree().grammar();
            self.out.push(' ');
            self.put_missing(grammar.kind_name(hidden.kind).unwrap_or_default(), hidden.named);
            self.out.push(')');
        }
    }
}

/// Whether the node has missing tokens that no node shows: children that are
/// printed even where it has no others.
fn has_hidden(node: Node<'_>) -> bool {
    let all = node.tree().hidden_missing();
    all.binary_search_by_key(&node.index(), |hidden| hidden.parent).is_ok()
}

/// The character that an error without parts could not be read at.
fn unexpected(node: Node<'_>) -> Option<i32> {
    let all = node.tree().unexpected();
    let found = all.binary_search_by_key(&node.index(), |&(index, _)| index).ok()?;
    let code = all.get(found).map(|&(_, code)| code)?;
    (code != NO_CHARACTER && node.start_byte() < node.end_byte()).then_some(code)
}
