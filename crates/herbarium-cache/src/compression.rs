//! How a tier below the hot one holds its bytes.

use std::collections::HashMap;
use std::sync::Arc;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};
use xxhash_rust::xxh3::xxh3_64;
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{self, CCtx, DCtx};

use crate::{BuildError, Group};

/// How one tier compresses. What does not become smaller is kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: a third of the size of a typical tree, in and out at memory speeds. The default in
    /// memory.
    #[default]
    Lz4,
    /// Zstandard: a fifth, or a seventh with a dictionary; slower. The default below.
    Zstd {
        /// 1 (fast) to 22 (small); negative ones are faster still. 3 is a good choice.
        level: i32,
        /// Shared beginnings for small values. Empty: none.
        dictionaries: Dictionaries,
    },
}

impl Compression {
    /// Zstandard at this level, without dictionaries.
    pub fn zstd(level: i32) -> Self {
        Self::Zstd { level, dictionaries: Dictionaries::default() }
    }
}

/// Zstandard dictionaries, at most one for each [`Group`] to write with, and any number of
/// former ones to read with. A record names its dictionary by a hash of it; a record whose
/// dictionary is not here is a miss.
///
/// ```
/// use herbarium_cache::{Compression, Dictionaries, Group};
///
/// let rust = b"fn let mut match impl pub use struct enum".to_vec();
/// let python = b"def return self import for in if else None".to_vec();
/// let dictionaries = Dictionaries::new().with(Group(1), rust).with(Group(2), python);
/// let compression = Compression::Zstd { level: 3, dictionaries };
/// # let _ = compression;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionaries {
    writing: Vec<(Group, Arc<[u8]>)>,
    reading: Vec<Arc<[u8]>>,
}

impl Dictionaries {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Values of this group are compressed with this dictionary from now on.
    #[must_use]
    pub fn with(mut self, group: Group, dictionary: impl Into<Arc<[u8]>>) -> Self {
        self.writing.retain(|(known, _)| *known != group);
        self.writing.push((group, dictionary.into()));
        self
    }

    /// What was compressed with this one can still be read.
    #[must_use]
    pub fn reading(mut self, dictionary: impl Into<Arc<[u8]>>) -> Self {
        self.reading.push(dictionary.into());
        self
    }
}

/// How a payload was made; the numbers are those of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Method {
    Raw = 0,
    Lz4 = 1,
    Zstd = 2,
    ZstdDictionary = 3,
}

impl Method {
    pub(crate) fn of(number: u8) -> Option<Self> {
        [Self::Raw, Self::Lz4, Self::Zstd, Self::ZstdDictionary]
            .into_iter()
            .find(|method| *method as u8 == number)
    }
}

/// What must be known of a payload to unpack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    pub(crate) method: Method,
    pub(crate) dictionary: u32,
    pub(crate) raw_len: u32,
}

/// What one thread needs at a time to compress and decompress.
#[derive(Default)]
pub(crate) struct Contexts {
    lz4: Option<Box<CompressTable>>,
    compressor: Option<CCtx<'static>>,
    decompressor: Option<DCtx<'static>>,
}

impl Contexts {
    /// Bytes, most of them not seen by Rust's allocator: zstd asks C's.
    pub(crate) fn bytes(&self) -> usize {
        let lz4 = self.lz4.as_deref().map_or(0, |table| match table {
            CompressTable::Small(_) => 8 << 10,
            CompressTable::Large(_) => 16 << 10,
        });
        let compressor = self.compressor.as_ref().map_or(0, CCtx::sizeof);
        lz4 + compressor + self.decompressor.as_ref().map_or(0, DCtx::sizeof)
    }
}

/// A [`Compression`] with its dictionaries digested.
pub(crate) struct Packer {
    kind: Kind,
    encoders: HashMap<Group, (u32, EncoderDictionary<'static>)>,
    decoders: HashMap<u32, DecoderDictionary<'static>>,
    /// Bytes that the digested dictionaries take.
    pub(crate) bytes: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    None,
    Lz4,
    Zstd(i32),
}

/// A digested dictionary is its content and tables of about this many bytes.
const DIGEST_TABLES: usize = 128 << 10;

impl Packer {
    pub(crate) fn new(compression: &Compression) -> Result<Self, BuildError> {
        let (kind, dictionaries) = match compression {
            Compression::None => (Kind::None, None),
            Compression::Lz4 => (Kind::Lz4, None),
            Compression::Zstd { level, dictionaries } => (Kind::Zstd(*level), Some(dictionaries)),
        };
        let mut packer =
            Self { kind, encoders: HashMap::new(), decoders: HashMap::new(), bytes: 0 };
        if let (Kind::Zstd(level), Some(dictionaries)) = (kind, dictionaries) {
            check_level(level)?;
            packer.digest(level, dictionaries)?;
        }
        Ok(packer)
    }

    fn digest(&mut self, level: i32, dictionaries: &Dictionaries) -> Result<(), BuildError> {
        for (group, content) in &dictionaries.writing {
            let encoder = EncoderDictionary::try_copy(content, level)
                .map_err(|source| BuildError::Dictionary { group: *group, source })?;
            self.encoders.insert(*group, (dictionary_id(content), encoder));
            self.bytes += content.len() + DIGEST_TABLES;
        }
        let writing = dictionaries.writing.iter().map(|(group, content)| (*group, content));
        let reading = dictionaries.reading.iter().map(|content| (Group::default(), content));
        for (group, content) in writing.chain(reading) {
            let decoder = DecoderDictionary::try_copy(content)
                .map_err(|source| BuildError::Dictionary { group, source })?;
            self.decoders.insert(dictionary_id(content), decoder);
            self.bytes += content.len() + DIGEST_TABLES / 4;
        }
        Ok(())
    }

    /// Puts `raw`, compressed if that pays, behind `room` bytes of `out`.
    /// `None` if it is longer than a record can say.
    pub(crate) fn pack(
        &self,
        raw: &[u8],
        group: Group,
        room: usize,
        out: &mut Vec<u8>,
        contexts: &mut Contexts,
    ) -> Option<Packing> {
        let raw_len = u32::try_from(raw.len()).ok()?;
        out.clear();
        let packed = match self.kind {
            Kind::None => None,
            Kind::Lz4 => lz4(raw, room, out, contexts),
            Kind::Zstd(level) => self.zstd(level, raw, group, room, out, contexts),
        };
        let pays = |len: usize| len < raw.len() - raw.len() / 16;
        let (method, dictionary) = match packed {
            Some((len, method, dictionary)) if pays(len) => {
                out.truncate(room + len);
                (method, dictionary)
            }
            _ => {
                out.clear();
                out.resize(room, 0);
                out.extend_from_slice(raw);
                (Method::Raw, 0)
            }
        };
        Some(Packing { method, dictionary, raw_len })
    }

    fn zstd(
        &self,
        level: i32,
        raw: &[u8],
        group: Group,
        room: usize,
        out: &mut Vec<u8>,
        contexts: &mut Contexts,
    ) -> Option<(usize, Method, u32)> {
        out.resize(room + zstd_safe::compress_bound(raw.len()), 0);
        let target = out.get_mut(room..)?;
        let compressor = contexts.compressor.get_or_insert_with(CCtx::create);
        match self.encoders.get(&group) {
            Some((id, encoder)) => compressor
                .compress_using_cdict(target, raw, encoder.as_cdict())
                .ok()
                .map(|len| (len, Method::ZstdDictionary, *id)),
            None => compressor.compress(target, raw, level).ok().map(|len| (len, Method::Zstd, 0)),
        }
    }

    /// Decompresses a payload; what is not compressed is lent as it is. `buffer` is used
    /// again from call to call.
    pub(crate) fn unpack<'a>(
        &self,
        packing: Packing,
        payload: &'a [u8],
        buffer: &'a mut Vec<u8>,
        contexts: &mut Contexts,
    ) -> Result<&'a [u8], &'static str> {
        let raw_len = packing.raw_len as usize;
        if packing.method == Method::Raw {
            return Some(payload).filter(|it| it.len() == raw_len).ok_or("its length is wrong");
        }
        if raw_len as u64 > (payload.len() as u64).saturating_mul(MAX_RATIO) {
            return Err("its length is impossible");
        }
        // What is in it from before is written over, so that it need not be zeroed.
        if buffer.len() < raw_len {
            buffer.resize(raw_len, 0);
        }
        let buffer = buffer.get_mut(..raw_len).unwrap_or_default();
        let len = match packing.method {
            Method::Lz4 => decompress_into(payload, buffer).map_err(|_| "it is no LZ4 block")?,
            _ => self.unpack_zstd(packing, payload, buffer, contexts)?,
        };
        if len == raw_len { Ok(buffer) } else { Err("its length is wrong") }
    }

    fn unpack_zstd(
        &self,
        packing: Packing,
        payload: &[u8],
        buffer: &mut [u8],
        contexts: &mut Contexts,
    ) -> Result<usize, &'static str> {
        let decompressor = contexts.decompressor.get_or_insert_with(DCtx::create);
        let done = if packing.method == Method::ZstdDictionary {
            let decoder = self.decoders.get(&packing.dictionary);
            let decoder = decoder.ok_or("its dictionary is not known")?;
            decompressor.decompress_using_ddict(buffer, payload, decoder.as_ddict())
        } else {
            decompressor.decompress(buffer, payload)
        };
        done.map_err(|_| "it is no zstd frame")
    }
}

/// zstd's best case: a block of 128 KiB from 4 bytes. A raw length beyond this multiple of
/// the payload cannot be true, and nothing is allocated for it.
const MAX_RATIO: u64 = 32 << 10;

fn lz4(
    raw: &[u8],
    room: usize,
    out: &mut Vec<u8>,
    contexts: &mut Contexts,
) -> Option<(usize, Method, u32)> {
    out.resize(room + get_maximum_output_size(raw.len()), 0);
    let table = contexts.lz4.get_or_insert_with(Box::default);
    let len = compress_into_with_table(raw, out.get_mut(room..)?, table).ok()?;
    Some((len, Method::Lz4, 0))
}

fn check_level(level: i32) -> Result<(), BuildError> {
    let range = zstd::compression_level_range();
    if range.contains(&level) {
        return Ok(());
    }
    Err(BuildError::Level { level, least: *range.start(), most: *range.end() })
}

fn dictionary_id(content: &[u8]) -> u32 {
    // 0 says that there is none.
    (xxh3_64(content) as u32).max(1)
}
