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
    /// Supertypes between the node and its parent: bit n stands for the n-th
    /// of [`Grammar::supertype_kinds`].
    pub(crate) supertypes: u32,
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

    /// All of it in one number, for hashing: others may have the same.
    #[inline]
    pub(crate) fn packed(self) -> u64 {
        u64::from(self.kind)
            | u64::from(self.field) << 16
            | u64::from(self.flags) << 32
            | u64::from(self.gap) << 40
            | u64::from(self.len) << 48 ^ u64::from(self.supertypes) << 40
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
    #[derive(Clone, Copy)]
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
    #[cfg(test)]
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
    /// to the gap column. Measured on six languages: a wider choice of line ends
    /// lengthens the shape table by more than it saves; bytes up to these pay
    /// for themselves where columns are aligned, and cost next to nothing
    /// elsewhere.
    #[inline]
    pub(crate) fn joins_shape(code: u8) -> bool {
        code < 16 || code.abs_diff(LINES[0].centre) <= 8 || code == LINES[1].centre
    }
}

/// Writes a list of shapes: the number of them, then column by column. Sorted
/// runs make the first column small. Supertypes only where the grammar has any.
pub(crate) fn put_shapes(out: &mut Vec<u8>, shapes: &[Shape], with_supertypes: bool) {
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
    out.extend(shapes.iter().filter(|shape| has_own_gap(shape.flags)).map(|shape| shape.gap));
    out.extend(shapes.iter().filter(|shape| has_own_len(shape.flags)).map(|shape| shape.len));
    if with_supertypes {
        shapes.iter().for_each(|shape| put_varint(out, shape.supertypes));
    }
}

#[inline]
fn has_own_gap(flags: u8) -> bool {
    flags & GAP_COLUMN == 0
}

#[inline]
fn has_own_len(flags: u8) -> bool {
    flags & (INTERNAL | LEN_COLUMN) == 0
}

/// What the walk of a tree needs of shapes, column by column.
#[derive(Default)]
pub(crate) struct ShapeColumns {
    pub(crate) flags: Vec<u8>,
    /// Gap code, 0 with [`GAP_COLUMN`].
    pub(crate) gaps: Vec<u8>,
    /// Length, 0 with [`LEN_COLUMN`] or [`INTERNAL`].
    pub(crate) lens: Vec<u8>,
    /// Whether any is an error.
    pub(crate) errors: bool,
}

impl ShapeColumns {
    fn clear(&mut self) {
        self.flags.clear();
        self.gaps.clear();
        self.lens.clear();
        self.errors = false;
    }
}

/// Reads what [`put_shapes`] wrote and checks every shape against the grammar.
/// Fills `columns` with what the same shapes say.
pub(crate) fn read_shapes(
    reader: &mut Reader<'_>,
    grammar: &Grammar,
    shapes: &mut Vec<Shape>,
    columns: &mut ShapeColumns,
) -> Result<(), DecodeError> {
    let count = reader.count("number of shapes")?;
    if count == 0 {
        columns.clear();
        return Ok(());
    }
    let first = shapes.len();
    let none = Shape { kind: 0, field: 0, flags: 0, gap: 0, len: 0, supertypes: 0 };
    shapes.resize(first.saturating_add(count), none);
    let own = shapes.get_mut(first..).unwrap_or_default();
    columns.errors = read_kinds(reader, own, grammar.kind_count())?;
    read_flags(reader, count, columns)?;
    read_fields(reader, own, grammar.field_count())?;
    read_gaps_and_lens(reader, columns)?;
    let ShapeColumns { flags, gaps, lens, .. } = columns;
    for (((shape, flags), gap), len) in own.iter_mut().zip(flags).zip(gaps).zip(lens) {
        (shape.flags, shape.gap, shape.len) = (*flags, *gap, *len);
    }
    read_supertypes(reader, own, grammar.supertype_kinds().len())
}

/// Says whether there is an error among them.
fn read_kinds(
    reader: &mut Reader<'_>,
    shapes: &mut [Shape],
    kinds: usize,
) -> Result<bool, DecodeError> {
    let offset = reader.offset();
    let (mut kind, mut wrong, mut errors) = (0i64, None, false);
    reader.varints(shapes.iter_mut(), "shape kind", |shape, code| {
        let step = i64::from(code >> 1) ^ i64::from(code & 1).wrapping_neg();
        kind = kind.wrapping_add(step);
        if kind as u64 >= kinds as u64 {
            match kind == i64::from(ERROR_KIND) {
                true => errors = true,
                false => wrong = Some(kind),
            }
        }
        shape.kind = kind as u16;
    })?;
    match wrong {
        None => Ok(errors),
        Some(kind) => Err(invalid("shape kinds", offset, format!("kinds below {kinds}"), kind)),
    }
}

fn read_flags(
    reader: &mut Reader<'_>,
    count: usize,
    columns: &mut ShapeColumns,
) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let flags = reader.take(count, "shape flags")?;
    columns.flags.clear();
    columns.flags.extend_from_slice(flags);
    let wrong = |&flags: &u8| has_token_flags_on_a_parent(flags) | has_tail_on_a_token(flags);
    // All of them: that takes less than to stop at the first.
    if flags.iter().fold(false, |found, flags| found | wrong(flags)) {
        return Err(wrong_flags(offset, flags));
    }
    Ok(())
}

fn has_token_flags_on_a_parent(flags: u8) -> bool {
    (flags & INTERNAL != 0) & (flags & (LEN_COLUMN | LINES | MISSING) != 0)
}

fn has_tail_on_a_token(flags: u8) -> bool {
    flags & (INTERNAL | TAIL) == TAIL
}

#[cold]
fn wrong_flags(offset: usize, flags: &[u8]) -> DecodeError {
    let is_wrong = |flags: &u8| has_token_flags_on_a_parent(*flags) || has_tail_on_a_token(*flags);
    let place = flags.iter().position(is_wrong).unwrap_or(0);
    let (offset, flags) = (offset.saturating_add(place), flags.get(place).copied().unwrap_or(0));
    let expected = match has_tail_on_a_token(flags) {
        true => "no tail on a token",
        false => "no token flags on a node with children",
    };
    invalid("shape flags", offset, expected, format!("flags {flags:#04x}"))
}

fn read_fields(
    reader: &mut Reader<'_>,
    shapes: &mut [Shape],
    fields: usize,
) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let mut largest = 0;
    reader.varints(shapes.iter_mut(), "shape field", |shape, field| {
        largest = field.max(largest);
        shape.field = field as u16;
    })?;
    match largest as usize <= fields {
        true => Ok(()),
        false => Err(invalid("shape fields", offset, format!("fields up to {fields}"), largest)),
    }
}

/// Only where the grammar has supertypes.
fn read_supertypes(
    reader: &mut Reader<'_>,
    shapes: &mut [Shape],
    supertypes: usize,
) -> Result<(), DecodeError> {
    if supertypes == 0 {
        return Ok(());
    }
    let offset = reader.offset();
    let mut all = 0;
    reader.varints(shapes.iter_mut(), "shape supertypes", |shape, set| {
        all |= set;
        shape.supertypes = set;
    })?;
    match u64::from(all) >> supertypes {
        0 => Ok(()),
        _ => {
            let expected = format!("bits of {supertypes} supertypes");
            Err(invalid("shape supertypes", offset, expected, format!("{all:#x}")))
        }
    }
}

/// Which shapes have a value of these is as good as random: nothing here jumps
/// on it.
fn read_gaps_and_lens(
    reader: &mut Reader<'_>,
    columns: &mut ShapeColumns,
) -> Result<(), DecodeError> {
    let ShapeColumns { flags, gaps, lens, .. } = columns;
    let number = |has: fn(u8) -> bool| flags.iter().filter(|flags| has(**flags)).count();
    let offset = reader.offset();
    let gap_codes = reader.take(number(has_own_gap), "shape gaps")?;
    spread(gaps, gap_codes, flags.iter().map(|flags| has_own_gap(*flags)));
    let own_lens = reader.take(number(has_own_len), "shape lengths")?;
    spread(lens, own_lens, flags.iter().map(|flags| has_own_len(*flags)));
    let wrong = |code: &u8| gap::is_reserved(*code);
    match gap_codes.iter().fold(false, |found, code| found | wrong(code)) {
        false => Ok(()),
        true => {
            let place = gap_codes.iter().position(wrong).unwrap_or(0);
            let code = gap_codes.get(place).copied().unwrap_or(0);
            Err(invalid("shape gap", offset.saturating_add(place), "a gap code in use", code))
        }
    }
}

/// Gives each that wants one the next of the values, the others 0.
fn spread(to: &mut Vec<u8>, values: &[u8], wanted: impl Iterator<Item = bool>) {
    let mut at = 0usize;
    to.clear();
    to.extend(wanted.map(|wanted| {
        let value = values.get(at).copied().unwrap_or(0);
        at = at.wrapping_add(usize::from(wanted));
        value & u8::from(wanted).wrapping_neg()
    }));
}

#[cold]
fn invalid(
    what: &'static str,
    offset: usize,
    expected: impl Into<String>,
    found: impl ToString,
) -> DecodeError {
    DecodeError::Invalid { what, offset, expected: expected.into(), found: found.to_string() }
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
