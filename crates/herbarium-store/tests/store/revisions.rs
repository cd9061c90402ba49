//! Trees stored as differences: found and given back like all others.

use std::fs;
use std::path::Path;

use herbarium_store::heuristics::DELTA_DEPTH;
use herbarium_store::{Compression, Store, StoreOptions, TreeKey};

use crate::support::*;

/// The bytes of a revision: incompressible, and one edit away from the one before.
pub(crate) fn revision(n: u64) -> Vec<u8> {
    let mut bytes = vec![0; 3_000];
    blake3::Hasher::new().update(b"revision").finalize_xof().fill(&mut bytes);
    for edit in 0..n {
        let at = (edit * 331 % 2_900) as usize;
        bytes.splice(at..at + 3, edit.to_le_bytes());
    }
    bytes
}

pub(crate) fn revision_key(n: u64) -> TreeKey {
    key(1_000_000 + n)
}

/// Puts the first `count` revisions, each after the one before.
fn put_revisions(store: &Store, count: u64) -> u64 {
    store.put_tree(&revision_key(0), GRAMMAR, &revision(0), None).unwrap();
    let put = |n| {
        let (key, before) = (revision_key(n), revision_key(n - 1));
        store.put_revision(&key, GRAMMAR, &revision(n), None, &before).unwrap().stored_bytes
    };
    (1..count).map(put).sum()
}

/// Asserts that they are there; gives how many differences each took.
fn check_revisions(store: &Store, count: u64) -> Vec<u8> {
    let differences = |n| {
        let found = store.get_tree(&revision_key(n)).unwrap().unwrap();
        assert_eq!(found.bytes, revision(n), "{n}");
        found.info.differences
    };
    (0..count).map(differences).collect()
}

#[test]
fn revisions_come_back_as_they_were_put_and_take_little() {
    for options in [quick(), quick().segment_size(4 << 10)] {
        let (_guard, path) = place();
        let store = Store::open(&path, options).unwrap();
        let added = put_revisions(&store, 6);
        assert!(added < 5 * 250, "{added}");
        assert_eq!(check_revisions(&store, 6), [0, 1, 2, 3, 4, 1]);
        store.close().unwrap();
        check_revisions(&reader(&path), 6);
        let report = open(&path).verify().unwrap();
        assert_eq!((report.trees, report.findings), (6, vec![]));
    }
}

#[test]
fn a_long_chain_is_followed_by_another_from_the_same_root() {
    let (_guard, path) = place();
    let store = open(&path);
    put_revisions(&store, 20);
    let differences = check_revisions(&store, 20);
    let expected = (1..=DELTA_DEPTH).cycle().take(19);
    assert_eq!(differences, std::iter::once(0).chain(expected).collect::<Vec<u8>>());
}

#[test]
fn what_has_little_in_common_is_stored_whole() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, [1, 2, 3, 24]);
    let check = |n: u64, bytes: &[u8], predecessor| {
        store.put_revision(&key(n), GRAMMAR, bytes, None, &predecessor).unwrap();
        let found = store.get_tree(&key(n)).unwrap().unwrap();
        assert_eq!((found.bytes.as_slice(), found.info.differences), (bytes, 0), "{n}");
    };
    check(100, &revision(0), key(24));
    check(101, &revision(0), key(999));
    check(102, b"short", key(1));
    check(103, b"", key(1));
}

#[test]
fn a_store_that_must_not_have_differences_has_none() {
    let whole = |path: &Path, options: StoreOptions| {
        let store = Store::open(path, options).unwrap();
        put_revisions(&store, 3);
        assert_eq!(check_revisions(&store, 3), [0, 0, 0]);
    };
    let (_guard, path) = place();
    whole(&path, quick().compression(Compression::None));
    let (_guard, path) = place();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("HERBARIUM"), "herbarium store 1.0\n").unwrap();
    whole(&path, quick());
    let segment = segments(&path, "open").remove(0);
    assert_eq!(fs::read(segment).unwrap()[4..8], [1, 0, 0, 0], "readers of 1.0 read it");
}

#[test]
fn a_difference_whose_base_is_gone_is_a_miss_until_it_is_put_again() {
    let (_guard, path) = place();
    let store = open(&path);
    put_revisions(&store, 3);
    assert!(store.condemn_tree(&revision_key(1)).unwrap());
    assert!(store.get_tree(&revision_key(2)).unwrap().is_none());
    assert!(store.get_tree(&revision_key(0)).unwrap().is_some());
    // It counts as missing for later processes, too, so that it is pressed again.
    drop(store);
    let store = open(&path);
    assert!(!store.contains(&revision_key(2)).unwrap());
    store.put_tree(&revision_key(2), GRAMMAR, &revision(2), None).unwrap();
    assert_eq!(store.get_tree(&revision_key(2)).unwrap().unwrap().bytes, revision(2));
    drop(store);
    assert_eq!(reader(&path).get_tree(&revision_key(2)).unwrap().unwrap().bytes, revision(2));
}

#[test]
fn other_bytes_under_the_key_of_the_base_are_no_base() {
    let (_guard, path) = place();
    let store = open(&path);
    put_revisions(&store, 2);
    store.condemn_tree(&revision_key(0)).unwrap();
    // The same tree by another encoder, for all that the store knows.
    store.put_tree(&revision_key(0), GRAMMAR, &revision(9), None).unwrap();
    assert!(store.get_tree(&revision_key(1)).unwrap().is_none());
    drop(store);
    let store = open(&path);
    assert!(store.get_tree(&revision_key(1)).unwrap().is_none());
    assert_eq!(store.verify().unwrap().findings.len(), 1, "the difference");
}

#[test]
fn every_flipped_bit_gives_the_right_tree_or_none() {
    let (_guard, path) = place();
    let store = open(&path);
    put_revisions(&store, 3);
    store.close().unwrap();
    let segment = segments(&path, "open").remove(0);
    let good = fs::read(&segment).unwrap();
    let at = |n: u64| good.windows(32).position(|it| it == revision_key(n).0).unwrap() - 24;
    // From the first difference to the end.
    for at in at(1)..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&segment, bad).unwrap();
        let store = reader(&path);
        for n in 0..3 {
            let found = store.get_tree(&revision_key(n)).unwrap();
            assert!(found.is_none_or(|found| found.bytes == revision(n)), "{at}: {n}");
        }
    }
}

#[test]
fn records_that_go_round_in_a_circle_are_misses() {
    let (_guard, path) = place();
    let store = open(&path);
    put_revisions(&store, 3);
    store.close().unwrap();
    let segment = segments(&path, "open").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    // The second names itself as its base, the third names the second at its depth.
    for (n, base, depth) in [(1, 1, 1), (2, 1, 1)] {
        let key = revision_key(n).0;
        let at = bytes.windows(32).position(|it| it == key).unwrap() - 24;
        let stored = u32::from_le_bytes(bytes[at + 20..at + 24].try_into().unwrap()) as usize;
        bytes[at + 56..at + 88].copy_from_slice(&revision_key(base).0);
        bytes[at + 96] = depth;
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes[at + 8..at + 56 + stored]);
        bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    }
    fs::write(&segment, bytes).unwrap();
    let store = reader(&path);
    for n in 1..3 {
        assert!(store.get_tree(&revision_key(n)).unwrap().is_none(), "{n}");
    }
    assert!(store.get_tree(&revision_key(0)).unwrap().is_some());
}

#[test]
fn a_revision_keeps_its_dictionary() {
    let (_guard, path) = place();
    let store = open(&path);
    let shapes = dictionary(GRAMMAR, b"book");
    let (old, new) = (phrases(1, 3_000), [phrases(1, 2_500), phrases(2, 400)].concat());
    store.put_tree(&key(1), GRAMMAR, &old, Some(&shapes)).unwrap();
    store.put_revision(&key(2), GRAMMAR, &new, Some(&shapes), &key(1)).unwrap();
    drop(store);
    let found = reader(&path).get_tree(&key(2)).unwrap().unwrap();
    assert_eq!((found.bytes, found.info.differences), (new, 1));
    assert_eq!(found.info.dictionary.unwrap().book(), b"book");
}
