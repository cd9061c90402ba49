//! A store of every released format stays readable; stores of real code are opened by the
//! tests of `herbarium-index`.
//!
//! To add that of a new version: add a test for it and run
//! `HERBARIUM_WRITE_GOLDEN=v1.1 cargo test -p herbarium-store golden`. Those that are
//! there were written by the versions they are of, and are never written again.

use std::fs;
use std::path::Path;

use herbarium_store::{Compression, GcOptions, MigrateOptions, Store, StoreVersion};

use crate::revisions::{revision, revision_key};
use crate::support::*;

const TREES: u64 = 12;
/// In stores of 1.1.
const REVISIONS: u64 = 4;

fn with_dictionary() -> (u64, Vec<u8>) {
    (1_000, phrases(9_999, 1_200))
}

#[test]
fn a_store_of_version_1_0_is_read() {
    check_golden("v1", 0);
}

#[test]
fn a_store_of_version_1_1_is_read() {
    check_golden("v1.1", REVISIONS);
}

#[test]
fn there_is_a_store_of_the_version_that_is_written() {
    let name = match StoreVersion::CURRENT {
        StoreVersion { major, minor: 0, .. } => format!("v{major}"),
        StoreVersion { major, minor, .. } => format!("v{major}.{minor}"),
    };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(&name);
    assert!(
        golden.is_dir(),
        "{} is missing: add a test for it here, and run `HERBARIUM_WRITE_GOLDEN={name} cargo test \
         -p herbarium-store golden`; those of `herbarium-index` need one, too",
        golden.display()
    );
}

/// Opens the golden store of this name, with as many revisions of one tree.
fn check_golden(name: &str, revisions: u64) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("HERBARIUM_WRITE_GOLDEN").is_some_and(|wanted| wanted == name) {
        write(&golden);
    }
    for sealed in ["pack", "open"] {
        assert_eq!(segments(&golden, sealed).len(), 1);
    }
    let (_guard, path) = place();
    copy(&golden, &path);
    for store in [reader(&path), open(&path)] {
        check(&store, 0..TREES);
        let (n, tree) = with_dictionary();
        let found = store.get_tree(&key(n)).unwrap().unwrap();
        assert_eq!(found.bytes, tree);
        assert_eq!(found.info.dictionary.unwrap().book(), b"golden book");
        for n in 0..revisions {
            let found = store.get_tree(&revision_key(n)).unwrap().unwrap();
            assert_eq!((found.bytes, u64::from(found.info.differences)), (revision(n), n));
        }
        let table = grammar("golden");
        assert_eq!(*store.grammar(&table.fingerprint()).unwrap().unwrap(), table);
        assert_eq!(store.verify().unwrap().findings, []);
        assert_eq!(store.stats().unwrap().trees, TREES + 1 + revisions);
    }
    // It is worked on as any other, and brought to the version of today.
    let migrated = Store::migrate(&path, &MigrateOptions::new()).unwrap();
    assert_eq!(migrated.to, StoreVersion::CURRENT);
    let store = open(&path);
    store.gc(&GcOptions::new()).unwrap();
    check(&store, 0..TREES);
}

fn write(path: &Path) {
    fs::remove_dir_all(path).ok();
    let store = Store::open(path, quick().compression(Compression::Zstd { level: 3 })).unwrap();
    store.put_grammar(&grammar("golden")).unwrap();
    let (n, tree) = with_dictionary();
    let shapes = dictionary(GRAMMAR, b"golden book");
    store.put_tree(&key(n), GRAMMAR, &tree, Some(&shapes)).unwrap();
    put(&store, 0..TREES / 2);
    store.put_tree(&revision_key(0), GRAMMAR, &revision(0), None).unwrap();
    for n in 1..REVISIONS {
        let before = revision_key(n - 1);
        store.put_revision(&revision_key(n), GRAMMAR, &revision(n), None, &before).unwrap();
        // The last one lies in another segment than what it differs from.
        if n + 2 == REVISIONS {
            store.seal().unwrap();
        }
    }
    put(&store, TREES / 2..TREES);
    store.close().unwrap();
    // What can be rebuilt, and what only guards, is not committed.
    for name in ["catalogue.redb", "catalogue.lock", "hold.lock"] {
        fs::remove_file(path.join(name)).unwrap();
    }
    segments(path, "lock").iter().for_each(|lock| fs::remove_file(lock).unwrap());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("segments")).unwrap();
    fs::copy(from.join("HERBARIUM"), to.join("HERBARIUM")).unwrap();
    for entry in fs::read_dir(from.join("segments")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("segments").join(entry.file_name())).unwrap();
    }
}
