//! The rows of a manifest as columns of numbers and names: neighbours are alike.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Manifest, ManifestRow, NoTree, Outcome, path_bytes, path_from_bytes};
use crate::TreeKey;
use crate::wire::{Reader, put_varint, put_zigzag};

/// Bytes of a tree key.
pub(super) const KEY: usize = 32;
/// Longest path. Paths share their beginnings, so that few bytes could otherwise
/// stand for very long ones.
const MAX_PATH: usize = 64 << 10;
/// Bytes of all paths together: many rows with long paths are as cheap.
const MAX_PATHS: usize = 1 << 30;
/// A row takes at least a byte in each of eleven columns.
const MIN_ROW: usize = 11;

/// Appends all columns but the tree keys and the kinds.
pub(super) fn put_columns(out: &mut Vec<u8>, manifest: &Manifest) {
    let rows = &manifest.rows;
    let languages = put_languages(out, rows);
    put_bytes(out, &path_bytes(&manifest.root));
    put_zigzag(out, manifest.taken_ns);
    put_paths(out, rows);
    for row in rows {
        let number = row.language.as_ref().and_then(|name| languages.get(name));
        put_varint(out, number.map_or(0, |number| number + 1));
    }
    out.extend(rows.iter().map(|row| match row.outcome {
        Outcome::Tree(_) => 0,
        Outcome::None(reason) => reason.code(),
    }));
    rows.iter().for_each(|row| put_varint(out, row.size));
    put_deltas(out, rows.iter().map(|row| row.mtime_ns));
    put_deltas(out, rows.iter().map(|row| row.ctime_ns));
    put_deltas(out, rows.iter().map(|row| row.inode as i64));
    rows.iter().for_each(|row| put_varint(out, u64::from(row.nodes)));
    rows.iter().for_each(|row| put_varint(out, u64::from(row.lines)));
    rows.iter().for_each(|row| put_varint(out, u64::from(row.stored_bytes)));
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

/// Reads as many rows, and the key of each that has a tree.
pub(super) fn read_columns(columns: &[u8], count: usize, keys: &[[u8; KEY]]) -> Option<Manifest> {
    if keys.len() > count || count > columns.len() / MIN_ROW {
        return None;
    }
    let reader = &mut Reader(columns);
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

    #[test]
    fn paths_that_stand_for_too_many_bytes_are_refused() {
        // `abc`, and twice the same again.
        let column = [0, 3, b'a', b'b', b'c', 3, 0, 3, 0];
        let read = |most| Some(read_paths(&mut Reader(&column), 3, most)?.len());
        assert_eq!((read(9), read(8)), (Some(3), None));
    }
}
