//! Backups: stores like those they were made from, or nothing at all.

use std::fs;
use std::path::{Path, PathBuf};

use herbarium_store::{RestoreOptions, Store, StoreError};

use crate::garbage::{manifest, now};
use crate::support::*;

/// A store with sealed and open segments, a grammar, dictionaries and manifests.
fn full(path: &Path) -> Store {
    let store = Store::open(path, quick().segment_size(8 << 10)).unwrap();
    put(&store, 0..120);
    store.put_grammar(&grammar("rust")).unwrap();
    for book in [&b"first"[..], b"second"] {
        let shapes = dictionary(GRAMMAR, book);
        store.put_tree(&key(1_000), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
        store.put_dictionary(&shapes).unwrap();
    }
    store.put_manifest(&manifest("/w", 7, (0..60).map(key))).unwrap();
    store.put_manifest(&manifest("/x", 8, (60..90).map(key))).unwrap();
    store
}

fn check_full(store: &Store) {
    check(store, 0..120);
    let found = store.get_tree(&key(1_000)).unwrap().unwrap();
    assert_eq!(found.info.dictionary.unwrap().book(), b"first");
    assert_eq!(store.dictionary_for(&GRAMMAR).unwrap().unwrap().book(), b"second");
    let rust = grammar("rust");
    assert_eq!(*store.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    assert_eq!(store.manifests().unwrap().len(), 2);
    assert_eq!(store.manifest(Path::new("/x")).unwrap().unwrap().rows().len(), 30);
    assert_eq!(store.verify().unwrap().findings, []);
}

/// The names beside the store, without it.
fn beside(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|it| it != path).collect()
}

#[test]
fn a_backup_is_a_store_with_all_that_was_there() {
    let (_guard, path) = place();
    let dest = path.with_file_name("backup");
    for from in [full(&path), open(&path), reader(&path)] {
        let report = from.backup(&dest).unwrap();
        assert_eq!((report.trees, report.manifests, report.damaged), (121, 2, 0), "{report:?}");
        assert_eq!(beside(&path), std::slice::from_ref(&dest), "nothing else is left");
        drop(from);
        check_full(&reader(&dest));
        let copy = open(&dest);
        check_full(&copy);
        put(&copy, 500..510);
        copy.gc(&now()).unwrap();
        check(&copy, 0..90);
        drop(copy);
        fs::remove_dir_all(&dest).unwrap();
    }
    check_full(&open(&path));
}

#[test]
fn a_backup_is_of_one_moment_while_others_write() {
    let (_guard, path) = place();
    let store = full(&path);
    let writer = open(&path);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 0..40 {
                let trees = || 5_000 + n * 10..5_000 + n * 10 + 10;
                put(&writer, trees());
                if n % 7 == 3 {
                    writer.seal().unwrap();
                }
                writer.put_manifest(&manifest("/y", n as i64, trees().map(key))).unwrap();
            }
        });
        for number in 0..4 {
            let dest = path.with_file_name(format!("backup{number}"));
            store.backup(&dest).unwrap();
            let copy = reader(&dest);
            check(&copy, 0..120);
            for info in copy.manifests().unwrap() {
                for row in copy.manifest(&info.root).unwrap().unwrap().rows() {
                    let herbarium_store::Outcome::Tree(key) = row.outcome else { continue };
                    assert!(copy.get_tree(&key).unwrap().is_some(), "{number}");
                }
            }
        }
        writing.join().unwrap();
    });
}

#[test]
fn what_is_there_is_not_overwritten_unless_told() {
    let (_guard, path) = place();
    let store = full(&path);
    let dest = path.with_file_name("dest");
    fs::create_dir(&dest).unwrap();
    fs::write(dest.join("letter.txt"), "x").unwrap();
    let refused =
        |error: StoreError| assert!(matches!(error, StoreError::Occupied { .. }), "{error:?}");
    refused(store.backup(&dest).unwrap_err());
    refused(store.backup(&path).unwrap_err());
    // Other things are never overwritten.
    for overwrite in [false, true] {
        let options = RestoreOptions::new().overwrite(overwrite);
        refused(Store::restore(&path, &dest, options).unwrap_err());
    }
    fs::remove_file(dest.join("letter.txt")).unwrap();
    store.backup(&dest).unwrap();
    drop(store);
    let store = open(&path);
    put(&store, 700..710);
    refused(Store::restore(&dest, &path, RestoreOptions::new()).unwrap_err());
    let overwrite = RestoreOptions::new().overwrite(true);
    let error = Store::restore(&dest, &path, overwrite).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    check(&store, 700..710);
    drop(store);
    let report = Store::restore(&dest, &path, overwrite).unwrap();
    assert_eq!(report.trees, 121);
    assert_eq!(beside(&path), [dest], "nothing else is left");
    check_full(&open(&path));
    assert!(!open(&path).contains(&key(700)).unwrap());
}

#[test]
fn a_damaged_store_is_copied_with_its_damage_counted() {
    let (_guard, path) = place();
    full(&path).close().unwrap();
    let segment = segments(&path, "pack").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    let found = |n: &u64| bytes.windows(32).position(|window| window == key(*n).0);
    let (n, at) = (5..120).find_map(|n| Some((n, found(&n)?))).unwrap();
    bytes[at + 33] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let dest = path.with_file_name("backup");
    let report = open(&path).backup(&dest).unwrap();
    assert_eq!(report.damaged, 1, "{report:?}");
    let copy = open(&dest);
    assert!(copy.get_tree(&key(n)).unwrap().is_none());
    check(&copy, (0..120).filter(|it| *it != n));
}

#[test]
fn a_backup_that_fails_leaves_nothing() {
    let (_guard, path) = place();
    let store = full(&path);
    // The parent is a file.
    let file = path.with_file_name("file");
    fs::write(&file, "x").unwrap();
    assert!(store.backup(file.join("backup")).is_err());
    assert!(store.backup(&file).is_err());
    assert_eq!(beside(&path), [file]);
    let error = Store::restore(
        path.with_file_name("none"),
        path.with_file_name("x"),
        RestoreOptions::new(),
    );
    assert!(matches!(error.unwrap_err(), StoreError::NotAStore { .. }));
}

#[test]
fn what_is_not_the_stores_keeps_it_from_being_replaced() {
    for name in ["notes.txt", "folder/", "segments/letter.txt", "backup/", "mine.lock"] {
        let (_guard, path) = place();
        full(&path).close().unwrap();
        let dest = path.with_file_name("copy");
        open(&path).backup(&dest).unwrap();
        let strange = path.join(name);
        match name.ends_with('/') {
            true => fs::create_dir(&strange).unwrap(),
            false => fs::write(&strange, "mine").unwrap(),
        }
        let error = Store::restore(&dest, &path, RestoreOptions::new().overwrite(true));
        let error = error.unwrap_err();
        assert!(matches!(error, StoreError::NotOnlyAStore { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(name.trim_end_matches('/')) && text.contains("move it"), "{text}");
        assert!(strange.exists(), "{name}");
        assert_eq!(beside(&path), [dest], "nothing was begun");
        check_full(&open(&path));
    }
}

#[test]
fn a_copy_is_never_inside_the_store() {
    let (_guard, path) = place();
    let store = full(&path);
    let mut places = vec![path.join("copy"), path.join("a/b"), path.join("../store/segments/x")];
    places.push(path.with_file_name("none").join("../store/copy"));
    #[cfg(unix)]
    {
        let link = path.with_file_name("link");
        std::os::unix::fs::symlink(path.join("segments"), &link).unwrap();
        places.push(link.join("copy"));
    }
    for dest in places {
        let errors = [store.backup(&dest), Store::restore(&path, &dest, RestoreOptions::new())];
        for error in errors.map(Result::unwrap_err) {
            assert!(matches!(error, StoreError::InsideTheStore { .. }), "{dest:?}: {error:?}");
        }
        assert!(!dest.exists());
    }
    check_full(&store);
}

#[cfg(unix)]
#[test]
fn a_store_behind_a_link_is_replaced_and_the_link_stays() {
    let (_guard, path) = place();
    full(&path).close().unwrap();
    let dest = path.with_file_name("copy");
    open(&path).backup(&dest).unwrap();
    put(&open(&path), 700..710);
    let links = path.with_file_name("links");
    fs::create_dir(&links).unwrap();
    let link = links.join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    Store::restore(&dest, &link, RestoreOptions::new().overwrite(true)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(beside(&link), Vec::<PathBuf>::new());
    assert!(!open(&path).contains(&key(700)).unwrap());
    check_full(&open(&path));
}

#[test]
fn copies_that_were_abandoned_are_removed_by_the_next_one_to_the_same_place() {
    let (_guard, path) = place();
    let store = full(&path);
    let dest = path.with_file_name("copy");
    let id = "0123456789abcdef0123456789abcdef";
    let make = |name: &str, files: &[&str]| {
        let folder = path.with_file_name(name);
        fs::create_dir_all(folder.join("segments")).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "x").unwrap());
        folder
    };
    let note = "UNFINISHED-COPY";
    let abandoned = make(&format!("copy.unfinished-{id}"), &[note, "HERBARIUM"]);
    let busy = make(&format!("copy.unfinished-{}", id.replace('0', "1")), &[note]);
    let kept = [
        // Another place, another name, without the note or a lock, with something of the user's.
        make(&format!("other.unfinished-{id}"), &[note]),
        make("copy.unfinished-mine", &[note]),
        make(&format!("copy.unfinished-{}", id.replace('0', "2")), &["HERBARIUM"]),
        make(&format!("copy.unfinished-{}", id.replace('0', "3")), &[note, "notes.txt"]),
        make(&format!("copy.replaced-{id}"), &[note]),
    ];
    let lock = fs::File::open(busy.join(note)).unwrap();
    lock.lock().unwrap();
    store.backup(&dest).unwrap();
    assert!(!abandoned.exists());
    assert!(busy.join(note).exists(), "a living process works on it");
    for folder in &kept {
        assert!(folder.join("segments").exists(), "{folder:?}");
    }
    drop(lock);
    Store::restore(&dest, &dest, RestoreOptions::new().overwrite(true)).unwrap();
    assert!(!busy.exists());
}

/// Killed at any instant a copy leaves a lock file, and with it nothing, an empty folder, a
/// part, or a whole store.
#[test]
fn copies_whose_lock_nobody_has_are_removed_whatever_is_in_them() {
    let (_guard, path) = place();
    let store = full(&path);
    let dest = path.with_file_name("copy");
    let id = "0123456789abcdef0123456789abcdef";
    let named = |n: usize| {
        path.with_file_name(format!("copy.unfinished-{}", id.replace('0', &n.to_string())))
    };
    let lock = |n: usize| {
        let mut lock = named(n).into_os_string();
        lock.push(".lock");
        fs::File::create(lock).unwrap()
    };
    let make = |n: usize| {
        drop(lock(n));
        match n {
            1 => {}
            2 => fs::create_dir(named(n)).unwrap(),
            3 => fs::create_dir_all(named(n).join("segments")).unwrap(),
            _ => drop(store.backup(named(n)).unwrap()),
        }
    };
    (1..=6).for_each(make);
    // Somebody works on this one, and in that one there is something of the user's.
    let busy = lock(5);
    busy.lock().unwrap();
    fs::write(named(6).join("notes.txt"), "mine").unwrap();
    store.backup(&dest).unwrap();
    for n in 1..=4 {
        assert!(!named(n).exists(), "{n}");
    }
    check_full(&reader(&named(5)));
    assert!(named(6).join("notes.txt").exists());
    drop(busy);
    // Where the copy is refused, too; never the store that it would be of.
    assert!(Store::restore(named(5), &dest, RestoreOptions::new()).is_err());
    check_full(&reader(&named(5)));
    assert!(store.backup(&dest).is_err());
    assert!(!named(5).exists());
    let mut left = beside(&path);
    left.sort();
    assert_eq!(left[..2], [dest, named(6)]);
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn what_was_replaced_and_left_by_a_kill_is_removed_by_the_next_restore_that_overwrites() {
    // Killed before the copy had the name, and after.
    for there in [false, true] {
        let (_guard, path) = place();
        full(&path).close().unwrap();
        let dest = path.with_file_name("copy");
        open(&path).backup(&dest).unwrap();
        let id = "0123456789abcdef0123456789abcdef";
        let named = |name: String| path.with_file_name(name);
        let replaced = named(format!("store.replaced-{id}"));
        let copy = |to: &Path| assert_eq!(open(&dest).backup(to).unwrap().trees, 121);
        copy(&replaced);
        let half_removed = named(format!("store.replaced-{}", id.replace('0', "1")));
        fs::create_dir(&half_removed).unwrap();
        fs::write(half_removed.join("gc.lock"), "").unwrap();
        let kept = [
            // With something of the user's; in use; of another place; of no such name.
            named(format!("store.replaced-{}", id.replace('0', "2"))),
            named(format!("store.replaced-{}", id.replace('0', "3"))),
            named(format!("other.replaced-{id}")),
            named("store.replaced-mine".into()),
        ];
        kept.iter().for_each(|kept| copy(kept));
        fs::write(kept[0].join("notes.txt"), "mine").unwrap();
        let in_use = open(&kept[1]);
        put(&in_use, 900..901);
        if !there {
            fs::remove_dir_all(&path).unwrap();
        }
        // One that may not overwrite removes nothing.
        let elsewhere = Store::restore(&dest, &path, RestoreOptions::new());
        assert_eq!(elsewhere.is_err(), there);
        assert!(replaced.exists() && half_removed.exists());
        if !there {
            fs::remove_dir_all(&path).unwrap();
        }
        Store::restore(&dest, &path, RestoreOptions::new().overwrite(true)).unwrap();
        assert!(!replaced.exists() && !half_removed.exists());
        for kept in &kept {
            check_full(&reader(kept));
        }
        check(&in_use, 900..901);
        check_full(&open(&path));
    }
}

#[test]
fn a_store_that_was_set_aside_can_be_brought_back_and_is_not_removed_for_that() {
    for there in [false, true] {
        let (_guard, path) = place();
        let aside = path.with_file_name("store.replaced-0123456789abcdef0123456789abcdef");
        full(&aside).close().unwrap();
        if there {
            put(&open(&path), 700..710);
        }
        Store::restore(&aside, &path, RestoreOptions::new().overwrite(true)).unwrap();
        check_full(&open(&path));
        check_full(&open(&aside));
    }
}
