//! Making a tree from nodes in pre-order.

use std::sync::Arc;

use memchr::memchr_iter;
use xxhash_rust::xxh3::xxh3_64;

use crate::shape::{EXTRA, INTERNAL, LAST, MISSING, Shape, TAIL};
use crate::tree::{HiddenMissing, Quirk, Tree};
use crate::{BuildError, ERROR_KIND, Grammar};

/// The longest source, in bytes: positions are 32 bits wide and the largest
/// value is reserved.
pub const MAX_SOURCE_LEN: u64 = u32::MAX as u64 - 1;
/// The largest number of nodes. With it and [`MAX_LINES`], a pressed tree stays
/// below 4 GiB, whatever its nodes are.
pub(crate) const MAX_NODES: u32 = 1 << 27;
/// Stands for the character of an error that has none: its parts are hidden.
pub(crate) const NO_CHARACTER: i32 = -2;
/// The largest number of line ends.
pub(crate) const MAX_LINES: u32 = 1 << 30;

/// XXH3-64 of a source text: what [`Tree::source_hash`] is compared with to
/// know whether a text is the one that was pressed.
pub fn source_hash(source: &[u8]) -> u64 {
    xxh3_64(source)
}

/// Refuses sources that no tree can be kept over: longer than
/// [`MAX_SOURCE_LEN`], or UTF-16.
///
/// # Errors
/// [`BuildError::SourceTooLong`] and [`BuildError::Utf16`].
pub fn check_source(source: &[u8]) -> Result<(), BuildError> {
    check_len(source.len() as u64)?;
    match source {
        [0xff, 0xfe, ..] => Err(BuildError::Utf16 { mark: "UTF-16 little-endian" }),
        [0xfe, 0xff, ..] => Err(BuildError::Utf16 { mark: "UTF-16 big-endian" }),
        _ => Ok(()),
    }
}

/// The length half of [`check_source`], for those who know the length before
/// they read.
///
/// # Errors
/// [`BuildError::SourceTooLong`].
pub fn check_len(len: u64) -> Result<(), BuildError> {
    match len > MAX_SOURCE_LEN {
        true => Err(BuildError::SourceTooLong { len, limit: MAX_SOURCE_LEN }),
        false => Ok(()),
    }
}

/// A node as a [`TreeBuilder`] takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewNode {
    /// Kind id, [`ERROR_KIND`] for an error.
    pub kind: u16,
    /// Field id in the parent, 0 for none.
    pub field: u16,
    /// Levels below the root.
    pub depth: u32,
    /// First byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
    /// Whether the node may appear anywhere.
    pub extra: bool,
    /// Whether the parser put it in.
    pub missing: bool,
    /// Supertypes that it stands for: bit n is the n-th of
    /// [`Grammar::supertype_kinds`].
    pub supertypes: u32,
}

/// Makes a [`Tree`] from its nodes in pre-order, checking each.
///
/// The builder can be used again: [`TreeBuilder::finish`] leaves it empty,
/// with its memory.
///
/// ```
/// use herbarium_codec::{NewNode, TreeBuilder};
/// # let grammar = std::sync::Arc::new(herbarium_codec::doc::sums());
/// let mut builder = TreeBuilder::new(&grammar);
/// builder.start(b"1 + 2")?;
/// builder.push(NewNode { kind: 3, depth: 0, start: 0, end: 5, ..NewNode::default() })?;
/// builder.push(NewNode { kind: 1, field: 1, depth: 1, start: 0, end: 1, ..NewNode::default() })?;
/// builder.push(NewNode { kind: 2, depth: 1, start: 2, end: 3, ..NewNode::default() })?;
/// builder.push(NewNode { kind: 1, field: 2, depth: 1, start: 4, end: 5, ..NewNode::default() })?;
/// let tree = builder.finish()?;
/// assert_eq!(tree.root_node().to_sexp(), "(sum left: (number) right: (number))");
/// # Ok::<(), herbarium_codec::BuildError>(())
/// ```
pub struct TreeBuilder {
    grammar: Arc<Grammar>,
    source_len: u32,
    source_hash: u64,
    crlf: bool,
    lines: Vec<u32>,
    /// Places in `table`, by node.
    shapes: Vec<u32>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    parents: Vec<u32>,
    extents: Vec<u32>,
    /// The open nodes, by depth.
    path: Vec<Open>,
    /// Where the last token ended.
    position: u32,
    errors: Vec<u32>,
    error_tokens: Vec<u32>,
    tails: Vec<(u32, u32)>,
    unexpected: Vec<(u32, i32)>,
    hidden_missing: Vec<HiddenMissing>,
    marks: Vec<u32>,
    quirks: Vec<(u32, Quirk)>,
    table: Vec<Shape>,
    slots: Vec<u32>,
}

/// A node on the path from the root to where the builder is.
#[derive(Clone, Copy)]
struct Open {
    index: u32,
    /// Where its last child so far ends; its start before there is one.
    position: u32,
    end: u32,
    missing: bool,
}

impl TreeBuilder {
    /// A builder for trees of one grammar.
    pub fn new(grammar: &Arc<Grammar>) -> Self {
        Self {
            grammar: grammar.clone(),
            source_len: 0,
            source_hash: 0,
            crlf: false,
            lines: Vec::new(),
            shapes: Vec::new(),
            starts: Vec::new(),
            ends: Vec::new(),
            parents: Vec::new(),
            extents: Vec::new(),
            path: Vec::new(),
            position: 0,
            errors: Vec::new(),
            error_tokens: Vec::new(),
            tails: Vec::new(),
            unexpected: Vec::new(),
            hidden_missing: Vec::new(),
            marks: Vec::new(),
            quirks: Vec::new(),
            table: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// The grammar of the trees.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Starts a tree over a source, forgetting what was pushed before.
    ///
    /// # Errors
    /// See [`check_source`].
    pub fn start(&mut self, source: &[u8]) -> Result<(), BuildError> {
        self.clear();
        check_source(source)?;
        self.source_len = source.len() as u32;
        self.source_hash = source_hash(source);
        self.lines.extend(memchr_iter(b'\n', source).map(|at| at as u32 + 1));
        if self.lines.len() > MAX_LINES as usize {
            return Err(BuildError::TooManyLines { found: self.lines.len(), limit: MAX_LINES });
        }
        let before = |line: &&u32| source.get((**line as usize).wrapping_sub(2)) == Some(&b'\r');
        let with_return = self.lines.iter().take(64).filter(before).count();
        self.crlf = with_return * 2 > self.lines.len().min(64);
        Ok(())
    }

    /// Adds the next node in pre-order.
    ///
    /// # Errors
    /// A kind, field or supertype that the grammar does not have, a depth that
    /// does not follow, a missing parent, or a range outside the parent or
    /// before the sibling.
    #[inline]
    pub fn push(&mut self, node: NewNode) -> Result<(), BuildError> {
        let index = self.starts.len() as u32;
        let depth = node.depth as usize;
        if depth > self.path.len() || (depth == 0) != (index == 0) || index >= MAX_NODES {
            return Err(self.wrong_depth(index, node.depth));
        }
        self.path.truncate(depth);
        let (parent, min, max) = match self.path.last() {
            Some(open) if open.missing => {
                return Err(BuildError::UnderMissing {
                    index: index as usize,
                    parent: open.index as usize,
                });
            }
            Some(open) => (open.index, open.position, open.end),
            None => (0, 0, self.source_len),
        };
        if node.start < min || node.end < node.start || node.end > max {
            let range = BuildError::Range {
                index: index as usize,
                start: node.start,
                end: node.end,
                min,
                max,
            };
            return Err(range);
        }
        let flags = u8::from(node.extra) * EXTRA | u8::from(node.missing) * MISSING;
        let NewNode { kind, field, supertypes, .. } = node;
        let shape = Shape { kind, field, flags, gap: 0, len: 0, supertypes };
        let place = self.place(shape).ok_or_else(|| self.unknown(index, node))?;
        if let Some(open) = self.path.last_mut() {
            open.position = node.end;
        }
        self.path.push(Open { index, position: node.start, end: node.end, missing: node.missing });
        self.shapes.push(place);
        self.starts.push(node.start);
        self.ends.push(node.end);
        self.parents.push(parent);
        Ok(())
    }

    /// Says which character the last node, an error without children, could
    /// not be read at; -1 for bytes that are no character. Without this call
    /// the error is one whose parts the grammar hides. Only
    /// [`crate::Node::to_sexp`] tells the two apart.
    pub fn unexpected(&mut self, character: i32) {
        let index = self.starts.len().saturating_sub(1) as u32;
        self.unexpected.push((index, character));
    }

    /// Records a missing token that the grammar hides, as the next child of
    /// the node `parent` (by number in pre-order) after `before` children.
    /// `named` says whether the grammar names it, as it does not show.
    ///
    /// # Errors
    /// A kind that the grammar does not have.
    pub fn hidden_missing(
        &mut self,
        parent: u32,
        before: u32,
        kind: u16,
        named: bool,
    ) -> Result<(), BuildError> {
        if usize::from(kind) >= self.grammar.kind_count() {
            return Err(self.unknown(parent, NewNode { kind, ..NewNode::default() }));
        }
        self.hidden_missing.push(HiddenMissing { parent, before, kind, named });
        Ok(())
    }

    /// Marks a node as having an error that nothing else shows: it is neither
    /// missing nor an error with children, and nothing under it has an error.
    pub fn mark_error(&mut self, index: u32) {
        self.marks.push(index);
    }

    /// Says what queries see otherwise about a node, by number in pre-order.
    ///
    /// # Errors
    /// A kind or field that the grammar does not have.
    pub fn quirk(&mut self, index: u32, quirk: Quirk) -> Result<(), BuildError> {
        if !quirk.is_of(&self.grammar) {
            return Err(self.unknown_quirk(index as usize, quirk));
        }
        self.quirks.push((index, quirk));
        Ok(())
    }

    /// The finished tree.
    ///
    /// # Errors
    /// [`BuildError::Empty`] when no node was pushed.
    pub fn finish(&mut self) -> Result<Tree, BuildError> {
        let mut tree = Tree::empty(self.grammar.clone());
        self.finish_into(&mut tree)?;
        tree.shrink_to_fit();
        Ok(tree)
    }

    /// As [`TreeBuilder::finish`], into a tree whose memory is used again.
    ///
    /// # Errors
    /// [`BuildError::Empty`] when no node was pushed.
    pub fn finish_into(&mut self, tree: &mut Tree) -> Result<(), BuildError> {
        if self.starts.is_empty() {
            return Err(BuildError::Empty);
        }
        tree.clear();
        tree.set_grammar(self.grammar.clone());
        tree.set_source(self.source_len, self.source_hash);
        tree.set_crlf(self.crlf);
        self.measure();
        self.place_shapes();
        self.fill(tree);
        self.clear();
        Ok(())
    }

    /// Number of nodes under each, itself included, by walking backwards.
    fn measure(&mut self) {
        self.extents.clear();
        self.extents.resize(self.starts.len(), 1);
        for index in (1..self.starts.len()).rev() {
            self.extents[self.parents[index] as usize] += self.extents[index];
        }
    }

    /// Completes the shapes by what is only known at the end: whether a node
    /// has children, is the last child, ends after its last child.
    fn place_shapes(&mut self) {
        self.position = 0;
        let count = self.starts.len() as u32;
        // Complete shapes by shape and flags, so that most nodes are one look-up.
        let mut known = vec![[u32::MAX; 8]; self.table.len()];
        self.slots.clear();
        let seen = std::mem::take(&mut self.table);
        for index in 0..count {
            let at = index as usize;
            let size = self.extents[at];
            let after = index + size;
            let parent = self.parents[at];
            let internal = size > 1;
            let last = index == 0 || after == parent + self.extents_of(parent, count);
            let tail = internal && self.ends[at] > self.ends[after as usize - 1];
            let (i, l, t) = (u8::from(internal), u8::from(last), u8::from(tail));
            let slot = &mut known[self.shapes[at] as usize][usize::from(i | l << 1 | t << 2)];
            if *slot == u32::MAX {
                let mut shape = seen[self.shapes[at] as usize];
                shape.flags |= i * INTERNAL | l * LAST | t * TAIL;
                *slot = self.table.len() as u32;
                self.table.push(shape);
            }
            self.shapes[at] = *slot;
            let shape = self.table[*slot as usize];
            if shape.is_fault() {
                self.errors.push(index);
            }
            if shape.is_error_token() {
                self.error_tokens.push(index);
            }
            if tail {
                self.tails.push((index, self.ends[at]));
            }
        }
    }

    fn extents_of(&self, index: u32, count: u32) -> u32 {
        self.extents.get(index as usize).copied().unwrap_or(count)
    }

    fn fill(&mut self, tree: &mut Tree) {
        tree.own_shapes_mut().extend_from_slice(&self.table);
        let ranges = self.starts.iter().zip(&self.ends).zip(&self.extents);
        tree.set_lens(ranges.map(|((start, end), &size)| if size == 1 { end - start } else { 0 }));
        self.extents.iter_mut().for_each(|size| *size -= 1);
        tree.set_lanes(&self.shapes, &self.parents, &self.extents, &self.starts, &self.lines);
        self.tails.iter().for_each(|&(index, end)| tree.push_tail(index, end));
        self.errors.iter().for_each(|&index| tree.push_error(index));
        self.unexpected_of(tree);
        self.hidden_missing.sort_by_key(|hidden| (hidden.parent, hidden.before));
        let count = self.starts.len() as u32;
        self.hidden_missing
            .iter()
            .filter(|hidden| hidden.parent < count)
            .for_each(|&hidden| tree.push_hidden_missing(hidden));
        self.marks.sort_unstable();
        self.marks
            .iter()
            .filter(|&&mark| mark < count)
            .for_each(|&mark| tree.push_error_mark(mark));
        self.quirks.sort_by_key(|entry| entry.0);
        self.quirks
            .iter()
            .filter(|entry| entry.0 < count)
            .for_each(|&(index, quirk)| tree.push_quirk(index, quirk));
        tree.sort_errors();
    }

    /// What each error without children could not be read at.
    fn unexpected_of(&self, tree: &mut Tree) {
        let mut given = self.unexpected.iter().peekable();
        for &index in &self.error_tokens {
            while given.peek().is_some_and(|(at, _)| *at < index) {
                given.next();
            }
            let character =
                given.peek().filter(|(at, _)| *at == index).map_or(NO_CHARACTER, |(_, code)| *code);
            tree.push_unexpected(index, character);
        }
    }

    fn clear(&mut self) {
        let columns = [
            &mut self.lines,
            &mut self.shapes,
            &mut self.starts,
            &mut self.ends,
            &mut self.parents,
            &mut self.errors,
            &mut self.error_tokens,
            &mut self.marks,
            &mut self.slots,
        ];
        columns.into_iter().for_each(Vec::clear);
        self.path.clear();
        self.tails.clear();
        self.unexpected.clear();
        self.hidden_missing.clear();
        self.quirks.clear();
        self.table.clear();
    }

    /// The place of a shape in the table; none when the grammar does not have
    /// its kind, its field or one of its supertypes.
    #[inline]
    fn place(&mut self, shape: Shape) -> Option<u32> {
        if self.slots.is_empty() {
            self.slots.resize(1024, 0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = (shape.packed().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return self.add(shape, slot),
                place if self.table[place as usize - 1] == shape => return Some(place - 1),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    #[cold]
    fn add(&mut self, shape: Shape, slot: usize) -> Option<u32> {
        let known = shape.kind == ERROR_KIND || usize::from(shape.kind) < self.grammar.kind_count();
        let supertypes = self.grammar.supertype_kinds().len();
        if !known
            || usize::from(shape.field) > self.grammar.field_count()
            || u64::from(shape.supertypes) >> supertypes != 0
        {
            return None;
        }
        self.table.push(shape);
        let place = self.table.len() as u32;
        self.slots[slot] = place;
        if self.table.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(place - 1)
    }

    fn grow(&mut self) {
        let len = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(len, 0);
        for (place, shape) in self.table.iter().enumerate() {
            let mut slot =
                (shape.packed().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (len - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.slots[slot] = place as u32 + 1;
        }
    }

    #[cold]
    fn wrong_depth(&self, index: u32, found: u32) -> BuildError {
        if index >= MAX_NODES {
            return BuildError::TooManyNodes { limit: MAX_NODES };
        }
        let (min, max) = if index == 0 { (0, 0) } else { (1, self.path.len() as u32) };
        BuildError::Depth { index: index as usize, found, min, max }
    }

    #[cold]
    fn unknown_quirk(&self, index: usize, quirk: Quirk) -> BuildError {
        let (grammar, kinds) = (self.grammar.name().to_owned(), self.grammar.kind_count());
        match quirk {
            Quirk::Alias(kind) => BuildError::UnknownKind { index, kind, grammar, kinds },
            Quirk::LastOfField | Quirk::NotLastOfField => self.unknown_field(index, 0),
            Quirk::Field(field) | Quirk::FieldWithin(field) => self.unknown_field(index, field),
        }
    }

    #[cold]
    fn unknown(&self, index: u32, node: NewNode) -> BuildError {
        let (index, grammar) = (index as usize, self.grammar.name().to_owned());
        let NewNode { kind, field, supertypes, .. } = node;
        let kinds = self.grammar.kind_count();
        if kind != ERROR_KIND && usize::from(kind) >= kinds {
            return BuildError::UnknownKind { index, kind, grammar, kinds };
        }
        let known = self.grammar.supertype_kinds().len();
        if u64::from(supertypes) >> known != 0 {
            return BuildError::UnknownSupertype { index, supertypes, grammar, known };
        }
        self.unknown_field(index, field)
    }

    fn unknown_field(&self, index: usize, field: u16) -> BuildError {
        let (grammar, fields) = (self.grammar.name().to_owned(), self.grammar.field_count());
        BuildError::UnknownField { index, field, grammar, fields }
    }
}
