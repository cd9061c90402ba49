//! The walk over the columns: what every node needs that depends on the nodes
//! before it, block by block.
//!
//! What a node adds is looked up by its code in [`Steps`], which two loops
//! read, each simple enough to keep its state in registers:
//!
//! 1. [`nesting`](super::nesting): which node is the child of which;
//! 2. [`text`](super::text): gaps and token lengths, which add up to positions
//!    and line starts.
//!
//! Both add and mask, and hardly ever jump: the shape of a tree cannot be
//! predicted.

use super::block::Block;
use super::columns::{Columns, Found};
use super::lent::Lent;
use super::nesting::Nestings;
use super::steps::FIRST_LENT;
use super::text::{Sums, Text};
use crate::lane::BLOCK;
use crate::shape::Shape;
use crate::tree::{NO_SHAPE, Shapes, Tree};
use crate::{DecodeError, ShapeBook};

/// Walks trees, keeping its memory.
#[derive(Default)]
pub(super) struct Walk {
    block: Option<Box<Block>>,
    lent: Lent,
    sums: Option<Box<Sums>>,
    nestings: Nestings,
}

/// Where the walk is.
#[derive(Default)]
pub(super) struct At {
    /// Number of the first node of the block.
    pub(super) first: u32,
    /// Where the last token before the block ended.
    pub(super) position: u64,
    pub(super) indent: i64,
    /// Place in the column of token lengths.
    lens: usize,
}

impl Walk {
    /// Walks the nodes. All that is known of each goes into the tree. Gives the
    /// position after the last token.
    pub(super) fn run(
        &mut self,
        columns: &mut Columns<'_>,
        (book, own): (Option<&ShapeBook>, &[Shape]),
        found: &mut Found,
        tree: &mut Tree,
    ) -> Result<u64, DecodeError> {
        let Self { block, lent, sums, nestings } = self;
        let (block, sums) = (block.get_or_insert_default(), sums.get_or_insert_default());
        let shapes = Shapes::new(book, own);
        let short = block.set_steps(shapes, &found.shapes, book);
        let count = columns.codes.len();
        let nest = nestings.of(count);
        sums.forget();
        lent.forget();
        let mut at = At::default();
        for codes in columns.codes.chunks(BLOCK) {
            let len = codes.len();
            block.take_codes(codes, tree);
            let mut from = 0;
            while from < len {
                let mut names = Names { short, shapes, lent, columns, tree };
                let piece = from..names.name(block, from..len, at.first)?;
                from = piece.end;
                block.take_lens(columns.lens_from(at.lens));
                let lens = block.nest(piece.clone(), at.first, nest)?;
                at.lens = at.lens.wrapping_add(lens);
                Text { block, sums, columns, found, tree, at: &mut at }.read(piece)?;
            }
            nest.push_parents(at.first, len, tree);
            Text { block, sums, columns, found, tree, at: &mut at }.finish_block(len);
            at.first = at.first.wrapping_add(len as u32);
        }
        columns.check_walk(at.lens, nest.level())?;
        nest.count_under(count, tree);
        Ok(at.position)
    }
}

/// Finds the nodes whose code is not their shape's number, and lends them a
/// code that is none either.
struct Names<'n, 'c> {
    /// Codes below are shape numbers.
    short: u8,
    shapes: Shapes<'n>,
    lent: &'n mut Lent,
    columns: &'n mut Columns<'c>,
    tree: &'n mut Tree,
}

impl Names<'_, '_> {
    /// Names nodes until there is no code left to lend: gives the first node
    /// that has none. Most strips have no such node. What is lent stays so from
    /// block to block: most of the shapes come again.
    #[inline(never)]
    fn name(
        &mut self,
        block: &mut Block,
        nodes: std::ops::Range<usize>,
        first: u32,
    ) -> Result<usize, DecodeError> {
        let Block { codes, steps, .. } = block;
        if self.lent.is_used_up() {
            self.lent.forget();
        }
        if self.all_short(codes.get(nodes.clone()).unwrap_or_default())? {
            return Ok(nodes.end);
        }
        let (strips, _) = codes.as_chunks_mut();
        let from = nodes.start / STRIP;
        let places = (from.wrapping_mul(STRIP)..nodes.end).step_by(STRIP);
        for (strip, from) in strips.iter_mut().skip(from).zip(places) {
            let mut long = long_codes(*strip);
            while long != 0 {
                let place = long.trailing_zeros() as usize / 8;
                long &= long.wrapping_sub(1);
                let node = from.wrapping_add(place);
                let Some(code) = strip.get_mut(place).filter(|_| nodes.contains(&node)) else {
                    continue;
                };
                if self.lent.is_used_up() {
                    return Ok(node);
                }
                let id = self.columns.long_code(*code, self.shapes.len())?;
                self.tree.change_shape((first as usize).wrapping_add(node), id);
                *code = self.lent.code_of(id).unwrap_or_else(|| {
                    let own = self.lent.lend(id);
                    steps.set(own, self.shapes.get(id).unwrap_or(NO_SHAPE));
                    own
                });
            }
        }
        Ok(nodes.end)
    }

    /// Where there are fewer shapes than codes for them: whether all codes are
    /// shape numbers. One between the two is none of anything.
    fn all_short(&mut self, codes: &[u8]) -> Result<bool, DecodeError> {
        if self.short == FIRST_LENT {
            return Ok(false);
        }
        let largest = codes.iter().fold(0, |largest, &code| largest.max(code));
        if largest < self.short {
            return Ok(true);
        }
        match codes.iter().find(|code| (self.short..FIRST_LENT).contains(code)) {
            Some(&code) => self.columns.longest_code(code, self.shapes.len()).map(|_| false),
            None => Ok(false),
        }
    }
}

/// Codes that are looked at at once.
const STRIP: usize = 8;

/// The top bit of each byte whose three top bits are set.
#[inline]
fn long_codes(strip: [u8; STRIP]) -> u64 {
    const { assert!(FIRST_LENT == 0b1110_0000) }
    let codes = u64::from_le_bytes(strip);
    codes & codes << 1 & codes << 2 & u64::from_le_bytes([0x80; STRIP])
}
