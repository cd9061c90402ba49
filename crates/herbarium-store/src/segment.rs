//! Segments: the files that records lie in.

mod header;
mod open;
mod seal;
mod sealed;

use std::path::Path;
use std::sync::Arc;

use herbarium_codec::Fingerprint;

use crate::compress::Scratch;
use crate::delta::{FRONT, Front};
use crate::files::{SegmentId, read_at};
use crate::record::{Kind, RECORD_HEADER, RecordHeader, RecordKey, codec};
use crate::store::Special;
use crate::{Dictionary, DictionaryId, TreeEntry, TreeKey};

pub(crate) use header::{DELTAS, HEADER, HeaderState, SegmentHeader, features_of};
#[cfg(test)]
pub(crate) use header::{MAGIC as HEADER_MAGIC, MAJOR};
pub(crate) use open::{OpenSegment, Role, UNREADABLE};
#[cfg(test)]
pub(crate) use seal::{CONTEXT, ENTRY, MAGIC as TRAILER_MAGIC, TRAILER};
pub(crate) use sealed::{CannotMap, Sealed};

/// What the records with one context number belong to, and how much they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Context {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) dictionary: Option<DictionaryId>,
    pub(crate) trees: u32,
    pub(crate) raw: u64,
    pub(crate) stored: u64,
}

impl Context {
    pub(crate) fn new(fingerprint: Fingerprint, dictionary: Option<DictionaryId>) -> Self {
        Self { fingerprint, dictionary, trees: 0, raw: 0, stored: 0 }
    }

    /// Stands for a number that no context record defined.
    pub(crate) fn unknown() -> Self {
        Self::new(Fingerprint([0; 16]), None)
    }

    pub(crate) fn is_known(&self) -> bool {
        self.fingerprint != Fingerprint([0; 16])
    }

    pub(crate) fn count(&mut self, header: &RecordHeader) {
        if header.key.kind == Kind::TREE {
            self.trees = self.trees.saturating_add(1);
            self.raw = self.raw.saturating_add(u64::from(header.raw));
            self.stored = self.stored.saturating_add(header.record_len() as u64);
        }
    }

    /// The key of the record that defines this context.
    pub(crate) fn record_key(&self) -> RecordKey {
        let mut key = [0; 32];
        let id = self.dictionary.map_or(0, |id| id.0);
        let bytes = self.fingerprint.0.iter().copied().chain(id.to_le_bytes());
        key.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        RecordKey { kind: Kind::CONTEXT, key }
    }

    pub(crate) fn from_record(header: &RecordHeader) -> Option<Self> {
        let mut reader = crate::wire::Reader(&header.key.key);
        let fingerprint = Fingerprint(reader.array()?);
        Some(Self::new(fingerprint, DictionaryId::named(reader.u64()?)))
    }
}

/// A whole record whose checksum is right.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) offset: u32,
    pub(crate) header: RecordHeader,
    pub(crate) payload: &'a [u8],
    pub(crate) context: Option<Context>,
}

impl<'a> Record<'a> {
    /// Checks the bytes found where `key` should be.
    pub(crate) fn check(
        offset: u32,
        bytes: &'a [u8],
        key: &RecordKey,
    ) -> Result<Self, &'static str> {
        let header = RecordHeader::parse(bytes).ok_or("no record begins there")?;
        let record = bytes.get(..header.record_len()).ok_or("the record is cut short")?;
        if !header.is_intact(record) {
            return Err("wrong checksum");
        }
        if header.key != *key {
            return Err("another record lies there");
        }
        if header.flags != 0 {
            return Err("unknown flags");
        }
        let payload = record.get(RECORD_HEADER..).unwrap_or_default();
        Ok(Self { offset, header, payload, context: None })
    }
}

/// A segment of either form.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    Open(Arc<OpenSegment>),
    Sealed(Arc<Sealed>),
}

impl Segment {
    pub(crate) fn id(&self) -> SegmentId {
        match self {
            Self::Open(segment) => segment.id,
            Self::Sealed(segment) => segment.id,
        }
    }

    /// Whether it is this very one, and not the same opened again.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Open(one), Self::Open(other)) => Arc::ptr_eq(one, other),
            (Self::Sealed(one), Self::Sealed(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Open(segment) => &segment.path,
            Self::Sealed(segment) => &segment.path,
        }
    }

    pub(crate) fn sequence(&self) -> u64 {
        match self {
            Self::Open(segment) => segment.sequence,
            Self::Sealed(segment) => segment.sequence(),
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// Offset and length of the record, as far as the index knows; the record
    /// itself is not checked.
    pub(crate) fn place(&self, key: &RecordKey) -> Option<(u32, u64)> {
        match self {
            Self::Open(segment) => segment.place(key),
            Self::Sealed(segment) => segment.place(key),
        }
    }

    /// Reads a record; an error says at which offset what is wrong with it.
    pub(crate) fn read<'a>(
        &'a self,
        key: &RecordKey,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Result<Record<'a>, (u32, &'static str)>> {
        match self {
            Self::Open(segment) => segment.read(key, scratch),
            Self::Sealed(segment) => segment.read(key),
        }
    }

    /// Whether it is sealed, but read by its records because its index is damaged.
    pub(crate) fn is_salvaged(&self) -> bool {
        !self.is_sealed() && self.path().extension().is_some_and(|extension| extension == "pack")
    }

    /// The header at an offset, without checking the record.
    pub(crate) fn header_at(&self, offset: u32) -> Option<RecordHeader> {
        match self {
            Self::Open(segment) => {
                let mut bytes = [0; RECORD_HEADER];
                read_at(&segment.file, &mut bytes, u64::from(offset)).ok()?;
                RecordHeader::parse(&bytes)
            }
            Self::Sealed(segment) => segment.header_at(offset),
        }
    }

    /// Every record that its index knows, with its offset, in the order of the file.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (u32, RecordHeader)> + '_ {
        let mut offsets = match self {
            Self::Open(segment) => segment.offsets(),
            Self::Sealed(segment) => segment.all_offsets(),
        };
        offsets.sort_unstable();
        offsets.into_iter().filter_map(|at| Some((at, self.header_at(at)?)))
    }

    /// What a record's tree is a difference to, if it is one.
    pub(crate) fn front_at(&self, offset: u32, header: &RecordHeader) -> Option<Front> {
        if header.codec != codec::DELTA || header.key.kind != Kind::TREE {
            return None;
        }
        let mut buffer = Vec::new();
        let payload = offset.checked_add(RECORD_HEADER as u32)?;
        Front::split(self.bytes_at(payload, FRONT as u64, &mut buffer)?).map(|(front, _)| front)
    }

    /// So many bytes from an offset on, if they are there.
    pub(crate) fn bytes_at<'a>(
        &'a self,
        offset: u32,
        len: u64,
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let len = usize::try_from(len).ok()?;
        match self {
            Self::Sealed(segment) => segment.bytes_at(offset, len),
            Self::Open(segment) => {
                if u64::from(offset).checked_add(len as u64)? > segment.end() {
                    return None;
                }
                buffer.clear();
                buffer.resize(len, 0);
                let count = read_at(&segment.file, buffer, u64::from(offset)).ok()?;
                (count == len).then_some(&buffer[..])
            }
        }
    }

    /// Key prefix and offset of each record whose key begins with this byte.
    pub(crate) fn places_from(&self, first: u8) -> Vec<([u8; 8], u32)> {
        match self {
            Self::Open(segment) => segment.places_from(first),
            Self::Sealed(segment) => segment.places_from(first),
        }
    }

    /// Every tree that its index knows, with its offset, in the order of the file.
    pub(crate) fn trees(&self) -> Vec<(u32, TreeEntry)> {
        let contexts = self.contexts();
        let entry = |(offset, header): (u32, RecordHeader)| {
            let context = contexts.get(usize::from(header.context))?;
            let entry = TreeEntry {
                key: TreeKey(header.key.key),
                fingerprint: context.fingerprint,
                stored_bytes: header.record_len() as u64,
            };
            (header.key.kind == Kind::TREE && context.is_known()).then_some((offset, entry))
        };
        self.headers().filter_map(entry).collect()
    }

    /// The grammar table or dictionary at an offset, if it is wanted and whole.
    pub(crate) fn special(
        &self,
        offset: u32,
        scratch: &mut Scratch,
        wanted: impl Fn(&RecordKey) -> bool,
    ) -> Option<Special> {
        let key = self.header_at(offset).map(|header| header.key).filter(wanted)?;
        let mut buffer = Vec::new();
        let record = self.read(&key, &mut buffer)?.ok()?;
        let RecordHeader { codec, raw, .. } = record.header;
        let mut bytes = Vec::new();
        scratch.unpack(codec, record.payload, raw, None, &mut bytes).ok()?;
        match key.kind {
            Kind::GRAMMAR => Some(Special::Grammar(Fingerprint(*key.key.first_chunk()?), bytes)),
            Kind::DICTIONARY => Dictionary::from_bytes(&bytes).map(Special::Dictionary),
            _ => None,
        }
    }

    pub(crate) fn contexts(&self) -> Vec<Context> {
        match self {
            Self::Open(segment) => segment.contexts(),
            Self::Sealed(segment) => segment.contexts().to_vec(),
        }
    }

    /// Offsets of the grammar table and dictionary records, ascending.
    pub(crate) fn specials(&self) -> Vec<u32> {
        match self {
            Self::Open(segment) => segment.specials(),
            Self::Sealed(segment) => segment.specials(),
        }
    }

    pub(crate) fn file_len(&self) -> u64 {
        match self {
            Self::Open(segment) => segment.end(),
            Self::Sealed(segment) => segment.file_len(),
        }
    }

    /// Where the records end.
    pub(crate) fn records_end(&self) -> u64 {
        match self {
            Self::Open(segment) => segment.end(),
            Self::Sealed(segment) => segment.records_end(),
        }
    }
}
