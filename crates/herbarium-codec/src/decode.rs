//! From bytes to a tree that can be walked.
//!
//! Three passes over the columns. The first finds parents and next siblings; it
//! has no branch on the shape of the tree: what a node does to the stack of
//! open nodes is computed by selection, never by a jump. The second finds
//! positions and lengths, the straight way for most nodes, through
//! [`Columns::slow`] for the rest. The third gives last children their extent
//! (their parent's is known by then) and packs everything into lanes.
//!
//! Nothing here trusts a byte: a wrong one is an error that names its place.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::hint::select_unpredictable;
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
    /// Line starts found on the slow way.
    fresh: Vec<u32>,
    tails: Vec<(u32, u32)>,
    errors: Vec<u32>,
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
        self.walk(&columns, tree)?;
        if tree.shape_count() > u32::from(crate::lane::WIDE) {
            self.number_wide(&columns, tree)?;
        }
        self.measure(&columns, tree)?;
        let end = self.locate(&mut columns, tree)?;
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
        self.extents.resize(count.saturating_add(1), OF_PARENT);
        self.shapes.clear();
        self.lines.clear();
        self.fresh.clear();
        self.tails.clear();
        self.errors.clear();
        self.frames.clear();
        let trash = count as u32;
        // Room for the depth that nearly every tree keeps to.
        self.frames.resize(FIRST_FRAMES, Frame { parent: NONE, next: 0, open: trash });
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

/// Levels that the walk has room for at first.
const FIRST_FRAMES: usize = 128;
/// No parent.
const NONE: u32 = u32::MAX;
/// An extent that the second pass takes from the parent.
const OF_PARENT: u32 = u32::MAX;

/// What the second pass needs of a shape.
#[derive(Clone, Copy)]
struct Token {
    len: u8,
    in_column: bool,
    internal: bool,
}

impl Token {
    fn new(shape: Shape) -> Self {
        Self { len: shape.len, in_column: shape.has(LEN_COLUMN), internal: shape.has(INTERNAL) }
    }
}

/// What the third pass needs of a shape.
#[derive(Clone, Copy)]
struct Gap {
    /// Bytes before the node, where there is no line end among them.
    plain: u8,
    change: i8,
    /// Just one line end stands before the node, and the indentation changes
    /// by `change`.
    line: bool,
    internal: bool,
    /// The node is more than that.
    slow: bool,
    fault: bool,
    flags: u8,
    /// The gap code of the shape.
    code: u8,
}

impl Gap {
    fn new(shape: Shape) -> Self {
        let (ends, change) = gap::lines(shape.gap).unwrap_or((0, 0));
        let plain = shape.gap < gap::PLAIN;
        let fault = shape.is_fault();
        let slow = shape.flags & (GAP_COLUMN | LINES | TAIL) != 0 || !(plain || ends == 1) || fault;
        Self {
            plain: if plain { shape.gap } else { 0 },
            change: change as i8,
            line: ends == 1,
            internal: shape.has(INTERNAL),
            slow,
            fault,
            flags: shape.flags,
            code: shape.gap,
        }
    }
}

/// A node that takes more than the straight path, and where it stands.
struct Slow {
    index: u32,
    gap: Gap,
    position: u64,
    len: u64,
}

/// What a pass needs of each shape, ready for the small numbers that nearly
/// all nodes have.
struct KnownShapes<'a, T> {
    ready: [T; KNOWN],
    count: usize,
    shapes: crate::tree::Shapes<'a>,
    make: fn(Shape) -> T,
}

/// Shape numbers that [`KnownShapes`] has ready.
const KNOWN: usize = 512;

impl<'a, T: Copy> KnownShapes<'a, T> {
    fn new(tree: &'a Tree, make: fn(Shape) -> T) -> Self {
        let shapes = tree.shapes();
        // With wide codes in the column, a small number there may be a wide one.
        let wide = shapes.len() > usize::from(crate::lane::WIDE);
        let count = if wide { 0 } else { shapes.len().min(KNOWN) };
        let mut ready = [make(crate::tree::NO_SHAPE); KNOWN];
        for (id, ready) in (0..count as u32).zip(&mut ready) {
            *ready = make(shapes.get(id).unwrap_or(crate::tree::NO_SHAPE));
        }
        Self { ready, count, shapes, make }
    }

    /// For the number in the shape column; `wide` gives the full number in
    /// trees whose column holds wide codes.
    #[inline]
    fn get(&self, low: u16, wide: &[u32], index: usize) -> T {
        match self.ready.get(usize::from(low)) {
            Some(ready) if usize::from(low) < self.count => *ready,
            _ => self.look_up(wide.get(index).copied().unwrap_or(u32::from(low))),
        }
    }

    #[inline(never)]
    fn look_up(&self, id: u32) -> T {
        (self.make)(self.shapes.get(id).unwrap_or(crate::tree::NO_SHAPE))
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
    gaps: Reader<'a>,
    lens: &'a [u8],
    lines: Reader<'a>,
    tails: Reader<'a>,
    faults: Reader<'a>,
    /// Length of a line end inside a gap: 1, or 2 for CR LF.
    line_end: u64,
    indent: i64,
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
        Ok(Self {
            codes,
            gaps,
            lens,
            lines,
            tails,
            faults,
            line_end,
            indent: 0,
            lens_offset,
            codes_offset,
        })
    }

    /// The shape number behind a code of more than one byte, and its flags.
    #[inline(never)]
    fn long_code(
        &self,
        first: u8,
        codes: &mut std::slice::Iter<'_, u8>,
        shapes: &crate::tree::Shapes<'_>,
    ) -> Result<(u32, u8), DecodeError> {
        let used = self.codes.len().saturating_sub(codes.as_slice().len());
        let mut next = || codes.next().copied().ok_or_else(|| self.no_code(self.codes.len()));
        let id = match first {
            LONG_CODE => u32::from_le_bytes([next()?, next()?, next()?, 0]),
            FIRST_LONG..LONG_CODE => {
                let high = u32::from(first.wrapping_sub(FIRST_LONG)) << 8;
                u32::from(FIRST_LONG).saturating_add(high).saturating_add(u32::from(next()?))
            }
            code => u32::from(code),
        };
        let offset = self.codes_offset.saturating_add(used).saturating_sub(1);
        let shape = shapes.get(id).ok_or_else(|| {
            invalid("shape code", offset, format!("a number below {}", shapes.len()), id)
        })?;
        Ok((id, shape.flags))
    }

    /// What is left of the codes, and where the walk is, after the last node.
    fn check_end(&self, left: usize, depth: u32) -> Result<(), DecodeError> {
        let offset = self.codes_offset.saturating_add(self.codes.len()).saturating_sub(left);
        match (left, depth) {
            (0, 0) => Ok(()),
            (0, depth) => Err(invalid("tree", offset, "every node with children closed", format!("{depth} levels open"))),
            (left, _) => Err(invalid("shape codes", offset, "the end of the column", format!("{left} bytes more"))),
        }
    }

    #[cold]
    fn no_code(&self, at: usize) -> DecodeError {
        let offset = self.codes_offset.saturating_add(at);
        DecodeError::Truncated { what: "shape codes", offset, needed: 1, left: 0 }
    }

    /// The start of a node that takes more than the straight path.
    #[inline(never)]
    fn slow(
        &mut self,
        node: Slow,
        lines: &mut Vec<u32>,
        tails: &mut Vec<(u32, u32)>,
        errors: &mut Vec<u32>,
    ) -> Result<u64, DecodeError> {
        let Slow { index, gap, position, len } = node;
        let start = self.slow_gap(gap, position, lines)?;
        if gap.flags & LINES != 0 {
            self.inner_lines(start, start.saturating_add(len), lines)?;
        }
        if gap.flags & TAIL != 0 {
            tails.push((index, self.tails.varint("tail")?));
        }
        if gap.fault {
            errors.push(index);
        }
        Ok(start)
    }

    /// A token length of two bytes or more, and the place behind it.
    #[inline(never)]
    fn long_len(&self, at: usize) -> Result<(u32, usize), DecodeError> {
        let bytes = self.lens.get(at..).unwrap_or_default();
        let mut reader = Reader::new(bytes, self.lens_offset.saturating_add(at));
        let len = reader.varint("token length")?;
        Ok((len, self.lens.len().saturating_sub(reader.left())))
    }

    fn check_lens(&self, at: usize) -> Result<(), DecodeError> {
        let (offset, len) = (self.lens_offset.saturating_add(at), self.lens.len());
        match at.cmp(&len) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => {
                let left = len.saturating_sub(at);
                Err(invalid("token lengths", offset, "the end of the column", format!("{left} bytes more")))
            }
            std::cmp::Ordering::Greater => {
                let offset = self.lens_offset.saturating_add(len);
                Err(DecodeError::Truncated { what: "token lengths", offset, needed: 1, left: 0 })
            }
        }
    }

    /// The position behind a gap of any kind.
    fn slow_gap(&mut self, gap: Gap, position: u64, lines: &mut Vec<u32>) -> Result<u64, DecodeError> {
        let code = if gap.flags & GAP_COLUMN == 0 { gap.code } else { self.gaps.u8("gap")? };
        if code < gap::PLAIN {
            return Ok(position.saturating_add(u64::from(code)));
        }
        let Some((ends, change)) = gap::lines(code) else {
            return self.spelled_gap(code, position, lines);
        };
        let mut position = position;
        for _ in 0..ends {
            position = position.saturating_add(self.line_end);
            lines.push(position as u32);
        }
        self.indent = self.indent.saturating_add(i64::from(change));
        let indent = u64::try_from(self.indent)
            .map_err(|_| invalid("indentation", self.gaps.offset(), "at least 0", self.indent))?;
        Ok(position.saturating_add(indent))
    }

    /// The position behind a gap whose length and line ends are spelled out.
    #[cold]
    fn spelled_gap(&mut self, code: u8, position: u64, lines: &mut Vec<u32>) -> Result<u64, DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.gaps.offset(), "a code in use", code));
        }
        let end = position.saturating_add(u64::from(self.lines.varint("gap length")?));
        if let Some(last) = self.inner_lines(position, end, lines)? {
            self.indent = end.saturating_sub(last) as i64;
        }
        Ok(end)
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
    /// The first pass: shapes, parents and next siblings, in pre-order.
    #[inline(never)]
    fn walk(&mut self, columns: &Columns<'_>, tree: &mut Tree) -> Result<(), DecodeError> {
        let trash = self.parents.len() as u32;
        let short = ShortFlags::new(tree);
        let (shapes, low) = tree.walk_parts(self.parents.len());
        let mut codes = columns.codes.iter();
        let mut nodes = (0u32..).zip(self.parents.iter_mut().zip(low));
        let extents = self.extents.as_mut_slice();
        let mut depth = 1u32;
        let mut level = Frame { parent: NONE, next: 0, open: trash };
        loop {
            // As long as the path fits, it is a slice of known length.
            let frames = self.frames.as_mut_slice();
            while (depth as usize) < frames.len() {
                let Some((index, (parent, low))) = nodes.next() else {
                    return columns.check_end(codes.as_slice().len(), depth);
                };
                let Some(&code) = codes.next() else { return Err(columns.no_code(columns.codes.len())) };
                let (mut id, mut flags) = (u32::from(code), short.of(code));
                if id >= short.count {
                    (id, flags) = columns.long_code(code, &mut codes, &shapes)?;
                }
                *low = id as u16;
                *parent = level.parent;
                if let Some(extent) = extents.get_mut(level.open as usize) {
                    *extent = index.wrapping_sub(level.open);
                }
                let internal = flags & INTERNAL != 0;
                level.open = select_unpredictable(internal, index, trash);
                let next = select_unpredictable(flags & LAST != 0, level.next, depth);
                if let Some(place) = frames.get_mut(depth as usize) {
                    *place = level;
                }
                // The level to go on with: the one below, this one, or one above.
                let above = frames.get(next as usize).copied().unwrap_or(level);
                level.parent = select_unpredictable(internal, index, above.parent);
                level.next = select_unpredictable(internal, next, above.next);
                level.open = select_unpredictable(internal, trash, above.open);
                depth = select_unpredictable(internal, depth.wrapping_add(1), next);
            }
            let longer = self.frames.len().saturating_mul(4);
            self.frames.resize(longer, level);
        }
    }

    /// The shape numbers of a tree with more shapes than 16 bits number, again.
    #[cold]
    fn number_wide(&mut self, columns: &Columns<'_>, tree: &Tree) -> Result<(), DecodeError> {
        let shapes = tree.shapes();
        let mut codes = columns.codes.iter();
        while let Some(&code) = codes.next() {
            let id = match code {
                ..FIRST_LONG => u32::from(code),
                code => columns.long_code(code, &mut codes, &shapes)?.0,
            };
            self.shapes.push(id);
        }
        Ok(())
    }

    /// The second pass: how long every token is.
    #[inline(never)]
    fn measure(&mut self, columns: &Columns<'_>, tree: &Tree) -> Result<(), DecodeError> {
        let known = KnownShapes::new(tree, Token::new);
        let lens = columns.lens;
        let mut at = 0usize;
        let wide = std::mem::take(&mut self.shapes);
        for (index, (&low, extent)) in tree.shape_column().iter().zip(&mut self.extents).enumerate() {
            let token = known.get(low, &wide, index);
            let byte = lens.get(at).copied().unwrap_or(0);
            let mut len = u32::from(select_unpredictable(token.in_column, byte, token.len));
            at = at.wrapping_add(usize::from(token.in_column));
            if token.in_column && byte >= 0x80 {
                (len, at) = columns.long_len(at.wrapping_sub(1))?;
            }
            *extent = select_unpredictable(token.internal, *extent, len);
        }
        self.shapes = wide;
        columns.check_lens(at)
    }

    /// The third pass: where every node starts, and every line. Gives the
    /// position after the last token.
    #[inline(never)]
    fn locate(&mut self, columns: &mut Columns<'_>, tree: &mut Tree) -> Result<u64, DecodeError> {
        let known = KnownShapes::new(tree, Gap::new);
        let line_end = columns.line_end;
        let (mut position, mut line) = (0u64, 0usize);
        let (mut indent, mut negative) = (0i64, 0i64);
        // Room for one line end a node; the slow way makes more where it needs it.
        self.lines.resize(self.starts.len().saturating_add(1), 0);
        let wide = std::mem::take(&mut self.shapes);
        let nodes = tree.shape_column().iter().zip(&mut self.starts).zip(&self.extents);
        let mut errors = std::mem::take(&mut self.errors);
        for (index, ((&low, start), &extent)) in nodes.enumerate() {
            let gap = known.get(low, &wide, index);
            let len = u64::from(select_unpredictable(gap.internal, 0, extent));
            if gap.slow {
                columns.indent = indent;
                let slow = Slow { index: index as u32, gap, position, len };
                let from = columns.slow(slow, &mut self.fresh, &mut self.tails, &mut errors)?;
                *start = from as u32;
                position = from.wrapping_add(len);
                indent = columns.indent;
                line = take_lines(&mut self.lines, line, &mut self.fresh);
                continue;
            }
            let ends = select_unpredictable(gap.line, line_end, 0);
            position = position.wrapping_add(u64::from(gap.plain)).wrapping_add(ends);
            if let Some(slot) = self.lines.get_mut(line) {
                *slot = position as u32;
            }
            line = line.wrapping_add(usize::from(gap.line));
            indent = indent.wrapping_add(i64::from(gap.change));
            negative |= indent;
            position = position.wrapping_add(select_unpredictable(gap.line, indent, 0) as u64);
            *start = position as u32;
            position = position.wrapping_add(len);
        }
        (self.shapes, self.errors) = (wide, errors);
        self.lines.truncate(line);
        match negative < 0 {
            true => Err(invalid("indentation", columns.codes_offset, "at least 0 on every line", "less")),
            false => Ok(position),
        }
    }

    /// The fourth pass: extents of last children, and everything into lanes.
    #[inline(never)]
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

/// Moves line starts found on the slow way to their place in the list, which
/// keeps its spare room. Gives the place behind them.
fn take_lines(lines: &mut Vec<u32>, line: usize, fresh: &mut Vec<u32>) -> usize {
    lines.resize(lines.len().saturating_add(fresh.len()), 0);
    let slots = lines.get_mut(line..).unwrap_or_default();
    slots.iter_mut().zip(fresh.iter()).for_each(|(slot, start)| *slot = *start);
    let next = line.saturating_add(fresh.len());
    fresh.clear();
    next
}

/// The flags of the shapes that codes of one byte stand for.
struct ShortFlags {
    flags: [u8; 256],
    /// Codes from here on are no shape number, or none that exists.
    count: u32,
}

impl ShortFlags {
    fn new(tree: &Tree) -> Self {
        let count = tree.shape_count().min(u32::from(FIRST_LONG));
        let mut flags = [0; 256];
        for (id, flags) in (0..count).zip(&mut flags) {
            *flags = tree.shape_by_id(id).map_or(0, |shape| shape.flags);
        }
        Self { flags, count }
    }

    #[inline]
    fn of(&self, code: u8) -> u8 {
        self.flags.get(usize::from(code)).copied().unwrap_or(0)
    }
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
