//! Compressing and decompressing payloads, with contexts and buffers that are
//! used again.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::{Mutex, PoisonError};

use zstd::zstd_safe::{self, CCtx, DCtx};

use crate::record::{RECORD_HEADER, codec};
use crate::{Compression, Dictionary};

/// Every zstd frame begins with this, so it is not stored.
pub(crate) const FRAME_MAGIC: [u8; 4] = zstd_safe::MAGICNUMBER.to_le_bytes();
/// zstd's best case: a block of 128 KiB from 4 bytes. A raw length beyond this
/// multiple of the stored one cannot be true.
const MAX_RATIO: u64 = 32 << 10;

/// What one thread needs at a time to read or write a record.
pub(crate) struct Scratch {
    compressor: CCtx<'static>,
    decompressor: DCtx<'static>,
    frame: Vec<u8>,
    /// A record being made: room for the header, then the payload.
    pub(crate) record: Vec<u8>,
    /// A record as it was read, and behind it what was read before.
    pub(crate) read: Vec<u8>,
}

/// Buffers beyond this are given back: one giant tree must not stay for ever.
const KEEP: usize = 1 << 20;

impl Scratch {
    fn new() -> Self {
        Self {
            compressor: CCtx::create(),
            decompressor: DCtx::create(),
            frame: Vec::new(),
            record: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Puts `raw` behind the room for a header into `record`; says by which codec.
    pub(crate) fn pack(
        &mut self,
        raw: &[u8],
        compression: Compression,
        dictionary: Option<&Dictionary>,
    ) -> u8 {
        let packed = match compression {
            Compression::None => None,
            Compression::Zstd { level } => self.compress(raw, level, dictionary),
        };
        self.record.clear();
        self.record.resize(RECORD_HEADER, 0);
        let frame = self.frame.get(FRAME_MAGIC.len()..).unwrap_or_default();
        match packed.filter(|_| frame.len() < raw.len()) {
            Some(codec) => {
                self.record.extend_from_slice(frame);
                codec
            }
            None => {
                self.record.extend_from_slice(raw);
                codec::RAW
            }
        }
    }

    /// Compresses into `frame`; `None` if zstd refuses.
    fn compress(&mut self, raw: &[u8], level: i32, dictionary: Option<&Dictionary>) -> Option<u8> {
        self.frame.clear();
        self.frame.reserve(zstd_safe::compress_bound(raw.len()));
        let encoder = dictionary.and_then(|dictionary| dictionary.encoder(level));
        let (codec, result) = match encoder {
            Some(encoder) => {
                let digested = encoder.as_cdict();
                let result = self.compressor.compress_using_cdict(&mut self.frame, raw, digested);
                (codec::ZSTD_DICTIONARY, result)
            }
            None => (codec::ZSTD, self.compressor.compress(&mut self.frame, raw, level)),
        };
        result.ok().filter(|_| self.frame.starts_with(&FRAME_MAGIC)).map(|_| codec)
    }

    /// Decompresses a payload into `out`, which holds exactly `raw` bytes afterwards.
    pub(crate) fn unpack(
        &mut self,
        codec: u8,
        payload: &[u8],
        raw: u32,
        dictionary: Option<&Dictionary>,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        out.clear();
        if codec == codec::RAW {
            if payload.len() != raw as usize {
                return Err("stored and raw length differ");
            }
            out.extend_from_slice(payload);
            return Ok(());
        }
        self.frame.clear();
        self.frame.extend_from_slice(&FRAME_MAGIC);
        self.frame.extend_from_slice(payload);
        check_length(&self.frame, raw)?;
        out.reserve(raw as usize);
        let done = match codec {
            codec::ZSTD => self.decompressor.decompress(out, &self.frame),
            codec::ZSTD_DICTIONARY => {
                let digested = dictionary.and_then(Dictionary::decoder);
                let digested = digested.ok_or("its dictionary cannot be used")?;
                self.decompressor.decompress_using_ddict(out, &self.frame, digested.as_ddict())
            }
            _ => return Err("unknown codec"),
        };
        match done {
            Ok(len) if len == raw as usize => Ok(()),
            Ok(_) => Err("wrong length after decompression"),
            Err(_) => Err("cannot be decompressed"),
        }
    }
}

/// The raw length must be what the frame says and what its bytes can hold,
/// before anything is allocated for it.
pub(crate) fn check_length(frame: &[u8], raw: u32) -> Result<(), &'static str> {
    let stated = zstd_safe::get_frame_content_size(frame).ok().flatten();
    if stated != Some(u64::from(raw)) {
        return Err("the frame does not state the raw length");
    }
    if u64::from(raw) > (frame.len() as u64).saturating_mul(MAX_RATIO) {
        return Err("the raw length is impossible");
    }
    Ok(())
}

/// Scratches not in use. Boxed: they are large, and wander between threads.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "a scratch is moved far more often than it is made")]
pub(crate) struct Pool(Mutex<Vec<Box<Scratch>>>);

impl Pool {
    pub(crate) fn take(&self) -> Box<Scratch> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Box::new(Scratch::new()))
    }

    pub(crate) fn put_back(&self, mut scratch: Box<Scratch>) {
        scratch.frame.clear();
        scratch.record.clear();
        // Its length stays, so that the next record need not be preceded by zeros.
        scratch.read.truncate(KEEP);
        for buffer in [&mut scratch.frame, &mut scratch.record, &mut scratch.read] {
            buffer.shrink_to(KEEP);
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}
