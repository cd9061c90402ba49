//! From bytes to a tree that can be walked.
//!
//! Two passes. The first walks the columns and finds shape, parent, position
//! and token length of every node. It has no branch on the shape of the tree:
//! what a node does to the path of open nodes is computed by selection, never
//! by a jump; what is rare goes through [`Columns::slow`]. The second pass goes
//! backwards and counts the nodes under each.
//!
//! Nothing here trusts a byte: a wrong one is an error that names its place.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::Cell;
use std::hint::select_unpredictable;
use std::sync::Arc;

use crate::container::{Header, Section, read_sections};
use crate::lane::BLOCK;
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
    /// Number of nodes of the tree being read.
    count: usize,
    /// Parent of each node; in the end, the distance to it.
    parents: Vec<u32>,
    /// Length of each token; in the end, also the number of nodes under each
    /// node with children.
    extents: Vec<u32>,
    lines: Vec<u32>,
    tails: Vec<(u32, u32)>,
    errors: Vec<u32>,
    block: Option<Box<Block>>,
    shallow: Option<Shallow>,
    deep: Deep,
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
        let end = self.walk(&mut columns, tree)?;
        self.errors.drain(..).for_each(|index| tree.push_error(index));
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
        self.count()?;
        tree.set_counted(&self.parents, &self.extents, &self.lines);
        self.read_tails(&columns, tree)?;
        read_faults(&mut columns.faults, tree)?;
        columns.finish()
    }

    fn prepare(&mut self, count: usize) {
        self.count = count;
        let columns = [&mut self.parents, &mut self.extents, &mut self.lines, &mut self.errors];
        columns.into_iter().for_each(Vec::clear);
        self.tails.clear();
    }
}

/// What has to be known about a level of the tree while walking it in
/// pre-order. Level 0 is outside the tree; the root stands on level 1.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Frame {
    /// The node whose children stand on this level.
    parent: u32,
    /// The level that goes on after the last node of this one.
    next: u32,
}

/// No parent.
const NONE: u32 = u32::MAX;
/// What is on level 0, and on level 1 at first.
const OUTSIDE: Frame = Frame { parent: NONE, next: 0 };

/// The levels on the path to where the walk is.
trait Levels {
    fn at(&self, depth: u32) -> Frame;
    fn put(&mut self, depth: u32, frame: Frame);
}

/// Levels that [`Shallow`] has: most trees of people's code stay below 100.
const SHALLOW: usize = 1024;

/// Levels of a tree that is not very deep, in an array whose length the
/// compiler knows. [`Decoder::walk`] sees to it that no depth is beyond it.
struct Shallow {
    frames: Box<[Frame; SHALLOW]>,
}

impl Default for Shallow {
    fn default() -> Self {
        Self { frames: Box::new([OUTSIDE; SHALLOW]) }
    }
}

impl Levels for Shallow {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn at(&self, depth: u32) -> Frame {
        self.frames[depth as usize & (SHALLOW - 1)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn put(&mut self, depth: u32, frame: Frame) {
        self.frames[depth as usize & (SHALLOW - 1)] = frame;
    }
}

/// Levels of any number.
#[derive(Default)]
struct Deep {
    frames: Vec<Frame>,
}

impl Levels for Deep {
    #[inline]
    fn at(&self, depth: u32) -> Frame {
        self.frames.get(depth as usize).copied().unwrap_or(OUTSIDE)
    }

    #[inline]
    fn put(&mut self, depth: u32, frame: Frame) {
        match self.frames.get_mut(depth as usize) {
            Some(place) => *place = frame,
            None => self.frames.push(frame),
        }
    }
}

/// Where the walk is.
#[derive(Default)]
struct At {
    /// Number of the next node.
    first: u32,
    depth: u32,
    position: u64,
    indent: i64,
    /// Below 0 when an indentation ever was.
    negative: i64,
    /// Places in the columns.
    codes: usize,
    lens: usize,
}

/// What the walk finds out about some nodes.
struct Block {
    id: [u32; BLOCK],
    step: [u32; BLOCK],
    parent: [u32; BLOCK],
    /// Length of the token; 0 for nodes with children.
    extent: [u32; BLOCK],
    start: [u32; BLOCK],
    /// Line starts, as many as there were.
    line: [u32; BLOCK],
}

impl Default for Block {
    fn default() -> Self {
        let none = [0; BLOCK];
        Self { id: none, step: none, parent: none, extent: none, start: none, line: none }
    }
}

/// What the walk needs of a shape, in one word; these are bits of it.
const STEP_INTERNAL: u32 = 1;
const STEP_LAST: u32 = 2;
/// The node is more than a small gap, or one line end and an indentation, and
/// a small token.
const STEP_SLOW: u32 = 4;
/// Bit numbers: the length stands in the column; one line end stands before
/// the node.
const STEP_COLUMN: u32 = 3;
const STEP_LINE: u32 = 4;
/// First bits of bytes: the token's length, the gap without line ends, the
/// change of indentation.
const STEP_LEN: u32 = 8;
const STEP_GAP: u32 = 16;
const STEP_CHANGE: u32 = 24;
/// Stands for a code that is no shape number, or none that exists.
const UNKNOWN: u32 = u32::MAX;

fn step(shape: Shape) -> u32 {
    let bits = u32::from(shape.has(INTERNAL)) * STEP_INTERNAL
        | u32::from(shape.has(LAST)) * STEP_LAST
        | u32::from(shape.has(LEN_COLUMN)) << STEP_COLUMN
        | u32::from(shape.len) << STEP_LEN;
    if shape.flags & (GAP_COLUMN | LINES | TAIL) != 0 || shape.is_fault() {
        return bits | STEP_SLOW;
    }
    match gap::lines(shape.gap) {
        None if shape.gap < gap::PLAIN => bits | u32::from(shape.gap) << STEP_GAP,
        Some((1, change)) => bits | 1 << STEP_LINE | u32::from(change as i8 as u8) << STEP_CHANGE,
        _ => bits | STEP_SLOW,
    }
}

/// The steps of the shapes that codes of one byte stand for.
struct Steps<'a> {
    short: [u32; 256],
    shapes: crate::tree::Shapes<'a>,
}

impl<'a> Steps<'a> {
    fn new(shapes: crate::tree::Shapes<'a>) -> Self {
        let count = shapes.len().min(usize::from(FIRST_LONG)) as u32;
        let mut short = [UNKNOWN; 256];
        for (id, short) in (0..count).zip(&mut short) {
            *short = shapes.get(id).map_or(UNKNOWN, step);
        }
        Self { short, shapes }
    }

    #[inline]
    fn of(&self, code: u8) -> u32 {
        self.short.get(usize::from(code)).copied().unwrap_or(UNKNOWN)
    }
}

/// A node that takes more than the straight path, and where it stands.
struct Slow {
    index: u32,
    shape: Shape,
    position: u64,
    indent: i64,
    len: u64,
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
    gaps: Reader<'a>,
    lens: &'a [u8],
    lines: Reader<'a>,
    tails: Reader<'a>,
    faults: Reader<'a>,
    /// Length of a line end inside a gap: 1, or 2 for CR LF.
    line_end: u64,
    lens_offset: usize,
    codes_offset: usize,
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
        let line_end = u64::from(style).saturating_add(1);
        Ok(Self { codes, gaps, lens, lines, tails, faults, line_end, lens_offset, codes_offset })
    }

    /// The shape number of the code at `at`, of any length, its step, and the
    /// place behind it.
    #[inline(never)]
    fn long_code(&self, at: usize, steps: &Steps<'_>) -> Result<(u32, u32, usize), DecodeError> {
        let (id, len) = match self.codes.get(at..).unwrap_or_default() {
            [LONG_CODE, a, b, c, ..] => (u32::from_le_bytes([*a, *b, *c, 0]), 4),
            [code, ..] if *code < FIRST_LONG => (u32::from(*code), 1),
            [code @ ..LONG_CODE, low, ..] => {
                let high = u32::from(code.wrapping_sub(FIRST_LONG)) << 8;
                (u32::from(FIRST_LONG).saturating_add(high).saturating_add(u32::from(*low)), 2)
            }
            _ => return Err(self.no_code(self.codes.len())),
        };
        let Some(shape) = steps.shapes.get(id) else {
            let offset = self.codes_offset.saturating_add(at);
            return Err(invalid(
                "shape code",
                offset,
                format!("a number below {}", steps.shapes.len()),
                id,
            ));
        };
        Ok((id, step(shape), at.saturating_add(len)))
    }

    fn check_codes(&self, at: usize) -> Result<(), DecodeError> {
        match self.codes.len().checked_sub(at) {
            Some(0) => Ok(()),
            None => Err(self.no_code(self.codes.len())),
            Some(left) => {
                let offset = self.codes_offset.saturating_add(at);
                Err(invalid(
                    "shape codes",
                    offset,
                    "the end of the column",
                    format!("{left} bytes more"),
                ))
            }
        }
    }

    fn check_closed(&self, depth: u32) -> Result<(), DecodeError> {
        let offset = self.codes_offset.saturating_add(self.codes.len());
        match depth {
            0 => Ok(()),
            depth => Err(invalid(
                "tree",
                offset,
                "every node with children closed",
                format!("{depth} levels open"),
            )),
        }
    }

    #[cold]
    fn no_code(&self, at: usize) -> DecodeError {
        let offset = self.codes_offset.saturating_add(at);
        DecodeError::Truncated { what: "shape codes", offset, needed: 1, left: 0 }
    }

    /// Start and indentation of a node that takes more than the straight path.
    #[inline(never)]
    fn slow(
        &mut self,
        node: Slow,
        lines: &mut Vec<u32>,
        tails: &mut Vec<(u32, u32)>,
        errors: &mut Vec<u32>,
    ) -> Result<(u64, i64), DecodeError> {
        let Slow { index, shape, position, indent, len } = node;
        let (start, indent) = self.slow_gap(shape, position, indent, lines)?;
        if shape.flags & LINES != 0 {
            self.inner_lines(start, start.saturating_add(len), lines)?;
        }
        if shape.flags & TAIL != 0 {
            tails.push((index, self.tails.varint("tail")?));
        }
        if shape.is_fault() {
            errors.push(index);
        }
        Ok((start, indent))
    }

    /// A token length of any size, and the place behind it.
    #[inline(never)]
    fn long_len(&self, at: usize) -> Result<(u32, usize), DecodeError> {
        let bytes = self.lens.get(at..).unwrap_or_default();
        let mut reader = Reader::new(bytes, self.lens_offset.saturating_add(at));
        let len = reader.varint("token length")?;
        Ok((len, self.lens.len().saturating_sub(reader.left())))
    }

    /// Every column is used up and every node closed.
    fn check_ends(&self, at: &At) -> Result<(), DecodeError> {
        self.check_codes(at.codes)?;
        self.check_lens(at.lens)?;
        self.check_closed(at.depth)?;
        match at.negative < 0 {
            true => {
                Err(invalid("indentation", self.codes_offset, "at least 0 on every line", "less"))
            }
            false => Ok(()),
        }
    }

    fn check_lens(&self, at: usize) -> Result<(), DecodeError> {
        let (offset, len) = (self.lens_offset.saturating_add(at), self.lens.len());
        match at.cmp(&len) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => {
                let left = len.saturating_sub(at);
                Err(invalid(
                    "token lengths",
                    offset,
                    "the end of the column",
                    format!("{left} bytes more"),
                ))
            }
            std::cmp::Ordering::Greater => {
                let offset = self.lens_offset.saturating_add(len);
                Err(DecodeError::Truncated { what: "token lengths", offset, needed: 1, left: 0 })
            }
        }
    }

    /// The position and indentation behind a gap of any kind.
    fn slow_gap(
        &mut self,
        shape: Shape,
        position: u64,
        indent: i64,
        lines: &mut Vec<u32>,
    ) -> Result<(u64, i64), DecodeError> {
        let code = if shape.flags & GAP_COLUMN == 0 { shape.gap } else { self.gaps.u8("gap")? };
        if code < gap::PLAIN {
            return Ok((position.saturating_add(u64::from(code)), indent));
        }
        let Some((ends, change)) = gap::lines(code) else {
            return self.spelled_gap(code, position, indent, lines);
        };
        let mut position = position;
        for _ in 0..ends {
            position = position.saturating_add(self.line_end);
            lines.push(position as u32);
        }
        let indent = indent.saturating_add(i64::from(change));
        let width = u64::try_from(indent)
            .map_err(|_| invalid("indentation", self.gaps.offset(), "at least 0", indent))?;
        Ok((position.saturating_add(width), indent))
    }

    /// The same behind a gap whose length and line ends are spelled out.
    #[cold]
    fn spelled_gap(
        &mut self,
        code: u8,
        position: u64,
        indent: i64,
        lines: &mut Vec<u32>,
    ) -> Result<(u64, i64), DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.gaps.offset(), "a code in use", code));
        }
        let end = position.saturating_add(u64::from(self.lines.varint("gap length")?));
        let last = self.inner_lines(position, end, lines)?;
        Ok((end, last.map_or(indent, |last| end.saturating_sub(last) as i64)))
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
        end_of(&self.gaps, "gaps")?;
        end_of(&self.lines, "line ends")?;
        end_of(&self.tails, "tails")?;
        end_of(&self.faults, "faults")
    }
}

impl Decoder {
    /// The first pass, block by block: everything a node needs that depends on
    /// the nodes before it. Gives the position after the last token.
    fn walk(&mut self, columns: &mut Columns<'_>, tree: &mut Tree) -> Result<u64, DecodeError> {
        // The shapes are only read while the tree is being filled.
        let own = std::mem::take(tree.own_shapes_mut());
        let book = tree.book().cloned();
        let steps = Steps::new(crate::tree::Shapes::new(book.as_deref(), &own));
        let mut at = At { depth: 1, ..At::default() };
        let mut shallow = self.shallow.take().unwrap_or_default();
        let mut deep = std::mem::take(&mut self.deep);
        let mut block = std::mem::take(&mut self.block).unwrap_or_default();
        shallow.put(1, OUTSIDE);
        let mut left = self.count;
        let mut result = Ok(());
        while left != 0 && result.is_ok() {
            let len = left.min(BLOCK);
            if at.depth as usize >= SHALLOW.saturating_sub(BLOCK) && deep.frames.is_empty() {
                deep.frames.extend_from_slice(shallow.frames.as_slice());
            }
            result = match deep.frames.is_empty() {
                true => {
                    self.walk_block(&mut block, len, columns, &steps, tree, &mut shallow, &mut at)
                }
                false => {
                    self.walk_block(&mut block, len, columns, &steps, tree, &mut deep, &mut at)
                }
            };
            left = left.saturating_sub(len);
        }
        *tree.own_shapes_mut() = own;
        deep.frames.clear();
        (self.block, self.shallow, self.deep) = (Some(block), Some(shallow), deep);
        result?;
        columns.check_ends(&at)?;
        Ok(at.position)
    }

    fn walk_block(
        &mut self,
        block: &mut Block,
        len: usize,
        columns: &mut Columns<'_>,
        steps: &Steps<'_>,
        tree: &mut Tree,
        levels: &mut impl Levels,
        at: &mut At,
    ) -> Result<(), DecodeError> {
        read_codes(block, len, columns, steps, levels, at)?;
        self.locate(block, len, columns, steps, at)?;
        self.parents.extend_from_slice(block.parent.get(..len).unwrap_or_default());
        self.extents.extend_from_slice(block.extent.get(..len).unwrap_or_default());
        tree.push_walked(
            block.id.get(..len).unwrap_or_default(),
            block.start.get(..len).unwrap_or_default(),
        );
        at.first = at.first.wrapping_add(len as u32);
        Ok(())
    }

    /// Where the nodes of a block start, and the lines that start there.
    #[inline(never)]
    #[expect(
        clippy::indexing_slicing,
        reason = "`node` and `line` stay below BLOCK, the length of the arrays"
    )]
    fn locate(
        &mut self,
        block: &mut Block,
        len: usize,
        columns: &mut Columns<'_>,
        steps: &Steps<'_>,
        at: &mut At,
    ) -> Result<(), DecodeError> {
        let line_end = columns.line_end;
        let (mut position, mut indent, mut negative) = (at.position, at.indent, at.negative);
        let mut line = 0usize;
        for node in 0..len.min(BLOCK) {
            let step = block.step[node];
            // Nodes with children have no length.
            let token = u64::from(block.extent[node]);
            if step & STEP_SLOW != 0 {
                self.lines.extend_from_slice(&block.line[..line.min(BLOCK)]);
                line = 0;
                let shape = steps.shapes.get(block.id[node]).unwrap_or(crate::tree::NO_SHAPE);
                let index = at.first.wrapping_add(node as u32);
                let slow = Slow { index, shape, position, indent, len: token };
                let start;
                (start, indent) =
                    columns.slow(slow, &mut self.lines, &mut self.tails, &mut self.errors)?;
                block.start[node] = start as u32;
                position = start.wrapping_add(token);
                continue;
            }
            let is_line = u64::from(step >> STEP_LINE & 1);
            let mask = is_line.wrapping_neg();
            position = position
                .wrapping_add(u64::from(step >> STEP_GAP & 0xff))
                .wrapping_add(line_end & mask);
            block.line[line & (BLOCK - 1)] = position as u32;
            line = line.wrapping_add(is_line as usize);
            indent = indent.wrapping_add(i64::from((step >> STEP_CHANGE) as i8));
            negative |= indent;
            position = position.wrapping_add(indent as u64 & mask);
            block.start[node] = position as u32;
            position = position.wrapping_add(token);
        }
        self.lines.extend_from_slice(&block.line[..line.min(BLOCK)]);
        (at.position, at.indent, at.negative) = (position, indent, negative);
        Ok(())
    }

    /// The second pass, backwards: the number of nodes under each, and the
    /// distance to its parent.
    #[inline(never)]
    fn count(&mut self) -> Result<(), DecodeError> {
        if let Some(root) = self.parents.first_mut() {
            *root = 0;
        }
        let extents = Cell::from_mut(self.extents.as_mut_slice()).as_slice_of_cells();
        let (mut next_parent, mut roots) = (NONE, 0u32);
        for (index, (parent, extent)) in
            self.parents.iter_mut().zip(extents).enumerate().skip(1).rev()
        {
            let (index, above) = (index as u32, *parent);
            // A node has children when the next node is its child.
            let internal = next_parent == index;
            let size = extent.get().wrapping_add(u32::from(internal));
            extent.set(size);
            match extents.get(above as usize) {
                Some(total) => {
                    total.set(total.get().wrapping_add(select_unpredictable(internal, size, 1)))
                }
                None => roots = roots.wrapping_add(1),
            }
            *parent = index.wrapping_sub(above);
            next_parent = above;
        }
        if roots != 0 {
            return Err(invalid("tree", 44, "one root", format!("{roots} more")));
        }
        if let Some(root) = extents.first().filter(|_| next_parent == 0) {
            root.set(root.get().wrapping_add(1));
        }
        Ok(())
    }

    /// Where nodes end that end after their last child.
    fn read_tails(&mut self, columns: &Columns<'_>, tree: &mut Tree) -> Result<(), DecodeError> {
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

/// Shape, parent and token length of the next `len` nodes, at most [`BLOCK`].
///
/// Everything it writes is in arrays of fixed length, so that the loop needs
/// few registers and no bounds checks.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "`node` stays below BLOCK, the length of the arrays")]
fn read_codes(
    block: &mut Block,
    len: usize,
    columns: &Columns<'_>,
    steps: &Steps<'_>,
    levels: &mut impl Levels,
    at: &mut At,
) -> Result<(), DecodeError> {
    let (codes, lens) = (columns.codes, columns.lens);
    let (mut codes_at, mut lens_at, mut depth) = (at.codes, at.lens, at.depth);
    for node in 0..len.min(BLOCK) {
        let code = codes.get(codes_at).copied().unwrap_or(LONG_CODE);
        codes_at = codes_at.wrapping_add(1);
        let (mut id, mut step) = (u32::from(code), steps.of(code));
        if step == UNKNOWN {
            (id, step, codes_at) = columns.long_code(codes_at.wrapping_sub(1), steps)?;
        }
        block.id[node] = id;
        block.step[node] = step;

        let byte = u32::from(lens.get(lens_at).copied().unwrap_or(0));
        let in_column = step >> STEP_COLUMN & 1;
        lens_at = lens_at.wrapping_add(in_column as usize);
        block.extent[node] = (step >> STEP_LEN & 0xff) | (byte & in_column.wrapping_neg());
        if byte & in_column << 7 != 0 {
            (block.extent[node], lens_at) = columns.long_len(lens_at.wrapping_sub(1))?;
        }

        let Frame { parent, next: after } = levels.at(depth);
        block.parent[node] = parent;
        let next = select_unpredictable(step & STEP_LAST != 0, after, depth);
        depth = depth.wrapping_add(1);
        levels.put(depth, Frame { parent: at.first.wrapping_add(node as u32), next });
        depth = select_unpredictable(step & STEP_INTERNAL != 0, depth, next);
    }
    (at.codes, at.lens, at.depth) = (codes_at, lens_at, depth);
    Ok(())
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
