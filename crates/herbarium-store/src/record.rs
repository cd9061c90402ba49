//! One record: 56 bytes of header, then the payload.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use xxhash_rust::xxh3::xxh3_64;

use crate::wire::Reader;

/// Length of a record's header.
pub(crate) const RECORD_HEADER: usize = 56;
/// Longest payload, stored or raw.
pub(crate) const MAX_PAYLOAD: u32 = 1 << 30;

/// Where the checksummed part of a record begins.
pub(crate) const CHECKED_FROM: usize = 8;
/// The magic number, at [`CHECKED_FROM`].
pub(crate) const MAGIC: [u8; 2] = *b"HR";

/// What a record is. Numbers without a name are carried, not understood.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Kind(pub(crate) u8);

impl Kind {
    pub(crate) const CONTEXT: Self = Self(1);
    pub(crate) const TREE: Self = Self(2);
    pub(crate) const GRAMMAR: Self = Self(3);
    pub(crate) const DICTIONARY: Self = Self(4);
    pub(crate) const PARSE_TABLE: Self = Self(5);
}

/// How a payload is compressed.
pub(crate) mod codec {
    pub(crate) const RAW: u8 = 0;
    pub(crate) const ZSTD: u8 = 1;
    pub(crate) const ZSTD_DICTIONARY: u8 = 2;
    pub(crate) const DELTA: u8 = 3;
}

/// By what a record is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RecordKey {
    pub(crate) kind: Kind,
    pub(crate) key: [u8; 32],
}

impl RecordKey {
    /// The first 8 bytes of the key, which the key table holds.
    pub(crate) fn prefix(&self) -> [u8; 8] {
        self.key.first_chunk().copied().unwrap_or_default()
    }
}

/// The header of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordHeader {
    pub(crate) checksum: u64,
    pub(crate) key: RecordKey,
    pub(crate) codec: u8,
    pub(crate) context: u16,
    pub(crate) flags: u16,
    pub(crate) raw: u32,
    pub(crate) stored: u32,
}

impl RecordHeader {
    /// Reads a header; `None` where no record begins.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let checksum = reader.u64()?;
        if reader.array()? != MAGIC {
            return None;
        }
        let kind = Kind(reader.u8()?);
        let codec = reader.u8()?;
        let context = reader.u16()?;
        let flags = reader.u16()?;
        let raw = reader.u32()?;
        let stored = reader.u32()?;
        let key = RecordKey { kind, key: reader.array()? };
        (raw <= MAX_PAYLOAD && stored <= MAX_PAYLOAD).then_some(Self {
            checksum,
            key,
            codec,
            context,
            flags,
            raw,
            stored,
        })
    }

    /// Bytes of the whole record.
    pub(crate) fn record_len(&self) -> usize {
        RECORD_HEADER.saturating_add(self.stored as usize)
    }

    /// Whether `record`, the whole of it, has the checksum that this header states.
    pub(crate) fn is_intact(&self, record: &[u8]) -> bool {
        record.get(CHECKED_FROM..).is_some_and(|checked| xxh3_64(checked) == self.checksum)
    }

    /// Writes the header over the first bytes of `record`, whose payload is in
    /// place, and computes the checksum.
    pub(crate) fn finish(&self, record: &mut [u8]) {
        let mut header = Vec::with_capacity(RECORD_HEADER);
        header.extend_from_slice(&[0; CHECKED_FROM]);
        header.extend_from_slice(&MAGIC);
        header.push(self.key.kind.0);
        header.push(self.codec);
        header.extend_from_slice(&self.context.to_le_bytes());
        header.extend_from_slice(&self.flags.to_le_bytes());
        header.extend_from_slice(&self.raw.to_le_bytes());
        header.extend_from_slice(&self.stored.to_le_bytes());
        header.extend_from_slice(&self.key.key);
        if let Some(place) = record.get_mut(..RECORD_HEADER) {
            place.copy_from_slice(&header);
        }
        let checksum = xxh3_64(record.get(CHECKED_FROM..).unwrap_or_default());
        if let Some(place) = record.get_mut(..CHECKED_FROM) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }
}
