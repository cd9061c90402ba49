//! Sealing: the index behind the records, after which a segment never changes.

use std::fs::File;
use std::io;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::header::{KNOWN, MAJOR, minor_of};
use super::{Context, OpenSegment};
use crate::files::{SegmentId, read_at, write_at};
use crate::wire::Reader;

/// Length of one entry of the key table.
pub(crate) const ENTRY: usize = 12;
/// Length of the fan-out.
pub(super) const FAN_OUT: usize = 256 * 4;
/// Length of one context.
pub(crate) const CONTEXT: usize = 48;
/// Length of the trailer.
pub(crate) const TRAILER: usize = 112;
const TRAILER_CHECKED: usize = TRAILER - 8;
pub(crate) const MAGIC: [u8; 4] = *b"HRBP";
/// Bytes read at once while a segment is hashed.
const STRIDE: usize = 1 << 20;

/// The end of a sealed segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trailer {
    pub(crate) id: SegmentId,
    pub(crate) sequence: u64,
    pub(crate) features: u16,
    pub(crate) file_len: u64,
    pub(crate) table: u64,
    pub(crate) entries: u32,
    pub(crate) contexts: u32,
    pub(crate) specials: u32,
    pub(crate) table_checksum: u64,
    pub(crate) index_checksum: u64,
    pub(crate) content_hash: u128,
}

/// What was found where a trailer should be.
pub(super) enum TrailerState {
    Good(Trailer),
    Damaged,
    Newer { major: u8 },
}

impl Trailer {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TRAILER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[MAJOR, minor_of(self.features)]);
        bytes.extend_from_slice(&self.features.to_le_bytes());
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.file_len.to_le_bytes());
        bytes.extend_from_slice(&self.table.to_le_bytes());
        for count in [self.entries, self.contexts, self.specials, 0] {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        bytes.extend_from_slice(&self.table_checksum.to_le_bytes());
        bytes.extend_from_slice(&self.index_checksum.to_le_bytes());
        bytes.extend_from_slice(&self.content_hash.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> TrailerState {
        parse(bytes).unwrap_or(TrailerState::Damaged)
    }
}

fn parse(bytes: &[u8]) -> Option<TrailerState> {
    let checked = bytes.get(..TRAILER_CHECKED)?;
    let mut checksum = Reader(bytes.get(TRAILER_CHECKED..)?);
    if checksum.u64()? != xxh3_64(checked) {
        return None;
    }
    let mut reader = Reader(checked);
    if reader.array()? != MAGIC {
        return None;
    }
    let (major, _minor, features) = (reader.u8()?, reader.u8()?, reader.u16()?);
    if major != MAJOR || features & !KNOWN != 0 {
        return Some(TrailerState::Newer { major });
    }
    let id = SegmentId(reader.array()?);
    let (sequence, file_len, table) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let (entries, contexts, specials) = (reader.u32()?, reader.u32()?, reader.u32()?);
    reader.u32()?;
    let (table_checksum, index_checksum) = (reader.u64()?, reader.u64()?);
    let content_hash = u128::from_le_bytes(reader.array()?);
    Some(TrailerState::Good(Trailer {
        id,
        sequence,
        features,
        file_len,
        table,
        entries,
        contexts,
        specials,
        table_checksum,
        index_checksum,
        content_hash,
    }))
}

impl OpenSegment {
    /// Writes what comes behind the records. The caller owns the segment, and
    /// syncs and renames it.
    pub(crate) fn write_index(&self) -> io::Result<()> {
        let end = self.end();
        let table = key_table(self.places());
        let contexts = self.contexts();
        let specials = self.specials();
        let mut index = fan_out(&table);
        contexts.iter().for_each(|context| put_context(&mut index, context));
        specials.iter().for_each(|offset| index.extend_from_slice(&offset.to_le_bytes()));
        let trailer = Trailer {
            id: self.id,
            sequence: self.sequence,
            features: self.features,
            file_len: end + (table.len() + index.len() + TRAILER) as u64,
            table: end,
            entries: (table.len() / ENTRY) as u32,
            contexts: contexts.len() as u32,
            specials: specials.len() as u32,
            table_checksum: xxh3_64(&table),
            index_checksum: xxh3_64(&index),
            content_hash: content_hash(&self.file, end)?,
        };
        let mut tail = table;
        tail.extend_from_slice(&index);
        tail.extend_from_slice(&trailer.to_bytes());
        write_at(&self.file, &tail, end)
    }
}

fn key_table(places: Vec<([u8; 8], u32)>) -> Vec<u8> {
    let mut entries: Vec<[u8; ENTRY]> = places
        .into_iter()
        .map(|(prefix, offset)| {
            let mut entry = [0; ENTRY];
            entry[..8].copy_from_slice(&prefix);
            entry[8..].copy_from_slice(&offset.to_be_bytes());
            entry
        })
        .collect();
    entries.sort_unstable();
    entries.concat()
}

fn fan_out(table: &[u8]) -> Vec<u8> {
    let mut counts = [0u32; 256];
    let (entries, _) = table.as_chunks::<ENTRY>();
    entries.iter().for_each(|entry| counts[usize::from(entry[0])] += 1);
    let mut sum = 0;
    let mut out = Vec::with_capacity(FAN_OUT);
    for count in counts {
        sum += count;
        out.extend_from_slice(&sum.to_le_bytes());
    }
    out
}

fn put_context(out: &mut Vec<u8>, context: &Context) {
    out.extend_from_slice(&context.fingerprint.0);
    out.extend_from_slice(&context.dictionary.map_or(0, |id| id.0).to_le_bytes());
    out.extend_from_slice(&context.trees.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&context.raw.to_le_bytes());
    out.extend_from_slice(&context.stored.to_le_bytes());
}

/// XXH3-128 over the first `end` bytes, as they are in the file.
pub(crate) fn content_hash(file: &File, end: u64) -> io::Result<u128> {
    let mut hasher = Xxh3::new();
    let mut buffer = vec![0; STRIDE.min(usize::try_from(end).unwrap_or(STRIDE))];
    let mut at = 0;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let count = read_at(file, &mut buffer[..left], at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(hasher.digest128())
}
