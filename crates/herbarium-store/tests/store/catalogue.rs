//! The catalogue may be lost or damaged: trees are not.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use herbarium_store::Manifest;

use crate::support::*;

#[test]
fn a_lost_catalogue_is_rebuilt_from_the_segments() {
    let (_guard, path) = place();
    let rust = grammar("rust");
    let (first, second) = (dictionary(GRAMMAR, b"first"), dictionary(GRAMMAR, b"second"));
    let store = open(&path);
    store.put_grammar(&rust).unwrap();
    store.put_dictionary(&first).unwrap();
    store.seal().unwrap();
    store.put_dictionary(&second).unwrap();
    put(&store, 0..10);
    store.close().unwrap();
    fs::remove_file(path.join("catalogue.redb")).unwrap();
    let store = open(&path);
    check(&store, 0..10);
    assert_eq!(*store.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    assert_eq!(store.dictionary_for(&GRAMMAR).unwrap().unwrap(), second);
    assert!(store.verify().unwrap().findings.is_empty());
    assert!(path.join("catalogue.redb").exists());
}

#[test]
fn a_catalogue_of_garbage_is_set_aside() {
    for content in [vec![], vec![0; 10_000], b"redb\x1a\x0a\xa9\x0d\x0a".repeat(2_000)] {
        let (_guard, path) = place();
        let store = open(&path);
        put(&store, 0..5);
        store.put_manifest(&Manifest::new("/w", 0, vec![])).unwrap();
        store.close().unwrap();
        fs::write(path.join("catalogue.redb"), &content).unwrap();
        let store = open(&path);
        check(&store, 0..5);
        assert!(store.manifest(Path::new("/w")).unwrap().is_none());
        store.put_manifest(&Manifest::new("/w", 1, vec![])).unwrap();
        assert_eq!(store.manifest(Path::new("/w")).unwrap().unwrap().taken_ns(), 1);
    }
}

#[test]
fn flipped_bits_in_the_catalogue_give_the_same_or_nothing() {
    let (_guard, path) = place();
    let rust = grammar("rust");
    let store = open(&path);
    put(&store, 0..5);
    store.put_grammar(&rust).unwrap();
    store.put_manifest(&Manifest::new("/w", 7, vec![])).unwrap();
    store.close().unwrap();
    let file = path.join("catalogue.redb");
    let good = fs::read(&file).unwrap();
    // Pages that are in use are few; flips are drawn among bytes that say something.
    let said: Vec<usize> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    for round in 0..120usize {
        let mut bad = good.clone();
        let at = said[round * 7_919 % said.len()];
        bad[at] ^= 1 << (round % 8);
        fs::write(&file, &bad).unwrap();
        let store = open(&path);
        check(&store, 0..5);
        let found = store.manifest(Path::new("/w")).unwrap();
        assert!(found.is_none_or(|found| found.taken_ns() == 7), "{round} at {at}");
        assert_eq!(*store.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    }
}

#[test]
fn a_reader_sees_all_manifests_although_a_writer_was_killed_amid_a_change() {
    let (_guard, path) = place();
    let store = open(&path);
    let manifest = Manifest::new("/w", 1, Vec::new());
    store.put_manifest(&manifest).unwrap();
    store.close().unwrap();
    // What redb notes in the file for as long as a change is not whole.
    let file = path.join("catalogue.redb");
    let mut content = fs::read(&file).unwrap();
    content[9] |= 2;
    fs::write(&file, &content).unwrap();
    let reading = reader(&path);
    assert_eq!(reading.manifest(manifest.root()).unwrap().as_ref(), Some(&manifest));
    assert!(fs::read(&file).unwrap() == content, "a reader changed the file");
    // And it goes on to see what is written after that.
    let store = open(&path);
    let other = Manifest::new("/other", 2, Vec::new());
    store.put_manifest(&other).unwrap();
    let begin = Instant::now();
    while reading.manifest(other.root()).unwrap().as_ref() != Some(&other) {
        assert!(begin.elapsed() < Duration::from_secs(30), "it sees what was there before");
        thread::sleep(Duration::from_millis(20));
    }
}
