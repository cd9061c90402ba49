//! Trees, grammars and stores to test with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_codec::{Fingerprint, Grammar, GrammarParts, Kind};
use herbarium_store::{Dictionary, Durability, Store, StoreOptions, TreeKey};
use tempfile::TempDir;

pub(crate) const GRAMMAR: Fingerprint = Fingerprint([3; 16]);

/// A directory for a store, removed at the end.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    (dir, path)
}

/// Options that do not wait for a disk.
pub(crate) fn quick() -> StoreOptions {
    StoreOptions::new().durability(Durability::None)
}

pub(crate) fn open(path: &Path) -> Store {
    Store::open(path, quick()).unwrap()
}

pub(crate) fn reader(path: &Path) -> Store {
    Store::open(path, quick().read_only(true)).unwrap()
}

/// The key of the `n`th tree.
pub(crate) fn key(n: u64) -> TreeKey {
    TreeKey(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

/// The bytes of the `n`th tree: some compress well, some not at all.
pub(crate) fn bytes(n: u64) -> Vec<u8> {
    let len = (n * 37 % 900) as usize;
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let modulus = if n.is_multiple_of(3) { 256 } else { 5 };
    (0..len).map(|_| (noise() % modulus) as u8).collect()
}

/// Puts the trees of these numbers.
pub(crate) fn put(store: &Store, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        store.put_tree(&key(n), GRAMMAR, &bytes(n), None).unwrap();
    }
}

/// Asserts that the trees of these numbers are there, with the right bytes.
pub(crate) fn check(store: &Store, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        let found = store.get_tree(&key(n)).unwrap();
        let found = found.unwrap_or_else(|| panic!("tree {n} is missing"));
        assert_eq!(found.bytes, bytes(n), "tree {n}");
        assert_eq!(found.info.fingerprint, GRAMMAR);
        assert!(store.contains(&key(n)).unwrap(), "tree {n}");
        assert_eq!(store.stored_len(&key(n)).unwrap(), Some(found.info.stored_bytes));
    }
}

pub(crate) fn grammar(name: &str) -> Grammar {
    let kind =
        |name: &str| Kind { name: name.into(), named: true, visible: true, supertype: false };
    Grammar::new(GrammarParts {
        name: name.into(),
        version: "1.0.0".into(),
        abi: 15,
        states: 7,
        kinds: vec![kind("end"), kind("number"), kind("sum")],
        fields: vec!["left".into()],
        supertypes: vec![],
    })
    .unwrap()
}

pub(crate) fn dictionary(fingerprint: Fingerprint, book: &[u8]) -> Arc<Dictionary> {
    let samples: Vec<Vec<u8>> = (0..200).map(|n| phrases(n, 2_000)).collect();
    let zstd = herbarium_store::train_zstd(&samples, 8 << 10).unwrap();
    Arc::new(Dictionary::new(fingerprint, book.to_vec(), zstd))
}

/// Bytes that have much in common with others of their kind.
pub(crate) fn phrases(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut out = Vec::new();
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let phrase = blake3::hash(&(state % 97).to_le_bytes());
        out.extend_from_slice(&phrase.as_bytes()[..12]);
    }
    out.truncate(len);
    out
}

/// The files with this extension in the segment directory.
pub(crate) fn segments(path: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.join("segments")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    paths.sort();
    paths
}

/// Sets a byte in a checksummed block, and its checksum.
pub(crate) fn rewrite(content: &mut [u8], start: usize, len: usize, (at, byte): (usize, u8)) {
    content[start + at] = byte;
    let sum = xxhash_rust::xxh3::xxh3_64(&content[start..start + len - 8]);
    content[start + len - 8..start + len].copy_from_slice(&sum.to_le_bytes());
}

/// Makes it a store of a later minor version: one whose segments and marker say so.
pub(crate) fn make_later(path: &Path, minor: u8) {
    for segment in segments(path, "open").iter().chain(&segments(path, "pack")) {
        let mut content = fs::read(segment).unwrap();
        rewrite(&mut content, 0, 64, (5, minor));
        fs::write(segment, content).unwrap();
    }
    fs::write(path.join("HERBARIUM"), format!("herbarium store 1.{minor}\n")).unwrap();
}
