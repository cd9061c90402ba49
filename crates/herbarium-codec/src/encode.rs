//! From a tree to bytes.
//!
//! One pass names the shape of every node and spells out what no shape holds;
//! then the most frequent shapes get the numbers that take one byte.

use std::sync::Arc;

use crate::container::{self, FORMAT_MAJOR, FORMAT_MINOR, Header};
use crate::decode::{FIRST_LONG, LONG_CODE, LONG_LIMIT};
use crate::lens::LONG_LEN;
use crate::shape::{
    EXTRA, GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, MISSING, Shape, TAIL, gap, put_shapes,
};
use crate::wire::put_varint;
use crate::{Quirk, ShapeBook, Tree};

/// Presses a tree into bytes.
///
/// For many trees, an [`Encoder`] spares the working memory.
///
/// Cost: about 5% of parsing the source. Size: about 1.7 bytes a node, half of
/// that after a general compressor.
pub fn encode(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new().encode_into(tree, None, &mut out);
    out
}

/// Presses a tree into bytes that can be opened with nothing else at hand: the
/// grammar table is inside. [`crate::decode_standalone`] opens them.
pub fn encode_standalone(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new().write(tree, None, true, &mut out);
    out
}

/// An encoder that keeps its working memory from tree to tree.
///
/// In steady state, [`Encoder::encode_into`] allocates nothing.
#[derive(Default)]
pub struct Encoder {
    shapes: ShapeTable,
    /// Shape of each node, by place in `shapes`.
    nodes: Vec<u32>,
    gaps: Vec<u8>,
    lens: Vec<u8>,
    lines: Vec<u8>,
    tails: Vec<u8>,
    table: Vec<u8>,
    codes: Vec<u8>,
    long_codes: Vec<u8>,
    faults: Vec<u8>,
    /// Final number of each shape, by place in `shapes`.
    numbers: Vec<u32>,
    order: Vec<u32>,
    own: Vec<Shape>,
}

impl Encoder {
    /// An encoder without memory of any tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the contents of `out` by the pressed tree. With a shape book
    /// of the same grammar the result is smaller and needs that book to be
    /// opened; a book of another grammar is ignored.
    pub fn encode_into(&mut self, tree: &Tree, book: Option<&Arc<ShapeBook>>, out: &mut Vec<u8>) {
        out.clear();
        let book = book.filter(|book| book.grammar() == tree.grammar().fingerprint());
        self.write(tree, book.map(|book| &**book), false, out);
    }

    /// Tells which shapes the tree would have without a book, and how often.
    pub(crate) fn count_shapes(&mut self, tree: &Tree, mut count: impl FnMut(Shape, u64)) {
        self.scan(tree);
        for (&shape, &uses) in self.shapes.shapes.iter().zip(&self.shapes.uses) {
            count(shape, u64::from(uses));
        }
    }

    fn write(
        &mut self,
        tree: &Tree,
        book: Option<&ShapeBook>,
        standalone: bool,
        out: &mut Vec<u8>,
    ) {
        self.scan(tree);
        self.number_shapes(book);
        self.put_codes();
        self.put_faults(tree);
        self.table.clear();
        let with_supertypes = !tree.grammar().supertype_kinds().is_empty();
        put_shapes(&mut self.table, &self.own, with_supertypes);
        let header = Header {
            major: FORMAT_MAJOR,
            minor: FORMAT_MINOR,
            grammar: tree.grammar().fingerprint(),
            book: book.map(ShapeBook::id),
            source_hash: tree.source_hash(),
            source_len: tree.source_len(),
            node_count: tree.descendant_count() as u32,
            sections: 1 + u8::from(standalone),
        };
        let grammar = standalone.then(|| tree.grammar().to_bytes());
        container::write(out, &header, grammar.as_deref(), |out| self.put_columns(tree, out));
    }

    fn put_columns(&self, tree: &Tree, out: &mut Vec<u8>) {
        let columns = [&self.long_codes, &self.gaps, &self.lens, &self.lines, &self.tails];
        out.push(u8::from(tree.is_crlf()));
        put_varint(out, self.table.len() as u32);
        columns.iter().for_each(|column| put_varint(out, column.len() as u32));
        out.extend_from_slice(&self.table);
        out.extend_from_slice(&self.codes);
        columns.iter().for_each(|column| out.extend_from_slice(column));
        out.extend_from_slice(&self.faults);
    }

    /// Names the shape of every node and fills the columns.
    fn scan(&mut self, tree: &Tree) {
        self.shapes.clear();
        self.nodes.clear();
        let columns = [&mut self.gaps, &mut self.lens, &mut self.lines, &mut self.tails];
        columns.into_iter().for_each(Vec::clear);
        let mut at = At::new(tree);
        for index in 0..tree.descendant_count() as u32 {
            let shape = self.node(tree, index, &mut at);
            self.nodes.push(self.shapes.place(shape));
        }
        self.spell_lines(&mut at, tree.source_len());
    }

    fn node(&mut self, tree: &Tree, index: u32, at: &mut At<'_>) -> Shape {
        let seen = tree.shape_at(index);
        let start = tree.start_at(index);
        let mut shape = Shape {
            flags: seen.flags & (EXTRA | MISSING | INTERNAL | LAST | TAIL),
            gap: 0,
            len: 0,
            ..seen
        };
        let code = self.gap(at, start);
        if gap::joins_shape(code) {
            shape.gap = code;
        } else {
            shape.flags |= GAP_COLUMN;
            self.gaps.push(code);
        }
        at.position = start;
        if seen.has(INTERNAL) {
            if seen.has(TAIL) {
                put_varint(&mut self.tails, tree.end_at(index) - tree.last_token_end(index) as u32);
            }
        } else {
            self.token(tree, &mut shape, tree.len_at(index), at);
        }
        shape
    }

    /// The code of the gap up to `start`.
    #[inline]
    fn gap(&mut self, at: &mut At<'_>, start: u32) -> u8 {
        let len = start - at.position;
        if start < at.next_line {
            if len < u32::from(gap::PLAIN) {
                return len as u8;
            }
            put_varint(&mut self.lines, 0);
            put_varint(&mut self.lines, len);
            return gap::ESCAPE;
        }
        self.gap_with_lines(at, start)
    }

    fn gap_with_lines(&mut self, at: &mut At<'_>, start: u32) -> u8 {
        let (ends, in_front) = at.line_ends(start);
        let indent = i64::from(start) - i64::from(at.tree.line_start(at.line + ends));
        let change = indent - at.indent;
        at.indent = indent;
        if let Some(code) = gap::of_lines(ends, change).filter(|_| in_front) {
            at.skip_lines(ends);
            return code;
        }
        self.spell_lines(at, start);
        put_varint(&mut self.lines, indent as u32);
        gap::ESCAPE
    }

    #[inline]
    fn token(&mut self, tree: &Tree, shape: &mut Shape, len: u32, at: &mut At<'_>) {
        let end = at.position + len;
        let mut last_line = len;
        if end >= at.next_line {
            shape.flags |= LINES;
            self.spell_lines(at, end);
            last_line = end - tree.line_start(at.line);
        }
        match u8::try_from(last_line) {
            Ok(len) if !tree.grammar().is_named(shape.kind) => shape.len = len,
            _ => {
                shape.flags |= LEN_COLUMN;
                self.lens.push(u8::try_from(last_line).unwrap_or(LONG_LEN));
                if last_line >= u32::from(LONG_LEN) {
                    put_varint(&mut self.lines, last_line - u32::from(LONG_LEN));
                }
            }
        }
        at.position = end;
    }

    /// Spells out the line ends up to `end`: how many, and the bytes before
    /// each `\n`.
    fn spell_lines(&mut self, at: &mut At<'_>, end: u32) {
        let (ends, _) = at.line_ends(end);
        put_varint(&mut self.lines, ends as u32);
        let mut from = at.position;
        for _ in 0..ends {
            put_varint(&mut self.lines, at.next_line - 1 - from);
            from = at.next_line;
            at.skip_lines(1);
        }
    }

    /// Gives every shape its number: that of the book, or one behind it. The
    /// numbers of one byte go to the most frequent; each group is sorted, so
    /// that its table is small.
    fn number_shapes(&mut self, book: Option<&ShapeBook>) {
        self.numbers.clear();
        self.numbers.extend(
            self.shapes
                .shapes
                .iter()
                .map(|shape| book.and_then(|book| book.number(shape)).unwrap_or(u32::MAX)),
        );
        self.order.clear();
        let own = self.numbers.iter().enumerate().filter(|(_, number)| **number == u32::MAX);
        self.order.extend(own.map(|(place, _)| place as u32));
        let (shapes, uses) = (&self.shapes.shapes, &self.shapes.uses);
        let short = (u32::from(FIRST_LONG) as usize).saturating_sub(book.map_or(0, ShapeBook::len));
        let by_shape = |place: &u32| shapes[*place as usize];
        if self.order.len() > short {
            self.order.sort_unstable_by_key(|&place| {
                (std::cmp::Reverse(uses[place as usize]), by_shape(&place))
            });
            let (short, long) = self.order.split_at_mut(short);
            short.sort_unstable_by_key(by_shape);
            long.sort_unstable_by_key(by_shape);
        } else {
            self.order.sort_unstable_by_key(by_shape);
        }
        let first = book.map_or(0, ShapeBook::len) as u32;
        self.own.clear();
        for (number, &place) in (first..).zip(&self.order) {
            self.numbers[place as usize] = number;
            self.own.push(self.shapes.shapes[place as usize]);
        }
    }

    fn put_codes(&mut self) {
        self.codes.clear();
        self.long_codes.clear();
        self.codes.reserve(self.nodes.len());
        for &place in &self.nodes {
            let number = self.numbers[place as usize];
            if number < u32::from(FIRST_LONG) {
                self.codes.push(number as u8);
            } else if number < LONG_LIMIT {
                let rest = number - u32::from(FIRST_LONG);
                self.codes.push(FIRST_LONG + (rest >> 8) as u8);
                self.long_codes.push(rest as u8);
            } else {
                self.codes.push(LONG_CODE);
                self.long_codes.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    fn put_faults(&mut self, tree: &Tree) {
        let out = &mut self.faults;
        out.clear();
        if tree.unexpected().is_empty()
            && tree.hidden_missing().is_empty()
            && tree.error_marks().is_empty()
            && tree.all_quirks().is_empty()
        {
            return;
        }
        tree.unexpected()
            .iter()
            .for_each(|&(_, character)| put_varint(out, (character as u32).wrapping_add(2)));
        put_varint(out, tree.hidden_missing().len() as u32);
        let mut parent = 0;
        for hidden in tree.hidden_missing() {
            put_varint(out, hidden.parent - parent);
            put_varint(out, hidden.before);
            put_varint(out, u32::from(hidden.kind) << 1 | u32::from(hidden.named));
            parent = hidden.parent;
        }
        put_varint(out, tree.error_marks().len() as u32);
        let mut last = 0;
        for &mark in tree.error_marks() {
            put_varint(out, mark - last);
            last = mark;
        }
        put_quirks(out, tree.all_quirks());
    }
}

/// Nothing where there are none: that they are the last list tells.
fn put_quirks(out: &mut Vec<u8>, quirks: &[(u32, Quirk)]) {
    if quirks.is_empty() {
        return;
    }
    put_varint(out, quirks.len() as u32);
    let mut last = 0;
    for &(index, quirk) in quirks {
        let code = match quirk {
            Quirk::LastOfField => 0,
            Quirk::NotLastOfField => 1,
            Quirk::Field(field) => 2 + u32::from(field) * 3,
            Quirk::Alias(kind) => 3 + u32::from(kind) * 3,
            Quirk::FieldWithin(field) => 4 + u32::from(field) * 3,
        };
        put_varint(out, index - last);
        put_varint(out, code);
        last = index;
    }
}

/// Where the scan is in the text.
struct At<'t> {
    tree: &'t Tree,
    position: u32,
    indent: i64,
    /// Number of line ends passed: the line that `position` is on.
    line: usize,
    /// Where the next line starts, past the end when there is none.
    next_line: u32,
}

impl<'t> At<'t> {
    fn new(tree: &'t Tree) -> Self {
        let mut at = Self { tree, position: 0, indent: 0, line: 0, next_line: 0 };
        at.skip_lines(0);
        at
    }

    fn skip_lines(&mut self, ends: usize) {
        self.line += ends;
        let more = self.line + 1 < self.tree.line_count();
        self.next_line = if more { self.tree.line_start(self.line + 1) } else { u32::MAX };
    }

    /// The number of line ends between here and `end`, and whether they are
    /// the first bytes of the stretch, one behind the other.
    fn line_ends(&self, end: u32) -> (usize, bool) {
        let unit = 1 + u32::from(self.tree.is_crlf());
        let (mut ends, mut in_front) = (0, true);
        while self.line + ends + 1 < self.tree.line_count() {
            let start = self.tree.line_start(self.line + ends + 1);
            if start > end {
                break;
            }
            ends += 1;
            in_front &=
                u64::from(start) == u64::from(self.position) + ends as u64 * u64::from(unit);
        }
        (ends, in_front)
    }
}

/// The shapes of one tree in order of appearance, found again by hash.
#[derive(Default)]
struct ShapeTable {
    shapes: Vec<Shape>,
    uses: Vec<u32>,
    /// Place + 1 of a shape, 0 for a free slot; the length is a power of two.
    slots: Vec<u32>,
}

impl ShapeTable {
    const FIRST_SLOTS: usize = 1024;

    fn clear(&mut self) {
        self.shapes.clear();
        self.uses.clear();
        self.slots.clear();
        self.slots.resize(Self::FIRST_SLOTS, 0);
    }

    /// The place of a shape, new or known; counts the use.
    #[inline]
    fn place(&mut self, shape: Shape) -> u32 {
        let mask = self.slots.len() - 1;
        let mut slot = Self::hash(shape) & mask;
        loop {
            match self.slots[slot] {
                0 => return self.add(shape, slot),
                place if self.shapes[place as usize - 1] == shape => {
                    self.uses[place as usize - 1] += 1;
                    return place - 1;
                }
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    #[inline]
    fn hash(shape: Shape) -> usize {
        (shape.packed().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
    }

    #[cold]
    fn add(&mut self, shape: Shape, slot: usize) -> u32 {
        let place = self.shapes.len() as u32;
        self.shapes.push(shape);
        self.uses.push(1);
        self.slots[slot] = place + 1;
        if self.shapes.len() * 2 > self.slots.len() {
            self.grow();
        }
        place
    }

    fn grow(&mut self) {
        let len = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(len, 0);
        for (place, &shape) in self.shapes.iter().enumerate() {
            let mut slot = Self::hash(shape) & (len - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.slots[slot] = place as u32 + 1;
        }
    }
}
