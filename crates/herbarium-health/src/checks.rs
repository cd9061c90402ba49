//! Named checks, each a latch that is open or closed.
//!
//! A probe from outside must never wait for a check, nor start one: it reads
//! latches. What opens and closes them runs on its own time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use crate::metrics::{CHECK_OK, CHECK_TIME};

/// Longer reasons are cut: they end up on one line of an answer.
const MAX_REASON: usize = 300;

/// Part of a service that is ready, or is not and says why. Closed at first. A
/// clone is the same latch.
#[derive(Clone)]
pub struct Latch {
    cell: Arc<Cell>,
}

struct Cell {
    name: String,
    role: Role,
    /// Older than this, a latch counts as closed.
    max_age: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    /// `None` while open.
    closed: Option<String>,
    /// When it last changed, and when it was last heard of.
    since: Instant,
    heard: Instant,
}

/// What depends on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Readiness,
    /// Shown, and nothing depends on it.
    Note,
    Liveness,
}

impl Latch {
    fn new(name: String, role: Role, max_age: Option<Duration>, closed: Option<String>) -> Self {
        let now = Instant::now();
        let state = Mutex::new(State { closed, since: now, heard: now });
        Self { cell: Arc::new(Cell { name, role, max_age, state }) }
    }

    /// It is ready, from now on, or still.
    pub fn open(&self) {
        self.set(None);
    }

    /// It is not ready, and this is why.
    pub fn close(&self, reason: impl fmt::Display) {
        let mut reason = reason.to_string().replace(char::is_control, " ");
        if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
            reason.truncate(end);
        }
        self.set(Some(reason));
    }

    /// Whether it is open and, if it has to be heard of, was heard of lately.
    pub fn is_open(&self) -> bool {
        self.report().failing.is_none()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.cell.name
    }

    fn set(&self, closed: Option<String>) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.closed.is_some() != closed.is_some() {
            state.since = now;
            match &closed {
                None => tracing::info!(check = self.name(), "the check holds"),
                Some(reason) => tracing::warn!(check = self.name(), reason, "the check fails"),
            }
        }
        (state.closed, state.heard) = (closed, now);
    }

    fn report(&self) -> Report {
        let State { closed, since, heard } = self.lock().clone();
        let (age, heard) = (since.elapsed(), heard.elapsed());
        let stale = self.cell.max_age.filter(|max| heard > *max).map(|max| {
            format!(
                "not heard of for {:.1} s, over {:.1} s",
                heard.as_secs_f64(),
                max.as_secs_f64()
            )
        });
        let failing = closed.or(stale);
        Report { name: self.name().to_owned(), role: self.cell.role, failing, age, heard }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.cell.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch")
            .field("name", &self.name())
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// A part of the program that shows it is alive by [beating](Self::beat).
#[derive(Debug, Clone)]
pub struct Heartbeat {
    latch: Latch,
}

impl Heartbeat {
    /// Still alive.
    pub fn beat(&self) {
        self.latch.open();
    }
}

/// How a check is run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// From one run to the next; between them, its last result counts. 5 s
    /// unless set.
    pub every: Duration,
    /// A run that takes longer has failed. 1 s unless set.
    pub timeout: Duration,
    /// Whether readiness depends on it. It does, unless set.
    pub required: bool,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { every: Duration::from_secs(5), timeout: Duration::from_secs(1), required: true }
    }
}

impl CheckOptions {
    /// With this much time [between runs](Self::every).
    #[must_use]
    pub fn with_every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// With this much time [for a run](Self::timeout).
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Shown with the others, while readiness does not depend on it: for what
    /// the service can do without, such as a remote tier.
    #[must_use]
    pub fn informational(self) -> Self {
        Self { required: false, ..self }
    }
}

/// What a latch says at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) failing: Option<String>,
    /// Since it last changed.
    pub(crate) age: Duration,
    /// Since it was last heard of.
    pub(crate) heard: Duration,
}

/// All checks of a service.
#[derive(Default)]
pub(crate) struct Checks {
    latches: Mutex<Vec<Latch>>,
}

impl Checks {
    pub(crate) fn latch(&self, name: String) -> Latch {
        let closed = Some("not opened yet".to_owned());
        self.add(Latch::new(name, Role::Readiness, None, closed))
    }

    pub(crate) fn heartbeat(&self, name: String, max_age: Duration) -> Heartbeat {
        Heartbeat { latch: self.add(Latch::new(name, Role::Liveness, Some(max_age), None)) }
    }

    /// The latch that [`run`] opens and closes.
    pub(crate) fn check(&self, name: String, options: &CheckOptions) -> Latch {
        let role = if options.required { Role::Readiness } else { Role::Note };
        // Missed twice, a run hangs in a way that no timeout reaches.
        let max_age = 2 * (options.every + options.timeout);
        let closed = Some("not checked yet".to_owned());
        self.add(Latch::new(name, role, Some(max_age), closed))
    }

    fn add(&self, latch: Latch) -> Latch {
        self.lock().push(latch.clone());
        latch
    }

    /// What all of them say, in the order in which they were made.
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.lock().iter().map(Latch::report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Latch>> {
        self.latches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a check again and again, for as long as it is polled.
pub(crate) async fn run<F, Fut, E>(latch: Latch, options: CheckOptions, check: F)
where
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    loop {
        let began = Instant::now();
        // A task of its own, so that a check that panics is one that fails.
        let mut task = tokio::spawn(check());
        match timeout(options.timeout, &mut task).await {
            Ok(Ok(Ok(()))) => latch.open(),
            Ok(Ok(Err(error))) => latch.close(error),
            Ok(Err(_)) => latch.close("it panicked"),
            Err(_) => {
                task.abort();
                latch.close(format_args!("timed out after {:?}", options.timeout));
            }
        }
        CHECK_TIME.as_histogram(&[latch.name()]).record(began.elapsed());
        sleep(options.every).await;
    }
}

/// Writes the checks down as metrics.
pub(crate) fn sample(reports: &[Report]) {
    for report in reports {
        let ok = f64::from(u8::from(report.failing.is_none()));
        CHECK_OK.as_gauge(&[&report.name]).set(ok);
    }
}
