//! A manifest as bytes: columns, compressed, and the keys, which do not compress.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::kinds::{decode_kinds, encode_kinds};
use super::{Manifest, ManifestRow, NoTree, Outcome, path_bytes, path_from_bytes};
use crate::TreeKey;
use crate::wire::{Reader, put_varint, put_zigzag};

pub(crate) const MAGIC: [u8; 4] = *b"HRBM";
pub(crate) const MAJOR: u8 = 1;
pub(crate) const MINOR: u8 = 1;
/// Length of the header.
pub(crate) const HEADER: usize = 40;
/// Length of what precedes the checksum in the header.
const CHECKED: usize = HEADER - 8;
const KEY: usize = 32;
/// Columns grow at most this much under zstd; beyond it the length is not true.
const MAX_RATIO: usize = 32 << 10;
/// Longest path. Paths share their beginnings, so that few bytes could otherwise
/// stand for very long ones.
const MAX_PATH: usize = 64 << 10;
/// Bytes of all paths together: many rows with long paths are as cheap.
const MAX_PATHS: usize = 1 << 30;
/// A row takes at least a byte in each of eleven columns.
const MIN_ROW: usize = 11;

pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let columns = columns(manifest);
    // Cannot fail but for want of memory; then the columns are stored empty and
    // the manifest is found damaged, which is no manifest.
    let stored = zstd::bulk::compress(&columns, 1).unwrap_or_default();
    let keys: Vec<&TreeKey> = manifest.rows.iter().filter_map(tree).collect();
    let mut out = Vec::with_capacity(HEADER + stored.len() + keys.len() * KEY);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[MAJOR, MINOR, 0, 0]);
    out.extend_from_slice(&(manifest.rows.len() as u32).to_le_bytes());
    out.extend_from_slice(&(keys.len() as u32).to_le_bytes());
    out.extend_from_slice(&(columns.len() as u64).to_le_bytes());
    out.extend_from_slice(&(stored.len() as u64).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&stored);
    keys.iter().for_each(|key| out.extend_from_slice(&key.0));
    let of_trees = manifest.rows.iter().filter(|row| tree(row).is_some());
    encode_kinds(&mut out, of_trees.map(|row| row.kinds.as_ref()));
    let checksum = checksum(&out).to_le_bytes();
    out[CHECKED..HEADER].copy_from_slice(&checksum);
    out
}

fn tree(row: &ManifestRow) -> Option<&TreeKey> {
    match &row.outcome {
        Outcome::Tree(key) => Some(key),
        Outcome::None(_) => None,
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(bytes.get(..CHECKED).unwrap_or_default());
    hasher.update(bytes.get(HEADER..).unwrap_or_default());
    hasher.digest()
}

fn columns(manifest: &Manifest) -> Vec<u8> {
    let rows = &manifest.rows;
    let mut out = Vec::with_capacity(rows.len() * 48);
    let languages = put_languages(&mut out, rows);
    put_bytes(&mut out, &path_bytes(&manifest.root));
    put_zigzag(&mut out, manifest.taken_ns);
    put_paths(&mut out, rows);
    for row in rows {
        let number = row.language.as_ref().and_then(|name| languages.get(name));
        put_varint(&mut out, number.map_or(0, |number| number + 1));
    }
    out.extend(rows.iter().map(|row| match row.outcome {
        Outcome::Tree(_) => 0,
        Outcome::None(reason) => reason.code(),
    }));
    rows.iter().for_each(|row| put_varint(&mut out, row.size));
    put_deltas(&mut out, rows.iter().map(|row| row.mtime_ns));
    put_deltas(&mut out, rows.iter().map(|row| row.ctime_ns));
    put_deltas(&mut out, rows.iter().map(|row| row.inode as i64));
    rows.iter().for_each(|row| put_varint(&mut out, u64::from(row.nodes)));
    rows.iter().for_each(|row| put_varint(&mut out, u64::from(row.lines)));
    rows.iter().for_each(|row| put_varint(&mut out, u64::from(row.stored_bytes)));
    out
}

fn put_languages<'a>(out: &mut Vec<u8>, rows: &'a [ManifestRow]) -> HashMap<&'a Arc<str>, u64> {
    let mut numbers = HashMap::new();
    let mut names = Vec::new();
    for name in rows.iter().filter_map(|row| row.language.as_ref()) {
        numbers.entry(name).or_insert_with(|| {
            names.push(name);
            names.len() as u64 - 1
        });
    }
    put_varint(out, names.len() as u64);
    names.iter().for_each(|name| put_bytes(out, name.as_bytes()));
    numbers
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_paths(out: &mut Vec<u8>, rows: &[ManifestRow]) {
    let mut before: &[u8] = &[];
    for row in rows {
        let shared = before.iter().zip(&row.path).take_while(|(a, b)| a == b).count();
        put_varint(out, shared as u64);
        put_bytes(out, &row.path[shared..]);
        before = &row.path;
    }
}

fn put_deltas(out: &mut Vec<u8>, values: impl Iterator<Item = i64>) {
    let mut before = 0i64;
    for value in values {
        put_zigzag(out, value.wrapping_sub(before));
        before = value;
    }
}

pub(super) fn decode(bytes: &[u8]) -> Option<Manifest> {
    let mut reader = Reader(bytes);
    if reader.array()? != MAGIC {
        return None;
    }
    let (major, minor, required) = (reader.u8()?, reader.u8()?, reader.u16()?);
    if major != MAJOR || required != 0 {
        return None;
    }
    let (rows, keys) = (reader.u32()? as usize, reader.u32()? as usize);
    let (raw, stored) = (reader.u64()?, reader.u64()?);
    let (raw, stored) = (usize::try_from(raw).ok()?, usize::try_from(stored).ok()?);
    if reader.u64()? != checksum(bytes) {
        return None;
    }
    let columns = reader.take(stored)?;
    let (keys_found, _) = reader.take(keys.checked_mul(KEY)?)?.as_chunks::<KEY>();
    if keys > rows {
        return None;
    }
    if raw > stored.saturating_mul(MAX_RATIO) || rows > raw / MIN_ROW {
        return None;
    }
    let columns = zstd::bulk::decompress(columns, raw).ok().filter(|it| it.len() == raw)?;
    let mut manifest = decode_columns(Reader(&columns), rows, keys_found)?;
    // 1.0 had no kinds.
    if minor == 0 {
        return reader.0.is_empty().then_some(manifest);
    }
    let of_trees = manifest.rows.iter_mut().filter(|row| tree(row).is_some());
    decode_kinds(reader.0, of_trees.map(|row| &mut row.kinds))?;
    Some(manifest)
}

fn decode_columns(mut reader: Reader<'_>, count: usize, keys: &[[u8; KEY]]) -> Option<Manifest> {
    let reader = &mut reader;
    let languages = read_languages(reader)?;
    let root = path_from_bytes(read_bytes(reader)?);
    let taken_ns = reader.zigzag()?;
    let mut rows = read_paths(reader, count, MAX_PATHS)?;
    for row in &mut rows {
        let number = usize::try_from(reader.varint()?).ok()?;
        row.language = match number.checked_sub(1) {
            Some(index) => Some(Arc::clone(languages.get(index)?)),
            None => None,
        };
    }
    let mut keys = keys.iter();
    for row in &mut rows {
        row.outcome = match reader.u8()? {
            0 => Outcome::Tree(TreeKey(*keys.next()?)),
            code => Outcome::None(NoTree::from_code(code)),
        };
    }
    for row in &mut rows {
        row.size = reader.varint()?;
    }
    read_deltas(reader, &mut rows, |row, value| row.mtime_ns = value)?;
    read_deltas(reader, &mut rows, |row, value| row.ctime_ns = value)?;
    read_deltas(reader, &mut rows, |row, value| row.inode = value as u64)?;
    for row in &mut rows {
        row.nodes = read_u32(reader)?;
    }
    for row in &mut rows {
        row.lines = read_u32(reader)?;
    }
    for row in &mut rows {
        row.stored_bytes = read_u32(reader)?;
    }
    let whole = reader.0.is_empty() && keys.next().is_none();
    whole.then_some(Manifest { root, taken_ns, rows })
}

fn read_languages(reader: &mut Reader<'_>) -> Option<Vec<Arc<str>>> {
    let count = usize::try_from(reader.varint()?).ok().filter(|count| *count <= reader.0.len())?;
    (0..count).map(|_| std::str::from_utf8(read_bytes(reader)?).ok().map(Arc::from)).collect()
}

fn read_bytes<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(reader.varint()?).ok()?;
    reader.take(len)
}

/// Rows with nothing but their paths, which have no more than so many bytes.
fn read_paths(reader: &mut Reader<'_>, count: usize, most: usize) -> Option<Vec<ManifestRow>> {
    let mut rows: Vec<ManifestRow> = Vec::with_capacity(count);
    let mut left = most;
    for _ in 0..count {
        let shared = usize::try_from(reader.varint()?).ok()?;
        let further = read_bytes(reader)?;
        let before = rows.last().map_or(&[][..], |row| &row.path);
        let shared = before.get(..shared)?;
        if shared.len() + further.len() > MAX_PATH {
            return None;
        }
        left = left.checked_sub(shared.len() + further.len())?;
        let mut path = Vec::with_capacity(shared.len() + further.len());
        path.extend_from_slice(shared);
        path.extend_from_slice(further);
        rows.push(ManifestRow {
            path,
            size: 0,
            mtime_ns: 0,
            ctime_ns: 0,
            inode: 0,
            language: None,
            outcome: Outcome::None(NoTree::Other),
            nodes: 0,
            lines: 0,
            stored_bytes: 0,
            kinds: None,
        });
    }
    Some(rows)
}

fn read_deltas(
    reader: &mut Reader<'_>,
    rows: &mut [ManifestRow],
    mut set: impl FnMut(&mut ManifestRow, i64),
) -> Option<()> {
    let mut before = 0i64;
    for row in rows {
        before = before.wrapping_add(reader.zigzag()?);
        set(row, before);
    }
    Some(())
}

fn read_u32(reader: &mut Reader<'_>) -> Option<u32> {
    u32::try_from(reader.varint()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn hex(text: &str) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        text.as_bytes().as_chunks::<2>().0.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect()
    }

    #[test]
    fn a_manifest_of_version_1_0_is_read() {
        assert_eq!(decode(&hex(VERSION_1_0)), Some(sample()));
    }

    #[test]
    fn paths_that_stand_for_too_many_bytes_are_refused() {
        // `abc`, and twice the same again.
        let column = [0, 3, b'a', b'b', b'c', 3, 0, 3, 0];
        let read = |most| Some(read_paths(&mut Reader(&column), 3, most)?.len());
        assert_eq!((read(9), read(8)), (Some(3), None));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_gives_no_manifest() {
        let mut sample = sample();
        sample.rows[0].kinds = Some(Arc::from([3, 0, 9]));
        let good = encode(&sample);
        assert_eq!(decode(&good), Some(sample));
        for at in 0..good.len() {
            assert_eq!(decode(&good[..at]), None);
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(decode(&bad), None, "bit {bit} of byte {at}");
            }
        }
    }
}
