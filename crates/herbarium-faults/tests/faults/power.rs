//! Power fails: at every place, with any part of what was not synced lost.

use herbarium_faults::{
    Deed, Fates, Faults, Outcome, Record, Scratch, Told, Ways, Work, check_store, class,
};
use herbarium_store::Durability;

use crate::bench::bench;

fn check(work: &Work, ways: Ways, at_least: u64) {
    let Some(bench) = bench() else { return };
    let outcome = Record::of(&bench, work).unwrap().fail(ways, check_store).unwrap();
    assert!(outcome.images >= at_least, "{outcome:?}");
}

#[test]
fn what_was_flushed_survives_every_way_for_power_to_fail() {
    let work = Work { batches: 3, ..Work::script("store") };
    check(&work, Ways { all_subsets_of: 2, in_order: true, at_random: 1, seed: 1 }, 200);
}

#[test]
fn what_was_put_survives_with_a_sync_for_each() {
    let work = Work { durability: Durability::Each, batches: 3, ..Work::script("store") };
    check(&work, Ways { all_subsets_of: 2, in_order: true, at_random: 1, seed: 2 }, 100);
}

/// Nothing but what was synced.
const ALL_LOST: Ways = Ways { all_subsets_of: 0, in_order: false, at_random: 0, seed: 0 };

#[test]
fn a_collection_may_be_cut_short_by_a_power_failure_at_any_place() {
    check(&Work::script("store"), ALL_LOST, 40);
}

/// As for any power failure, but for the manifest: that of a catalogue that was not
/// synced may be gone, which costs the next index the reading of its files.
fn check_trees(work: &Work, told: &Told, fates: &Fates) -> Result<Outcome, String> {
    let mut told = told.clone();
    told.manifest = 0;
    check_store(work, &told, fates)
}

#[test]
fn a_sync_that_failed_is_not_taken_for_one_that_went_well() {
    let Some(bench) = bench() else { return };
    for (durability, batches) in [(Durability::Batch, 3), (Durability::Each, 1)] {
        for nth in 1.. {
            let scratch = Scratch::new().unwrap();
            let fired = scratch.path().join("fired");
            let work = Work { durability, batches, ..Work::script("store") };
            let fail = |faults: Faults| faults.at(class::SYNC, nth, 1, Deed::EIO, &fired);
            let (record, ended) = Record::with(&bench, &work, fail).unwrap();
            let Ok(call) = std::fs::read_to_string(&fired) else { break };
            let is_told =
                ended.told.failed.iter().any(|it| it.starts_with("close: could not sync"));
            assert!(ended.told.closed || is_told, "{call}: {ended:?}");
            record
                .fail(ALL_LOST, check_trees)
                .unwrap_or_else(|wrong| panic!("{durability:?}, sync {nth}, {call}: {wrong}"));
        }
    }
}

#[test]
fn what_the_next_process_flushed_survives_although_the_one_before_was_killed() {
    let Some(bench) = bench() else { return };
    for nth in 1.. {
        let scratch = Scratch::new().unwrap();
        let fired = scratch.path().join("fired");
        // Before something is made to last: what was done is not done again.
        let classes = class::SYNC | class::SYNC_DIR;
        let kill = |faults: Faults| faults.at(classes, nth, 1, Deed::KillBefore, &fired);
        let first = Work { batches: 3, ..Work::script("store") };
        let next = Work { from: first.end(), batches: 2, ..first.clone() };
        let (record, ended) = Record::with_next(&bench, &first, kill, Some(&next)).unwrap();
        let Ok(call) = std::fs::read_to_string(&fired) else { break };
        assert!(ended.was_killed(), "{call}: {ended:?}");
        let check = |work: &Work, told: &Told, fates: &Fates| {
            let all = Work { batches: 5, ..work.clone() };
            check_store(&all, told, fates)
        };
        record.fail(ALL_LOST, check).unwrap_or_else(|wrong| panic!("kill {nth}, {call}: {wrong}"));
    }
}
