//! The other loops: gaps and token lengths, which add up to positions and line
//! starts.
//!
//! 1. [`look_up`] puts down gap and length of every node, as bytes;
//! 2. [`marks`] finds the nodes that have more to them, about every sixth, and
//!    [`Text`] reads what: mostly a line end and an indentation;
//! 3. [`add_up`] makes starts of all of it.

use std::ops::Range;

use super::columns::{Columns, Found, invalid};
use super::steps::{MORE, Steps};
use super::walk::At;
use crate::DecodeError;
use crate::lane::{BLOCK, WIDE};
use crate::lens::LONG_LEN;
use crate::shape::{GAP_COLUMN, LEN_COLUMN, LINES, Shape, TAIL, gap};
use crate::tree::{NO_SHAPE, Shapes, Tree};

/// What the loops read and write of a block of nodes, close together.
pub(super) struct TextBlock {
    /// The next token lengths of the column.
    column: [u8; BLOCK],
    /// Bytes of the gap before each node, where it is no part of `more`.
    gaps: [u8; BLOCK],
    /// Length of the token before each node of the block: none, and that of
    /// each node.
    lens: [u8; BLOCK + 1],
    /// What to add before each node besides; one place more, as for `lens`.
    more: [u16; BLOCK + 1],
    /// First byte of each node, counted from [`At::position`].
    starts: [u16; BLOCK],
    /// What the places of `more` have no room for: such a block has far starts.
    far: Vec<(usize, u64)>,
    /// As `starts`, for a block that is too long for it.
    far_starts: [u32; BLOCK],
    /// The node of each line start that was found in the block. The line
    /// starts count from its start until that is known.
    line_nodes: Vec<u8>,
}

/// More than this goes to [`TextBlock::far`]. Four of the starts' summands fit
/// into 16 bits: two of this, a gap and a length.
const NEAR: u64 = 0x1000;

/// Reads positions.
pub(super) struct Text<'t, 'c> {
    pub(super) block: &'t mut TextBlock,
    pub(super) columns: &'t mut Columns<'c>,
    pub(super) shapes: Shapes<'t>,
    pub(super) found: &'t mut Found,
    pub(super) tree: &'t mut Tree,
    pub(super) at: &'t mut At,
}

impl Text<'_, '_> {
    /// Reads gaps and lengths of some nodes of a block.
    pub(super) fn read(
        &mut self,
        codes: &[u8; BLOCK],
        steps: &Steps,
        nodes: Range<usize>,
    ) -> Result<(), DecodeError> {
        let block = &mut *self.block;
        block.fill_column(self.columns.lens_from(self.at.lens));
        let used = block.look_up(codes, steps, nodes.clone());
        self.at.lens = self.at.lens.wrapping_add(used);
        for (marks, first) in block.marks().into_iter().zip((0..).step_by(GROUP)) {
            let mut marks = marks;
            while marks != 0 {
                let node = marks.trailing_zeros().wrapping_add(first) as usize;
                marks &= marks.wrapping_sub(1);
                if nodes.contains(&node) {
                    self.read_more(codes, steps, node)?;
                }
            }
        }
        Ok(())
    }

    /// Reads what else there is to a node: mostly line ends and an indentation.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "nodes of a block, and codes of a byte")]
    fn read_more(
        &mut self,
        codes: &[u8; BLOCK],
        steps: &Steps,
        node: usize,
    ) -> Result<(), DecodeError> {
        let code = usize::from(codes[node & (BLOCK - 1)]);
        let ends = u32::from(steps.ends[code]);
        let indent = self.at.indent.wrapping_add(i64::from(steps.change[code]));
        let has_short_len = self.block.len(node) < MORE;
        if ends == 0 || indent as u64 >= NEAR / 2 || !has_short_len {
            return self.read_rare(node);
        }
        self.at.indent = indent;
        let (line_end, indent) = (self.columns.line_end, indent as u32);
        for behind in (0..ends).rev() {
            let line = behind.wrapping_mul(line_end).wrapping_add(indent);
            self.found.lines.push(line.wrapping_neg());
            self.block.line_nodes.push(node as u8);
        }
        let gap = ends.wrapping_mul(line_end).wrapping_add(indent);
        self.block.set_near_gap(node, gap as u16);
        Ok(())
    }

    /// The same for any node.
    #[inline(never)]
    fn read_rare(&mut self, node: usize) -> Result<(), DecodeError> {
        let index = self.at.first.wrapping_add(node as u32);
        let shape = self.shapes.get(self.tree.shape_number(index)).unwrap_or(NO_SHAPE);
        let lines = self.found.lines.len();
        let gap = self.gap(shape)?;
        // They counted from the end of the token before.
        let in_gap = self.found.lines.get_mut(lines..).unwrap_or_default();
        in_gap.iter_mut().for_each(|line| *line = line.wrapping_sub(gap as u32));
        let len = self.token_len(shape, node)?;
        if len >= u64::from(LONG_LEN) {
            self.tree.push_long_len(index, len as u32);
        }
        self.block.set(node, gap, len);
        let new = self.found.lines.len().saturating_sub(lines);
        self.block.line_nodes.extend(std::iter::repeat_n(node as u8, new));
        self.note(index, shape)
    }

    /// The bytes of a gap. Its lines count from where it begins.
    fn gap(&mut self, shape: Shape) -> Result<u64, DecodeError> {
        let code = match shape.has(GAP_COLUMN) {
            true => self.columns.gap_code()?,
            false => shape.gap,
        };
        if code < gap::PLAIN {
            return Ok(u64::from(code));
        }
        let Some((ends, change)) = gap::lines(code) else {
            return self.spelled_gap(code);
        };
        let mut line = 0u32;
        for _ in 0..ends {
            line = line.wrapping_add(self.columns.line_end);
            self.found.lines.push(line);
        }
        let indent = self.at.indent.saturating_add(i64::from(change));
        self.at.indent = indent;
        match u32::try_from(indent) {
            Ok(indent) => Ok(u64::from(indent).wrapping_add(u64::from(line))),
            Err(_) => {
                let offset = self.columns.gap_offset();
                Err(invalid("indentation", offset, "from 0 to 4294967295", indent))
            }
        }
    }

    /// The same, where the gap is spelled out.
    #[cold]
    fn spelled_gap(&mut self, code: u8) -> Result<u64, DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.columns.gap_offset(), "a code in use", code));
        }
        let last_line = self.columns.line_ends(&mut self.found.lines)?;
        let rest = self.columns.rest_of_gap()?;
        if last_line != 0 {
            self.at.indent = i64::from(rest);
        }
        Ok(last_line.wrapping_add(u64::from(rest)))
    }

    /// The length of a token. Its lines count from its start.
    fn token_len(&mut self, shape: Shape, node: usize) -> Result<u64, DecodeError> {
        let last_line = match shape.has(LINES) {
            true => self.columns.line_ends(&mut self.found.lines)?,
            false => 0,
        };
        let len = match self.block.len(node) {
            LONG_LEN if shape.has(LEN_COLUMN) => {
                u64::from(self.columns.rest_of_len()?).wrapping_add(u64::from(LONG_LEN))
            }
            len => u64::from(len),
        };
        Ok(last_line.wrapping_add(len))
    }

    /// What else is to be kept of a node.
    fn note(&mut self, index: u32, shape: Shape) -> Result<(), DecodeError> {
        if shape.has(TAIL) {
            self.found.tails.push((index, self.columns.tail()?));
        }
        if shape.is_fault() {
            self.found.errors.push(index);
        }
        if shape.is_error_token() {
            self.found.error_tokens.push(index);
        }
        Ok(())
    }

    /// Makes positions of what was read of a block of so many nodes.
    pub(super) fn finish_block(&mut self, len: usize) {
        let base = self.at.position;
        let block = &mut *self.block;
        block.forget_behind(len);
        let distance = u64::from(block.add_up());
        let is_far = !block.far.is_empty() || distance >= u64::from(WIDE);
        let distance = if is_far { block.add_up_far() } else { distance };
        self.at.position = base.wrapping_add(distance);
        let lines = self.found.lines.len().saturating_sub(block.line_nodes.len());
        let lines = self.found.lines.get_mut(lines..).unwrap_or_default();
        for (line, &node) in lines.iter_mut().zip(&block.line_nodes) {
            let start = block.start(node, is_far).wrapping_add(base as u32);
            *line = line.wrapping_add(start);
        }
        match is_far {
            true => {
                let starts = block.far_starts.get(..len).unwrap_or_default();
                self.tree.push_far_starts(base as u32, starts);
            }
            false => {
                let starts = block.starts.get(..len).unwrap_or_default();
                self.tree.push_starts(base as u32, starts);
            }
        }
        let [_, lens @ ..] = &block.lens;
        self.tree.push_lens(lens.get(..len).unwrap_or_default());
        block.forget();
    }
}

/// Nodes whose marks are one number.
const GROUP: usize = 64;
/// Nodes that a loop takes in one go.
const STRIP: usize = 8;

impl TextBlock {
    /// Makes the next lengths of the column those of the block; zeros behind
    /// the last.
    fn fill_column(&mut self, lens: &[u8]) {
        let (to, behind) = self.column.split_at_mut(lens.len().min(BLOCK));
        to.copy_from_slice(lens.get(..to.len()).unwrap_or_default());
        behind.fill(0);
    }

    /// Puts down gaps and lengths. Gives how many lengths of the column it took.
    #[inline(never)]
    #[expect(clippy::indexing_slicing, reason = "places and codes of a byte")]
    fn look_up(&mut self, codes: &[u8; BLOCK], steps: &Steps, nodes: Range<usize>) -> usize {
        let Self { column, gaps, lens, .. } = self;
        let [_, lens @ ..] = lens;
        let codes = codes.get(nodes.clone()).unwrap_or_default();
        let gaps = gaps.get_mut(nodes.clone()).unwrap_or_default();
        let lens = lens.get_mut(nodes).unwrap_or_default();
        let (mut at, mut all) = (0u8, 0usize);
        let mut look_up = |code: u8, gap: &mut u8, len: &mut u8| {
            let code = usize::from(code);
            *gap = steps.gap[code];
            *len = column[usize::from(at)] & steps.column[code] | steps.len[code];
            // All bits are -1.
            at = at.wrapping_sub(steps.column[code]);
        };
        let (code_strips, rest) = codes.as_chunks::<STRIP>();
        let (gap_strips, gaps_rest) = gaps.as_chunks_mut::<STRIP>();
        let (len_strips, lens_rest) = lens.as_chunks_mut::<STRIP>();
        for ((codes, gaps), lens) in code_strips.iter().zip(gap_strips).zip(len_strips) {
            for ((code, gap), len) in codes.iter().zip(gaps).zip(lens) {
                look_up(*code, gap, len);
            }
        }
        for ((code, gap), len) in rest.iter().zip(gaps_rest).zip(lens_rest) {
            look_up(*code, gap, len);
        }
        // A block of nothing but such tokens takes as many as a byte cannot say.
        if at == 0 && codes.first().is_some_and(|code| steps.column[usize::from(*code)] != 0) {
            all = codes.len();
        }
        usize::from(at).max(all)
    }

    /// The nodes that have [`MORE`] to them, a bit for each.
    fn marks(&self) -> [u64; BLOCK / GROUP] {
        let [_, lens @ ..] = &self.lens;
        let mut marks = [0; BLOCK / GROUP];
        let (gaps, _) = self.gaps.as_chunks::<GROUP>();
        let (lens, _) = lens.as_chunks::<GROUP>();
        for ((to, gaps), lens) in marks.iter_mut().zip(gaps).zip(lens) {
            *to = top_bits(gaps, lens);
        }
        marks
    }

    #[inline]
    fn len(&self, node: usize) -> u8 {
        self.lens.get(node.wrapping_add(1)).copied().unwrap_or(0)
    }

    /// A gap that is no longer than [`NEAR`].
    #[inline]
    fn set_near_gap(&mut self, node: usize, gap: u16) {
        if let (Some(to), Some(more)) = (self.gaps.get_mut(node), self.more.get_mut(node)) {
            *to = 0;
            *more = more.wrapping_add(gap);
        }
    }

    /// Any gap and length.
    fn set(&mut self, node: usize, gap: u64, len: u64) {
        self.set_near_gap(node, 0);
        self.add(node, gap);
        let short = u8::try_from(len).unwrap_or(LONG_LEN);
        if let Some(to) = self.lens.get_mut(node.wrapping_add(1)) {
            *to = short;
        }
        self.add(node.wrapping_add(1), len.wrapping_sub(u64::from(short)));
    }

    /// Adds so many bytes before a node, or behind the last.
    fn add(&mut self, node: usize, bytes: u64) {
        let near = bytes.min(NEAR);
        if let Some(more) = self.more.get_mut(node) {
            *more = more.wrapping_add(near as u16);
        }
        if bytes > near {
            self.far.push((node, bytes.wrapping_sub(near)));
        }
    }

    /// Of a block with fewer nodes than room for them.
    fn forget_behind(&mut self, len: usize) {
        self.gaps.get_mut(len..).unwrap_or_default().fill(0);
        self.lens.get_mut(len.wrapping_add(1)..).unwrap_or_default().fill(0);
    }

    /// Makes room for the next block.
    pub(super) fn forget(&mut self) {
        self.more.fill(0);
        self.far.clear();
        self.line_nodes.clear();
    }

    /// Finds the starts. Gives how far the end of the last token is from the
    /// base; that and the starts are right where it is below [`WIDE`] and
    /// nothing is far.
    #[inline(never)]
    fn add_up(&mut self) -> u32 {
        let Self { gaps, lens, more, starts, .. } = self;
        for (((to, gap), len), more) in starts.iter_mut().zip(gaps).zip(&*lens).zip(&*more) {
            *to = u16::from(*gap).wrapping_add(u16::from(*len)).wrapping_add(*more);
        }
        let mut at = 0u32;
        let (strips, _) = starts.as_chunks_mut();
        for strip in strips {
            let sums = sums(*strip);
            *strip = parts(sums.wrapping_add(u64::from(at).wrapping_mul(EACH)));
            at = at.wrapping_add((sums >> 48) as u32);
        }
        let ([.., len], [.., more]) = (lens, more);
        at.wrapping_add(u32::from(*len)).wrapping_add(u32::from(*more))
    }

    /// The same where anything is far.
    #[cold]
    fn add_up_far(&mut self) -> u64 {
        let mut at = 0u64;
        let mut far = self.far.iter().peekable();
        for (node, (len, more)) in self.lens.iter().zip(&self.more).enumerate() {
            let gap = self.gaps.get(node).copied().unwrap_or(0);
            at = at.wrapping_add(u64::from(gap)).wrapping_add(u64::from(*len));
            at = at.wrapping_add(u64::from(*more));
            while let Some((_, bytes)) = far.next_if(|far| far.0 == node) {
                at = at.wrapping_add(*bytes);
            }
            if let Some(start) = self.far_starts.get_mut(node) {
                *start = at as u32;
            }
        }
        at
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
    fn start(&self, node: u8, is_far: bool) -> u32 {
        match is_far {
            true => self.far_starts[usize::from(node)],
            false => u32::from(self.starts[usize::from(node)]),
        }
    }
}

/// One in each of four numbers.
const EACH: u64 = 0x0001_0001_0001_0001;

/// The sums of the first, the first two, three, all four, in order, 16 bits
/// each. No sum may be longer.
#[inline]
fn sums([first, second, third, fourth]: [u16; 4]) -> u64 {
    let numbers = u64::from(first)
        | u64::from(second) << 16
        | u64::from(third) << 32
        | u64::from(fourth) << 48;
    numbers.wrapping_mul(EACH)
}

/// The four numbers of 16 bits.
#[inline]
fn parts(numbers: u64) -> [u16; 4] {
    [numbers, numbers >> 16, numbers >> 32, numbers >> 48].map(|number| number as u16)
}

/// The top bits of each gap or length, as bits of one number in their order.
#[inline]
fn top_bits(gaps: &[u8; GROUP], lens: &[u8; GROUP]) -> u64 {
    let ((gaps, _), (lens, _)) = (gaps.as_chunks(), lens.as_chunks());
    let mut bits = 0;
    for (gaps, lens) in gaps.iter().zip(lens).rev() {
        let tops = u64::from_le_bytes(*gaps) | u64::from_le_bytes(*lens);
        bits = bits << STRIP | tops_together(tops);
    }
    bits
}

/// The top bits of 8 bytes as one byte: the factor adds up what it shifts, and
/// no two bits of it meet.
#[inline]
fn tops_together(bytes: u64) -> u64 {
    const TOPS: u64 = u64::from_le_bytes([MORE; STRIP]);
    ((bytes & TOPS) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Default for TextBlock {
    fn default() -> Self {
        Self {
            column: [0; BLOCK],
            gaps: [0; BLOCK],
            lens: [0; BLOCK + 1],
            more: [0; BLOCK + 1],
            starts: [0; BLOCK],
            far: Vec::new(),
            far_starts: [0; BLOCK],
            line_nodes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_top_bits_of_bytes_keep_their_order(bytes in any::<[u8; STRIP]>()) {
            let one_by_one = bytes.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(byte >> 7));
            prop_assert_eq!(tops_together(u64::from_le_bytes(bytes)), one_by_one);
        }

        #[test]
        fn sums_of_four_are_those_of_one_after_the_other(numbers in any::<[u16; 4]>()) {
            let numbers = numbers.map(|number| number >> 2);
            let mut sum = 0u16;
            let one_by_one = numbers.map(|number| { sum = sum.wrapping_add(number); sum });
            prop_assert_eq!(parts(sums(numbers)), one_by_one);
        }
    }
}
