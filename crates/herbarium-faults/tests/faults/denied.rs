//! The store may not be written to, is not there, or goes away.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use herbarium_faults::{
    Deed, Faults, Line, Loss, Scratch, Told, Work, class, content, survey, survey_range,
};
use herbarium_store::{Store, StoreError, StoreOptions};

use crate::bench::{bench, endless, not_run, scripted};
use crate::full::Mounted;

/// All that was put can be read by whoever only reads, and whoever would write is
/// told that this cannot be, and what to do.
fn check_reading(dir: &Path, told: &Told) {
    let store = Store::open(dir, StoreOptions::new().read_only(true)).unwrap();
    for n in &told.put {
        let found = store.get_tree(&content::key(*n)).unwrap().unwrap();
        assert_eq!(found.bytes, content::bytes(*n));
    }
    assert!(store.manifest(content::WORKSPACE.as_ref()).unwrap().is_some());
    let error = store.put_manifest(&content::manifest(1)).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_read_only_file_system_is_read_from_and_refused_for_writing() {
    let Some(bench) = bench() else { return };
    let (_scratch, work, told) = scripted(&bench);
    for deed in [Deed::EROFS, Deed::EACCES] {
        let root = work.dir.parent().unwrap();
        let fired = root.with_file_name("fired");
        let faults = Faults::below(root).at(class::REFUSED, 1, 0, deed, &fired);
        let ended = bench.run(&work, &faults).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        let failed = &ended.told.failed[0];
        assert!(failed.contains("have its permissions changed, or name another"), "{failed}");
    }
    check_reading(&work.dir, &told);
}

#[test]
fn a_mounted_read_only_file_system_is_read_from_and_refused_for_writing() {
    let Some(bench) = bench() else { return };
    let (_scratch, work, told) = scripted(&bench);
    let dir = work.dir.to_str().unwrap();
    let Some(_mounted) = Mounted::new(&["--bind", dir], &work.dir) else {
        return not_run("a folder cannot be mounted read-only here");
    };
    let remount =
        std::process::Command::new("mount").args(["-o", "remount,ro,bind"]).arg(&work.dir).status();
    if !remount.is_ok_and(|status| status.success()) {
        return not_run("a folder cannot be mounted read-only here");
    }
    check_reading(&work.dir, &told);
    let error = Store::open(&work.dir, StoreOptions::new()).unwrap_err().to_string();
    assert!(error.contains("have its permissions changed, or name another"), "{error}");
}

#[test]
fn a_store_that_may_no_longer_be_written_to_keeps_what_was_put() {
    let Some(bench) = bench() else { return };
    for nth in (1..200).step_by(9) {
        let scratch = Scratch::new().unwrap();
        let root = scratch.root().unwrap();
        let work = Work::script(root.join("store"));
        let fired = scratch.path().join("fired");
        let faults = Faults::below(&root).at(class::REFUSED, nth, 0, Deed::EACCES, &fired);
        let ended = bench.run(&work, &faults).unwrap();
        if faults.fired().is_none() {
            break;
        }
        survey(&work, &ended.told, Loss::Process).unwrap_or_else(|wrong| panic!("{nth}: {wrong}"));
    }
}

#[test]
fn a_store_that_is_not_there_is_an_error_for_readers_and_made_for_writers() {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().join("none/store");
    let error = Store::open(&dir, StoreOptions::new().read_only(true)).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    assert!(error.to_string().contains(&dir.display().to_string()), "{error}");
    drop(Store::open(&dir, StoreOptions::new()).unwrap());
    drop(Store::open(&dir, StoreOptions::new().read_only(true)).unwrap());
}

/// Removes something of a store while a child works on it; then the store is as
/// good as new.
fn check_removal(remove: impl Fn(&Path)) {
    let Some(bench) = bench() else { return };
    let scratch = Scratch::new().unwrap();
    let root = scratch.root().unwrap();
    let work = endless(root.join("store"), 0, 3);
    let mut child = bench.start(&work, &Faults::below(&root)).unwrap();
    child.hear_until(|line| matches!(line, Line::Manifest(_))).unwrap();
    remove(&work.dir);
    for _ in 0..300 {
        child.hear().unwrap();
    }
    let told = child.kill().unwrap().told;
    assert_eq!(told.wrong, Vec::<u64>::new());
    let end = told.put.last().unwrap() + 1;
    survey_range(&work, &told, Loss::Damage, 0..end).unwrap();
    // And what is put by the next process is there.
    let next = Work { from: end, ..Work::script(&work.dir) };
    let told = bench.run(&next, &Faults::below(&root)).unwrap().told;
    assert!(told.closed && told.failed.is_empty(), "{told:?}");
    survey(&next, &told, Loss::Damage).unwrap();
    let store = Store::open(&work.dir, StoreOptions::new()).unwrap();
    let there: BTreeSet<u64> =
        told.put.iter().copied().filter(|n| store.contains(&content::key(*n)).unwrap()).collect();
    assert_eq!(there, told.put);
}

fn remove_with(dir: &Path, extension: &str) {
    for entry in fs::read_dir(dir.join("segments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == extension) {
            // Its owner may have been faster.
            let _ = fs::remove_file(path);
        }
    }
}

#[test]
fn a_store_removed_while_it_is_used_can_be_made_anew() {
    check_removal(|dir| {
        // Something may be made in it meanwhile.
        while fs::remove_dir_all(dir).is_err() {}
    });
}

#[test]
fn segments_removed_while_they_are_used_are_missed() {
    check_removal(|dir| while fs::remove_dir_all(dir.join("segments")).is_err() {});
    check_removal(|dir| remove_with(dir, "pack"));
    check_removal(|dir| remove_with(dir, "open"));
}

#[test]
fn locks_and_catalogue_removed_while_they_are_used_cost_no_tree() {
    check_removal(|dir| remove_with(dir, "lock"));
    check_removal(|dir| fs::remove_file(dir.join("catalogue.redb")).unwrap());
    check_removal(|dir| fs::remove_file(dir.join("catalogue.lock")).unwrap());
    check_removal(|dir| fs::remove_file(dir.join("HERBARIUM")).unwrap());
}
