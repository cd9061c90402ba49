//! Collecting garbage: what is needed stays, whatever happens; the rest goes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use herbarium_store::{
    GcOptions, GcReport, Manifest, ManifestRow, Outcome, Store, StoreError, TreeKey,
};

use crate::revisions::{revision, revision_key};
use crate::support::*;

/// Collects at once, whatever is new.
pub(crate) fn now() -> GcOptions {
    GcOptions::new().grace(Duration::ZERO).wait(Duration::from_millis(50))
}

/// A manifest with a row for each tree.
pub(crate) fn manifest(
    root: &str,
    taken_ns: i64,
    keys: impl IntoIterator<Item = TreeKey>,
) -> Manifest {
    let row = |(number, key): (usize, TreeKey)| ManifestRow {
        path: format!("{number:06}.rs").into_bytes(),
        size: 1,
        mtime_ns: 0,
        ctime_ns: 0,
        inode: 0,
        language: None,
        outcome: Outcome::Tree(key),
        nodes: 1,
        lines: 1,
        stored_bytes: 1,
        kinds: None,
    };
    Manifest::new(root, taken_ns, keys.into_iter().enumerate().map(row).collect())
}

fn needs(store: &Store, root: &str, numbers: impl IntoIterator<Item = u64>) {
    store.put_manifest(&manifest(root, 7, numbers.into_iter().map(key))).unwrap();
}

/// Asserts that the trees of these numbers are gone.
fn gone(store: &Store, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        assert!(store.get_tree(&key(n)).unwrap().is_none(), "tree {n} is there");
    }
}

/// A store in which half of the trees are needed, all in one sealed segment.
fn half(path: &Path) -> Store {
    let store = open(path);
    put(&store, 0..100);
    needs(&store, "/w", 0..50);
    store.seal().unwrap();
    store
}

#[test]
fn what_no_manifest_names_goes_and_the_rest_stays() {
    let (_guard, path) = place();
    let store = half(&path);
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.trees_kept, report.trees_removed, report.manifests), (50, 50, 1));
    assert!(report.bytes_after < report.bytes_before * 2 / 3, "{report:?}");
    assert_eq!(
        (report.segments_before, report.segments_after, report.segments_rewritten),
        (1, 1, 1)
    );
    for store in [&store, &open(&path), &reader(&path)] {
        check(store, 0..50);
        gone(store, 50..100);
        assert_eq!(store.verify().unwrap().findings, []);
        assert_eq!(store.stats().unwrap().trees, 50);
    }
    assert_eq!(segments(&path, "pack").len(), 1);
    let again = store.gc(&now()).unwrap();
    assert_eq!((again.segments_rewritten, again.trees_removed), (0, 0), "nothing is left to do");
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let (_guard, path) = place();
    let store = half(&path);
    let files = || {
        let files = fs::read_dir(path.join("segments")).unwrap().map(|it| it.unwrap().file_name());
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
    };
    let before = files();
    let dry = store.gc(&now().dry_run(true)).unwrap();
    assert_eq!(files(), before);
    check(&store, 0..100);
    let wet = store.gc(&now()).unwrap();
    assert!(dry.bytes_after.abs_diff(wet.bytes_after) < 4_096, "{dry:?} {wet:?}");
    assert!(dry.dry_run && !wet.dry_run);
    let figures = |it: GcReport| (it.trees_kept, it.trees_removed, it.segments_after);
    assert_eq!(figures(dry), figures(wet));
}

#[test]
fn a_forgotten_workspace_leaves_nothing_behind() {
    let (_guard, path) = place();
    let store = half(&path);
    let rust = grammar("rust");
    store.put_grammar(&rust).unwrap();
    assert!(store.remove_manifest(Path::new("/w")).unwrap());
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.trees_kept, report.segments_after), (0, 0), "{report:?}");
    assert_eq!(segments(&path, "pack").len() + segments(&path, "open").len(), 0);
    put(&store, 0..10);
    check(&store, 0..10);
}

#[test]
fn a_collection_takes_little_room() {
    let (_guard, path) = place();
    let store = Store::open(&path, quick().segment_size(16 << 10)).unwrap();
    put(&store, 0..1_500);
    needs(&store, "/w", (0..1_500).filter(|n| n % 3 != 0));
    store.seal().unwrap();
    let size = || {
        let files = fs::read_dir(path.join("segments")).unwrap();
        // A file may go between being listed and being looked at.
        files.filter_map(|it| it.ok()?.metadata().ok()).map(|it| it.len()).sum::<u64>()
    };
    let before = size();
    let done = std::sync::atomic::AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                most = size().max(most);
            }
            most
        });
        let report = store.gc(&now()).unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(report.segments_rewritten > 20, "{report:?}");
        watch.join().unwrap()
    });
    assert!(most < before + (64 << 10), "{most} of {before}");
    check(&store, (0..1_500).filter(|n| n % 3 != 0));
    assert_eq!(store.verify().unwrap().findings, []);
}

#[test]
fn what_is_new_or_held_stays() {
    let (_guard, path) = place();
    let store = half(&path);
    let report = store.gc(&now().grace(Duration::from_secs(60))).unwrap();
    assert_eq!((report.trees_removed, report.unneeded_kept), (0, 50), "{report:?}");
    let other = open(&path);
    let hold = other.hold().unwrap();
    let second = store.hold().unwrap();
    let error = store.gc(&now()).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert!(error.to_string().contains("indexing"), "{error}");
    drop((hold, second));
    assert_eq!(store.gc(&now()).unwrap().trees_removed, 50);
    assert!(reader(&path).hold().is_ok());
}

#[test]
fn a_hold_waits_for_a_collection_and_sees_what_it_left() {
    let (_guard, path) = place();
    let store = half(&path);
    let other = open(&path);
    assert!(other.contains(&key(70)).unwrap());
    store.gc(&now()).unwrap();
    let _hold = other.hold().unwrap();
    assert!(!other.contains(&key(70)).unwrap());
    check(&other, 0..50);
}

#[test]
fn readers_and_writers_go_on_during_a_collection() {
    let (_guard, path) = place();
    let store = Store::open(&path, quick().segment_size(4 << 10)).unwrap();
    put(&store, 0..200);
    needs(&store, "/w", (0..200).step_by(3));
    let (reading, writing) = (reader(&path), open(&path));
    std::thread::scope(|scope| {
        let readers = scope.spawn(|| {
            for _ in 0..20 {
                check(&reading, (0..200).step_by(3));
            }
        });
        let writers = scope.spawn(|| {
            for n in 1_000..1_100 {
                put(&writing, [n]);
                check(&writing, [n]);
            }
        });
        for _ in 0..5 {
            store.gc(&now().wait(Duration::from_secs(60))).unwrap();
            put(&store, (0..200).filter(|n| n % 3 != 0));
        }
        readers.join().unwrap();
        writers.join().unwrap();
    });
    check(&reader(&path), (0..200).step_by(3).chain(1_000..1_100));
    assert_eq!(store.verify().unwrap().findings, []);
}

#[test]
fn verify_finds_nothing_after_healing_and_a_collection() {
    for extension in ["pack", "open"] {
        let (_guard, path) = place();
        let store = open(&path);
        put(&store, 0..30);
        needs(&store, "/w", 0..30);
        if extension == "pack" {
            store.seal().unwrap();
        }
        store.close().unwrap();
        let segment = segments(&path, extension).remove(0);
        let good = fs::read(&segment).unwrap();
        let at = |n: u64| good.windows(32).position(|it| it == key(n).0).unwrap();
        // A payload, a header, and the index behind the records.
        for places in [vec![at(4) + 40], vec![at(4) - 3, at(17) + 33], vec![good.len() - 30]] {
            let mut bad = good.clone();
            places.iter().for_each(|at| bad[*at] ^= 0x55);
            fs::write(&segment, bad).unwrap();
            let store = open(&path);
            assert!(!store.verify().unwrap().findings.is_empty());
            put(&store, 0..30);
            store.gc(&now()).unwrap();
            assert_eq!(store.verify().unwrap().findings, [], "{places:?}");
            check(&store, 0..30);
            store.close().unwrap();
            assert_eq!(open(&path).verify().unwrap().findings, []);
            assert!(segments(&path, "bad").is_empty());
            // Once more, from the beginning.
            fs::remove_dir_all(path.join("segments")).unwrap();
            fs::create_dir(path.join("segments")).unwrap();
            fs::write(&segment, &good).unwrap();
        }
    }
}

#[test]
fn damage_that_nobody_looked_for_goes_with_what_a_process_left() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..30);
    needs(&store, "/w", 0..30);
    store.close().unwrap();
    let segment = segments(&path, "open").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(32).position(|it| it == key(8).0).unwrap();
    bytes[at + 2] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let store = open(&path);
    store.gc(&now()).unwrap();
    assert_eq!(store.verify().unwrap().findings, []);
    gone(&store, [8]);
    check(&store, (0..30).filter(|n| *n != 8));
}

#[test]
fn a_segment_that_is_gone_is_forgotten() {
    let (_guard, path) = place();
    let store = half(&path);
    fs::remove_file(segments(&path, "pack").remove(0)).unwrap();
    drop(store);
    let store = open(&path);
    assert_eq!(store.verify().unwrap().findings.len(), 1);
    put(&store, 0..50);
    store.gc(&now()).unwrap();
    assert_eq!(store.verify().unwrap().findings, []);
    check(&store, 0..50);
}

#[test]
fn small_segments_are_merged_and_copies_dropped() {
    let (_guard, path) = place();
    let stores = [open(&path), open(&path)];
    for (store, from) in stores.iter().zip([0, 20]) {
        put(store, from..from + 20);
        store.seal().unwrap();
    }
    // Put by another process at the same moment, for all that the files show.
    let (_guard, elsewhere) = place();
    let other = open(&elsewhere);
    put(&other, 10..30);
    other.seal().unwrap();
    let copy = segments(&elsewhere, "pack").remove(0);
    fs::copy(&copy, path.join("segments").join(copy.file_name().unwrap())).unwrap();
    let store = &stores[0];
    needs(store, "/w", 0..40);
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.segments_before, report.segments_after), (3, 1));
    assert_eq!((report.copies_removed, report.trees_kept, report.trees_removed), (20, 40, 0));
    check(store, 0..40);
    check(&stores[1], 0..40);
}

#[test]
fn little_garbage_is_not_worth_writing_a_segment_anew() {
    let (_guard, path) = place();
    let store = Store::open(&path, quick().segment_size(4 << 10)).unwrap();
    put(&store, 0..200);
    needs(&store, "/w", (0..200).filter(|n| n % 20 != 0));
    let report = store.gc(&now()).unwrap();
    assert!(report.unneeded_kept > 3 && report.segments_rewritten < 4, "{report:?}");
    let limit = report.file_bytes_after - 1;
    let report = store.gc(&now().max_size(limit)).unwrap();
    assert!(report.file_bytes_after <= limit, "{report:?}");
    assert!(report.trees_removed > 0 && report.segments_rewritten > 0, "{report:?}");
    check(&store, [199]);
}

#[test]
fn a_size_limit_keeps_what_is_most_useful() {
    let (_guard, path) = place();
    let store = open(&path);
    // Incompressible, so that sizes are known.
    let tree = |n: u64| *blake3::hash(&n.to_le_bytes()).as_bytes();
    let put = |n: u64| {
        let bytes: Vec<u8> = (0..640).flat_map(|part| tree(n * 640 + part)).collect();
        store.put_tree(&key(n), GRAMMAR, &bytes, None).unwrap();
    };
    (0..300).for_each(put);
    store.put_manifest(&manifest("/old", 1, (0..100).map(key))).unwrap();
    store.put_manifest(&manifest("/new", 2, (100..200).map(key))).unwrap();
    store.close().unwrap();
    let store = open(&path);
    let there = || (0..300).filter(|n| store.contains(&key(*n)).unwrap()).collect::<Vec<u64>>();
    let catalogue = fs::metadata(path.join("catalogue.redb")).unwrap().len();
    // Room for half of the trees, then for a tenth of them whatever the catalogue takes.
    let all = 300 * 20_548;
    let report = store.gc(&now().max_size(all / 2 + catalogue)).unwrap();
    let left = there();
    assert!((120..=150).contains(&left.len()), "{}", left.len());
    assert!(left.ends_with(&(100..200).collect::<Vec<_>>()), "the newer manifest's: {left:?}");
    assert_eq!(report.needed_removed + left.len() as u64, 200, "{report:?}");
    assert!(report.bytes_after <= all / 2);
    store.gc(&now().max_size(all / 5)).unwrap();
    let left = there();
    assert!(left.len() >= 25 && left[0] >= 100, "half of the limit is for trees: {left:?}");
    assert_eq!(store.verify().unwrap().findings, []);
}

#[test]
fn differences_outlive_what_they_differ_from() {
    let (_guard, path) = place();
    let store = open(&path);
    store.put_tree(&revision_key(0), GRAMMAR, &revision(0), None).unwrap();
    for n in 1..6 {
        let before = revision_key(n - 1);
        store.put_revision(&revision_key(n), GRAMMAR, &revision(n), None, &before).unwrap();
    }
    let there = |wanted: &[u64]| {
        for store in [open(&path), reader(&path)] {
            for n in 0..6 {
                let found = store.get_tree(&revision_key(n)).unwrap();
                assert_eq!(found.is_some(), wanted.contains(&n), "{n}");
                assert!(found.is_none_or(|found| found.bytes == revision(n)));
            }
            assert_eq!(store.verify().unwrap().findings, []);
        }
    };
    // 3 loses what it differs from, 4 keeps it.
    store.put_manifest(&manifest("/w", 7, [3, 4].map(revision_key))).unwrap();
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.trees_removed, report.made_whole), (4, 1), "{report:?}");
    there(&[3, 4]);
    // A whole tree that nobody needs, in a segment of its own; the difference to it lies
    // in a segment with too little garbage to be touched.
    let (_guard, path) = place();
    let store = Store::open(&path, quick().segment_size(16 << 10)).unwrap();
    store.put_tree(&revision_key(0), GRAMMAR, &revision(0), None).unwrap();
    put(&store, 100..105);
    store.seal().unwrap();
    store.put_revision(&revision_key(1), GRAMMAR, &revision(1), None, &revision_key(0)).unwrap();
    put(&store, 0..30);
    store.seal().unwrap();
    let keys = (0..30).map(key).chain([revision_key(1)]);
    store.put_manifest(&manifest("/w", 7, keys)).unwrap();
    store.gc(&now()).unwrap();
    assert_eq!(store.get_tree(&revision_key(1)).unwrap().unwrap().bytes, revision(1));
    assert_eq!(store.verify().unwrap().findings, []);
    check(&store, 0..30);
}

#[test]
fn tables_that_trees_need_stay_and_others_go() {
    let (_guard, path) = place();
    let store = open(&path);
    let shapes = dictionary(GRAMMAR, b"book");
    let tree = phrases(1, 2_000);
    store.put_tree(&key(1), GRAMMAR, &tree, Some(&shapes)).unwrap();
    let rust = grammar("rust");
    store.put_grammar(&rust).unwrap();
    store.put_tree(&key(2), rust.fingerprint(), b"a tree", None).unwrap();
    let later = dictionary(GRAMMAR, b"a later book");
    store.put_dictionary(&later).unwrap();
    let unused = dictionary(herbarium_codec::Fingerprint([9; 16]), b"of nobody");
    store.put_dictionary(&unused).unwrap();
    store.put_grammar(&grammar("of nobody")).unwrap();
    put(&store, 10..60);
    needs(&store, "/w", [1, 2]);
    store.gc(&now()).unwrap();
    assert_eq!(store.stats().unwrap().grammars, 1);
    assert_eq!(store.stats().unwrap().dictionaries, 2);
    store.close().unwrap();
    fs::remove_file(path.join("catalogue.redb")).unwrap();
    let store = open(&path);
    let found = store.get_tree(&key(1)).unwrap().unwrap();
    assert_eq!((found.bytes, found.info.dictionary.unwrap().book()), (tree, &b"book"[..]));
    assert_eq!(*store.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    assert_eq!(store.dictionary_for(&GRAMMAR).unwrap().unwrap().book(), b"a later book");
}

#[test]
fn a_table_that_only_the_catalogue_has_is_written_again() {
    let (_guard, path) = place();
    let store = open(&path);
    let shapes = dictionary(GRAMMAR, b"book");
    store.put_dictionary(&shapes).unwrap();
    store.seal().unwrap();
    let first = segments(&path, "pack").remove(0);
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 2_000), Some(&shapes)).unwrap();
    needs(&store, "/w", [1]);
    store.close().unwrap();
    fs::remove_file(first).unwrap();
    let store = open(&path);
    store.gc(&now()).unwrap();
    assert_eq!(store.verify().unwrap().findings, []);
    store.close().unwrap();
    fs::remove_file(path.join("catalogue.redb")).unwrap();
    assert_eq!(reader(&path).get_tree(&key(1)).unwrap().unwrap().bytes, phrases(1, 2_000));
}

#[test]
fn what_a_lost_manifest_may_have_named_stays() {
    let (_guard, path) = place();
    half(&path).close().unwrap();
    fs::remove_file(path.join("catalogue.redb")).unwrap();
    let store = open(&path);
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.trees_removed, report.unneeded_kept), (0, 100), "{report:?}");
    // What came later is judged by the manifests that are there.
    put(&store, 200..300);
    needs(&store, "/w", 0..50);
    assert_eq!(store.gc(&now()).unwrap().trees_removed, 100);
    drop(store);
    let store = open(&path);
    let report = store.gc(&now().despite_lost_manifests(true)).unwrap();
    assert_eq!((report.trees_removed, report.trees_kept), (50, 50), "{report:?}");
    check(&store, 0..50);
}

#[test]
fn nothing_goes_while_a_manifest_cannot_be_read() {
    let (_guard, path) = place();
    half(&path).close().unwrap();
    let catalogue = path.join("catalogue.redb");
    let mut bytes = fs::read(&catalogue).unwrap();
    let found = |at: &usize| bytes[*at..].starts_with(b"HRBM");
    let places: Vec<usize> = (0..bytes.len() - 60).filter(found).collect();
    places.iter().for_each(|at| bytes[at + 50] ^= 1);
    fs::write(&catalogue, bytes).unwrap();
    let store = open(&path);
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.manifests, report.unreadable_manifests), (0, 1), "{report:?}");
    assert_eq!((report.trees_removed, report.unneeded_kept), (0, 100), "{report:?}");
    // The next index writes it anew.
    needs(&store, "/w", 0..50);
    assert_eq!(store.gc(&now()).unwrap().trees_removed, 50);
}

#[test]
fn a_segment_that_another_writes_to_is_left_alone() {
    let (_guard, path) = place();
    let (store, other) = (half(&path), open(&path));
    put(&other, 500..510);
    assert_eq!(store.gc(&now()).unwrap().trees_kept, 60);
    check(&store, (0..50).chain(500..510));
    put(&other, 510..520);
    check(&store, 500..520);
}

#[test]
fn a_store_of_a_later_minor_version_is_not_collected() {
    let (_guard, path) = place();
    drop(half(&path));
    make_later(&path, 7);
    let store = open(&path);
    check(&store, 0..100);
    let error = store.gc(&now()).unwrap_err();
    assert!(matches!(error, StoreError::Version { newer: true, .. }), "{error:?}");
    check(&store, 0..100);
}

#[test]
fn who_may_only_read_collects_nothing() {
    let (_guard, path) = place();
    drop(half(&path));
    assert!(matches!(reader(&path).gc(&now()), Err(StoreError::ReadOnly { .. })));
    let would = reader(&path).gc(&now().dry_run(true)).unwrap();
    assert_eq!((would.trees_kept, would.trees_removed), (50, 50), "{would:?}");
    check(&open(&path), 0..100);
}

/// A store with one segment that a process left behind and that cannot be sealed, as
/// there is something else in the place of its lock.
fn stuck(path: &Path, needed: u64) {
    let store = open(path);
    put(&store, 0..100);
    needs(&store, "/w", 0..needed);
    store.close().unwrap();
    let lock = segments(path, "open").remove(0).with_extension("lock");
    let _ = fs::remove_file(&lock);
    fs::create_dir(lock).unwrap();
}

#[test]
fn a_collection_that_can_free_nothing_says_what_failed() {
    for (needed, options, fails) in [
        (50, now(), true),
        (100, now().max_size(20_000), true),
        (100, now().max_size(1 << 30), false),
        (100, now(), false),
    ] {
        let (_guard, path) = place();
        stuck(&path, needed);
        let store = open(&path);
        let collected = store.gc(&options);
        match fails {
            true => {
                let error = collected.unwrap_err();
                assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
                assert!(error.to_string().contains(".lock"), "{error}");
            }
            false => assert_eq!(collected.unwrap().trees_kept, 100),
        }
        check(&store, 0..100);
    }
}

#[test]
fn a_size_that_others_segments_leave_no_room_for_is_told() {
    let (_guard, path) = place();
    let (store, other) = (open(&path), open(&path));
    put(&other, 0..200);
    let report = store.gc(&now().max_size(20_000)).unwrap();
    assert!(report.file_bytes_after > 20_000, "{report:?}");
    assert!(report.file_bytes_after > report.bytes_after, "the catalogue counts: {report:?}");
    drop(other);
    let dry = store.gc(&now().dry_run(true)).unwrap().file_bytes_after;
    let wet = store.gc(&now()).unwrap().file_bytes_after;
    assert!(dry.abs_diff(wet) < 8_192, "{dry} {wet}");
}

#[test]
fn a_collection_keeps_the_language_of_each_tree() {
    let (_guard, path) = place();
    let store = open(&path);
    let grammars = [herbarium_codec::Fingerprint([4; 16]), GRAMMAR];
    for n in 0..20 {
        store.put_tree(&key(n), grammars[n as usize % 2], &bytes(n), None).unwrap();
    }
    needs(&store, "/w", 0..10);
    store.gc(&now()).unwrap();
    for n in 0..10u64 {
        let found = store.get_tree(&key(n)).unwrap().unwrap();
        assert_eq!(found.info.fingerprint, grammars[n as usize % 2]);
    }
    let per_grammar: u64 = store.stats().unwrap().per_grammar.iter().map(|it| it.trees).sum();
    assert_eq!(per_grammar, 10);
}

/// Bytes of all files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        folder if folder.is_dir() => bytes_below(&entry.path()),
        file => file.len(),
    };
    entries.map(bytes).sum()
}

/// Eight workspaces, each with a manifest that takes more than its trees.
fn mostly_manifests(path: &Path) -> Store {
    let store = open(path);
    put(&store, 0..80);
    for space in 0..8 {
        // Keys that are in no store: nothing makes them smaller.
        let absent = (0..1_500).map(|n| key(1_000_000 + space * 10_000 + n));
        let keys = (space * 10..space * 10 + 10).map(key).chain(absent);
        store.put_manifest(&manifest(&format!("/{space}"), space as i64, keys)).unwrap();
    }
    store.close().unwrap();
    open(path)
}

#[test]
fn a_size_limit_holds_for_all_files_whatever_takes_the_room() {
    for limit in [600_000, 400_000, 300_000, 200_000, 120_000] {
        let (_guard, path) = place();
        let store = mostly_manifests(&path);
        fs::write(path.join("catalogue.damaged-1.redb"), vec![0; 200_000]).unwrap();
        let spaces = |store: &Store| store.manifests().unwrap().len() as u64;
        let before = spaces(&store);
        let would = store.gc(&now().max_size(limit).dry_run(true)).unwrap();
        assert_eq!(spaces(&store), before, "nothing is removed");
        let report = store.gc(&now().max_size(limit)).unwrap();
        assert_eq!(report.manifests_removed, before - spaces(&store), "{report:?}");
        assert!(report.manifests_removed.abs_diff(would.manifests_removed) <= 3, "{would:?}");
        assert!(report.file_bytes_after <= limit, "{limit}: {report:?}");
        store.close().unwrap();
        assert!(bytes_below(&path) <= limit, "{limit}: {} bytes", bytes_below(&path));
        let store = open(&path);
        assert!(store.manifest(Path::new("/7")).unwrap().is_some(), "the newest stays");
        assert!(store.manifest(Path::new("/0")).unwrap().is_none(), "the oldest goes");
        assert_eq!(store.verify().unwrap().findings, []);
        check(&store, 70..80);
    }
}

#[test]
fn a_size_limit_that_there_is_room_for_removes_nothing() {
    let (_guard, path) = place();
    let store = mostly_manifests(&path);
    let report = store.gc(&now().max_size(2_000_000)).unwrap();
    assert_eq!((report.manifests_removed, report.trees_removed), (0, 0), "{report:?}");
    check(&store, 0..80);
}

#[test]
fn a_size_limit_holds_although_differences_are_made_whole() {
    let (_guard, path) = place();
    let store = open(&path);
    let wild = |n: u64, revision: u64| {
        let mut bytes: Vec<u8> = (0..300u64)
            .flat_map(|part| *blake3::hash(&(n * 1_000 + part).to_le_bytes()).as_bytes())
            .collect();
        bytes[..8].copy_from_slice(&revision.to_le_bytes());
        bytes
    };
    // What is needed are differences to what is not: they are made whole.
    for n in 0..40 {
        store.put_tree(&key(n), GRAMMAR, &wild(n, 0), None).unwrap();
    }
    store.seal().unwrap();
    for n in 0..40 {
        let (new, old) = (key(n + 1_000), key(n));
        store.put_revision(&new, GRAMMAR, &wild(n, 1), None, &old).unwrap();
    }
    store.put_manifest(&manifest("/w", 7, (1_000..1_040).map(key))).unwrap();
    store.seal().unwrap();
    let limit = 250_000;
    let report = store.gc(&now().max_size(limit)).unwrap();
    assert!(report.made_whole > 5 && report.trees_kept > 5, "{report:?}");
    assert!(report.file_bytes_after <= limit && bytes_below(&path) <= limit, "{report:?}");
    assert_eq!(report.trees_kept + report.trees_removed, 80, "{report:?}");
}
