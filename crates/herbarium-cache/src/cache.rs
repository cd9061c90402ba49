//! The cache as its callers see it.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::flight::Turn;
use crate::ladder::{HOT, Ladder, Search, WARM};
use crate::lower::Lower;
use crate::metrics::SAMPLE;
use crate::stats::{Moves, Stats, TierStats};
use crate::{AsyncCache, Codec, ComputeError, Key};

/// What a read says of the reads to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadHint {
    /// The value is wanted, and may be wanted again. The default.
    #[default]
    Use,
    /// One of very many that are read once, as in a scan over a code base. Nothing moves up
    /// for it and nothing leaves memory; what is computed goes to the tiers below only.
    Scan,
}

/// A cache of values in several tiers. Cloning it gives another handle to the same cache.
///
/// The [crate's page](crate) tells what the tiers are, what is promised, and what things
/// cost. For asynchronous callers: [`Cache::to_async`].
pub struct Cache<K: Key, C: Codec> {
    pub(crate) ladder: Arc<Ladder<K, C>>,
}

impl<K: Key, C: Codec> Cache<K, C> {
    pub(crate) fn new(ladder: Ladder<K, C>) -> Self {
        Self { ladder: Arc::new(ladder) }
    }

    /// The value of a key, from whichever tier has it.
    ///
    /// A hot value costs one hash, one shared lock of a shard and one clone of an `Arc`:
    /// some tens of nanoseconds, no allocation. A warm one is decompressed and decoded; one
    /// below is read first. Whatever fails on the way is a miss.
    #[inline]
    pub fn get(&self, key: &K) -> Option<Arc<C::Value>> {
        let ladder = &*self.ladder;
        if let Some(seat) = ladder.meter.seat() {
            let hits = seat.hits();
            if !hits.is_multiple_of(SAMPLE) {
                if let Some(entry) = ladder.hot.get_small(key) {
                    seat.hit(hits);
                    return Some(entry.value);
                }
                return self.get_not_small(key);
            }
        }
        self.get_timed(key)
    }

    /// What is neither small nor hot.
    #[cold]
    fn get_not_small(&self, key: &K) -> Option<Arc<C::Value>> {
        match self.ladder.hot.get_giant(key) {
            Some(entry) => {
                self.ladder.meter.hit_hot();
                Some(entry.value)
            }
            None => self.get_below(key, ReadHint::Use),
        }
    }

    /// What is seldom: a hit that is timed, a thread without a seat.
    #[cold]
    fn get_timed(&self, key: &K) -> Option<Arc<C::Value>> {
        let since = Instant::now();
        match self.get_hot(key, ReadHint::Use) {
            Some(value) => {
                self.ladder.meter.got_sample(since);
                Some(value)
            }
            None => self.get_below(key, ReadHint::Use),
        }
    }

    /// The value of a key if it is hot, counted as a hit and not as a use: nothing is
    /// read, decoded or moved, and a miss is not counted. For callers that have a way of
    /// their own to what is not hot.
    #[inline]
    pub fn peek(&self, key: &K) -> Option<Arc<C::Value>> {
        self.get_hot(key, ReadHint::Scan)
    }

    /// [`Cache::get`] with a hint.
    pub fn get_hinted(&self, key: &K, hint: ReadHint) -> Option<Arc<C::Value>> {
        match hint {
            ReadHint::Use => self.get(key),
            ReadHint::Scan => self.get_hot(key, hint).or_else(|| self.get_below(key, hint)),
        }
    }

    fn get_below(&self, key: &K, hint: ReadHint) -> Option<Arc<C::Value>> {
        let found = self.ladder.find_below(key, hint).value();
        if found.is_none() {
            self.ladder.count_miss();
        }
        found
    }

    /// The hot value, counted as a hit; `None` says nothing of the other tiers.
    #[inline]
    pub(crate) fn get_hot(&self, key: &K, hint: ReadHint) -> Option<Arc<C::Value>> {
        let entry = match hint {
            ReadHint::Use => self.ladder.hot.get(key),
            ReadHint::Scan => self.ladder.hot.peek(key),
        }?;
        self.ladder.meter.hit_hot();
        Some(entry.value)
    }

    /// Puts a value in place of whatever the tiers have for the key, and returns it.
    ///
    /// From when this returns, no reader sees a former value. A computation of the key that
    /// is under way gives its value to those who wait for it, and is not kept. The calling
    /// thread also moves down what has no room any more: encoding and compressing a value
    /// of some kilobytes takes tens of microseconds. A value too large for the hot tier
    /// goes to the tiers below.
    pub fn insert(&self, key: K, value: impl Into<Arc<C::Value>>) -> Arc<C::Value> {
        let value = value.into();
        self.ladder.store(key, value.clone(), ReadHint::Use, None);
        value
    }

    /// The value of a key, computed if no tier has it.
    ///
    /// However many threads and tasks ask for a key at one time, one of them computes and
    /// the others wait, [`AsyncCache`]'s callers among them. A failed computation
    /// fails those who waited for it and leaves nothing behind.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] if the computation failed; [`ComputeError::Panicked`] if the
    /// one that this call waited for panicked; [`ComputeError::Reentrant`] if a computation
    /// asks for its own key.
    ///
    /// # Panics
    /// If this call's own computation panics: with the same payload, after the others were
    /// told.
    ///
    /// # Deadlocks
    /// Two computations that wait for each other's keys wait for ever, as do a blocking call
    /// and the task it waits for if they share one thread.
    pub fn get_or_try_insert_with<E>(
        &self,
        key: K,
        compute: impl FnOnce() -> Result<C::Value, E>,
    ) -> Result<Arc<C::Value>, ComputeError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.get_or_try_insert_hinted(key, ReadHint::Use, compute)
    }

    /// [`Cache::get_or_try_insert_with`] with a hint.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub fn get_or_try_insert_hinted<E>(
        &self,
        key: K,
        hint: ReadHint,
        compute: impl FnOnce() -> Result<C::Value, E>,
    ) -> Result<Arc<C::Value>, ComputeError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        loop {
            if let Some(value) = self.get_hot(&key, hint) {
                return Ok(value);
            }
            match self.ladder.flights.join(&key, Some(thread::current().id())) {
                Turn::Wait(flight) => {
                    if let Some(outcome) = flight.wait() {
                        return self.waited(outcome);
                    }
                }
                Turn::Lead(lead) => return self.lead(lead, key, hint, compute),
            }
        }
    }

    fn lead<E>(
        &self,
        lead: crate::flight::Lead<'_, K, C::Value>,
        key: K,
        hint: ReadHint,
        compute: impl FnOnce() -> Result<C::Value, E>,
    ) -> Result<Arc<C::Value>, ComputeError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let moment = self.ladder.moment(&key);
        // Somebody may have ended between the look into the hot tier and the lead.
        let search = match self.get_hot(&key, hint) {
            Some(value) => Search::Found(value),
            None => self.ladder.find_below(&key, hint),
        };
        let absent_at = matches!(search, Search::Absent).then_some(moment);
        if let Search::Found(value) = search {
            lead.end(Ok(value.clone()));
            return Ok(value);
        }
        self.ladder.count_miss();
        match catch_unwind(AssertUnwindSafe(compute)) {
            Ok(Ok(value)) => {
                let value = Arc::new(value);
                self.ladder.store(key, value.clone(), hint, Some((&lead, absent_at)));
                lead.end(Ok(value.clone()));
                Ok(value)
            }
            Ok(Err(why)) => {
                let error = ComputeError::failed(why);
                lead.end(Err(error.clone()));
                Err(error)
            }
            Err(payload) => {
                lead.end(Err(ComputeError::panicked(&*payload)));
                resume_unwind(payload)
            }
        }
    }

    /// Counts the end of a wait: a value that somebody else computed is a hit.
    pub(crate) fn waited(
        &self,
        outcome: Result<Arc<C::Value>, ComputeError>,
    ) -> Result<Arc<C::Value>, ComputeError> {
        match &outcome {
            Ok(_) => self.ladder.meter.hit_hot(),
            Err(_) => self.ladder.count_miss(),
        }
        outcome
    }

    /// Takes a key out of every tier; says whether a tier in memory had it.
    ///
    /// From when this returns, no reader sees the former value, not even if a tier below
    /// failed to remove it: the key is then not read from there until it was written anew,
    /// as long as this cache lives. See [`TierStats::doubted`].
    pub fn remove(&self, key: &K) -> bool {
        self.ladder.remove(key)
    }

    /// Forgets what is in memory. The tiers below keep what they have, and get nothing of
    /// what is forgotten.
    pub fn clear_memory(&self) {
        self.ladder.hot.clear();
        self.ladder.warm.clear();
    }

    /// What the cache has done and holds. Visits every shard: microseconds.
    pub fn stats(&self) -> Stats {
        let ladder = &*self.ladder;
        let meter = &ladder.meter;
        let moves = meter.moves().into_iter().map(|(from, to, promotions, demotions)| Moves {
            from: meter.tiers[from].name,
            to: meter.tiers[to].name,
            promotions,
            demotions,
        });
        Stats {
            tiers: (0..meter.tiers.len()).map(|tier| self.tier_stats(tier)).collect(),
            misses: meter.misses.get(),
            moves: moves.collect(),
            forgotten: meter.forgotten.get(),
            budget: ladder.budget.total,
            overhead: ladder.overhead(),
            lost: ladder.lost(),
        }
    }

    fn tier_stats(&self, tier: usize) -> TierStats {
        let ladder = &*self.ladder;
        let (entries, bytes, capacity) = match tier {
            HOT => sizes(ladder.hot.len(), ladder.hot.weight(), ladder.hot.capacity()),
            WARM => sizes(ladder.warm.len(), ladder.warm.weight(), ladder.warm.capacity()),
            below => {
                let usage = ladder.lower[below - WARM - 1].usage();
                (usage.entries, usage.bytes, None)
            }
        };
        let lower = tier.checked_sub(WARM + 1).and_then(|below| ladder.lower.get(below));
        let counted = &ladder.meter.tiers[tier];
        let hot_hits = if tier == HOT { ladder.meter.hot_hits() } else { 0 };
        TierStats {
            name: counted.name,
            hits: counted.hits.get() + hot_hits,
            entries,
            bytes,
            capacity,
            refused: counted.refused.get(),
            failures: counted.failures.get(),
            doubted: lower.map_or(0, Lower::doubted),
        }
    }

    /// Tells the `metrics` facade everything that it does not know yet. It learns by itself
    /// while the cache is used, some hundred events late; call this before it is read.
    pub fn publish_metrics(&self) {
        self.ladder.publish();
    }

    /// The same cache for asynchronous callers.
    pub fn to_async(&self) -> AsyncCache<K, C> {
        AsyncCache { cache: self.clone() }
    }
}

fn sizes(entries: usize, bytes: u64, capacity: u64) -> (Option<u64>, Option<u64>, Option<u64>) {
    (Some(entries as u64), Some(bytes), Some(capacity))
}

impl<K: Key, C: Codec> Clone for Cache<K, C> {
    fn clone(&self) -> Self {
        Self { ladder: self.ladder.clone() }
    }
}

impl<K: Key, C: Codec> fmt::Debug for Cache<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
