//! Garbage collection, backup, migration and restoring meet faults: what was in
//! the store is in it, a copy is whole or not there, and the next try comes to its
//! end.

use std::fs;
use std::path::Path;

use herbarium_faults::{
    Bench, Deed, Ended, Faults, Kind, Loss, Scratch, Told, Work, class, survey,
};

use crate::bench::{at_every_call_on, bench};
use crate::damage::copy;

/// A store of the first version, on which the script was done.
fn old_store(bench: &Bench) -> (Scratch, Work, Told) {
    let scratch = Scratch::new().unwrap();
    let root = scratch.root().unwrap();
    let work = Work { batches: 3, ..Work::script(root.join("store")) };
    fs::create_dir_all(work.dir.join("segments")).unwrap();
    fs::write(work.dir.join("HERBARIUM"), "herbarium store 1.0\n").unwrap();
    let ended = bench.run(&work, &Faults::below(&root)).unwrap();
    assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
    (scratch, work, ended.told)
}

/// Nothing is gone from the store, nor from a copy that was said to be made.
fn nothing_is_gone(work: &Work, before: &Told, ended: &Ended) -> Result<(), String> {
    survey(work, before, Loss::Process).map_err(|wrong| format!("the store: {wrong}"))?;
    for folder in &ended.told.backups {
        let copy = Work { dir: folder.into(), ..work.clone() };
        survey(&copy, before, Loss::Process).map_err(|wrong| format!("{folder}: {wrong}"))?;
    }
    Ok(())
}

/// Beside the store lie its copies and nothing that was killed while it was made.
fn nothing_is_left(root: &Path) -> Result<(), String> {
    let entries = fs::read_dir(root).map_err(|error| error.to_string())?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_left = |name: &String| name.contains(".unfinished-") || name.contains(".replaced-");
    let left: Vec<_> = names.filter(is_left).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("the next try left {left:?}")) }
}

fn check(deed: Deed, classes: u32) {
    let Some(bench) = bench() else { return };
    let (_scratch, work, before) = old_store(&bench);
    let prepare = |dir: &Path| {
        copy(&work.dir, dir);
        // In whose place the copy is put.
        copy(&work.dir, &dir.with_file_name("store.restored"));
    };
    let keep = Work { kind: Kind::Keep, ..work.clone() };
    let calls = at_every_call_on(&bench, &keep, classes, deed, prepare, |work, ended| {
        nothing_is_gone(work, &before, ended)?;
        let root = work.dir.parent().unwrap();
        let again = bench.run(work, &Faults::below(root))?;
        if !again.told.closed || !again.told.failed.is_empty() || again.told.backups.len() != 2 {
            return Err(format!("the next try did not come to its end: {again:?}"));
        }
        let version = fs::read_to_string(work.dir.join("HERBARIUM")).unwrap_or_default();
        if version == "herbarium store 1.0\n" {
            return Err("it was not migrated".into());
        }
        nothing_is_left(root)?;
        nothing_is_gone(work, &before, &again)
    });
    assert!(calls >= 30, "only {calls} calls were tried");
}

#[test]
fn a_kill_during_gc_backup_migration_and_restoring_loses_nothing() {
    check(Deed::KillBefore, class::CHANGES);
}

#[test]
fn a_full_disk_during_gc_backup_migration_and_restoring_loses_nothing() {
    check(Deed::ENOSPC, class::WRITE | class::CREATE);
}
