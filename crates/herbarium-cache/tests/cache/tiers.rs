//! How values move between tiers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, Codec, CodecError, Compression, Dictionaries, DirectoryTier,
    Framing, Group, MemoryTier, ReadHint, Stats, Tier, TierOptions, Write,
};

use crate::{Counting, cache, value, with_cold};

const KB: usize = 1 << 10;

fn fill(cache: &Cache<u64, Bytes>, keys: std::ops::Range<u64>) {
    for key in keys {
        cache.insert(key, value(key, 4 * KB));
    }
}

fn moves(cache: &Cache<u64, Bytes>, from: &str, to: &str) -> (u64, u64) {
    moves_of(&cache.stats(), from, to)
}

fn moves_of(stats: &Stats, from: &str, to: &str) -> (u64, u64) {
    let found = stats.moves.iter().find(|moves| (moves.from, moves.to) == (from, to));
    found.map_or((0, 0), |moves| (moves.promotions, moves.demotions))
}

#[test]
fn what_does_not_fit_moves_down_and_comes_back_when_it_is_used() {
    let tier = Arc::new(Counting::default());
    let cache = with_cold(1 << 20, tier.clone(), Write::OnEviction);
    fill(&cache, 0..1000);
    assert!(moves(&cache, "hot", "warm").1 > 500);
    assert!(moves(&cache, "warm", "cold").1 > 500);
    for key in 0..1000 {
        assert_eq!(*cache.get(&key).expect("some tier has it"), value(key, 4 * KB));
    }
    assert!(moves(&cache, "cold", "hot").0 > 500);
    let stats = cache.stats();
    assert_eq!((stats.hits(), stats.misses, stats.forgotten), (1000, 0, 0));
}

#[test]
fn what_is_below_already_is_not_written_again() {
    let tier = Arc::new(Counting::default());
    let cache = with_cold(1 << 20, tier.clone(), Write::OnEviction);
    fill(&cache, 0..500);
    for _ in 0..3 {
        (0..500).for_each(|key| assert!(cache.get(&key).is_some()));
    }
    assert!(tier.puts.load(Ordering::Relaxed) <= 500);
}

#[test]
fn written_on_insert_it_outlives_the_cache() {
    let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    fill(&with_cold(1 << 20, tier.clone(), Write::OnInsert), 0..10);
    let next = with_cold(1 << 20, tier, Write::OnInsert);
    (0..10u64).for_each(|key| assert_eq!(*next.get(&key).expect("cold"), value(key, 4 * KB)));
}

#[test]
fn a_tier_that_is_only_read_is_never_written_and_never_read_out_of_date() {
    let tier = Arc::new(Counting::default());
    fill(&with_cold(1 << 20, tier.clone(), Write::OnInsert), 0..1);
    let puts = tier.puts.load(Ordering::Relaxed);
    let cache = with_cold(0, tier.clone(), Write::Never);
    assert_eq!(*cache.get(&0).expect("cold"), value(0, 4 * KB));
    cache.insert(0u64, vec![9]);
    assert_eq!(cache.get(&0), None, "the value below is out of date");
    assert_eq!(tier.puts.load(Ordering::Relaxed), puts);
}

#[test]
fn a_scan_moves_nothing() {
    let tier = Arc::new(MemoryTier::new());
    let cache = with_cold(1 << 20, tier, Write::OnEviction);
    fill(&cache, 0..1000);
    let before = cache.stats();
    for key in 0..1000 {
        let found = cache.get_hinted(&key, ReadHint::Scan);
        assert_eq!(*found.expect("some tier has it"), value(key, 4 * KB));
    }
    let after = cache.stats();
    assert_eq!(before.moves, after.moves);
    assert_eq!(after.hits() - before.hits(), 1000);
}

/// Two giants fit, a third displaces the one that was used longer ago.
#[test]
fn neither_a_scan_nor_a_peek_makes_a_giant_look_used() {
    let look: [fn(&Cache<u64, Bytes>); 2] =
        [|cache| drop(cache.get_hinted(&1, ReadHint::Scan)), |cache| drop(cache.peek(&1))];
    for look in look {
        let builder = CacheBuilder::new(Bytes).budget(16 << 20).hot_share(1.0).shards(4);
        let cache: Cache<u64, Bytes> = builder.build().expect("sound");
        let giant = 3 << 20;
        cache.insert(1, value(1, giant));
        cache.insert(2, value(2, giant));
        look(&cache);
        cache.insert(3, value(3, giant));
        let hot: Vec<u64> = (1..=3).filter(|key| cache.peek(key).is_some()).collect();
        assert_eq!(hot, [2, 3]);
    }
}

#[test]
fn what_a_scan_computes_goes_below_only() {
    let tier = Arc::new(MemoryTier::new());
    let cache = with_cold(1 << 20, tier.clone(), Write::OnEviction);
    let make = || Ok::<_, std::io::Error>(value(1, KB));
    cache.get_or_try_insert_hinted(1u64, ReadHint::Scan, make).expect("computed");
    let stats = cache.stats();
    let entries = stats.tiers.iter().map(|tier| tier.entries).collect::<Vec<_>>();
    assert_eq!(entries, [Some(0), Some(0), Some(1)]);
    assert_eq!(*cache.get(&1).expect("cold"), value(1, KB));
}

#[test]
fn one_scan_does_not_wash_out_what_is_hot() {
    let cache = cache(4 << 20);
    for _ in 0..4 {
        for key in 0..200u64 {
            let make = || Ok::<_, std::io::Error>(value(key, 4 * KB));
            cache.get_or_try_insert_with(key, make).expect("computed");
        }
    }
    for key in 1000..20_000u64 {
        if cache.get(&key).is_none() {
            cache.insert(key, value(key, 4 * KB));
        }
    }
    let left = (0..200).filter(|key| cache.get(key).is_some()).count();
    assert!(left >= 190, "{left} of 200 are left");
}

#[test]
fn promotion_waits_for_as_many_uses_as_it_was_told() {
    let check = |promote_after: u8, expected: u64| {
        let builder = CacheBuilder::new(Bytes).budget(1 << 20).promote_after(promote_after);
        let cache: Cache<u64, Bytes> = builder.build().expect("sound");
        fill(&cache, 0..220);
        let warm: Vec<u64> = (0..220).filter(|key| cache.get(key).is_some()).collect();
        assert!(!warm.is_empty());
        let promoted = moves(&cache, "warm", "hot").0;
        assert_eq!(promoted.min(1), expected, "after {promote_after}: {promoted}");
    };
    check(0, 0);
    check(1, 1);
    check(2, 0);
}

/// Bytes, and how often they were encoded and decoded.
#[derive(Clone, Default)]
struct Counted {
    encoded: Arc<AtomicU64>,
    decoded: Arc<AtomicU64>,
}

impl Counted {
    fn codings(&self) -> (u64, u64) {
        (self.encoded.load(Ordering::Relaxed), self.decoded.load(Ordering::Relaxed))
    }
}

impl Codec for Counted {
    type Value = Vec<u8>;

    fn weigh(&self, value: &Vec<u8>) -> usize {
        Bytes.weigh(value)
    }

    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        Bytes.encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        Bytes.decode(bytes)
    }
}

#[test]
fn what_is_small_is_warm_as_it_is_and_encoded_when_it_sinks_further() {
    let check = |len: usize, warm_codings: (u64, u64)| {
        let counted = Counted::default();
        let cache: Cache<u64, Counted> = CacheBuilder::new(counted.clone())
            .budget(1 << 20)
            .hot_share(0.0)
            .warm_whole(2 << 10)
            .tier(MemoryTier::new(), TierOptions::new("cold").write(Write::OnEviction))
            .build()
            .expect("sound");
        cache.insert(0, value(0, len));
        assert_eq!(*cache.get(&0).expect("warm"), value(0, len));
        assert_eq!(counted.codings(), warm_codings, "{len} bytes");
        let all = (2 << 20) / len as u64;
        (1..all).for_each(|key| drop(cache.insert(key, value(key, len))));
        assert!(moves_of(&cache.stats(), "warm", "cold").1 > 0);
        for key in 0..all {
            assert_eq!(*cache.get(&key).expect("some tier has it"), value(key, len));
        }
        assert_eq!(cache.stats().forgotten, 0);
    };
    check(1_000, (0, 0));
    check(4_000, (1, 1));
}

#[test]
fn every_compression_gives_back_what_it_was_given() {
    let check = |compression: Compression, value: Vec<u8>| {
        let options = TierOptions::new("cold").compression(compression.clone());
        let cache: Cache<u64, Bytes> = CacheBuilder::new(Bytes)
            .budget(1 << 20)
            .hot_share(0.0)
            .warm_compression(compression.clone())
            .tier(MemoryTier::new(), options.write(Write::OnInsert))
            .build()
            .expect("sound");
        cache.insert(1, value.clone());
        assert_eq!(*cache.get(&1).expect("warm"), value, "{compression:?}");
        cache.clear_memory();
        assert_eq!(*cache.get(&1).expect("cold"), value, "{compression:?}");
        assert_eq!(cache.stats().tiers[2].failures, 0);
    };
    let dictionaries = || Dictionaries::new().with(Group(0), &b"fn main() { let mut "[..]);
    let all = [
        Compression::None,
        Compression::Lz4,
        Compression::zstd(-1),
        Compression::zstd(3),
        Compression::Zstd { level: 9, dictionaries: dictionaries() },
    ];
    for compression in all {
        check(compression.clone(), Vec::new());
        check(compression.clone(), b"fn main() { let mut x = 1; }".repeat(100));
        check(compression.clone(), value(1, 100_000));
        check(compression, vec![0; 200_000]);
    }
}

#[test]
fn a_record_without_its_dictionary_is_a_miss_and_with_it_a_hit() {
    let dictionary = b"the quick brown fox jumps over the lazy dog".repeat(8);
    let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let open = |dictionaries: Dictionaries| -> Cache<u64, Bytes> {
        let compression = Compression::Zstd { level: 3, dictionaries };
        let options = TierOptions::new("cold").compression(compression);
        let options = options.write(Write::OnInsert);
        let builder = CacheBuilder::new(Bytes).budget(1 << 20);
        builder.shared_tier(tier.clone(), options).build().expect("sound")
    };
    let text = b"the quick brown fox jumps over the lazy dog, and over".to_vec();
    open(Dictionaries::new().with(Group(0), dictionary.clone())).insert(1, text.clone());
    let retired = open(Dictionaries::new().reading(dictionary));
    assert_eq!(*retired.get(&1).expect("its dictionary is known"), text);
    let without = open(Dictionaries::new());
    assert_eq!(without.get(&1), None);
    assert_eq!(without.stats().tiers[2].failures, 1);
}

#[test]
fn a_plain_tier_holds_the_codecs_bytes() {
    let tier = Arc::new(MemoryTier::new());
    let options = TierOptions::new("cold").framing(Framing::Plain).write(Write::OnInsert);
    let builder = CacheBuilder::new(Bytes).budget(0).shared_tier(tier.clone(), options);
    let cache: Cache<u64, Bytes> = builder.build().expect("sound");
    cache.insert(1, b"as it is".to_vec());
    let mut held = Vec::new();
    tier.get(&1u64.to_le_bytes(), &mut |bytes| held = bytes.to_vec()).expect("there");
    assert_eq!(held, b"as it is");
    assert_eq!(*cache.get(&1).expect("cold"), b"as it is");
}

#[test]
fn a_third_tier_fills_the_second_when_it_is_used() {
    let (near, far) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
    let open = |budget: u64| -> Cache<u64, Bytes> {
        CacheBuilder::new(Bytes)
            .budget(budget)
            .hot_share(1.0)
            .shared_tier(near.clone(), TierOptions::new("cold"))
            .shared_tier(far.clone(), TierOptions::new("shared").write(Write::OnInsert))
            .build()
            .expect("sound")
    };
    open(1 << 20).insert(1, value(1, KB));
    assert_eq!(near.puts.load(Ordering::Relaxed), 0);
    let cache = open(64 << 10);
    assert_eq!(*cache.get(&1).expect("shared"), value(1, KB));
    fill(&cache, 2..100);
    assert!(near.puts.load(Ordering::Relaxed) > 50);
    let mut is_near = false;
    near.get(&1u64.to_le_bytes(), &mut |_| is_near = true).expect("no fault");
    assert!(is_near, "written when it left memory");
}

#[test]
fn a_directory_holds_records_across_openings_within_its_limit() {
    let dir = tempfile::tempdir().expect("a folder");
    let open = |limit| Arc::new(DirectoryTier::open(dir.path(), limit).expect("opens"));
    fill(&with_cold(1 << 20, open(1 << 20), Write::OnInsert), 0..100);
    let cache = with_cold(1 << 20, open(1 << 20), Write::OnInsert);
    (0..100u64).for_each(|key| assert_eq!(*cache.get(&key).expect("cold"), value(key, 4 * KB)));
    let tier = open(50 * KB as u64);
    with_cold(1 << 20, tier.clone(), Write::OnInsert).insert(1000u64, value(1000, 4 * KB));
    let usage = tier.usage();
    assert!(usage.bytes.expect("known") <= 50 * KB as u64, "{usage:?}");
    assert!(usage.entries.expect("known") >= 11, "{usage:?}");
}

#[test]
fn what_is_too_large_to_be_hot_is_warm_once_it_was_read_below() {
    let tier = Arc::new(Counting::default());
    fill(&with_cold(4 << 20, tier.clone(), Write::OnInsert), 0..20);
    let options = TierOptions::new("cold").write(Write::OnInsert);
    let builder = CacheBuilder::new(Bytes).budget(8 << 20).hot_share(0.0);
    let cache: Cache<u64, Bytes> = builder.shared_tier(tier, options).build().expect("it builds");
    for _ in 0..3 {
        for key in 0..20 {
            assert_eq!(*cache.get(&key).expect("some tier has it"), value(key, 4 * KB));
        }
    }
    let stats = cache.stats();
    let hits: Vec<_> = stats.tiers.iter().map(|tier| tier.hits).collect();
    assert_eq!((hits, stats.misses), (vec![0, 40, 20], 0));
    assert_eq!((moves(&cache, "cold", "warm"), moves(&cache, "hot", "warm")), ((20, 0), (0, 0)));
    // A scan moves nothing.
    cache.clear_memory();
    (0..20).for_each(|key| assert!(cache.get_hinted(&key, ReadHint::Scan).is_some()));
    assert_eq!(cache.stats().tiers[1].entries, Some(0));
}
