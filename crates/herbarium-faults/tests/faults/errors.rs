//! Calls fail: each in its turn, in every way that a system has.

use herbarium_faults::{Deed, Ended, Loss, Work, class, survey};

use crate::bench::{at_every_call, bench};

/// The child went on to its end: what was refused once was done at the second try.
fn came_to_its_end(ended: &Ended) -> Result<(), String> {
    let told = &ended.told;
    if !told.closed {
        return Err("it did not come to its end".into());
    }
    if told.put.len() as u64 != Work::script("store").end() || told.manifest == 0 {
        return Err("something was refused twice".into());
    }
    Ok(())
}

/// Nothing was refused at all.
fn noticed_nothing(ended: &Ended) -> Result<(), String> {
    came_to_its_end(ended)?;
    if ended.told.failed.is_empty() && ended.told.missing.is_empty() {
        Ok(())
    } else {
        Err("it was refused something".into())
    }
}

fn check(deed: Deed, classes: u32, ended: impl Fn(&Ended) -> Result<(), String>) {
    let Some(bench) = bench() else { return };
    let check = |work: &Work, child: &Ended| {
        ended(child)?;
        survey(work, &child.told, Loss::Process).map(drop)
    };
    let calls = at_every_call(&bench, &Work::script("store"), classes, deed, check);
    assert!(calls >= 20, "only {calls} calls were tried");
}

#[test]
fn an_error_of_the_device_at_any_change_loses_nothing() {
    check(Deed::EIO, class::CHANGES | class::OPEN | class::OPEN_TO_WRITE, came_to_its_end);
}

#[test]
fn an_error_of_the_device_at_any_read_loses_nothing() {
    check(Deed::EIO, class::READ, came_to_its_end);
}

#[test]
fn a_full_disk_at_any_change_loses_nothing() {
    check(Deed::ENOSPC, class::CHANGES, came_to_its_end);
}

#[test]
fn a_signal_at_any_call_is_not_noticed() {
    check(Deed::EINTR, class::INTERRUPTIBLE, noticed_nothing);
}

#[test]
fn half_a_write_at_any_write_is_not_noticed() {
    check(Deed::Short, class::WRITE, noticed_nothing);
}

#[test]
fn half_a_read_at_any_read_is_not_noticed() {
    check(Deed::Short, class::READ, noticed_nothing);
}
