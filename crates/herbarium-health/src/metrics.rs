//! The metrics that this crate itself records, each declared here once.

use metrics::Unit;

use crate::inventory::{Inventory, Label, Metric, SECONDS};

/// Names of checks that get series of their own.
const MAX_CHECKS: usize = 64;

/// Values of label `route`, for requests to the health listener.
pub(crate) const ROUTES: &[&str] =
    &["/", "/health", "/healthz", "/metrics", "/readyz", "/startupz", "/version", "unmatched"];

pub(crate) static LABELS_REPLACED: Metric = Metric::counter(
    "metrics_label_values_replaced_total",
    "Recordings whose label values were replaced by `other`, by metric.",
)
.with_labels(&[Label::at_most("metric", 1000)]);

pub(crate) static BUILD_INFO: Metric =
    Metric::gauge("build_info", Unit::Count, "Always 1; what is running is in the labels.")
        .with_labels(&[Label::at_most("service", 4), Label::at_most("version", 4)]);

pub(crate) static REQUESTS: Metric = Metric::counter(
    "health_requests_total",
    "Requests to the health listener, by route and class of status.",
)
.with_labels(&[
    Label::one_of("route", ROUTES),
    Label::one_of("status_class", &["2xx", "4xx", "5xx"]),
]);

pub(crate) static CONNECTIONS: Metric =
    Metric::gauge("health_connections", Unit::Count, "Open connections of the health listener.");

pub(crate) static EVICTED: Metric = Metric::counter(
    "health_connections_evicted_total",
    "Waiting connections that were closed to make room for new ones.",
);

pub(crate) static ACCEPT_ERRORS: Metric = Metric::counter(
    "health_accept_errors_total",
    "Connections that could not be accepted, mostly for want of file descriptors.",
);

pub(crate) static READY: Metric =
    Metric::gauge("health_ready", Unit::Count, "1 while the service is ready, else 0.");

pub(crate) static CHECK_OK: Metric =
    Metric::gauge("health_check_ok", Unit::Count, "1 while the check holds, else 0.")
        .with_labels(&[Label::at_most("check", MAX_CHECKS)]);

pub(crate) static CHECK_TIME: Metric = Metric::histogram(
    "health_check_duration_seconds",
    Unit::Seconds,
    "Time that a run of a check took.",
    SECONDS,
)
.with_labels(&[Label::at_most("check", MAX_CHECKS)]);

pub(crate) static RENDER_TIME: Metric = Metric::histogram(
    "health_render_duration_seconds",
    Unit::Seconds,
    "Time it took to write all metrics down for one scrape.",
    SECONDS,
);

pub(crate) static IN_FLIGHT: Metric =
    Metric::gauge("requests_in_flight", Unit::Count, "Requests begun and not yet ended.");

pub(crate) static OPEN: Metric =
    Metric::gauge("connections_open", Unit::Count, "Connections of the service itself.");

pub(crate) static ENDED: Metric = Metric::counter(
    "requests_ended_total",
    "Requests, by how they ended: answered, given up by the client, or cut by a shutdown.",
)
.with_labels(&[Label::one_of("how", &["completed", "abandoned", "cut"])]);

pub(crate) static LINES_DROPPED: Metric = Metric::counter(
    "log_lines_dropped_total",
    "Log lines that were dropped because nobody read them in time.",
);

pub(crate) static TIMER_LAG: Metric = Metric::histogram(
    "tokio_timer_lag_seconds",
    Unit::Seconds,
    "How late a timer fired: large while something blocks the runtime.",
    SECONDS,
);

pub(crate) static WORKERS: Metric =
    Metric::gauge("tokio_workers", Unit::Count, "Worker threads of the runtime.");

pub(crate) static BUSY: Metric = Metric::gauge(
    "tokio_workers_busy_ratio",
    Unit::Percent,
    "Share of the workers' time spent on tasks, since the last sample.",
);

pub(crate) static TASKS: Metric =
    Metric::gauge("tokio_tasks_alive", Unit::Count, "Tasks that have not ended.");

pub(crate) static QUEUE: Metric = Metric::gauge(
    "tokio_global_queue_depth",
    Unit::Count,
    "Tasks that wait in the queue shared by all workers.",
);

static CPU: Metric =
    Metric::counter("process_cpu_seconds_total", "User and system CPU time, in whole seconds.")
        .in_unit(Unit::Seconds);
static OPEN_FDS: Metric = Metric::gauge("process_open_fds", Unit::Count, "Open file descriptors.");
static MAX_FDS: Metric =
    Metric::gauge("process_max_fds", Unit::Count, "File descriptors that may be open.");
static VIRTUAL: Metric =
    Metric::gauge("process_virtual_memory_bytes", Unit::Bytes, "Size of virtual memory.");
static VIRTUAL_MAX: Metric = Metric::gauge(
    "process_virtual_memory_max_bytes",
    Unit::Bytes,
    "Virtual memory that may be had.",
);
static RESIDENT: Metric =
    Metric::gauge("process_resident_memory_bytes", Unit::Bytes, "Size of resident memory.");
static START: Metric = Metric::gauge(
    "process_start_time_seconds",
    Unit::Seconds,
    "When the process started, in seconds since 1970.",
);
static THREADS: Metric = Metric::gauge("process_threads", Unit::Count, "Threads.");

/// What this crate records, to be listed beside a program's own.
pub fn own_metrics() -> Inventory {
    Inventory::new()
        .with(&[&BUILD_INFO, &READY, &CHECK_OK, &CHECK_TIME])
        .with(&[&REQUESTS, &CONNECTIONS, &EVICTED, &ACCEPT_ERRORS, &RENDER_TIME])
        .with(&[&IN_FLIGHT, &OPEN, &ENDED])
        .with(&[&LINES_DROPPED, &LABELS_REPLACED])
        .with(&[&TIMER_LAG, &WORKERS, &BUSY, &TASKS, &QUEUE])
        .with(&[&CPU, &OPEN_FDS, &MAX_FDS, &VIRTUAL, &VIRTUAL_MAX, &RESIDENT, &START, &THREADS])
}
