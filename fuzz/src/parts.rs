//! A container taken apart, to be changed and sealed again with checksums that
//! fit, so that a change reaches what lies behind them.

use herbarium_codec::MAGIC;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const HEADER: usize = 48;
const ENTRY: usize = 20;

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
        let table = bytes[HEADER..].chunks_exact(ENTRY).take(usize::from(header[7]));
        let sections = table.map(|entry| {
            let number = |at: usize| {
                u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
                    as usize
            };
            let (start, len) = (number(4), number(8));
            let bytes = bytes.get(start..start.checked_add(len)?)?.to_vec();
            Some(Part { id: entry[0], style: [entry[1], entry[2], entry[3]], bytes })
        });
        Some(Self { header, sections: sections.collect::<Option<_>>()? })
    }

    /// The container with a section table and checksums that fit.
    pub fn seal(&self) -> Vec<u8> {
        let mut out = self.header.to_vec();
        out[7] = self.sections.len() as u8;
        let seed = xxh3_64(&out);
        let mut offset = HEADER + ENTRY * self.sections.len();
        for part in &self.sections {
            out.push(part.id);
            out.extend_from_slice(&part.style);
            out.extend_from_slice(&(offset as u32).to_le_bytes());
            out.extend_from_slice(&(part.bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(&xxh3_64_with_seed(&part.bytes, seed).to_le_bytes());
            offset += part.bytes.len();
        }
        self.sections.iter().for_each(|part| out.extend_from_slice(&part.bytes));
        out
    }
}
