//! Bounds on connections that lock nobody out for long: who has waited longest
//! without a request makes room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use herbarium_health::Waiting;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::metrics::EVICTED;

/// Of all places, one in so many is made free at a time: looking through all of
/// them for one newcomer would be work for an attacker to give.
const BATCH: usize = 64;

/// How often it is looked for somebody who waits, while all are busy.
const AGAIN: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(crate) struct Slots {
    places: Mutex<Places>,
    freed: Notify,
}

#[derive(Default)]
struct Places {
    next: u64,
    all: HashMap<u64, Place>,
    by_address: HashMap<IpAddr, Vec<u64>>,
}

struct Place {
    waiting: Waiting,
    address: Option<IpAddr>,
}

/// A place that is taken until this is dropped, or it is evicted.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
}

impl Slots {
    /// A place for this connection, as soon as there is one; `None` if its
    /// address has all of its own, busy.
    pub(crate) async fn take(
        self: &Arc<Self>,
        waiting: Waiting,
        address: Option<(IpAddr, usize)>,
        most: usize,
    ) -> Option<Slot> {
        loop {
            // Before looking, or a place that is freed in between goes unnoticed.
            let freed = self.freed.notified();
            {
                let mut places = self.lock();
                if let Some((address, most)) = address
                    && !places.has_room_for(address, most.max(1))
                {
                    return None;
                }
                if places.all.len() >= most.max(1) {
                    places.evict_longest();
                }
                if places.all.len() < most.max(1) {
                    let number = places.add(waiting, address.map(|(address, _)| address));
                    return Some(Slot { slots: Arc::clone(self), number });
                }
            }
            // Nobody leaves, but somebody may have begun to wait.
            let _ = timeout(AGAIN, freed).await;
        }
    }

    /// Makes room where it is not places that are wanting.
    pub(crate) fn evict_some(&self) {
        self.lock().evict_longest();
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(self.number);
        self.slots.freed.notify_one();
    }
}

impl Places {
    fn add(&mut self, waiting: Waiting, address: Option<IpAddr>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.all.insert(number, Place { waiting, address });
        if let Some(address) = address {
            self.by_address.entry(address).or_default().push(number);
        }
        number
    }

    /// One that was evicted is gone already.
    fn remove(&mut self, number: u64) {
        let Some(place) = self.all.remove(&number) else { return };
        let Some(address) = place.address else { return };
        if let Some(numbers) = self.by_address.get_mut(&address) {
            numbers.retain(|it| *it != number);
            if numbers.is_empty() {
                self.by_address.remove(&address);
            }
        }
    }

    fn has_room_for(&mut self, address: IpAddr, most: usize) -> bool {
        let Some(numbers) = self.by_address.get(&address) else { return true };
        if numbers.len() < most {
            return true;
        }
        let numbers = numbers.clone();
        self.evict(numbers.into_iter(), 1) > 0
    }

    fn evict_longest(&mut self) {
        let numbers: Vec<_> = self.all.keys().copied().collect();
        let count = numbers.len().div_ceil(BATCH);
        self.evict(numbers.into_iter(), count);
    }

    /// Ends as many of these as asked for, if so many wait; how many.
    fn evict(&mut self, numbers: impl Iterator<Item = u64>, count: usize) -> usize {
        let since = |number| Some((self.all.get(&number)?.waiting.since()?, number));
        let mut waiting: Vec<_> = numbers.filter_map(since).collect();
        if waiting.len() > count {
            waiting.select_nth_unstable(count);
        }
        waiting.truncate(count);
        let mut evicted = 0;
        for (_, number) in waiting {
            // A request may have begun since.
            if self.all.get(&number).is_some_and(|place| place.waiting.evict()) {
                self.remove(number);
                evicted += 1;
            }
        }
        EVICTED.as_counter(&[]).increment(evicted as u64);
        evicted
    }
}
