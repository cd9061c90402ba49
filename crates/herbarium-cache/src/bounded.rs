//! One tier in memory: entries up to a weight, and the rest evicted.
//!
//! Most entries lie in a [`quick_cache`], whose capacity is split over shards. An entry of
//! more than a shard's share would never be kept there, so large ones lie in a lane of
//! their own, the least recently used of them going first. What the lane holds is taken
//! from the shards' capacity while it is there, and at most half of it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache as Sharded;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::Key;
use crate::stripe::Stripes;

/// An entry that knows its weight in bytes; never 0, since the policy never evicts what
/// weighs nothing.
pub(crate) trait Weighted: Clone {
    fn weight(&self) -> u64;
}

/// An entry that had to leave, and the count of its stripe when it did.
pub(crate) struct Evicted<K, E> {
    pub(crate) key: K,
    pub(crate) entry: E,
    pub(crate) change: u64,
}

/// What left during one call.
pub(crate) struct Batch<K, E>(pub(crate) Vec<Evicted<K, E>>);

impl<K, E> Default for Batch<K, E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// How a tier is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) capacity: u64,
    pub(crate) shards: usize,
    pub(crate) expected_entry: u64,
}

pub(crate) struct Bounded<K, E> {
    sharded: Sharded<K, E, ByWeight, DefaultHashBuilder, Collector<K, E>>,
    lane: Lane<K, E>,
    collector: Collector<K, E>,
    /// Weight from which an entry is large.
    large: AtomicU64,
    capacity: AtomicU64,
}

struct Lane<K, E> {
    giants: Mutex<Vec<Giant<K, E>>>,
    /// Read without the lock: most caches have none.
    len: AtomicUsize,
    bytes: AtomicU64,
    clock: AtomicU64,
}

struct Giant<K, E> {
    key: K,
    entry: E,
    used: AtomicU64,
}

impl<K: Key, E: Weighted> Bounded<K, E> {
    #[expect(clippy::expect_used, reason = "options fail without capacities alone")]
    pub(crate) fn new(layout: Layout, stripes: &Arc<Stripes>) -> Self {
        let collector = Collector { stripes: stripes.clone(), spill: Arc::default() };
        let shards = layout.shards.next_power_of_two();
        let items = (layout.capacity / layout.expected_entry.max(1)) as usize;
        let options = OptionsBuilder::new()
            .shards(shards)
            // Fewer a shard, and the policy would take fewer shards.
            .estimated_items_capacity(items.max(32 * shards))
            .weight_capacity(layout.capacity)
            .build()
            .expect("both capacities are set");
        let hasher = stripes.hasher.clone();
        let bounded = Self {
            sharded: Sharded::with_options(options, ByWeight, hasher, collector.clone()),
            lane: Lane::default(),
            collector,
            large: AtomicU64::new(0),
            capacity: AtomicU64::new(layout.capacity),
        };
        bounded.set_large(layout.capacity);
        bounded
    }

    /// Looks among the entries that are not large.
    #[inline]
    pub(crate) fn get_small(&self, key: &K) -> Option<E> {
        self.sharded.get(key)
    }

    /// Looks among the large ones.
    pub(crate) fn get_giant(&self, key: &K) -> Option<E> {
        if self.lane.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.lane.get(key)
    }

    pub(crate) fn get(&self, key: &K) -> Option<E> {
        self.sharded.get(key).or_else(|| self.get_giant(key))
    }

    /// Like `get`, and leaves no trace of the use.
    pub(crate) fn peek(&self, key: &K) -> Option<E> {
        let found = self.sharded.peek(key);
        if found.is_none() && self.lane.len.load(Ordering::Acquire) != 0 {
            return self.lane.peek(key);
        }
        found
    }

    /// Whether an entry of this weight can be kept at all.
    pub(crate) fn admits(&self, weight: u64) -> bool {
        weight <= self.lane_limit().max(self.large.load(Ordering::Relaxed))
    }

    /// Keeps an entry that is admitted. What must leave for it comes into the batch; the
    /// key's former entry does not.
    pub(crate) fn insert(&self, key: K, entry: E, batch: &mut Batch<K, E>) {
        if entry.weight() > self.large.load(Ordering::Relaxed) {
            self.insert_giant(key, entry, batch);
            return;
        }
        if self.lane.len.load(Ordering::Acquire) != 0 && self.lane.remove(&key).is_some() {
            self.resize(batch);
        }
        let from = batch.0.len();
        self.sharded.insert_with_lifecycle(key.clone(), entry, batch);
        // The policy tells of the replaced entry as of an evicted one.
        if batch.0.len() > from {
            drop_key(&mut batch.0, from, &key);
        }
        self.take_spilled(batch);
    }

    fn insert_giant(&self, key: K, entry: E, batch: &mut Batch<K, E>) {
        let limit = self.lane_limit();
        self.lane.insert(key.clone(), entry, limit, &self.collector.stripes, batch);
        self.sharded.remove(&key);
        self.resize(batch);
    }

    pub(crate) fn remove(&self, key: &K) -> Option<E> {
        let found = self.sharded.remove(key).map(|(_, entry)| entry);
        if self.lane.len.load(Ordering::Acquire) == 0 {
            return found;
        }
        let giant = self.lane.remove(key);
        if giant.is_some() {
            // Growing evicts nothing.
            self.resize(&mut Batch::default());
        }
        found.or(giant)
    }

    /// Sets the weight that entries may have in all.
    pub(crate) fn set_capacity(&self, capacity: u64, batch: &mut Batch<K, E>) {
        if self.capacity.swap(capacity, Ordering::AcqRel) != capacity {
            self.set_large(capacity);
            self.resize(batch);
        }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    pub(crate) fn weight(&self) -> u64 {
        self.sharded.weight() + self.lane.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn len(&self) -> usize {
        self.sharded.len() + self.lane.len.load(Ordering::Relaxed)
    }

    /// Bytes of the tables that entries lie in.
    pub(crate) fn table_bytes(&self) -> u64 {
        self.sharded.memory_used().total() as u64
    }

    pub(crate) fn clear(&self) {
        self.sharded.clear();
        self.lane.clear();
        self.resize(&mut Batch::default());
    }

    fn lane_limit(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed) / 2
    }

    /// Nearly a shard's share when the lane is full: the policy keeps 3% of a shard for
    /// newcomers, and no entry larger than the rest.
    fn set_large(&self, capacity: u64) {
        let share = capacity / 2 / self.sharded.num_shards() as u64;
        self.large.store(share - share / 10, Ordering::Relaxed);
    }

    /// Gives the shards what the lane does not hold.
    fn resize(&self, batch: &mut Batch<K, E>) {
        // Held throughout: of two resizes the later one must know all giants.
        let giants = self.lane.lock();
        let lane = self.lane.bytes.load(Ordering::Relaxed);
        self.collector.spill.open.store(true, Ordering::SeqCst);
        self.sharded.set_capacity(self.capacity().saturating_sub(lane).max(1));
        self.collector.spill.open.store(false, Ordering::SeqCst);
        drop(giants);
        self.take_spilled(batch);
    }

    fn take_spilled(&self, batch: &mut Batch<K, E>) {
        let spill = &self.collector.spill;
        if spill.any.swap(false, Ordering::AcqRel) {
            batch.0.append(&mut spill.lock());
        }
    }
}

fn drop_key<K: Key, E>(evicted: &mut Vec<Evicted<K, E>>, from: usize, key: &K) {
    let mut at = 0;
    evicted.retain(|it| {
        at += 1;
        at <= from || it.key != *key
    });
}

impl<K, E> Default for Lane<K, E> {
    fn default() -> Self {
        Self {
            giants: Mutex::default(),
            len: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            clock: AtomicU64::new(0),
        }
    }
}

impl<K: Key, E: Weighted> Lane<K, E> {
    fn lock(&self) -> MutexGuard<'_, Vec<Giant<K, E>>> {
        self.giants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn get(&self, key: &K) -> Option<E> {
        let giants = self.lock();
        let giant = giants.iter().find(|giant| giant.key == *key)?;
        giant.used.store(self.tick(), Ordering::Relaxed);
        Some(giant.entry.clone())
    }

    fn peek(&self, key: &K) -> Option<E> {
        self.lock().iter().find(|giant| giant.key == *key).map(|giant| giant.entry.clone())
    }

    fn insert(&self, key: K, entry: E, limit: u64, stripes: &Stripes, batch: &mut Batch<K, E>) {
        let mut giants = self.lock();
        giants.retain(|giant| giant.key != key);
        let mut bytes: u64 = giants.iter().map(|giant| giant.entry.weight()).sum();
        while bytes + entry.weight() > limit && !giants.is_empty() {
            let used = |at: &usize| giants[*at].used.load(Ordering::Relaxed);
            let oldest = (0..giants.len()).min_by_key(used).unwrap_or_default();
            let Giant { key, entry, .. } = giants.swap_remove(oldest);
            bytes -= entry.weight();
            let change = stripes.change(&key);
            batch.0.push(Evicted { key, entry, change });
        }
        giants.push(Giant { key, entry, used: AtomicU64::new(self.tick()) });
        self.tell(&giants);
    }

    fn remove(&self, key: &K) -> Option<E> {
        let mut giants = self.lock();
        let at = giants.iter().position(|giant| giant.key == *key)?;
        let giant = giants.swap_remove(at);
        self.tell(&giants);
        Some(giant.entry)
    }

    fn clear(&self) {
        let mut giants = self.lock();
        giants.clear();
        self.tell(&giants);
    }

    fn tell(&self, giants: &[Giant<K, E>]) {
        let bytes = giants.iter().map(|giant| giant.entry.weight()).sum();
        self.bytes.store(bytes, Ordering::Relaxed);
        self.len.store(giants.len(), Ordering::Release);
    }
}

#[derive(Clone, Copy)]
struct ByWeight;

impl<K, E: Weighted> Weighter<K, E> for ByWeight {
    #[inline]
    fn weight(&self, _: &K, entry: &E) -> u64 {
        entry.weight()
    }
}

/// Hears of evictions, under the lock of the shard.
struct Collector<K, E> {
    stripes: Arc<Stripes>,
    spill: Arc<Spill<K, E>>,
}

impl<K, E> Clone for Collector<K, E> {
    fn clone(&self) -> Self {
        Self { stripes: self.stripes.clone(), spill: self.spill.clone() }
    }
}

/// Where evictions go while the capacity changes: the policy's own call for that drops
/// what it evicts.
struct Spill<K, E> {
    open: AtomicBool,
    any: AtomicBool,
    evicted: Mutex<Vec<Evicted<K, E>>>,
}

impl<K, E> Default for Spill<K, E> {
    fn default() -> Self {
        Self {
            open: AtomicBool::new(false),
            any: AtomicBool::new(false),
            evicted: Mutex::default(),
        }
    }
}

impl<K, E> Spill<K, E> {
    fn lock(&self) -> MutexGuard<'_, Vec<Evicted<K, E>>> {
        self.evicted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key, E> Lifecycle<K, E> for Collector<K, E> {
    type RequestState = Batch<K, E>;

    fn on_evict(&self, batch: &mut Batch<K, E>, key: K, entry: E) {
        let change = self.stripes.change(&key);
        let evicted = Evicted { key, entry, change };
        if self.spill.open.load(Ordering::SeqCst) {
            self.spill.lock().push(evicted);
            self.spill.any.store(true, Ordering::Release);
        } else {
            batch.0.push(evicted);
        }
    }
}
