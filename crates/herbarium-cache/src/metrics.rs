//! What is counted, and how it reaches the `metrics` facade.
//!
//! A hot hit adds one to a counter that only its thread writes: a load and a store on a
//! cache line of its own, no locked instruction. Every [`SAMPLE`]th hit of a thread is also
//! timed. The facade, whose counters cost more than a hot hit, is told of sums: by the
//! timed hits, by every [`PUBLISH_EVERY`]th slower event, and by
//! [`Cache::publish_metrics`](crate::Cache::publish_metrics).

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One metric: its name, unit and meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As recorders see it.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells, with its unit.
    pub help: &'static str,
}

macro_rules! inventory {
    ($($constant:ident = $name:literal, $kind:literal, [$($label:literal)*], $help:literal;)*) => {
        $(const $constant: &str = $name;)*
        /// Every metric that the crate emits.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: $kind,
            labels: &[$($label),*],
            help: $help,
        }),*];
    };
}

inventory! {
    HITS = "herbarium_cache_hits_total", "counter", ["tier"],
        "Requests that a tier answered";
    MISSES = "herbarium_cache_misses_total", "counter", [],
        "Requests that no tier answered";
    PROMOTIONS = "herbarium_tier_promotions_total", "counter", ["from" "to"],
        "Values that moved up because they were used";
    DEMOTIONS = "herbarium_tier_demotions_total", "counter", ["from" "to"],
        "Values that moved down because there was no room";
    GET_SECONDS = "herbarium_cache_get_duration_seconds", "histogram", ["tier"],
        "Time of a hit, in seconds; hot hits are sampled";
    STORE_SECONDS = "herbarium_cache_store_duration_seconds", "histogram", ["tier"],
        "Time to put a value into a tier, encoding included, in seconds";
    BYTES = "herbarium_cache_bytes", "gauge", ["tier"],
        "Bytes that a tier holds, bookkeeping included";
    ENTRIES = "herbarium_cache_entries", "gauge", ["tier"],
        "Values that a tier holds";
    REFUSED = "herbarium_cache_admissions_refused_total", "counter", ["tier"],
        "Values that a tier in memory did not take because they are too large for it";
    FAILURES = "herbarium_cache_tier_failures_total", "counter", ["tier"],
        "Reads, writes and removals that failed, damaged records and panics included";
    DOUBTED = "herbarium_cache_doubted_keys", "gauge", ["tier"],
        "Keys that a tier is not read for until they are written anew, because it could not \
         remove them; beyond some thousand an estimate";
    FORGOTTEN = "herbarium_cache_forgotten_total", "counter", [],
        "Values that left memory and went nowhere";
}

/// Tells the installed recorder the unit and meaning of every metric of this crate. A
/// program calls it once, after it has installed its recorder.
pub fn describe_metrics() {
    for metric in METRICS {
        match metric.kind {
            "counter" => metrics::describe_counter!(metric.name, metric.help),
            "gauge" => metrics::describe_gauge!(metric.name, metric.help),
            _ => metrics::describe_histogram!(metric.name, metrics::Unit::Seconds, metric.help),
        }
    }
}

/// One of so many hot hits of a thread is timed.
pub(crate) const SAMPLE: u64 = 256;
/// After so many slower events the facade is told.
const PUBLISH_EVERY: u64 = 1024;

/// A count, and how much of it the facade knows.
#[derive(Default)]
pub(crate) struct Tally {
    count: AtomicU64,
    published: AtomicU64,
}

impl Tally {
    pub(crate) fn add(&self, n: u64) {
        self.count.fetch_add(n, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// What the facade does not know yet; it is told now.
    fn take_news(&self) -> u64 {
        let count = self.get();
        count.saturating_sub(self.published.fetch_max(count, Ordering::Relaxed))
    }
}

/// A counter of hits that one living thread writes at a time, on two cache lines of its own:
/// processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Seat(Tally);

/// Threads with a seat of their own; more of them share one counter.
const SEATS: usize = 32;

/// All counts of one cache.
pub(crate) struct Meter {
    /// In place, so that a hot hit reads no pointer to find its own.
    seats: [Seat; SEATS],
    /// Hot hits of threads without a seat.
    standing: Tally,
    /// By tier; the first, hot, is counted in the seats.
    pub(crate) tiers: Vec<TierMeter>,
    pub(crate) misses: Tally,
    pub(crate) forgotten: Tally,
    /// By tier from and tier to.
    promotions: Vec<Tally>,
    demotions: Vec<Tally>,
    events: AtomicU64,
}

pub(crate) struct TierMeter {
    pub(crate) name: &'static str,
    pub(crate) hits: Tally,
    pub(crate) refused: Tally,
    pub(crate) failures: Tally,
}

impl Meter {
    pub(crate) const BYTES: usize = size_of::<Self>();

    pub(crate) fn new(names: &[&'static str]) -> Self {
        let tier = |name: &&'static str| TierMeter {
            name,
            hits: Tally::default(),
            refused: Tally::default(),
            failures: Tally::default(),
        };
        let moves = || (0..names.len() * names.len()).map(|_| Tally::default()).collect();
        Self {
            seats: std::array::from_fn(|_| Seat::default()),
            standing: Tally::default(),
            tiers: names.iter().map(tier).collect(),
            misses: Tally::default(),
            forgotten: Tally::default(),
            promotions: moves(),
            demotions: moves(),
            events: AtomicU64::new(0),
        }
    }

    /// The calling thread's seat, if it has one already.
    #[inline]
    pub(crate) fn seat(&self) -> Option<&Seat> {
        self.seats.get(NUMBER.get())
    }

    /// Counts a hot hit of whatever thread.
    pub(crate) fn hit_hot(&self) {
        match self.seats.get(be_seated()) {
            Some(seat) => seat.hit(seat.hits()),
            None => self.standing.add(1),
        }
    }

    pub(crate) fn hot_hits(&self) -> u64 {
        self.seats.iter().map(Seat::hits).sum::<u64>() + self.standing.get()
    }

    pub(crate) fn promoted(&self, from: usize, to: usize) {
        self.promotions[from * self.tiers.len() + to].add(1);
    }

    pub(crate) fn demoted(&self, from: usize, to: usize) {
        self.demotions[from * self.tiers.len() + to].add(1);
    }

    /// (from, to, promotions, demotions), of those moves that were made.
    pub(crate) fn moves(&self) -> Vec<(usize, usize, u64, u64)> {
        let tiers = self.tiers.len();
        let both = self.promotions.iter().zip(&self.demotions).enumerate();
        both.map(|(at, (up, down))| (at / tiers, at % tiers, up.get(), down.get()))
            .filter(|(_, _, up, down)| up + down > 0)
            .collect()
    }

    /// Whether it is time to tell the facade; called by each event slower than a hot hit.
    pub(crate) fn is_due(&self) -> bool {
        self.events.fetch_add(1, Ordering::Relaxed) % PUBLISH_EVERY == PUBLISH_EVERY - 1
    }

    /// Tells the facade what it does not know of counters.
    pub(crate) fn publish(&self) {
        let seated: u64 = self.seats.iter().map(|seat| seat.0.take_news()).sum();
        self.publish_hot(seated + self.standing.take_news());
        for tier in &self.tiers {
            let labels = || [("tier", tier.name)];
            tell(&tier.hits, |news| metrics::counter!(HITS, &labels()).increment(news));
            tell(&tier.refused, |news| metrics::counter!(REFUSED, &labels()).increment(news));
            tell(&tier.failures, |news| metrics::counter!(FAILURES, &labels()).increment(news));
        }
        tell(&self.misses, |news| metrics::counter!(MISSES).increment(news));
        tell(&self.forgotten, |news| metrics::counter!(FORGOTTEN).increment(news));
        self.publish_moves(PROMOTIONS, &self.promotions);
        self.publish_moves(DEMOTIONS, &self.demotions);
    }

    fn publish_moves(&self, name: &'static str, moves: &[Tally]) {
        for (at, tally) in moves.iter().enumerate() {
            let name_of = |tier: usize| self.tiers[tier].name;
            let (from, to) = (at / self.tiers.len(), at % self.tiers.len());
            let labels = [("from", name_of(from)), ("to", name_of(to))];
            tell(tally, |news| metrics::counter!(name, &labels).increment(news));
        }
    }

    fn publish_hot(&self, news: u64) {
        if news > 0 {
            metrics::counter!(HITS, "tier" => "hot").increment(news);
        }
    }

    /// What one tier holds now.
    pub(crate) fn publish_size(&self, tier: usize, entries: u64, bytes: u64) {
        let labels = [("tier", self.tiers[tier].name)];
        metrics::gauge!(ENTRIES, &labels).set(entries as f64);
        metrics::gauge!(BYTES, &labels).set(bytes as f64);
    }

    /// How many keys of a tier below are in doubt now.
    pub(crate) fn publish_doubted(&self, tier: usize, keys: u64) {
        metrics::gauge!(DOUBTED, "tier" => self.tiers[tier].name).set(keys as f64);
    }

    pub(crate) fn got(&self, tier: usize, since: Instant) {
        let labels = [("tier", self.tiers[tier].name)];
        metrics::histogram!(GET_SECONDS, &labels).record(since.elapsed().as_secs_f64());
    }

    pub(crate) fn stored(&self, tier: usize, since: Instant) {
        let labels = [("tier", self.tiers[tier].name)];
        metrics::histogram!(STORE_SECONDS, &labels).record(since.elapsed().as_secs_f64());
    }

    /// A timed hot hit: its time, and the hits of its thread since the last one. Labels that
    /// are constants allocate nothing.
    pub(crate) fn got_sample(&self, since: Instant) {
        metrics::histogram!(GET_SECONDS, "tier" => "hot").record(since.elapsed().as_secs_f64());
        let tally = self.seat().map_or(&self.standing, |seat| &seat.0);
        self.publish_hot(tally.take_news());
    }
}

fn tell(tally: &Tally, tell: impl FnOnce(u64)) {
    let news = tally.take_news();
    if news > 0 {
        tell(news);
    }
}

impl Seat {
    #[inline]
    pub(crate) fn hits(&self) -> u64 {
        self.0.get()
    }

    /// Counts one more than so many, which only its own thread does.
    #[inline]
    pub(crate) fn hit(&self, hits: u64) {
        self.0.count.store(hits + 1, Ordering::Relaxed);
    }
}

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(UNSEATED) };
    static LEASE: Lease = Lease::take();
}

const UNSEATED: usize = usize::MAX;

/// Numbers that no living thread has.
static FREE: Mutex<Free> = Mutex::new(Free { returned: Vec::new(), next: 0 });

struct Free {
    returned: Vec<usize>,
    next: usize,
}

/// A thread's number, given back when the thread ends. The lock around `FREE` orders what
/// the former owner counted before what the next one counts.
struct Lease(usize);

impl Lease {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = free.returned.pop() {
            return Self(number);
        }
        if free.next == SEATS {
            return Self(SEATS);
        }
        free.next += 1;
        Self(free.next - 1)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        NUMBER.set(SEATS);
        if self.0 < SEATS {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.push(self.0);
        }
    }
}

/// The number of the calling thread's seat, or one beyond them all.
fn be_seated() -> usize {
    if NUMBER.get() == UNSEATED {
        // A thread that is ending gets none.
        NUMBER.set(LEASE.try_with(|lease| lease.0).unwrap_or(SEATS));
    }
    NUMBER.get()
}
