//! What every shape adds, looked up by the code that names it.
//!
//! Each thing is a table of its own, as wide as the number it is added to: a
//! loop of the walk adds or masks straight from memory.

use super::columns::FIRST_LONG;
use crate::ERROR_KIND;
use crate::shape::{GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, MISSING, Shape, TAIL, gap};

/// As many as a byte numbers: no place in a table is out of bounds.
const CODES: usize = 256;

/// Bit of [`Steps::gap`] that says that there is more to a node than bytes of
/// gap and token. Token lengths of half a byte and more have it, too.
pub(super) const MORE: u8 = 0x80;

/// What the walk needs of the shapes that codes stand for.
#[derive(Clone)]
pub(crate) struct Steps {
    /// 1 when the level goes on after the node: it is not the last child.
    pub(super) stays: [i8; CODES],
    /// The level of the next node: one down where the level goes on and the
    /// node has children, one up where neither is so.
    pub(super) level: [i8; CODES],
    /// The gap before the node, where there is no line end in it and nothing
    /// else that few nodes have; [`MORE`] for any other.
    pub(super) gap: [u8; CODES],
    /// All bits when the length of the token stands in the column.
    pub(super) column: [u8; CODES],
    /// Length of the token where it does not.
    pub(super) len: [u8; CODES],
    /// Line ends in front, where nothing else is out of the ordinary.
    pub(super) ends: [u8; CODES],
    /// By how much the indentation behind them differs from the last.
    pub(super) change: [i8; CODES],
}

impl Default for Steps {
    fn default() -> Self {
        let nothing = [0; CODES];
        Self {
            stays: [0; CODES],
            level: [0; CODES],
            gap: nothing,
            column: nothing,
            len: nothing,
            ends: nothing,
            change: [0; CODES],
        }
    }
}

impl Steps {
    /// The steps of the first shapes of a list.
    pub(crate) fn of(shapes: &[Shape]) -> Self {
        let mut steps = Self::default();
        steps.set_from(0, shapes);
        steps
    }

    /// Sets the codes from `first` on, as far as they are numbers of shapes.
    pub(super) fn set_from(&mut self, first: u8, shapes: &[Shape]) {
        for (code, &shape) in (first..FIRST_LENT).zip(shapes) {
            self.set(code, shape);
        }
    }

    /// Sets what a code stands for. Which shape has what is as good as random:
    /// nothing here jumps on it.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
    pub(super) fn set(&mut self, code: u8, shape: Shape) {
        let at = usize::from(code);
        let flag = |flag| u8::from(shape.has(flag));
        let (last, internal) = (flag(LAST) as i8, flag(INTERNAL) as i8);
        self.stays[at] = 1 ^ last;
        self.level[at] = internal.wrapping_sub(last);
        self.column[at] = flag(LEN_COLUMN).wrapping_neg();
        self.len[at] = shape.len;
        let broken = u8::from(shape.kind == ERROR_KIND) | flag(MISSING);
        let rare = (broken | flag(GAP_COLUMN | LINES | TAIL)).wrapping_neg();
        let gap = GAPS[usize::from(shape.gap)];
        self.gap[at] = gap.plain | rare & MORE;
        self.ends[at] = gap.ends & !rare;
        self.change[at] = gap.change;
    }
}

/// What a gap code of a shape adds.
#[derive(Clone, Copy)]
struct Gap {
    /// Bytes, where there is no line end; [`MORE`] where there is.
    plain: u8,
    /// Line ends, where they are not spelled out.
    ends: u8,
    /// By how much the indentation behind them differs from the last.
    change: i8,
}

/// By gap code.
#[expect(clippy::indexing_slicing, reason = "below the length of the arrays")]
static GAPS: [Gap; 256] = {
    let mut gaps = [Gap { plain: MORE, ends: 0, change: 0 }; 256];
    let mut code = 0;
    while code < gaps.len() {
        let byte = code as u8;
        if byte < gap::PLAIN {
            gaps[code] = Gap { plain: byte, ends: 0, change: 0 };
        }
        let mut lines = 0;
        while lines < gap::LINES.len() {
            let gap::Lines { ends, centre, reach } = gap::LINES[lines];
            if byte.abs_diff(centre) <= reach {
                let change = byte.wrapping_sub(centre) as i8;
                gaps[code] = Gap { plain: MORE, ends, change };
            }
            lines += 1;
        }
        code += 1;
    }
    gaps
};

/// Codes from here on are free to stand for a shape with a longer number.
pub(super) const FIRST_LENT: u8 = FIRST_LONG;
