//! The service: what all routes share.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use herbarium::Herbarium;
use herbarium::index::Engine;
use tokio::sync::watch;

use crate::jobs::Jobs;
use crate::memo::Memo;
use crate::metrics::WORKSPACES;
use crate::opening::Counters;
use crate::pool::Pool;
use crate::workspaces::Workspaces;
use crate::{ServiceOptions, StateError, routes};

/// Trees, queries and symbols over HTTP: the API `/v1` over an engine.
///
/// It serves what it is asked and nothing else: accepting connections, TLS, limits on
/// requests, and finding out who asks are for the front before it (`herbarium-http`).
/// Cloning is cheap; all clones are one service.
#[derive(Debug, Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

/// What all routes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) herbarium: Herbarium,
    pub(crate) options: ServiceOptions,
    pub(crate) workspaces: Workspaces,
    pub(crate) jobs: Jobs,
    /// For work on single trees.
    pub(crate) pool: Pool,
    /// For answers that are streamed.
    pub(crate) streams: Pool,
    /// For those who follow jobs.
    pub(crate) followers: Pool,
    pub(crate) counters: Counters,
    pub(crate) memo: Memo,
    /// True when the service ends.
    pub(crate) closing: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn engine(&self) -> &Engine {
        self.herbarium.engine()
    }
}

impl Service {
    /// A service over a store, with the workspaces of the last time.
    ///
    /// # Errors
    /// The state folder cannot be read or made, its list of workspaces is damaged or of
    /// a later version, or an allowed folder is not there.
    pub fn new(herbarium: Herbarium, options: ServiceOptions) -> Result<Self, StateError> {
        let workspaces = Workspaces::open(&options)?;
        WORKSPACES.as_gauge(&[]).set(workspaces.all().len() as f64);
        let pool = match options.baseline {
            true => Pool::new("baseline", 1, options.queue),
            false => Pool::new("trees", options.workers, options.queue),
        };
        let shared = Shared {
            workspaces,
            jobs: Jobs::new(&options),
            pool,
            streams: Pool::new("streams", options.streams, 0),
            followers: Pool::new("followers", options.followers, 0),
            counters: Counters::new(),
            memo: Memo::new(),
            closing: watch::Sender::new(false),
            herbarium,
            options,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The routes. Those that change something ask for the scope `write`, all others for
    /// `read`: behind a front that finds out who asks, or with a
    /// [`Principal`](herbarium_http::Principal) as an extension of each request.
    pub fn router(&self) -> Router {
        routes::router(&self.shared)
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        self.shared.engine()
    }

    /// The options.
    pub fn options(&self) -> &ServiceOptions {
        &self.shared.options
    }

    /// Begins to end, at once: jobs and streamed answers are cancelled, and none is begun
    /// any more; what would be is answered `stopping`. A streamed answer still gets its last
    /// line, with the cursor to go on from. Questions to single trees are answered as
    /// before: they take no time that a drain would not have.
    pub fn stop(&self) {
        self.shared.jobs.close();
        self.shared.closing.send_replace(true);
        self.shared.streams.close();
    }

    /// Ends: [stops](Service::stop), begins no work at all any more, waits for jobs, at most so long, and then writes what
    /// is still in memory to the store.
    ///
    /// Returns whether all of that was done in time. Nothing is lost if not: an index that
    /// was cut short is finished by the next.
    pub async fn close(&self, within: Duration) -> bool {
        self.stop();
        self.shared.pool.close();
        let rest = tokio::time::timeout(within, self.shared.jobs.rest()).await;
        let shared = Arc::clone(&self.shared);
        let flush = tokio::task::spawn_blocking(move || shared.engine().store().flush());
        let flushed = matches!(flush.await, Ok(Ok(())));
        rest.is_ok() && flushed
    }
}
