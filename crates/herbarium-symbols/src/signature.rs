//! A definition on one line.

use std::borrow::Cow;

use herbarium_codec::Node;

use crate::query::{SymbolQuery, Use};
use crate::symbol::{Symbol, Symbols};

/// The most bytes of a signature; what is longer ends with `…`.
const MAX_BYTES: usize = 200;

/// What stands between a signature and its body, and says nothing.
const BEFORE_BODY: [&str; 9] = ["{", "=", ":", ";", ",", " do", " is", " begin", " where"];

pub(crate) fn of(symbols: &Symbols<'_>, symbol: &Symbol) -> String {
    let start = start(symbols, symbol).unwrap_or(symbol.range.start_byte);
    let end = match body_start(symbols, symbol) {
        Some(body) if body.saturating_sub(start) <= MAX_BYTES => body,
        // What follows the name's line is more than a signature.
        _ => end_of_line(symbols, symbol),
    };
    let mut line = on_one_line(&without_comments(symbols, symbol, start, end));
    loop {
        line.truncate(line.trim_end().len());
        match BEFORE_BODY.iter().find_map(|it| line.strip_suffix(it)) {
            Some(shorter) if !shorter.is_empty() => line.truncate(shorter.len()),
            _ => return line,
        }
    }
}

/// The text between two bytes, with a space for each comment in the definition.
fn without_comments<'a>(
    symbols: &Symbols<'a>,
    symbol: &Symbol,
    start: usize,
    end: usize,
) -> Cow<'a, [u8]> {
    let mut text = Cow::Borrowed(symbols.text(start, end));
    let nodes = (symbol.node..).map_while(|id| symbols.tree.node(id as usize));
    // Of long ones, no more is looked at than is shown.
    let last = end.min(start + 4 * MAX_BYTES);
    for node in nodes.take_while(|node| node.start_byte() < last) {
        let (from, to) = (node.start_byte().max(start), node.end_byte().min(end));
        let is_comment = symbols.query.use_of(node.kind_id()) == Use::Comment;
        if is_comment && let Some(comment) = text.to_mut().get_mut(from - start..to - start) {
            comment.fill(b' ');
        }
    }
    text
}

/// The start of the keyword in the same line, if that is not in the range.
fn start(symbols: &Symbols<'_>, symbol: &Symbol) -> Option<usize> {
    let node = symbols.tree.node(symbol.node as usize)?;
    let parent = node.parent().filter(|it| symbols.query.use_of(it.kind_id()) == Use::Keyword)?;
    let around = parent.parent().filter(|it| symbols.query.use_of(it.kind_id()) == Use::Wrapper);
    let whole = around.unwrap_or(parent);
    let is_before = whole.start_byte() < symbol.range.start_byte;
    let in_line = whole.start_position().row == symbol.range.start_point.row;
    (is_before && in_line).then(|| whole.start_byte())
}

/// The end of the line in which the name ends, and of those that follow it as
/// long as a bracket is open.
fn end_of_line(symbols: &Symbols<'_>, symbol: &Symbol) -> usize {
    let (name, end) = (symbol.name_range.end_byte, symbol.range.end_byte);
    let mut open = 0_i32;
    for (at, byte) in symbols.text(name, end).iter().take(MAX_BYTES).enumerate() {
        match byte {
            b'(' | b'[' => open += 1,
            b')' | b']' => open -= 1,
            b'\n' if open <= 0 => return name + at,
            _ => {}
        }
    }
    end
}

/// Where the body starts, if the definition has one behind its name.
fn body_start(symbols: &Symbols<'_>, symbol: &Symbol) -> Option<usize> {
    let node = symbols.tree.node(symbol.node as usize)?;
    let after_name = |child: &Node<'_>| child.start_byte() >= symbol.name_range.end_byte;
    let children = std::iter::successors(node.child(0), Node::next_sibling);
    let body = children.filter(after_name).find(|child| is_body(symbols.query, child))?;
    Some(body.start_byte())
}

fn is_body(query: &SymbolQuery, node: &Node<'_>) -> bool {
    let is_field = query.body.is_some() && node.field_id() == query.body;
    is_field || query.use_of(node.kind_id()) == Use::Body
}

/// The text with a space for each stretch of white space, as far as it may go.
fn on_one_line(text: &[u8]) -> String {
    // Four bytes a character at most are cut in half at the end.
    let text = String::from_utf8_lossy(text.get(..4 * MAX_BYTES).unwrap_or(text));
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_BYTES {
            line.truncate(line.floor_char_boundary(MAX_BYTES - '…'.len_utf8()));
            line.push('…');
            break;
        }
    }
    line
}
