//! One computation for each key, however many callers, threads and tasks alike.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use quick_cache::DefaultHashBuilder;

use crate::Key;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Why a computation gave no value. Every caller that waited for it gets the same one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComputeError {
    /// The computation returned an error. Nothing is kept of it: the next caller computes
    /// anew.
    #[error("the value could not be computed")]
    Failed {
        /// What it returned; its type can be asked for with `downcast_ref`.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The computation that this caller waited for panicked. Its own caller sees the panic
    /// itself.
    #[error("the computation that was waited for panicked: {message}; ask again to compute anew")]
    Panicked {
        /// What it panicked with, if that is text.
        message: String,
    },
    /// The computation of a key asked for the same key, and would have waited for itself.
    #[error(
        "the computation of a key asked for that key itself; compute without asking the cache for it"
    )]
    Reentrant,
}

impl ComputeError {
    pub(crate) fn failed(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { source: Arc::from(why.into()) }
    }

    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panicked { message: text.unwrap_or_else(|| "not with a text".to_owned()) }
    }
}

type Outcome<V> = Result<Arc<V>, ComputeError>;

/// Computations under way.
pub(crate) struct Flights<K, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: DefaultHashBuilder,
}

type Shard<K, V> = Mutex<HashMap<K, Arc<Flight<V>>, DefaultHashBuilder>>;

const SHARDS: usize = 32;

/// What a caller is to do.
pub(crate) enum Turn<'a, K: Key, V> {
    /// Compute, and tell the others.
    Lead(Lead<'a, K, V>),
    /// Wait for who computes.
    Wait(Arc<Flight<V>>),
}

impl<K: Key, V> Flights<K, V> {
    pub(crate) fn new() -> Self {
        let hasher = DefaultHashBuilder::default();
        let shard = || Mutex::new(HashMap::with_hasher(hasher.clone()));
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher }
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, HashMap<K, Arc<Flight<V>>, DefaultHashBuilder>> {
        let shard = &self.shards[self.hasher.hash_one(key) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `thread`: who leads, if it stays on one thread.
    pub(crate) fn join(&self, key: &K, thread: Option<ThreadId>) -> Turn<'_, K, V> {
        let mut shard = self.shard(key);
        if let Some(flight) = shard.get(key) {
            return Turn::Wait(flight.clone());
        }
        let flight = Arc::new(Flight::new(thread));
        shard.insert(key.clone(), flight.clone());
        Turn::Lead(Lead { flights: self, key: key.clone(), flight })
    }

    /// The key was inserted or removed: what is being computed, or was found before the tiers
    /// were changed, is out of date. Who waits for it still gets it; it is not kept, and who
    /// comes now does not wait for it. To be called when the tiers have been changed: who
    /// leads from then on finds nothing former there.
    pub(crate) fn supersede(&self, key: &K) {
        if let Some(flight) = self.shard(key).remove(key) {
            flight.superseded.store(true, Ordering::Release);
        }
    }
}

/// A computation under way, as those see it who wait.
pub(crate) struct Flight<V> {
    state: Mutex<State<V>>,
    landed: Condvar,
    superseded: AtomicBool,
    thread: Option<ThreadId>,
}

struct State<V> {
    end: Option<End<V>>,
    wakers: Vec<(u64, Waker)>,
    waiters: u64,
}

impl<V> State<V> {
    /// To be dropped without the lock: a waker may be the last to hold a task, and with it
    /// others who wait for this flight.
    fn take_waker(&mut self, id: u64) -> Option<Waker> {
        let at = self.wakers.iter().position(|(known, _)| *known == id)?;
        Some(self.wakers.swap_remove(at).1)
    }
}

/// How it ended.
enum End<V> {
    Done(Outcome<V>),
    /// Its future was dropped; somebody else must compute.
    Abandoned,
}

impl<V> Clone for End<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Done(outcome) => Self::Done(outcome.clone()),
            Self::Abandoned => Self::Abandoned,
        }
    }
}

impl<V> End<V> {
    fn outcome(self) -> Option<Outcome<V>> {
        match self {
            Self::Done(outcome) => Some(outcome),
            Self::Abandoned => None,
        }
    }
}

impl<V> Flight<V> {
    fn new(thread: Option<ThreadId>) -> Self {
        let state = State { end: None, wakers: Vec::new(), waiters: 0 };
        Self {
            state: Mutex::new(state),
            landed: Condvar::new(),
            superseded: AtomicBool::new(false),
            thread,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until it ends; `None` if it was abandoned.
    pub(crate) fn wait(&self) -> Option<Outcome<V>> {
        if self.thread == Some(thread::current().id()) {
            return Some(Err(ComputeError::Reentrant));
        }
        let mut state = self.state();
        loop {
            if let Some(end) = &state.end {
                return end.clone().outcome();
            }
            state = self.landed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same without blocking.
    pub(crate) fn landing(self: Arc<Self>) -> Landing<V> {
        let id = {
            let mut state = self.state();
            state.waiters += 1;
            state.waiters
        };
        Landing { flight: self, id }
    }

    fn end(&self, end: End<V>) {
        let wakers = {
            let mut state = self.state();
            state.end.get_or_insert(end);
            std::mem::take(&mut state.wakers)
        };
        self.landed.notify_all();
        for (_, waker) in wakers {
            // One that panics must not keep the others from being woken.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

/// Waits for a flight.
pub(crate) struct Landing<V> {
    flight: Arc<Flight<V>>,
    id: u64,
}

impl<V> Future for Landing<V> {
    type Output = Option<Outcome<V>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.flight.state();
        if let Some(end) = &state.end {
            return Poll::Ready(end.clone().outcome());
        }
        let former = state.take_waker(self.id);
        state.wakers.push((self.id, context.waker().clone()));
        drop(state);
        drop(former);
        Poll::Pending
    }
}

impl<V> Drop for Landing<V> {
    fn drop(&mut self) {
        let former = self.flight.state().take_waker(self.id);
        drop(former);
    }
}

/// The duty to compute. Dropped without an end, it leaves the duty to one who waits.
pub(crate) struct Lead<'a, K: Key, V> {
    flights: &'a Flights<K, V>,
    key: K,
    flight: Arc<Flight<V>>,
}

impl<K: Key, V> Lead<'_, K, V> {
    pub(crate) fn is_superseded(&self) -> bool {
        self.flight.superseded.load(Ordering::Acquire)
    }

    /// Ends it for all who wait. What is to be kept is in the cache before.
    pub(crate) fn end(self, outcome: Outcome<V>) {
        self.leave();
        self.flight.end(End::Done(outcome));
    }

    /// Nobody joins any more.
    fn leave(&self) {
        let mut shard = self.flights.shard(&self.key);
        // After `supersede`, the key's flight may be another one.
        if shard.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            shard.remove(&self.key);
        }
        // A burst of keys must not leave its table behind.
        if shard.is_empty() && shard.capacity() > 64 {
            shard.shrink_to(0);
        }
    }
}

impl<K: Key, V> Drop for Lead<'_, K, V> {
    fn drop(&mut self) {
        self.leave();
        // Does nothing after an end.
        self.flight.end(End::Abandoned);
    }
}
