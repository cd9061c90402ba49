//! Every order of the steps of two or three threads: the files of the single flight and of
//! the stripes, built on loom's locks and atomics instead of the standard library's.

#[path = "../../src/flight.rs"]
#[expect(dead_code, unreachable_pub, reason = "the file is the library's")]
mod flight;
#[path = "../../src/stripe.rs"]
#[expect(dead_code, reason = "the file is the library's")]
mod stripe;

mod flights;
mod moves;

use herbarium_cache::Key;

/// What `crate::sync` is in the library.
mod sync {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
}

/// What the stripes know of the tiers.
mod bounded {
    pub(crate) struct Evicted<K, E> {
        pub(crate) key: K,
        #[expect(dead_code, reason = "no stripe looks at it")]
        pub(crate) entry: E,
        pub(crate) change: u64,
    }
}

/// Runs a scene in every order in which a thread is interrupted at most so often.
fn check(interruptions: usize, scene: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions);
    model.max_branches = 10_000;
    model.check(scene);
}
