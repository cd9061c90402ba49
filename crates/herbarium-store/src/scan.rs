//! Reading a segment from its records alone, whatever state it is in.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs::File;
use std::io;

use memchr::memmem;

use crate::files::read_at;
use crate::heuristics::SCAN_WINDOW;
use crate::record::{CHECKED_FROM, MAGIC, RECORD_HEADER, RecordHeader};

/// What a scan came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scanned {
    /// Where the last good record ends.
    pub(crate) end: u64,
    /// Places where something was passed over.
    pub(crate) damaged: u64,
}

/// Checksums may be computed over this many times the bytes scanned: bytes made
/// to look like many overlapping records must not cost the square of their length.
const EFFORT: u64 = 8;
/// How much of a stride is looked at again: a header's beginning, less one byte.
const OVERLAP: usize = CHECKED_FROM + MAGIC.len() - 1;
/// Bytes looked at in one go while searching for the next record.
const STRIDE: usize = 64 << 10;

/// Hands every good record from `from` up to `limit` to `found`, in order, with
/// its offset and all its bytes.
///
/// `damaged` is called with the offset of each place that had to be passed over.
/// What follows the last good record is neither: it may be on its way.
pub(crate) fn scan(
    file: &File,
    from: u64,
    limit: u64,
    mut found: impl FnMut(u64, &RecordHeader, &[u8]),
    mut damaged: impl FnMut(u64),
) -> io::Result<Scanned> {
    let mut window = Window::new(file, limit);
    let mut budget = limit.saturating_sub(from).saturating_mul(EFFORT).max(STRIDE as u64);
    let mut result = Scanned { end: from, damaged: 0 };
    let mut at = from;
    loop {
        match look(&mut window, at, &mut budget)? {
            Look::Record(header) => {
                let len = header.record_len();
                if let Some(record) = window.get(at, len)? {
                    found(at, &header, record);
                }
                at = at.saturating_add(len as u64);
                result.end = at;
            }
            Look::Nothing => break,
            // A whole record further on shows that this one is not being written
            // at this moment: records are appended one after the other.
            Look::Partial | Look::Bad => {
                let Some(next) = search(&mut window, at.saturating_add(1), &mut budget)? else {
                    break;
                };
                damaged(at);
                result.damaged = result.damaged.saturating_add(1);
                at = next;
            }
        }
    }
    Ok(result)
}

enum Look {
    /// A whole record with a right checksum.
    Record(RecordHeader),
    /// The beginning of a record, or less than a header.
    Partial,
    /// Something else, or a record with a wrong checksum.
    Bad,
    /// The end.
    Nothing,
}

fn look(window: &mut Window<'_>, at: u64, budget: &mut u64) -> io::Result<Look> {
    if at >= window.limit {
        return Ok(Look::Nothing);
    }
    let Some(header) = window.get(at, RECORD_HEADER)? else { return Ok(Look::Partial) };
    let Some(header) = RecordHeader::parse(header) else { return Ok(Look::Bad) };
    let Some(record) = window.get(at, header.record_len())? else { return Ok(Look::Partial) };
    let Some(left) = budget.checked_sub(record.len() as u64) else { return Ok(Look::Bad) };
    *budget = left;
    Ok(if header.is_intact(record) { Look::Record(header) } else { Look::Bad })
}

/// The next offset at which a good record begins.
fn search(window: &mut Window<'_>, from: u64, budget: &mut u64) -> io::Result<Option<u64>> {
    let mut at = from;
    while at.saturating_add(RECORD_HEADER as u64) <= window.limit && *budget > 0 {
        let left = usize::try_from(window.limit.saturating_sub(at)).unwrap_or(usize::MAX);
        let len = left.min(STRIDE);
        let Some(bytes) = window.get(at, len)? else { return Ok(None) };
        let magics = bytes.get(CHECKED_FROM..).unwrap_or_default();
        let candidates: Vec<usize> = memmem::find_iter(magics, &MAGIC).collect();
        for candidate in candidates {
            let place = at.saturating_add(candidate as u64);
            if let Look::Record(_) = look(window, place, budget)? {
                return Ok(Some(place));
            }
        }
        // The next stride overlaps, so that no magic number falls between two.
        let step = len.saturating_sub(OVERLAP).max(1);
        at = at.saturating_add(step as u64);
    }
    Ok(None)
}

/// A part of a file in memory, moved along as it is asked for.
struct Window<'a> {
    file: &'a File,
    limit: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, limit: u64) -> Self {
        Self { file, limit, start: 0, bytes: Vec::new() }
    }

    /// `len` bytes at `offset`; `None` if they are not all within the limit.
    fn get(&mut self, offset: u64, len: usize) -> io::Result<Option<&[u8]>> {
        let end = offset.saturating_add(len as u64);
        if end > self.limit {
            return Ok(None);
        }
        let have = self.start.saturating_add(self.bytes.len() as u64);
        if offset < self.start || end > have {
            self.fill(offset, len)?;
        }
        let begin = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        Ok(self.bytes.get(begin..begin.saturating_add(len)))
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let left = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.bytes.resize(len.max(SCAN_WINDOW).min(left), 0);
        self.start = offset;
        let count = read_at(self.file, &mut self.bytes, offset)?;
        self.bytes.truncate(count);
        Ok(())
    }
}
