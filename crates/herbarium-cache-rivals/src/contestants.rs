//! The caches, behind one trait.

use std::sync::Arc;

use foyer_memory::{
    Cache as FoyerCache, CacheBuilder as FoyerBuilder, EvictionConfig, LfuConfig, S3FifoConfig,
    SieveConfig,
};
use herbarium_cache::{Bytes, Cache, CacheBuilder};
use quick_cache::sync::Cache as QuickCache;
use quick_cache::{OptionsBuilder, Weighter};

/// Bytes behind an `Arc`, as ours holds them; and bytes as such, cloned at each hit.
pub(crate) type Shared = Arc<Vec<u8>>;

/// What a run asks of a cache.
pub(crate) trait Contestant: Sync {
    fn has(&self, key: u64) -> bool;
    fn put(&self, key: u64, value: Vec<u8>);
}

#[derive(Clone)]
pub(crate) struct ByLen;

impl Weighter<u64, Shared> for ByLen {
    fn weight(&self, _: &u64, value: &Shared) -> u64 {
        value.len() as u64
    }
}

impl Weighter<u64, Vec<u8>> for ByLen {
    fn weight(&self, _: &u64, value: &Vec<u8>) -> u64 {
        value.len() as u64
    }
}

pub(crate) type Ours = Cache<u64, Bytes>;
pub(crate) type Quick = QuickCache<u64, Shared, ByLen>;
pub(crate) type QuickVec = QuickCache<u64, Vec<u8>, ByLen>;
pub(crate) type Moka = moka::sync::Cache<u64, Shared>;
pub(crate) type MokaVec = moka::sync::Cache<u64, Vec<u8>>;
pub(crate) type Foyer = FoyerCache<u64, Shared>;

pub(crate) fn ours(capacity: u64, hot_share: f64) -> Ours {
    let builder = CacheBuilder::new(Bytes).budget(capacity).hot_share(hot_share);
    builder.build().expect("the settings are sound")
}

pub(crate) fn quick(capacity: u64, items: usize) -> Quick {
    QuickCache::with_options(
        options(capacity, items),
        ByLen,
        Default::default(),
        Default::default(),
    )
}

pub(crate) fn quick_vec(capacity: u64, items: usize) -> QuickVec {
    QuickCache::with_options(
        options(capacity, items),
        ByLen,
        Default::default(),
        Default::default(),
    )
}

fn options(capacity: u64, items: usize) -> quick_cache::Options {
    let mut options = OptionsBuilder::new();
    options.weight_capacity(capacity).estimated_items_capacity(items);
    options.build().expect("both capacities are set")
}

pub(crate) fn moka(capacity: u64) -> Moka {
    let weigher = |_: &u64, value: &Shared| value.len() as u32;
    moka::sync::Cache::builder().max_capacity(capacity).weigher(weigher).build()
}

pub(crate) fn moka_vec(capacity: u64) -> MokaVec {
    let weigher = |_: &u64, value: &Vec<u8>| value.len() as u32;
    moka::sync::Cache::builder().max_capacity(capacity).weigher(weigher).build()
}

pub(crate) fn foyers(capacity: u64) -> [(&'static str, Foyer); 3] {
    let build = |config: EvictionConfig| {
        FoyerBuilder::new(capacity as usize)
            .with_shards(8)
            .with_weighter(|_: &u64, value: &Shared| value.len())
            .with_eviction_config(config)
            .build()
    };
    [
        ("foyer S3-FIFO", build(S3FifoConfig::default().into())),
        ("foyer LFU", build(LfuConfig::default().into())),
        ("foyer Sieve", build(SieveConfig.into())),
    ]
}

impl Contestant for Ours {
    fn has(&self, key: u64) -> bool {
        self.get(&key).is_some()
    }
    fn put(&self, key: u64, value: Vec<u8>) {
        self.insert(key, value);
    }
}

macro_rules! contestant {
    ($($cache:ty, $wrap:expr;)*) => {$(
        impl Contestant for $cache {
            fn has(&self, key: u64) -> bool {
                self.get(&key).is_some()
            }
            fn put(&self, key: u64, value: Vec<u8>) {
                self.insert(key, $wrap(value));
            }
        }
    )*};
}

contestant! {
    Quick, Arc::new;
    QuickVec, |it| it;
    Moka, Arc::new;
    MokaVec, |it| it;
    Foyer, Arc::new;
}
