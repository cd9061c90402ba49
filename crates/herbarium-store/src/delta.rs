//! Trees stored as the difference to an earlier one: zstd, with the bytecode of
//! the earlier one as what came before.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use xxhash_rust::xxh3::xxh3_64;
use zstd::zstd_safe::{CCtx, CParameter, DCtx};

use crate::TreeKey;
use crate::compress::{FRAME_MAGIC, check_length};
use crate::wire::Reader;

/// Bytes of a difference before its frame.
pub(crate) const FRONT: usize = 41;
/// No reader follows a longer chain. Writers stop earlier: see
/// [`crate::heuristics::DELTA_DEPTH`].
pub(crate) const MAX_DEPTH: u8 = 32;
/// Trees beyond this are stored whole: base and tree must be in memory together
/// and within zstd's reach.
pub(crate) const MAX_RAW: usize = 32 << 20;
/// zstd's own limits for how far back a frame may reach, as powers of two.
const WINDOW_LOG: (u32, u32) = (10, 27);
/// At the levels used zstd looks at the last MiB of a prefix only, 8 bytes for each
/// place in its hash table: beyond, the table has to grow.
const WHOLE_PREFIX: usize = 1 << 20;

/// What a difference is a difference to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Front {
    /// The tree that has to be opened first.
    pub(crate) base: TreeKey,
    /// Checksum over its bytecode: a key stands for one tree, but not for one
    /// row of bytes, as books and encoders change.
    pub(crate) base_hash: u64,
    /// Differences to be opened on the way, this one included: at least 1, and
    /// one more than the base has.
    pub(crate) depth: u8,
}

impl Front {
    /// Takes a payload apart; `None` if it is none of a difference.
    pub(crate) fn split(payload: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader(payload);
        let base = TreeKey(reader.array()?);
        let (base_hash, depth) = (reader.u64()?, reader.u8()?);
        (1..=MAX_DEPTH).contains(&depth).then_some((Self { base, base_hash, depth }, reader.0))
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.base.0);
        out.extend_from_slice(&self.base_hash.to_le_bytes());
        out.push(self.depth);
    }
}

/// A tree that others may be stored as the difference to.
pub(crate) struct Base {
    pub(crate) key: TreeKey,
    pub(crate) bytes: Vec<u8>,
    /// Differences that had to be opened for it.
    pub(crate) depth: u8,
}

impl Base {
    fn front(&self) -> Front {
        Front {
            base: self.key,
            base_hash: xxh3_64(&self.bytes),
            depth: self.depth.saturating_add(1),
        }
    }
}

/// Appends the payload of the difference to `out`; `None` if zstd refuses.
pub(crate) fn pack(raw: &[u8], base: &Base, level: i32, out: &mut Vec<u8>) -> Option<()> {
    let frame = compress_after(&base.bytes, raw, level)?;
    base.front().put(out);
    out.extend_from_slice(&frame);
    Some(())
}

/// A frame, without its magic, that is opened with what came before; `None` if zstd refuses.
pub(crate) fn compress_after(before: &[u8], raw: &[u8], level: i32) -> Option<Vec<u8>> {
    let reach = raw.len().saturating_add(before.len()).max(1);
    let window = reach.ilog2().saturating_add(1).clamp(WINDOW_LOG.0, WINDOW_LOG.1);
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(level)).ok()?;
    context.set_parameter(CParameter::WindowLog(window)).ok()?;
    if before.len() > WHOLE_PREFIX {
        let hash = before.len().ilog2().saturating_sub(2);
        context.set_parameter(CParameter::HashLog(hash)).ok()?;
    }
    context.ref_prefix(before).ok()?;
    let mut frame = Vec::with_capacity(zstd::zstd_safe::compress_bound(raw.len()));
    context.compress2(&mut frame, raw).ok()?;
    frame.strip_prefix(&FRAME_MAGIC).map(<[u8]>::to_vec)
}

/// Opens the frame of a difference, given the bytecode that it is one to.
pub(crate) fn unpack(
    frame: &[u8],
    base: &[u8],
    raw: u32,
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let frame = [&FRAME_MAGIC[..], frame].concat();
    check_length(&frame, raw)?;
    out.clear();
    out.reserve(raw as usize);
    let mut context = DCtx::create();
    context.ref_prefix(base).map_err(|_| "its base cannot be used")?;
    match context.decompress(out, &frame) {
        Ok(len) if len == raw as usize => Ok(()),
        Ok(_) => Err("wrong length after decompression"),
        Err(_) => Err("cannot be decompressed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        let mut bytes = vec![0; len];
        reader.fill(&mut bytes);
        bytes
    }

    /// The second half of the new tree is that of the old one, however long.
    #[test]
    fn a_tree_is_opened_with_its_base_and_what_they_share_costs_nothing() {
        for len in [1usize, 100, 5_000, 300_000, 3 << 20] {
            let base = Base { key: TreeKey([7; 32]), bytes: noise(1, len), depth: 2 };
            let mut raw = base.bytes.clone();
            raw.splice(len / 2..len / 2, noise(2, 40));
            let mut payload = Vec::new();
            pack(&raw, &base, 3, &mut payload).unwrap();
            let (front, frame) = Front::split(&payload).unwrap();
            assert_eq!(front, base.front());
            assert_eq!(front.depth, 3);
            assert!(frame.len() < 200 + len / 500, "{len}: {}", frame.len());
            let mut out = Vec::new();
            unpack(frame, &base.bytes, raw.len() as u32, &mut out).unwrap();
            assert_eq!(out, raw);
        }
    }

    #[test]
    fn what_is_no_difference_is_refused() {
        assert!(Front::split(&[1; FRONT - 1]).is_none());
        assert!(Front::split(&[0; FRONT]).is_none(), "a depth of 0");
        assert!(Front::split(&[255; FRONT]).is_none(), "a depth beyond the limit");
        for frame in [&b""[..], b"x", &[0; 40], &[0x20, 200, 1, 2, 3]] {
            assert!(unpack(frame, b"base", 200, &mut Vec::new()).is_err());
        }
    }
}
