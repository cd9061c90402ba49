//! From one version to the next: in place, again and again if need be.

use std::fs;
use std::path::Path;

use herbarium_store::{MigrateOptions, MigrateReport, Store, StoreError, StoreVersion};

use crate::revisions::{revision, revision_key};
use crate::support::*;

/// A store of version 1.0 in which as many processes left a segment open, with a tree
/// in each.
pub(crate) fn store_of_1_0(path: &Path, processes: u64) {
    fs::create_dir(path).unwrap();
    fs::write(path.join("HERBARIUM"), "herbarium store 1.0\n").unwrap();
    let stores: Vec<Store> = (0..processes).map(|_| open(path)).collect();
    for (n, store) in (0..).zip(&stores) {
        put(store, [n]);
    }
    drop(stores);
    assert_eq!(segments(path, "open").len() as u64, processes);
}

pub(crate) fn check_migrated(path: &Path, trees: u64) {
    assert_eq!(fs::read(path.join("HERBARIUM")).unwrap(), b"herbarium store 1.1\n");
    assert!(!path.join("HERBARIUM.migration").exists());
    assert!(segments(path, "open").is_empty());
    let store = open(path);
    check(&store, 0..trees);
    assert_eq!(store.verify().unwrap().findings, []);
    // From now on there are differences.
    store.put_tree(&revision_key(0), GRAMMAR, &revision(0), None).unwrap();
    store.put_revision(&revision_key(1), GRAMMAR, &revision(1), None, &revision_key(0)).unwrap();
    assert_eq!(store.get_tree(&revision_key(1)).unwrap().unwrap().info.differences, 1);
    store.seal().unwrap();
}

fn migrate(path: &Path, options: MigrateOptions) -> MigrateReport {
    Store::migrate(path, &options).unwrap()
}

#[test]
fn a_store_of_1_0_becomes_one_of_1_1() {
    let (_guard, path) = place();
    store_of_1_0(&path, 5);
    let report = migrate(&path, MigrateOptions::new());
    assert_eq!((report.from.to_string(), report.to), ("1.0".into(), StoreVersion::CURRENT));
    assert_eq!((report.steps.len(), report.steps[0].segments), (1, 5));
    assert!(!report.resumed && report.backup.is_none());
    check_migrated(&path, 5);
    let again = migrate(&path, MigrateOptions::new());
    assert_eq!((again.from, again.steps.len()), (StoreVersion::CURRENT, 0));
    assert_eq!(open(&path).version().unwrap(), StoreVersion::CURRENT);
}

#[test]
fn a_dry_run_changes_nothing() {
    let (_guard, path) = place();
    store_of_1_0(&path, 3);
    let files = || fs::read_dir(path.join("segments")).unwrap().count();
    let before = files();
    let report = migrate(&path, MigrateOptions::new().dry_run(true));
    assert!(report.dry_run);
    assert_eq!((report.to, report.steps[0].segments), (StoreVersion::CURRENT, 3));
    assert_eq!(open(&path).version().unwrap().to_string(), "1.0");
    assert_eq!(files(), before);
}

#[test]
fn one_that_was_broken_off_goes_on_and_keeps_its_backup() {
    let (_guard, path) = place();
    let backup = path.with_file_name("backup");
    store_of_1_0(&path, 4);
    open(&path).backup(&backup).unwrap();
    fs::write(path.join("HERBARIUM.migration"), "herbarium migration 1.0 to 1.1\n").unwrap();
    // It can be used in between.
    let store = open(&path);
    check(&store, 0..4);
    put(&store, [4]);
    drop(store);
    let report = migrate(&path, MigrateOptions::new().backup_to(&backup));
    assert!(report.resumed && report.backup.is_none(), "{report:?}");
    check_migrated(&path, 5);
    // The marker was raised, the note not yet removed.
    fs::write(path.join("HERBARIUM.migration"), "herbarium migration 1.0 to 1.1\n").unwrap();
    assert!(migrate(&path, MigrateOptions::new()).steps.is_empty());
    check_migrated(&path, 5);
}

#[test]
fn a_backup_is_made_first() {
    let (_guard, path) = place();
    let backup = path.with_file_name("backup");
    store_of_1_0(&path, 4);
    let report = migrate(&path, MigrateOptions::new().backup_to(&backup));
    assert_eq!(report.backup.unwrap().trees, 4);
    assert_eq!(open(&backup).version().unwrap().to_string(), "1.0");
    check(&open(&backup), 0..4);
    check_migrated(&path, 4);
    // A place that is taken: nothing is begun.
    let (_guard, other) = place();
    store_of_1_0(&other, 2);
    let error = Store::migrate(&other, &MigrateOptions::new().backup_to(&path)).unwrap_err();
    assert!(matches!(error, StoreError::Occupied { .. }), "{error:?}");
    assert_eq!(open(&other).version().unwrap().to_string(), "1.0");
}

#[test]
fn a_later_version_is_refused_with_both_named() {
    for found in ["1.7", "2.0"] {
        let (_guard, path) = place();
        drop(open(&path));
        fs::write(path.join("HERBARIUM"), format!("herbarium store {found}\n")).unwrap();
        for options in [MigrateOptions::new(), MigrateOptions::new().dry_run(true)] {
            let error = Store::migrate(&path, &options).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, StoreError::Version { newer: true, .. }), "{error:?}");
            assert!(text.contains(found) && text.contains("1.1"), "{text}");
            assert!(text.contains("update Herbarium"), "{text}");
        }
    }
}

#[test]
fn a_directory_that_is_no_store_is_not_made_one() {
    let (guard, path) = place();
    for dir in [&path, guard.path()] {
        let error = Store::migrate(dir, &MigrateOptions::new()).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    }
}

#[test]
fn a_store_that_is_held_is_not_migrated() {
    let (_guard, path) = place();
    store_of_1_0(&path, 2);
    let store = open(&path);
    let hold = store.hold().unwrap();
    let options = MigrateOptions::new().wait(std::time::Duration::from_millis(20));
    assert!(matches!(Store::migrate(&path, &options), Err(StoreError::Busy { .. })));
    drop(hold);
    drop(store);
    assert!(Store::migrate(&path, &options).unwrap().resumed);
    check_migrated(&path, 2);
}

#[test]
fn a_segment_that_cannot_be_sealed_keeps_the_store_in_its_version_until_it_can() {
    let (_guard, path) = place();
    store_of_1_0(&path, 3);
    // Something else is in the place of its lock.
    let lock = segments(&path, "open").remove(1).with_extension("lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = Store::migrate(&path, &MigrateOptions::new()).unwrap_err();
    assert!(error.to_string().contains(lock.to_str().unwrap()), "{error}");
    let store = reader(&path);
    assert_eq!(store.version().unwrap().to_string(), "1.0");
    check(&store, 0..3);
    drop(store);
    fs::remove_dir(&lock).unwrap();
    assert!(migrate(&path, MigrateOptions::new()).resumed);
    check_migrated(&path, 3);
}
