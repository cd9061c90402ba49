//! What is counted, and how often.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::*;

/// Trees that two processes put in the same moment: both stores have trees 0 to
/// 9, and then one has the segment of the other as well.
fn doubled(sealed: bool) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (guard, path) = place();
    let other = guard.path().join("other");
    for (path, numbers) in [(&path, 0..10), (&other, 0..15)] {
        let store = open(path);
        put(&store, numbers);
        if sealed {
            store.seal().unwrap();
        }
        store.close().unwrap();
    }
    let segment = segments(&other, if sealed { "pack" } else { "open" }).remove(0);
    fs::copy(&segment, path.join("segments").join(segment.file_name().unwrap())).unwrap();
    (guard, path, other)
}

#[test]
fn a_tree_that_is_stored_twice_counts_once() {
    for sealed in [true, false] {
        let (_guard, path, other) = doubled(sealed);
        check_same_figures(&path, &other);
        assert_eq!(reader(&path).iter_trees().count(), 15);
    }
}

#[test]
fn a_damaged_tree_counts_once_when_it_is_healed() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..10);
    store.seal().unwrap();
    store.close().unwrap();
    let before = reader(&path).stats().unwrap();
    let segment = segments(&path, "pack").remove(0);
    let mut content = fs::read(&segment).unwrap();
    let at = content.windows(32).position(|window| window == key(4).0).unwrap();
    content[at + 40] ^= 0x55;
    fs::write(&segment, content).unwrap();
    let store = open(&path);
    store.verify().unwrap();
    assert_eq!(store.stats().unwrap().trees, 9);
    put(&store, [4]);
    let after = store.stats().unwrap();
    assert_eq!((after.trees, after.raw_bytes), (before.trees, before.raw_bytes));
    assert_eq!(after.stored_bytes, before.stored_bytes);
}

/// Wants two stores to have the same trees, whatever files these are in.
fn check_same_figures(one: &Path, other: &Path) {
    let (one, other) = (reader(one).stats().unwrap(), reader(other).stats().unwrap());
    assert_eq!((one.trees, one.raw_bytes), (other.trees, other.raw_bytes));
    assert_eq!(one.stored_bytes, other.stored_bytes);
    assert_eq!(one.per_grammar, other.per_grammar);
}
