//! The metrics of the service, declared once.

use herbarium_health::inventory::{Label, Metric, SECONDS};
use metrics::Unit;

/// Edges for queries on one tree, in seconds: most take less than the first edge of a
/// request, and the objective is at 1 ms.
const QUERY_SECONDS: &[f64] =
    &[0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Ids of languages, as the registry has them.
const LANGUAGE: Label = Label::at_most("language", 200);
const POOL: Label = Label::one_of("pool", &["trees", "streams", "followers", "baseline"]);

pub(crate) static QUERY_TIME: Metric = Metric::histogram(
    "herbarium_query_duration_seconds",
    Unit::Seconds,
    "Time that a query took on one tree that was open: from the compiled query to the last match.",
    QUERY_SECONDS,
)
.with_labels(&[LANGUAGE]);

pub(crate) static STREAM_TIME: Metric = Metric::histogram(
    "herbarium_stream_duration_seconds",
    Unit::Seconds,
    "Time that a streamed answer took, the reading of the client included.",
    SECONDS,
)
.with_labels(&[Label::one_of("kind", &["query", "symbols"])]);

pub(crate) static STREAMS_OVER: Metric =
    Metric::counter("herbarium_streams_over_total", "Streamed answers that are over, by what ended them; `stopping`: the client, or the service, went.")
        .with_labels(&[
            Label::one_of("kind", &["query", "symbols"]),
            Label::one_of("by", &["end", "max_matches", "time", "stalled", "stopping", "error"]),
        ]);

pub(crate) static QUERIES_CUT: Metric = Metric::counter(
    "herbarium_queries_cut_total",
    "Queries that were ended on one tree before all was found, by the limit that they met.",
)
.with_labels(&[Label::one_of("limit", &["time", "matches", "pending_matches"])]);

pub(crate) static MATCHES: Metric = Metric::counter(
    "herbarium_matches_streamed_total",
    "Matches and symbols handed out in streamed answers.",
);

pub(crate) static TREES: Metric = Metric::counter(
    "herbarium_trees_opened_total",
    "Trees opened for a request, by where they came from.",
)
.with_labels(&[Label::one_of("from", &["hot", "store", "parsed"])]);

pub(crate) static JOBS: Metric =
    Metric::gauge("herbarium_jobs", Unit::Count, "Jobs that wait or run.")
        .with_labels(&[Label::one_of("state", &["queued", "running"])]);

pub(crate) static JOBS_OVER: Metric =
    Metric::counter("herbarium_jobs_over_total", "Jobs that are over, by how they ended.")
        .with_labels(&[
            Label::one_of("kind", &["index", "verify"]),
            Label::one_of("state", &["done", "failed", "cancelled"]),
        ]);

pub(crate) static IN_FLIGHT: Metric = Metric::gauge(
    "herbarium_work_in_flight",
    Unit::Count,
    "Pieces of work that run: parses, reads and queries of one tree, streamed answers.",
)
.with_labels(&[POOL]);

pub(crate) static WORK_LOST: Metric = Metric::gauge(
    "herbarium_work_lost",
    Unit::Count,
    "Pieces of work that go on though nobody waits for them and they were cancelled: each has a thread, and mostly a core, until the service is started again.",
)
.with_labels(&[POOL]);

pub(crate) static WORK_REFUSED: Metric = Metric::counter(
    "herbarium_work_refused_total",
    "Requests that were answered `busy`, because too many waited.",
)
.with_labels(&[POOL]);

pub(crate) static WORKSPACES: Metric =
    Metric::gauge("herbarium_workspaces", Unit::Count, "Workspaces that have a name.");

/// The metrics that a [`Service`](crate::Service) records, for the inventory of a
/// program.
///
/// ```
/// use herbarium_health::inventory::Inventory;
///
/// let inventory = Inventory::new().with(herbarium_server::metrics());
/// inventory.check()?;
/// # Ok::<(), herbarium_health::inventory::InventoryError>(())
/// ```
pub fn metrics() -> &'static [&'static Metric] {
    ALL
}

static ALL: &[&Metric] = &[
    &QUERY_TIME,
    &STREAM_TIME,
    &STREAMS_OVER,
    &QUERIES_CUT,
    &MATCHES,
    &TREES,
    &JOBS,
    &JOBS_OVER,
    &IN_FLIGHT,
    &WORK_LOST,
    &WORK_REFUSED,
    &WORKSPACES,
];
