//! Moves between tiers against inserts and removals: what was replaced does not come back.
//!
//! The stripes are the library's; the tiers are a slot each, changed in the order that
//! `ladder.rs` and the head of `stripe.rs` say.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::check;
use crate::flight::{Flights, Turn};
use crate::stripe::Stripes;

const KEY: u64 = 7;

/// A version of the value in each tier, and the least that a reader may see.
struct Tiers {
    stripes: Stripes,
    hot: Mutex<Option<u64>>,
    warm: Mutex<Option<u64>>,
    floor: AtomicU64,
}

impl Tiers {
    fn new(hot: Option<u64>, warm: Option<u64>) -> Arc<Self> {
        let (hot, warm, floor) = (Mutex::new(hot), Mutex::new(warm), AtomicU64::new(0));
        Arc::new(Self { stripes: Stripes::new(), hot, warm, floor })
    }

    /// As `Ladder::store`.
    fn insert(&self, version: u64) {
        {
            let stripe = self.stripes.lock(&KEY);
            set(&self.warm, None);
            set(&self.hot, Some(version));
            stripe.count_change();
        }
        self.floor.store(version, Ordering::SeqCst);
    }

    /// As `Ladder::remove`; no reader may see anything afterwards.
    fn remove(&self) {
        {
            let stripe = self.stripes.lock(&KEY);
            set(&self.warm, None);
            set(&self.hot, None);
            stripe.count_change();
        }
        self.floor.store(u64::MAX, Ordering::SeqCst);
    }

    /// As an eviction and `Ladder::sink`.
    fn demote(&self) {
        let (version, change) = {
            let mut hot = self.hot.lock().expect("not poisoned");
            let Some(version) = hot.take() else { return };
            (version, self.stripes.change(&KEY))
        };
        let stripe = self.stripes.lock(&KEY);
        if stripe.is_still(change) {
            set(&self.warm, Some(version));
            stripe.count_landing();
        }
    }

    /// As `Ladder::find_warm` and `Ladder::promote`.
    fn promote(&self) {
        let moment = self.stripes.moment(&KEY);
        let Some(version) = get(&self.warm) else { return };
        let Some(stripe) = self.stripes.try_lock(&KEY) else { return };
        if stripe.is_still(moment.change) {
            set(&self.hot, Some(version));
            set(&self.warm, None);
        }
    }

    fn read(&self) {
        let floor = self.floor.load(Ordering::SeqCst);
        if let Some(version) = get(&self.hot).or_else(|| get(&self.warm)) {
            assert!(version >= floor, "version {version} was read after {floor} was put");
        }
    }
}

fn set(tier: &Mutex<Option<u64>>, version: Option<u64>) {
    *tier.lock().expect("not poisoned") = version;
}

fn get(tier: &Mutex<Option<u64>>) -> Option<u64> {
    *tier.lock().expect("not poisoned")
}

/// Each step in a thread of its own, one of them this one, and a read at the end.
fn check_steps(hot: Option<u64>, warm: Option<u64>, steps: &'static [fn(&Tiers)]) {
    check(2, move || {
        let tiers = Tiers::new(hot, warm);
        let threads: Vec<_> = steps
            .iter()
            .map(|step| {
                let tiers = tiers.clone();
                thread::spawn(move || step(&tiers))
            })
            .collect();
        tiers.read();
        threads.into_iter().for_each(|it| it.join().expect("it does not panic"));
        tiers.read();
        let both = (get(&tiers.hot), get(&tiers.warm));
        assert!(!matches!(both, (Some(hot), Some(warm)) if hot != warm), "{both:?}");
    });
}

#[test]
fn what_sinks_does_not_arrive_after_what_replaced_it() {
    check_steps(Some(1), None, &[Tiers::demote, |tiers| tiers.insert(2)]);
}

#[test]
fn what_sinks_does_not_arrive_after_it_was_removed() {
    check_steps(Some(1), None, &[Tiers::demote, Tiers::remove]);
}

#[test]
fn what_rises_does_not_arrive_after_what_replaced_it() {
    check_steps(None, Some(1), &[Tiers::promote, |tiers| tiers.insert(2)]);
}

#[test]
fn what_rises_does_not_arrive_after_it_was_removed() {
    check_steps(None, Some(1), &[Tiers::promote, Tiers::remove]);
}

#[test]
fn what_rises_and_sinks_at_once_does_not_outlive_what_replaced_it() {
    check_steps(
        None,
        Some(1),
        &[
            |tiers| {
                tiers.promote();
                tiers.demote();
            },
            |tiers| tiers.insert(2),
        ],
    );
}

#[test]
fn two_writers_and_a_demotion_leave_the_version_of_the_last() {
    check_steps(
        Some(1),
        None,
        &[
            |tiers| {
                tiers.insert(2);
                tiers.demote();
            },
            Tiers::demote,
        ],
    );
}

/// The value of the key as `Cache::get_or_try_insert_with` finds or computes it.
fn find_or_compute(tiers: &Tiers, flights: &Flights<u64, u64>, computed: u64) -> u64 {
    match flights.join(&KEY, None) {
        Turn::Wait(flight) => {
            let told = flight.wait().expect("nobody abandons it");
            *told.expect("nobody fails")
        }
        Turn::Lead(lead) => {
            let version = get(&tiers.hot).or_else(|| get(&tiers.warm)).unwrap_or(computed);
            lead.end(Ok(Arc::new(version)));
            version
        }
    }
}

/// What is found while a key is being changed is for those who asked before the change ended.
#[test]
fn who_asks_after_a_removal_does_not_share_what_was_found_before_it() {
    check(3, || {
        let (tiers, flights) = (Tiers::new(None, Some(1)), Arc::new(Flights::new()));
        let early = {
            let (tiers, flights) = (tiers.clone(), flights.clone());
            thread::spawn(move || find_or_compute(&tiers, &flights, 2))
        };
        // As `Ladder::remove`.
        {
            let stripe = tiers.stripes.lock(&KEY);
            set(&tiers.warm, None);
            set(&tiers.hot, None);
            flights.supersede(&KEY);
            stripe.count_change();
        }
        assert_eq!(find_or_compute(&tiers, &flights, 2), 2);
        early.join().expect("it does not panic");
    });
}
