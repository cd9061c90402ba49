//! The columns of the tree section, and the values in them that are too rare
//! or too long for the walk's straight path.

use crate::DecodeError;
use crate::container::Section;
use crate::shape::{GAP_COLUMN, LEN_COLUMN, LINES, Shape, TAIL, gap, read_shapes};
use crate::tree::Tree;
use crate::wire::Reader;

/// Codes below are shape numbers; from here on there is a second byte among
/// the long codes.
pub(crate) const FIRST_LONG: u8 = 224;
/// The shape number stands among the long codes, in four bytes.
pub(crate) const LONG_CODE: u8 = 255;
/// Shape numbers below this one take two bytes at most.
pub(crate) const LONG_LIMIT: u32 = FIRST_LONG as u32 + ((LONG_CODE - FIRST_LONG) as u32) * 256;

/// The columns of the tree section.
pub(super) struct Columns<'a> {
    /// One for each node.
    pub(super) codes: &'a [u8],
    lens: &'a [u8],
    /// The token lengths and everything behind them: whoever reads a byte too
    /// many still has one to read.
    pub(super) lens_and_rest: &'a [u8],
    /// Length of a line end inside a gap: 1, or 2 for CR LF.
    pub(super) line_end: u32,
    pub(super) tails: Reader<'a>,
    pub(super) faults: Reader<'a>,
    long_codes: Reader<'a>,
    gaps: Reader<'a>,
    lines: Reader<'a>,
    end: usize,
    lens_offset: usize,
}

/// What the rare things found on the way are added to.
#[derive(Default)]
pub(super) struct Found {
    /// Start of each line but the first.
    pub(super) lines: Vec<u32>,
    /// Nodes that end after their last child, and by how much.
    pub(super) tails: Vec<(u32, u32)>,
    /// Nodes that are errors or missing.
    pub(super) errors: Vec<u32>,
    /// Errors without children.
    pub(super) error_tokens: Vec<u32>,
}

/// A node that takes more than the straight path.
pub(super) struct Slow {
    /// Its number in the tree.
    pub(super) index: u32,
    /// Where the gap before it begins.
    pub(super) position: u64,
    pub(super) shape: Shape,
    /// Length of the token.
    pub(super) len: u32,
    /// Indentation of the line before it.
    pub(super) indent: i64,
}

impl Slow {
    /// The place so many bytes behind where the gap begins.
    fn place(&self, distance: u32) -> u32 {
        self.position.wrapping_add(u64::from(distance)) as u32
    }
}

impl<'a> Columns<'a> {
    /// Splits the section of a tree of `count` nodes; the shapes go into the
    /// tree.
    pub(super) fn read(
        section: Section<'a>,
        count: usize,
        tree: &mut Tree,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(section.bytes, section.offset);
        let offset = reader.offset();
        let style = reader.u8("tree flags")?;
        if style > 1 {
            return Err(invalid("tree flags", offset, "0 or 1", style));
        }
        let mut sizes = [0; 6];
        for size in &mut sizes {
            *size = reader.count("column length")?;
        }
        let [shapes, long_codes, gaps, lens, lines, tails] = sizes;
        let mut table = column(&mut reader, shapes)?;
        let grammar = tree.grammar().clone();
        read_shapes(&mut table, &grammar, tree.own_shapes_mut())?;
        end_of(&table, "shape table")?;
        let codes = reader.take(count, "shape codes")?;
        let long_codes = column(&mut reader, long_codes)?;
        let gaps = column(&mut reader, gaps)?;
        let lens_offset = reader.offset();
        let lens_and_rest = reader.rest();
        let lens = reader.take(lens, "token lengths")?;
        let lines = column(&mut reader, lines)?;
        let tails = column(&mut reader, tails)?;
        let left = reader.left();
        let faults = column(&mut reader, left)?;
        tree.set_crlf(style == 1);
        let line_end = u32::from(style).saturating_add(1);
        let end = reader.offset();
        Ok(Self {
            codes,
            lens,
            lens_and_rest,
            line_end,
            tails,
            faults,
            long_codes,
            gaps,
            lines,
            end,
            lens_offset,
        })
    }

    /// The shape number that a code begins; `shapes` is how many there are.
    #[inline(never)]
    pub(super) fn long_code(&mut self, code: u32, shapes: usize) -> Result<u32, DecodeError> {
        let offset = self.long_codes.offset();
        let id = match code.checked_sub(u32::from(FIRST_LONG)) {
            None => code,
            Some(_) if code == u32::from(LONG_CODE) => {
                u32::from_le_bytes(self.long_codes.array("long shape code")?)
            }
            Some(page) => {
                let low = self.long_codes.u8("long shape code")?;
                u32::from(FIRST_LONG).saturating_add(page << 8).saturating_add(u32::from(low))
            }
        };
        if id as usize >= shapes {
            return Err(invalid("shape code", offset, format!("a number below {shapes}"), id));
        }
        Ok(id)
    }

    /// The length of a token, whatever its size, and the place in the column
    /// behind it.
    pub(super) fn token_len(&self, shape: Shape, at: usize) -> Result<(u32, usize), DecodeError> {
        match shape.has(LEN_COLUMN) {
            true => self.long_len(at),
            false => Ok((u32::from(shape.len), at)),
        }
    }

    fn long_len(&self, at: usize) -> Result<(u32, usize), DecodeError> {
        let bytes = self.lens.get(at..).unwrap_or_default();
        let mut reader = Reader::new(bytes, self.lens_offset.saturating_add(at));
        let len = reader.varint("token length")?;
        Ok((len, self.lens.len().saturating_sub(reader.left())))
    }

    /// Length of the gap before a node that takes more than the straight path,
    /// and the indentation from there on.
    #[inline(never)]
    pub(super) fn slow(
        &mut self,
        slow: &Slow,
        found: &mut Found,
    ) -> Result<(u32, i64), DecodeError> {
        let code = match slow.shape.flags & GAP_COLUMN {
            0 => slow.shape.gap,
            _ => self.gaps.u8("gap")?,
        };
        let (gap, indent) = self.gap(code, slow, found)?;
        if slow.shape.flags & LINES != 0 {
            let len = u64::from(gap).saturating_add(u64::from(slow.len));
            self.inner_lines(gap, len, |line| found.lines.push(slow.place(line)))?;
        }
        if slow.shape.flags & TAIL != 0 {
            found.tails.push((slow.index, self.tails.varint("tail")?));
        }
        if slow.shape.is_fault() {
            found.errors.push(slow.index);
        }
        if slow.shape.is_error_token() {
            found.error_tokens.push(slow.index);
        }
        Ok((gap, indent))
    }

    fn gap(&mut self, code: u8, slow: &Slow, found: &mut Found) -> Result<(u32, i64), DecodeError> {
        if code < gap::PLAIN {
            return Ok((u32::from(code), slow.indent));
        }
        let Some((ends, change)) = gap::lines(code) else {
            return self.spelled_gap(code, slow, found);
        };
        let mut len = 0u32;
        for _ in 0..ends {
            len = len.saturating_add(self.line_end);
            found.lines.push(slow.place(len));
        }
        let indent = slow.indent.saturating_add(i64::from(change));
        let width = u32::try_from(indent).map_err(|_| {
            invalid("indentation", self.gaps.offset(), "from 0 to 4294967295", indent)
        })?;
        Ok((len.saturating_add(width), indent))
    }

    /// A gap whose length and line ends are spelled out.
    #[cold]
    fn spelled_gap(
        &mut self,
        code: u8,
        slow: &Slow,
        found: &mut Found,
    ) -> Result<(u32, i64), DecodeError> {
        if code != gap::ESCAPE {
            return Err(invalid("gap code", self.gaps.offset(), "a code in use", code));
        }
        let len = self.lines.varint("gap length")?;
        let mark = |line| found.lines.push(slow.place(line));
        let last = self.inner_lines(0, u64::from(len), mark)?;
        Ok((len, last.map_or(slow.indent, |last| i64::from(len.saturating_sub(last)))))
    }

    /// Line ends spelled out between two places: their number, and the bytes
    /// of each line before its `\n`. Gives the start of the last line.
    pub(super) fn inner_lines(
        &mut self,
        start: u32,
        end: u64,
        mut mark: impl FnMut(u32),
    ) -> Result<Option<u32>, DecodeError> {
        let count = self.lines.varint("number of line ends")?;
        let mut line = u64::from(start);
        for _ in 0..count {
            let offset = self.lines.offset();
            let len = self.lines.varint("line length")?;
            line = line.saturating_add(u64::from(len)).saturating_add(1);
            if line > end || line > u64::from(u32::MAX) {
                let expected =
                    format!("within the {} bytes from here", end.saturating_sub(u64::from(start)));
                return Err(invalid("line end", offset, expected, line));
            }
            mark(line as u32);
        }
        Ok((count != 0).then_some(line as u32))
    }

    /// The walk used up the lengths, closed every node, and never had an
    /// indentation below zero.
    pub(super) fn check_walk(
        &self,
        lens: usize,
        level: u32,
        indent_fits: bool,
    ) -> Result<(), DecodeError> {
        match self.lens.len().checked_sub(lens) {
            Some(0) => {}
            None => {
                let offset = self.lens_offset.saturating_add(self.lens.len());
                return Err(DecodeError::Truncated {
                    what: "token lengths",
                    offset,
                    needed: 1,
                    left: 0,
                });
            }
            Some(left) => {
                let offset = self.lens_offset.saturating_add(lens);
                let found = format!("{left} bytes more");
                return Err(invalid("token lengths", offset, "the end of the column", found));
            }
        }
        if level != 0 {
            let found = format!("{level} nodes still without");
            return Err(invalid("tree", self.end, "a last child of every node above", found));
        }
        if !indent_fits {
            return Err(invalid("indentation", self.end, "at least 0 on every line", "less"));
        }
        Ok(())
    }

    /// Nothing is left in the columns that are read value by value.
    pub(super) fn check_rest(&self) -> Result<(), DecodeError> {
        end_of(&self.long_codes, "long shape codes")?;
        end_of(&self.gaps, "gaps")?;
        end_of(&self.lines, "line ends")?;
        end_of(&self.tails, "tails")?;
        end_of(&self.faults, "faults")
    }
}

fn column<'a>(reader: &mut Reader<'a>, len: usize) -> Result<Reader<'a>, DecodeError> {
    let offset = reader.offset();
    Ok(Reader::new(reader.take(len, "column")?, offset))
}

fn end_of(reader: &Reader<'_>, what: &'static str) -> Result<(), DecodeError> {
    match reader.left() {
        0 => Ok(()),
        left => Err(invalid(
            what,
            reader.offset(),
            "the end of the column",
            format!("{left} bytes more"),
        )),
    }
}

pub(super) fn invalid(
    what: &'static str,
    offset: usize,
    expected: impl Into<String>,
    found: impl ToString,
) -> DecodeError {
    DecodeError::Invalid { what, offset, expected: expected.into(), found: found.to_string() }
}
