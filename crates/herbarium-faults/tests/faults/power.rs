//! Power fails: at every place, with any part of what was not synced lost.

use herbarium_faults::{Record, Ways, Work, check_store};
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
    check(&work, Ways { all_subsets_of: 3, at_random: 1, seed: 1 }, 200);
}

#[test]
fn what_was_put_survives_with_a_sync_for_each() {
    let work = Work { durability: Durability::Each, batches: 3, ..Work::script("store") };
    check(&work, Ways { all_subsets_of: 2, at_random: 1, seed: 2 }, 100);
}
