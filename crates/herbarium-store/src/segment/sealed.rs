//! A sealed segment: mapped, searched in its sorted key table.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs::File;
use std::io;
use std::path::PathBuf;

use herbarium_codec::Fingerprint;
use memmap2::Mmap;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::seal::{CONTEXT, ENTRY, FAN_OUT, TRAILER, Trailer, TrailerState};
use super::{Context, HEADER, Record};
use crate::DictionaryId;
use crate::files::SegmentId;
use crate::record::{RecordHeader, RecordKey};
use crate::wire::Reader;

/// A sealed segment. Nothing in memory grows with its number of records.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) id: SegmentId,
    pub(crate) path: PathBuf,
    map: Mmap,
    trailer: Trailer,
    contexts: Vec<Context>,
}

/// Why a sealed segment is not used as one.
#[derive(Debug)]
pub(crate) enum CannotMap {
    /// The file system refused.
    Io(io::Error),
    /// Written in a version that we do not read.
    Newer { major: u8 },
    /// Its index is damaged; its records may be good. The file is handed back.
    Damaged(File, &'static str),
}

impl Sealed {
    pub(crate) fn open(id: SegmentId, path: PathBuf) -> Result<Self, CannotMap> {
        let file = File::open(&path).map_err(CannotMap::Io)?;
        let len = file.metadata().map_err(CannotMap::Io)?.len();
        if len < (HEADER + FAN_OUT + TRAILER) as u64 {
            return Err(CannotMap::Damaged(file, "too short"));
        }
        // SAFETY: a mapping must not be changed or cut while it is borrowed. A
        // segment is renamed to `.pack` only after its last write, this library
        // never opens a `.pack` for writing, and nothing but the lock's owner
        // ever cuts a file, which it does only while the name ends in `.open`.
        // Bytes are read through checks at every step, so that a change made
        // from outside gives a wrong checksum, not a wrong assumption.
        #[expect(unsafe_code, reason = "mapping a file is the one thing std cannot do")]
        let map = unsafe { Mmap::map(&file) }.map_err(CannotMap::Io)?;
        let (trailer, contexts) = match read_index(&map, id) {
            Ok(index) => index,
            Err(Fault::Newer { major }) => return Err(CannotMap::Newer { major }),
            Err(Fault::Damaged(why)) => return Err(CannotMap::Damaged(file, why)),
        };
        Ok(Self { id, path, map, trailer, contexts })
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.trailer.sequence
    }

    pub(crate) fn file_len(&self) -> u64 {
        self.trailer.file_len
    }

    pub(crate) fn records_end(&self) -> u64 {
        self.trailer.table
    }

    pub(crate) fn entries(&self) -> u32 {
        self.trailer.entries
    }

    pub(crate) fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    pub(crate) fn specials(&self) -> Vec<u32> {
        let from = self.index_start().saturating_add(FAN_OUT);
        let from = from.saturating_add(self.contexts.len().saturating_mul(CONTEXT));
        let len = (self.trailer.specials as usize).saturating_mul(4);
        let bytes = self.map.get(from..from.saturating_add(len)).unwrap_or_default();
        bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
    }

    pub(crate) fn place(&self, key: &RecordKey) -> Option<(u32, u64)> {
        let offset = self.offsets(key).next()?;
        let header = self.header_at(offset);
        Some((offset, header.map_or(0, |header| header.record_len() as u64)))
    }

    /// Whether the key table has the key, without touching the record.
    pub(crate) fn offset(&self, key: &RecordKey) -> Option<u32> {
        self.offsets(key).next()
    }

    pub(crate) fn read(&self, key: &RecordKey) -> Option<Result<Record<'_>, (u32, &'static str)>> {
        let mut fault = None;
        for offset in self.offsets(key) {
            match self.read_at(offset, key) {
                Ok(record) => return Some(Ok(record)),
                Err(why) => fault = fault.or(Some((offset, why))),
            }
        }
        fault.map(Err)
    }

    fn read_at(&self, offset: u32, key: &RecordKey) -> Result<Record<'_>, &'static str> {
        let end = usize::try_from(self.trailer.table).unwrap_or(usize::MAX);
        let bytes = self.map.get(offset as usize..end).ok_or("outside the segment")?;
        let mut record = Record::check(offset, bytes, key)?;
        let context = self.contexts.get(usize::from(record.header.context));
        record.context = context.copied().filter(Context::is_known);
        Ok(record)
    }

    /// Offsets of all records, in the order of their keys.
    pub(crate) fn all_offsets(&self) -> Vec<u32> {
        let offset = |entry: &[u8; ENTRY]| entry.last_chunk::<4>().copied();
        self.table().iter().filter_map(offset).map(u32::from_be_bytes).collect()
    }

    /// The header at an offset, without checking the record.
    pub(crate) fn header_at(&self, offset: u32) -> Option<RecordHeader> {
        let end = usize::try_from(self.trailer.table).unwrap_or(usize::MAX);
        self.map.get(offset as usize..end).and_then(RecordHeader::parse)
    }

    /// So many bytes of the records, if they are there.
    pub(crate) fn bytes_at(&self, offset: u32, len: usize) -> Option<&[u8]> {
        let end = usize::try_from(self.trailer.table).unwrap_or(usize::MAX);
        self.map.get(offset as usize..end)?.get(..len)
    }

    /// Offsets under which the key table lists keys that begin as this one.
    fn offsets(&self, key: &RecordKey) -> impl Iterator<Item = u32> + '_ {
        let prefix = key.prefix();
        let entries = self.bucket(prefix[0]);
        let first = entries.partition_point(|entry| entry[..8] < prefix[..]);
        entries
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(move |entry| entry[..8] == prefix[..])
            .filter_map(|entry| entry.last_chunk::<4>())
            .map(|offset| u32::from_be_bytes(*offset))
    }

    /// Key prefix and offset of each record whose key begins with this byte.
    pub(super) fn places_from(&self, first: u8) -> Vec<([u8; 8], u32)> {
        let place = |entry: &[u8; ENTRY]| {
            let (prefix, offset) = (entry.first_chunk()?, entry.last_chunk()?);
            Some((*prefix, u32::from_be_bytes(*offset)))
        };
        self.bucket(first).iter().filter_map(place).collect()
    }

    /// The entries whose keys begin with this byte.
    fn bucket(&self, first: u8) -> &[[u8; ENTRY]] {
        let start = first.checked_sub(1).map_or(0, |before| self.fan_out(before));
        let end = self.fan_out(first);
        self.table().get(start..end).unwrap_or_default()
    }

    fn fan_out(&self, byte: u8) -> usize {
        let at = self.index_start().saturating_add(usize::from(byte) * 4);
        let count = self.map.get(at..).and_then(|bytes| Reader(bytes).u32());
        count.unwrap_or(0) as usize
    }

    fn table(&self) -> &[[u8; ENTRY]] {
        let start = usize::try_from(self.trailer.table).unwrap_or(usize::MAX);
        self.map.get(start..self.index_start()).unwrap_or_default().as_chunks().0
    }

    fn index_start(&self) -> usize {
        let table = usize::try_from(self.trailer.table).unwrap_or(usize::MAX);
        table.saturating_add((self.trailer.entries as usize).saturating_mul(ENTRY))
    }

    /// What `verify` checks beyond the records: the key table and its order.
    pub(crate) fn check_table(&self) -> Result<(), &'static str> {
        let table = self.table();
        if xxh3_64(table.as_flattened()) != self.trailer.table_checksum {
            return Err("wrong checksum over the key table");
        }
        if !table.is_sorted() {
            return Err("the key table is not sorted");
        }
        Ok(())
    }

    /// The hash over everything before the key table.
    pub(crate) fn check_content(&self) -> Result<(), &'static str> {
        let end = usize::try_from(self.trailer.table).unwrap_or(usize::MAX);
        let mut hasher = Xxh3::new();
        hasher.update(self.map.get(..end).unwrap_or_default());
        if hasher.digest128() != self.trailer.content_hash {
            return Err("wrong checksum over the records");
        }
        Ok(())
    }
}

enum Fault {
    Newer { major: u8 },
    Damaged(&'static str),
}

/// Reads the trailer and the contexts, after checking what they rest on.
fn read_index(map: &[u8], id: SegmentId) -> Result<(Trailer, Vec<Context>), Fault> {
    let end = map.last_chunk::<TRAILER>().ok_or(Fault::Damaged("no trailer"))?;
    let trailer = match Trailer::parse(end) {
        TrailerState::Good(trailer) => trailer,
        TrailerState::Damaged => return Err(Fault::Damaged("wrong checksum over the trailer")),
        TrailerState::Newer { major } => return Err(Fault::Newer { major }),
    };
    if trailer.id != id {
        return Err(Fault::Damaged("the trailer names another segment"));
    }
    let index = index_bytes(map, &trailer).ok_or(Fault::Damaged("the parts do not add up"))?;
    if xxh3_64(index) != trailer.index_checksum {
        return Err(Fault::Damaged("wrong checksum over the index"));
    }
    let contexts = index.get(FAN_OUT..).unwrap_or_default();
    let len = (trailer.contexts as usize).saturating_mul(CONTEXT);
    let contexts = contexts.get(..len).unwrap_or_default();
    let contexts = contexts.chunks_exact(CONTEXT).filter_map(read_context).collect();
    Ok((trailer, contexts))
}

/// Fan-out, contexts and specials, if all parts add up to the file's length.
fn index_bytes<'a>(map: &'a [u8], trailer: &Trailer) -> Option<&'a [u8]> {
    if trailer.file_len != map.len() as u64 || trailer.table < HEADER as u64 {
        return None;
    }
    let table = usize::try_from(trailer.table).ok()?;
    let entries = (trailer.entries as usize).checked_mul(ENTRY)?;
    let contexts = (trailer.contexts as usize).checked_mul(CONTEXT)?;
    let specials = (trailer.specials as usize).checked_mul(4)?;
    let start = table.checked_add(entries)?;
    let end = start.checked_add(FAN_OUT)?.checked_add(contexts)?.checked_add(specials)?;
    (end.checked_add(TRAILER)? == map.len()).then(|| map.get(start..end)).flatten()
}

fn read_context(bytes: &[u8]) -> Option<Context> {
    let mut reader = Reader(bytes);
    let fingerprint = Fingerprint(reader.array()?);
    let dictionary = DictionaryId::named(reader.u64()?);
    let trees = reader.u32()?;
    reader.u32()?;
    Some(Context { fingerprint, dictionary, trees, raw: reader.u64()?, stored: reader.u64()? })
}
