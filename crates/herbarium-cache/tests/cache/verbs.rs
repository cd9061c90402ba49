//! `get`, `insert`, `remove`, `stats` and the builder.

use std::sync::Arc;

use herbarium_cache::{
    BuildError, Bytes, Cache, CacheBuilder, Compression, MemoryTier, TierOptions,
};

use crate::{cache, value};

#[test]
fn what_is_inserted_is_found_and_is_the_same_value() {
    let cache = cache(1 << 20);
    let inserted = cache.insert(1u64, value(1, 100));
    assert!(Arc::ptr_eq(&inserted, &cache.get(&1).expect("a hit")));
    assert_eq!(cache.get(&2), None);
}

#[test]
fn the_last_insert_counts_and_a_removed_key_is_gone() {
    let cache = cache(1 << 20);
    cache.insert(1u64, vec![1]);
    cache.insert(1, vec![2]);
    assert_eq!(*cache.get(&1).expect("a hit"), [2]);
    assert!(cache.remove(&1));
    assert_eq!(cache.get(&1), None);
    assert!(!cache.remove(&1));
}

#[test]
fn every_request_is_counted_once() {
    let cache = cache(1 << 20);
    cache.insert(1u64, vec![1]);
    for _ in 0..1000 {
        cache.get(&1);
    }
    cache.get(&2);
    let stats = cache.stats();
    assert_eq!((stats.hits(), stats.misses, stats.tiers[0].hits), (1000, 1, 1000));
    assert_eq!(stats.hit_ratio(), 1000.0 / 1001.0);
}

#[test]
fn hits_of_many_threads_add_up() {
    let cache = cache(1 << 20);
    cache.insert(1u64, vec![1]);
    // More than have a counter of their own, at one time and one after another.
    for _ in 0..3 {
        let start = std::sync::Barrier::new(80);
        std::thread::scope(|scope| {
            for _ in 0..80 {
                scope.spawn(|| {
                    start.wait();
                    (0..500).for_each(|_| assert!(cache.get(&1).is_some()));
                });
            }
        });
    }
    assert_eq!(cache.stats().hits(), 3 * 80 * 500);
}

#[test]
fn keys_of_all_kinds_are_taken() {
    fn check<K: herbarium_cache::Key>(key: K) {
        let cache = cache(1 << 20);
        cache.insert(key.clone(), vec![7]);
        assert_eq!(*cache.get(&key).expect("a hit"), [7]);
    }
    check(7u8);
    check([7u8; 32]);
    check("seven".to_owned());
    check(Arc::<str>::from("seven"));
    check(vec![7u8]);
}

#[test]
fn clear_memory_forgets_what_is_in_memory() {
    let cache = cache(1 << 20);
    (0..100u64).for_each(|key| {
        cache.insert(key, value(key, 1000));
    });
    cache.clear_memory();
    assert_eq!(cache.get(&50), None);
    assert_eq!(cache.stats().tiers[0].entries, Some(0));
}

#[test]
fn settings_out_of_range_are_refused_with_what_to_do() {
    let check = |builder: CacheBuilder<Bytes>, expected: &str| {
        let error: BuildError = builder.build::<u64>().map(drop).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    let new = || CacheBuilder::new(Bytes);
    check(
        new().hot_share(1.5),
        "the hot tier's share of the budget is 1.5; it must lie between 0 and 1",
    );
    check(
        new().hot_share(f64::NAN),
        "the hot tier's share of the budget is NaN; it must lie between 0 and 1",
    );
    check(
        new().warm_compression(Compression::zstd(99)),
        "zstd has no level 99; choose one from -131072 to 22",
    );
    check(
        new().tier(MemoryTier::new(), TierOptions::new("hot")),
        "two tiers are named `hot`; give each a name of its own (`hot` and `warm` are taken)",
    );
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let many = names
        .into_iter()
        .fold(new(), |builder, name| builder.tier(MemoryTier::new(), TierOptions::new(name)));
    check(many, "9 tiers below memory; the cache takes at most 8");
}

#[test]
fn stats_print_as_a_table() {
    let cache: Cache<u64, _> = cache(1 << 20);
    cache.insert(1, vec![1; 10]);
    cache.get(&1);
    let table = cache.stats().to_string();
    assert!(table.starts_with("tier           hits    entries"), "{table}");
    assert!(table.contains("of 1048576 bytes"), "{table}");
}
