//! The columns of the tree section, and the values in them that are too rare
//! or too long for the walk's straight path.

use crate::container::Section;
use crate::shape::{ShapeColumns, read_shapes};
use crate::tree::Tree;
use crate::wire::Reader;
use crate::{DecodeError, MAX_SOURCE_LEN};

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
    lens_and_rest: &'a [u8],
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
    /// Line starts behind the last token, counted from its end.
    pub(super) last_lines: Vec<(u32, u32)>,
    /// Nodes that end after their last child.
    pub(super) tails: Vec<Tail>,
    /// Nodes that are errors or missing.
    pub(super) errors: Vec<u32>,
    /// Errors without children.
    pub(super) error_tokens: Vec<u32>,
    /// The shapes of the tree.
    pub(super) shapes: ShapeColumns,
}

/// A node that ends after its last child.
#[derive(Clone, Copy)]
pub(super) struct Tail {
    pub(super) node: u32,
    /// By how much.
    pub(super) len: u32,
    /// Whether the node is the last child of its parent.
    pub(super) is_last: bool,
}

impl Found {
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.last_lines.clear();
        self.tails.clear();
        self.errors.clear();
        self.error_tokens.clear();
    }
}

impl<'a> Columns<'a> {
    /// Splits the section of a tree of `count` nodes; the shapes go into the
    /// tree.
    pub(super) fn read(
        section: Section<'a>,
        count: usize,
        tree: &mut Tree,
        shape_columns: &mut ShapeColumns,
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
        let (book, mut own) = tree.take_shapes();
        read_shapes(&mut table, tree.grammar(), &mut own, shape_columns)?;
        tree.set_shapes((book, own));
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

    /// The shape number that a code from [`FIRST_LONG`] on begins; `shapes` is
    /// how many there are. Nearly always it is two bytes.
    #[inline]
    pub(super) fn long_code(&mut self, code: u8, shapes: usize) -> Result<u32, DecodeError> {
        let page = u32::from(code).wrapping_sub(u32::from(FIRST_LONG));
        let longest = u32::from(LONG_CODE).wrapping_sub(u32::from(FIRST_LONG));
        if page < longest {
            let low = u32::from(self.long_codes.u8("long shape code")?);
            let id = (page << 8).wrapping_add(low).wrapping_add(u32::from(FIRST_LONG));
            if (id as usize) < shapes {
                return Ok(id);
            }
            return Err(self.wrong_code(id, shapes, 1));
        }
        self.longest_code(code, shapes)
    }

    /// The same for any code.
    #[cold]
    pub(super) fn longest_code(&mut self, code: u8, shapes: usize) -> Result<u32, DecodeError> {
        let (id, len) = match code {
            LONG_CODE => (u32::from_le_bytes(self.long_codes.array("long shape code")?), 4),
            _ => (u32::from(code), 0),
        };
        if (id as usize) < shapes { Ok(id) } else { Err(self.wrong_code(id, shapes, len)) }
    }

    /// Of a code whose last `len` bytes were read just now.
    #[cold]
    fn wrong_code(&self, id: u32, shapes: usize, len: usize) -> DecodeError {
        let offset = self.long_codes.offset().saturating_sub(len);
        invalid("shape code", offset, format!("a number below {shapes}"), id)
    }

    /// The token lengths from a place on, and what is behind them.
    pub(super) fn lens_from(&self, at: usize) -> &'a [u8] {
        self.lens_and_rest.get(at..).unwrap_or_default()
    }

    /// By how much a token is longer than a byte of the lengths can say.
    pub(super) fn rest_of_len(&mut self) -> Result<u32, DecodeError> {
        self.lines.varint("token length")
    }

    /// The next gap code of the column.
    #[inline]
    pub(super) fn gap_code(&mut self) -> Result<u8, DecodeError> {
        self.gaps.u8("gap")
    }

    /// The next length of a tail.
    pub(super) fn tail(&mut self) -> Result<u32, DecodeError> {
        self.tails.varint("tail")
    }

    /// The bytes of a gap behind the line ends that are spelled out.
    pub(super) fn rest_of_gap(&mut self) -> Result<u32, DecodeError> {
        self.lines.varint("gap length")
    }

    /// Line ends spelled out: their number, and the bytes of each line before
    /// its `\n`. Adds the line starts, counted from here, and the node to the
    /// list. Gives where the last of the lines starts: 0 where there is none.
    #[inline(never)]
    pub(super) fn line_ends(
        &mut self,
        node: u32,
        starts: &mut Vec<(u32, u32)>,
    ) -> Result<u64, DecodeError> {
        let count = self.lines.count("number of line ends")?;
        let offset = self.lines.offset();
        let mut line = 0u64;
        let first = starts.len();
        starts.resize(first.saturating_add(count), (0, node));
        let new = starts.get_mut(first..).unwrap_or_default();
        self.lines.varints(new.iter_mut(), "line length", |start, len| {
            // As many as 2^32 of 32 bits: 64 bits have room.
            line = line.wrapping_add(u64::from(len)).wrapping_add(1);
            start.0 = line as u32;
        })?;
        if line > MAX_SOURCE_LEN {
            return Err(invalid("line end", offset, "within the source", line));
        }
        Ok(line)
    }

    /// Where the gap column is, for errors about what was read from it.
    pub(super) fn gap_offset(&self) -> usize {
        self.gaps.offset()
    }

    /// The walk used up the lengths and closed every node.
    pub(super) fn check_walk(&self, lens: usize, level: usize) -> Result<(), DecodeError> {
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
