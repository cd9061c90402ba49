//! The health server of a service.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::checks::{self, CheckOptions, Heartbeat, Latch};
use crate::error::Error;
use crate::listener;
use crate::metrics::{BUILD_INFO, TIMER_LAG};
use crate::pace::PaceLimits;
use crate::routes::{Pages, Status};
use crate::shutdown::{DrainPlan, Drained, Phase, Shutdown};
use crate::source::MetricsSource;

/// Where it listens unless told otherwise: on loopback, at the port that
/// OpenTelemetry keeps for Prometheus exporters.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Between two rounds of upkeep.
const UPKEEP: Duration = Duration::from_secs(5);
/// Between two looks at how late timers fire.
const LAG: Duration = Duration::from_millis(500);

/// The health server of a service, and its readiness. A clone is the same.
///
/// It answers from the first moment on, with "not ready" until
/// [`started`](Self::started) was called and every latch and check is fine.
#[derive(Clone)]
pub struct Health {
    pages: Arc<Pages>,
    addr: SocketAddr,
    /// Of its own listener, which closes last.
    own: Shutdown,
}

impl Health {
    /// What to listen on, and what to show.
    pub fn builder() -> HealthBuilder {
        HealthBuilder::default()
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whatever readiness depends on has been named, by [`latch`](Self::latch)
    /// and [`check`](Self::check). From now on the service is ready when all
    /// of them are.
    pub fn started(&self) {
        self.pages.complete.store(true, Ordering::SeqCst);
    }

    /// A part of the service that readiness waits for, closed until it is
    /// opened.
    pub fn latch(&self, name: impl Into<String>) -> Latch {
        self.pages.checks.latch(name.into())
    }

    /// A check that is run again and again in the background, with a timeout.
    /// Readiness goes by its last result; it never waits for it.
    ///
    /// ```
    /// # use herbarium_health::{CheckOptions, Health};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), herbarium_health::Error> {
    /// # let health = Health::builder().listen(([127, 0, 0, 1], 0).into()).without_metrics().start()?;
    /// health.check("scratch space", CheckOptions::default(), || async {
    ///     tokio::task::spawn_blocking(|| std::fs::write(std::env::temp_dir().join("probe"), b"x"))
    ///         .await
    ///         .map_err(|error| error.to_string())?
    ///         .map_err(|error| error.to_string())
    /// });
    /// health.started();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime, which [`HealthBuilder::start`] needed, too.
    pub fn check<F, Fut, E>(&self, name: impl Into<String>, options: CheckOptions, check: F)
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let latch = self.pages.checks.check(name.into(), &options);
        self.in_background(checks::run(latch, options, check));
    }

    /// A part of the program without which it is not alive: if it does not
    /// beat for so long, `/healthz` says 503, and whoever watches restarts the
    /// process. For threads of one's own that must go round.
    pub fn heartbeat(&self, name: impl Into<String>, max_age: Duration) -> Heartbeat {
        self.pages.checks.heartbeat(name.into(), max_age)
    }

    /// Whether `/readyz` says so.
    pub fn is_ready(&self) -> bool {
        self.pages.status() == Status::Healthy
    }

    /// The end of the service: give it to accept loops and handlers.
    pub fn shutdown(&self) -> &Shutdown {
        &self.pages.shutdown
    }

    /// Waits for SIGTERM or SIGINT, then goes through the drain of
    /// [`shutdown`](Self::shutdown), answering to the end.
    ///
    /// # Errors
    /// [`Error::Signal`] or [`Error::Thread`] if the system refuses.
    pub async fn until_signal(&self) -> Result<Drained, Error> {
        self.shutdown().listen_for_signals()?;
        Ok(self.shutdown().run().await)
    }

    /// Runs until the service is done.
    fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown().clone();
        tokio::spawn(async move { crate::race::race(work, shutdown.reached(Phase::Done)).await });
    }

    fn start_tasks(&self, listener: TcpListener, limits: Limits) {
        tokio::spawn(listener::serve(listener, Arc::clone(&self.pages), limits, self.own.clone()));
        self.in_background(lag());
        if let Some(source) = &self.pages.metrics {
            self.in_background(upkeep(Arc::clone(source)));
        }
        let (service, own) = (self.shutdown().clone(), self.own.clone());
        tokio::spawn(async move {
            service.reached(Phase::Done).await;
            own.close();
        });
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("addr", &self.addr)
            .field("is_ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}

/// Without it, histograms keep every value ever recorded.
async fn upkeep(source: Arc<dyn MetricsSource>) {
    loop {
        sleep(UPKEEP).await;
        let source = Arc::clone(&source);
        // A source that panics is not asked again, and says so once by that.
        if tokio::task::spawn_blocking(move || source.upkeep()).await.is_err() {
            tracing::error!("upkeep of metrics panicked, and is not run any more");
            return;
        }
    }
}

/// How late a timer fires says how long something held up the runtime.
async fn lag() {
    let late = TIMER_LAG.as_histogram(&[]);
    loop {
        let due = Instant::now() + LAG;
        sleep(LAG).await;
        late.record(Instant::now().saturating_duration_since(due));
    }
}

/// Bounds of the health listener.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time. One more, and the one that has been waiting
    /// longest without a request is closed. 64 unless set.
    pub connections: usize,
    /// Headers of a request. 64 unless set.
    pub headers: usize,
    /// Bytes of the head of a request; 8 KiB at least. 16 KiB unless set.
    pub head_bytes: usize,
    /// How long a client may take.
    pub pace: PaceLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, headers: 64, head_bytes: 16 * 1024, pace: PaceLimits::default() }
    }
}

impl Limits {
    /// With so many [connections](Self::connections).
    #[must_use]
    pub fn with_connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// With these [times](Self::pace).
    #[must_use]
    pub fn with_pace(self, pace: PaceLimits) -> Self {
        Self { pace, ..self }
    }
}

/// How to listen, and what to show; see [`Health::builder`].
#[must_use = "nothing listens before `start`"]
pub struct HealthBuilder {
    listen: Listen,
    service: (String, String),
    build: Vec<(String, String)>,
    limits: Limits,
    shutdown: Shutdown,
    metrics: Show,
}

enum Listen {
    Loopback(SocketAddr),
    Anywhere(SocketAddr),
    On(std::net::TcpListener),
}

enum Show {
    /// A recorder of our own, where the feature is there.
    Default,
    Nothing,
    Source(Arc<dyn MetricsSource>),
}

impl Default for HealthBuilder {
    fn default() -> Self {
        Self {
            listen: Listen::Loopback(DEFAULT_ADDRESS),
            service: ("unnamed".to_owned(), "unknown".to_owned()),
            build: Vec::new(),
            limits: Limits::default(),
            shutdown: Shutdown::default(),
            metrics: Show::Default,
        }
    }
}

impl HealthBuilder {
    /// What is running: shown on `/version`, and as labels of `build_info`.
    pub fn service(self, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { service: (name.into(), version.into()), ..self }
    }

    /// One more line for `/version`: a commit, a format version.
    pub fn build_info(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.build.push((key.into(), value.into()));
        self
    }

    /// Listens on this address of loopback. [`DEFAULT_ADDRESS`] unless set;
    /// port 0 takes any that is free.
    pub fn listen(self, addr: SocketAddr) -> Self {
        Self { listen: Listen::Loopback(addr), ..self }
    }

    /// Listens on an address that others can reach, as in a container that is
    /// probed from outside. They can read all pages.
    pub fn listen_publicly(self, addr: SocketAddr) -> Self {
        Self { listen: Listen::Anywhere(addr), ..self }
    }

    /// Listens on a socket that is there already, from a supervisor perhaps.
    pub fn listener(self, listener: std::net::TcpListener) -> Self {
        Self { listen: Listen::On(listener), ..self }
    }

    /// With these bounds.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Ends with this shutdown, which others have a part in. One with the
    /// default plan unless set.
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// Ends by this plan.
    pub fn drain(self, plan: DrainPlan) -> Self {
        self.shutdown(Shutdown::new(plan))
    }

    /// Shows these metrics. Unless set, a recorder of this crate's is
    /// installed for the whole process (feature `prometheus`).
    pub fn metrics(self, source: impl MetricsSource) -> Self {
        Self { metrics: Show::Source(Arc::new(source)), ..self }
    }

    /// Shows no metrics, and installs no recorder.
    pub fn without_metrics(self) -> Self {
        Self { metrics: Show::Nothing, ..self }
    }

    /// Listens, from now on. Readiness waits for [`Health::started`].
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside of a tokio runtime; [`Error::Public`] and
    /// [`Error::Bind`] for an address that cannot be had;
    /// [`Error::RecorderInstalled`] if another crate records metrics already.
    pub fn start(self) -> Result<Health, Error> {
        Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let (listener, addr) = self.listen.bind()?;
        let metrics = self.metrics.source()?;
        let (name, version) = self.service;
        BUILD_INFO.as_gauge(&[&name, &version]).set(1.0);
        let mut build = vec![("service".to_owned(), name), ("version".to_owned(), version)];
        build.extend(self.build);
        let pages = Arc::new(Pages::new(self.shutdown, metrics, build));
        let own = Shutdown::unrecorded();
        let health = Health { pages, addr, own };
        health.start_tasks(listener, self.limits);
        tracing::info!(%addr, "health is answered");
        Ok(health)
    }
}

impl fmt::Debug for HealthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthBuilder")
            .field("service", &self.service)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Listen {
    fn bind(self) -> Result<(TcpListener, SocketAddr), Error> {
        let (asked, bound) = match self {
            Self::Loopback(addr) if !addr.ip().to_canonical().is_loopback() => {
                return Err(Error::Public { addr });
            }
            Self::Loopback(addr) | Self::Anywhere(addr) => {
                (addr, std::net::TcpListener::bind(addr))
            }
            Self::On(listener) => (listener.local_addr().unwrap_or(DEFAULT_ADDRESS), Ok(listener)),
        };
        bound.and_then(into_tokio).map_err(|source| Error::Bind { addr: asked, source })
    }
}

fn into_tokio(listener: std::net::TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, addr))
}

impl Show {
    fn source(self) -> Result<Option<Arc<dyn MetricsSource>>, Error> {
        match self {
            Self::Source(source) => Ok(Some(source)),
            Self::Nothing => Ok(None),
            #[cfg(feature = "prometheus")]
            Self::Default => {
                let metrics = crate::Metrics::install(crate::inventory::Inventory::new())?;
                Ok(Some(Arc::new(metrics)))
            }
            #[cfg(not(feature = "prometheus"))]
            Self::Default => Ok(None),
        }
    }
}
