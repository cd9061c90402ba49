//! Looking at many nodes at once.
//!
//! A node names its shape by a number, and a file has some hundred shapes:
//! what holds for a kind, a field or a flag is worked out once for each shape,
//! and nodes are found by looking through one column of numbers.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::lane::WIDE;
use crate::shape::{EXTRA, INTERNAL, LAST, MISSING};
use crate::{BookId, Quirk, Tree};

/// What all nodes of one shape have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeInfo {
    /// Kind of the node, as [`crate::Node::kind_id`] gives it.
    pub kind: u16,
    /// Whether it is named: that of its own kind, see [`crate::Grammar::public_kind`].
    pub is_named: bool,
    /// Field that it has in its parent; 0 for none.
    pub field: u16,
    /// Whether it has children.
    pub has_children: bool,
    /// Whether it is the last child of its parent.
    pub is_last: bool,
    /// Whether it may appear anywhere, such as a comment.
    pub is_extra: bool,
    /// Whether the parser put it in to make sense of broken source.
    pub is_missing: bool,
}

/// Nodes by number in pre-order: what [`crate::Node`] does with a reference,
/// for code that looks at many.
impl Tree {
    /// Number of shapes in the tree, those of its book included whether nodes
    /// have them or not.
    pub fn shapes_len(&self) -> usize {
        self.shape_count() as usize
    }

    /// The book that the first shapes come from, and how many they are. Trees
    /// with the same book have these in common.
    pub fn shared_shapes(&self) -> Option<(BookId, usize)> {
        self.book().map(|book| (book.id(), book.len()))
    }

    /// What the nodes of a shape have in common; none past the last shape.
    pub fn shape_info(&self, shape: u32) -> Option<ShapeInfo> {
        let shape = self.shape_by_id(shape)?;
        Some(ShapeInfo {
            kind: self.grammar().public_kind(shape.kind),
            is_named: self.grammar().is_named(shape.kind),
            field: shape.field,
            has_children: shape.has(INTERNAL),
            is_last: shape.has(LAST),
            is_extra: shape.has(EXTRA),
            is_missing: shape.has(MISSING),
        })
    }

    /// The number of a node's shape; 0 past the last node.
    #[inline]
    pub fn shape_of(&self, index: u32) -> u32 {
        self.shape_number(index)
    }

    /// Number of the node above; that of the root itself for the root.
    #[inline]
    pub fn parent_index(&self, index: u32) -> u32 {
        self.parent_of(index)
    }

    /// Number of the first node after the subtree of a node.
    #[inline]
    pub fn subtree_end(&self, index: u32) -> u32 {
        self.after(index)
    }

    /// First byte of a node.
    #[inline]
    pub fn start_byte_of(&self, index: u32) -> u32 {
        self.start_at(index)
    }

    /// The byte after the last of a node.
    #[inline]
    pub fn end_byte_of(&self, index: u32) -> u32 {
        self.end_at(index)
    }

    /// The first node that starts at a byte or after it; the number of nodes
    /// when there is none. Cost: logarithmic.
    pub fn first_from_byte(&self, byte: u32) -> u32 {
        let (mut low, mut high) = (0, self.descendant_count() as u32);
        while low < high {
            let middle = low.midpoint(high);
            if self.start_at(middle) < byte {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }

    /// The first node from `from` up to `until` whose shape is marked: has a
    /// value other than 0 at its number. Cost: a load and a look-up a node.
    #[inline]
    pub fn next_marked(&self, from: u32, until: u32, marks: &[u8]) -> Option<u32> {
        let column = self.shape_column();
        let until = (until as usize).min(column.len());
        let mut at = from as usize;
        // Numbers that the column cannot hold look marked, and are looked at.
        let column_marks = marks.get(..usize::from(WIDE)).unwrap_or(marks);
        let is_marked = |low: u16| column_marks.get(usize::from(low)).is_none_or(|mark| *mark != 0);
        while let Some(rest) = column.get(at..until) {
            let found = rest.iter().position(|low| is_marked(*low))?;
            at = at.saturating_add(found);
            let shape = self.shape_number(at as u32);
            if marks.get(shape as usize).is_some_and(|mark| *mark != 0) {
                return Some(at as u32);
            }
            at = at.saturating_add(1);
        }
        None
    }
}

/// What queries ask about nodes beyond what they show.
impl Tree {
    /// Supertypes that the nodes of a shape stand for, those of the hidden
    /// nodes between them and their parent: bit n is the n-th of
    /// [`crate::Grammar::supertype_kinds`].
    pub fn shape_supertypes(&self, shape: u32) -> u32 {
        self.shape_by_id(shape).map_or(0, |shape| shape.supertypes)
    }

    /// Whether queries see any node otherwise than it shows.
    pub fn has_quirks(&self) -> bool {
        !self.all_quirks().is_empty()
    }

    /// What queries see otherwise about a node. Cost: logarithmic in the
    /// number of such nodes.
    pub fn quirks_of(&self, index: u32) -> impl Iterator<Item = Quirk> + '_ {
        let quirks = self.all_quirks();
        let first = quirks.partition_point(|entry| entry.0 < index);
        let rest = quirks.get(first..).unwrap_or_default().iter();
        rest.take_while(move |entry| entry.0 == index).map(|entry| entry.1)
    }
}
