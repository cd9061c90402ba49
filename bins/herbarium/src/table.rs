//! Tables of text and figures.

use std::fmt::Write;
use std::io;

use crate::paint::{Ink, Paint};

/// A table whose columns are as wide as they need to be: the first so many to
/// the left, figures to the right.
#[derive(Debug)]
pub(crate) struct Table {
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(left: usize, header: [&str; N]) -> Self {
        Self { left, rows: vec![header.map(str::to_owned).into()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub(crate) fn print(&self, out: &mut impl io::Write, paint: Paint) -> io::Result<()> {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            let line = self.line(row, &widths);
            match index {
                0 => writeln!(out, "{}", paint.ink(Ink::Heading, line))?,
                _ => writeln!(out, "{line}")?,
            }
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            let _ = match column < self.left {
                true => write!(line, "{gap}{cell:<width$}"),
                false => write!(line, "{gap}{cell:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Color;

    #[test]
    fn text_stands_left_and_figures_right() {
        let mut table = Table::new(1, ["language", "files"]);
        table.row(["c".into(), "1,000".into()]);
        table.row(["typescript".into(), "7".into()]);
        let mut out = Vec::new();
        table.print(&mut out, Paint::new(Color::Never, &io::stdout())).unwrap();
        let expected = "language    files\nc           1,000\ntypescript      7\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
