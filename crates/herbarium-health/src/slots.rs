//! A bound on connections that never locks anyone out for long: when all
//! places are taken, the one who has been waiting longest without a request
//! gives up theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::metrics::{CONNECTIONS, EVICTED};
use crate::pace::Pace;

/// How often it is looked for somebody who waits, while all are busy.
const AGAIN: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    by: HashMap<u64, Pace>,
}

/// A place that is taken until this is dropped.
pub(crate) struct Slot {
    slots: Slots,
    number: u64,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// At least one place.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(count)), taken: Arc::default() }
    }

    /// A place for this connection, as soon as there is one.
    pub(crate) async fn take(&self, pace: Pace) -> Slot {
        let free = Arc::clone(&self.free);
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => self.make_room(free).await,
        };
        let mut taken = self.lock();
        let number = taken.next;
        taken.next += 1;
        taken.by.insert(number, pace);
        CONNECTIONS.as_gauge(&[]).set(taken.by.len() as f64);
        Slot { slots: self.clone(), number, _permit: permit }
    }

    /// With everybody busy, whoever waits first goes.
    async fn make_room(&self, free: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        loop {
            self.evict();
            let acquired = timeout(AGAIN, Arc::clone(&free).acquire_owned()).await;
            if let Ok(acquired) = acquired {
                // Fails if the semaphore is closed, and nobody closes it.
                return acquired.ok();
            }
        }
    }

    fn evict(&self) {
        let taken = self.lock();
        let mut waiting: Vec<_> = taken
            .by
            .values()
            .filter_map(|pace| pace.waiting_since().map(|since| (since, pace)))
            .collect();
        waiting.sort_by_key(|(since, _)| *since);
        // A request may have begun since; then it is the next one's turn.
        if waiting.iter().any(|(_, pace)| pace.evict()) {
            EVICTED.as_counter(&[]).increment(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.by.remove(&self.number);
        CONNECTIONS.as_gauge(&[]).set(taken.by.len() as f64);
    }
}
