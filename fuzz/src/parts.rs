//! A container taken apart, to be changed and sealed again with checksums that
//! fit, so that a change reaches what lies behind them.

use herbarium_codec::MAGIC;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const HEADER: usize = 48;
const ENTRY: usize = 16;

/// Header and sections.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The 48 bytes of the header; the number of sections is set by [`Parts::seal`].
    pub header: [u8; HEADER],
    /// The sections in order.
    pub sections: Vec<Part>,
}

/// A section and what its entry says of it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Section number.
    pub id: u8,
    /// Encoding and the two reserved bytes.
    pub style: [u8; 3],
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Parts {
    /// Takes a container apart; none where that is not possible.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let header = *bytes.first_chunk::<HEADER>()?;
        if !header.starts_with(&MAGIC) {
            return None;
        }
        let count = usize::from(header[7]);
        let (table, mut rest) = bytes[HEADER..].split_at_checked(ENTRY * count)?;
        let mut sections = Vec::new();
        for (place, entry) in table.chunks_exact(ENTRY).enumerate() {
            let len = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]) as usize;
            let len = if place + 1 == count { rest.len() } else { len };
            let (bytes, behind) = rest.split_at_checked(len)?;
            let (style, bytes) = ([entry[1], entry[2], entry[3]], bytes.to_vec());
            sections.push(Part { id: entry[0], style, bytes });
            rest = behind;
        }
        Some(Self { header, sections })
    }

    /// The container with a section table and checksums that fit.
    pub fn seal(&self) -> Vec<u8> {
        let mut out = self.header.to_vec();
        out[7] = self.sections.len() as u8;
        let seed = xxh3_64(&out);
        for (place, part) in self.sections.iter().enumerate() {
            // The last goes on to the end.
            let len = if place + 1 == self.sections.len() { 0 } else { part.bytes.len() };
            out.push(part.id);
            out.extend_from_slice(&part.style);
            out.extend_from_slice(&(len as u32).to_le_bytes());
            out.extend_from_slice(&xxh3_64_with_seed(&part.bytes, seed).to_le_bytes());
        }
        self.sections.iter().for_each(|part| out.extend_from_slice(&part.bytes));
        out
    }
}
