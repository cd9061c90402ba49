//! A tree with one line a node.

use std::io::{self, Write};

use herbarium_codec::{Node, Tree};

use super::token::quoted;
use super::{token_bytes, with_depth};
use crate::paint::{Ink, Paint};
use crate::paths::printable;

/// Deeper nodes are not indented further but say their depth: a tree of
/// 100,000 levels would otherwise print ten gigabytes of blanks.
const DEEPEST_INDENT: u32 = 100;

/// Prints every node: field, kind, range, and the text of tokens.
pub(crate) fn print_indented(
    tree: &Tree,
    source: &[u8],
    paint: Paint,
    out: &mut impl Write,
) -> io::Result<()> {
    for (node, depth) in with_depth(tree) {
        indent(depth, paint, out)?;
        if let Some(field) = node.field_name().filter(|_| depth > 0) {
            write!(out, "{}: ", paint.ink(Ink::Field, field))?;
        }
        kind(node, paint, out)?;
        let (start, end) = (node.start_position(), node.end_position());
        let range = format_args!("{}:{}-{}:{}", start.row, start.column, end.row, end.column);
        write!(out, " {}", paint.ink(Ink::Faint, range))?;
        text(node, source, paint, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn indent(depth: u32, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let width = 2 * depth.min(DEEPEST_INDENT) as usize;
    write!(out, "{:width$}", "")?;
    match depth > DEEPEST_INDENT {
        true => write!(out, "{} ", paint.ink(Ink::Faint, format_args!("[depth {depth}]"))),
        false => Ok(()),
    }
}

/// Named kinds as they are, others in quotes, as in a grammar.
fn kind(node: Node<'_>, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    if node.is_missing() {
        write!(out, "{} ", paint.ink(Ink::Bad, "MISSING"))?;
    }
    let name = printable(node.kind());
    match (node.is_error(), node.is_named()) {
        (true, _) => write!(out, "{}", paint.ink(Ink::Bad, name)),
        (_, true) => write!(out, "{}", paint.ink(Ink::Kind, name)),
        _ => write!(out, "\"{name}\""),
    }
}

/// The text of a token, unless its kind is its text.
fn text(node: Node<'_>, source: &[u8], paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let text = token_bytes(node, source).filter(|text| !text.is_empty());
    match text.filter(|&text| node.is_named() || text != node.kind().as_bytes()) {
        Some(text) => write!(out, " {}", paint.ink(Ink::Token, quoted(text))),
        None => Ok(()),
    }
}
