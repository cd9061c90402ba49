//! A store of every released format stays readable.
//!
//! To add one: `HERBARIUM_WRITE_GOLDEN=tests/golden/v1 cargo test -p herbarium-store golden`

use std::fs;
use std::path::{Path, PathBuf};

use herbarium_store::{Compression, Store};

use crate::support::*;

const TREES: u64 = 12;

fn with_dictionary() -> (u64, Vec<u8>) {
    (1_000, phrases(9_999, 1_200))
}

#[test]
fn a_store_of_version_1_0_is_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    if let Some(dir) = std::env::var_os("HERBARIUM_WRITE_GOLDEN") {
        write(&PathBuf::from(dir));
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
        let table = grammar("golden");
        assert_eq!(*store.grammar(&table.fingerprint()).unwrap().unwrap(), table);
        assert_eq!(store.verify().unwrap().findings, []);
        assert_eq!(store.stats().unwrap().trees, TREES + 1);
    }
}

fn write(path: &Path) {
    fs::remove_dir_all(path).ok();
    let store = Store::open(path, quick().compression(Compression::Zstd { level: 3 })).unwrap();
    store.put_grammar(&grammar("golden")).unwrap();
    let (n, tree) = with_dictionary();
    let shapes = dictionary(GRAMMAR, b"golden book");
    store.put_tree(&key(n), GRAMMAR, &tree, Some(&shapes)).unwrap();
    put(&store, 0..TREES / 2);
    store.seal().unwrap();
    put(&store, TREES / 2..TREES);
    store.close().unwrap();
    // What can be rebuilt, and what only guards, is not committed.
    for name in ["catalogue.redb", "catalogue.lock"] {
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
