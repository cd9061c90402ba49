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
//! Both add and mask, and never jump: the shape of a tree cannot be predicted.

use super::columns::{Columns, Found, invalid};
use super::nesting::{Levels, nest};
use super::steps::{FIRST_LENT, Steps};
use super::text::Text;
use crate::lane::BLOCK;
use crate::tree::{NO_SHAPE, Shapes, Tree};
use crate::{DecodeError, ShapeBook};

/// Walks trees, keeping its memory.
#[derive(Default)]
pub(super) struct Walk {
    block: Option<Box<Block>>,
    levels: Levels,
}

/// What a later pass makes the extents of. Both have a place for every node.
pub(super) struct Extents<'a> {
    /// Length of the token; 0 for nodes with children.
    pub(super) lens: &'a mut [u32],
    /// The last child; the node itself where there is none.
    pub(super) last: &'a mut [u32],
}

/// What the loops read and write of some nodes, close together. The codes come
/// first: where they do, the compiler counts nodes and places in one register.
#[repr(C)]
pub(super) struct Block {
    /// What names the steps of each node.
    pub(super) codes: [u8; BLOCK],
    /// The next token lengths.
    pub(super) lens_column: [u8; BLOCK],
    /// The low halves of the starts.
    pub(super) starts_low: [u16; BLOCK],
    /// First byte, counted from [`At::base`].
    pub(super) starts: [u32; BLOCK],
    /// Lengths of the tokens.
    pub(super) lens: [u32; BLOCK],
    /// Parents; the root's is the root.
    pub(super) parents: [u32; BLOCK],
    /// Line starts, as many as there are, counted like the first bytes.
    pub(super) lines: [u32; BLOCK],
    pub(super) steps: Steps,
}

/// Where the walk is.
#[derive(Default)]
pub(super) struct At {
    /// Number of the first node of the block.
    pub(super) first: u32,
    /// Place in [`Levels`] of the node to come.
    pub(super) level: u32,
    /// Where the last token ended.
    pub(super) position: u64,
    /// Where the last token before the block ended.
    pub(super) base: u64,
    pub(super) indent: i64,
    /// Below 0 when an indentation ever was.
    pub(super) indents: i64,
    /// Place in the column of token lengths.
    pub(super) lens: usize,
}

impl Walk {
    /// Walks the nodes. Shapes, parents and starts go into the tree. Gives the
    /// position after the last token.
    pub(super) fn run(
        &mut self,
        columns: &mut Columns<'_>,
        shapes: Shapes<'_>,
        found: &mut Found,
        extents: Extents<'_>,
        tree: &mut Tree,
    ) -> Result<u64, DecodeError> {
        let block = self.block.get_or_insert_default();
        let short = block.set_steps(shapes, tree.book().map(|book| &**book), columns.line_end);
        self.levels.restart();
        let mut at = At { level: 1, ..At::default() };
        for lens in extents.lens.chunks_mut(BLOCK) {
            block.take_codes(at.first, lens.len(), columns, tree);
            self.levels.make_room(at.level);
            at.base = at.position;
            let mut from = 0;
            while from < lens.len() {
                let mut names = Names { short, shapes, columns, tree };
                let piece = from..names.name(block, from..lens.len(), at.first)?;
                from = piece.end;
                if at.first == 0 && piece.start == 0 {
                    block.check_root()?;
                }
                nest(block, piece.clone(), extents.last, &mut self.levels, &mut at)?;
                Text { columns, shapes, found, tree, at: &mut at }.read(block, piece)?;
            }
            lens.copy_from_slice(block.lens.get(..lens.len()).unwrap_or_default());
            block.push_places(lens.len(), &at, tree);
            at.first = at.first.wrapping_add(lens.len() as u32);
        }
        columns.check_walk(at.lens, at.level, at.indents >= 0)?;
        Ok(at.position)
    }
}

impl Block {
    /// Sets the steps of the shapes whose numbers are codes. Codes from the
    /// result on are no shape number, or none that exists.
    fn set_steps(&mut self, shapes: Shapes<'_>, book: Option<&ShapeBook>, line_end: u32) -> u8 {
        let short = |shapes: usize| shapes.min(usize::from(FIRST_LENT)) as u8;
        let of_book = short(book.map_or(0, ShapeBook::len));
        if let Some(book) = book {
            self.steps.clone_from(book.steps(line_end));
        }
        self.steps.set_from(of_book, shapes.own(), line_end);
        short(shapes.len())
    }

    fn take_codes(&mut self, first: u32, len: usize, columns: &Columns<'_>, tree: &mut Tree) {
        let codes = columns.codes.get(first as usize..).unwrap_or_default();
        let codes = codes.get(..len).unwrap_or_default();
        tree.push_short_shapes(codes);
        self.codes.iter_mut().zip(codes).for_each(|(to, code)| *to = *code);
    }

    /// The root is the last on its level.
    #[expect(clippy::indexing_slicing, reason = "as many steps as a byte numbers")]
    fn check_root(&self) -> Result<(), DecodeError> {
        match self.steps.stays[usize::from(self.codes[0])] {
            0 => Ok(()),
            _ => Err(invalid("tree", 44, "one root", "a root that is not the last")),
        }
    }

    fn push_places(&self, len: usize, at: &At, tree: &mut Tree) {
        tree.push_parents(self.parents.get(..len).unwrap_or_default());
        let starts = self.starts.get(..len).unwrap_or_default();
        let low = self.starts_low.get(..len).unwrap_or_default();
        tree.push_starts(at.base as u32, starts, low);
    }
}

/// Finds the nodes whose code is not their shape's number, and lends them a
/// code that is none either.
struct Names<'n, 'c> {
    /// Codes below are shape numbers.
    short: u8,
    shapes: Shapes<'n>,
    columns: &'n mut Columns<'c>,
    tree: &'n mut Tree,
}

impl Names<'_, '_> {
    /// Names nodes until there is no code left to lend: gives the first node
    /// that has none. Most strips have no such node.
    #[inline(never)]
    fn name(
        &mut self,
        block: &mut Block,
        nodes: std::ops::Range<usize>,
        first: u32,
    ) -> Result<usize, DecodeError> {
        let Block { codes, steps, .. } = block;
        if self.all_short(codes.get(nodes.clone()).unwrap_or_default())? {
            return Ok(nodes.end);
        }
        let mut lent = FIRST_LENT..=u8::MAX;
        let (strips, _) = codes.as_chunks_mut();
        for (strip, from) in strips.iter_mut().zip((0..nodes.end).step_by(STRIP)) {
            let mut long = long_codes(*strip);
            while long != 0 {
                let place = long.trailing_zeros() as usize / 8;
                long &= long.wrapping_sub(1);
                let node = from.wrapping_add(place);
                let Some(code) = strip.get_mut(place).filter(|_| nodes.contains(&node)) else {
                    continue;
                };
                let Some(own) = lent.next() else { return Ok(node) };
                let id = self.columns.long_code(u32::from(*code), self.shapes.len())?;
                self.tree.change_shape((first as usize).wrapping_add(node), id);
                let shape = self.shapes.get(id).unwrap_or(NO_SHAPE);
                steps.set(own, shape, self.columns.line_end);
                *code = own;
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
            Some(&code) => {
                self.columns.long_code(u32::from(code), self.shapes.len()).map(|_| false)
            }
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

impl Default for Block {
    fn default() -> Self {
        let (none, nothing) = ([0; BLOCK], [0; BLOCK]);
        Self {
            steps: Steps::default(),
            codes: nothing,
            lens_column: nothing,
            parents: none,
            starts: none,
            starts_low: [0; BLOCK],
            lens: none,
            lines: none,
        }
    }
}
