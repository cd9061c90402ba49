//! From bytes to a tree that can be walked.
//!
//! A walk over the columns finds shape, parent, position and token length of
//! every node, and counts the nodes under each ([`walk`]).
//!
//! Nothing here trusts a byte: a wrong one is an error that names its place.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod block;
mod columns;
mod lent;
mod nesting;
mod steps;
mod text;
mod walk;

use std::sync::Arc;

use crate::container::{Header, Section, read_sections};
use crate::tree::{HiddenMissing, Tree};
use crate::wire::Reader;
use crate::{DecodeError, Grammar, Quirk, ShapeBook};

use columns::{Columns, Found, Tail, invalid};
use walk::Walk;

pub(crate) use columns::{FIRST_LONG, LONG_CODE, LONG_LIMIT};
pub(crate) use steps::Steps;

/// Opens a pressed tree with the grammar it was pressed with.
///
/// Everything is checked: header, checksums, every value. A tree that decodes
/// is whole. For many trees, a [`Decoder`] spares the working memory; trees
/// pressed with a shape book need one too.
///
/// Cost: 1 to 1.5% of parsing the source again. Memory: the tree takes about 10
/// bytes a node. Whatever the bytes are, decoding them takes at most 128 bytes
/// of memory for each of them, and 16 KiB.
///
/// ```
/// use herbarium_codec::{decode, encode};
/// # let grammar = std::sync::Arc::new(herbarium_codec::doc::sums());
/// # let tree = herbarium_codec::doc::one_plus_two(&grammar);
/// let bytes = encode(&tree);
/// let tree = decode(&bytes, &grammar)?;
/// assert_eq!(tree.root_node().kind(), "sum");
/// # Ok::<(), herbarium_codec::DecodeError>(())
/// ```
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &[u8], grammar: &Arc<Grammar>) -> Result<Tree, DecodeError> {
    Decoder::new().decode(bytes, grammar, None)
}

/// Opens a stand-alone file: a tree with its grammar table inline, as
/// [`crate::encode_standalone`] writes it.
///
/// # Errors
/// See [`DecodeError`]; also when there is no grammar table in the file.
pub fn decode_standalone(bytes: &[u8]) -> Result<Tree, DecodeError> {
    let header = Header::read(bytes)?;
    let sections = read_sections(bytes, &header)?;
    let section = sections.grammar.ok_or(DecodeError::Invalid {
        what: "stand-alone tree",
        offset: 0,
        expected: "an inline grammar table".into(),
        found: "none: open it with the grammar table it was pressed with".into(),
    })?;
    let grammar = Arc::new(Grammar::from_bytes(section.bytes)?);
    decode(bytes, &grammar)
}

/// Checks that bytes are a whole and valid tree, as [`decode`] does, without
/// giving it out. The error names the first place that is wrong.
///
/// # Errors
/// See [`DecodeError`].
pub fn verify(bytes: &[u8], grammar: &Arc<Grammar>) -> Result<Header, DecodeError> {
    decode(bytes, grammar)?;
    Header::read(bytes)
}

/// A decoder that keeps its working memory from tree to tree.
///
/// In steady state, [`Decoder::decode_into`] allocates nothing.
#[derive(Default)]
pub struct Decoder {
    walk: Walk,
    found: Found,
}

impl Decoder {
    /// A decoder without memory of any tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a pressed tree; `book` is the shape book that its header names,
    /// if it names one.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(
        &mut self,
        bytes: &[u8],
        grammar: &Arc<Grammar>,
        book: Option<&Arc<ShapeBook>>,
    ) -> Result<Tree, DecodeError> {
        let mut tree = Tree::empty(grammar.clone());
        self.decode_into(bytes, grammar, book, &mut tree)?;
        tree.shrink_to_fit();
        Ok(tree)
    }

    /// Like [`Decoder::decode`], into a tree whose memory is used again. After
    /// an error the tree is empty.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode_into(
        &mut self,
        bytes: &[u8],
        grammar: &Arc<Grammar>,
        book: Option<&Arc<ShapeBook>>,
        tree: &mut Tree,
    ) -> Result<(), DecodeError> {
        let header = Header::read(bytes)?;
        if header.grammar != grammar.fingerprint() {
            return Err(DecodeError::Grammar {
                expected: header.grammar,
                found: grammar.fingerprint(),
            });
        }
        let book = match (header.book, book) {
            (None, _) => None,
            (Some(id), Some(book)) if book.id() == id => Some(book),
            (Some(expected), book) => {
                return Err(DecodeError::Book { expected, found: book.map(|book| book.id()) });
            }
        };
        let section = read_sections(bytes, &header)?.tree;
        tree.reset(grammar, book.cloned(), &header);
        let result = self.read_tree(section, &header, tree);
        if result.is_err() {
            tree.clear();
        }
        result
    }

    fn read_tree(
        &mut self,
        section: Section<'_>,
        header: &Header,
        tree: &mut Tree,
    ) -> Result<(), DecodeError> {
        let count = header.node_count as usize;
        if count == 0 {
            return Err(invalid("node count", 44, "at least 1", count));
        }
        let mut columns = Columns::read(section, count, tree, &mut self.found.shapes)?;
        self.found.clear();
        // Each node has a byte of input that was just found.
        tree.reserve(count);
        let end = self.walk(&mut columns, tree)?;
        self.read_last_lines(end, header.source_len, &mut columns)?;
        tree.set_lines(&self.found.lines);
        self.found.errors.iter().for_each(|&index| tree.push_error(index));
        self.set_tails(&columns, tree)?;
        read_faults(&mut columns.faults, &self.found.error_tokens, tree)?;
        columns.check_rest()
    }

    /// The walk, with the shapes of book and tree. Gives the position after
    /// the last token.
    fn walk(&mut self, columns: &mut Columns<'_>, tree: &mut Tree) -> Result<u64, DecodeError> {
        let shapes = tree.take_shapes();
        let (book, own) = &shapes;
        let end = self.walk.run(columns, (book.as_deref(), own), &mut self.found, tree);
        tree.set_shapes(shapes);
        end
    }

    /// The line ends after the last token.
    fn read_last_lines(
        &mut self,
        end: u64,
        source_len: u32,
        columns: &mut Columns<'_>,
    ) -> Result<(), DecodeError> {
        let source_len = u64::from(source_len);
        if end > source_len {
            let expected = format!("at least {end}, where the last token ends");
            return Err(invalid("source length", 40, expected, source_len));
        }
        let Found { lines, last_lines, .. } = &mut self.found;
        let last_line = end.saturating_add(columns.line_ends(0, last_lines)?);
        lines.extend(last_lines.iter().map(|line| line.0.wrapping_add(end as u32)));
        if last_line > source_len {
            let expected = format!("at least {last_line}, where the last line starts");
            return Err(invalid("source length", 40, expected, source_len));
        }
        Ok(())
    }

    /// Where nodes end that end after their last child.
    fn set_tails(&self, columns: &Columns<'_>, tree: &mut Tree) -> Result<(), DecodeError> {
        tree.reserve_tails(self.found.tails.len());
        for &tail in &self.found.tails {
            let (token_end, limit) = tree.tail_range(tail.node, tail.is_last);
            let end = token_end.saturating_add(u64::from(tail.len));
            if tail.len == 0 || end > limit {
                return Err(wrong_tail(columns, tail, end, limit));
            }
            tree.push_tail(tail.node, end as u32);
        }
        Ok(())
    }
}

#[cold]
fn wrong_tail(columns: &Columns<'_>, tail: Tail, end: u64, limit: u64) -> DecodeError {
    let expected = format!("from 1 to an end at byte {limit}");
    let found = format!("{}, an end at {end}", tail.len);
    invalid("tail", columns.tails.offset(), expected, found)
}

/// What hardly any node has: the characters of unexpected tokens, missing
/// tokens that the tree does not show, nodes with an error that nothing
/// visible explains, and quirks.
fn read_faults(
    faults: &mut Reader<'_>,
    error_tokens: &[u32],
    tree: &mut Tree,
) -> Result<(), DecodeError> {
    if faults.left() == 0 {
        return Ok(());
    }
    for &index in error_tokens {
        let character = faults.varint("unexpected character")?;
        // Stored two up: -1 stands for bytes that are no character, -2 for none.
        let character = character.wrapping_sub(2) as i32;
        tree.push_unexpected(index, character);
    }
    let nodes = tree.descendant_count() as u32;
    let mut parent = 0u32;
    for _ in 0..faults.count("number of hidden missing tokens")? {
        let offset = faults.offset();
        parent = parent.saturating_add(faults.varint("parent of a hidden missing token")?);
        let before = faults.varint("children before a hidden missing token")?;
        let code = faults.varint("kind of a hidden missing token")?;
        let (kind, named) = (code >> 1, code & 1 == 1);
        let kind = u16::try_from(kind)
            .ok()
            .filter(|kind| usize::from(*kind) < tree.grammar().kind_count());
        let (Some(kind), true) = (kind, parent < nodes) else {
            return Err(invalid(
                "hidden missing token",
                offset,
                format!("a parent below {nodes}, a kind of the grammar"),
                format!("parent {parent}"),
            ));
        };
        tree.push_hidden_missing(HiddenMissing { parent, before, kind, named });
    }
    let mut mark = 0u32;
    for _ in 0..faults.count("number of error marks")? {
        let offset = faults.offset();
        mark = mark.saturating_add(faults.varint("error mark")?);
        if mark >= nodes {
            return Err(invalid("error mark", offset, format!("a node below {nodes}"), mark));
        }
        tree.push_error_mark(mark);
    }
    tree.sort_errors();
    read_quirks(faults, tree)
}

/// What queries see otherwise; left out where there is nothing.
fn read_quirks(faults: &mut Reader<'_>, tree: &mut Tree) -> Result<(), DecodeError> {
    if faults.left() == 0 {
        return Ok(());
    }
    let nodes = tree.descendant_count() as u32;
    let mut index = 0u32;
    for _ in 0..faults.count("number of quirks")? {
        let offset = faults.offset();
        index = index.saturating_add(faults.varint("node of a quirk")?);
        let code = faults.varint("quirk")?;
        let quirk = quirk_of(code).filter(|quirk| quirk.is_of(tree.grammar()) && index < nodes);
        let Some(quirk) = quirk else {
            let expected = format!("a node below {nodes}, a field or kind of the grammar");
            return Err(invalid("quirk", offset, expected, format!("node {index}, code {code}")));
        };
        tree.push_quirk(index, quirk);
    }
    Ok(())
}

fn quirk_of(code: u32) -> Option<Quirk> {
    let Some(rest) = code.checked_sub(2) else {
        return Some(if code == 0 { Quirk::LastOfField } else { Quirk::NotLastOfField });
    };
    let id = u16::try_from(rest / 3).ok()?;
    Some(match rest % 3 {
        0 => Quirk::Field(id),
        1 => Quirk::Alias(id),
        _ => Quirk::FieldWithin(id),
    })
}
