//! Who is still there: requests, connections, accept loops.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use metrics::Counter;
use tokio::sync::Notify;

use super::{Phase, Shutdown};
use crate::metrics::ENDED;

#[derive(Default)]
pub(super) struct Counts {
    in_flight: AtomicUsize,
    connections: AtomicUsize,
    listeners: AtomicUsize,
    completed: AtomicU64,
    abandoned: AtomicU64,
    cut: AtomicU64,
    connections_cut: AtomicU64,
    /// Told whenever one of the first three falls to nothing.
    fell: Notify,
    /// Whether requests are written down as metrics.
    is_recorded: bool,
    /// The counters of `completed`, `abandoned` and `cut`, once there are any.
    counters: [OnceLock<Counter>; 3],
}

/// How a request ended, in the words of the metric.
const HOW: [&str; 3] = ["completed", "abandoned", "cut"];

/// One of the counts that a drain waits for.
#[derive(Clone, Copy)]
pub(super) enum Held {
    Connection,
    Listener,
}

impl Counts {
    pub(super) fn recorded() -> Self {
        Self { is_recorded: true, ..Self::default() }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn completed(&self) -> u64 {
        self.completed.load(Ordering::SeqCst)
    }

    pub(super) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::SeqCst)
    }

    pub(super) fn cut(&self) -> u64 {
        self.cut.load(Ordering::SeqCst)
    }

    pub(super) fn connections_cut(&self) -> u64 {
        self.connections_cut.load(Ordering::SeqCst)
    }

    pub(super) fn cut_connection(&self) {
        self.connections_cut.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn hold(&self, what: Held) {
        self.held(what).fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn release(&self, what: Held) {
        self.lower(self.held(what));
    }

    fn held(&self, what: Held) -> &AtomicUsize {
        match what {
            Held::Connection => &self.connections,
            Held::Listener => &self.listeners,
        }
    }

    fn lower(&self, count: &AtomicUsize) {
        if count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.fell.notify_waiters();
        }
    }

    /// The counters are looked up once: a look costs as much as a request. So
    /// the recorder has to be there before the first request.
    fn record(&self, how: usize) {
        if self.is_recorded {
            let counter = self.counters[how].get_or_init(|| ENDED.as_counter(&[HOW[how]]));
            counter.increment(1);
        }
    }

    /// Waits until nobody is there.
    pub(super) async fn quiet(&self) {
        loop {
            // Before looking, or a fall in between would go unnoticed.
            let fell = self.fell.notified();
            if self.is_quiet() {
                return;
            }
            fell.await;
        }
    }

    /// Accept loops first: one of them may be about to add a connection, and a
    /// connection a request, but nothing adds an accept loop.
    fn is_quiet(&self) -> bool {
        [&self.listeners, &self.connections, &self.in_flight]
            .iter()
            .all(|count| count.load(Ordering::SeqCst) == 0)
    }
}

/// A request that has begun.
///
/// Dropped without [`complete`](Self::complete), it counts as abandoned: its
/// client went away. One that had not ended when the deadline was over counts
/// as cut, whatever came of it.
#[must_use = "a request ends when this is dropped"]
pub struct InFlight {
    shutdown: Shutdown,
    completed: bool,
}

impl InFlight {
    pub(super) fn new(shutdown: Shutdown) -> Self {
        shutdown.counts().in_flight.fetch_add(1, Ordering::SeqCst);
        Self { shutdown, completed: false }
    }

    /// It was answered, to the last byte.
    pub fn complete(mut self) {
        self.completed = true;
    }

    fn ended(&self) -> (&AtomicU64, usize) {
        let (counts, phase) = (self.shutdown.counts(), self.shutdown.phase());
        match (phase >= Phase::Cancelling, self.completed) {
            (true, _) => (&counts.cut, 2),
            (false, true) => (&counts.completed, 0),
            (false, false) => (&counts.abandoned, 1),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let (count, how) = self.ended();
        count.fetch_add(1, Ordering::SeqCst);
        let counts = self.shutdown.counts();
        counts.record(how);
        counts.lower(&counts.in_flight);
    }
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InFlight").field("completed", &self.completed).finish_non_exhaustive()
    }
}
