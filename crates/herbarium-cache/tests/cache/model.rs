//! Any sequence of calls, compared with a map that forgets nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, Compression, MemoryTier, ReadHint, Tier, TierError, TierOptions,
    Write,
};
use proptest::prelude::*;

use crate::value;

#[derive(Clone, Debug)]
enum Call {
    Get(u64, bool),
    Insert(u64, usize),
    Compute(u64, usize, bool),
    Remove(u64),
    ClearMemory,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let key = 0..24u64;
    let len = prop_oneof![4 => 0..2_000usize, 2 => 2_000..20_000usize, 1 => 20_000..80_000usize];
    let call = prop_oneof![
        8 => (key.clone(), any::<bool>()).prop_map(|(key, scan)| Call::Get(key, scan)),
        6 => (key.clone(), len.clone()).prop_map(|(key, len)| Call::Insert(key, len)),
        4 => (key.clone(), len, any::<bool>())
            .prop_map(|(key, len, scan)| Call::Compute(key, len, scan)),
        2 => key.prop_map(Call::Remove),
        1 => Just(Call::ClearMemory),
    ];
    prop::collection::vec(call, 1..200)
}

/// Fails now and then, in its own rhythm.
struct Moody {
    tier: MemoryTier,
    asked: AtomicU64,
    every: u64,
}

impl Moody {
    fn mood(&self) -> Result<(), TierError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.every != 0 && asked.is_multiple_of(self.every) {
            return Err(TierError::Other("not now".into()));
        }
        Ok(())
    }
}

impl Tier for Moody {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        self.mood()?;
        self.tier.get(key, read)
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        self.mood()?;
        self.tier.put(key, record)
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        self.mood()?;
        self.tier.remove(key)
    }
}

#[derive(Clone, Debug)]
struct Setting {
    budget: u64,
    shards: usize,
    hot_share: f64,
    write: Write,
    every: u64,
    promote_after: u8,
    warm_whole: u64,
}

fn settings() -> impl Strategy<Value = Setting> {
    let budget = prop_oneof![Just(0u64), 60_000..400_000u64];
    let write = prop_oneof![Just(Write::OnEviction), Just(Write::OnInsert), Just(Write::Never)];
    let share = prop_oneof![Just(0.0), Just(0.5), Just(1.0)];
    let whole = prop_oneof![Just(0u64), 0..20_000u64];
    (budget, 1..5usize, share, write, 0..5u64, 0..3u8, whole).prop_map(
        |(budget, shards, hot_share, write, every, promote_after, warm_whole)| Setting {
            budget,
            shards,
            hot_share,
            write,
            every,
            promote_after,
            warm_whole,
        },
    )
}

fn open(setting: &Setting) -> Cache<u64, Bytes> {
    let asked = AtomicU64::new(0);
    let tier = Moody { tier: MemoryTier::new(), asked, every: setting.every };
    let options = TierOptions::new("cold").write(setting.write).compression(Compression::Lz4);
    CacheBuilder::new(Bytes)
        .budget(setting.budget)
        .shards(setting.shards)
        .hot_share(setting.hot_share)
        .promote_after(setting.promote_after)
        .warm_whole(setting.warm_whole)
        .shared_tier(Arc::new(tier), options)
        .build()
        .expect("sound")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_hit_is_what_was_put_last(setting in settings(), calls in calls()) {
        let cache = open(&setting);
        let mut model: HashMap<u64, Vec<u8>> = HashMap::new();
        for (seed, call) in calls.into_iter().enumerate() {
            let hint = |scan| if scan { ReadHint::Scan } else { ReadHint::Use };
            match call {
                Call::Get(key, scan) => {
                    if let Some(found) = cache.get_hinted(&key, hint(scan)) {
                        prop_assert!(Some(&*found) == model.get(&key), "call {} on {}", seed, key);
                    }
                }
                Call::Insert(key, len) => {
                    let value = value(seed as u64, len);
                    cache.insert(key, value.clone());
                    model.insert(key, value);
                }
                Call::Compute(key, len, scan) => {
                    let mut computed = false;
                    let make = || {
                        computed = true;
                        Ok::<_, std::io::Error>(value(seed as u64, len))
                    };
                    let got = cache.get_or_try_insert_hinted(key, hint(scan), make);
                    let got = got.expect("it does not fail");
                    if computed {
                        model.insert(key, got.to_vec());
                    }
                    prop_assert!(Some(&*got) == model.get(&key), "call {} on {}", seed, key);
                }
                Call::Remove(key) => {
                    cache.remove(&key);
                    model.remove(&key);
                    prop_assert!(cache.get(&key).is_none(), "call {} on {}", seed, key);
                }
                Call::ClearMemory => cache.clear_memory(),
            }
        }
        let stats = cache.stats();
        let in_memory: u64 = stats.tiers[..2].iter().filter_map(|tier| tier.bytes).sum();
        prop_assert!(in_memory <= setting.budget, "{}", stats);
    }
}
