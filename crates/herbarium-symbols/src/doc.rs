//! Documentation of a definition: where it stands, and its text without marks.

use herbarium_codec::{Node, Tree};

use crate::query::Use;
use crate::symbol::{Symbol, Symbols};

pub(crate) fn of(symbols: &Symbols<'_>, symbol: &Symbol) -> Option<String> {
    let docs = if symbol.docs.0 < symbol.docs.1 { symbol.docs } else { beside(symbols, symbol) };
    let captured = symbols.docs.get(docs.0 as usize..docs.1 as usize)?;
    let strip = &symbols.query.patterns.get(usize::from(symbol.pattern))?.strip;
    let comments;
    let nodes = if captured.is_empty() {
        comments = comments_of(symbols, symbol);
        &comments
    } else if captured
        .iter()
        .filter_map(|it| symbols.tree.node(*it as usize))
        .all(|it| speaks_of_outside(symbols, &it))
    {
        comments =
            comments_of(symbols, symbol).into_iter().chain(captured.iter().copied()).collect();
        &comments
    } else {
        captured
    };
    let mut text = String::new();
    for node in nodes.iter().filter_map(|node| symbols.tree.node(*node as usize)) {
        let comment = String::from_utf8_lossy(symbols.text(node.start_byte(), node.end_byte()));
        let comment = match strip.as_slice() {
            [] => plain(&comment),
            strip => strip.iter().fold(comment.into_owned(), |text, regex| {
                regex.replace_all(&text, "").into_owned()
            }),
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&comment);
    }
    let text = text.trim_matches(['\n', '\r']).trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Documentation that stands before a definition, with nothing but nodes of its own
/// kind and comments between: where in the list it is.
fn beside(symbols: &Symbols<'_>, symbol: &Symbol) -> (u32, u32) {
    if symbols.documents.is_empty() {
        return (0, 0);
    }
    let found = |node: &Node<'_>| {
        let at = symbols.documents.binary_search_by_key(&(node.id() as u32), |(id, _)| *id);
        at.ok().and_then(|at| symbols.documents.get(at)).map(|(_, docs)| *docs)
    };
    let node = symbols.tree.node(symbol.node as usize);
    let mut before = node.and_then(|it| it.prev_named_sibling());
    let kind = before.map(|it| it.kind_id());
    while let Some(node) = before {
        let is_comment = symbols.query.use_of(node.kind_id()) == Use::Comment;
        match found(&node) {
            Some(docs) => return docs,
            None if is_comment || Some(node.kind_id()) == kind => {
                before = node.prev_named_sibling()
            }
            None => break,
        }
    }
    (0, 0)
}

/// The comments about a definition: directly before it, above it, or behind it.
fn comments_of(symbols: &Symbols<'_>, symbol: &Symbol) -> Vec<u32> {
    if let Some(comment) = block_before(symbols, symbol) {
        return vec![comment];
    }
    let mut above = comments_above(symbols, symbol);
    above.retain(|node| !DIRECTIVES.iter().any(|mark| starts_with(symbols, *node, mark)));
    let first = |marks: &[&str]| {
        above.iter().position(|node| marks.iter().any(|mark| starts_with(symbols, *node, mark)))
    };
    if first(&DOC_MARKS).is_some() {
        above.retain(|node| DOC_MARKS.iter().any(|mark| starts_with(symbols, *node, mark)));
    } else if let Some(first) = first(&FIRST_MARKS) {
        above.drain(..first);
    }
    match above.is_empty() {
        true => comment_behind(symbols, symbol).into_iter().collect(),
        false => above,
    }
}

/// Comments that are for tools.
const DIRECTIVES: [&str; 3] = ["//go:", "//nolint", "// MARK:"];

/// Comments that are documentation. Where some are, the others are not.
const DOC_MARKS: [&str; 4] = ["///", "//!", "/**", "/*!"];

/// The first line of documentation, which plain ones can follow.
const FIRST_MARKS: [&str; 2] = ["---", "-- |"];

/// Comments about what stands before them in the line.
const BEHIND_MARKS: [&str; 6] = ["///<", "//!<", "/**<", "/*!<", "-- ^", "--^"];

fn starts_with(symbols: &Symbols<'_>, node: u32, mark: &str) -> bool {
    let node = symbols.tree.node(node as usize);
    node.is_some_and(|it| symbols.text(it.start_byte(), it.end_byte()).starts_with(mark.as_bytes()))
}

/// `/** … */` in the line of the definition, with nothing between.
fn block_before(symbols: &Symbols<'_>, symbol: &Symbol) -> Option<u32> {
    let (comment, part) = node_before(symbols, symbol.node)?;
    let id = comment.id() as u32;
    let is_in_line = comment.end_position().row == symbol.range.start_point.row;
    (part == Use::Comment && is_in_line && starts_with(symbols, id, "/**")).then_some(id)
}

/// `///< …` in the line of the definition.
fn comment_behind(symbols: &Symbols<'_>, symbol: &Symbol) -> Option<u32> {
    if symbol.range.start_point.row != symbol.range.end_point.row {
        return None;
    }
    let end = symbols.tree.subtree_end(symbol.node);
    // Commas and what closes something can come before it.
    let following = (end..end + 4).map_while(|id| symbols.tree.node(id as usize));
    let mut comments = following
        .take_while(|node| node.start_position().row == symbol.range.end_point.row)
        .filter(|node| symbols.query.use_of(node.kind_id()) == Use::Comment);
    let id = comments.next()?.id() as u32;
    BEHIND_MARKS.iter().any(|mark| starts_with(symbols, id, mark)).then_some(id)
}

/// Comments that end in the line above, and those above them: in the order of
/// the text. Attributes between are passed over, empty lines end it.
fn comments_above(symbols: &Symbols<'_>, symbol: &Symbol) -> Vec<u32> {
    let tree = symbols.tree;
    let mut comments = Vec::new();
    let container = symbols.around(symbol).map_or(0, |container| container.node);
    let Some(mut at) = first_in_line(tree, symbol, container) else { return comments };
    let mut row = tree.point_at(tree.start_byte_of(at) as usize).row;
    while let Some((node, part)) = node_before(symbols, at) {
        let is_above = last_row(symbols, &node) + 1 >= row && starts_its_line(symbols, &node);
        if !is_above || speaks_of_outside(symbols, &node) {
            break;
        }
        if part == Use::Comment {
            comments.push(node.id() as u32);
        }
        at = node.id() as u32;
        row = node.start_position().row;
    }
    comments.reverse();
    comments
}

/// The outermost node within the container that starts in the line in which
/// the symbol does.
fn first_in_line(tree: &Tree, symbol: &Symbol, container: u32) -> Option<u32> {
    let row = symbol.range.start_point.row;
    let mut node = tree.node(symbol.node as usize)?;
    while let Some(parent) = node.parent() {
        let is_outside = parent.id() as u32 == container || parent.parent().is_none();
        let is_part =
            parent.start_position().row >= row || parent.start_byte() >= symbol.range.start_byte;
        if is_outside || !is_part {
            break;
        }
        node = parent;
    }
    Some(node.id() as u32)
}

/// The comment or attribute directly before a node, wherever it hangs.
fn node_before<'a>(symbols: &Symbols<'a>, at: u32) -> Option<(Node<'a>, Use)> {
    let tree = symbols.tree;
    let mut before = tree.node(at.checked_sub(1)? as usize)?;
    loop {
        if tree.subtree_end(before.id() as u32) > at {
            // A node around both.
            return None;
        }
        let part = symbols.query.use_of(before.kind_id());
        let parent = before.parent()?;
        let parent_part = symbols.query.use_of(parent.kind_id());
        let is_inner = parent_part == Use::Comment;
        if !is_inner && matches!(part, Use::Comment | Use::Attribute) {
            return Some((before, part));
        }
        before = parent;
    }
}

/// Whether it is about what it stands in, as `//!` in Rust.
fn speaks_of_outside(symbols: &Symbols<'_>, node: &Node<'_>) -> bool {
    let mut children = std::iter::successors(node.child(0), Node::next_sibling);
    children.any(|child| symbols.query.use_of(child.kind_id()) == Use::Inner)
}

/// The row of the last byte: some comments end after their line end.
fn last_row(symbols: &Symbols<'_>, node: &Node<'_>) -> usize {
    let text = symbols.text(node.start_byte(), node.end_byte());
    let len = text.trim_ascii_end().len();
    symbols.tree.point_at(node.start_byte() + len).row
}

/// Whether nothing else stands in the line before it: otherwise it speaks of that.
fn starts_its_line(symbols: &Symbols<'_>, node: &Node<'_>) -> bool {
    let start = symbols.tree.line_range(node.start_position().row).start;
    symbols.text(start, node.start_byte()).trim_ascii().is_empty()
}

/// What line comments start with, the longer ones first.
const LINE_MARKS: [&str; 18] = [
    "///<", "//!<", "///", "//!", "//", "--|", "-- |", "-- ^", "--^", "---", "--", "##", "#'",
    "#:", "#", ";", "%", "!",
];

/// A block comment's start, end, and what its lines start with.
const BLOCK_MARKS: [(&str, &str, &str); 18] = [
    ("/**<", "*/", "*"),
    ("/*!<", "*/", "*"),
    ("/*", "*/", "*"),
    ("/+", "+/", "+"),
    ("(*", "*)", "*"),
    ("{-", "-}", "-"),
    ("{", "}", ""),
    ("<!--", "-->", ""),
    ("<#", "#>", ""),
    ("--[[--", "]]", ""),
    ("--[[", "]]", ""),
    ("#=", "=#", ""),
    ("#|", "|#", ""),
    ("=begin", "=end", ""),
    ("\"\"\"", "\"\"\"", ""),
    ("'''", "'''", ""),
    ("\"", "\"", ""),
    ("'", "'", ""),
];

/// A comment's or docstring's text without what makes it one.
pub(crate) fn plain(comment: &str) -> String {
    let comment = comment.trim();
    let block = BLOCK_MARKS.iter().find_map(|(start, end, line)| {
        // The letters that may stand before a string in Python.
        let from = if *start == *end && start.starts_with(['"', '\'']) {
            comment.trim_start_matches(['r', 'R', 'u', 'U'])
        } else {
            comment
        };
        let inner = from.strip_prefix(start)?;
        Some((inner.strip_suffix(end).unwrap_or(inner), *line))
    });
    let lines: Vec<&str> = match block {
        Some((inner, mark)) => block_lines(inner, mark),
        None => comment.lines().map(without_line_mark).collect(),
    };
    let text: Vec<&str> = lines.into_iter().map(str::trim_end).collect();
    text.join("\n").trim_matches('\n').to_owned()
}

fn without_line_mark(line: &str) -> &str {
    let line = line.trim_start();
    let mark = LINE_MARKS.iter().find(|mark| line.starts_with(**mark));
    let Some(mark) = mark else { return line };
    let last = mark.chars().last().unwrap_or(' ');
    // Marks can be repeated (`;;;`), but a line of code follows `# #`.
    let rest = line[mark.len()..].trim_start_matches(last);
    rest.strip_prefix(' ').unwrap_or(rest)
}

/// The lines of a block without their marks or common indentation.
fn block_lines<'a>(inner: &'a str, mark: &str) -> Vec<&'a str> {
    let inner = inner.strip_prefix(['!', '|']).unwrap_or(inner);
    let unmarked = |line: &'a str| -> &'a str {
        let start = line.trim_start();
        let rest = (!mark.is_empty()).then(|| start.strip_prefix(mark)).flatten();
        rest.map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest))
    };
    let mut lines: Vec<&str> = inner.lines().map(unmarked).collect();
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let common = filled.map(indentation).min().unwrap_or(0);
    for (at, line) in lines.iter_mut().enumerate() {
        *line = if at == 0 { line.trim_start() } else { line.get(common..).unwrap_or("") };
    }
    lines
}
