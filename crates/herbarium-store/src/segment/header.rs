//! The first 64 bytes of a segment.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use xxhash_rust::xxh3::xxh3_64;

use crate::files::SegmentId;
use crate::wire::Reader;

/// Length of the header, and offset of the first record.
pub(crate) const HEADER: usize = 64;
const CHECKED: usize = HEADER - 8;
pub(crate) const MAGIC: [u8; 4] = *b"HRBS";
pub(crate) const MAJOR: u8 = 1;
/// Required feature: there may be records that are differences to others.
pub(crate) const DELTAS: u16 = 1;
/// Features that this version reads.
pub(super) const KNOWN: u16 = DELTAS;

/// Features of the segments that a store of this minor version writes.
pub(crate) fn features_of(minor: u8) -> u16 {
    if minor == 0 { 0 } else { DELTAS }
}

/// Minor version of a segment with these features: the first that knows them.
pub(super) fn minor_of(features: u16) -> u8 {
    u8::from(features & DELTAS != 0)
}

/// What a segment says of itself at its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentHeader {
    pub(crate) id: SegmentId,
    pub(crate) sequence: u64,
    pub(crate) created_ms: u64,
    /// What a reader must know.
    pub(crate) features: u16,
    /// Minor version of the store in which it was begun, as it is written there: later
    /// ones than ours, too.
    pub(crate) minor: u8,
}

/// What was found where a header should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeaderState {
    /// A header that we can read.
    Good(SegmentHeader),
    /// Not a header. The records after it may be good all the same.
    Damaged,
    /// A sound header of a version, or with a feature, that we do not know.
    Newer {
        /// Its major version.
        major: u8,
    },
}

impl SegmentHeader {
    pub(crate) fn new(id: SegmentId, sequence: u64, created_ms: u64, features: u16) -> Self {
        Self { id, sequence, created_ms, features, minor: minor_of(features) }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[MAJOR, self.minor]);
        bytes.extend_from_slice(&self.features.to_le_bytes());
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.created_ms.to_le_bytes());
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        let mut out = [0; HEADER];
        out.copy_from_slice(&bytes);
        out
    }

    pub(crate) fn parse(bytes: &[u8]) -> HeaderState {
        parse(bytes).unwrap_or(HeaderState::Damaged)
    }
}

fn parse(bytes: &[u8]) -> Option<HeaderState> {
    let checked = bytes.get(..CHECKED)?;
    let mut checksum = Reader(bytes.get(CHECKED..)?);
    if checksum.u64()? != xxh3_64(checked) {
        return None;
    }
    let mut reader = Reader(checked);
    if reader.array()? != MAGIC {
        return None;
    }
    let (major, minor, features) = (reader.u8()?, reader.u8()?, reader.u16()?);
    if major != MAJOR || features & !KNOWN != 0 {
        return Some(HeaderState::Newer { major });
    }
    let id = SegmentId(reader.array()?);
    let sequence = reader.u64()?;
    let created_ms = reader.u64()?;
    Some(HeaderState::Good(SegmentHeader { id, sequence, created_ms, features, minor }))
}
