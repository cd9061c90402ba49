//! Shapes: everything about a node that repeats, joined into one number.
//!
//! A node of a syntax tree is rarely new. Its kind, its field, whether it is a
//! token, whether it is the last child, how far it stands from the text before
//! it and, for a literal token, how long it is: a file of ten thousand nodes
//! has perhaps 150 such combinations. Each is a [`Shape`], and a node is
//! mostly one byte that names its shape. See `docs/format/v1.md`.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::wire::{Reader, put_varint};
use crate::{DecodeError, ERROR_KIND, Grammar};

pub(crate) const EXTRA: u8 = 1;
pub(crate) const MISSING: u8 = 2;
/// The node has children.
pub(crate) const INTERNAL: u8 = 4;
/// The node is the last child of its parent (the root is).
pub(crate) const LAST: u8 = 8;
/// The gap before the node stands in the gap column.
pub(crate) const GAP_COLUMN: u8 = 16;
/// The length of the token stands in the length column.
pub(crate) const LEN_COLUMN: u8 = 32;
/// The token has line ends inside.
pub(crate) const LINES: u8 = 64;
/// The node ends after its last child; by how much stands in the tail column.
pub(crate) const TAIL: u8 = 128;

/// Everything about a node that repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Shape {
    pub(crate) kind: u16,
    pub(crate) field: u16,
    pub(crate) flags: u8,
    /// Gap code, 0 with [`GAP_COLUMN`].
    pub(crate) gap: u8,
    /// Length of the token, 0 with [`LEN_COLUMN`] or [`INTERNAL`].
    pub(crate) len: u8,
}

impl Shape {
    #[inline]
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether such a node makes `has_error` true for itself and all above.
    /// An error without children does not: tree-sitter counts its cost at the
    /// error above it.
    pub(crate) fn is_fault(self) -> bool {
        self.has(MISSING) || (self.kind == ERROR_KIND && self.has(INTERNAL))
    }

    /// Whether such a node is an error without children: a token that has an
    /// unexpected character.
    pub(crate) fn is_error_token(self) -> bool {
        self.kind == ERROR_KIND && !self.has(INTERNAL)
    }

    /// All of it in one number, for hashing.
    #[inline]
    pub(crate) fn packed(self) -> u64 {
        u64::from(self.kind)
            | u64::from(self.field) << 16
            | u64::from(self.flags) << 32
            | u64::from(self.gap) << 40
            | u64::from(self.len) << 48
    }

    fn check(self, grammar: &Grammar, offset: usize) -> Result<(), DecodeError> {
        let invalid = |expected: String, found: String| DecodeError::Invalid {
            what: "shape",
            offset,
            expected,
            found,
        };
        if self.kind != ERROR_KIND && usize::from(self.kind) >= grammar.kind_count() {
            return Err(invalid(
                format!("a kind below {}", grammar.kind_count()),
                self.kind.to_string(),
            ));
        }
        if usize::from(self.field) > grammar.field_count() {
            return Err(invalid(
                format!("a field up to {}", grammar.field_count()),
                self.field.to_string(),
            ));
        }
        if self.has(INTERNAL) && self.flags & (LEN_COLUMN | LINES | MISSING) != 0 {
            return Err(invalid(
                "no token flags on a node with children".into(),
                format!("flags {:#04x}", self.flags),
            ));
        }
        if !self.has(INTERNAL) && self.has(TAIL) {
            return Err(invalid("no tail on a token".into(), format!("flags {:#04x}", self.flags)));
        }
        if gap::is_reserved(self.gap) {
            return Err(invalid("a gap code in use".into(), self.gap.to_string()));
        }
        Ok(())
    }
}

/// The codes of the gap between a node and the text before it.
///
/// Most gaps are nothing, one space, or a line end and an indentation that
/// hardly changes from line to line: all of these are one byte.
pub(crate) mod gap {
    /// Codes below are that many bytes without a line end.
    pub(crate) const PLAIN: u8 = 64;
    /// Line ends first, then an indentation that differs from the last one by
    /// at most `reach`: code = `centre` + difference.
    pub(crate) struct Lines {
        pub(crate) ends: u8,
        pub(crate) centre: u8,
        pub(crate) reach: u8,
    }
    /// By number of line ends.
    pub(crate) const LINES: [Lines; 4] = [
        Lines { ends: 1, centre: 104, reach: 40 },
        Lines { ends: 2, centre: 169, reach: 24 },
        Lines { ends: 3, centre: 202, reach: 8 },
        Lines { ends: 4, centre: 219, reach: 8 },
    ];
    /// First code that no writer of this version uses.
    pub(crate) const RESERVED: u8 = 228;
    /// Length and line ends are spelled out in the line column.
    pub(crate) const ESCAPE: u8 = 255;

    pub(crate) fn is_reserved(code: u8) -> bool {
        (RESERVED..ESCAPE).contains(&code)
    }

    /// The line ends of a code and the change of indentation.
    #[inline]
    pub(crate) fn lines(code: u8) -> Option<(u8, i32)> {
        LINES
            .iter()
            .find(|lines| code.abs_diff(lines.centre) <= lines.reach)
            .map(|lines| (lines.ends, i32::from(code).wrapping_sub(i32::from(lines.centre))))
    }

    /// The code for `ends` line ends followed by an indentation that differs
    /// by `change`, if there is one.
    #[inline]
    pub(crate) fn of_lines(ends: usize, change: i64) -> Option<u8> {
        let lines = LINES.get(ends.checked_sub(1)?)?;
        let reach = u64::from(lines.reach);
        let code = i64::from(lines.centre).saturating_add(change);
        (change.unsigned_abs() <= reach).then_some(code as u8)
    }

    /// Whether a code is common enough to be part of the shape; the rest goes
    /// to the gap column. Measured on six languages: a wider choice lengthens
    /// the shape table by more than it saves.
    #[inline]
    pub(crate) fn joins_shape(code: u8) -> bool {
        code <= 1 || code.abs_diff(LINES[0].centre) <= 8 || code == LINES[1].centre
    }
}

/// Writes a list of shapes: the number of them, then column by column. Sorted
/// runs make the first column small.
pub(crate) fn put_shapes(out: &mut Vec<u8>, shapes: &[Shape]) {
    put_varint(out, shapes.len() as u32);
    let mut previous = 0;
    for shape in shapes {
        let step = i32::from(shape.kind).wrapping_sub(previous);
        put_varint(out, ((step << 1) ^ (step >> 31)) as u32);
        previous = i32::from(shape.kind);
    }
    out.extend(shapes.iter().map(|shape| shape.flags));
    for shape in shapes {
        put_varint(out, u32::from(shape.field));
    }
    out.extend(shapes.iter().filter(|shape| !shape.has(GAP_COLUMN)).map(|shape| shape.gap));
    out.extend(shapes.iter().filter(|shape| shape.has_own_len()).map(|shape| shape.len));
}

impl Shape {
    fn has_own_len(self) -> bool {
        self.flags & (INTERNAL | LEN_COLUMN) == 0
    }
}

/// Reads what [`put_shapes`] wrote and checks every shape against the grammar.
pub(crate) fn read_shapes(
    reader: &mut Reader<'_>,
    grammar: &Grammar,
    shapes: &mut Vec<Shape>,
) -> Result<(), DecodeError> {
    let count = reader.count("number of shapes")?;
    let first = shapes.len();
    shapes.reserve(count);
    let mut kind = 0i64;
    for _ in 0..count {
        let offset = reader.offset();
        let code = reader.varint("shape kind")?;
        let step = i64::from(code >> 1) ^ i64::from(code & 1).wrapping_neg();
        kind = kind.wrapping_add(step);
        let kind = u16::try_from(kind).map_err(|_| DecodeError::Invalid {
            what: "shape kind",
            offset,
            expected: "from 0 to 65535".into(),
            found: kind.to_string(),
        })?;
        shapes.push(Shape { kind, field: 0, flags: 0, gap: 0, len: 0 });
    }
    let own = shapes.get_mut(first..).unwrap_or_default();
    let flags = reader.take(count, "shape flags")?;
    own.iter_mut().zip(flags).for_each(|(shape, &flags)| shape.flags = flags);
    for shape in own.iter_mut() {
        let offset = reader.offset();
        let field = reader.varint("shape field")?;
        shape.field = u16::try_from(field).map_err(|_| DecodeError::Invalid {
            what: "shape field",
            offset,
            expected: "at most 65535".into(),
            found: field.to_string(),
        })?;
    }
    let with_gap = own.iter().filter(|shape| !shape.has(GAP_COLUMN)).count();
    let gaps = reader.take(with_gap, "shape gaps")?;
    let shapes_with_gap = own.iter_mut().filter(|shape| !shape.has(GAP_COLUMN));
    shapes_with_gap.zip(gaps).for_each(|(shape, &gap)| shape.gap = gap);
    let with_len = own.iter().filter(|shape| shape.has_own_len()).count();
    let lens = reader.take(with_len, "shape lengths")?;
    let shapes_with_len = own.iter_mut().filter(|shape| shape.has_own_len());
    shapes_with_len.zip(lens).for_each(|(shape, &len)| shape.len = len);
    let offset = reader.offset();
    own.iter().try_for_each(|shape| shape.check(grammar, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gap_code_means_one_thing() {
        for code in 0..=u8::MAX {
            let meanings = usize::from(code < gap::PLAIN)
                + usize::from(gap::lines(code).is_some())
                + usize::from(gap::is_reserved(code))
                + usize::from(code == gap::ESCAPE);
            assert_eq!(meanings, 1, "code {code}");
            if let Some((ends, change)) = gap::lines(code) {
                assert_eq!(gap::of_lines(usize::from(ends), i64::from(change)), Some(code));
            }
        }
    }
}
