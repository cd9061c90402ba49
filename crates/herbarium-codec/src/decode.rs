//! From bytes to a tree that can be walked.
//!
//! One pass over the columns does everything a node needs that depends on the
//! node before it: position, parent, next sibling. It has no branch on the
//! shape of the tree: what a node does to the stack of open nodes is computed
//! by selection, never by a jump. A second pass gives the last children their
//! extent (their parent's is known by then) and packs the columns into
//! [`Lane`]s.
//!
//! Nothing here trusts a byte: a wrong one is an error that names its place.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;

use crate::container::{Header, Section, read_sections};
use crate::shape::{GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, Shape, TAIL, gap, read_shapes};
use crate::tree::{HiddenMissing, Tree};
use crate::wire::Reader;
use crate::{DecodeError, Grammar, ShapeBook};

/// Opens a pressed tree with the grammar it was pressed with.
///
/// Everything is checked: header, checksums, every value. A tree that decodes
/// is whole. For many trees, a [`Decoder`] spares the working memory; trees
/// pressed with a shape book need one too.
///
/// Cost: about 1 to 2% of parsing the source again. Memory: the tree takes
/// about 8.4 bytes a node; working memory is 12 bytes a node while decoding.
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
    /// Parent of each node.
    parents: Vec<u32>,
    /// Length of each token; number of nodes under each node with children.
    extents: Vec<u32>,
    starts: Vec<u32>,
    /// Shape numbers, only for trees with more shapes than a lane codes narrowly.
    shapes: Vec<u32>,
    lines: Vec<u32>,
    tails: Vec<(u32, u32)>,
    frames: Vec<Frame>,
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
        tree.shrink();
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
        tree.reset(grammar.clone(), book.cloned(), &header);
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
        let mut columns = Columns::read(section, tree)?;
        let count = header.node_count as usize;
        if count == 0 || count > columns.codes.len() {
            return Err(invalid(
                "node count",
                44,
                format!("from 1 to {}", columns.codes.len()),
                count,
            ));
        }
        self.prepare(count);
        let end = self.walk(&mut columns, count, tree)?;
        let source_len = u64::from(header.source_len);
        if end > source_len {
            return Err(invalid(
                "source length",
                40,
                format!("at least {end}, where the last token ends"),
                source_len,
            ));
        }
        columns.inner_lines(end, source_len, &mut self.lines)?;
        self.pack(tree)?;
        self.read_tails(&mut columns, tree)?;
        read_faults(&mut columns.faults, tree)?;
        columns.finish()
    }

    fn prepare(&mut self, count: usize) {
        self.parents.clear();
        self.parents.resize(count, 0);
        self.starts.clear();
        self.starts.resize(count, 0);
        self.extents.clear();
        // One more: the slot that nodes without a next sibling write to.
        self.extents.resize(count.saturating_add(1), 0);
        self.shapes.clear();
        self.lines.clear();
        self.tails.clear();
        self.frames.clear();
        let trash = count as u32;
        // Outside, the root, and the level below it.
        self.frames.resize(3, Frame { parent: NONE, next: 0, open: trash });
    }
}

/// What has to be known about a level of the tree while walking it in
/// pre-order. Level 0 is outside the tree; the root stands on level 1.
#[derive(Clone, Copy)]
struct Frame {
    /// The node whose children stand on this level.
    parent: u32,
    /// The level that goes on after the last node of this one.
    next: u32,
    /// The node on this level whose next sibling is still to come, or the
    /// slot past the last node.
    open: u32,
}

/// No parent.
const NONE: u32 = u32::MAX;
/// An extent that the second pass takes from the parent.
const OF_PARENT: u32 = u32::MAX;

/// A shape as the walk needs it: one load.
#[derive(Clone, Copy, Default)]
struct Step {
    id: u32,
    flags: u8,
    gap: u8,
    len: u8,
    /// Not 0 where the gap or the token is more than a small number of bytes.
    slow: u8,
}

impl Step {
    #[inline]
    fn new(id: u32, shape: Shape) -> Self {
        let slow = shape.flags & (GAP_COLUMN | LINES | TAIL) != 0
            || shape.gap >= gap::PLAIN
            || shape.is_fault();
        Self { id, flags: shape.flags, gap: shape.gap, len: shape.len, slow: u8::from(slow) }
    }
}

/// Codes below are shape numbers; from here on a second byte follows.
pub(crate) const FIRST_LONG: u8 = 224;
/// The shape number follows in three bytes.
pub(crate) const LONG_CODE: u8 = 255;
/// Shape numbers below this one take two bytes at most.
pub(crate) const LONG_LIMIT: u32 = FIRST_LONG as u32 + ((LONG_CODE - FIRST_LONG) as u32) * 256;

/// The columns of the tree section.
struct Columns<'a> {
    codes: &'a [u8],
    codes_at: usize,
    gaps: Reader<'a>,
    lens: &'a [u8],
    lens_at: usize,
    lines: Reader<'a>,
    tails: Reader<'a>,
    faults: Reader<'a>,
    /// Length of a line end inside a gap: 1, or 2 for CR LF.
    line_end: u32,
    lens_offset: usize,
    codes_offset: usize,
}

/// Where the walk is.
#[derive(Default)]
struct At {
    position: u64,
    indent: i64,
}

impl<'a> Columns<'a> {
    fn read(section: Section<'a>, tree: &mut Tree) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(section.bytes, section.offset);
        let offset = reader.offset();
        let style = reader.u8("tree flags")?;
        if style > 1 {
            return Err(invalid("tree flags", offset, "0 or 1", style));
        }
        let mut sizes = [0; 6];
        for size in &mut sizes {
            *size = reader.count("column length")?;
        }
        let [shapes, codes, gaps, lens, lines, tails] = sizes;
        let mut table = column(&mut reader, shapes)?;
        let grammar = tree.grammar().clone();
        read_shapes(&mut table, &grammar, tree.own_shapes_mut())?;
        end_of(&table, "shape table")?;
        let codes_offset = reader.offset();
        let codes = reader.take(codes, "shape codes")?;
        let gaps = column(&mut reader, gaps)?;
        let lens_offset = reader.offset();
        let lens = reader.take(lens, "token lengths")?;
        let lines = column(&mut reader, lines)?;
        let tails = column(&mut reader, tails)?;
        let left = reader.left();
        let faults = column(&mut reader, left)?;
        tree.set_crlf(style == 1);
        let line_end = u32::from(style).saturating_add(1);
        Ok(Self {
            codes,
            codes_at: 0,
            gaps,
            lens,
            lens_at: 0,
            lines,
            tails,
            faults,
            line_end,
            lens_offset,
            codes_offset,
        })
    }

    /// The shape number behind a code of more than one byte.
    fn long_code(&mut self, first: u8) -> Result<u32, DecodeError> {
        let bytes = self.codes.get(self.codes_at..).unwrap_or_default();
        let (id, used) = match (first, bytes) {
            (LONG_CODE, [a, b, c, ..]) => (u32::from_le_bytes([*a, *b, *c, 0]), 3),
            (LONG_CODE, _) | (_, []) => {
                return Err(
                    self.truncated("shape code", self.codes_offset.saturating_add(self.codes_at))
                );
            }
            (first, [low, ..]) => {
                let high = u32::from(first.wrapping_sub(FIRST_LONG));
                let id =
                    u32::from(FIRST_LONG).saturating_add(high << 8).saturating_add(u32::from(*low));
                (id, 1)
            }
        };
        self.codes_at = self.codes_at.saturating_add(used);
        Ok(id)
    }

    /// A token length of two bytes or more; `lens_at` is already behind its first.
    #[cold]
    fn long_len(&mut self) -> Result<u64, DecodeError> {
        let at = self.lens_at.saturating_sub(1);
        let mut reader = Reader::new(
            self.lens.get(at..).unwrap_or_default(),
            self.lens_offset.saturating_add(at),
        );
        let left = reader.left();
        let len = reader.varint("token length")?;
        self.lens_at = at.saturating_add(left.saturating_sub(reader.left()));
        Ok(u64::from(len))
    }

    /// Moves over a gap that is more than a few bytes.
    fn slow_gap(
        &mut self,
        step: Step,
        at: &mut At,
        lines: &mut Vec<u32>,
    ) -> Result<(), DecodeError> {
        let code = if step.flags & GAP_COLUMN == 0 { step.gap } else { self.gaps.u8("gap")? };
        if code < gap::PLAIN {
            at.position = at.position.saturating_add(u64::from(code));
            return Ok(());
        }
        let Some((ends, change)) = gap::lines(code) else {
            return self.spelled_gap(code, at, lines);
        };
        for _ in 0..ends {
            at.position = at.position.saturating_add(u64::from(self.line_end));
            lines.push(at.position as u32);
        }
        at.indent = at.indent.saturating_add(i64::from(change));
        let indent = u64::try_from(at.indent)
            .map_err(|_| invalid("indentation", self.gaps.offset(), "at least 0", at.indent))?;
        at.position = at.position.saturating_add(indent);
        Ok(())
    }

    /// A gap whose length and line ends are spelled out.
    #[cold]
    fn spelled_gap(
        &mut self,
        code: u8,
        at: &mut At,
        lines: &mut Vec<u32>,
    ) -> Result<(), DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.gaps.offset(), "a code in use", code));
        }
        let offset = self.lines.offset();
        let len = u64::from(self.lines.varint("gap length")?);
        let end = at.position.saturating_add(len);
        let last = self.inner_lines(at.position, end, lines)?;
        if let Some(last) = last {
            at.indent = end.saturating_sub(last) as i64;
        }
        if len == 0 {
            return Err(invalid("gap length", offset, "at least 1 where it is spelled out", 0));
        }
        at.position = end;
        Ok(())
    }

    /// Line ends spelled out between two positions: their number, and the
    /// bytes of each line before its `\n`. Gives the start of the last line.
    fn inner_lines(
        &mut self,
        start: u64,
        end: u64,
        lines: &mut Vec<u32>,
    ) -> Result<Option<u64>, DecodeError> {
        let count = self.lines.varint("number of line ends")?;
        let mut position = start;
        for _ in 0..count {
            let offset = self.lines.offset();
            let len = self.lines.varint("line length")?;
            position = position.saturating_add(u64::from(len)).saturating_add(1);
            if position > end {
                return Err(invalid(
                    "line end",
                    offset,
                    format!("at or before byte {end}"),
                    position,
                ));
            }
            lines.push(position as u32);
        }
        Ok((count != 0).then_some(position))
    }

    fn finish(&self) -> Result<(), DecodeError> {
        let codes_left = self.codes.len().saturating_sub(self.codes_at);
        if codes_left != 0 {
            let offset = self.codes_offset.saturating_add(self.codes_at);
            return Err(invalid(
                "shape codes",
                offset,
                "the end of the column",
                format!("{codes_left} bytes more"),
            ));
        }
        let lens_left = self.lens.len().saturating_sub(self.lens_at);
        if lens_left != 0 {
            let offset = self.lens_offset.saturating_add(self.lens_at);
            return Err(invalid(
                "token lengths",
                offset,
                "the end of the column",
                format!("{lens_left} bytes more"),
            ));
        }
        end_of(&self.gaps, "gaps")?;
        end_of(&self.lines, "line ends")?;
        end_of(&self.tails, "tails")?;
        end_of(&self.faults, "faults")
    }

    #[cold]
    fn truncated(&self, what: &'static str, offset: usize) -> DecodeError {
        DecodeError::Truncated { what, offset, needed: 1, left: 0 }
    }
}

impl Decoder {
    /// The first pass: positions, parents and next siblings, in pre-order.
    /// Gives the position after the last token.
    fn walk(
        &mut self,
        columns: &mut Columns<'_>,
        count: usize,
        tree: &mut Tree,
    ) -> Result<u64, DecodeError> {
        let (steps, shape_count) = first_steps(tree);
        let wide_shapes = shape_count > u32::from(crate::lane::WIDE);
        let (shapes, errors, low) = tree.walk_parts(count);
        let mut at = At::default();
        let mut depth = 1usize;
        let slots = self.parents.iter_mut().zip(&mut self.starts).zip(low);
        for (index, ((parent, start), low)) in (0u32..).zip(slots) {
            let Some(&code) = columns.codes.get(columns.codes_at) else {
                return Err(columns.truncated(
                    "shape codes",
                    columns.codes_offset.saturating_add(columns.codes_at),
                ));
            };
            columns.codes_at = columns.codes_at.wrapping_add(1);
            let mut step = steps.get(usize::from(code)).copied().unwrap_or_default();
            if code >= FIRST_LONG || u32::from(code) >= shape_count {
                step = long_step(columns, code, &shapes)?;
            }
            if wide_shapes {
                self.shapes.push(step.id);
            }
            *low = step.id as u16;

            if step.slow == 0 {
                at.position = at.position.wrapping_add(u64::from(step.gap));
            } else {
                columns.slow_gap(step, &mut at, &mut self.lines)?;
                if shapes.get(step.id).is_some_and(Shape::is_fault) {
                    errors.push(index);
                }
            }
            *start = at.position as u32;

            let in_column = step.flags & LEN_COLUMN != 0;
            let byte = columns.lens.get(columns.lens_at).copied().unwrap_or(0);
            let mut len = u64::from(if in_column { byte } else { step.len });
            columns.lens_at = columns.lens_at.wrapping_add(usize::from(in_column));
            if in_column && byte >= 0x80 {
                len = columns.long_len()?;
            }
            if step.slow != 0 {
                if step.flags & LINES != 0 {
                    columns.inner_lines(
                        at.position,
                        at.position.saturating_add(len),
                        &mut self.lines,
                    )?;
                }
                if step.flags & TAIL != 0 {
                    self.tails.push((index, columns.tails.varint("tail")?));
                }
            }
            at.position = at.position.wrapping_add(len);

            let internal = step.flags & INTERNAL != 0;
            let [frame, below, ..] = match self.frames.get_mut(depth..) {
                Some([frame, below, ..]) => [frame, below],
                _ => {
                    return Err(invalid(
                        "depth",
                        columns.codes_offset,
                        "a level that was opened",
                        depth,
                    ));
                }
            };
            *parent = frame.parent;
            let open = frame.open;
            frame.open = if internal { index } else { count as u32 };
            let next = if step.flags & LAST != 0 { frame.next } else { depth as u32 };
            *below = Frame { parent: index, next, open: count as u32 };
            depth = if internal { depth.wrapping_add(1) } else { next as usize };
            if let Some(extent) = self.extents.get_mut(open as usize) {
                *extent = index.wrapping_sub(open);
            }
            if let Some(extent) = self.extents.get_mut(index as usize) {
                *extent = if internal { OF_PARENT } else { len as u32 };
            }
            if depth.wrapping_add(1) >= self.frames.len() {
                self.frames.push(Frame { parent: NONE, next: 0, open: count as u32 });
            }
        }
        if columns.lens_at > columns.lens.len() {
            return Err(columns.truncated(
                "token lengths",
                columns.lens_offset.saturating_add(columns.lens.len()),
            ));
        }
        if depth != 0 {
            let offset = columns.codes_offset.saturating_add(columns.codes_at);
            return Err(invalid(
                "tree",
                offset,
                "every node with children closed",
                format!("{depth} levels open"),
            ));
        }
        Ok(at.position)
    }

    /// The second pass: extents of last children, and everything into lanes.
    fn pack(&mut self, tree: &mut Tree) -> Result<(), DecodeError> {
        let count = self.parents.len() as u32;
        if let Some(root) = self.extents.first_mut().filter(|extent| **extent == OF_PARENT) {
            *root = count;
        }
        if let Some(root) = self.parents.first_mut() {
            *root = 0;
        }
        let mut roots = false;
        for (index, parent) in (0u32..).zip(&mut self.parents) {
            let above = *parent;
            roots |= above == NONE;
            let of_parent = self.extents.get(above as usize).copied().unwrap_or(0);
            if let Some(extent) = self.extents.get_mut(index as usize) {
                let end = above.wrapping_add(of_parent).wrapping_sub(index);
                *extent = if *extent == OF_PARENT { end } else { *extent };
            }
            *parent = index.wrapping_sub(above);
        }
        if roots {
            return Err(invalid("tree", 44, "one root", "a node after it"));
        }
        self.extents.truncate(count as usize);
        tree.set_lanes(&self.shapes, &self.parents, &self.extents, &self.starts, &self.lines);
        Ok(())
    }

    /// Where nodes end that end after their last child.
    fn read_tails(
        &mut self,
        columns: &mut Columns<'_>,
        tree: &mut Tree,
    ) -> Result<(), DecodeError> {
        let offset = columns.tails.offset();
        for &(index, tail) in &self.tails {
            let end = tree.last_token_end(index).saturating_add(u64::from(tail));
            let limit = tree.tail_limit(index);
            if tail == 0 || end > limit {
                return Err(invalid(
                    "tail",
                    offset,
                    format!("from 1 to an end at byte {limit}"),
                    format!("{tail}, an end at {end}"),
                ));
            }
            tree.push_tail(index, end as u32);
        }
        Ok(())
    }
}

/// The shapes that codes of one byte stand for, and the number of shapes in all.
fn first_steps(tree: &Tree) -> ([Step; 256], u32) {
    let mut steps = [Step::default(); 256];
    let count = tree.shape_count();
    for (id, step) in (0..count.min(u32::from(FIRST_LONG))).zip(&mut steps) {
        if let Some(shape) = tree.shape_by_id(id) {
            *step = Step::new(id, shape);
        }
    }
    (steps, count)
}

/// The step behind a code of two or more bytes, or an error for a number that
/// no shape has.
#[inline(never)]
fn long_step(
    columns: &mut Columns<'_>,
    code: u8,
    shapes: &crate::tree::Shapes<'_>,
) -> Result<Step, DecodeError> {
    let offset = columns.codes_offset.saturating_add(columns.codes_at);
    let id = if code >= FIRST_LONG { columns.long_code(code)? } else { u32::from(code) };
    let shape = shapes.get(id).ok_or_else(|| {
        invalid("shape code", offset, format!("a number below {}", shapes.len()), id)
    })?;
    Ok(Step::new(id, shape))
}

/// What only broken source has: the characters of unexpected tokens, missing
/// tokens that the tree does not show, and nodes with an error that nothing
/// visible explains.
fn read_faults(faults: &mut Reader<'_>, tree: &mut Tree) -> Result<(), DecodeError> {
    if faults.left() == 0 {
        return Ok(());
    }
    for index in tree.error_tokens() {
        let character = faults.varint("unexpected character")?;
        // Stored one up: -1 stands for bytes that are no character.
        let character = character.wrapping_sub(1) as i32;
        tree.push_unexpected(index, character);
    }
    let nodes = tree.descendant_count() as u32;
    let mut parent = 0u32;
    for _ in 0..faults.count("number of hidden missing tokens")? {
        let offset = faults.offset();
        parent = parent.saturating_add(faults.varint("parent of a hidden missing token")?);
        let before = faults.varint("children before a hidden missing token")?;
        let kind = faults.varint("kind of a hidden missing token")?;
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
        tree.push_hidden_missing(HiddenMissing { parent, before, kind });
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
    Ok(())
}

fn column<'a>(reader: &mut Reader<'a>, len: usize) -> Result<Reader<'a>, DecodeError> {
    let offset = reader.offset();
    Ok(Reader::new(reader.take(len, "column")?, offset))
}

fn end_of(reader: &Reader<'_>, what: &'static str) -> Result<(), DecodeError> {
    match reader.left() {
        0 => Ok(()),
        left => Err(invalid(
            what,
            reader.offset(),
            "the end of the column",
            format!("{left} bytes more"),
        )),
    }
}

fn invalid(
    what: &'static str,
    offset: usize,
    expected: impl Into<String>,
    found: impl ToString,
) -> DecodeError {
    DecodeError::Invalid { what, offset, expected: expected.into(), found: found.to_string() }
}
