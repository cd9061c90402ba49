//! The engine over a store that meets faults: the next index heals, and what
//! comes of it is what a parser says.

use std::fs;
use std::path::{Path, PathBuf};

use herbarium_faults::{Deed, Ended, Faults, Kind, Scratch, Work, class, indexing};
use herbarium_index::{Cancel, Origin};
use herbarium_store::{Store, StoreOptions};

use crate::bench::{at_every_call, bench};
use crate::damage::{Harm, copy, files};

/// Code that was written, and work that indexes it.
fn code() -> (Scratch, Work) {
    let scratch = Scratch::new().unwrap();
    let code = fs::canonicalize(scratch.path()).unwrap().join("code");
    indexing::write_code(&code).unwrap();
    let work = Work { kind: Kind::Index, code, ..Work::script("store") };
    (scratch, work)
}

/// Indexes once more: every tree is there then, the next index parses nothing, and
/// a parser agrees with all of them.
fn heals(dir: &Path, code: &PathBuf) -> Result<(), String> {
    let store = Store::open(dir, StoreOptions::new()).map_err(|error| error.to_string())?;
    let engine = indexing::engine(store);
    let paths = std::slice::from_ref(code);
    let index = || engine.index(paths, &(), &Cancel::new()).map_err(|error| error.to_string());
    let verify = |deep| engine.verify(deep, &(), &Cancel::new()).map_err(|error| error.to_string());
    index()?;
    // What was damaged and not noticed is now; then it is pressed again.
    verify(false)?;
    let report = index()?;
    if report.trees_new + report.trees_reused != indexing::trees() {
        return Err(format!("not all trees are there: {report:?}"));
    }
    let again = index()?;
    if again.parses != 0 {
        return Err(format!("{} parses where nothing had changed", again.parses));
    }
    let verified = verify(true)?;
    if !verified.is_sound() || verified.compared != indexing::trees() {
        return Err(format!("not sound: {verified:?}"));
    }
    let opened = engine.open(&code.join("unit2.c")).map_err(|error| error.to_string())?;
    if opened.from != Origin::Store {
        return Err("a tree was parsed that is in the store".into());
    }
    Ok(())
}

fn check(deed: Deed, classes: u32, child: impl Fn(&Ended) -> bool) {
    let Some(bench) = bench() else { return };
    let (_scratch, work) = code();
    let calls = at_every_call(&bench, &work, classes, deed, |work, ended| {
        if !child(ended) {
            return Err("the child did not end as it should".into());
        }
        heals(&work.dir, &work.code)
    });
    assert!(calls >= 10, "only {calls} calls were tried");
}

#[test]
fn an_index_killed_at_any_change_is_done_by_the_next() {
    check(Deed::KillBefore, class::CHANGES, Ended::was_killed);
}

#[test]
fn an_index_killed_amid_any_write_is_done_by_the_next() {
    check(Deed::KillInMiddle, class::WRITE, Ended::was_killed);
}

#[test]
fn an_index_with_an_error_at_any_change_is_done_at_the_second_try() {
    check(Deed::ENOSPC, class::WRITE | class::CREATE, |ended| ended.told.closed);
    check(Deed::EIO, class::READ, |ended| ended.told.closed);
}

#[test]
fn any_harm_to_any_file_of_an_indexed_store_is_healed_by_the_next_index() {
    let Some(bench) = bench() else { return };
    let (scratch, work) = code();
    let work = Work { dir: scratch.path().join("store"), ..work };
    let ended = bench.run(&work, &Faults::default()).unwrap();
    assert!(ended.told.closed, "{ended:?}");
    for (number, file) in (0..).zip(files(&work.dir)) {
        let name = file.strip_prefix(&work.dir).unwrap();
        for harm in Harm::several(number, 5) {
            let scratch = Scratch::new().unwrap();
            let dir = scratch.path().join("store");
            copy(&work.dir, &dir);
            harm.to(&dir.join(name));
            heals(&dir, &work.code)
                .unwrap_or_else(|wrong| panic!("{harm:?} to {}: {wrong}", name.display()));
        }
    }
}
