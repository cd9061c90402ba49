//! What every shape adds, looked up by the code that names it.
//!
//! Each thing is a table of its own, as wide as the number it is added to: a
//! loop of the walk adds or masks straight from memory.

use super::columns::FIRST_LONG;
use crate::ERROR_KIND;
use crate::shape::{GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, MISSING, Shape, TAIL, gap};

/// As many as a byte numbers: no place in a table is out of bounds.
const CODES: usize = 256;

/// Bit of [`Steps::len`] that sends a node the long way. Token lengths of more
/// than one byte have it, too.
pub(super) const RARE: u8 = 0x80;

/// What the walk needs of the shapes that codes stand for.
#[derive(Clone)]
pub(crate) struct Steps {
    /// 1 when the level goes on after the node: it is not the last child.
    pub(super) stays: [u32; CODES],
    /// 1 when the node has no children.
    pub(super) leaf: [u32; CODES],
    /// The gap before the node, or the line end in it.
    pub(super) gap: [u32; CODES],
    /// All bits when the gap is a line end and an indentation.
    pub(super) line: [u32; CODES],
    /// By how much that indentation differs from the last.
    pub(super) change: [i32; CODES],
    /// All bits when the length of the token stands in the column.
    pub(super) column: [u8; CODES],
    /// Length of the token where it does not; [`RARE`] where the shape has
    /// anything that few nodes have.
    pub(super) len: [u8; CODES],
}

impl Default for Steps {
    fn default() -> Self {
        let (none, nothing) = ([0; CODES], [0; CODES]);
        Self {
            stays: none,
            leaf: none,
            gap: none,
            line: none,
            change: [0; CODES],
            column: nothing,
            len: nothing,
        }
    }
}

impl Steps {
    /// The steps of the first shapes of a list, where line ends have so many
    /// bytes.
    pub(crate) fn of(shapes: &[Shape], line_end: u32) -> Self {
        let mut steps = Self::default();
        steps.set_from(0, shapes, line_end);
        steps
    }

    /// Sets the codes from `first` on, as far as they are numbers of shapes.
    pub(super) fn set_from(&mut self, first: u8, shapes: &[Shape], line_end: u32) {
        for (code, &shape) in (first..FIRST_LENT).zip(shapes) {
            self.set(code, shape, line_end);
        }
    }

    /// Sets what a code stands for. Which shape has what is as good as random:
    /// nothing here jumps on it.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
    pub(super) fn set(&mut self, code: u8, shape: Shape, line_end: u32) {
        let at = usize::from(code);
        let flag = |flag| u8::from(shape.has(flag));
        self.stays[at] = u32::from(flag(LAST) ^ 1);
        self.leaf[at] = u32::from(flag(INTERNAL) ^ 1);
        self.column[at] = flag(LEN_COLUMN).wrapping_neg();
        let gap = GAPS[usize::from(shape.gap)];
        let line = u32::from(gap.line).wrapping_neg();
        self.gap[at] = u32::from(gap.plain) | line_end & line;
        self.line[at] = line;
        self.change[at] = i32::from(gap.change);
        let broken = u8::from(shape.kind == ERROR_KIND) | flag(MISSING);
        let other = flag(GAP_COLUMN | LINES | TAIL);
        self.len[at] = shape.len | gap.rare | (broken | other).wrapping_neg() & RARE;
    }
}

/// What a gap code of a shape adds.
#[derive(Clone, Copy)]
struct Gap {
    /// Bytes, where there is no line end.
    plain: u8,
    /// 1 for a line end and an indentation.
    line: u8,
    /// By how much that indentation differs from the last.
    change: i8,
    /// [`RARE`] for anything else.
    rare: u8,
}

/// By gap code.
#[expect(clippy::indexing_slicing, reason = "below the length of the array")]
static GAPS: [Gap; 256] = {
    let mut gaps = [Gap { plain: 0, line: 0, change: 0, rare: RARE }; 256];
    let mut code = 0;
    let line = &gap::LINES[0];
    while code < gaps.len() {
        let byte = code as u8;
        if byte < gap::PLAIN {
            gaps[code] = Gap { plain: byte, line: 0, change: 0, rare: 0 };
        } else if byte.abs_diff(line.centre) <= line.reach {
            let change = byte.wrapping_sub(line.centre) as i8;
            gaps[code] = Gap { plain: 0, line: 1, change, rare: 0 };
        }
        code += 1;
    }
    gaps
};

/// Codes from here on are free to stand for a shape with a longer number.
pub(super) const FIRST_LENT: u8 = FIRST_LONG;
