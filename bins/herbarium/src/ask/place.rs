//! Places in files as they are shown: `PATH:LINE:COLUMN:` and the source line.

use std::io::Write;
use std::ops;

use herbarium_codec::Point;
use serde::Serialize;

use crate::paint::{Ink, Paint};
use crate::paths::{Shown, printable_line};

/// How answers look. Unlike the application it can go to other threads.
#[derive(Clone, Copy)]
pub(crate) struct Looks<'a> {
    pub(crate) shown: &'a Shown,
    pub(crate) paint: Paint,
    pub(crate) json: bool,
}

/// What is shown of a place.
pub(crate) struct Range {
    pub(crate) bytes: ops::Range<usize>,
    pub(crate) start: Point,
}

/// Row and column from 0, the column in bytes, as in tree-sitter.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct PointJson {
    row: usize,
    column: usize,
}

impl From<Point> for PointJson {
    fn from(point: Point) -> Self {
        Self { row: point.row, column: point.column }
    }
}

/// The most that is shown of a line, in bytes: minified files have long ones.
const WIDEST: usize = 300;

impl Looks<'_> {
    pub(crate) fn put_path(&self, out: &mut Vec<u8>, path: &str) {
        put(out, self.paint.ink(Ink::Kind, path));
    }

    /// Path, line and column, both from 1, as editors and compilers count.
    pub(crate) fn put_place(&self, out: &mut Vec<u8>, path: &str, range: &Range) {
        self.put_path(out, path);
        let (line, column) = (range.start.row + 1, range.start.column + 1);
        put(out, format_args!(":{}:", self.paint.ink(Ink::Token, line)));
        put(out, format_args!("{}:", self.paint.ink(Ink::Faint, column)));
    }

    pub(crate) fn put_capture(&self, out: &mut Vec<u8>, name: &str) {
        put(out, format_args!("{}: ", self.paint.ink(Ink::Field, format_args!("@{name}"))));
    }

    /// The line that a range begins in, the range in colour; of a long line only
    /// what is around it.
    pub(crate) fn put_source_line(&self, out: &mut Vec<u8>, range: &Range, source: &[u8]) {
        let start = range.bytes.start.min(source.len());
        let (before, after) = source.split_at(start);
        let line_end = memchr::memchr2(b'\n', b'\r', after).map_or(source.len(), |at| start + at);
        let line_start = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |at| at + 1);
        let indent = source[line_start..start].iter().take_while(|byte| byte.is_ascii_whitespace());
        let line_start = (line_start + indent.count()).max(start.saturating_sub(WIDEST / 2));
        let end = range.bytes.end.clamp(start, line_end);
        let shown_end = line_end.min(line_start.saturating_add(WIDEST).max(start));
        let end = end.min(shown_end);
        put(out, text(&source[line_start..start]));
        put(out, self.paint.ink(Ink::Bad, text(&source[start..end])));
        put(out, text(&source[end..shown_end]));
        if shown_end < line_end {
            put(out, "...");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    printable_line(&String::from_utf8_lossy(bytes))
}

/// Writing to memory does not fail.
fn put(out: &mut Vec<u8>, text: impl std::fmt::Display) {
    let _ = write!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Color;

    fn check(source: &str, bytes: ops::Range<usize>, expected: &str) {
        let (shown, mut out) = (Shown::new(), Vec::new());
        let paint = Paint::new(Color::Never, &std::io::stdout());
        let looks = Looks { shown: &shown, paint, json: false };
        let range = Range { bytes, start: Point::default() };
        looks.put_source_line(&mut out, &range, source.as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{source:?}");
    }

    #[test]
    fn the_line_is_shown_without_its_indent() {
        check("a\n\t  call(b);\nc", 5..9, "call(b);");
        check("call(b)", 0..7, "call(b)");
        check("", 0..0, "");
        check("a\r\nb\r\n", 3..4, "b");
        check("one(\n  two)\n", 0..11, "one(");
        check("a\x1b[31m", 0..1, "a\\u{1b}[31m");
    }

    #[test]
    fn of_a_long_line_only_a_part_is_shown() {
        let long = format!("{}x{}", "a".repeat(1000), "b".repeat(1000));
        let expected = format!("{}x{}...", "a".repeat(150), "b".repeat(149));
        check(&long, 1000..1001, &expected);
        check(&long, 0..2001, &format!("{}...", "a".repeat(300)));
    }
}
