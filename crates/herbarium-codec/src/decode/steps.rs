//! What every shape adds, looked up by the code that names it.
//!
//! Each thing is a table of its own, as wide as the number it is added to: a
//! loop of the walk adds or masks straight from memory.

use std::ops::Range;

use super::columns::FIRST_LONG;
use crate::ERROR_KIND;
use crate::shape::{
    EXTRA, GAP_COLUMN, INTERNAL, LAST, LEN_COLUMN, LINES, MISSING, Shape, ShapeColumns, TAIL, gap,
};

/// As many as a byte numbers: no place in a table is out of bounds.
const CODES: usize = 256;

/// Bit of [`Steps::gap`] that says that there is more to a node than bytes of
/// gap and token. Token lengths of half a byte and more have it, too.
pub(super) const MORE: u8 = 0x80;

/// Bit of [`Steps::flags`]: the node is an error. It takes the place of one
/// that the walk does not ask for.
pub(super) const ERROR: u8 = EXTRA;

/// What the walk needs of the shapes that codes stand for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps {
    /// Twice the way to the level of the next node, and 1 for a node without
    /// children: one level down where the level goes on and the node has
    /// children, one up where neither is so.
    pub(super) level: [u32; CODES],
    /// The gap before the node, where there is no line end in it and nothing
    /// else that few nodes have; [`MORE`] for any other.
    pub(super) gap: [u8; CODES],
    /// All bits when the length of the token stands in the column.
    pub(super) column: [u8; CODES],
    /// Length of the token where it does not.
    pub(super) len: [u8; CODES],
    /// Gap code, where nothing else is out of the ordinary; see [`lines_of`].
    pub(super) gap_code: [u8; CODES],
    /// Gap code, 0 where it stands in the column.
    pub(super) own_gap: [u8; CODES],
    /// Flags of the shape, with [`ERROR`].
    pub(super) flags: [u8; CODES],
}

impl Default for Steps {
    fn default() -> Self {
        let nothing = [0; CODES];
        Self {
            level: [0; CODES],
            gap: nothing,
            column: nothing,
            len: nothing,
            gap_code: nothing,
            own_gap: nothing,
            flags: nothing,
        }
    }
}

impl Steps {
    /// The steps of the first shapes of a list.
    pub(crate) fn of(shapes: &[Shape]) -> Self {
        let mut steps = Self::default();
        for (code, &shape) in (0..FIRST_LENT).zip(shapes) {
            steps.set(code, shape);
        }
        steps
    }

    /// Sets what a code stands for.
    #[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
    pub(super) fn set(&mut self, code: u8, shape: Shape) {
        let at = usize::from(code);
        self.level[at] = level(shape.flags);
        self.column[at] = column(shape.flags);
        self.len[at] = shape.len;
        let error = u8::from(shape.kind == ERROR_KIND);
        let rare = rare(shape.flags) | error.wrapping_neg();
        self.gap[at] = gap(shape.gap, rare);
        self.gap_code[at] = shape.gap | rare;
        self.own_gap[at] = shape.gap;
        self.flags[at] = shape.flags & !EXTRA | error.wrapping_neg() & ERROR;
    }

    /// Sets the codes from `first` on, as far as they are numbers of shapes.
    /// Table by table: many places at once.
    pub(super) fn set_from(&mut self, first: u8, shapes: &[Shape], columns: &ShapeColumns) {
        let ShapeColumns { flags, gaps, lens, errors } = columns;
        let places = usize::from(first)..usize::from(FIRST_LENT);
        set_each(&mut self.level, &places, flags.iter().map(|flags| level(*flags)));
        set_each(&mut self.column, &places, flags.iter().map(|flags| column(*flags)));
        set_each(&mut self.len, &places, lens.iter().copied());
        set_each(&mut self.own_gap, &places, gaps.iter().copied());
        set_each(&mut self.flags, &places, flags.iter().map(|flags| flags & !EXTRA));
        let gaps = gaps.iter().zip(flags).map(|(gap, flags)| (*gap, rare(*flags)));
        set_each(&mut self.gap, &places, gaps.clone().map(|(code, rare)| gap(code, rare)));
        set_each(&mut self.gap_code, &places, gaps.map(|(code, rare)| code | rare));
        if *errors {
            self.set_errors(first, shapes);
        }
    }

    #[cold]
    fn set_errors(&mut self, first: u8, shapes: &[Shape]) {
        for (code, &shape) in (first..FIRST_LENT).zip(shapes) {
            if shape.kind == ERROR_KIND {
                self.set(code, shape);
            }
        }
    }
}

#[inline]
fn set_each<T>(table: &mut [T; CODES], places: &Range<usize>, values: impl Iterator<Item = T>) {
    let places = table.get_mut(places.clone()).unwrap_or_default();
    places.iter_mut().zip(values).for_each(|(place, value)| *place = value);
}

/// 1 or 0.
fn flag(flags: u8, flag: u8) -> u8 {
    u8::from(flags & flag != 0)
}

fn level(flags: u8) -> u32 {
    let (internal, last) = (flag(flags, INTERNAL), flag(flags, LAST));
    let way = internal.wrapping_sub(last) as i8;
    i32::from(way).wrapping_mul(2) as u32 | u32::from(internal ^ 1)
}

fn column(flags: u8) -> u8 {
    flag(flags, LEN_COLUMN).wrapping_neg()
}

/// All bits where there is anything that few nodes have.
fn rare(flags: u8) -> u8 {
    flag(flags, MISSING | GAP_COLUMN | LINES | TAIL).wrapping_neg()
}

fn gap(code: u8, rare: u8) -> u8 {
    let lines = u8::from(code >= gap::PLAIN).wrapping_neg();
    code & !lines | (lines | rare) & MORE
}

/// The line ends of a gap, where they are not spelled out, and by how much the
/// indentation behind them differs from the last; no line ends for any other
/// code.
#[inline]
#[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
pub(super) fn lines_of(gap_code: u8) -> (u8, i8) {
    GAPS[usize::from(gap_code)]
}

/// By gap code.
#[expect(clippy::indexing_slicing, reason = "below the length of the arrays")]
static GAPS: [(u8, i8); CODES] = {
    let mut gaps = [(0, 0); CODES];
    let mut code = 0;
    while code < gaps.len() {
        let mut lines = 0;
        while lines < gap::LINES.len() {
            let gap::Lines { ends, centre, reach } = gap::LINES[lines];
            if (code as u8).abs_diff(centre) <= reach {
                gaps[code] = (ends, (code as u8).wrapping_sub(centre) as i8);
            }
            lines += 1;
        }
        code += 1;
    }
    gaps
};

/// Codes from here on are free to stand for a shape with a longer number.
pub(super) const FIRST_LENT: u8 = FIRST_LONG;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape((flags, gap, len, error): (u8, u8, u8, bool)) -> Shape {
        let kind = if error { ERROR_KIND } else { 1 };
        Shape { kind, field: 0, flags, gap, len, supertypes: 0 }
    }

    proptest! {
        #[test]
        fn many_shapes_at_once_have_the_steps_of_each(
            shapes in prop::collection::vec(any::<(u8, u8, u8, bool)>().prop_map(shape), 0..300),
            first in 0..=FIRST_LENT,
        ) {
            let columns = ShapeColumns {
                flags: shapes.iter().map(|shape| shape.flags).collect(),
                gaps: shapes.iter().map(|shape| shape.gap).collect(),
                lens: shapes.iter().map(|shape| shape.len).collect(),
                errors: shapes.iter().any(|shape| shape.kind == ERROR_KIND),
            };
            let (mut at_once, mut each) = (Steps::default(), Steps::default());
            at_once.set_from(first, &shapes, &columns);
            for (code, &shape) in (first..FIRST_LENT).zip(&shapes) {
                each.set(code, shape);
            }
            prop_assert_eq!(at_once, each);
        }
    }
}
