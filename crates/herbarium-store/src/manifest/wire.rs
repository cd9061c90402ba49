//! A manifest as bytes: by itself, or as the difference to another one.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::columns::{KEY, put_columns, read_columns};
use super::kinds::{put_kinds, read_kinds};
use super::{Manifest, ManifestRow, Outcome};
use crate::heuristics::{
    MANIFEST_DIFFERENCE_LEAST, MANIFEST_DIFFERENCE_LEVEL, MANIFEST_DIFFERENCE_PERCENT,
};
use crate::wire::Reader;
use crate::{TreeKey, delta};

pub(crate) const MAGIC: [u8; 4] = *b"HRBM";
pub(crate) const MAJOR: u8 = 1;
pub(crate) const MINOR: u8 = 2;
/// What a manifest by itself says: older readers know it.
const MINOR_ALONE: u8 = 1;
/// Required feature: the rest is the difference to another manifest, the base.
const DIFFERENCE: u16 = 1;
/// Length of the header.
pub(crate) const HEADER: usize = 40;
/// Length of what precedes the checksum in the header.
const CHECKED: usize = HEADER - 8;
/// Bytes grow at most this much under zstd; beyond it the length is not true.
const MAX_RATIO: usize = 32 << 10;
/// Level of zstd for the kinds: slower ones gain a twentieth.
const KINDS_LEVEL: i32 = 3;

/// The name of a blob that others are differences to: what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct BaseId(pub(crate) [u8; 16]);

impl BaseId {
    pub(crate) fn of(blob: &[u8]) -> Self {
        Self(xxh3_128(blob).to_le_bytes())
    }
}

/// A manifest before it is compressed.
pub(super) struct Body {
    rows: usize,
    keys: usize,
    /// Length of the columns; the keys follow, and then the kinds.
    columns: usize,
    bytes: Vec<u8>,
}

impl Body {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let rows = &manifest.rows;
        let mut bytes = Vec::with_capacity(rows.len() * (KEY + 48));
        put_columns(&mut bytes, manifest);
        let columns = bytes.len();
        rows.iter().filter_map(tree).for_each(|key| bytes.extend_from_slice(&key.0));
        let keys = (bytes.len() - columns) / KEY;
        let of_trees = rows.iter().filter(|row| tree(row).is_some());
        put_kinds(&mut bytes, of_trees.map(|row| row.kinds.as_ref()));
        Self { rows: rows.len(), keys, columns, bytes }
    }

    /// The blob of a manifest by itself. The keys do not compress.
    pub(super) fn to_blob(&self) -> Vec<u8> {
        let (columns, rest) = self.bytes.split_at(self.columns);
        let (keys, kinds) = rest.split_at(self.keys * KEY);
        // Cannot fail but for want of memory; then the columns are stored empty and
        // the manifest is found damaged, which is no manifest.
        let columns = zstd::bulk::compress(columns, 1).unwrap_or_default();
        let mut out = self.header(MINOR_ALONE, 0, columns.len());
        out.extend_from_slice(&columns);
        out.extend_from_slice(keys);
        out.extend_from_slice(&(kinds.len() as u64).to_le_bytes());
        // As above; then nothing is known of them.
        out.extend_from_slice(&zstd::bulk::compress(kinds, KINDS_LEVEL).unwrap_or_default());
        seal(out)
    }

    /// The blob of the difference to another manifest, whose own this is, if that pays
    /// where the manifest by itself has so many bytes.
    pub(super) fn to_difference(&self, base: &[u8], alone: usize) -> Option<Vec<u8>> {
        if alone < MANIFEST_DIFFERENCE_LEAST {
            return None;
        }
        let before = Self::of_blob(base)?.bytes;
        if self.bytes.len().max(before.len()) > delta::MAX_RAW {
            return None;
        }
        let frame = delta::compress_after(&before, &self.bytes, MANIFEST_DIFFERENCE_LEVEL)?;
        if frame.len() * 100 > alone * MANIFEST_DIFFERENCE_PERCENT {
            return None;
        }
        let mut out = self.header(MINOR, DIFFERENCE, frame.len());
        out.extend_from_slice(&BaseId::of(base).0);
        out.extend_from_slice(&(self.bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&frame);
        Some(seal(out))
    }

    /// All of the header but the checksum.
    fn header(&self, minor: u8, required: u16, stored: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + stored + self.keys * KEY);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[MAJOR, minor]);
        out.extend_from_slice(&required.to_le_bytes());
        out.extend_from_slice(&(self.rows as u32).to_le_bytes());
        out.extend_from_slice(&(self.keys as u32).to_le_bytes());
        out.extend_from_slice(&(self.columns as u64).to_le_bytes());
        out.extend_from_slice(&(stored as u64).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out
    }

    /// What is in a blob of a manifest by itself.
    fn of_blob(blob: &[u8]) -> Option<Self> {
        let (header, mut reader) = Header::read(blob)?;
        if header.required != 0 {
            return None;
        }
        let columns = decompress(reader.take(header.stored)?, header.columns)?;
        let keys = reader.take(header.keys.checked_mul(KEY)?)?;
        let mut bytes = columns;
        bytes.extend_from_slice(keys);
        match header.minor {
            // 1.0 had no kinds.
            0 if !reader.0.is_empty() => return None,
            0 => {}
            _ => {
                let raw = usize::try_from(reader.u64()?).ok()?;
                if !reader.0.is_empty() {
                    bytes.append(&mut decompress(reader.0, raw)?);
                }
            }
        }
        Some(header.body(bytes))
    }

    /// What is in the blob of a difference.
    fn of_difference(blob: &[u8], base: &[u8]) -> Option<Self> {
        let (header, mut reader) = Header::read(blob)?;
        if header.required != DIFFERENCE || BaseId(reader.array()?) != BaseId::of(base) {
            return None;
        }
        let raw = usize::try_from(reader.u64()?).ok()?;
        let frame = reader.0;
        let is_possible = raw <= frame.len().saturating_mul(MAX_RATIO) && raw <= delta::MAX_RAW;
        if frame.len() != header.stored || !is_possible {
            return None;
        }
        let (before, mut bytes) = (Self::of_blob(base)?.bytes, Vec::new());
        delta::unpack(frame, &before, u32::try_from(raw).ok()?, &mut bytes).ok()?;
        Some(header.body(bytes))
    }

    fn to_manifest(&self) -> Option<Manifest> {
        let (columns, rest) = self.bytes.split_at_checked(self.columns)?;
        let (keys, kinds) = rest.split_at_checked(self.keys.checked_mul(KEY)?)?;
        let mut manifest = read_columns(columns, self.rows, keys.as_chunks::<KEY>().0)?;
        let of_trees = manifest.rows.iter_mut().filter(|row| tree(row).is_some());
        read_kinds(kinds, of_trees.map(|row| &mut row.kinds))?;
        Some(manifest)
    }
}

/// Reads a blob, given the base if it is a difference.
pub(super) fn decode(blob: &[u8], base: Option<&[u8]>) -> Option<Manifest> {
    let body = match base {
        None => Body::of_blob(blob),
        Some(base) => Body::of_difference(blob, base),
    };
    body?.to_manifest()
}

/// What every blob begins with.
struct Header {
    minor: u8,
    required: u16,
    rows: usize,
    keys: usize,
    columns: usize,
    stored: usize,
}

impl Header {
    /// Reads it, and checks the whole blob.
    fn read(blob: &[u8]) -> Option<(Self, Reader<'_>)> {
        let mut reader = Reader(blob);
        if reader.array()? != MAGIC || reader.u8()? != MAJOR {
            return None;
        }
        let header = Self {
            minor: reader.u8()?,
            required: reader.u16()?,
            rows: reader.u32()? as usize,
            keys: reader.u32()? as usize,
            columns: usize::try_from(reader.u64()?).ok()?,
            stored: usize::try_from(reader.u64()?).ok()?,
        };
        (reader.u64()? == checksum(blob)).then_some((header, reader))
    }

    fn body(self, bytes: Vec<u8>) -> Body {
        Body { rows: self.rows, keys: self.keys, columns: self.columns, bytes }
    }
}

fn tree(row: &ManifestRow) -> Option<&TreeKey> {
    match &row.outcome {
        Outcome::Tree(key) => Some(key),
        Outcome::None(_) => None,
    }
}

fn decompress(stored: &[u8], raw: usize) -> Option<Vec<u8>> {
    if raw > stored.len().saturating_mul(MAX_RATIO) {
        return None;
    }
    zstd::bulk::decompress(stored, raw).ok().filter(|it| it.len() == raw)
}

fn seal(mut blob: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(&blob).to_le_bytes();
    blob[CHECKED..HEADER].copy_from_slice(&checksum);
    blob
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(bytes.get(..CHECKED).unwrap_or_default());
    hasher.update(bytes.get(HEADER..).unwrap_or_default());
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::NoTree;

    fn sample() -> Manifest {
        let row = |path: &str, outcome| ManifestRow {
            path: path.into(),
            size: 300,
            mtime_ns: 1_700_000_000_000_000_001,
            ctime_ns: 1_700_000_000_000_000_002,
            inode: 77,
            language: Some(Arc::from("rust")),
            outcome,
            nodes: 9,
            lines: 3,
            stored_bytes: 88,
            kinds: None,
        };
        let rows = vec![
            row("src/lib.rs", Outcome::Tree(TreeKey([5; 32]))),
            row("src/lib_big.rs", Outcome::None(NoTree::TooLarge)),
        ];
        Manifest::new("/w", 1_700_000_000_000_000_003, rows)
    }

    /// Bytes that version 1.0 wrote. zstd may find others for the same columns:
    /// what counts is that these are read.
    const VERSION_1_0: &str = "4852424d0100000002000000010000004c000000000000004d00000000000000265f3ffcb9227926\
        28b52ffd204c250200a403010472757374022f778680d0e2c6bfce972f000a7372632f6c69622e72\
        7307075f6269672e727301010003ac02ac0282849a010009090303585802002d45402a1414050505\
        0505050505050505050505050505050505050505050505050505050505";

    /// The same in the bytes of version 1.1.
    const VERSION_1_1: &str = "4852424d0101000002000000010000004c000000000000004d00000000000000385d7f3d0183adf9\
        28b52ffd204c250200a403010472757374022f778680d0e2c6bfce972f000a7372632f6c69622e72\
        7307075f6269672e727301010003ac02ac0282849a010009090303585802002d45402a1414050505\
        0505050505050505050505050505050505050505050505050505050505010000000000000028b52f\
        fd200109000000";

    /// The difference to that of a manifest with another root and a set of kinds, in the bytes
    /// of version 1.2.
    const VERSION_1_2: &str = "4852424d0102010002000000010000004c0000000000000014000000000000006820437e53ea863b\
        9292b653a01716f8b90eb944b3400659710000000000000020717d00003078010303000902000092\
        c06f0002";

    fn hex(text: &str) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        text.as_bytes().as_chunks::<2>().0.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect()
    }

    #[test]
    fn manifests_of_all_versions_are_read() {
        assert_eq!(decode(&hex(VERSION_1_0), None), Some(sample()));
        assert_eq!(decode(&hex(VERSION_1_1), None), Some(sample()));
        let mut next = sample();
        next.root = "/x".into();
        next.rows[0].kinds = Some(Arc::from([3, 0, 9]));
        assert_eq!(decode(&hex(VERSION_1_2), Some(&hex(VERSION_1_1))), Some(next));
    }

    /// Any change of a blob, and of the base if it has one, gives no manifest.
    fn check(manifest: &Manifest, blob: &[u8], base: Option<&[u8]>) {
        assert_eq!(decode(blob, base).as_ref(), Some(manifest));
        for at in 0..blob.len() {
            assert_eq!(decode(&blob[..at], base), None);
            for bit in 0..8 {
                let mut bad = blob.to_vec();
                bad[at] ^= 1 << bit;
                assert_eq!(decode(&bad, base), None, "bit {bit} of byte {at}");
            }
        }
        for at in 0..base.map_or(0, <[u8]>::len) {
            let mut bad = base.unwrap().to_vec();
            bad[at] ^= 4;
            assert_eq!(decode(blob, Some(&bad)), None, "byte {at} of the base");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_gives_no_manifest() {
        let mut sample = sample();
        sample.rows[0].kinds = Some(Arc::from([3, 0, 9]));
        check(&sample, &Body::of(&sample).to_blob(), None);
    }

    /// A manifest of so many files in a folder of this name; the last has another tree.
    fn release(root: &str, files: u16) -> Manifest {
        let row = |n: u16| ManifestRow {
            path: format!("src/{n}.rs").into(),
            inode: n.into(),
            outcome: Outcome::Tree(TreeKey(match n + 1 == files {
                true => [7; 32],
                false => blake3::hash(&n.to_le_bytes()).into(),
            })),
            kinds: Some(Arc::from([(n % 3) as u8, 9])),
            ..sample().rows[0].clone()
        };
        Manifest::new(root, i64::from(files), (0..files).map(row).collect())
    }

    #[test]
    fn a_difference_is_read_with_its_base_alone_and_any_change_gives_no_manifest() {
        let (base, next) = (release("/w-1", 40), release("/w-2", 41));
        let blobs = [&base, &next].map(|it| Body::of(it).to_blob());
        let difference = Body::of(&next).to_difference(&blobs[0], 1 << 20).unwrap();
        assert!(difference.len() * 4 < blobs[1].len(), "{}", difference.len());
        check(&next, &difference, Some(&blobs[0]));
        assert_eq!(decode(&difference, None), None);
        for base in [&blobs[1], &difference] {
            assert_eq!(decode(&difference, Some(base)), None);
            assert_eq!(decode(&blobs[1], Some(base)), None);
        }
    }

    /// Whether the difference of one to the other is stored, the first taking so many bytes
    /// by itself; as many as it does, if none are given.
    #[track_caller]
    fn check_pays(manifest: &Manifest, base: &Manifest, alone: Option<usize>, pays: bool) {
        let [body, base] = [manifest, base].map(Body::of);
        let alone = alone.unwrap_or(body.to_blob().len());
        assert_eq!(body.to_difference(&base.to_blob(), alone).is_some(), pays);
    }

    #[test]
    fn a_difference_is_stored_where_it_pays() {
        let (base, next) = (release("/w-1", 1_000), release("/w-2", 1_001));
        check_pays(&next, &base, None, true);
        check_pays(&next, &base, Some(120), false);
        let other = |row: &ManifestRow| ManifestRow {
            outcome: Outcome::Tree(TreeKey(blake3::hash(&row.path).into())),
            ..row.clone()
        };
        let other = Manifest::new("/w-3", 0, next.rows.iter().map(other).collect());
        check_pays(&other, &base, None, false);
    }
}
