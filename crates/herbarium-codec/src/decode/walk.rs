//! The walk over the columns: what every node needs that depends on the nodes
//! before it, block by block.
//!
//! For a block of nodes, three loops, each simple enough to keep its state in
//! registers:
//!
//! 1. codes to shapes, and to the [`Step`]s that the other two read;
//! 2. which node is the child of which;
//! 3. gaps and token lengths, which add up to positions and line starts.
//!
//! What a node does in 2 and 3 is added and masked, never jumped to: the shape
//! of a tree cannot be predicted. Only what is rare leaves the third loop.

use super::columns::{Columns, FIRST_LONG, Found, Slow, invalid};
use crate::DecodeError;
use crate::lane::BLOCK;
use crate::shape::{GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, Shape, TAIL, gap};
use crate::tree::{NO_SHAPE, Shapes, Tree};

/// Walks trees, keeping its memory.
#[derive(Default)]
pub(super) struct Walk {
    block: Option<Box<Block>>,
    shallow: Shallow,
    deep: Deep,
}

/// What a later pass makes the extents of. Both have a place for every node.
pub(super) struct Extents<'a> {
    /// Length of the token; 0 for nodes with children.
    pub(super) lens: &'a mut [u32],
    /// The last child; the node itself where there is none.
    pub(super) last: &'a mut [u32],
}

/// What the walk finds out about some nodes.
struct Block {
    step: [Step; BLOCK],
    /// Parents; the root's is the root.
    parent: [u32; BLOCK],
    /// First byte.
    start: [u32; BLOCK],
    /// Line starts, as many as there are.
    lines: [u32; BLOCK],
}

/// Where the walk is.
#[derive(Default)]
struct At {
    /// Number of the first node of the block.
    first: u32,
    /// Place in [`Levels`] of the node to come.
    level: u32,
    /// Where the last token ended.
    position: u64,
    indent: i64,
    /// Below 0 when an indentation ever was.
    indents: i64,
    /// Place in the column of token lengths.
    lens: usize,
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
        let steps = Steps::new(shapes, columns.line_end);
        let block = self.block.get_or_insert_default();
        self.shallow.put(0, NONE);
        self.shallow.put(1, 0);
        self.deep.parents.clear();
        let mut at = At { level: 1, ..At::default() };
        for lens in extents.lens.chunks_mut(BLOCK) {
            read_codes(&mut block.step, lens.len(), at.first, columns, &steps, tree)?;
            if at.first == 0 && block.step.first().is_some_and(|root| root.stays != 0) {
                return Err(invalid("tree", 44, "one root", "a root that is not the last"));
            }
            if self.deep.parents.is_empty() && at.level as usize >= SHALLOW.saturating_sub(BLOCK) {
                self.deep.parents.extend_from_slice(self.shallow.parents.as_slice());
            }
            match self.deep.parents.is_empty() {
                true => read_nesting(block, lens.len(), extents.last, &mut self.shallow, &mut at)?,
                false => read_nesting(block, lens.len(), extents.last, &mut self.deep, &mut at)?,
            }
            let mut text = Text { columns, shapes, found, tree, at: &mut at };
            text.read(block, lens)?;
            let (parents, starts) = (block.parent.get(..lens.len()), block.start.get(..lens.len()));
            tree.push_places(parents.unwrap_or_default(), starts.unwrap_or_default());
            at.first = at.first.wrapping_add(lens.len() as u32);
        }
        columns.check_walk(at.lens, at.level, at.indents >= 0)?;
        Ok(at.position)
    }
}

/// The first loop: most codes are shape numbers; those that are not are looked
/// for in strips, as most strips have none.
#[inline(never)]
fn read_codes(
    here: &mut [Step; BLOCK],
    len: usize,
    first: u32,
    columns: &mut Columns<'_>,
    steps: &Steps<'_>,
    tree: &mut Tree,
) -> Result<(), DecodeError> {
    const STRIP: usize = 16;
    let codes = columns.codes.get(first as usize..).unwrap_or_default();
    let codes = codes.get(..len).unwrap_or_default();
    tree.push_short_shapes(codes);
    let mut padded = [0; BLOCK];
    padded.iter_mut().zip(codes).for_each(|(padded, code)| *padded = *code);
    here.iter_mut().zip(&padded).for_each(|(step, &code)| *step = steps.short(code));
    let (strips, _) = padded.as_chunks::<STRIP>();
    for (strip, from) in strips.iter().zip((0..BLOCK).step_by(STRIP)) {
        let largest = strip.iter().fold(0, |largest, &code| largest.max(code));
        if u32::from(largest) < steps.count {
            continue;
        }
        for (&code, node) in
            strip.iter().zip(from..).filter(|(code, _)| **code >= steps.count as u8)
        {
            let id = columns.long_code(u32::from(code), steps.shapes.len())?;
            tree.change_shape((first as usize).wrapping_add(node), id);
            if let Some(step) = here.get_mut(node) {
                *step = Step::new(steps.shapes.get(id).unwrap_or(NO_SHAPE), columns.line_end);
            }
        }
    }
    Ok(())
}

/// The second loop: parents, and the last child of each node.
///
/// Nodes on one level have one parent. A node that is the last on its level
/// leaves it to its own children: nothing comes behind it. So a level begins
/// with a first child of a node that is not the last, and ends with a last
/// child that has no children; what each node does to the level is known
/// without looking at another.
#[inline(never)]
fn read_nesting(
    block: &mut Block,
    len: usize,
    last: &mut [u32],
    levels: &mut impl Levels,
    at: &mut At,
) -> Result<(), DecodeError> {
    let mut level = at.level;
    let last_here = last.get_mut(at.first as usize..).unwrap_or_default();
    last_here.iter_mut().take(len).zip(at.first..).for_each(|(last, node)| *last = node);
    let steps = block.step.get(..len).unwrap_or_default();
    let parents = block.parent.get_mut(..len).unwrap_or_default();
    let nodes = steps.iter().zip(parents).zip(at.first..);
    for ((step, parent), node) in nodes {
        *parent = levels.at(level);
        match last.get_mut(*parent as usize) {
            Some(last) => *last = node,
            None => return Err(invalid("tree", 44, "one root", format!("node {node} beside it"))),
        }
        let below = level.wrapping_add(u32::from(step.stays));
        levels.put(below, node);
        level = below.wrapping_sub(u32::from(step.leaf));
    }
    at.level = level;
    Ok(())
}

/// The third loop.
struct Text<'t, 'c> {
    columns: &'t mut Columns<'c>,
    shapes: Shapes<'t>,
    found: &'t mut Found,
    tree: &'t Tree,
    at: &'t mut At,
}

impl Text<'_, '_> {
    fn read(&mut self, block: &mut Block, lens: &mut [u32]) -> Result<(), DecodeError> {
        let Block { step: steps, start: starts, lines, .. } = block;
        let mut node = 0usize;
        loop {
            let (steps, starts, lens) = (
                steps.get(node..).unwrap_or_default(),
                starts.get_mut(node..).unwrap_or_default(),
                lens.get_mut(node..).unwrap_or_default(),
            );
            let run = read_run(steps, starts, lens, self.columns.lens_and_rest, lines, self.at);
            self.found.lines.extend_from_slice(lines.get(..run.lines).unwrap_or_default());
            node = node.wrapping_add(run.nodes);
            let places = steps.get(run.nodes).zip(starts.get_mut(run.nodes));
            let Some(((step, start), len)) = places.zip(lens.get_mut(run.nodes)) else {
                return Ok(());
            };
            (*start, *len) = self.rare(node, *step)?;
            node = node.wrapping_add(1);
        }
    }

    /// Start and length of a node that is not on the straight path.
    #[inline(never)]
    fn rare(&mut self, node: usize, step: Step) -> Result<(u32, u32), DecodeError> {
        let index = self.at.first.wrapping_add(node as u32);
        let mut len = u32::from(step.len);
        if step.column != 0 {
            (len, self.at.lens) = self.columns.long_len(self.at.lens)?;
        }
        let (position, indent) = (self.at.position, self.at.indent);
        let shape = self.shapes.get(self.tree.shape_number(index)).unwrap_or(NO_SHAPE);
        let slow = Slow { index, position, shape, len, indent };
        let (gap, indent) = self.columns.slow(&slow, self.found)?;
        self.at.indent = indent;
        self.at.indents |= indent;
        let start = position.wrapping_add(u64::from(gap));
        self.at.position = start.wrapping_add(u64::from(len));
        Ok((start as u32, len))
    }
}

/// How far [`read_run`] came.
struct Run {
    nodes: usize,
    lines: usize,
}

/// Reads nodes up to the first that is rare, or has a length of more than one
/// byte.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
fn read_run(
    steps: &[Step],
    starts: &mut [u32],
    lens: &mut [u32],
    lens_column: &[u8],
    lines: &mut [u32; BLOCK],
    at: &mut At,
) -> Run {
    let (mut position, mut indent, mut indents) = (at.position, at.indent, at.indents);
    let (mut lens_at, mut lines_at, mut nodes) = (at.lens, 0usize, 0usize);
    for ((step, start), len) in steps.iter().zip(starts).zip(lens) {
        let Some(&byte) = lens_column.get(lens_at) else { break };
        let byte = byte & step.column;
        if byte | step.rare >= 0x80 {
            break;
        }
        lens_at = lens_at.wrapping_add(usize::from(step.column & 1));
        position = position.wrapping_add(u64::from(step.gap));
        lines[lines_at & (BLOCK - 1)] = position as u32;
        lines_at = lines_at.wrapping_add(usize::from(step.line & 1));
        indent = indent.wrapping_add(i64::from(step.change));
        indents |= indent;
        position = position.wrapping_add((indent & i64::from(step.line as i8)) as u64);
        *start = position as u32;
        *len = u32::from(byte | step.len);
        position = position.wrapping_add(u64::from(*len));
        nodes = nodes.wrapping_add(1);
    }
    (at.position, at.indent, at.indents, at.lens) = (position, indent, indents, lens_at);
    Run { nodes, lines: lines_at }
}

impl Default for Block {
    fn default() -> Self {
        let none = [0; BLOCK];
        Self { step: [Step::default(); BLOCK], parent: none, start: none, lines: none }
    }
}

/// What the walk needs of a shape, a byte for each thing.
#[derive(Clone, Copy, Default)]
#[repr(align(8))]
struct Step {
    /// 1 when the level goes on after the node: it is not the last child.
    stays: u8,
    /// 1 when the node has no children.
    leaf: u8,
    /// All bits when the length of the token stands in the column.
    column: u8,
    /// Length of the token where it does not.
    len: u8,
    /// The gap before the node, or the line end in it.
    gap: u8,
    /// All bits when the gap is a line end and an indentation.
    line: u8,
    /// By how much that indentation differs from the last.
    change: i8,
    /// 0x80 when the gap is anything else, or the node has something else that
    /// few nodes have.
    rare: u8,
}

impl Step {
    fn new(shape: Shape, line_end: u32) -> Self {
        let all = |flag| u8::from(flag).wrapping_neg();
        let broken = shape.is_fault() || shape.is_error_token();
        let rare = broken || shape.flags & (GAP_COLUMN | LINES | TAIL) != 0;
        let step = Self {
            stays: u8::from(!shape.has(LAST)),
            leaf: u8::from(!shape.has(INTERNAL)),
            column: all(shape.has(LEN_COLUMN)),
            len: shape.len,
            ..Self::default()
        };
        match gap::lines(shape.gap) {
            _ if rare => Self { rare: 0x80, ..step },
            None if shape.gap < gap::PLAIN => Self { gap: shape.gap, ..step },
            Some((1, change)) => {
                Self { gap: line_end as u8, line: 0xff, change: change as i8, ..step }
            }
            _ => Self { rare: 0x80, ..step },
        }
    }
}

/// The steps of the shapes that codes of one byte stand for.
struct Steps<'a> {
    short: [Step; 256],
    /// Codes from here on are no shape number, or none that exists.
    count: u32,
    shapes: Shapes<'a>,
}

impl<'a> Steps<'a> {
    fn new(shapes: Shapes<'a>, line_end: u32) -> Self {
        let count = shapes.len().min(usize::from(FIRST_LONG)) as u32;
        let mut short = [Step::default(); 256];
        for (id, short) in (0..count).zip(&mut short) {
            *short = Step::new(shapes.get(id).unwrap_or(NO_SHAPE), line_end);
        }
        Self { short, count, shapes }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "as many as a byte numbers")]
    fn short(&self, code: u8) -> Step {
        self.short[usize::from(code)]
    }
}

/// The parents of the levels at hand. Level 0 is outside the tree; the root
/// stands on level 1, and is its own parent.
trait Levels {
    fn at(&self, level: u32) -> u32;
    fn put(&mut self, level: u32, parent: u32);
}

/// No parent.
const NONE: u32 = u32::MAX;

/// Levels that [`Shallow`] has: most trees of people's code stay below 100.
const SHALLOW: usize = 1024;

/// Levels of a tree that is not very deep, in an array whose length the
/// compiler knows. [`Walk::run`] sees to it that no level is beyond it.
struct Shallow {
    parents: Box<[u32; SHALLOW]>,
}

impl Default for Shallow {
    fn default() -> Self {
        Self { parents: Box::new([NONE; SHALLOW]) }
    }
}

impl Levels for Shallow {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn at(&self, level: u32) -> u32 {
        self.parents[level as usize & (SHALLOW - 1)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn put(&mut self, level: u32, parent: u32) {
        self.parents[level as usize & (SHALLOW - 1)] = parent;
    }
}

/// Levels of any number.
#[derive(Default)]
struct Deep {
    parents: Vec<u32>,
}

impl Levels for Deep {
    #[inline]
    fn at(&self, level: u32) -> u32 {
        self.parents.get(level as usize).copied().unwrap_or(NONE)
    }

    #[inline]
    fn put(&mut self, level: u32, parent: u32) {
        match self.parents.get_mut(level as usize) {
            Some(place) => *place = parent,
            None => self.parents.push(parent),
        }
    }
}
