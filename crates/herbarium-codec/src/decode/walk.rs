//! The walk over the columns: what every node needs that depends on the nodes
//! before it, block by block.
//!
//! For a block of nodes, three loops over arrays of fixed length, each simple
//! enough to keep its state in registers:
//!
//! 1. codes to shapes;
//! 2. shapes to parents and token lengths. Nothing here branches on the shape
//!    of the tree: what a node does to the path of open nodes is computed by
//!    selection, never by a jump. Nodes before which more than a few spaces
//!    stand are put on a list;
//! 3. that list to gaps; then gaps and lengths add up to positions, and line
//!    starts follow from those.

use std::hint::select_unpredictable;

use super::columns::{Columns, FIRST_LONG, Found, Slow};
use crate::DecodeError;
use crate::lane::BLOCK;
use crate::shape::{GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, Shape, TAIL, gap};
use crate::tree::{NO_SHAPE, Shapes};

/// No parent.
pub(super) const NONE: u32 = u32::MAX;

/// Walks trees, keeping its memory.
#[derive(Default)]
pub(super) struct Walk {
    block: Option<Box<Block>>,
    shallow: Option<Shallow>,
    deep: Deep,
}

/// Takes what the walk finds, block by block.
pub(super) trait Sink {
    fn block(&mut self, block: &Block, len: usize);
    fn line(&mut self, start: u32);
}

/// What the walk finds out about some nodes.
pub(super) struct Block {
    /// Shape numbers.
    pub(super) id: [u32; BLOCK],
    /// Parents; [`NONE`] for the root.
    pub(super) parent: [u32; BLOCK],
    /// Length of the token; 0 for nodes with children.
    pub(super) len: [u32; BLOCK],
    /// First byte.
    pub(super) start: [u32; BLOCK],
    step: [u32; BLOCK],
    gap: [u32; BLOCK],
    /// The nodes whose gap is more than a few spaces, as many as there are.
    special: [u32; BLOCK],
}

impl Walk {
    /// Walks `count` nodes. Gives the position after the last token.
    pub(super) fn run(
        &mut self,
        count: usize,
        columns: &mut Columns<'_>,
        shapes: Shapes<'_>,
        found: &mut Found,
        sink: &mut impl Sink,
    ) -> Result<u64, DecodeError> {
        let steps = Steps::new(shapes);
        let block = self.block.get_or_insert_default();
        let shallow = self.shallow.get_or_insert_default();
        shallow.put(1, OUTSIDE);
        self.deep.frames.clear();
        let mut at = At { depth: 1, ..At::default() };
        let mut left = count;
        while left != 0 {
            let len = left.min(BLOCK);
            if self.deep.frames.is_empty() && at.depth as usize >= SHALLOW.saturating_sub(BLOCK) {
                self.deep.frames.extend_from_slice(shallow.frames.as_slice());
            }
            read_codes(block, len, at.first, columns, &steps)?;
            let specials = match self.deep.frames.is_empty() {
                true => read_nodes(block, len, columns, shallow, &mut at)?,
                false => read_nodes(block, len, columns, &mut self.deep, &mut at)?,
            };
            found.marks.clear();
            read_gaps(block, specials, columns, &steps, found, &mut at)?;
            at.position = locate(block, len, at.position);
            found.marks.iter().for_each(|mark| sink.line(block.line_start(*mark)));
            sink.block(block, len);
            at.first = at.first.wrapping_add(len as u32);
            left = left.saturating_sub(len);
        }
        let indent_fits = at.indents >= 0;
        columns.check_walk(at.lens, at.depth, indent_fits)?;
        Ok(at.position)
    }
}

/// Where the walk is.
#[derive(Default)]
struct At {
    /// Number of the first node of the block.
    first: u32,
    depth: u32,
    /// Where the last token ended.
    position: u64,
    indent: i64,
    /// Below 0 when an indentation ever was, or was too large.
    indents: i64,
    /// Place in the column of token lengths.
    lens: usize,
}

/// The first loop: most codes are shape numbers; those that are not are put
/// on a list and made up for.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "`node` stays below BLOCK, the length of the arrays")]
fn read_codes(
    block: &mut Block,
    len: usize,
    first: u32,
    columns: &mut Columns<'_>,
    steps: &Steps<'_>,
) -> Result<(), DecodeError> {
    let codes = columns.codes.get(first as usize..).unwrap_or_default();
    let mut codes_here = [0u8; BLOCK];
    codes_here.iter_mut().zip(codes).for_each(|(here, code)| *here = *code);
    let mut longs = 0usize;
    for (node, &code) in codes_here.iter().enumerate().take(len) {
        block.id[node] = u32::from(code);
        block.step[node] = steps.short[usize::from(code)];
        if u32::from(code) >= steps.count {
            block.special[longs & (BLOCK - 1)] = node as u32;
            longs = longs.wrapping_add(1);
        }
    }
    for &node in block.special.get(..longs).unwrap_or_default() {
        let slots = block.id.get_mut(node as usize).zip(block.step.get_mut(node as usize));
        if let Some((id, step)) = slots {
            *id = columns.long_code(*id, steps.shapes.len())?;
            *step = self::step(steps.shape(*id));
        }
    }
    Ok(())
}

/// The second loop. Gives the number of special nodes.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "`node` stays below BLOCK, the length of the arrays")]
fn read_nodes(
    block: &mut Block,
    len: usize,
    columns: &Columns<'_>,
    levels: &mut impl Levels,
    at: &mut At,
) -> Result<usize, DecodeError> {
    let (lens, first) = (columns.lens, at.first);
    let (mut lens_at, mut depth, mut specials) = (at.lens, at.depth, 0usize);
    for node in 0..len.min(BLOCK) {
        let step = block.step[node];
        let byte = u32::from(lens.get(lens_at).copied().unwrap_or(0));
        let in_column = step >> STEP_COLUMN & 1;
        lens_at = lens_at.wrapping_add(in_column as usize);
        block.len[node] = (step >> STEP_LEN & 0xff) | (byte & in_column.wrapping_neg());
        if byte & in_column << 7 != 0 {
            (block.len[node], lens_at) = columns.long_len(lens_at.wrapping_sub(1))?;
        }
        block.gap[node] = step >> STEP_GAP & 0xff;
        block.special[specials & (BLOCK - 1)] = node as u32;
        specials = specials.wrapping_add((step >> STEP_SPECIAL & 1) as usize);

        let Frame { parent, next: after } = levels.at(depth);
        block.parent[node] = parent;
        let next = select_unpredictable(step >> STEP_LAST & 1 != 0, after, depth);
        depth = depth.wrapping_add(1);
        levels.put(depth, Frame { parent: first.wrapping_add(node as u32), next });
        depth = select_unpredictable(step >> STEP_INTERNAL & 1 != 0, depth, next);
    }
    (at.lens, at.depth) = (lens_at, depth);
    Ok(specials)
}

/// The third loop: the gaps that are more than a few spaces.
#[inline(never)]
fn read_gaps(
    block: &mut Block,
    specials: usize,
    columns: &mut Columns<'_>,
    steps: &Steps<'_>,
    found: &mut Found,
    at: &mut At,
) -> Result<(), DecodeError> {
    let line_end = columns.line_end;
    for &node in block.special.get(..specials).unwrap_or_default() {
        let place = node as usize;
        let step = block.step.get(place).copied().unwrap_or(0);
        let gap = if step & STEP_SLOW == 0 {
            at.indent = at.indent.wrapping_add(i64::from((step >> STEP_CHANGE) as i8));
            found.marks.push((node, line_end));
            at.indent.wrapping_add(i64::from(line_end)) as u32
        } else {
            let shape = steps.shape(block.id.get(place).copied().unwrap_or(0));
            let len = block.len.get(place).copied().unwrap_or(0);
            let slow =
                Slow { index: at.first.wrapping_add(node), node, shape, len, indent: at.indent };
            let (gap, indent) = columns.slow(&slow, found)?;
            at.indent = indent;
            gap
        };
        at.indents |= at.indent | MAX_INDENT.wrapping_sub(at.indent);
        if let Some(slot) = block.gap.get_mut(place) {
            *slot = gap;
        }
    }
    Ok(())
}

/// Gaps and lengths add up to positions. Gives the last one.
#[inline(never)]
fn locate(block: &mut Block, len: usize, position: u64) -> u64 {
    let mut position = position;
    let nodes = block.start.iter_mut().zip(&block.gap).zip(&block.len);
    for ((start, &gap), &len) in nodes.take(len) {
        position = position.wrapping_add(u64::from(gap));
        *start = position as u32;
        position = position.wrapping_add(u64::from(len));
    }
    position
}

impl Block {
    /// Where a line starts that was marked by its distance from a gap's begin.
    #[inline]
    fn line_start(&self, (node, distance): (u32, u32)) -> u32 {
        let start = self.start.get(node as usize).copied().unwrap_or(0);
        let gap = self.gap.get(node as usize).copied().unwrap_or(0);
        start.wrapping_sub(gap).wrapping_add(distance)
    }
}

impl Default for Block {
    fn default() -> Self {
        let none = [0; BLOCK];
        Self {
            id: none,
            parent: none,
            len: none,
            start: none,
            step: none,
            gap: none,
            special: none,
        }
    }
}

/// The widest indentation; a line end fits beside it.
const MAX_INDENT: i64 = u32::MAX as i64 - 2;

/// What the walk needs of a shape, in one word; this is one bit of it.
/// The gap is neither a few spaces nor one line end and an indentation, or the
/// node has something else that is rare.
const STEP_SLOW: u32 = 4;
/// Bit numbers: the node has children; is the last child; has its length in
/// the column; has a gap that is not a few spaces.
const STEP_INTERNAL: u32 = 0;
const STEP_LAST: u32 = 1;
const STEP_COLUMN: u32 = 3;
const STEP_SPECIAL: u32 = 4;
/// First bits of bytes: the token's length, the gap without line ends, the
/// change of indentation.
const STEP_LEN: u32 = 8;
const STEP_GAP: u32 = 16;
const STEP_CHANGE: u32 = 24;

fn step(shape: Shape) -> u32 {
    let bits = u32::from(shape.has(INTERNAL)) << STEP_INTERNAL
        | u32::from(shape.has(LAST)) << STEP_LAST
        | u32::from(shape.has(LEN_COLUMN)) << STEP_COLUMN
        | u32::from(shape.len) << STEP_LEN;
    let broken = shape.is_fault() || shape.is_error_token();
    let rare = broken || shape.flags & (GAP_COLUMN | LINES | TAIL) != 0;
    match gap::lines(shape.gap) {
        _ if rare => bits | STEP_SLOW | 1 << STEP_SPECIAL,
        None if shape.gap < gap::PLAIN => bits | u32::from(shape.gap) << STEP_GAP,
        Some((1, change)) => {
            bits | 1 << STEP_SPECIAL | u32::from(change as i8 as u8) << STEP_CHANGE
        }
        _ => bits | STEP_SLOW | 1 << STEP_SPECIAL,
    }
}

/// The steps of the shapes that codes of one byte stand for.
struct Steps<'a> {
    short: [u32; 256],
    /// Codes from here on are no shape number, or none that exists.
    count: u32,
    shapes: Shapes<'a>,
}

impl<'a> Steps<'a> {
    fn new(shapes: Shapes<'a>) -> Self {
        let count = shapes.len().min(usize::from(FIRST_LONG)) as u32;
        let mut short = [0; 256];
        for (id, short) in (0..count).zip(&mut short) {
            *short = shapes.get(id).map_or(0, step);
        }
        Self { short, count, shapes }
    }

    fn shape(&self, id: u32) -> Shape {
        self.shapes.get(id).unwrap_or(NO_SHAPE)
    }
}

/// What has to be known about a level of the tree while walking it in
/// pre-order. Level 0 is outside the tree; the root stands on level 1.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Frame {
    /// The node whose children stand on this level.
    parent: u32,
    /// The level that goes on after the last node of this one.
    next: u32,
}

/// What is on level 0, and on level 1 at first.
const OUTSIDE: Frame = Frame { parent: NONE, next: 0 };

/// The levels on the path to where the walk is.
trait Levels {
    fn at(&self, depth: u32) -> Frame;
    fn put(&mut self, depth: u32, frame: Frame);
}

/// Levels that [`Shallow`] has: most trees of people's code stay below 100.
const SHALLOW: usize = 1024;

/// Levels of a tree that is not very deep, in an array whose length the
/// compiler knows. [`Walk::run`] sees to it that no depth is beyond it.
struct Shallow {
    frames: Box<[Frame; SHALLOW]>,
}

impl Default for Shallow {
    fn default() -> Self {
        Self { frames: Box::new([OUTSIDE; SHALLOW]) }
    }
}

impl Levels for Shallow {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn at(&self, depth: u32) -> Frame {
        self.frames[depth as usize & (SHALLOW - 1)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn put(&mut self, depth: u32, frame: Frame) {
        self.frames[depth as usize & (SHALLOW - 1)] = frame;
    }
}

/// Levels of any number.
#[derive(Default)]
struct Deep {
    frames: Vec<Frame>,
}

impl Levels for Deep {
    #[inline]
    fn at(&self, depth: u32) -> Frame {
        self.frames.get(depth as usize).copied().unwrap_or(OUTSIDE)
    }

    #[inline]
    fn put(&mut self, depth: u32, frame: Frame) {
        match self.frames.get_mut(depth as usize) {
            Some(place) => *place = frame,
            None => self.frames.push(frame),
        }
    }
}
