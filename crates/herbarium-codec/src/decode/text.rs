//! The other loops: gaps and token lengths, which add up to positions and line
//! starts.
//!
//! 1. [`marks`] finds the nodes that have more to them than the bytes that were
//!    put down, about every eighth, and [`Text`] reads what: mostly a line end
//!    and an indentation;
//! 2. [`Sums::add_up`] makes starts of all of it.

use std::ops::Range;

use super::block::Block;
use super::columns::{Columns, Found, Tail, invalid};
use super::steps::{ERROR, MORE, lines_of};
use super::walk::At;
use crate::DecodeError;
use crate::lane::{BLOCK, WIDE};
use crate::lens::LONG_LEN;
use crate::shape::{GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, MISSING, TAIL, gap};
use crate::tree::Tree;

/// What a block of nodes adds up to.
pub(super) struct Sums {
    /// What to add before each node besides; one place more, as for
    /// [`Block::lens`].
    more: [u16; BLOCK + 1],
    /// First byte of each node, counted from [`At::position`].
    starts: [u16; BLOCK],
    /// What the places of `more` have no room for: such a block has far starts.
    far: Vec<(usize, u64)>,
    /// As `starts`, for a block that is too long for it.
    far_starts: [u32; BLOCK],
    /// The line starts in the block, counted from that of a node, and the node.
    lines: Vec<(u32, u32)>,
}

/// More than this goes to [`Sums::far`]. Four of the starts' summands fit
/// into 16 bits: two of this, a gap and a length.
const NEAR: u64 = 0x1000;

/// Reads positions.
pub(super) struct Text<'t, 'c> {
    pub(super) block: &'t mut Block,
    pub(super) sums: &'t mut Sums,
    pub(super) columns: &'t mut Columns<'c>,
    pub(super) found: &'t mut Found,
    pub(super) tree: &'t mut Tree,
    pub(super) at: &'t mut At,
}

impl Text<'_, '_> {
    /// Reads what else there is to some nodes of a block.
    pub(super) fn read(&mut self, nodes: Range<usize>) -> Result<(), DecodeError> {
        let mut first = nodes.start & !(GROUP - 1);
        while first < nodes.end {
            let mut marks = marks(self.block, first) & bits_within(first, &nodes);
            while marks != 0 {
                let node = first.wrapping_add(marks.trailing_zeros() as usize);
                marks &= marks.wrapping_sub(1);
                self.read_more(node)?;
            }
            first = first.wrapping_add(GROUP);
        }
        Ok(())
    }

    /// Of one node: mostly line ends and an indentation.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "nodes of a block, and codes of a byte")]
    fn read_more(&mut self, node: usize) -> Result<(), DecodeError> {
        let place = node & (BLOCK - 1);
        let code = usize::from(self.block.codes[place]);
        let (ends, change) = lines_of(self.block.steps.gap_code[code]);
        let indent = self.at.indent.wrapping_add(i64::from(change));
        let is_long = self.block.lens[place.wrapping_add(1)] == LONG_LEN;
        if (ends == 0) | (indent as u64 >= NEAR / 2) | is_long {
            return self.read_rare(place);
        }
        self.near_lines(place, ends, indent);
        Ok(())
    }

    /// Line ends, and an indentation that is less than [`NEAR`] by far.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "nodes of a block")]
    fn near_lines(&mut self, node: usize, ends: u8, indent: i64) {
        self.at.indent = indent;
        let mut gap = indent as u32;
        if ends > 1 {
            gap = self.lines_before_last(node, ends, gap);
        }
        self.sums.lines.push(((indent as u32).wrapping_neg(), node as u32));
        gap = gap.wrapping_add(self.columns.line_end);
        let place = node & (BLOCK - 1);
        self.block.gaps[place] = 0;
        self.sums.more[place] = self.sums.more[place].wrapping_add(gap as u16);
    }

    /// The lines but the last that begin before a node that is indented by so
    /// much. Gives the bytes of the gap from the second line on.
    #[inline(never)]
    fn lines_before_last(&mut self, node: usize, ends: u8, indent: u32) -> u32 {
        let lines = (1..ends).rev().map(|line| {
            let before = u32::from(line).wrapping_mul(self.columns.line_end).wrapping_add(indent);
            (before.wrapping_neg(), node as u32)
        });
        self.sums.lines.extend(lines);
        u32::from(ends).wrapping_sub(1).wrapping_mul(self.columns.line_end).wrapping_add(indent)
    }

    /// The same for any node of a block.
    #[inline(never)]
    #[expect(clippy::indexing_slicing, reason = "nodes of a block, and codes of a byte")]
    fn read_rare(&mut self, node: usize) -> Result<(), DecodeError> {
        let place = node & (BLOCK - 1);
        let code = usize::from(self.block.codes[place]);
        let flags = self.block.steps.flags[code];
        let gap_code = match flags & GAP_COLUMN {
            0 => self.block.steps.own_gap[code],
            _ => self.columns.gap_code()?,
        };
        self.block.gaps[place] = 0;
        if gap_code < gap::PLAIN {
            self.sums.more[place] = self.sums.more[place].wrapping_add(u16::from(gap_code));
        } else {
            self.gap_with_lines(place, gap_code)?;
        }
        if flags & LINES != 0 || self.block.lens[place.wrapping_add(1)] == LONG_LEN {
            self.long_token(place, flags)?;
        }
        match flags & (TAIL | MISSING | ERROR) {
            0 => Ok(()),
            _ => self.note(place, flags),
        }
    }

    /// A gap that is more than bytes within a line.
    #[inline]
    fn gap_with_lines(&mut self, node: usize, code: u8) -> Result<(), DecodeError> {
        let (ends, change) = lines_of(code);
        let indent = self.at.indent.wrapping_add(i64::from(change));
        if (ends == 0) | (indent as u64 >= NEAR / 2) {
            return self.long_gap(node, code);
        }
        self.near_lines(node, ends, indent);
        Ok(())
    }

    /// The same where the last line is indented by much, or the gap is spelled
    /// out.
    #[cold]
    fn long_gap(&mut self, node: usize, code: u8) -> Result<(), DecodeError> {
        let (ends, change) = lines_of(code);
        if ends == 0 {
            return self.spelled_gap(node, code);
        }
        let indent = self.at.indent.saturating_add(i64::from(change));
        self.at.indent = indent;
        let Ok(indent) = u32::try_from(indent) else {
            let offset = self.columns.gap_offset();
            return Err(invalid("indentation", offset, "from 0 to 4294967295", indent));
        };
        self.lines_before_last(node, ends, indent);
        self.sums.lines.push((indent.wrapping_neg(), node as u32));
        let lines = u64::from(ends).wrapping_mul(u64::from(self.columns.line_end));
        self.sums.add(node, lines.wrapping_add(u64::from(indent)));
        Ok(())
    }

    /// The same, where the gap is spelled out. Its lines count from where it
    /// begins.
    fn spelled_gap(&mut self, node: usize, code: u8) -> Result<(), DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.columns.gap_offset(), "a code in use", code));
        }
        let first = self.sums.lines.len();
        let last_line = self.columns.line_ends(node as u32, &mut self.sums.lines)?;
        let rest = self.columns.rest_of_gap()?;
        if last_line != 0 {
            self.at.indent = i64::from(rest);
        }
        let gap = last_line.wrapping_add(u64::from(rest));
        let lines = self.sums.lines.get_mut(first..).unwrap_or_default();
        lines.iter_mut().for_each(|line| line.0 = line.0.wrapping_sub(gap as u32));
        self.sums.add(node, gap);
        Ok(())
    }

    /// A token with line ends in it, or so long that no byte holds its length.
    /// Its lines count from its start.
    fn long_token(&mut self, node: usize, flags: u8) -> Result<(), DecodeError> {
        let mut len = match flags & LINES {
            0 => 0,
            _ => self.columns.line_ends(node as u32, &mut self.sums.lines)?,
        };
        let short = self.block.len(node);
        len = len.wrapping_add(u64::from(short));
        if short == LONG_LEN && flags & LEN_COLUMN != 0 {
            len = len.wrapping_add(u64::from(self.columns.rest_of_len()?));
        }
        if len >= u64::from(LONG_LEN) {
            self.tree.push_long_len(self.at.first.wrapping_add(node as u32), len as u32);
        }
        let short = u8::try_from(len).unwrap_or(LONG_LEN);
        self.block.set_len(node, short);
        self.sums.add(node.wrapping_add(1), len.wrapping_sub(u64::from(short)));
        Ok(())
    }

    /// What else is to be kept of a node.
    fn note(&mut self, node: usize, flags: u8) -> Result<(), DecodeError> {
        let index = self.at.first.wrapping_add(node as u32);
        if flags & TAIL != 0 {
            let (len, is_last) = (self.columns.tail()?, flags & LAST != 0);
            self.found.tails.push(Tail { node: index, len, is_last });
        }
        let is_error = flags & ERROR != 0;
        if flags & MISSING != 0 || is_error && flags & INTERNAL != 0 {
            self.found.errors.push(index);
        }
        if is_error && flags & INTERNAL == 0 {
            self.found.error_tokens.push(index);
        }
        Ok(())
    }

    /// Makes positions of what was read of a block of so many nodes.
    #[expect(clippy::indexing_slicing, reason = "nodes of a block, see `lines_from`")]
    pub(super) fn finish_block(&mut self, len: usize) {
        let base = self.at.position;
        let Self { block, sums, found, tree, .. } = self;
        let distance = u64::from(sums.add_up(block, len));
        let is_far = !sums.far.is_empty() || distance >= u64::from(WIDE);
        let distance = if is_far { sums.add_up_far(block, len) } else { distance };
        self.at.position = base.wrapping_add(distance);
        match is_far {
            true => {
                found.lines.extend(sums.lines_from(base as u32, |node| sums.far_starts[node]));
                let starts = sums.far_starts.get(..len).unwrap_or_default();
                tree.push_far_starts(base as u32, starts);
            }
            false => {
                let start = |node: usize| u32::from(sums.starts[node]);
                found.lines.extend(sums.lines_from(base as u32, start));
                let starts = sums.starts.get(..len).unwrap_or_default();
                tree.push_starts(base as u32, starts);
            }
        }
        let [_, lens @ ..] = &block.lens;
        tree.push_lens(lens.get(..len).unwrap_or_default());
        sums.forget();
    }
}

/// Nodes whose marks are one number.
const GROUP: usize = 64;
/// Nodes whose bytes are one number.
const STRIP: usize = 8;

/// The bits of those of a group of nodes from `first` on that are in a range.
fn bits_within(first: usize, nodes: &Range<usize>) -> u64 {
    let below = |node: usize| match node.saturating_sub(first) {
        places @ 0..GROUP => (1u64 << places).wrapping_sub(1),
        _ => u64::MAX,
    };
    below(nodes.end) & !below(nodes.start)
}

/// The nodes from `first` on that have [`MORE`] to them, a bit for each of a
/// group.
#[inline]
fn marks(block: &Block, first: usize) -> u64 {
    let [_, lens @ ..] = &block.lens;
    let group = first / GROUP;
    let ((gaps, _), (lens, _)) = (block.gaps.as_chunks::<GROUP>(), lens.as_chunks::<GROUP>());
    match (gaps.get(group), lens.get(group)) {
        (Some(gaps), Some(lens)) => top_bits(gaps, lens),
        _ => 0,
    }
}

impl Sums {
    /// Adds no more than [`NEAR`] bytes before a node.
    #[inline]
    fn add_near(&mut self, node: usize, bytes: u16) {
        if let Some(more) = self.more.get_mut(node) {
            *more = more.wrapping_add(bytes);
        }
    }

    /// Adds so many bytes before a node, or behind the last.
    fn add(&mut self, node: usize, bytes: u64) {
        let near = bytes.min(NEAR);
        self.add_near(node, near as u16);
        if bytes > near {
            self.far.push((node, bytes.wrapping_sub(near)));
        }
    }

    /// Makes room for the next block.
    pub(super) fn forget(&mut self) {
        self.more.fill(0);
        self.far.clear();
        self.lines.clear();
    }

    /// Finds the starts of so many nodes. Gives how far the end of the last token is from the
    /// base; that and the starts are right where it is below [`WIDE`] and
    /// nothing is far.
    #[inline(never)]
    fn add_up(&mut self, block: &Block, len: usize) -> u32 {
        let (Self { more, starts, .. }, Block { gaps, lens, .. }) = (self, block);
        // The end of the last token stands one place behind the last node.
        let places = len.wrapping_add(STRIP) & !(STRIP - 1);
        let starts = match starts.get_mut(..places) {
            Some(starts) => starts,
            None => starts,
        };
        for (((to, gap), len), more) in starts.iter_mut().zip(gaps).zip(lens).zip(&*more) {
            *to = u16::from(*gap).wrapping_add(u16::from(*len)).wrapping_add(*more);
        }
        let mut at = 0u32;
        let (strips, _) = starts.as_chunks_mut::<STRIP>();
        for strip in strips {
            let (fours, _) = strip.as_chunks_mut();
            for four in fours {
                let sums = sums(*four);
                *four = parts(sums.wrapping_add(u64::from(at).wrapping_mul(EACH)));
                at = at.wrapping_add((sums >> 48) as u32);
            }
        }
        let ([.., len], [.., more]) = (lens, more);
        at.wrapping_add(u32::from(*len)).wrapping_add(u32::from(*more))
    }

    /// The same where anything is far.
    #[cold]
    fn add_up_far(&mut self, block: &Block, len: usize) -> u64 {
        let Self { more, far, far_starts, .. } = self;
        let mut at = 0u64;
        let mut far = far.iter();
        let mut next = far.next();
        let places = block.lens.iter().zip(&*more).take(len.saturating_add(1)).enumerate();
        for (node, (len, more)) in places {
            at = at.wrapping_add(u64::from(*len)).wrapping_add(u64::from(*more));
            while let Some((_, bytes)) = next.filter(|far| far.0 == node) {
                at = at.wrapping_add(*bytes);
                next = far.next();
            }
            // There is none behind the last node.
            if let (Some(gap), Some(start)) = (block.gaps.get(node), far_starts.get_mut(node)) {
                at = at.wrapping_add(u64::from(*gap));
                *start = at as u32;
            }
        }
        at
    }

    /// The line starts in the block, where each node starts; `start` is asked
    /// for nodes of a block only.
    fn lines_from(&self, base: u32, start: impl Fn(usize) -> u32) -> impl Iterator<Item = u32> {
        let start = move |node| start(node as usize & (BLOCK - 1)).wrapping_add(base);
        self.lines.iter().map(move |&(line, node)| start(node).wrapping_add(line))
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

impl Default for Sums {
    fn default() -> Self {
        Self {
            more: [0; BLOCK + 1],
            starts: [0; BLOCK],
            far: Vec::new(),
            far_starts: [0; BLOCK],
            lines: Vec::new(),
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
