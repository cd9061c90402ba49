//! What keeps a value from coming back after it was replaced or removed.
//!
//! A value on its way down has left the hot tier and is not yet in the one below. Were its
//! key inserted anew meanwhile, the old value would arrive last. So every key belongs to
//! one of a few hundred stripes, each a lock and a count of changes:
//!
//! - `insert` and `remove` hold the lock of their key: they clean the tiers from the bottom
//!   up, change the hot tier last, and then count one change.
//! - A value that leaves a tier notes the count while the tier's own lock is still held,
//!   that is, before any insert that comes later can have counted. To enter the next tier
//!   it takes the stripe's lock and compares. Another count: it is dropped. The same: no
//!   insert or remove has ended since, and none is under way.
//! - A value on its way up notes the count before it is read, and compares likewise.
//!
//! A change of another key of the stripe drops a value that could have stayed: rare, and a
//! cache may forget.

use std::hash::{BuildHasher, Hash};
use std::sync::{PoisonError, TryLockError};

use quick_cache::DefaultHashBuilder;

use crate::Key;
use crate::bounded::Evicted;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

const STRIPES: usize = 256;

pub(crate) struct Stripes {
    stripes: Box<[Stripe]>,
    pub(crate) hasher: DefaultHashBuilder,
}

/// On a cache line of its own: stripes are written by different threads.
#[derive(Default)]
#[repr(align(64))]
struct Stripe {
    changes: AtomicU64,
    /// Values that arrived in a tier below the hot one.
    landings: AtomicU64,
    lock: Mutex<()>,
}

/// Both counts of a stripe at one time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) change: u64,
    landing: u64,
}

impl Stripes {
    pub(crate) const BYTES: usize = STRIPES * size_of::<Stripe>();

    pub(crate) fn new() -> Self {
        let stripes = (0..STRIPES).map(|_| Stripe::default()).collect();
        Self { stripes, hasher: DefaultHashBuilder::default() }
    }

    fn stripe(&self, key: &impl Hash) -> &Stripe {
        &self.stripes[self.hasher.hash_one(key) as usize % STRIPES]
    }

    /// How many changes the keys of this stripe have seen.
    pub(crate) fn change(&self, key: &impl Hash) -> u64 {
        self.stripe(key).changes.load(Ordering::Acquire)
    }

    /// An insert of `key`, counted as `change`, displaced another key of the same stripe
    /// while it held the lock: that one noted the count just before.
    pub(crate) fn excuse<K: Key, E>(&self, key: &K, change: u64, evicted: &mut Evicted<K, E>) {
        let is_same = std::ptr::eq(self.stripe(key), self.stripe(&evicted.key));
        if is_same && evicted.key != *key && evicted.change + 1 == change {
            evicted.change = change;
        }
    }

    pub(crate) fn moment(&self, key: &impl Hash) -> Moment {
        self.stripe(key).moment()
    }

    pub(crate) fn lock(&self, key: &impl Hash) -> Held<'_> {
        let stripe = self.stripe(key);
        let _guard = stripe.lock.lock().unwrap_or_else(PoisonError::into_inner);
        Held { stripe, _guard }
    }

    /// Nothing if somebody holds it: readers do not wait for writers.
    pub(crate) fn try_lock(&self, key: &impl Hash) -> Option<Held<'_>> {
        let stripe = self.stripe(key);
        let _guard = match stripe.lock.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Held { stripe, _guard })
    }
}

impl Stripe {
    fn moment(&self) -> Moment {
        Moment {
            change: self.changes.load(Ordering::Acquire),
            landing: self.landings.load(Ordering::Acquire),
        }
    }
}

/// A stripe whose lock is held.
pub(crate) struct Held<'a> {
    stripe: &'a Stripe,
    _guard: MutexGuard<'a, ()>,
}

impl Held<'_> {
    /// Whether no key of the stripe has changed since that count.
    pub(crate) fn is_still(&self, change: u64) -> bool {
        self.stripe.changes.load(Ordering::Acquire) == change
    }

    pub(crate) fn moment(&self) -> Moment {
        self.stripe.moment()
    }

    /// Counts a change; returns the new count.
    pub(crate) fn count_change(&self) -> u64 {
        self.stripe.changes.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn count_landing(&self) {
        self.stripe.landings.fetch_add(1, Ordering::AcqRel);
    }
}
