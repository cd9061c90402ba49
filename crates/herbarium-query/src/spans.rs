//! Looking for a few shapes among many nodes.
//!
//! Shapes of one kind and field mostly have numbers in a row. Where those that
//! matter are a few such rows, a whole block of nodes is compared with them at
//! a time: the loops below have no branches and become vector instructions.

/// Rows of numbers at most; with more, a table of marks is faster.
const MOST: usize = 6;
/// Nodes that are compared at a time, and then again.
const BLOCK: usize = 64;
const PART: usize = 16;
/// The value of a mark.
pub(crate) const MARK: u8 = 1;
/// Numbers from here on do not stand for themselves in a column of shapes.
const WIDE: usize = 0xff00;

/// Rows of marked numbers.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// First number, and how many follow.
    rows: Vec<(u16, u16)>,
}

impl Spans {
    pub(crate) fn forget(&mut self) {
        self.rows.clear();
    }

    /// Takes the rows of numbers with a mark, if they are few.
    pub(crate) fn make(&mut self, marks: &[u8]) {
        self.rows.clear();
        if marks.len() > WIDE {
            return;
        }
        let mut at = 0;
        while let Some(first) = memchr::memchr(MARK, &marks[at..]) {
            let first = at + first;
            let len = marks[first..].iter().take_while(|mark| **mark == MARK).count();
            if self.rows.len() == MOST {
                return self.rows.clear();
            }
            self.rows.push((first as u16, (len - 1) as u16));
            at = first + len;
        }
    }

    /// Passes over nodes without a mark: up to the part of a block in which
    /// the next one with a mark is, or close to `until`.
    #[inline]
    pub(crate) fn pass(&self, column: &[u16], from: u32, until: u32) -> u32 {
        if self.rows.is_empty() {
            return from;
        }
        let until = (until as usize).min(column.len());
        let rest = column.get(from as usize..until).unwrap_or_default();
        let (blocks, _) = rest.as_chunks::<BLOCK>();
        let block = blocks.iter().position(|block| self.is_in(block)).unwrap_or(blocks.len());
        let (parts, _) = rest[block * BLOCK..].as_chunks::<PART>();
        let parts = &parts[..parts.len().min(BLOCK / PART)];
        let part = parts.iter().position(|part| self.is_in(part)).unwrap_or(0);
        from + (block * BLOCK + part * PART) as u32
    }

    #[inline]
    fn is_in<const LEN: usize>(&self, block: &[u16; LEN]) -> bool {
        let mut found = [0u16; LEN];
        for &(first, more) in &self.rows {
            for (found, number) in found.iter_mut().zip(block) {
                *found |= u16::from(number.wrapping_sub(first) <= more);
            }
        }
        found.iter().fold(0, |any, found| any | found) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(marks: &[u8], column: &[u16]) {
        let mut spans = Spans::default();
        spans.make(marks);
        let is_marked = |number: &u16| marks[usize::from(*number)] != 0;
        for from in 0..column.len() {
            let passed = spans.pass(column, from as u32, column.len() as u32) as usize;
            let next = column[from..].iter().position(is_marked).map(|at| from + at);
            assert!(passed >= from && next.is_none_or(|next| passed <= next), "from {from}");
        }
    }

    #[test]
    fn no_marked_node_is_passed_over() {
        let column: Vec<u16> = (0..1000u32).map(|at| (at * at % 251) as u16).collect();
        for marked in [&[][..], &[0], &[250], &[3, 4, 5, 100], &[7, 9, 11, 13, 15, 17, 19, 21]] {
            let mut marks = [0; 251];
            marked.iter().for_each(|number: &usize| marks[*number] = 1);
            check(&marks, &column);
        }
    }
}
