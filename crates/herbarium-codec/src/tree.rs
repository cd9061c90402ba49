//! The tree in memory: a few columns, about ten bytes a node.
//!
//! Nodes are numbered in pre-order, so the first child of a node is the next
//! number, and a subtree is a range. Each node has a shape (kind, field,
//! flags), the distance to its parent, the number of nodes under it, its start
//! and, if it is a token, its length. Parent, first child, next sibling, start
//! and end take constant time, but for tokens of 255 bytes and more.

use std::ops::Range;
use std::sync::Arc;

use crate::container::Header;
use crate::cursor::Cursor;
use crate::lane::{BLOCK, Base, Lane};
use crate::lens::Lens;
use crate::node::Node;
use crate::shape::{EXTRA, INTERNAL, LAST, MISSING, Shape, TAIL};
use crate::{ERROR_KIND, Grammar, Point, ShapeBook};

/// A whole syntax tree: what a parser saw, without the parser.
///
/// Comes from [`crate::decode`] or a [`crate::TreeBuilder`]. It is immutable,
/// `Send` and `Sync`, holds no source text, and is independent of any grammar
/// library: names come from its [`Grammar`] table.
///
/// Memory: about 10 bytes a node, see [`Tree::heap_bytes`].
#[derive(Clone)]
pub struct Tree {
    grammar: Arc<Grammar>,
    book: Option<Arc<ShapeBook>>,
    /// Shapes numbered behind those of the book.
    own: Vec<Shape>,
    shape: Lane,
    parent: Lane,
    /// Nodes under each.
    under: Lane,
    start: Lane,
    lens: Lens,
    /// Start of each line but the first.
    lines: Lane,
    /// Nodes that end after their last child, with their ends; sorted.
    tails: Vec<(u32, u32)>,
    /// Nodes that make themselves and all above them `has_error`; sorted.
    errors: Vec<u32>,
    faults: Option<Box<Faults>>,
    source_len: u32,
    source_hash: u64,
    crlf: bool,
}

/// What hardly any node has, and most trees do without.
#[derive(Clone, Default, PartialEq, Eq)]
struct Faults {
    /// What queries see otherwise; sorted.
    quirks: Vec<(u32, Quirk)>,
    unexpected: Vec<(u32, i32)>,
    hidden_missing: Vec<HiddenMissing>,
    marks: Vec<u32>,
}

/// A token that the parser missed and that the grammar hides: no node of the
/// tree, yet the reason for an error, and part of the S-expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HiddenMissing {
    /// The node it belongs to.
    pub(crate) parent: u32,
    /// How many children of that node stand before it.
    pub(crate) before: u32,
    pub(crate) kind: u16,
    /// Whether the grammar names it: what the table says of visible kinds only.
    pub(crate) named: bool,
}

impl Faults {
    fn clear(&mut self) {
        self.unexpected.clear();
        self.hidden_missing.clear();
        self.marks.clear();
        self.quirks.clear();
    }
}

/// What tree-sitter's queries see otherwise than its nodes show.
///
/// Consequences of how tree-sitter stores hidden nodes; some of them look like
/// oversights, all of them decide what a query matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// The field of the node counts as if no later sibling had it, though one
    /// has: several visible nodes share the field of one hidden node.
    LastOfField,
    /// The field of the node counts as if a later sibling had it, though none
    /// has: the rule of the node above lets it come again, and it did not.
    NotLastOfField,
    /// An extra that counts as having this field: that of the hidden node it
    /// is in. Where the node is no extra: the node above, asked for its child
    /// of this field, finds it though it shows another field or none; or, where
    /// this is the field that it shows, does not find it. That question is
    /// answered by the rules of the grammar, which may give a field to a hidden
    /// node whose first child has one of its own, or not take over the field of
    /// a node that a supertype hides.
    Field(u16),
    /// An extra that its children see as a node of this kind: the alias of the
    /// child in whose place it stands.
    Alias(u16),
    /// Where the node above is asked for its child of this field, the children
    /// of this node are looked at, too: its alias shows a node that the grammar
    /// hides, and fields within hidden nodes are those of the node above. Where
    /// the node is an extra, it is found itself: it is the first child of a
    /// hidden node with that field.
    FieldWithin(u16),
}

impl Quirk {
    /// Whether the grammar has the field or kind that it names.
    pub(crate) fn is_of(self, grammar: &Grammar) -> bool {
        match self {
            Self::LastOfField | Self::NotLastOfField => true,
            Self::Field(field) | Self::FieldWithin(field) => {
                field != 0 && usize::from(field) <= grammar.field_count()
            }
            Self::Alias(kind) => usize::from(kind) < grammar.kind_count(),
        }
    }
}

impl Tree {
    /// The root. Its range may be shorter than the source: it starts at the
    /// first token.
    pub fn root_node(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// A cursor at the root.
    pub fn walk(&self) -> Cursor<'_> {
        self.root_node().walk()
    }

    /// The grammar table that names kinds and fields.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Number of nodes, the root included.
    pub fn descendant_count(&self) -> usize {
        self.shape.len()
    }

    /// The node with that number in pre-order; 0 is the root.
    pub fn node(&self, index: usize) -> Option<Node<'_>> {
        (index < self.shape.len()).then(|| Node::new(self, index as u32))
    }

    /// All nodes in pre-order. Cost: constant a node.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        (0..self.shape.len()).map(|index| Node::new(self, index as u32))
    }

    /// Length of the source, in bytes.
    pub fn source_len(&self) -> u32 {
        self.source_len
    }

    /// [`crate::source_hash`] of the source: whether a text is the one that
    /// was pressed.
    pub fn source_hash(&self) -> u64 {
        self.source_hash
    }

    /// Number of lines: one more than there are `\n`.
    pub fn line_count(&self) -> usize {
        self.lines.len() + 1
    }

    /// The byte range of a line, its line end included. Empty past the end.
    pub fn line_range(&self, row: usize) -> Range<usize> {
        let end = self.source_len as usize;
        if row >= self.line_count() {
            return end..end;
        }
        let next = row + 1;
        let until = if next < self.line_count() { self.line_start(next) as usize } else { end };
        self.line_start(row) as usize..until
    }

    /// Row and column of a byte, both counted from 0, the column in bytes.
    /// Cost: logarithmic in the number of lines.
    pub fn point_at(&self, byte: usize) -> Point {
        let (mut low, mut high) = (0, self.lines.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.lines.get_from(Base::First, middle) as usize <= byte {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Point { row: low, column: byte - self.line_start(low) as usize }
    }

    /// Bytes on the heap, not counting grammar and shape book, which are shared. What the
    /// allocator adds to each block is not in it: see [`Tree::heap_blocks`].
    pub fn heap_bytes(&self) -> usize {
        self.heap_blocks().sum()
    }

    /// The length of each of its blocks on the heap, for who wants to know what they take
    /// there: of small trees, an allocator's share is a good part. Never 0.
    pub fn heap_blocks(&self) -> impl Iterator<Item = usize> {
        let lanes = [&self.shape, &self.parent, &self.under, &self.start, &self.lines];
        let own = [
            self.own.capacity() * size_of::<Shape>(),
            self.tails.capacity() * 8,
            self.errors.capacity() * 4,
        ];
        let faults = self.faults.as_ref().map(|faults| {
            [
                size_of::<Faults>(),
                faults.unexpected.capacity() * size_of::<(u32, i32)>(),
                faults.hidden_missing.capacity() * size_of::<HiddenMissing>(),
                faults.marks.capacity() * 4,
                faults.quirks.capacity() * size_of::<(u32, Quirk)>(),
            ]
        });
        let columns = lanes.into_iter().flat_map(Lane::heap_blocks).chain(self.lens.heap_blocks());
        let blocks = columns.chain(own).chain(faults.into_iter().flatten());
        blocks.filter(|bytes| *bytes > 0)
    }

    /// The 16-bit column of shape numbers and a way to read them, for scans
    /// that look at every node: see [`Tree::shape_kinds`].
    pub fn shape_column(&self) -> &[u16] {
        self.shape.low()
    }

    /// Kind and field of each shape number: a scan for a kind finds the shape
    /// numbers of that kind here, then looks for them in
    /// [`Tree::shape_column`]. Numbers of 0xff00 and more in the column stand
    /// for shapes that only [`Node`] resolves.
    pub fn shape_kinds(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        (0..self.shape_count())
            .filter_map(|id| self.shape_by_id(id))
            .map(|shape| (self.grammar.public_kind(shape.kind), shape.field))
    }
}

/// Equal trees show the same nodes over the same source; how they were pressed
/// makes no difference.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        let faults = |tree: &Self| tree.faults.clone().unwrap_or_default();
        let nodes = |tree: &Self| tree.descendant_count() as u32;
        self.grammar.fingerprint() == other.grammar.fingerprint()
            && (self.source_len, self.source_hash) == (other.source_len, other.source_hash)
            && self.line_count() == other.line_count()
            && nodes(self) == nodes(other)
            && faults(self) == faults(other)
            && (0..self.line_count()).all(|row| self.line_start(row) == other.line_start(row))
            && (0..nodes(self)).all(|index| self.record(index) == other.record(index))
    }
}

impl Eq for Tree {}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("grammar", &self.grammar.name())
            .field("nodes", &self.descendant_count())
            .field("source_len", &self.source_len)
            .finish_non_exhaustive()
    }
}

/// What makes two nodes at one place equal.
type Record = (u16, u16, u8, u32, u32, u32, u32);

/// Reading, by number of the node.
impl Tree {
    fn record(&self, index: u32) -> Record {
        let shape = self.shape_at(index);
        let flags = shape.flags & (EXTRA | MISSING | INTERNAL | LAST);
        (
            shape.kind,
            shape.field,
            flags,
            shape.supertypes,
            self.parent_of(index),
            self.start_at(index),
            self.end_at(index),
        )
    }

    #[inline]
    pub(crate) fn shape_at(&self, index: u32) -> Shape {
        self.shape_by_id(self.shape.get_from(Base::Zero, index as usize)).unwrap_or(NO_SHAPE)
    }

    #[inline]
    pub(crate) fn start_at(&self, index: u32) -> u32 {
        self.start.get_from(Base::First, index as usize)
    }

    #[inline]
    pub(crate) fn shape_number(&self, index: u32) -> u32 {
        self.shape.get_from(Base::Zero, index as usize)
    }

    /// Length of a token, 0 for any other node.
    #[inline]
    pub(crate) fn len_at(&self, index: u32) -> u32 {
        self.lens.get(index)
    }

    /// The node above; the root itself for the root.
    #[inline]
    pub(crate) fn parent_of(&self, index: u32) -> u32 {
        self.parent.get_from(Base::Place, index as usize)
    }

    /// The number after the last node under this one.
    #[inline]
    pub(crate) fn after(&self, index: u32) -> u32 {
        index.saturating_add(self.under.get_from(Base::Zero, index as usize)).saturating_add(1)
    }

    /// Where the last token under a node ends.
    #[inline]
    pub(crate) fn last_token_end(&self, index: u32) -> u64 {
        let last = self.after(index).saturating_sub(1);
        u64::from(self.start_at(last)).saturating_add(u64::from(self.len_at(last)))
    }

    #[inline]
    pub(crate) fn end_at(&self, index: u32) -> u32 {
        let shape = self.shape_at(index);
        if !shape.has(TAIL) {
            return self.last_token_end(index) as u32;
        }
        match self.tails.binary_search_by_key(&index, |tail| tail.0) {
            Ok(found) => self.tails.get(found).map_or(0, |tail| tail.1),
            Err(_) => self.last_token_end(index) as u32,
        }
    }

    /// Where a line starts.
    #[inline]
    pub(crate) fn line_start(&self, row: usize) -> u32 {
        row.checked_sub(1).map_or(0, |row| self.lines.get_from(Base::First, row))
    }

    /// Whether an error lies under a node, or it is one.
    pub(crate) fn has_error_at(&self, index: u32) -> bool {
        let first = self.errors.partition_point(|&error| error < index);
        self.errors.get(first).is_some_and(|&error| error < self.after(index))
    }

    pub(crate) fn shape_count(&self) -> u32 {
        let book = self.book.as_ref().map_or(0, |book| book.len());
        book.saturating_add(self.own.len()) as u32
    }

    #[inline]
    pub(crate) fn shape_by_id(&self, id: u32) -> Option<Shape> {
        self.shapes().get(id)
    }

    #[inline]
    pub(crate) fn shapes(&self) -> Shapes<'_> {
        Shapes::new(self.book.as_deref(), &self.own)
    }

    pub(crate) fn is_crlf(&self) -> bool {
        self.crlf
    }

    pub(crate) fn unexpected(&self) -> &[(u32, i32)] {
        self.faults.as_ref().map_or(&[], |faults| &faults.unexpected)
    }

    pub(crate) fn hidden_missing(&self) -> &[HiddenMissing] {
        self.faults.as_ref().map_or(&[], |faults| &faults.hidden_missing)
    }

    pub(crate) fn error_marks(&self) -> &[u32] {
        self.faults.as_ref().map_or(&[], |faults| &faults.marks)
    }

    pub(crate) fn all_quirks(&self) -> &[(u32, Quirk)] {
        self.faults.as_ref().map_or(&[], |faults| &faults.quirks)
    }

    /// Where the last token under a node ends, and the last byte that the
    /// node's tail may reach: the start of what follows, and within the parent
    /// of a last child.
    #[inline]
    pub(crate) fn tail_range(&self, index: u32, is_last: bool) -> (u64, u64) {
        let after = self.after(index);
        let last = after.saturating_sub(1);
        let end = u64::from(self.start_at(last)).saturating_add(u64::from(self.len_at(last)));
        let next = match (after as usize) < self.shape.len() {
            true => self.start_at(after),
            false => self.source_len,
        };
        match is_last && index != 0 {
            true => (end, u64::from(next.min(self.end_at(self.parent_of(index))))),
            false => (end, u64::from(next)),
        }
    }
}

/// The shapes of a tree: those of its book, then its own.
#[derive(Clone, Copy)]
pub(crate) struct Shapes<'a> {
    book: &'a [Shape],
    own: &'a [Shape],
}

impl<'a> Shapes<'a> {
    pub(crate) fn new(book: Option<&'a ShapeBook>, own: &'a [Shape]) -> Self {
        Self { book: book.map_or(&[], |book| book.shapes()), own }
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<Shape> {
        let id = id as usize;
        match self.book.get(id) {
            Some(shape) => Some(*shape),
            None => self.own.get(id.saturating_sub(self.book.len())).copied(),
        }
    }

    /// Those of the tree, without the book's.
    pub(crate) fn own(&self) -> &'a [Shape] {
        self.own
    }

    pub(crate) fn len(&self) -> usize {
        self.book.len().saturating_add(self.own.len())
    }
}

/// Stands in for a shape that does not exist; no valid tree shows it.
pub(crate) const NO_SHAPE: Shape =
    Shape { kind: ERROR_KIND, field: 0, flags: LAST, gap: 0, len: 0, supertypes: 0 };

/// Making, for the builder and the decoder.
impl Tree {
    /// A tree without nodes, to be filled by [`crate::Decoder::decode_into`] or
    /// [`crate::TreeBuilder::finish_into`]. It has no root until then: calling
    /// [`Tree::root_node`] gives a node that shows nothing.
    pub fn new(grammar: &Arc<Grammar>) -> Self {
        Self::empty(grammar.clone())
    }

    pub(crate) fn empty(grammar: Arc<Grammar>) -> Self {
        Self {
            grammar,
            book: None,
            own: Vec::new(),
            shape: Lane::new(Base::Zero),
            parent: Lane::new(Base::Place),
            under: Lane::new(Base::Zero),
            start: Lane::new(Base::First),
            lens: Lens::default(),
            lines: Lane::new(Base::First),
            tails: Vec::new(),
            errors: Vec::new(),
            faults: None,
            source_len: 0,
            source_hash: 0,
            crlf: false,
        }
    }

    pub(crate) fn clear(&mut self) {
        let lanes =
            [&mut self.shape, &mut self.parent, &mut self.under, &mut self.start, &mut self.lines];
        lanes.into_iter().for_each(Lane::clear);
        self.lens.clear();
        self.book = None;
        self.own.clear();
        self.tails.clear();
        self.errors.clear();
        if let Some(faults) = &mut self.faults {
            faults.clear();
        }
        (self.source_len, self.source_hash, self.crlf) = (0, 0, false);
    }

    pub(crate) fn reset(
        &mut self,
        grammar: &Arc<Grammar>,
        book: Option<Arc<ShapeBook>>,
        header: &Header,
    ) {
        self.clear();
        // Counting references is not free.
        if !Arc::ptr_eq(&self.grammar, grammar) {
            self.grammar = Arc::clone(grammar);
        }
        self.book = book;
        self.source_len = header.source_len;
        self.source_hash = header.source_hash;
    }

    /// Makes room for so many nodes in all, and no more.
    pub(crate) fn reserve(&mut self, nodes: usize) {
        for lane in [&mut self.shape, &mut self.parent, &mut self.under, &mut self.start] {
            lane.reserve(nodes);
        }
        self.lens.reserve(nodes);
    }

    pub(crate) fn set_grammar(&mut self, grammar: Arc<Grammar>) {
        self.grammar = grammar;
    }

    pub(crate) fn set_source(&mut self, len: u32, hash: u64) {
        (self.source_len, self.source_hash) = (len, hash);
    }

    pub(crate) fn set_crlf(&mut self, crlf: bool) {
        self.crlf = crlf;
    }

    pub(crate) fn book(&self) -> Option<&Arc<ShapeBook>> {
        self.book.as_ref()
    }

    pub(crate) fn own_shapes_mut(&mut self) -> &mut Vec<Shape> {
        &mut self.own
    }

    /// Takes the shapes out, for [`Tree::set_shapes`]: they are read while the
    /// tree is being filled.
    pub(crate) fn take_shapes(&mut self) -> (Option<Arc<ShapeBook>>, Vec<Shape>) {
        (self.book.take(), std::mem::take(&mut self.own))
    }

    pub(crate) fn set_shapes(&mut self, (book, own): (Option<Arc<ShapeBook>>, Vec<Shape>)) {
        (self.book, self.own) = (book, own);
    }

    /// Appends the next block of shape numbers, as far as a byte holds them.
    pub(crate) fn push_short_shapes(&mut self, shapes: &[u8]) {
        self.shape.push_bytes(shapes);
    }

    /// Changes one of the block that was appended last; in order.
    pub(crate) fn change_shape(&mut self, index: usize, shape: u32) {
        self.shape.change(index, shape);
    }

    /// Appends the next block of parents.
    pub(crate) fn push_parents(&mut self, parents: &[u32]) {
        self.parent.push_block(parents);
    }

    /// Appends the next block of parents, as the distances to them.
    pub(crate) fn push_parent_distances(&mut self, distances: impl Iterator<Item = u16>) {
        self.parent.push_narrow_block(distances);
    }

    /// Appends the next block of starts, as distances from the first byte that
    /// the block may have.
    pub(crate) fn push_starts(&mut self, first: u32, distances: &[u16]) {
        self.start.push_growing(first, distances);
    }

    /// The same, where the distances may have more than 16 bits.
    pub(crate) fn push_far_starts(&mut self, first: u32, distances: &[u32]) {
        self.start.push_far_growing(first, distances);
    }

    /// Appends the lengths of tokens; those that no byte holds were told.
    pub(crate) fn push_lens(&mut self, lens: &[u8]) {
        self.lens.push_short(lens);
    }

    /// Tells a length that no byte holds; in order.
    pub(crate) fn push_long_len(&mut self, index: u32, len: u32) {
        self.lens.push_long(index, len);
    }

    /// Sets how many nodes are under each.
    pub(crate) fn set_under(&mut self, under: &[u32]) {
        self.under.extend(under);
    }

    /// The same, where all are few.
    pub(crate) fn set_under_few(&mut self, under: impl Iterator<Item = u16>) {
        self.under.extend_narrow(under);
    }

    pub(crate) fn set_lens(&mut self, lens: impl Iterator<Item = u32>) {
        self.lens.extend(0, lens);
    }

    pub(crate) fn set_lines(&mut self, lines: &[u32]) {
        self.lines.reserve(lines.len());
        self.lines.extend(lines);
    }

    /// Fills the lanes.
    pub(crate) fn set_lanes(
        &mut self,
        shapes: &[u32],
        parents: &[u32],
        under: &[u32],
        starts: &[u32],
        lines: &[u32],
    ) {
        self.shape.extend(shapes);
        self.parent.extend(parents);
        self.under.extend(under);
        self.start.extend(starts);
        self.lines.extend(lines);
    }

    /// Makes room for so many tails, and no more.
    pub(crate) fn reserve_tails(&mut self, count: usize) {
        self.tails.reserve_exact(count);
    }

    pub(crate) fn push_tail(&mut self, index: u32, end: u32) {
        self.tails.push((index, end));
    }

    pub(crate) fn push_error(&mut self, index: u32) {
        self.errors.push(index);
    }

    fn faults_mut(&mut self) -> &mut Faults {
        self.faults.get_or_insert_default()
    }

    pub(crate) fn push_unexpected(&mut self, index: u32, character: i32) {
        self.faults_mut().unexpected.push((index, character));
    }

    pub(crate) fn push_hidden_missing(&mut self, hidden: HiddenMissing) {
        self.faults_mut().hidden_missing.push(hidden);
        self.errors.push(hidden.parent);
    }

    pub(crate) fn push_quirk(&mut self, index: u32, quirk: Quirk) {
        self.faults_mut().quirks.push((index, quirk));
    }

    pub(crate) fn push_error_mark(&mut self, index: u32) {
        self.faults_mut().marks.push(index);
        self.errors.push(index);
    }

    pub(crate) fn sort_errors(&mut self) {
        self.errors.sort_unstable();
        self.errors.dedup();
    }

    /// Gives spare capacity back.
    pub fn shrink_to_fit(&mut self) {
        let lanes =
            [&mut self.shape, &mut self.parent, &mut self.under, &mut self.start, &mut self.lines];
        lanes.into_iter().for_each(Lane::shrink);
        self.lens.shrink();
        self.own.shrink_to_fit();
        self.tails.shrink_to_fit();
        self.errors.shrink_to_fit();
    }
}

const _: () = assert!(BLOCK == 256, "the memory figures in the documentation assume blocks of 256");
