//! Keys that a tier may hold out of date, because it failed to remove them or must not be
//! written.
//!
//! Hashes of them are kept: two keys of one hash are both misses. Beyond [`MOST`] they fade
//! into bits of a table of fixed size, where a key shares its bit with others. To tell what
//! is in doubt from what was written since, records then carry a stamp: a key whose bit is
//! set is believed if its record has the stamp of now, so that a tier that works again is
//! used again. Records without room for a stamp are not, as long as the cache lives.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

/// So many keys are known one by one.
pub(crate) const MOST: usize = 16 << 10;
const BITS: usize = 1 << 20;
const STAMPS: u32 = 1 << 24;

#[derive(Default)]
pub(crate) struct Distrust {
    any: AtomicBool,
    /// 24 bits; 0 as long as no key has faded.
    stamp: AtomicU32,
    doubts: Mutex<Doubts>,
}

#[derive(Default)]
struct Doubts {
    keys: HashSet<u64>,
    /// Empty as long as no key has faded.
    faded: Box<[u64]>,
}

/// How far a tier is believed in what it says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Full,
    /// Only if the record has this stamp.
    Stamped(u32),
    None,
}

impl Distrust {
    pub(crate) fn trust(&self, key: &[u8]) -> Trust {
        if !self.any.load(Ordering::Acquire) {
            return Trust::Full;
        }
        let (hash, doubts) = (xxh3_64(key), self.doubts());
        if doubts.keys.contains(&hash) {
            Trust::None
        } else if doubts.has_faded(hash) {
            Trust::Stamped(self.stamp())
        } else {
            Trust::Full
        }
    }

    /// What records carry that are written now.
    pub(crate) fn stamp(&self) -> u32 {
        self.stamp.load(Ordering::Acquire)
    }

    /// From now on the tier, which is named for the log, is not believed in this key.
    pub(crate) fn begin(&self, key: &[u8], tier: &str) {
        let mut doubts = self.doubts();
        if doubts.keys.len() >= MOST {
            doubts.fade();
            self.stamp.store(next_stamp(self.stamp()), Ordering::Release);
            tracing::warn!(
                tier,
                keys = MOST,
                "a tier could not remove that many keys: they, and some that share a hash \
                 with one of them, are read from there only when they were written anew"
            );
        }
        doubts.keys.insert(xxh3_64(key));
        self.any.store(true, Ordering::Release);
    }

    /// The tier has removed or replaced what it had for the key.
    pub(crate) fn end(&self, key: &[u8]) {
        if self.any.load(Ordering::Acquire) {
            self.doubts().keys.remove(&xxh3_64(key));
        }
    }

    /// Keys that are known, and bits that are set.
    pub(crate) fn doubted(&self) -> u64 {
        if !self.any.load(Ordering::Acquire) {
            return 0;
        }
        let doubts = self.doubts();
        let faded: u64 = doubts.faded.iter().map(|word| u64::from(word.count_ones())).sum();
        doubts.keys.len() as u64 + faded
    }

    pub(crate) fn bytes(&self) -> u64 {
        if !self.any.load(Ordering::Acquire) {
            return 0;
        }
        let doubts = self.doubts();
        // A set has a byte beside each place, and an eighth of the places free.
        let keys = doubts.keys.capacity() * 8 / 7 * (size_of::<u64>() + 1);
        (keys + size_of_val(&*doubts.faded)) as u64
    }

    fn doubts(&self) -> MutexGuard<'_, Doubts> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doubts {
    fn has_faded(&self, hash: u64) -> bool {
        let (word, bit) = place(hash);
        self.faded.get(word).is_some_and(|word| word & bit != 0)
    }

    fn fade(&mut self) {
        if self.faded.is_empty() {
            self.faded = vec![0; BITS / 64].into();
        }
        for hash in self.keys.drain() {
            let (word, bit) = place(hash);
            self.faded[word] |= bit;
        }
    }
}

fn place(hash: u64) -> (usize, u64) {
    let bit = hash as usize % BITS;
    (bit / 64, 1 << (bit % 64))
}

/// Another one than before. The first is taken at random: what a former process stamped
/// must not pass for what this one did.
fn next_stamp(stamp: u32) -> u32 {
    let next = match stamp {
        0 => RandomState::new().hash_one(0) as u32 % STAMPS,
        stamp => (stamp + 1) % STAMPS,
    };
    next.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> [u8; 8] {
        (number as u64).to_le_bytes()
    }

    #[test]
    fn few_keys_are_known_one_by_one_and_believed_again() {
        let distrust = Distrust::default();
        (0..MOST).for_each(|number| distrust.begin(&key(number), "cold"));
        assert_eq!(distrust.trust(&key(0)), Trust::None);
        assert_eq!(distrust.trust(&key(MOST)), Trust::Full);
        assert_eq!((distrust.doubted(), distrust.stamp()), (MOST as u64, 0));
        distrust.end(&key(0));
        assert_eq!(distrust.trust(&key(0)), Trust::Full);
    }

    #[test]
    fn many_keys_fade_and_few_others_with_them() {
        let distrust = Distrust::default();
        (0..=MOST).for_each(|number| distrust.begin(&key(number), "cold"));
        let stamp = distrust.stamp();
        assert_ne!(stamp, 0);
        assert_eq!(distrust.trust(&key(0)), Trust::Stamped(stamp));
        assert_eq!(distrust.trust(&key(MOST)), Trust::None);
        let others = (MOST + 1..3 * MOST).map(key);
        let believed = others.filter(|key| distrust.trust(key) == Trust::Full).count();
        assert!(believed > 2 * MOST * 97 / 100, "{believed}");
        // What was stamped and could not be removed in its turn.
        (0..=MOST).for_each(|number| distrust.begin(&key(number), "cold"));
        assert_ne!(distrust.stamp(), stamp);
        assert!(distrust.bytes() < 1 << 20, "{}", distrust.bytes());
    }
}
