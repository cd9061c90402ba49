//! Sizes at the edges: nothing, giants, and what weighs nothing.

use std::sync::Arc;

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, Codec, CodecError, MemoryTier, TierOptions, Write,
};

use crate::{cache, value, with_cold};

#[test]
fn a_budget_of_zero_keeps_nothing_in_memory_and_everything_below() {
    let cache = cache(0);
    assert_eq!(*cache.insert(1u64, vec![1]), [1]);
    assert_eq!(cache.get(&1), None);
    let make = || Ok::<_, std::io::Error>(vec![2]);
    assert_eq!(*cache.get_or_try_insert_with(1, make).expect("computed"), [2]);

    let cache = with_cold(0, Arc::new(MemoryTier::new()), Write::OnEviction);
    (0..100u64).for_each(|key| {
        cache.insert(key, value(key, 100));
    });
    (0..100).for_each(|key| assert_eq!(*cache.get(&key).expect("cold"), value(key, 100)));
    assert_eq!(cache.stats().tiers[0].entries, Some(0));
}

#[test]
fn a_budget_without_bounds_is_one() {
    for budget in [1 << 54, (1 << 60) - 1, u64::MAX] {
        for hot_share in [0.0, 0.75, 1.0] {
            let builder = CacheBuilder::new(Bytes).budget(budget).hot_share(hot_share);
            let cache: Cache<u64, Bytes> = builder.build().expect("sound");
            for key in 0..100 {
                cache.insert(key, value(key, 1000));
            }
            (0..100).for_each(|key| assert_eq!(*cache.get(&key).expect("kept"), value(key, 1000)));
            let stats = cache.stats();
            let capacities = stats.tiers.iter().filter_map(|tier| tier.capacity);
            assert!(capacities.map(u128::from).sum::<u128>() <= u128::from(budget), "{stats:?}");
        }
    }
}

/// Says of every value that it weighs more than there is memory.
struct Boaster;

impl Codec for Boaster {
    type Value = Vec<u8>;

    fn weigh(&self, _: &Vec<u8>) -> usize {
        usize::MAX / 2
    }

    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}

#[test]
fn weights_beyond_all_measure_stop_nobody() {
    let builder = CacheBuilder::new(Boaster).budget(1 << 20);
    let builder = builder.tier(MemoryTier::new(), TierOptions::new("cold").write(Write::OnInsert));
    let cache: Cache<u64, Boaster> = builder.build().expect("sound");
    let start = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, start) = (&cache, &start);
            scope.spawn(move || {
                start.wait();
                for key in (thread..2000).step_by(4) {
                    cache.insert(key, value(key, 100));
                }
            });
        }
    });
    (0..2000).for_each(|key| assert_eq!(*cache.get(&key).expect("cold"), value(key, 100)));
    assert_eq!(cache.stats().tiers[0].entries, Some(0));
}

#[test]
fn values_of_every_size_stay_within_the_budget() {
    let check = |budget: u64, shards: usize, sizes: &[usize]| {
        let builder = CacheBuilder::new(Bytes).budget(budget).shards(shards);
        let cache: Cache<u64, Bytes> = builder.build().expect("sound");
        for key in 0..2000u64 {
            let len = sizes[key as usize % sizes.len()];
            cache.insert(key, value(key, len));
            if let Some(found) = cache.get(&(key / 2)) {
                assert_eq!(*found, value(key / 2, found.len()));
            }
            let stats = cache.stats();
            // A table that grows is made room for a few inserts later.
            let most = stats.budget + stats.budget / 20;
            assert!(key % 100 != 99 || stats.memory() <= most, "{stats}");
        }
    };
    check(1 << 20, 1, &[0]);
    check(1 << 20, 8, &[10_000, 0, 1]);
    check(1 << 20, 8, &[50_000, 100, 200_000]);
    check(1 << 20, 2, &[2_000_000, 300_000]);
    check(100_000, 1, &[100, 1000, 30_000]);
}

#[test]
fn a_giant_is_kept_though_it_is_larger_than_a_shards_share() {
    let builder = CacheBuilder::new(Bytes).budget(8 << 20).shards(16);
    let cache: Cache<u64, Bytes> = builder.build().expect("sound");
    for key in 0..1000 {
        cache.insert(key, value(key, 4000));
    }
    cache.insert(5000, value(5000, 2 << 20));
    for key in 0..1000 {
        cache.get(&key);
        assert_eq!(cache.get(&5000).expect("kept").len(), 2 << 20);
    }
    assert!(cache.stats().memory() <= 8 << 20, "{}", cache.stats());
    // The small ones get their room back.
    cache.remove(&5000);
    assert_eq!(cache.get(&5000), None);
    (0..1000).for_each(|key| {
        cache.insert(key, value(key, 4000));
    });
    let hot = cache.stats().tiers[0].bytes.expect("known");
    assert!(hot > 3_900_000, "{hot}");
}

#[test]
fn a_giant_and_a_small_value_of_one_key_replace_each_other() {
    let builder = CacheBuilder::new(Bytes).budget(8 << 20).shards(16);
    let cache: Cache<u64, Bytes> = builder.build().expect("sound");
    for round in 0..10u64 {
        for len in [2 << 20, 10, 2_200_000] {
            cache.insert(1, value(round, len));
            assert!(*cache.get(&1).expect("kept") == value(round, len), "{len}");
        }
        cache.remove(&1);
        assert_eq!(cache.get(&1), None);
    }
}

#[test]
fn what_is_too_large_for_memory_goes_below_and_is_counted() {
    let cache = with_cold(1 << 20, Arc::new(MemoryTier::new()), Write::OnEviction);
    cache.insert(1u64, value(1, 4 << 20));
    assert_eq!(*cache.get(&1).expect("cold"), value(1, 4 << 20));
    let stats = cache.stats();
    assert!(stats.tiers[0].refused >= 1 && stats.tiers[1].refused >= 1, "{stats:?}");
    assert_eq!(stats.tiers[2].entries, Some(1));
}

#[test]
fn values_without_weight_do_not_pile_up() {
    let cache = cache(1 << 20);
    for key in 0..100_000u64 {
        cache.insert(key, Vec::new());
    }
    let stats = cache.stats();
    assert!(stats.memory() <= stats.budget + stats.budget / 20, "{stats}");
    assert!(stats.tiers[0].entries.expect("known") > 1000);
}
