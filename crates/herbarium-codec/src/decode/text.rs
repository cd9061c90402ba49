//! The second loop: gaps and token lengths add up to positions and line
//! starts. Only what is rare leaves it.

use std::ops::Range;

use super::columns::{Columns, Found, Slow};
use super::steps::RARE;
use super::walk::{At, Block};
use crate::DecodeError;
use crate::lane::BLOCK;
use crate::tree::{NO_SHAPE, Shapes, Tree};

/// Reads positions.
pub(super) struct Text<'t, 'c> {
    pub(super) columns: &'t mut Columns<'c>,
    pub(super) shapes: Shapes<'t>,
    pub(super) found: &'t mut Found,
    pub(super) tree: &'t Tree,
    pub(super) at: &'t mut At,
}

/// Indentations beyond this one go the long way, so that no sum over a block
/// leaves 32 bits.
const WIDEST: i64 = 1 << 22;

impl Text<'_, '_> {
    /// Reads some nodes of a block.
    pub(super) fn read(
        &mut self,
        block: &mut Block,
        mut nodes: Range<usize>,
    ) -> Result<(), DecodeError> {
        let mut window = Window::default();
        while !nodes.is_empty() {
            if (0..=WIDEST).contains(&self.at.indent) {
                window.fill(block, self.columns.lens_and_rest, self.at.lens, nodes.len());
                let run = read_run(block, nodes.clone(), window, self.at);
                let lines = block.lines.get(..run.lines).unwrap_or_default();
                self.found.lines.extend_from_slice(lines);
                nodes.start = run.end;
            }
            if let Some(node) = nodes.next() {
                let (start, len) = self.rare(node)?;
                let places = block.starts.get_mut(node).zip(block.lens.get_mut(node));
                if let Some(places) = places {
                    (*places.0, *places.1) = (start, len);
                }
            }
        }
        Ok(())
    }

    /// Start and length of a node that is not on the straight path.
    #[inline(never)]
    fn rare(&mut self, node: usize) -> Result<(u32, u32), DecodeError> {
        let index = self.at.first.wrapping_add(node as u32);
        let shape = self.shapes.get(self.tree.shape_number(index)).unwrap_or(NO_SHAPE);
        let (position, indent) = (self.at.position, self.at.indent);
        let (len, lens) = self.columns.token_len(shape, self.at.lens)?;
        let slow = Slow { index, position, shape, len, indent };
        let (gap, indent) = self.columns.slow(&slow, self.found)?;
        self.at.lens = lens;
        self.at.indent = indent;
        self.at.indents |= indent;
        let start = position.wrapping_add(u64::from(gap));
        self.at.position = start.wrapping_add(u64::from(len));
        Ok((start as u32, len))
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
    let first = at.position as u32;
    let mut position = first;
    let (mut indent, mut indents) = (at.indent as i32, 0i32);
    let (mut lens_at, mut lines_at) = (at.lens.wrapping_sub(window.start) as u8, 0u8);
    let mut end = nodes.start;
    let longest = nodes.start.saturating_add(LONGEST_RUN);
    for place in nodes.start..nodes.end.min(BLOCK).min(longest) {
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
        block.lens[place] = u32::from(len);
        position = position.wrapping_add(u32::from(len));
        end = place.wrapping_add(1);
    }
    let lens = lens_at.wrapping_sub(at.lens.wrapping_sub(window.start) as u8);
    at.lens = at.lens.wrapping_add(usize::from(lens));
    at.position = at.position.wrapping_add(u64::from(position.wrapping_sub(first)));
    (at.indent, at.indents) = (i64::from(indent), at.indents | i64::from(indents));
    Run { end, lines: usize::from(lines_at) }
}
