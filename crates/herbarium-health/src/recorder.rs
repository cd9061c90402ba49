//! A Prometheus recorder behind the `metrics` macros.
//!
//! Only a recorder: the listener that comes with the exporter has no timeouts
//! and no bound on connections, so [`Health`](crate::Health) serves what is
//! rendered here, and runs upkeep.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::metrics::Recorder;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use metrics_process::Collector;
use tokio::runtime::Handle;

use crate::bounded::Bounded;
use crate::error::Error;
use crate::inventory::{Inventory, InventoryError, Kind, SECONDS};
use crate::metrics::{BUSY, QUEUE, TASKS, WORKERS};
use crate::source::MetricsSource;
use crate::zero;

/// All that was recorded, ready to be written down in Prometheus' text format.
///
/// ```
/// use herbarium_health::Metrics;
/// use herbarium_health::inventory::{Inventory, Metric};
///
/// static JOBS: Metric = Metric::counter("jobs_total", "Jobs done.");
///
/// let metrics = Metrics::install(Inventory::new().with(&[&JOBS]))?;
/// JOBS.as_counter(&[]).increment(3);
/// assert!(metrics.render().contains("\njobs_total 3\n"));
/// # Ok::<(), herbarium_health::Error>(())
/// ```
///
/// Counters whose series are few and known are there from the start, at zero;
/// others appear as they count. Label values that are not declared in the inventory are recorded as
/// `other`, and so are those of undeclared metrics after the first hundred: no
/// client can fill the memory with series. Histograms that are not declared
/// get the edges [`SECONDS`].
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    recorder: Arc<Bounded<PrometheusRecorder>>,
    handle: PrometheusHandle,
    process: Collector,
    inventory: Inventory,
    /// When the runtime was last looked at, and its workers' busy time then.
    last: Mutex<Option<(Instant, Duration)>>,
}

impl Metrics {
    /// Makes a recorder for these metrics and this crate's own, and installs
    /// it for the whole process.
    ///
    /// # Errors
    /// [`Error::Inventory`] if a declaration is wrong, and
    /// [`Error::RecorderInstalled`] if there is a recorder already.
    pub fn install(inventory: Inventory) -> Result<Self, Error> {
        let metrics = Self::new(inventory)?;
        match ::metrics::set_global_recorder(Arc::clone(&metrics.inner.recorder)) {
            Ok(()) => Ok(metrics),
            Err(_) => Err(Error::RecorderInstalled),
        }
    }

    /// Makes a recorder without installing it: for tests, and for programs
    /// that put layers of their own around [`recorder`](Self::recorder).
    ///
    /// # Errors
    /// [`Error::Inventory`] if a declaration is wrong.
    pub fn new(inventory: Inventory) -> Result<Self, Error> {
        let inventory = inventory.with(crate::metrics::own_metrics().metrics());
        inventory.check()?;
        let recorder = builder(&inventory)?.build_recorder();
        let handle = recorder.handle();
        let recorder = Arc::new(Bounded::new(recorder, &inventory));
        describe(&recorder, &inventory);
        zero::start(&recorder, &inventory);
        let (process, last) = (Collector::default(), Mutex::new(None));
        let inner = Inner { recorder, handle, process, inventory, last };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What takes the recordings.
    pub fn recorder(&self) -> Arc<dyn Recorder + Send + Sync> {
        Arc::clone(&self.inner.recorder) as Arc<dyn Recorder + Send + Sync>
    }

    /// The metrics declared, this crate's own included.
    pub fn inventory(&self) -> &Inventory {
        &self.inner.inventory
    }

    /// Everything, in Prometheus' text format. Takes milliseconds where there
    /// are many series, so not for an async worker.
    pub fn render(&self) -> String {
        self.sample();
        self.inner.handle.render()
    }

    /// Empties the buffers of histograms into their buckets. Without this,
    /// run every few seconds, memory grows by each value recorded;
    /// [`Health`](crate::Health) does it.
    pub fn upkeep(&self) {
        self.inner.handle.run_upkeep();
    }

    /// Looks at the process, and at the runtime if called from within one.
    fn sample(&self) {
        ::metrics::with_local_recorder(&self.inner.recorder, || {
            self.inner.process.collect();
            if let Ok(runtime) = Handle::try_current() {
                self.sample_runtime(&runtime);
            }
        });
    }

    fn sample_runtime(&self, runtime: &Handle) {
        let figures = runtime.metrics();
        let workers = figures.num_workers();
        WORKERS.as_gauge(&[]).set(workers as f64);
        TASKS.as_gauge(&[]).set(figures.num_alive_tasks() as f64);
        QUEUE.as_gauge(&[]).set(figures.global_queue_depth() as f64);
        let busy = (0..workers).map(|it| figures.worker_total_busy_duration(it)).sum();
        let now = (Instant::now(), busy);
        let last = self.inner.last.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        if let Some((then, busy_then)) = last {
            let time = now.0.saturating_duration_since(then).as_secs_f64() * workers as f64;
            let ratio = now.1.saturating_sub(busy_then).as_secs_f64() / time.max(f64::EPSILON);
            BUSY.as_gauge(&[]).set(ratio.min(1.0));
        }
    }
}

impl MetricsSource for Metrics {
    fn render(&self) -> String {
        self.render()
    }

    fn upkeep(&self) {
        self.upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("declared", &self.inner.inventory.metrics().len()).finish()
    }
}

/// Every histogram has buckets: without them it would be a summary, which
/// cannot be added up over several processes.
fn builder(inventory: &Inventory) -> Result<PrometheusBuilder, Error> {
    let builder = PrometheusBuilder::new().with_recommended_naming(true);
    let mut builder = builder.set_buckets(SECONDS).map_err(|_| refused("(default)"))?;
    let histograms = inventory.metrics().iter().filter(|it| it.kind() == Kind::Histogram);
    for metric in histograms {
        let matcher = Matcher::Full(metric.name().to_owned());
        builder = builder
            .set_buckets_for_metric(matcher, metric.buckets())
            .map_err(|_| refused(metric.name()))?;
    }
    Ok(builder)
}

fn refused(metric: &'static str) -> InventoryError {
    InventoryError { metric, found: "no edges".into(), advice: "give edges to histograms" }
}

/// Without units: the exporter would append them to names that say them
/// elsewhere, and the names of the inventory are to be the ones exposed.
fn describe(recorder: &impl Recorder, inventory: &Inventory) {
    for metric in inventory.metrics() {
        let (name, help) = (metric.name().into(), metric.help().into());
        match metric.kind() {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge => recorder.describe_gauge(name, None, help),
            Kind::Histogram => recorder.describe_histogram(name, None, help),
        }
    }
}
