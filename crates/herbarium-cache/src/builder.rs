//! How a cache is set up.

use std::io;
use std::sync::Arc;

use crate::entry::Below;
use crate::ladder::{Ladder, Plan};
use crate::{Cache, Codec, Compression, Group, Heap, Key, Tier, TierOptions};

/// Sets up a [`Cache`]. The defaults are good for values of some kilobytes; the budget is
/// what most programs set.
///
/// ```
/// use herbarium_cache::{Bytes, Cache, CacheBuilder, Compression, MemoryTier, TierOptions};
///
/// let cache: Cache<u64, _> = CacheBuilder::new(Bytes)
///     .budget(64 << 20)
///     .warm_compression(Compression::Lz4)
///     .tier(MemoryTier::new(), TierOptions::new("cold").compression(Compression::zstd(3)))
///     .build()?;
/// cache.insert(1, vec![1; 100]);
/// # Ok::<(), herbarium_cache::BuildError>(())
/// ```
#[must_use]
pub struct CacheBuilder<C> {
    codec: C,
    plan: Plan,
    tiers: Vec<(Arc<dyn Tier>, TierOptions)>,
}

/// The budget where none is set.
const BUDGET: u64 = 256 << 20;
/// The hot tier's share where none is set. Of traces measured without any compression a
/// split of 3:1 answered most, one tier alone less; with compression the best lay near.
const HOT_SHARE: f64 = 0.75;

impl<C: Codec> CacheBuilder<C> {
    /// A budget of 256 MiB, three quarters of it hot, LZ4 in the warm tier, nothing below.
    pub fn new(codec: C) -> Self {
        let plan = Plan {
            budget: BUDGET,
            hot_share: HOT_SHARE,
            shards: None,
            expected_entry: 8 << 10,
            promote_after: 1,
            warm: Compression::default(),
            warm_whole: 0,
            heap: None,
        };
        Self { codec, plan, tiers: Vec::new() }
    }

    /// Bytes of memory for everything: values, keys, tables, buffers, dictionaries. 0 keeps
    /// nothing in memory; the tiers below still work.
    pub fn budget(mut self, bytes: u64) -> Self {
        self.plan.budget = bytes;
        self
    }

    /// The hot tier's share of the budget, 0 to 1; the warm tier has the rest. 1 switches
    /// the warm tier off.
    pub fn hot_share(mut self, share: f64) -> Self {
        self.plan.hot_share = share;
        self
    }

    /// How the warm tier compresses; LZ4 by default.
    pub fn warm_compression(mut self, compression: Compression) -> Self {
        self.plan.warm = compression;
        self
    }

    /// Values that weigh up to so many bytes, the cache's own bookkeeping of about a hundred
    /// included, are warm as they are, neither encoded nor compressed: what is so small
    /// gains little by it, and pays what each decoding costs at least. 0 by default: all are
    /// compressed. They are still encoded when they sink to a tier below.
    pub fn warm_whole(mut self, bytes: u64) -> Self {
        self.plan.warm_whole = bytes;
        self
    }

    /// Bytes that a value weighs on the whole, 8 KiB by default; right within a factor of ten is
    /// enough. It decides how many keys are remembered after their values left.
    pub fn expected_entry(mut self, bytes: u64) -> Self {
        self.plan.expected_entry = bytes;
        self
    }

    /// Parts that are locked apart, rounded up to a power of two. By default four for each
    /// processor, but fewer for a small budget: an entry larger than about 0.4 of a part is
    /// kept in a lane of few, least recently used first out.
    pub fn shards(mut self, shards: usize) -> Self {
        self.plan.shards = Some(shards);
        self
    }

    /// How often a warm value must be used before it becomes hot again: 1 by default, at
    /// the first use; 0: never. With more, values that are used rarely are decoded at each
    /// use, but displace nothing.
    pub fn promote_after(mut self, uses: u8) -> Self {
        self.plan.promote_after = uses;
        self
    }

    /// The heap that values lie in. By default that of the C library, if it is glibc and
    /// Rust's allocations come from it; else none, and what an allocator loses between blocks
    /// is not known.
    pub fn heap(mut self, heap: impl Heap) -> Self {
        self.plan.heap = Some(Box::new(heap));
        self
    }

    /// Adds a tier below those that are there already; at most 8.
    pub fn tier(self, tier: impl Tier, options: TierOptions) -> Self {
        self.shared_tier(Arc::new(tier), options)
    }

    /// The same for a tier that others use, too.
    pub fn shared_tier(mut self, tier: Arc<dyn Tier>, options: TierOptions) -> Self {
        self.tiers.push((tier, options));
        self
    }

    /// Builds the cache. Takes some ten kilobytes at once, and the rest as it is needed.
    ///
    /// # Errors
    /// If a setting is out of its range, a dictionary cannot be used, or two tiers have one
    /// name.
    pub fn build<K: Key>(self) -> Result<Cache<K, C>, BuildError> {
        let Self { codec, plan, tiers } = self;
        if !(0.0..=1.0).contains(&plan.hot_share) {
            return Err(BuildError::Share { given: plan.hot_share });
        }
        if tiers.len() > Below::MOST {
            return Err(BuildError::TooManyTiers { given: tiers.len(), most: Below::MOST });
        }
        let mut names = vec!["hot", "warm"];
        for (_, options) in &tiers {
            if names.contains(&options.name) {
                return Err(BuildError::SameName { name: options.name });
            }
            names.push(options.name);
        }
        Ok(Cache::new(Ladder::new(codec, plan, tiers, &names)?))
    }
}

/// Why a cache cannot be built as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A share that is none.
    #[error("the hot tier's share of the budget is {given}; it must lie between 0 and 1")]
    Share {
        /// What was asked for.
        given: f64,
    },
    /// A compression level that zstd does not have.
    #[error("zstd has no level {level}; choose one from {least} to {most}")]
    Level {
        /// What was asked for.
        level: i32,
        /// The lowest level.
        least: i32,
        /// The highest level.
        most: i32,
    },
    /// A dictionary that zstd refuses.
    #[error("the dictionary of group {} cannot be used; train it anew or leave it out", group.0)]
    Dictionary {
        /// Whose it is.
        group: Group,
        /// What zstd said.
        source: io::Error,
    },
    /// More tiers than an entry can keep in mind.
    #[error("{given} tiers below memory; the cache takes at most {most}")]
    TooManyTiers {
        /// What was asked for.
        given: usize,
        /// The most.
        most: usize,
    },
    /// Two tiers could not be told apart in statistics.
    #[error(
        "two tiers are named `{name}`; give each a name of its own (`hot` and `warm` are taken)"
    )]
    SameName {
        /// The name.
        name: &'static str,
    },
}
