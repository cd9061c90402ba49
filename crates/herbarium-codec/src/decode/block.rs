//! A block of nodes, as what their codes say at once.

use std::ops::Range;

use super::columns::invalid;
use super::nesting::Nest;
use super::steps::{FIRST_LENT, Steps};
use crate::lane::BLOCK;
use crate::shape::ShapeColumns;
use crate::tree::{Shapes, Tree};
use crate::{BookId, DecodeError, ShapeBook};

/// What the first loop reads and writes of a block of nodes, close together.
pub(super) struct Block {
    /// What names the steps of each node.
    pub(super) codes: [u8; BLOCK],
    /// The next token lengths of the column.
    pub(super) column: [u8; BLOCK],
    /// Bytes of the gap before each node, where it is no part of what else
    /// there is to the node.
    pub(super) gaps: [u8; BLOCK],
    /// Length of the token before each node of the block: none, and that of
    /// each node.
    pub(super) lens: [u8; BLOCK + 1],
    pub(super) steps: Steps,
    /// The book whose steps are there.
    book: Option<BookId>,
}

impl Block {
    /// Sets the steps of the shapes whose numbers are codes. Codes from the
    /// result on are no shape number, or none that exists.
    pub(super) fn set_steps(
        &mut self,
        shapes: Shapes<'_>,
        columns: &ShapeColumns,
        book: Option<&ShapeBook>,
    ) -> u8 {
        let short = |shapes: usize| shapes.min(usize::from(FIRST_LENT)) as u8;
        let of_book = short(book.map_or(0, ShapeBook::len));
        // What a tree adds stands behind.
        if let Some(book) = book.filter(|book| self.book != Some(book.id())) {
            self.steps.clone_from(book.steps());
            self.book = Some(book.id());
        }
        if of_book == 0 {
            self.book = None;
        }
        self.steps.set_from(of_book, shapes.own(), columns);
        short(shapes.len())
    }

    /// Takes the codes of the next nodes. What was known of the block before
    /// is forgotten, as far as there is no code for it.
    pub(super) fn take_codes(&mut self, codes: &[u8], tree: &mut Tree) {
        tree.push_short_shapes(codes);
        let (to, behind) = self.codes.split_at_mut(codes.len().min(BLOCK));
        to.copy_from_slice(codes.get(..to.len()).unwrap_or_default());
        if !behind.is_empty() {
            self.gaps.fill(0);
            self.lens.fill(0);
        }
    }

    /// Makes the next lengths of the column those of the block; zeros behind
    /// the last.
    pub(super) fn take_lens(&mut self, lens: &[u8]) {
        let (to, behind) = self.column.split_at_mut(lens.len().min(BLOCK));
        to.copy_from_slice(lens.get(..to.len()).unwrap_or_default());
        behind.fill(0);
    }

    /// Finds parents, gaps and lengths of some nodes; `first` is the number of
    /// the first in the block. Gives how many lengths of the column it took.
    pub(super) fn nest(
        &mut self,
        nodes: Range<usize>,
        first: u32,
        nest: &mut dyn Nest,
    ) -> Result<usize, DecodeError> {
        if first == 0 && nodes.start == 0 {
            self.check_root()?;
        }
        nest.nest(self, nodes, first)
    }

    /// The root is the last on its level: it has children, which take its
    /// level over, or the level is given up.
    #[expect(clippy::indexing_slicing, reason = "as many steps as a byte numbers")]
    fn check_root(&self) -> Result<(), DecodeError> {
        match self.steps.level[usize::from(self.codes[0])] as i32 {
            ..=0 => Ok(()),
            _ => Err(invalid("tree", 44, "one root", "a root that is not the last")),
        }
    }

    /// Sets the length of a token.
    pub(super) fn set_len(&mut self, node: usize, len: u8) {
        if let Some(to) = self.lens.get_mut(node.wrapping_add(1)) {
            *to = len;
        }
    }

    #[inline]
    pub(super) fn len(&self, node: usize) -> u8 {
        self.lens.get(node.wrapping_add(1)).copied().unwrap_or(0)
    }
}

impl Default for Block {
    fn default() -> Self {
        Self {
            codes: [0; BLOCK],
            column: [0; BLOCK],
            gaps: [0; BLOCK],
            lens: [0; BLOCK + 1],
            steps: Steps::default(),
            book: None,
        }
    }
}
