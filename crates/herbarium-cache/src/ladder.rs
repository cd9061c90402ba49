//! All tiers of a cache, and how values move between them.
//!
//! Down: what has no room in the hot tier is encoded, compressed and offered to the warm
//! one; what has no room there is written below. Up: what is used below becomes hot and
//! leaves the warm tier. The thread whose call moved a value does the work, outside of all
//! locks but that of the key's stripe; see [`stripe`](crate::stripe) for why nothing
//! arrives late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Instant;

use crate::bounded::{Batch, Bounded, Evicted, Layout, Weighted};
use crate::compression::{Compression, Packer};
use crate::entry::{Below, Form, Hot, Pressed};
use crate::flight::{Flights, Lead};
use crate::heap::{self, Account, Heap};
use crate::lower::{Lower, Read, shielded};
use crate::metrics::Meter;
use crate::scratch::{Pool, Scratch};
use crate::stripe::{Held, Moment, Stripes};
use crate::{BuildError, Codec, Group, Key, ReadHint, Tier, TierOptions, Write};

/// Numbers of the tiers, as the meter counts them.
pub(crate) const HOT: usize = 0;
pub(crate) const WARM: usize = 1;
/// The first tier below memory.
const LOWER: usize = 2;

/// What the builder was told.
pub(crate) struct Plan {
    pub(crate) budget: u64,
    pub(crate) hot_share: f64,
    pub(crate) shards: Option<usize>,
    pub(crate) expected_entry: u64,
    pub(crate) promote_after: u8,
    pub(crate) warm: Compression,
    pub(crate) warm_whole: u64,
    /// Where values lie; `None`: in that of the C library.
    pub(crate) heap: Option<Box<dyn Heap>>,
}

/// Under whose lead a value was computed, and since when no tier has it, if that is known.
pub(crate) type Computed<'a, K, V> = (&'a Lead<'a, K, V>, Option<Moment>);

/// How a look into the tiers below the hot one ended.
pub(crate) enum Search<V> {
    Found(Arc<V>),
    /// Every tier said that it has no such key.
    Absent,
    /// A tier failed: it may have it.
    Unknown,
}

impl<V> Search<V> {
    pub(crate) fn value(self) -> Option<Arc<V>> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }
}

pub(crate) struct Ladder<K: Key, C: Codec> {
    codec: C,
    pub(crate) hot: Bounded<K, Hot<C::Value>>,
    pub(crate) warm: Bounded<K, Arc<Pressed<C::Value>>>,
    packer: Packer,
    pub(crate) lower: Vec<Lower>,
    stripes: Arc<Stripes>,
    pub(crate) flights: Flights<K, C::Value>,
    pub(crate) meter: Meter,
    pool: Pool,
    pub(crate) budget: Budget,
    promote_after: u8,
    /// Values up to this weight are warm as they are.
    warm_whole: u64,
}

/// The memory that entries may take: what is left of the budget beside tables and buffers.
pub(crate) struct Budget {
    pub(crate) total: u64,
    hot_share: f64,
    /// What is taken from the start: locks, counters, dictionaries.
    fixed: u64,
    /// Overhead that the capacities leave room for.
    reserved: Mutex<u64>,
    inserts: AtomicU64,
    transit: Transit,
    /// What the allocator loses.
    account: Account,
}

/// Bytes of values that are between two tiers: evicted and not yet dropped, and as they
/// are encoded.
#[derive(Default)]
struct Transit {
    now: AtomicU64,
    /// The most of late.
    peak: AtomicU64,
}

impl Transit {
    fn enter(&self, bytes: u64) -> InTransit<'_> {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
        InTransit { transit: self, bytes }
    }

    /// The most of late; what was long ago is forgotten by an eighth at a time.
    fn take_peak(&self) -> u64 {
        let peak = self.peak.load(Ordering::Relaxed);
        let now = self.now.load(Ordering::Relaxed);
        self.peak.store(now.max(peak - peak / 8), Ordering::Relaxed);
        peak
    }
}

struct InTransit<'a> {
    transit: &'a Transit,
    bytes: u64,
}

impl Drop for InTransit<'_> {
    fn drop(&mut self) {
        self.transit.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// After so many inserts the tables are measured.
const MEASURE_EVERY: u64 = 128;
/// A weight that says that it is not known is no weight.
const MOST_PASSING: u64 = 1 << 40;
/// A shard below this is not worth its own lock: large values would not fit.
const LEAST_SHARD: u64 = 4 << 20;
const MOST_SHARDS: u64 = 1 << 16;
/// One part in so many of the budget is left to an allocator that nobody can ask: what it loses
/// between blocks that come and go, which the system sees. What it loses by large blocks is in
/// their weights.
const LOST_BETWEEN_BLOCKS: u64 = 128;
/// Compressed values are about so many times smaller than decoded ones.
const EXPECTED_RATIO: u64 = 4;

impl<K: Key, C: Codec> Ladder<K, C> {
    pub(crate) fn new(
        codec: C,
        plan: Plan,
        tiers: Vec<(Arc<dyn Tier>, TierOptions)>,
        names: &[&'static str],
    ) -> Result<Self, BuildError> {
        let packer = Packer::new(&plan.warm)?;
        let lower = tiers.into_iter().map(|(tier, options)| Lower::new(tier, options));
        let lower: Vec<Lower> = lower.collect::<Result<_, _>>()?;
        let digested = packer.bytes as u64 + lower.iter().map(Lower::bytes).sum::<u64>();
        let budget = Budget {
            total: plan.budget,
            hot_share: plan.hot_share,
            fixed: (Stripes::BYTES + Meter::BYTES) as u64 + digested,
            reserved: Mutex::new(0),
            inserts: AtomicU64::new(0),
            transit: Transit::default(),
            account: Account::new(plan.heap.or_else(heap::of_c_library), plan.budget),
        };
        let stripes = Arc::new(Stripes::new());
        let (hot, warm) = budget.split(0);
        let expected = plan.expected_entry;
        let ladder = Self {
            codec,
            hot: Bounded::new(layout(hot, plan.shards, expected), &stripes),
            warm: Bounded::new(layout(warm, plan.shards, expected / EXPECTED_RATIO), &stripes),
            packer,
            lower,
            stripes,
            flights: Flights::new(),
            meter: Meter::new(names),
            pool: Pool::new(plan.budget),
            budget,
            promote_after: plan.promote_after,
            warm_whole: plan.warm_whole,
        };
        Ok(ladder)
    }

    /// Bytes of memory beside the entries.
    pub(crate) fn overhead(&self) -> u64 {
        self.budget.fixed + self.tables()
    }

    /// Bytes that entries leave free for what the allocator loses.
    pub(crate) fn lost(&self) -> u64 {
        self.budget.account.reserved()
    }

    fn tables(&self) -> u64 {
        let doubts: u64 = self.lower.iter().map(Lower::doubt_bytes).sum();
        self.hot.table_bytes() + self.warm.table_bytes() + self.pool.bytes() + doubts
    }

    // Into the cache.

    /// Puts a value in place of all that the tiers have for the key.
    ///
    /// `computed`: under this lead; with a moment, if every tier said then that it does not
    /// have the key.
    pub(crate) fn store(
        &self,
        key: K,
        value: Arc<C::Value>,
        hint: ReadHint,
        computed: Option<Computed<'_, K, C::Value>>,
    ) {
        let since = Instant::now();
        let weight = self.weigh(&key, &value);
        let passing = self.budget.transit.enter(if weight > MOST_PASSING { 0 } else { weight });
        let is_hot = hint == ReadHint::Use && self.admits(weight);
        let records = self.records_on_insert(&key, &value);
        let mut batch = Batch::default();
        let (below, change) = {
            let stripe = self.stripes.lock(&key);
            if computed.is_some_and(|(lead, _)| lead.is_superseded()) {
                return;
            }
            let absent_at = computed.and_then(|(_, moment)| moment);
            let is_absent = absent_at == Some(stripe.moment());
            self.warm.remove(&key);
            let below = self.write_or_clear(&key, &records, is_absent, &stripe);
            if is_hot {
                self.hot.insert(key.clone(), Hot::new(value.clone(), weight, below), &mut batch);
            } else {
                self.hot.remove(&key);
            }
            if computed.is_none() {
                self.flights.supersede(&key);
            }
            let change = stripe.count_change();
            // What left for this value has changed no more than before.
            batch.0.iter_mut().for_each(|it| self.stripes.excuse(&key, change, it));
            (below, change)
        };
        if is_hot {
            self.meter.stored(HOT, since);
        } else {
            let entry = Hot::new(value, weight, below);
            self.sink(Evicted { key, entry, change }, hint == ReadHint::Use);
        }
        self.demote_all(batch);
        drop(passing);
        self.after_insert(weight);
    }

    /// Takes a key out of every tier; says whether one in memory had it.
    pub(crate) fn remove(&self, key: &K) -> bool {
        let stripe = self.stripes.lock(key);
        let was_warm = self.warm.remove(key).is_some();
        key.with_bytes(|bytes| self.clear_below(bytes));
        let was_hot = self.hot.remove(key);
        self.flights.supersede(key);
        stripe.count_change();
        drop(stripe);
        // A value's own end may take long, or ask the cache.
        was_hot.is_some() || was_warm
    }

    fn weigh(&self, key: &K, value: &C::Value) -> u64 {
        // Who cannot be weighed fits nowhere.
        let weight = shielded(|| Some(self.codec.weigh(value)));
        weight.map_or(u64::MAX, |weight| Hot::<C::Value>::weigh(key, weight))
    }

    fn admits(&self, weight: u64) -> bool {
        let admits = self.hot.admits(weight);
        if !admits && self.hot.capacity() > 0 {
            self.meter.tiers[HOT].refused.add(1);
        }
        admits
    }

    /// The record for each tier that is written on insert, made before any lock is taken.
    fn records_on_insert(&self, key: &K, value: &C::Value) -> Vec<(usize, Vec<u8>)> {
        let mut records = Vec::new();
        if self.lower.iter().all(|tier| tier.options.write != Write::OnInsert) {
            return records;
        }
        let mut scratch = self.pool.take();
        let Scratch { raw, contexts, .. } = &mut *scratch;
        let Some(group) = self.encode(value, raw) else { return records };
        for (at, tier) in self.lower.iter().enumerate() {
            let mut record = Vec::new();
            if tier.options.write == Write::OnInsert
                && key.with_bytes(|key| tier.seal(key, raw, group, &mut record, contexts))
            {
                records.push((at, record));
            }
        }
        records
    }

    /// Writes the records, and takes the key out of the other tiers unless it cannot be
    /// there.
    fn write_or_clear(
        &self,
        key: &K,
        records: &[(usize, Vec<u8>)],
        is_absent: bool,
        stripe: &Held<'_>,
    ) -> Below {
        let mut below = Below::default();
        key.with_bytes(|bytes| {
            for at in 0..self.lower.len() {
                let record = records.iter().find(|(tier, _)| *tier == at);
                match record {
                    Some((_, record)) if self.put(at, bytes, record) => below = below.with(at),
                    Some(_) => {}
                    None if is_absent => {}
                    None => self.clear_one(at, bytes),
                }
            }
        });
        if !below.is_nowhere() {
            stripe.count_landing();
        }
        below
    }

    fn put(&self, at: usize, key: &[u8], record: &[u8]) -> bool {
        let since = Instant::now();
        let done = self.lower[at].put(key, record);
        if done {
            self.meter.stored(LOWER + at, since);
        } else {
            self.meter.tiers[LOWER + at].failures.add(1);
        }
        done
    }

    fn clear_below(&self, key: &[u8]) {
        (0..self.lower.len()).for_each(|at| self.clear_one(at, key));
    }

    fn clear_one(&self, at: usize, key: &[u8]) {
        if !self.lower[at].remove(key) {
            self.meter.tiers[LOWER + at].failures.add(1);
        }
    }

    // Down.

    fn demote_all(&self, batch: Batch<K, Hot<C::Value>>) {
        for evicted in batch.0 {
            self.sink(evicted, true);
        }
    }

    /// Lets a value sink into the warm tier, or past it into those below.
    fn sink(&self, evicted: Evicted<K, Hot<C::Value>>, into_warm: bool) {
        let Evicted { key, entry, change } = evicted;
        let into_warm = into_warm && self.warm.capacity() > 0;
        if !into_warm && !self.is_wanted_below(entry.below()) {
            self.count_forgotten(entry.below());
            return;
        }
        let since = Instant::now();
        // The value, or what it is compressed into; and its bytes.
        let _passing = self.budget.transit.enter(2 * entry.weight().min(MOST_PASSING));
        let mut scratch = self.pool.take();
        let Some(pressed) = self.press(&key, entry, &mut scratch) else {
            self.meter.tiers[WARM].failures.add(1);
            self.meter.forgotten.add(1);
            return;
        };
        if into_warm && self.warm.admits(pressed.weight()) {
            drop(scratch);
            if self.warm_up(key, pressed, change, since) {
                self.meter.demoted(HOT, WARM);
            }
            return;
        }
        if into_warm {
            self.meter.tiers[WARM].refused.add(1);
        }
        self.write_below(HOT, &Evicted { key, entry: pressed, change }, &mut scratch);
    }

    /// Puts a value into the warm tier, and lets sink what must leave it for that; not
    /// if its key has changed since.
    fn warm_up(
        &self,
        key: K,
        pressed: Arc<Pressed<C::Value>>,
        change: u64,
        since: Instant,
    ) -> bool {
        let mut batch = Batch::default();
        {
            let stripe = self.stripes.lock(&key);
            if !stripe.is_still(change) {
                self.count_forgotten(pressed.below);
                return false;
            }
            self.warm.insert(key, pressed, &mut batch);
            stripe.count_landing();
        }
        self.meter.stored(WARM, since);
        self.write_all_below(batch);
        true
    }

    fn write_all_below(&self, batch: Batch<K, Arc<Pressed<C::Value>>>) {
        if batch.0.is_empty() {
            return;
        }
        let mut scratch = None;
        for evicted in batch.0 {
            if self.is_wanted_below(evicted.entry.below) {
                let scratch = scratch.get_or_insert_with(|| self.pool.take());
                self.write_below(WARM, &evicted, scratch);
            } else {
                self.count_forgotten(evicted.entry.below);
            }
        }
    }

    /// Writes a value that leaves memory into the tiers that want it and have it not.
    fn write_below(
        &self,
        from: usize,
        it: &Evicted<K, Arc<Pressed<C::Value>>>,
        scratch: &mut Scratch,
    ) {
        let mut below = it.entry.below;
        for at in 0..self.lower.len() {
            if self.wants(at, below) && self.write_one(from, at, it, scratch) {
                below = below.with(at);
            }
        }
        self.count_forgotten(below);
    }

    fn write_one(
        &self,
        from: usize,
        at: usize,
        it: &Evicted<K, Arc<Pressed<C::Value>>>,
        scratch: &mut Scratch,
    ) -> bool {
        let Evicted { key, entry, change } = it;
        let Scratch { raw, packed, contexts, .. } = scratch;
        key.with_bytes(|bytes| {
            let (plain, group) = match &entry.form {
                Form::Whole(value) => {
                    let Some(group) = self.encode(value, raw) else { return false };
                    (&raw[..], group)
                }
                Form::Bytes { bytes, packing, group } => {
                    let unpacked = self.packer.unpack(*packing, bytes, raw, contexts);
                    let Ok(plain) = unpacked else { return false };
                    (plain, *group)
                }
            };
            if !self.lower[at].seal(bytes, plain, group, packed, contexts) {
                return false;
            }
            let stripe = self.stripes.lock(key);
            if !stripe.is_still(*change) || !self.put(at, bytes, packed) {
                return false;
            }
            stripe.count_landing();
            self.meter.demoted(from, LOWER + at);
            true
        })
    }

    fn wants(&self, at: usize, below: Below) -> bool {
        self.lower[at].options.write == Write::OnEviction && !below.has(at)
    }

    fn is_wanted_below(&self, below: Below) -> bool {
        (0..self.lower.len()).any(|at| self.wants(at, below))
    }

    fn count_forgotten(&self, below: Below) {
        if below.is_nowhere() {
            self.meter.forgotten.add(1);
        }
    }

    /// Makes of a value what the warm tier holds: most are encoded and compressed.
    fn press(
        &self,
        key: &K,
        entry: Hot<C::Value>,
        scratch: &mut Scratch,
    ) -> Option<Arc<Pressed<C::Value>>> {
        if entry.weight() <= self.warm_whole {
            return Some(Pressed::whole(entry));
        }
        let Scratch { raw, packed, contexts, .. } = scratch;
        let group = self.encode(&entry.value, raw)?;
        let below = entry.below();
        // Its memory goes before more is taken.
        drop(entry);
        let packing = self.packer.pack(raw, group, 0, packed, contexts)?;
        Some(Pressed::new(key, packed, packing, group, below))
    }

    fn encode(&self, value: &C::Value, raw: &mut Vec<u8>) -> Option<Group> {
        raw.clear();
        shielded(|| {
            self.codec.encode(value, raw).ok()?;
            Some(self.codec.group(value))
        })
    }

    fn decode(&self, bytes: &[u8]) -> Option<C::Value> {
        shielded(|| self.codec.decode(bytes).ok())
    }

    // Up.

    /// Looks for a value that is not hot. Counts hits, not misses.
    pub(crate) fn find_below(&self, key: &K, hint: ReadHint) -> Search<C::Value> {
        let moment = self.stripes.moment(key);
        if let Some(value) = self.find_warm(key, hint, moment.change) {
            return Search::Found(value);
        }
        let mut search = Search::Absent;
        if self.lower.is_empty() {
            return search;
        }
        let mut scratch = self.pool.take();
        for at in 0..self.lower.len() {
            let since = Instant::now();
            let read = key.with_bytes(|bytes| {
                self.lower[at].get(bytes, &mut scratch, |bytes| self.decode(bytes))
            });
            if let Some(value) = self.heard(at, read, since, (key, moment), &mut search) {
                drop(scratch);
                return Search::Found(self.found_below(at, key, value, hint, moment.change));
            }
        }
        search
    }

    /// The same, awaiting tiers that are far away.
    pub(crate) async fn find_below_async(&self, key: &K, hint: ReadHint) -> Search<C::Value> {
        let moment = self.stripes.moment(key);
        if let Some(value) = self.find_warm(key, hint, moment.change) {
            return Search::Found(value);
        }
        let mut search = Search::Absent;
        for at in 0..self.lower.len() {
            let since = Instant::now();
            let read = self.read_one_async(at, key).await;
            if let Some(value) = self.heard(at, read, since, (key, moment), &mut search) {
                return Search::Found(self.found_below(at, key, value, hint, moment.change));
            }
        }
        search
    }

    async fn read_one_async(&self, at: usize, key: &K) -> Read<C::Value> {
        let tier = &self.lower[at];
        let decode = |bytes: &[u8]| self.decode(bytes);
        if !tier.is_far() {
            return key.with_bytes(|key| tier.get(key, &mut self.pool.take(), decode));
        }
        let key = key.with_bytes(<[u8]>::to_vec);
        if !tier.trusts(&key) {
            return Read::Absent;
        }
        let Some(fetch) = tier.fetch(&key) else { return Read::Failed };
        match crate::future::Shielded(fetch).await {
            Ok(Ok(Some(bytes))) => tier.fetched(&key, &bytes, &mut self.pool.take(), decode),
            Ok(Ok(None)) => Read::Absent,
            Ok(Err(_)) | Err(_) => Read::Failed,
        }
    }

    fn heard(
        &self,
        at: usize,
        read: Read<C::Value>,
        since: Instant,
        (key, moment): (&K, Moment),
        search: &mut Search<C::Value>,
    ) -> Option<C::Value> {
        match read {
            Read::Found(value) => {
                self.meter.got(LOWER + at, since);
                Some(value)
            }
            Read::Absent => None,
            Read::Failed | Read::Damaged => {
                if matches!(read, Read::Damaged) {
                    self.heal(at, key, moment);
                }
                self.meter.tiers[LOWER + at].failures.add(1);
                *search = Search::Unknown;
                None
            }
        }
    }

    /// Takes out what was of no use when it was read, unless a writer has come since: then
    /// it is his to say what the tier has.
    fn heal(&self, at: usize, key: &K, moment: Moment) {
        let Some(stripe) = self.stripes.try_lock(key) else { return };
        if stripe.moment() == moment {
            key.with_bytes(|bytes| self.lower[at].heal(bytes));
        }
    }

    fn find_warm(&self, key: &K, hint: ReadHint, change: u64) -> Option<Arc<C::Value>> {
        let since = Instant::now();
        let pressed = match hint {
            ReadHint::Use => self.warm.get(key),
            ReadHint::Scan => self.warm.peek(key),
        }?;
        let Some(value) = self.unpress(&pressed) else {
            self.meter.tiers[WARM].failures.add(1);
            return None;
        };
        self.meter.got(WARM, since);
        self.count_hit(WARM);
        if hint == ReadHint::Use
            && self.promote_after != 0
            && pressed.count_use() >= self.promote_after
        {
            self.promote(key, &value, WARM, pressed.below, change);
        }
        Some(value)
    }

    fn unpress(&self, pressed: &Pressed<C::Value>) -> Option<Arc<C::Value>> {
        let (bytes, packing) = match &pressed.form {
            Form::Whole(value) => return Some(value.clone()),
            Form::Bytes { bytes, packing, .. } => (bytes, packing),
        };
        let mut scratch = self.pool.take();
        let Scratch { raw, contexts, .. } = &mut *scratch;
        let bytes = self.packer.unpack(*packing, bytes, raw, contexts).ok()?;
        self.decode(bytes).map(Arc::new)
    }

    fn found_below(
        &self,
        at: usize,
        key: &K,
        value: C::Value,
        hint: ReadHint,
        change: u64,
    ) -> Arc<C::Value> {
        let value = Arc::new(value);
        self.count_hit(LOWER + at);
        if hint == ReadHint::Use {
            self.promote(key, &value, LOWER + at, Below::only(at), change);
        }
        value
    }

    /// Makes a value hot that was read when its stripe's count was `change`.
    fn promote(&self, key: &K, value: &Arc<C::Value>, from: usize, below: Below, change: u64) {
        let weight = self.weigh(key, value);
        if !self.admits(weight) {
            // Too large to be hot, but it may be warm: else it were read at each use.
            if from != WARM && weight != u64::MAX {
                self.lift(key, Hot::new(value.clone(), weight, below), from, change);
            }
            return;
        }
        let mut batch = Batch::default();
        {
            let Some(stripe) = self.stripes.try_lock(key) else { return };
            if !stripe.is_still(change) {
                return;
            }
            self.hot.insert(key.clone(), Hot::new(value.clone(), weight, below), &mut batch);
            self.warm.remove(key);
        }
        self.meter.promoted(from, HOT);
        self.demote_all(batch);
        self.after_insert(weight);
    }

    /// Makes a value warm that was read below and cannot be hot.
    fn lift(&self, key: &K, entry: Hot<C::Value>, from: usize, change: u64) {
        if self.warm.capacity() == 0 {
            return;
        }
        let since = Instant::now();
        let weight = entry.weight();
        let _passing = self.budget.transit.enter(2 * weight.min(MOST_PASSING));
        let mut scratch = self.pool.take();
        let Some(pressed) = self.press(key, entry, &mut scratch) else {
            self.meter.tiers[WARM].failures.add(1);
            return;
        };
        drop(scratch);
        if !self.warm.admits(pressed.weight()) {
            self.meter.tiers[WARM].refused.add(1);
            return;
        }
        if self.warm_up(key.clone(), pressed, change, since) {
            self.meter.promoted(from, WARM);
        }
        self.after_insert(weight);
    }

    pub(crate) fn moment(&self, key: &K) -> Moment {
        self.stripes.moment(key)
    }

    // Counting.

    pub(crate) fn count_hit(&self, tier: usize) {
        self.meter.tiers[tier].hits.add(1);
        self.count_event();
    }

    pub(crate) fn count_miss(&self) {
        self.meter.misses.add(1);
        self.count_event();
    }

    fn count_event(&self) {
        if self.meter.is_due() {
            self.publish();
        }
    }

    /// Tells the `metrics` facade everything that it does not know yet.
    pub(crate) fn publish(&self) {
        self.meter.publish();
        self.meter.publish_size(HOT, self.hot.len() as u64, self.hot.weight());
        self.meter.publish_size(WARM, self.warm.len() as u64, self.warm.weight());
        for (at, tier) in self.lower.iter().enumerate() {
            self.meter.publish_doubted(LOWER + at, tier.doubted());
            let usage = tier.usage();
            if let (Some(entries), Some(bytes)) = (usage.entries, usage.bytes) {
                self.meter.publish_size(LOWER + at, entries, bytes);
            }
        }
    }

    // The budget.

    /// Measures tables, buffers and the heap now and then, and makes room for what they have grown.
    fn after_insert(&self, weight: u64) {
        let inserts = self.budget.inserts.fetch_add(1, Ordering::Relaxed);
        let is_large = weight > self.budget.total / 512;
        if self.budget.account.is_due(weight) {
            let entries = self.hot.weight() + self.warm.weight();
            self.budget.account.look(entries + self.overhead());
        }
        if is_large || inserts.is_multiple_of(MEASURE_EVERY) {
            self.make_room_for_tables();
        }
    }

    fn make_room_for_tables(&self) {
        let mut reserved = match self.budget.reserved.try_lock() {
            Ok(reserved) => reserved,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody is at it.
            Err(TryLockError::WouldBlock) => return,
        };
        // A value that fills half the budget would otherwise leave no room for itself.
        let passing = self.budget.transit.take_peak().min(self.budget.total / 8);
        let tables = self.tables() + passing + self.budget.account.reserved();
        if !self.budget.is_worth_a_change(*reserved, tables) {
            return;
        }
        *reserved = tables;
        let (hot, warm) = self.budget.split(tables);
        let (mut from_hot, mut from_warm) = (Batch::default(), Batch::default());
        self.hot.set_capacity(hot, &mut from_hot);
        self.warm.set_capacity(warm, &mut from_warm);
        drop(reserved);
        self.write_all_below(from_warm);
        self.demote_all(from_hot);
    }
}

impl Budget {
    /// Capacities of hot and warm when tables and buffers take so much.
    fn split(&self, tables: u64) -> (u64, u64) {
        let lost = if self.account.is_kept() { 0 } else { self.total / LOST_BETWEEN_BLOCKS };
        let entries = self.total.saturating_sub(self.fixed + lost).saturating_sub(tables);
        // Of very many bytes the product may be rounded up.
        let hot = ((entries as f64 * self.hot_share) as u64).min(entries);
        (hot, entries - hot)
    }

    /// More at once; less only if it is much: each change visits every shard.
    fn is_worth_a_change(&self, reserved: u64, tables: u64) -> bool {
        let step = self.total / 512;
        tables > reserved + step || reserved > tables + 8 * step
    }
}

fn layout(capacity: u64, shards: Option<usize>, expected_entry: u64) -> Layout {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let fitting = 1 << (capacity / LEAST_SHARD).clamp(1, MOST_SHARDS).ilog2();
    let shards = shards.unwrap_or((4 * processors).min(fitting)).clamp(1, MOST_SHARDS as usize);
    Layout { capacity, shards, expected_entry: expected_entry.max(1) }
}
