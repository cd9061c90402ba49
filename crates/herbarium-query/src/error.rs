//! What is wrong with a query, and where.

use std::fmt;

/// What is wrong with a query, and where.
///
/// `Display` gives the place, the line and a caret, the nearest name that the
/// grammar has, and of a wrong predicate its own line, too. Kind, offset, row,
/// column and message are those of `tree_sitter::QueryError`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryError {
    /// What is wrong.
    pub kind: QueryErrorKind,
    /// Row, counted from 0.
    pub row: usize,
    /// Column in bytes, counted from 0.
    pub column: usize,
    /// Bytes from the start of the text.
    pub offset: usize,
    /// The name in quotes that is not known, or the line with a caret, or what
    /// is wrong with a predicate.
    pub message: String,
    /// The line that the error is in; none at the end of the text.
    pub line: Option<String>,
    /// The known name that is nearest to the unknown one.
    pub suggestion: Option<String>,
    /// Where a wrong predicate itself stands: the row above is that of its pattern.
    pub predicate: Option<Box<PredicatePlace>>,
}

/// Where a wrong predicate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PredicatePlace {
    /// Row, counted from 0.
    pub row: usize,
    /// Column in bytes, counted from 0: that of its `#`.
    pub column: usize,
    /// Bytes from the start of the text.
    pub offset: usize,
    /// The line that it begins in.
    pub line: String,
}

/// What is wrong with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryErrorKind {
    /// It is not an S-expression of the query language.
    Syntax,
    /// No node has that kind.
    NodeType,
    /// No node has that field.
    Field,
    /// A predicate speaks of a capture that the query does not make.
    Capture,
    /// A predicate has the wrong arguments.
    Predicate,
    /// The pattern can match no tree of the grammar.
    Structure,
    /// It is longer or nests deeper than is allowed.
    TooLarge,
    /// What it can match is not worked out within the time that was given.
    TooSlow,
}

/// An error before its place in the text is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: QueryErrorKind,
    pub(crate) offset: usize,
}

impl QueryError {
    /// Works out row, column and message from the text.
    pub(crate) fn of(fault: Fault, source: &str, names: &dyn Names) -> Self {
        let Fault { kind, offset } = fault;
        let (row, start, line) = line_at(source, offset);
        let column = offset.saturating_sub(start);
        let named = matches!(
            kind,
            QueryErrorKind::NodeType | QueryErrorKind::Field | QueryErrorKind::Capture
        );
        let name = if named { name_at(source, offset) } else { "" };
        let message = match line {
            _ if named => format!("\"{name}\""),
            Some(line) => format!("{line}\n{}^", " ".repeat(column)),
            None => "Unexpected EOF".to_owned(),
        };
        let suggestion = named.then(|| suggest(kind, source, offset, names)).flatten();
        let line = line.map(str::to_owned);
        Self { kind, row, column, offset, message, line, suggestion, predicate: None }
    }

    /// A predicate with the wrong arguments, in the pattern that starts at one
    /// offset; it stands at the other.
    pub(crate) fn predicate(
        source: &str,
        (pattern, at): (usize, Option<usize>),
        message: String,
    ) -> Self {
        let (row, _) = place_of(source, pattern);
        let line = source.lines().nth(row).map(str::to_owned);
        let place = |offset| {
            let (row, column) = place_of(source, offset);
            let line = source.lines().nth(row)?.to_owned();
            Some(Box::new(PredicatePlace { row, column, offset, line }))
        };
        Self {
            kind: QueryErrorKind::Predicate,
            row,
            column: 0,
            offset: 0,
            message,
            line,
            suggestion: None,
            predicate: at.and_then(place),
        }
    }

    /// Line and column that the first caret points at.
    fn shown(&self) -> Option<(&str, usize)> {
        match &self.predicate {
            Some(place) if place.row == self.row => Some((&place.line, place.column)),
            _ => Some((self.line.as_deref()?, self.column)),
        }
    }
}

/// The names that could have been meant.
pub(crate) trait Names {
    fn fields(&self) -> Vec<&str>;
    fn captures(&self) -> Vec<&str>;
    /// Kinds of nodes, named ones or others.
    fn kinds(&self, named: bool) -> Vec<&str>;
}

/// What may have been meant in place of the unknown name there, as it would be written.
fn suggest(kind: QueryErrorKind, source: &str, offset: usize, names: &dyn Names) -> Option<String> {
    let name = name_at(source, offset);
    match kind {
        QueryErrorKind::Field => nearest(name, names.fields()),
        // Dots are a part of a capture's name, though not of the message.
        QueryErrorKind::Capture => {
            let rest = source.get(offset..).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_alphanumeric() && !"_-.?!".contains(c));
            nearest(&rest[..end.unwrap_or(rest.len())], names.captures())
        }
        _ => {
            let quoted = is_quoted(source, offset);
            let other = names.kinds(quoted);
            if other.contains(&name) {
                return Some(if quoted { format!("({name})") } else { format!("{name:?}") });
            }
            let near = nearest(name, names.kinds(!quoted))?;
            Some(if quoted { format!("{near:?}") } else { near })
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            QueryErrorKind::Syntax => "this is not a pattern",
            QueryErrorKind::NodeType => "the grammar has no node kind",
            QueryErrorKind::Field => "the grammar has no field",
            QueryErrorKind::Capture => "the query has no capture",
            QueryErrorKind::Predicate => "wrong predicate:",
            QueryErrorKind::Structure => "this pattern can match nothing",
            QueryErrorKind::TooLarge => {
                "the query has more than 65,534 steps, or nests deeper than 400 levels"
            }
            QueryErrorKind::TooSlow => {
                "what this pattern can match was not worked out in the time given; \
                 ask for fewer children of one node"
            }
        };
        write!(f, "query, line {}, column {}: {what}", self.row + 1, self.column + 1)?;
        match self.kind {
            QueryErrorKind::NodeType | QueryErrorKind::Field | QueryErrorKind::Capture => {
                write!(f, " {}", self.message)?;
            }
            QueryErrorKind::Predicate => write!(f, " {}", self.message)?,
            _ => {}
        }
        if let Some(name) = &self.suggestion {
            write!(f, "; did you mean `{name}`?")?;
        }
        if let Some((line, column)) = self.shown() {
            write_line(f, line, column)?;
        }
        let Some(place) = self.predicate.as_ref().filter(|place| place.row != self.row) else {
            return Ok(());
        };
        write!(f, "\nthe predicate, line {}, column {}:", place.row + 1, place.column + 1)?;
        write_line(f, &place.line, place.column)
    }
}

/// Writes a line with a caret below.
fn write_line(f: &mut fmt::Formatter<'_>, line: &str, column: usize) -> fmt::Result {
    let (shown, before) = around_caret(line, column);
    write!(f, "\n  {shown}\n  {}^", " ".repeat(before))
}

impl std::error::Error for QueryError {}

/// As much of a line as is shown on each side of the caret, in characters.
const SHOWN: usize = 60;

/// A line as it is shown, with what the caret points at in it, and the characters
/// before that. Queries that programs write may be one line of megabytes.
fn around_caret(line: &str, column: usize) -> (String, usize) {
    let plain = |text: &mut dyn Iterator<Item = char>| -> String {
        text.map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    let at = line.floor_char_boundary(column);
    let (before, after) = line.split_at(at);
    let from = before.char_indices().rev().nth(SHOWN - 1).map_or(0, |(from, _)| from);
    let mut rest = after.chars();
    let (left, right) = (&before[from..], plain(&mut rest.by_ref().take(SHOWN)));
    let cut = if from > 0 { "…" } else { "" };
    let more = if rest.next().is_some() { "…" } else { "" };
    let left = format!("{cut}{}", plain(&mut left.chars()));
    // At the end of the text, the caret stands behind what may be a shorter line.
    let width = left.chars().count() + (column - at);
    (format!("{left}{right}{more}"), width)
}

/// Row and column of an offset.
fn place_of(source: &str, offset: usize) -> (usize, usize) {
    let before = source.as_bytes().get(..offset).unwrap_or(source.as_bytes());
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    (memchr::memchr_iter(b'\n', before).count(), before.len() - start)
}

/// Row, offset of its start, and the line that an offset is in: as tree-sitter has
/// them, for whom each line ends with one byte.
fn line_at(source: &str, offset: usize) -> (usize, usize, Option<&str>) {
    let (mut row, mut start) = (0, 0);
    for line in source.lines() {
        let end = start + line.len() + 1;
        if end > offset {
            return (row, start, Some(line));
        }
        (row, start) = (row + 1, end);
    }
    (row, start, None)
}

/// The name at an offset: up to the quote that ends it, or the word.
fn name_at(source: &str, offset: usize) -> &str {
    let Some(rest) = source.get(offset..) else { return "" };
    let quoted = is_quoted(source, offset);
    let mut backslashes = 0;
    let end = rest.find(|c: char| {
        if !quoted {
            return !c.is_alphanumeric() && c != '_' && c != '-';
        }
        let ends = c == '"' && backslashes % 2 == 0;
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        ends
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Whether a text in quotes begins at an offset.
fn is_quoted(source: &str, offset: usize) -> bool {
    offset > 0 && source.as_bytes().get(offset - 1) == Some(&b'"')
}

/// The candidate that takes the fewest edits, if they are few: one for each three
/// characters. Of names shorter than that, nothing can be guessed.
fn nearest(name: &str, candidates: Vec<&str>) -> Option<String> {
    let len = name.chars().count();
    if len < 3 {
        return None;
    }
    let limit = len.div_ceil(3);
    let scored = candidates.into_iter().map(|candidate| (edits(name, candidate), candidate));
    let best = scored.filter(|(edits, _)| *edits <= limit).min()?;
    Some(best.1.to_owned())
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
