//! From a signal to an exit, without losing a request.
//!
//! | phase | `/readyz` | accept loops | requests |
//! |---|---|---|---|
//! | [`Serving`](Phase::Serving) | as the checks say | accept | run |
//! | [`Draining`](Phase::Draining), for [`pre_drain`](DrainPlan::pre_drain) | 503 | accept: balancers need time to look elsewhere | run; answers say `Connection: close` |
//! | [`Closing`](Phase::Closing), at most [`deadline`](DrainPlan::deadline) | 503 | take what waits in the queue, then close | run to their end |
//! | [`Cancelling`](Phase::Cancelling), at most [`grace`](DrainPlan::grace) | 503 | closed | are told to stop, by [`cancel_token`](Shutdown::cancel_token) |
//! | [`Cut`](Phase::Cut) | 503 | closed | their connections are dropped |
//! | [`Flushing`](Phase::Flushing), at most [`flush`](DrainPlan::flush) | 503 | closed | none |
//!
//! A phase with nothing to wait for takes no time. A second signal ends the
//! process at once, with exit code 130.

mod accept;
mod connection;
mod count;
mod drained;
mod plan;
#[cfg(unix)]
mod signals;
#[cfg(not(unix))]
#[path = "shutdown/signals_elsewhere.rs"]
mod signals;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use count::Counts;

pub use connection::{
    Connection, CountedBody, CountedFuture, Counting, Ended, Graceful, Listening, Waiting,
};
pub use count::InFlight;
pub use drained::{Drained, Flushed};
pub use plan::{DrainPlan, Phase};

/// The end of a service, shared by all that have a part in it: accept loops,
/// handlers, health. A clone is the same shutdown.
///
/// A server of any kind drains like this:
///
/// ```
/// use std::convert::Infallible;
/// use herbarium_health::{Connection, DrainPlan, PaceLimits, Shutdown};
/// use hyper::{Request, Response, body::Incoming, service::service_fn};
/// use hyper_util::rt::{TokioIo, TokioTimer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::new(DrainPlan::default());
/// shutdown.listen_for_signals()?;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let service = shutdown.clone();
/// tokio::spawn(async move {
///     let converse = async |stream, _from, connection: Connection| {
///         let hello = service_fn(async |_: Request<Incoming>| {
///             Ok::<_, Infallible>(Response::new("hello\n".to_owned()))
///         });
///         let io = TokioIo::new(connection.pace(stream, PaceLimits::default()));
///         let serving = hyper::server::conn::http1::Builder::new()
///             .timer(TokioTimer::new())
///             .serve_connection(io, connection.count(hello));
///         let _ = connection.watch(serving).await;
///     };
///     service.serve(listener, converse).await;
/// });
/// # shutdown.begin("the example ends");
/// # let shutdown = Shutdown::new(DrainPlan::immediate());
/// # shutdown.begin("the example ends");
/// let drained = shutdown.run().await; // until a signal, and through the drain
/// assert_eq!(drained.cut, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Shutdown {
    inner: Arc<Inner>,
}

struct Inner {
    plan: DrainPlan,
    phase: watch::Sender<Phase>,
    reason: OnceLock<String>,
    cancel: CancellationToken,
    counts: Counts,
    hooks: Mutex<Vec<Hook>>,
    running: AtomicBool,
    result: OnceLock<Drained>,
}

type Flush = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Something to be done when all requests have ended.
struct Hook {
    name: String,
    flush: Box<dyn FnOnce() -> Flush + Send>,
}

impl Shutdown {
    /// One that will go by this plan, once it begins.
    pub fn new(plan: DrainPlan) -> Self {
        Self::with_counts(plan, Counts::recorded())
    }

    /// One whose requests are not those of the service.
    pub(crate) fn unrecorded() -> Self {
        Self::with_counts(DrainPlan::immediate(), Counts::default())
    }

    fn with_counts(plan: DrainPlan, counts: Counts) -> Self {
        let inner = Inner {
            plan,
            phase: watch::Sender::new(Phase::Serving),
            reason: OnceLock::new(),
            cancel: CancellationToken::new(),
            counts,
            hooks: Mutex::default(),
            running: AtomicBool::new(false),
            result: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Begins on SIGTERM or SIGINT; on the second of them the process exits
    /// with 130, even if every thread of it is stuck.
    ///
    /// # Errors
    /// [`Error::Signal`] or [`Error::Thread`] if the system refuses.
    pub fn listen_for_signals(&self) -> Result<(), Error> {
        signals::listen(self.clone())
    }

    /// Begins now. Only the first call, or signal, counts.
    pub fn begin(&self, reason: impl Into<String>) {
        // The reason is there before the phase that makes others ask for it.
        if self.inner.reason.set(reason.into()).is_ok() {
            self.enter(Phase::Draining);
        }
    }

    /// Waits until this begins, goes through all phases, writes the last line
    /// (to `tracing` if anything listens there, else to standard error), and
    /// says how it went. A second call waits for the first.
    pub async fn run(&self) -> Drained {
        if self.inner.running.swap(true, Ordering::SeqCst) {
            self.reached(Phase::Done).await;
        } else {
            self.reached(Phase::Draining).await;
            let drained = self.drain().await;
            drained.say().await;
            drop(self.inner.result.set(drained));
            self.enter(Phase::Done);
        }
        self.inner.result.get().cloned().unwrap_or_default()
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        *self.inner.phase.borrow()
    }

    /// Why it began; `None` before that.
    pub fn reason(&self) -> Option<&str> {
        self.inner.reason.get().map(String::as_str)
    }

    /// Whether it has begun.
    pub fn is_draining(&self) -> bool {
        self.phase() >= Phase::Draining
    }

    /// Waits until it is in this phase or in a later one.
    pub async fn reached(&self, phase: Phase) {
        // Fails if the sender is gone, and `self` holds it.
        let _ = self.inner.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Cancelled when the deadline is over, or all is done. Handlers look at
    /// it, or take a child of it, to stop early.
    pub fn cancel_token(&self) -> CancellationToken {
        self.inner.cancel.clone()
    }

    /// Counts a request from now on until what is returned is
    /// [completed](InFlight::complete) or dropped. For servers on hyper,
    /// [`Connection::count`] does it.
    pub fn request(&self) -> InFlight {
        InFlight::new(self.clone())
    }

    /// For one accept loop: the drain waits until it is dropped.
    pub fn listening(&self) -> Listening {
        Listening::new(self.clone())
    }

    /// Counts a connection that was accepted in some other way than by
    /// [`Listening::accept`].
    pub fn connection(&self) -> Connection {
        Connection::new(self.clone())
    }

    /// Does this when all requests have ended: write caches to disk, send the
    /// last spans. Hooks run one after the other, in the order in which they
    /// were added; [`DrainPlan::flush`] bounds all of them together.
    pub fn on_flush<F, Fut, E>(&self, name: impl Into<String>, flush: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let flush = move || -> Flush {
            let done = flush();
            Box::pin(async move { done.await.map_err(|error| error.to_string()) })
        };
        let hook = Hook { name: name.into(), flush: Box::new(flush) };
        self.hooks().push(hook);
    }

    /// Requests begun and not yet ended.
    pub fn requests_in_flight(&self) -> usize {
        self.inner.counts.in_flight()
    }

    /// Connections accepted and not yet closed.
    pub fn connections_open(&self) -> usize {
        self.inner.counts.connections()
    }

    /// Ends accepting, without a word and without a pause.
    pub(crate) fn close(&self) {
        self.enter(Phase::Closing);
    }

    fn counts(&self) -> &Counts {
        &self.inner.counts
    }

    fn plan(&self) -> &DrainPlan {
        &self.inner.plan
    }

    fn hooks(&self) -> std::sync::MutexGuard<'_, Vec<Hook>> {
        self.inner.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Phases never go back.
    fn enter(&self, phase: Phase) {
        self.inner.phase.send_if_modified(|now| {
            let later = *now < phase;
            *now = phase.max(*now);
            later
        });
    }

    async fn drain(&self) -> Drained {
        let (began, plan) = (Instant::now(), self.plan().clone());
        tracing::info!(reason = self.reason(), pre_drain = ?plan.pre_drain, "draining");
        let before = self.counts().completed();
        sleep(plan.pre_drain).await;
        self.enter(Phase::Closing);
        let in_time = timeout(plan.deadline, self.counts().quiet()).await.is_ok();
        if !in_time {
            self.cut().await;
        }
        // What still runs beside requests is told to stop, too.
        self.inner.cancel.cancel();
        let requests_left = self.counts().in_flight() as u64;
        let connections_left = self.counts().connections() as u64;
        self.enter(Phase::Flushing);
        let flushed = self.flush().await;
        Drained {
            reason: self.reason().unwrap_or_default().to_owned(),
            completed: self.counts().completed(),
            completed_draining: self.counts().completed().saturating_sub(before),
            cut: self.counts().cut() + requests_left,
            abandoned: self.counts().abandoned(),
            connections_cut: self.counts().connections_cut() + connections_left,
            in_time,
            took: began.elapsed(),
            flushed,
        }
    }

    /// The deadline is over.
    async fn cut(&self) {
        let counts = self.counts();
        tracing::warn!(
            requests = counts.in_flight(),
            connections = counts.connections(),
            "the deadline is over: cancelling what still runs"
        );
        self.enter(Phase::Cancelling);
        self.inner.cancel.cancel();
        if timeout(self.plan().grace, counts.quiet()).await.is_err() {
            self.enter(Phase::Cut);
            // Tasks that can be dropped are gone with their next poll.
            let _ = timeout(LAST_POLL, counts.quiet()).await;
        }
    }

    async fn flush(&self) -> Vec<Flushed> {
        let hooks = std::mem::take(&mut *self.hooks());
        let until = tokio::time::Instant::now() + self.plan().flush;
        let mut flushed = Vec::with_capacity(hooks.len());
        for hook in hooks {
            // A task of its own: a hook that panics or blocks takes no other with it.
            let task = tokio::spawn((hook.flush)());
            let error = match tokio::time::timeout_at(until, task).await {
                Ok(Ok(Ok(()))) => None,
                Ok(Ok(Err(error))) => Some(error),
                Ok(Err(_)) => Some("it panicked".to_owned()),
                Err(_) => Some(format!("not done within {:?}", self.plan().flush)),
            };
            if let Some(error) = &error {
                tracing::error!(hook = hook.name, error, "flushing failed");
            }
            flushed.push(Flushed { name: hook.name, error });
        }
        flushed
    }
}

/// Time for tasks to be dropped after their connections were cut.
const LAST_POLL: Duration = Duration::from_millis(250);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new(DrainPlan::default())
    }
}

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shutdown")
            .field("phase", &self.phase())
            .field("requests_in_flight", &self.requests_in_flight())
            .field("connections_open", &self.connections_open())
            .finish_non_exhaustive()
    }
}
