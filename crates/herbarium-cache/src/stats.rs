//! What a cache has done and what it holds.

use std::fmt;

/// Counts since the cache was built, and sizes now. Plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// From the top: hot, warm, and the tiers below in their order.
    pub tiers: Vec<TierStats>,
    /// Requests that no tier answered.
    pub misses: u64,
    /// Moves between tiers that were made at least once.
    pub moves: Vec<Moves>,
    /// Values that left memory and went nowhere: there is no tier below, it failed, or the
    /// key was changed while the value was on its way.
    pub forgotten: u64,
    /// Bytes of memory that the cache may take in all.
    pub budget: u64,
    /// Bytes of memory beside the entries: tables, buffers, dictionaries, counters.
    pub overhead: u64,
    /// Bytes that entries leave free for what the allocator loses between blocks; see
    /// [`Heap`](crate::Heap).
    pub lost: u64,
}

/// One tier of [`Stats`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// `hot`, `warm`, or the name given to [`TierOptions`](crate::TierOptions).
    pub name: &'static str,
    /// Requests that it answered.
    pub hits: u64,
    /// Values in it, if it knows.
    pub entries: Option<u64>,
    /// Bytes that they take, if it knows; in memory with the bookkeeping of each.
    pub bytes: Option<u64>,
    /// Bytes that they may take in memory; `None` for a tier below, which knows itself.
    pub capacity: Option<u64>,
    /// Values that it did not take because they are too large for it.
    pub refused: u64,
    /// Reads, writes and removals that failed; damaged records and panics included.
    pub failures: u64,
    /// Keys that the tier is not read for until they are written anew, because it could not
    /// remove them or must not be written; beyond some thousand an estimate.
    pub doubted: u64,
}

/// Values that went from one tier to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moves {
    /// The tier that they were in.
    pub from: &'static str,
    /// The tier that they came to.
    pub to: &'static str,
    /// Upwards, because they were used.
    pub promotions: u64,
    /// Downwards, because there was no room.
    pub demotions: u64,
}

impl Stats {
    /// Requests that any tier answered.
    pub fn hits(&self) -> u64 {
        self.tiers.iter().map(|tier| tier.hits).sum()
    }

    /// Answered requests as a share of all, 0 to 1; 0 if there were none.
    pub fn hit_ratio(&self) -> f64 {
        let requests = self.hits() + self.misses;
        if requests == 0 { 0.0 } else { self.hits() as f64 / requests as f64 }
    }

    /// The tier of that name.
    pub fn tier(&self, name: &str) -> Option<&TierStats> {
        self.tiers.iter().find(|tier| tier.name == name)
    }

    /// Bytes of memory that are taken, of [`Stats::budget`].
    pub fn memory(&self) -> u64 {
        let in_memory = self.tiers.iter().filter(|tier| tier.capacity.is_some());
        self.overhead + self.lost + in_memory.filter_map(|tier| tier.bytes).sum::<u64>()
    }
}

/// A table of the tiers, for people.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:>10} {:>10} {:>14} {:>8}",
            "tier", "hits", "entries", "bytes", "failed"
        )?;
        for tier in &self.tiers {
            let known = |number: Option<u64>| number.map_or("?".to_owned(), |it| it.to_string());
            let (entries, bytes) = (known(tier.entries), known(tier.bytes));
            writeln!(
                f,
                "{:<8} {:>10} {entries:>10} {bytes:>14} {:>8}",
                tier.name, tier.hits, tier.failures
            )?;
        }
        writeln!(f, "{:<8} {:>10}", "missed", self.misses)?;
        write!(f, "memory: {} of {} bytes", self.memory(), self.budget)
    }
}
