//! How many requests in how much time: GCRA, with a bound on what is remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many requests in so much time. They may come all at once; then they come
/// back one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many; one at least.
    pub requests: u32,
    /// In how much time.
    pub window: Duration,
}

impl Rate {
    /// So many a second.
    pub const fn per_second(requests: u32) -> Self {
        Self { requests, window: Duration::from_secs(1) }
    }

    /// So many a minute.
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests, window: Duration::from_secs(60) }
    }

    /// Time in which one request comes back, in nanoseconds; not zero.
    fn step(self) -> u64 {
        let window = u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX);
        (window / u64::from(self.requests.max(1))).max(1)
    }
}

/// What became of a request that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) is_allowed: bool,
    /// How many more may come at once.
    pub(crate) left: u32,
    /// Until one more may come if none is left, or else until all may.
    pub(crate) wait: Duration,
}

const SHARDS: usize = 16;

/// When each key's debt is paid, in nanoseconds since `since`.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    since: Instant,
    hasher: RandomState,
    shards: [Mutex<HashMap<K, u64>>; SHARDS],
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { since: Instant::now(), hasher: RandomState::new(), shards }
    }
}

impl<K: Eq + Hash + Clone> Rates<K> {
    /// Counts a request of this key, remembering at most `most` keys.
    pub(crate) fn take(&self, key: &K, rate: Rate, most: usize) -> Taken {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.take_at(key, rate, most, now)
    }

    fn take_at(&self, key: &K, rate: Rate, most: usize, now: u64) -> Taken {
        let step = rate.step();
        let burst = step.saturating_mul(u64::from(rate.requests.max(1)));
        let mut shard = self.shard(key);
        let paid = shard.get(key).copied().unwrap_or(0).max(now);
        let then = paid.saturating_add(step);
        let debt = then - now;
        if debt > burst {
            return Taken { is_allowed: false, left: 0, wait: Duration::from_nanos(debt - burst) };
        }
        if !shard.contains_key(key) {
            make_room(&mut shard, (most / SHARDS).max(1), now);
        }
        shard.insert(key.clone(), then);
        let left = u32::try_from((burst - debt) / step).unwrap_or(u32::MAX);
        Taken { is_allowed: true, left, wait: Duration::from_nanos(debt) }
    }

    fn shard(&self, key: &K) -> std::sync::MutexGuard<'_, HashMap<K, u64>> {
        let hash = self.hasher.hash_one(key);
        let shard = &self.shards[(hash >> 32) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has paid is as good as unknown. If nobody has, a quarter is forgiven:
/// whoever can ask from so many addresses is not stopped by a rate for each.
fn make_room<K: Eq + Hash>(shard: &mut HashMap<K, u64>, most: usize, now: u64) {
    if shard.len() < most {
        return;
    }
    shard.retain(|_, paid| *paid > now);
    let mut excess = (shard.len() + 1).saturating_sub(most.saturating_mul(3) / 4);
    if shard.len() >= most {
        shard.retain(|_, _| {
            let stays = excess == 0;
            excess = excess.saturating_sub(1);
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_passes_and_comes_back_one_by_one() {
        let (rates, rate) = (Rates::default(), Rate::per_second(4));
        let at = |now| rates.take_at(&"key", rate, 100, now);
        let left: Vec<_> = (0..4).map(|_| at(0)).map(|it| (it.is_allowed, it.left)).collect();
        assert_eq!(left, [(true, 3), (true, 2), (true, 1), (true, 0)]);
        let refused = at(0);
        assert!(!refused.is_allowed);
        assert_eq!(refused.wait, Duration::from_millis(250));
        assert!(at(SECOND / 4).is_allowed);
        assert!(!at(SECOND / 4).is_allowed);
        assert_eq!(at(10 * SECOND).left, 3);
    }

    #[test]
    fn keys_do_not_share() {
        let (rates, rate) = (Rates::default(), Rate::per_second(1));
        assert!(rates.take_at(&1, rate, 100, 0).is_allowed);
        assert!(!rates.take_at(&1, rate, 100, 0).is_allowed);
        assert!(rates.take_at(&2, rate, 100, 0).is_allowed);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (rates, rate) = (Rates::default(), Rate::per_minute(1));
        for key in 0..10_000 {
            rates.take_at(&key, rate, 160, 0);
        }
        let held: usize = rates.shards.iter().map(|it| it.lock().expect("unpoisoned").len()).sum();
        assert!(held <= 160, "{held}");
    }

    proptest::proptest! {
        #[test]
        fn no_window_has_more_than_twice_the_rate(
            requests in 1..50_u32,
            pauses in proptest::collection::vec(0..SECOND / 4, 1..300),
        ) {
            let (rates, rate) = (Rates::default(), Rate::per_second(requests));
            let (mut now, mut allowed) = (0, Vec::new());
            for pause in pauses {
                now += pause;
                if rates.take_at(&0, rate, 100, now).is_allowed {
                    allowed.push(now);
                }
            }
            // All that was saved up, and what comes back meanwhile.
            for (place, began) in allowed.iter().enumerate() {
                let within = allowed[place..].iter().take_while(|it| *it - began < SECOND);
                proptest::prop_assert!(within.count() <= 2 * requests as usize);
            }
        }
    }
}
