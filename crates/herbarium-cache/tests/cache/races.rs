//! Many threads at once: no reader sees what was replaced or removed before it asked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, MemoryTier, Tier, TierError, TierOptions, Write,
};

use crate::{value, with_cold};

const KEYS: u64 = 40;

#[derive(Default)]
struct Key {
    /// What a computation makes now; changed before the cache is told.
    source: AtomicU64,
    /// The version that readers who ask now must at least see.
    ended: AtomicU64,
    writing: Mutex<u64>,
}

/// A value that says its key and version.
fn versioned(key: u64, version: u64) -> Vec<u8> {
    let mut value = value(key ^ version, 500 + (key * 317 + version * 91) as usize % 6000);
    value[..8].copy_from_slice(&key.to_le_bytes());
    value[8..16].copy_from_slice(&version.to_le_bytes());
    value
}

fn check_value(key: u64, floor: u64, found: &[u8]) {
    let number = |at: usize| u64::from_le_bytes(found[at..at + 8].try_into().expect("8 bytes"));
    assert_eq!(number(0), key, "the value of another key");
    let version = number(8);
    assert!(version >= floor, "key {key}: version {version} after {floor} was put");
    assert!(found == versioned(key, version), "a value that nobody made");
}

struct Stage {
    cache: Cache<u64, Bytes>,
    keys: Vec<Key>,
    stop: AtomicBool,
}

impl Stage {
    fn act(&self, seed: u64) {
        let mut state = seed;
        while !self.stop.load(Ordering::Relaxed) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = (state >> 33) % KEYS;
            match (state >> 50) % 16 {
                0..2 => self.write(key, true),
                2 => self.write(key, false),
                3..6 => self.compute(key),
                _ => self.read(key),
            }
        }
    }

    fn write(&self, key: u64, insert: bool) {
        let slot = &self.keys[key as usize];
        let mut version = slot.writing.lock().expect("no writer panicked");
        *version += 1;
        slot.source.store(*version, Ordering::SeqCst);
        if insert {
            self.cache.insert(key, versioned(key, *version));
        } else {
            self.cache.remove(&key);
        }
        slot.ended.store(*version, Ordering::SeqCst);
    }

    fn read(&self, key: u64) {
        let floor = self.keys[key as usize].ended.load(Ordering::SeqCst);
        if let Some(found) = self.cache.get(&key) {
            check_value(key, floor, &found);
        }
    }

    fn compute(&self, key: u64) {
        let Key { source, ended, .. } = &self.keys[key as usize];
        let floor = ended.load(Ordering::SeqCst);
        let make = || Ok::<_, std::io::Error>(versioned(key, source.load(Ordering::SeqCst)));
        let got = self.cache.get_or_try_insert_with(key, make).expect("it does not fail");
        check_value(key, floor, &got);
    }
}

fn check(budget: u64, write: Write, threads: u64) {
    let options = TierOptions::new("cold").write(write);
    let builder = CacheBuilder::new(Bytes).budget(budget).shards(2);
    let cache = builder.shared_tier(Arc::new(MemoryTier::new()), options).build();
    let keys = (0..KEYS).map(|_| Key::default()).collect();
    let stage = Stage { cache: cache.expect("sound"), keys, stop: AtomicBool::new(false) };
    let until = Instant::now() + Duration::from_millis(1500);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let stage = &stage;
            scope.spawn(move || stage.act(thread + 1));
        }
        // A busy machine needs longer for as much.
        let latest = until + Duration::from_secs(120);
        let has_enough = || stage.cache.stats().hits() > 1000 || Instant::now() > latest;
        while Instant::now() < until || !has_enough() {
            std::thread::sleep(Duration::from_millis(10));
        }
        stage.stop.store(true, Ordering::Relaxed);
    });
    let stats = stage.cache.stats();
    assert!(stats.hits() > 1000, "{stats}");
    assert!(stats.tiers.iter().all(|tier| tier.failures == 0), "{stats}");
}

#[test]
fn no_reader_sees_what_is_out_of_date_while_values_move_on_eviction() {
    check(110_000, Write::OnEviction, 8);
}

#[test]
fn no_reader_sees_what_is_out_of_date_while_values_are_written_on_insert() {
    check(110_000, Write::OnInsert, 8);
}

#[test]
fn no_reader_sees_what_is_out_of_date_when_nothing_fits_in_memory() {
    check(0, Write::OnEviction, 4);
}

/// A tier that takes long over its first removal, while others go on, and fails at the rest.
#[derive(Default)]
struct Slow {
    tier: MemoryTier,
    damaged: AtomicBool,
    removals: AtomicU64,
    others_ended: AtomicBool,
}

impl Tier for Slow {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        let damaged = self.damaged.load(Ordering::SeqCst);
        self.tier.get(key, &mut |record| read(if damaged { &[] } else { record }))
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        // What is written now is sound.
        self.damaged.store(false, Ordering::SeqCst);
        self.tier.put(key, record)
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        if self.removals.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(TierError::Other("it fails".into()));
        }
        self.tier.remove(key)?;
        let until = Instant::now() + Duration::from_millis(500);
        while !self.others_ended.load(Ordering::SeqCst) && Instant::now() < until {
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// A reader finds a damaged record and removes it. Before it has ended, another value is
/// written, and then removed in vain: that value must not come back when the reader ends.
#[test]
fn a_damaged_record_that_is_taken_out_slowly_brings_nothing_back() {
    let tier = Arc::new(Slow::default());
    let cache: Cache<u64, Bytes> = with_cold(0, tier.clone(), Write::OnInsert);
    cache.insert(1, value(1, 100));
    tier.damaged.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| cache.get(&1));
        while tier.removals.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        cache.insert(1, value(2, 100));
        cache.remove(&1);
        tier.others_ended.store(true, Ordering::SeqCst);
        assert_eq!(reader.join().expect("no panic"), None);
    });
    assert_eq!(cache.get(&1), None, "it was removed");
}

/// A tier whose removal waits until somebody has read the key, and whose reader then waits
/// until the next one has been served.
#[derive(Default)]
struct Lagging {
    tier: MemoryTier,
    removing: AtomicBool,
    read: AtomicBool,
    next_served: AtomicBool,
}

impl Lagging {
    /// Waits for the others, but not for ever: what is told too late fails no test.
    fn wait(flag: &AtomicBool) {
        let until = Instant::now() + Duration::from_secs(2);
        while !flag.load(Ordering::SeqCst) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Tier for Lagging {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        let found = self.tier.get(key, read)?;
        if self.removing.load(Ordering::SeqCst) && !self.read.swap(true, Ordering::SeqCst) {
            Self::wait(&self.next_served);
        }
        Ok(found)
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        self.tier.put(key, record)
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        self.removing.store(true, Ordering::SeqCst);
        Self::wait(&self.read);
        self.tier.remove(key)
    }
}

/// Somebody asks for a key while it is being removed and finds the former value, which is his
/// to see. Who asks when the removal has ended must not be given it, too.
#[test]
fn who_asks_after_a_removal_does_not_share_what_was_found_before_it() {
    let tier = Arc::new(Lagging::default());
    let cache: Cache<u64, Bytes> = with_cold(0, tier.clone(), Write::OnInsert);
    tier.read.store(true, Ordering::SeqCst);
    cache.insert(1, value(1, 100));
    tier.removing.store(false, Ordering::SeqCst);
    tier.read.store(false, Ordering::SeqCst);
    let compute = || Ok::<_, std::io::Error>(value(2, 100));
    std::thread::scope(|scope| {
        let removing = scope.spawn(|| cache.remove(&1));
        Lagging::wait(&tier.removing);
        let early = scope.spawn(|| cache.get_or_try_insert_with(1, compute));
        removing.join().expect("no panic");
        let late = cache.get_or_try_insert_with(1, compute).expect("computed");
        tier.next_served.store(true, Ordering::SeqCst);
        assert_eq!(*late, value(2, 100), "the value was removed before it was asked for");
        early.join().expect("no panic").expect("found or computed");
    });
}
