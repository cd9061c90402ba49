//! What the cache does, seen from outside.

mod async_verbs;
mod budget;
mod faults;
mod flights;
mod metrics;
mod model;
mod races;
mod tiers;
mod verbs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, Key, MemoryTier, Tier, TierError, TierOptions, Usage, Write,
};

/// A cache of bytes with this budget.
fn cache<K: Key>(budget: u64) -> Cache<K, Bytes> {
    CacheBuilder::new(Bytes).budget(budget).build().expect("the settings are sound")
}

/// The same with one tier below.
fn with_cold<K: Key>(budget: u64, tier: Arc<dyn Tier>, write: Write) -> Cache<K, Bytes> {
    let options = TierOptions::new("cold").write(write);
    let builder = CacheBuilder::new(Bytes).budget(budget).shared_tier(tier, options);
    builder.build().expect("the settings are sound")
}

/// Bytes that tell keys apart and do not compress to nothing.
fn value(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A tier in memory that counts what it is asked.
#[derive(Default)]
struct Counting {
    tier: MemoryTier,
    gets: AtomicU64,
    puts: AtomicU64,
}

impl Tier for Counting {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.tier.get(key, read)
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.tier.put(key, record)
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        self.tier.remove(key)
    }

    fn usage(&self) -> Usage {
        self.tier.usage()
    }
}
