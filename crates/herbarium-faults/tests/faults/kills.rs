//! Children are killed: at any instant, and at every call.

use herbarium_faults::{Crash, Deed, Work, class};
use herbarium_store::Durability;

use crate::bench::{at_every_call, bench, survives_a_kill};

#[test]
fn what_a_killed_process_put_is_there_whenever_it_was_killed() {
    let Some(bench) = bench() else { return };
    let crash = Crash { cycles: 30, seed: 1 };
    let summary = crash.run(&bench, |_, wrong| assert_eq!(wrong, None)).unwrap();
    assert!(summary.is_sound(), "{summary}");
    assert!(summary.killed >= 25 && summary.acknowledged > 100, "{summary}");
}

/// Kills at every call of these classes, of which there are at least so many.
fn check(deed: Deed, classes: u32, at_least: u64) {
    let Some(bench) = bench() else { return };
    let work = Work::script("store");
    let calls = at_every_call(&bench, &work, classes, deed, survives_a_kill);
    assert!(calls >= at_least, "only {calls} calls were tried");
}

#[test]
fn a_kill_before_any_change_loses_nothing() {
    check(Deed::KillBefore, class::CHANGES, 80);
}

#[test]
fn a_kill_amid_any_write_loses_nothing() {
    check(Deed::KillInMiddle, class::WRITE, 40);
}

#[test]
fn a_kill_after_any_change_loses_nothing() {
    check(Deed::KillAfter, class::CHANGES, 80);
}

#[test]
fn a_kill_at_any_change_loses_nothing_with_a_sync_for_each_put() {
    let Some(bench) = bench() else { return };
    let work = Work { durability: Durability::Each, batches: 3, ..Work::script("store") };
    let classes = class::SYNC | class::SYNC_DIR | class::RENAME;
    at_every_call(&bench, &work, classes, Deed::KillBefore, survives_a_kill);
}
