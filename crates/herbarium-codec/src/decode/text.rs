//! The second loop: gaps and token lengths add up to positions and line
//! starts. Only what is rare leaves it.

use std::ops::Range;

use super::columns::{Columns, Found, invalid};
use super::steps::RARE;
use super::walk::{At, Block};
use crate::DecodeError;
use crate::lane::BLOCK;
use crate::shape::{GAP_COLUMN, LINES, Shape, TAIL, gap};
use crate::tree::{NO_SHAPE, Shapes, Tree};

/// Reads positions.
pub(super) struct Text<'t, 'c> {
    pub(super) columns: &'t mut Columns<'c>,
    pub(super) shapes: Shapes<'t>,
    pub(super) found: &'t mut Found,
    pub(super) tree: &'t Tree,
    pub(super) at: &'t mut At,
}

/// Indentations beyond this one, and nodes this far behind the first of their
/// block, go the long way, so that no sum over a block leaves 32 bits.
const WIDEST: u64 = 1 << 22;

impl Text<'_, '_> {
    /// Reads some nodes of a block.
    pub(super) fn read(
        &mut self,
        block: &mut Block,
        mut nodes: Range<usize>,
    ) -> Result<(), DecodeError> {
        let mut window = Window::default();
        while !nodes.is_empty() {
            if self.at.indent as u64 <= WIDEST && self.at.distance() <= WIDEST {
                window.fill(block, self.columns.lens_and_rest, self.at.lens, nodes.len());
                let run = read_run(block, nodes.clone(), window, self.at);
                let lines = block.lines.get(..run.lines).unwrap_or_default();
                let base = self.at.base as u32;
                self.found.lines.extend(lines.iter().map(|line| base.wrapping_add(*line)));
                nodes.start = run.end;
            }
            if let Some(node) = nodes.next() {
                let (start, len) = self.rare(node)?;
                block.put(node, start.wrapping_sub(self.at.base) as u32, len);
            }
        }
        Ok(())
    }

    /// Start and length of a node that is not on the straight path.
    #[inline(never)]
    fn rare(&mut self, node: usize) -> Result<(u64, u32), DecodeError> {
        let index = self.at.first.wrapping_add(node as u32);
        let shape = self.shapes.get(self.tree.shape_number(index)).unwrap_or(NO_SHAPE);
        let start = self.start(shape)?;
        let last_line = match shape.has(LINES) {
            true => self.columns.line_ends(start, &mut self.found.lines)?,
            false => start,
        };
        let (len, lens) = self.columns.token_len(shape, self.at.lens)?;
        self.at.lens = lens;
        let end = last_line.wrapping_add(u64::from(len));
        self.at.position = end;
        self.note(index, shape)?;
        Ok((start, end.wrapping_sub(start) as u32))
    }

    /// Where a node starts, any gap before it.
    fn start(&mut self, shape: Shape) -> Result<u64, DecodeError> {
        let code = match shape.has(GAP_COLUMN) {
            true => self.columns.gap_code()?,
            false => shape.gap,
        };
        let mut position = self.at.position;
        if code < gap::PLAIN {
            return Ok(position.wrapping_add(u64::from(code)));
        }
        let Some((ends, change)) = gap::lines(code) else {
            return self.start_behind_spelled(code);
        };
        for _ in 0..ends {
            position = position.wrapping_add(u64::from(self.columns.line_end));
            self.found.lines.push(position as u32);
        }
        let indent = self.at.indent.saturating_add(i64::from(change));
        self.at.indent = indent;
        match u32::try_from(indent) {
            Ok(indent) => Ok(position.wrapping_add(u64::from(indent))),
            Err(_) => {
                let offset = self.columns.gap_offset();
                Err(invalid("indentation", offset, "from 0 to 4294967295", indent))
            }
        }
    }

    /// The same, where the gap is spelled out.
    #[cold]
    fn start_behind_spelled(&mut self, code: u8) -> Result<u64, DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.columns.gap_offset(), "a code in use", code));
        }
        let position = self.at.position;
        let last_line = self.columns.line_ends(position, &mut self.found.lines)?;
        let rest = self.columns.rest_of_gap()?;
        if last_line != position {
            self.at.indent = i64::from(rest);
        }
        Ok(last_line.wrapping_add(u64::from(rest)))
    }

    /// What else is to be kept of a node.
    fn note(&mut self, index: u32, shape: Shape) -> Result<(), DecodeError> {
        if shape.has(TAIL) {
            self.found.tails.push((index, self.columns.tail()?));
        }
        if shape.is_fault() {
            self.found.errors.push(index);
        }
        if shape.is_error_token() {
            self.found.error_tokens.push(index);
        }
        Ok(())
    }
}

impl At {
    /// How far the walk has come since the block began.
    fn distance(&self) -> u64 {
        self.position.wrapping_sub(self.base)
    }
}

impl Block {
    /// Puts down where a node starts, and how long its token is.
    fn put(&mut self, node: usize, start: u32, len: u32) {
        let starts = self.starts.get_mut(node).zip(self.starts_low.get_mut(node));
        if let Some(((to, low), to_len)) = starts.zip(self.lens.get_mut(node)) {
            (*to, *low, *to_len) = (start, start as u16, len);
        }
    }
}

/// Which part of the column of token lengths is in the block.
#[derive(Clone, Copy, Default)]
struct Window {
    start: usize,
    len: usize,
}

impl Window {
    /// Makes sure that the lengths from `at` on are there, one for every node.
    fn fill(&mut self, block: &mut Block, column: &[u8], at: usize, nodes: usize) {
        if at.wrapping_add(nodes) <= self.start.wrapping_add(self.len) {
            return;
        }
        *self = Self { start: at, len: BLOCK };
        let lens = column.get(at..).unwrap_or_default();
        let (to, behind) = block.lens_column.split_at_mut(lens.len().min(BLOCK));
        to.copy_from_slice(lens.get(..to.len()).unwrap_or_default());
        behind.fill(0);
    }
}

/// How far [`read_run`] came.
struct Run {
    end: usize,
    lines: usize,
}

/// Nodes in a run at most: what each adds one to at most fits into a byte.
const LONGEST_RUN: usize = u8::MAX as usize;

/// Reads nodes up to the first that is rare, or has a length of more than one
/// byte.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "nodes of a block, and codes and places of a byte")]
fn read_run(block: &mut Block, nodes: Range<usize>, window: Window, at: &mut At) -> Run {
    let Block { steps, .. } = block;
    let mut position = at.distance() as u32;
    let (mut indent, mut indents) = (at.indent as i32, 0i32);
    let (mut lens_at, mut lines_at) = (at.lens.wrapping_sub(window.start) as u8, 0u8);
    let end = nodes.end.min(BLOCK).min(nodes.start.saturating_add(LONGEST_RUN));
    let mut place = nodes.start;
    while place < end {
        let code = usize::from(block.codes[place]);
        let len = block.lens_column[usize::from(lens_at)] & steps.column[code] | steps.len[code];
        if len >= RARE {
            break;
        }
        // All bits are -1.
        lens_at = lens_at.wrapping_sub(steps.column[code]);
        position = position.wrapping_add(steps.gap[code]);
        block.lines[usize::from(lines_at)] = position;
        lines_at = lines_at.wrapping_sub(steps.line[code] as u8);
        indent = indent.wrapping_add(steps.change[code]);
        indents |= indent;
        position = position.wrapping_add(indent as u32 & steps.line[code]);
        block.starts[place] = position;
        block.starts_low[place] = position as u16;
        block.lens[place] = u32::from(len);
        position = position.wrapping_add(u32::from(len));
        place = place.wrapping_add(1);
    }
    let lens = lens_at.wrapping_sub(at.lens.wrapping_sub(window.start) as u8);
    at.lens = at.lens.wrapping_add(usize::from(lens));
    at.position = at.base.wrapping_add(u64::from(position));
    (at.indent, at.indents) = (i64::from(indent), at.indents | i64::from(indents));
    Run { end: place, lines: usize::from(lines_at) }
}
