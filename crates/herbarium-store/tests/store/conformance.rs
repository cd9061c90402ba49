//! What is put is there: now, later, elsewhere.

use std::sync::Arc;

use herbarium_store::{Compression, Durability, Put, Store, StoreError, StoreOptions};

use crate::support::*;

#[test]
fn what_was_put_is_there_in_this_and_later_processes() {
    for options in [
        StoreOptions::new(),
        quick().segment_size(4 << 10),
        quick().durability(Durability::Each),
        quick().compression(Compression::None),
        quick().compression(Compression::Zstd { level: 9 }),
    ] {
        let (_guard, path) = place();
        let store = Store::open(&path, options.clone()).unwrap();
        put(&store, 0..60);
        check(&store, 0..60);
        store.close().unwrap();
        let store = Store::open(&path, options).unwrap();
        check(&store, 0..60);
        put(&store, 60..120);
        drop(store);
        check(&reader(&path), 0..120);
    }
}

#[test]
fn a_tree_is_stored_once_and_compressed() {
    let (_guard, path) = place();
    let store = open(&path);
    let tree = vec![7; 10_000];
    let first = store.put_tree(&key(1), GRAMMAR, &tree, None).unwrap();
    let second = store.put_tree(&key(1), GRAMMAR, &tree, None).unwrap();
    assert!(first.new && first.stored_bytes < 100, "{first:?}");
    assert_eq!(second, Put { new: false, stored_bytes: first.stored_bytes });
    assert_eq!(store.stats().unwrap().trees, 1);
    store.seal().unwrap();
    assert!(!store.put_tree(&key(1), GRAMMAR, &tree, None).unwrap().new);
}

#[test]
fn what_was_never_put_is_a_miss() {
    let (_guard, path) = place();
    let store = open(&path);
    assert!(store.get_tree(&key(1)).unwrap().is_none());
    put(&store, 1..20);
    store.seal().unwrap();
    put(&store, 20..40);
    let mut buffer = vec![1, 2, 3];
    assert!(store.get_tree_into(&key(99), &mut buffer).unwrap().is_none());
    assert!(buffer.is_empty());
    assert!(!store.contains(&key(99)).unwrap());
    assert_eq!(store.stored_len(&key(99)).unwrap(), None);
    assert!(store.grammar(&GRAMMAR).unwrap().is_none());
    assert!(store.dictionary_for(&GRAMMAR).unwrap().is_none());
}

#[test]
fn incompressible_and_empty_trees_are_kept_as_they_are() {
    let (_guard, path) = place();
    let store = open(&path);
    let noise = blake3::hash(b"noise").as_bytes().to_vec();
    assert_eq!(store.put_tree(&key(1), GRAMMAR, &noise, None).unwrap().stored_bytes, 56 + 32);
    assert_eq!(store.put_tree(&key(2), GRAMMAR, &[], None).unwrap().stored_bytes, 56);
    assert_eq!(store.get_tree(&key(1)).unwrap().unwrap().bytes, noise);
    assert_eq!(store.get_tree(&key(2)).unwrap().unwrap().bytes, b"");
}

#[test]
fn many_threads_put_and_get_at_once() {
    let (_guard, path) = place();
    let store = Arc::new(Store::open(&path, quick().segment_size(32 << 10)).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                let mut writer = store.writer();
                for n in 0..400 {
                    // Half of the trees are everyone's, half this thread's own.
                    let n = if n % 2 == 0 { n } else { 1_000 * (thread + 1) + n };
                    writer.put_tree(&key(n), GRAMMAR, &bytes(n), None).unwrap();
                    check(&store, [n]);
                }
            });
        }
    });
    assert_eq!(store.stats().unwrap().trees, 200 + 4 * 200);
    assert!(segments(&path, "pack").len() > 3);
    assert!(store.verify().unwrap().findings.is_empty());
}

#[test]
fn the_trees_of_a_store_are_listed_once_each() {
    let (_guard, path) = place();
    let one = open(&path);
    let two = open(&path);
    put(&one, 0..20);
    one.seal().unwrap();
    put(&one, 20..30);
    put(&two, 15..40);
    one.refresh().unwrap();
    let mut listed: Vec<_> = one.iter_trees().map(|entry| entry.key).collect();
    listed.sort();
    let mut expected: Vec<_> = (0..40).map(key).collect();
    expected.sort();
    assert_eq!(listed, expected);
    assert!(one.iter_trees().all(|entry| entry.fingerprint == GRAMMAR));
}

#[test]
fn stats_count_what_is_there() {
    let (_guard, path) = place();
    let store = open(&path);
    let rust = grammar("rust");
    store.put_grammar(&rust).unwrap();
    put(&store, 0..10);
    store.put_tree(&key(50), rust.fingerprint(), &[1; 500], None).unwrap();
    store.seal().unwrap();
    put(&store, 10..15);
    let stats = store.stats().unwrap();
    assert_eq!((stats.trees, stats.grammars, stats.dictionaries), (16, 1, 0));
    assert_eq!((stats.segments, stats.sealed_segments), (2, 1));
    let raw: u64 = (0..15).map(|n| bytes(n).len() as u64).sum();
    assert_eq!(stats.raw_bytes, raw + 500);
    let stored: u64 = store.iter_trees().map(|entry| entry.stored_bytes).sum();
    assert_eq!(stats.stored_bytes, stored);
    let of_rust = stats.per_grammar.iter().find(|row| row.name.as_deref() == Some("rust"));
    assert_eq!(of_rust.unwrap().trees, 1);
    assert!(stats.file_bytes > stats.stored_bytes);
}

#[test]
fn a_store_opened_for_reading_changes_nothing() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..10);
    store.close().unwrap();
    let before = listing(&path);
    let store = reader(&path);
    check(&store, 0..10);
    let refused = store.put_tree(&key(99), GRAMMAR, b"x", None);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    assert!(store.put_manifest(&herbarium_store::Manifest::new("/w", 0, vec![])).is_err());
    assert!(store.manifest("/w".as_ref()).unwrap().is_none());
    store.verify().unwrap();
    store.close().unwrap();
    assert_eq!(listing(&path), before);
}

fn listing(path: &std::path::Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut all = Vec::new();
    for dir in [path.to_owned(), path.join("segments")] {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let data = entry.metadata().unwrap();
            all.push((entry.path(), data.len(), data.modified().unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let (guard, _) = place();
    let file = guard.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = Store::open(file.join("store"), quick()).unwrap_err().to_string();
    let named = std::path::Path::new("file").join("store").display().to_string();
    assert!(error.contains(&named), "{error}");
}

#[test]
fn short_runs_continue_one_segment() {
    let (_guard, path) = place();
    for n in 0..10 {
        let store = open(&path);
        put(&store, [n]);
        store.close().unwrap();
    }
    assert_eq!(segments(&path, "open").len(), 1);
    assert_eq!(segments(&path, "pack").len(), 0);
    check(&open(&path), 0..10);
}

#[test]
fn a_store_that_nothing_was_put_into_leaves_no_segment() {
    let (_guard, path) = place();
    open(&path).close().unwrap();
    assert!(segments(&path, "open").is_empty() && segments(&path, "lock").is_empty());
}
