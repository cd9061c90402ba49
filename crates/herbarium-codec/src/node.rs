//! One node of a tree, with tree-sitter's own method names and meanings.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops;

use crate::cursor::Cursor;
use crate::shape::{EXTRA, INTERNAL, LAST, MISSING};
use crate::{ERROR_KIND, Quirk, Tree};

/// A place in a text: row and column, both counted from 0. The column counts
/// bytes from the start of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Point {
    /// Number of line ends (`\n`) before the place.
    pub row: usize,
    /// Bytes between the last of them and the place.
    pub column: usize,
}

impl Point {
    /// A point.
    pub const fn new(row: usize, column: usize) -> Self {
        Self { row, column }
    }
}

/// A stretch of text, in bytes and in points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Range {
    /// First byte.
    pub start_byte: usize,
    /// The byte after the last.
    pub end_byte: usize,
    /// Point of the first byte.
    pub start_point: Point,
    /// Point of the byte after the last.
    pub end_point: Point,
}

/// A node of a [`Tree`]: a number and a reference, cheap to copy.
///
/// Methods carry tree-sitter's names and meanings, so that porting code from a
/// live tree is a change of types. Constant time unless said otherwise.
#[derive(Clone, Copy)]
pub struct Node<'tree> {
    tree: &'tree Tree,
    index: u32,
}

impl<'tree> Node<'tree> {
    #[inline]
    pub(crate) fn new(tree: &'tree Tree, index: u32) -> Self {
        Self { tree, index }
    }

    #[inline]
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// The tree that the node belongs to.
    pub fn tree(&self) -> &'tree Tree {
        self.tree
    }

    /// Number of the node in pre-order: unique within its tree. The root has 0.
    pub fn id(&self) -> usize {
        self.index as usize
    }

    /// Name of the kind: `call_expression`, `+=`, `ERROR`.
    pub fn kind(&self) -> &'tree str {
        self.tree.grammar().kind_name(self.own_kind()).unwrap_or_default()
    }

    /// Number of the kind in the grammar. In few grammars it is also that of
    /// nodes with another name: see [`crate::Grammar::public_kind`].
    #[inline]
    pub fn kind_id(&self) -> u16 {
        self.tree.grammar().public_kind(self.own_kind())
    }

    /// The kind that has the name.
    #[inline]
    fn own_kind(&self) -> u16 {
        self.tree.shape_at(self.index).kind
    }

    /// Whether the kind is a named rule of the grammar, as against a literal.
    pub fn is_named(&self) -> bool {
        self.tree.grammar().is_named(self.own_kind())
    }

    /// Whether the node may appear anywhere, such as a comment.
    pub fn is_extra(&self) -> bool {
        self.tree.shape_at(self.index).has(EXTRA)
    }

    /// Whether the parser put the node in to make sense of broken source.
    pub fn is_missing(&self) -> bool {
        self.tree.shape_at(self.index).has(MISSING)
    }

    /// Whether the node stands for text that the parser could not understand.
    pub fn is_error(&self) -> bool {
        self.own_kind() == ERROR_KIND
    }

    /// Whether there is an error here or anywhere under the node.
    /// Cost: logarithmic in the number of errors.
    pub fn has_error(&self) -> bool {
        self.tree.has_error_at(self.index)
    }

    /// First byte.
    #[inline]
    pub fn start_byte(&self) -> usize {
        self.tree.start_at(self.index) as usize
    }

    /// The byte after the last.
    #[inline]
    pub fn end_byte(&self) -> usize {
        self.tree.end_at(self.index) as usize
    }

    /// Both of them.
    pub fn byte_range(&self) -> ops::Range<usize> {
        self.start_byte()..self.end_byte()
    }

    /// Row and column of the first byte. Cost: logarithmic in the lines.
    pub fn start_position(&self) -> Point {
        self.tree.point_at(self.start_byte())
    }

    /// Row and column of the byte after the last. Cost: logarithmic in the lines.
    pub fn end_position(&self) -> Point {
        self.tree.point_at(self.end_byte())
    }

    /// Bytes and points.
    pub fn range(&self) -> Range {
        Range {
            start_byte: self.start_byte(),
            end_byte: self.end_byte(),
            start_point: self.start_position(),
            end_point: self.end_position(),
        }
    }

    /// The child with that number. Cost: linear in `i`.
    pub fn child(&self, i: u32) -> Option<Self> {
        self.siblings().nth(i as usize)
    }

    /// Number of children. Cost: linear in the result.
    pub fn child_count(&self) -> u32 {
        self.siblings().count() as u32
    }

    /// The named child with that number. Cost: linear in the number of children.
    pub fn named_child(&self, i: u32) -> Option<Self> {
        self.siblings().filter(Self::is_named).nth(i as usize)
    }

    /// Number of named children. Cost: linear in the number of children.
    pub fn named_child_count(&self) -> usize {
        self.siblings().filter(Self::is_named).count()
    }

    /// The first child with that field. Cost: linear in the number of children.
    pub fn child_by_field_name(&self, field_name: impl AsRef<[u8]>) -> Option<Self> {
        let name = std::str::from_utf8(field_name.as_ref()).ok()?;
        self.child_by_field_id(self.tree.grammar().field_id(name)?)
    }

    /// The first child with that field; none of an error, which follows no rule
    /// that could have fields. As tree-sitter's method, it goes by the rules of
    /// the grammar rather than by what nodes show: a child may be found by a
    /// field beside the one that [`Node::field_id`] gives, or not be found by
    /// that one ([`crate::Quirk::Field`]), and it looks into children that an
    /// alias shows and the grammar hides ([`crate::Quirk::FieldWithin`]): what
    /// it finds there is no child of this node. Cost: linear in the number of
    /// children.
    pub fn child_by_field_id(&self, field_id: u16) -> Option<Self> {
        let has_quirks = self.tree.has_quirks();
        let mut above = Vec::new();
        let mut next = self.first_of_rule();
        loop {
            next = match next {
                Some(child) if child.is_found_by(field_id, has_quirks) => return Some(child),
                Some(child) if has_quirks && child.is_looked_into(field_id) => {
                    above.push(child);
                    child.first_of_rule()
                }
                Some(child) => child.next_sibling(),
                None => above.pop()?.next_sibling(),
            }
        }
    }

    /// The first child, which may have a field.
    fn first_of_rule(&self) -> Option<Self> {
        self.siblings().next().filter(|_| !self.is_error())
    }

    /// Whether the node above finds it when it is asked for a field.
    fn is_found_by(&self, field_id: u16, has_quirks: bool) -> bool {
        let shows = self.field_id() == Some(field_id);
        if !has_quirks || field_id == 0 {
            return shows;
        }
        let unlike_shown = match self.is_extra() {
            true => Quirk::FieldWithin(field_id),
            false => Quirk::Field(field_id),
        };
        shows != self.tree.quirks_of(self.index).any(|quirk| quirk == unlike_shown)
    }

    /// Whether its children are looked at for a field of the node above.
    fn is_looked_into(&self, field_id: u16) -> bool {
        !self.is_extra()
            && self.tree.quirks_of(self.index).any(|quirk| quirk == Quirk::FieldWithin(field_id))
    }

    /// Number of the field that the node has in its parent, if any.
    #[inline]
    pub fn field_id(&self) -> Option<u16> {
        let field = self.tree.shape_at(self.index).field;
        (field != 0).then_some(field)
    }

    /// Name of the field that the node has in its parent, if any.
    pub fn field_name(&self) -> Option<&'tree str> {
        self.tree.grammar().field_name(self.field_id()?)
    }

    /// Name of the field of the child with that number. Cost: as [`Node::child`].
    pub fn field_name_for_child(&self, child_index: u32) -> Option<&'tree str> {
        self.child(child_index)?.field_name()
    }

    /// Name of the field of the named child with that number. Cost: as
    /// [`Node::named_child`].
    pub fn field_name_for_named_child(&self, named_child_index: u32) -> Option<&'tree str> {
        self.named_child(named_child_index)?.field_name()
    }

    /// The children, walked with a cursor that can be used again. The cursor
    /// is moved to this node.
    pub fn children<'cursor>(
        &self,
        cursor: &'cursor mut Cursor<'tree>,
    ) -> impl ExactSizeIterator<Item = Node<'tree>> + 'cursor {
        cursor.reset(*self);
        let left = self.child_count() as usize;
        Counted { nodes: self.siblings(), left }
    }

    /// The named children, as [`Node::children`].
    pub fn named_children<'cursor>(
        &self,
        cursor: &'cursor mut Cursor<'tree>,
    ) -> impl ExactSizeIterator<Item = Node<'tree>> + 'cursor {
        cursor.reset(*self);
        let left = self.named_child_count();
        Counted { nodes: self.siblings().filter(Self::is_named), left }
    }

    /// The children with that field, as [`Node::children`].
    pub fn children_by_field_name<'cursor>(
        &self,
        field_name: &str,
        cursor: &'cursor mut Cursor<'tree>,
    ) -> impl Iterator<Item = Node<'tree>> + 'cursor {
        let field = self.tree.grammar().field_id(field_name);
        cursor.reset(*self);
        self.siblings().filter(move |child| field.is_some() && child.field_id() == field)
    }

    /// The children with that field, as [`Node::children`].
    pub fn children_by_field_id<'cursor>(
        &self,
        field_id: u16,
        cursor: &'cursor mut Cursor<'tree>,
    ) -> impl Iterator<Item = Node<'tree>> + 'cursor {
        cursor.reset(*self);
        self.siblings().filter(move |child| child.field_id() == Some(field_id))
    }

    /// The node that this one is a child of; none for the root.
    #[inline]
    pub fn parent(&self) -> Option<Self> {
        let parent = self.tree.parent_of(self.index);
        (self.index != 0).then(|| Self::new(self.tree, parent))
    }

    /// The child that contains `descendant`, which may be that child itself.
    /// Cost: the depth of the descendant below this node.
    pub fn child_with_descendant(&self, descendant: Self) -> Option<Self> {
        let mut node = descendant;
        loop {
            let parent = node.parent()?;
            if parent == *self {
                return Some(node);
            }
            node = parent;
        }
    }

    /// The next child of the same parent.
    #[inline]
    pub fn next_sibling(&self) -> Option<Self> {
        let last = self.tree.shape_at(self.index).has(LAST);
        (!last).then(|| Self::new(self.tree, self.tree.after(self.index)))
    }

    /// The child of the same parent before this one. Cost: the depth of that
    /// sibling's last token below it.
    pub fn prev_sibling(&self) -> Option<Self> {
        let parent = self.parent()?;
        let before = Self::new(self.tree, self.index.checked_sub(1)?);
        parent.child_with_descendant(before)
    }

    /// The next named child of the same parent. Cost: the siblings between.
    pub fn next_named_sibling(&self) -> Option<Self> {
        std::iter::successors(self.next_sibling(), Self::next_sibling).find(Self::is_named)
    }

    /// The named child of the same parent before this one. Cost: the siblings
    /// between, each as [`Node::prev_sibling`].
    pub fn prev_named_sibling(&self) -> Option<Self> {
        std::iter::successors(self.prev_sibling(), Self::prev_sibling).find(Self::is_named)
    }

    /// The first child that ends after that byte. Cost: linear in the number
    /// of children before it.
    pub fn first_child_for_byte(&self, byte: usize) -> Option<Self> {
        self.siblings().find(|child| child.end_byte() > byte)
    }

    /// The first named child that ends after that byte. Cost: linear in the
    /// number of children before it.
    pub fn first_named_child_for_byte(&self, byte: usize) -> Option<Self> {
        self.siblings().filter(Self::is_named).find(|child| child.end_byte() > byte)
    }

    /// Number of nodes under this one, itself included.
    pub fn descendant_count(&self) -> usize {
        self.tree.after(self.index).saturating_sub(self.index) as usize
    }

    /// The smallest node that spans the bytes. Cost: the siblings before it on
    /// each level.
    pub fn descendant_for_byte_range(&self, start: usize, end: usize) -> Option<Self> {
        self.smallest(start, end, Self::byte_range, |_| true)
    }

    /// The smallest named node that spans the bytes. Cost as
    /// [`Node::descendant_for_byte_range`].
    pub fn named_descendant_for_byte_range(&self, start: usize, end: usize) -> Option<Self> {
        self.smallest(start, end, Self::byte_range, Self::is_named)
    }

    /// The smallest node that spans the points. Cost as
    /// [`Node::descendant_for_byte_range`].
    pub fn descendant_for_point_range(&self, start: Point, end: Point) -> Option<Self> {
        self.smallest(start, end, Self::point_range, |_| true)
    }

    /// The smallest named node that spans the points. Cost as
    /// [`Node::descendant_for_byte_range`].
    pub fn named_descendant_for_point_range(&self, start: Point, end: Point) -> Option<Self> {
        self.smallest(start, end, Self::point_range, Self::is_named)
    }

    /// The text of the node.
    ///
    /// # Errors
    /// The bytes are not UTF-8.
    ///
    /// # Panics
    /// When `source` is shorter than the text that was pressed, as
    /// tree-sitter's method does: compare [`crate::source_hash`] first.
    #[expect(
        clippy::indexing_slicing,
        reason = "panics as documented, on a text that is not the pressed one"
    )]
    pub fn utf8_text<'a>(&self, source: &'a [u8]) -> Result<&'a str, std::str::Utf8Error> {
        std::str::from_utf8(&source[self.byte_range()])
    }

    /// The node and what is under it as an S-expression, named nodes only,
    /// exactly as tree-sitter prints it.
    pub fn to_sexp(&self) -> String {
        crate::sexp::to_sexp(*self)
    }

    /// A cursor at this node, which it does not leave.
    pub fn walk(&self) -> Cursor<'tree> {
        Cursor::new(*self)
    }

    #[inline]
    pub(crate) fn first_child(self) -> Option<Self> {
        let internal = self.tree.shape_at(self.index).has(INTERNAL);
        internal.then(|| Self::new(self.tree, self.index.saturating_add(1)))
    }

    fn siblings(self) -> impl Iterator<Item = Self> + 'tree {
        std::iter::successors(self.first_child(), Self::next_sibling)
    }

    fn point_range(&self) -> ops::Range<Point> {
        self.start_position()..self.end_position()
    }

    /// Goes down as long as a child spans `start..end`. A child that ends at
    /// `start` does not, unless it is empty.
    fn smallest<P: PartialOrd + Copy>(
        self,
        start: P,
        end: P,
        range: impl Fn(&Self) -> ops::Range<P>,
        counts: impl Fn(&Self) -> bool,
    ) -> Option<Self> {
        if start > end {
            return None;
        }
        let (mut node, mut smallest) = (self, self);
        loop {
            let reaches = |child: &Self| {
                let range = range(child);
                let behind = if range.is_empty() { range.end < start } else { range.end <= start };
                range.end >= end && !behind
            };
            match node.siblings().find(reaches) {
                Some(child) if range(&child).start <= start => node = child,
                _ => return Some(smallest),
            }
            if counts(&node) {
                smallest = node;
            }
        }
    }
}

/// An iterator over nodes that knows how many are left.
struct Counted<I> {
    nodes: I,
    left: usize,
}

impl<'tree, I: Iterator<Item = Node<'tree>>> Iterator for Counted<I> {
    type Item = Node<'tree>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.nodes.next();
        self.left = self.left.saturating_sub(usize::from(next.is_some()));
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'tree, I: Iterator<Item = Node<'tree>>> ExactSizeIterator for Counted<I> {}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::ptr::eq(self.tree, other.tree)
    }
}

impl Eq for Node<'_> {}

impl Hash for Node<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
        std::ptr::hash(self.tree, state);
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start_position(), self.end_position());
        write!(
            f,
            "{{Node {} ({}, {}) - ({}, {})}}",
            self.kind(),
            start.row,
            start.column,
            end.row,
            end.column
        )
    }
}
