//! What fails below is a miss with a count: no panic, no stop, nothing wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, Codec, CodecError, DirectoryTier, MemoryTier, Tier, TierError,
    Usage, Write,
};

use crate::{value, with_cold};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    GetFails,
    GetPanics,
    PutFails,
    PutPanics,
    RemoveFails,
    RemovePanics,
    /// One bit of the record.
    Flipped,
    Truncated,
    Nothing,
    /// The record of another key.
    MixedUp,
    SaysYesWithoutBytes,
    UsagePanics,
}

/// A tier in memory that fails in one way while it is told to.
struct Faulty {
    tier: MemoryTier,
    fault: Fault,
    on: AtomicBool,
}

impl Faulty {
    fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { tier: MemoryTier::new(), fault, on: AtomicBool::new(false) })
    }

    fn is(&self, fault: Fault) -> bool {
        self.on.load(Ordering::SeqCst) && self.fault == fault
    }

    fn fail(&self, fails: Fault, panics: Fault) -> Result<(), TierError> {
        assert!(!self.is(panics), "the tier panics");
        if self.is(fails) { Err(TierError::Other("the tier fails".into())) } else { Ok(()) }
    }
}

impl Tier for Faulty {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        self.fail(Fault::GetFails, Fault::GetPanics)?;
        if self.is(Fault::SaysYesWithoutBytes) {
            return Ok(true);
        }
        let mut key = key.to_vec();
        if self.is(Fault::MixedUp) {
            key[0] ^= 1;
        }
        self.tier.get(&key, &mut |record| {
            let mut record = record.to_vec();
            let last = record.len() - 1;
            if self.is(Fault::Flipped) {
                record[last] ^= 1;
            }
            if self.is(Fault::Truncated) {
                record.truncate(last);
            }
            if self.is(Fault::Nothing) {
                record.clear();
            }
            read(&record);
        })
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        self.fail(Fault::PutFails, Fault::PutPanics)?;
        self.tier.put(key, record)
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        self.fail(Fault::RemoveFails, Fault::RemovePanics)?;
        self.tier.remove(key)
    }

    fn usage(&self) -> Usage {
        assert!(!self.is(Fault::UsagePanics), "the tier panics");
        self.tier.usage()
    }
}

/// Keys 0 and 1 are below when the fault begins; then both are read, replaced and removed.
fn check(fault: Fault, write: Write) {
    let tier = Faulty::new(fault);
    let cache: Cache<u64, Bytes> = with_cold(0, tier.clone(), write);
    cache.insert(0, value(0, 1000));
    cache.insert(1, value(1, 1000));
    tier.on.store(true, Ordering::SeqCst);
    for key in 0..2 {
        let found = cache.get(&key);
        assert!(found.is_none_or(|it| *it == value(key, 1000)), "{fault:?}: wrong bytes");
    }
    cache.insert(0, value(2, 1000));
    let found = cache.get(&0);
    assert!(found.is_none_or(|it| *it == value(2, 1000)), "{fault:?}: stale bytes");
    cache.remove(&1);
    assert_eq!(cache.get(&1), None, "{fault:?}: a removed key came back");
    let computed = cache.get_or_try_insert_with(1, || Ok::<_, std::io::Error>(value(3, 10)));
    assert_eq!(*computed.expect("computed"), value(3, 10), "{fault:?}");
    let failures = cache.stats().tiers[2].failures;
    let silent = fault == Fault::UsagePanics;
    assert_eq!(failures == 0, silent, "{fault:?}: {failures} failures");
    // When the fault has passed, the tier is used again.
    tier.on.store(false, Ordering::SeqCst);
    let found = cache.get(&0);
    assert!(found.is_none_or(|it| *it == value(2, 1000)), "{fault:?}: stale bytes afterwards");
    let found = cache.get(&1);
    assert!(found.is_none_or(|it| *it == value(3, 10)), "{fault:?}: stale bytes afterwards");
    cache.insert(5, value(5, 1000));
    assert_eq!(*cache.get(&5).expect("cold"), value(5, 1000), "{fault:?}");
}

#[test]
fn every_fault_of_a_tier_is_a_miss() {
    let faults = [
        Fault::GetFails,
        Fault::GetPanics,
        Fault::PutFails,
        Fault::PutPanics,
        Fault::Flipped,
        Fault::Truncated,
        Fault::Nothing,
        Fault::MixedUp,
        Fault::SaysYesWithoutBytes,
        Fault::UsagePanics,
    ];
    for fault in faults {
        check(fault, Write::OnEviction);
        check(fault, Write::OnInsert);
    }
}

#[test]
fn a_key_that_could_not_be_removed_is_not_read_from_there_again() {
    for fault in [Fault::RemoveFails, Fault::RemovePanics] {
        let tier = Faulty::new(fault);
        let cache: Cache<u64, Bytes> = with_cold(0, tier.clone(), Write::OnEviction);
        cache.insert(1, value(1, 100));
        tier.on.store(true, Ordering::SeqCst);
        cache.remove(&1);
        tier.on.store(false, Ordering::SeqCst);
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.stats().tiers[2].failures, 1);
        cache.insert(1, value(2, 100));
        assert_eq!(*cache.get(&1).expect("written anew"), value(2, 100));
    }
}

/// More removals fail than keys are kept in mind one by one; then the tier is well again.
#[test]
fn a_tier_that_failed_very_often_is_used_again() {
    const KEYS: u64 = 40_000;
    let tier = Faulty::new(Fault::RemoveFails);
    let cache: Cache<u64, Bytes> = with_cold(0, tier.clone(), Write::OnEviction);
    let version = |key: u64, version: u64| value(key << 8 | version, 8);
    (0..2 * KEYS).for_each(|key| drop(cache.insert(key, version(key, 1))));
    tier.on.store(true, Ordering::SeqCst);
    for key in 0..KEYS {
        cache.remove(&key);
    }
    tier.on.store(false, Ordering::SeqCst);
    for key in 0..KEYS {
        assert_eq!(cache.get(&key), None, "{key} came back");
    }
    let doubted = cache.stats().tiers[2].doubted;
    assert!((KEYS - KEYS / 16..=KEYS).contains(&doubted), "{doubted}");
    // What was never to be removed is still there, for the most part.
    let others = (KEYS..2 * KEYS).filter_map(|key| Some((key, cache.get(&key)?)));
    let others = others.inspect(|(key, found)| assert_eq!(**found, version(*key, 1)));
    let found = others.count() as u64;
    assert!(found > KEYS * 9 / 10, "{found} of {KEYS}");
    // What is written anew is read, and nothing else.
    (0..KEYS).for_each(|key| drop(cache.insert(key, version(key, 2))));
    for key in 0..KEYS {
        let found = cache.get(&key).expect("written anew");
        assert_eq!(*found, version(key, 2));
    }
    // Of these again one cannot be removed.
    tier.on.store(true, Ordering::SeqCst);
    cache.remove(&7);
    assert_eq!((cache.get(&7), cache.get(&8).is_some()), (None, true));
}

#[test]
fn a_full_tier_keeps_what_it_has_and_the_cache_goes_on() {
    let tier = Arc::new(MemoryTier::with_limit(10_000));
    let cache: Cache<u64, Bytes> = with_cold(0, tier, Write::OnEviction);
    for key in 0..100 {
        cache.insert(key, value(key, 1000));
    }
    let found = (0..100).filter(|key| cache.get(key).is_some()).count();
    assert_eq!((found, cache.stats().tiers[2].failures), (9, 91));
}

#[test]
fn a_directory_that_vanishes_is_a_miss_and_comes_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().join("tier");
    let tier = Arc::new(DirectoryTier::open(&root, 1 << 20).expect("opens"));
    let cache: Cache<u64, Bytes> = with_cold(0, tier, Write::OnInsert);
    cache.insert(1, value(1, 1000));
    std::fs::remove_dir_all(&root).expect("removed");
    assert_eq!(cache.get(&1), None);
    std::fs::write(&root, "a file where the folder was").expect("written");
    cache.insert(2, value(2, 1000));
    assert_eq!(cache.get(&2), None);
    assert!(cache.stats().tiers[2].failures > 0);
    std::fs::remove_file(&root).expect("removed");
    std::fs::create_dir(&root).expect("made");
    cache.insert(3, value(3, 1000));
    assert_eq!(*cache.get(&3).expect("cold"), value(3, 1000));
}

#[test]
fn damaged_files_of_a_directory_are_misses() {
    let dir = tempfile::tempdir().expect("a folder");
    let tier = Arc::new(DirectoryTier::open(dir.path(), 1 << 20).expect("opens"));
    let cache: Cache<u64, Bytes> = with_cold(0, tier, Write::OnInsert);
    cache.insert(1, value(1, 100));
    let folder = std::fs::read_dir(dir.path()).expect("listed").next().expect("one");
    let file = std::fs::read_dir(folder.expect("one").path()).expect("listed").next();
    let file = file.expect("one").expect("one").path();
    let whole = std::fs::read(&file).expect("read");
    for len in 0..whole.len() {
        std::fs::write(&file, &whole[..len]).expect("written");
        assert_eq!(cache.get(&1), None, "cut to {len}");
    }
    std::fs::write(&file, &whole).expect("written");
    assert_eq!(*cache.get(&1).expect("whole again"), value(1, 100));
}

/// A codec of which every method fails for some values.
struct Fragile;

impl Codec for Fragile {
    type Value = Vec<u8>;

    fn weigh(&self, value: &Vec<u8>) -> usize {
        assert!(value[0] != b'w', "weigh panics");
        value.capacity()
    }

    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        assert!(value[0] != b'p', "encode panics");
        if value[0] == b'e' {
            return Err(CodecError::new("it has no bytes"));
        }
        out.extend_from_slice(value);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        assert!(bytes[0] != b'q', "decode panics");
        if bytes[0] == b'd' { Err(CodecError::new("no value")) } else { Ok(bytes.to_vec()) }
    }
}

#[test]
fn a_codec_that_fails_or_panics_makes_misses() {
    let cache: Cache<u64, Fragile> =
        CacheBuilder::new(Fragile).budget(1 << 20).hot_share(0.0).build().expect("sound");
    for (key, first) in b"wpedqg".iter().enumerate() {
        cache.insert(key as u64, vec![*first; 100]);
    }
    let found: Vec<u64> = (0..6).filter(|key| cache.get(key).is_some()).collect();
    // What cannot be weighed is not hot, but has bytes; so has the good one.
    assert_eq!(found, [0, 5]);
    assert!(cache.stats().tiers[1].failures >= 4);
}
