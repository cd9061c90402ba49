//! The metrics that this crate records, each declared here once, and handles
//! on them that are looked up once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use herbarium_health::inventory::{Inventory, Label, Metric, OTHER, SECONDS};
use http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, Unit};

/// Routes that get series of their own.
const MAX_ROUTES: usize = 200;

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// `none`: the client went away before there was an answer.
const CLASSES: &[&str] = &["2xx", "3xx", "4xx", "5xx", "none"];

/// The value of label `route` for what no route matches.
pub(crate) const UNMATCHED: &str = "unmatched";

pub(crate) static REQUESTS: Metric = Metric::counter(
    "http_server_requests_total",
    "Requests, by method, route and class of status; `none`: the client left before the answer.",
)
.with_labels(&[
    Label::one_of("method", METHODS),
    Label::at_most("route", MAX_ROUTES),
    Label::one_of("status_class", CLASSES),
]);

pub(crate) static TIME: Metric = Metric::histogram(
    "http_server_request_duration_seconds",
    Unit::Seconds,
    "Time from the head of a request to the last byte of its answer.",
    SECONDS,
)
.with_labels(&[Label::at_most("route", MAX_ROUTES)]);

pub(crate) static ACTIVE: Metric =
    Metric::gauge("http_server_active_connections", Unit::Count, "Open connections.");

pub(crate) static CONNECTIONS: Metric =
    Metric::counter("http_server_connections_total", "Connections accepted, by transport.")
        .with_labels(&[Label::one_of("transport", &["tcp", "tls", "unix"])]);

pub(crate) static EVICTED: Metric = Metric::counter(
    "http_server_connections_evicted_total",
    "Waiting connections that were closed to make room for new ones.",
);

pub(crate) static CLOSED: Metric = Metric::counter(
    "http_server_connections_closed_total",
    "Connections that a limit ended: the time for a head, for idling, for taking in an answer, \
     or their age.",
)
.with_labels(&[Label::one_of("limit", &["head", "idle", "write", "age"])]);

pub(crate) static ACCEPT_ERRORS: Metric = Metric::counter(
    "http_server_accept_errors_total",
    "Connections that could not be accepted, mostly for want of file descriptors.",
);

pub(crate) static SHED: Metric = Metric::counter(
    "http_server_shed_total",
    "Requests and connections that were turned away, by the limit that they met.",
)
.with_labels(&[Label::one_of("reason", SHED_REASONS)]);

/// In the order of [`Shed`].
const SHED_REASONS: &[&str] = &[
    "requests",
    "bytes_in_flight",
    "rate_per_address",
    "quota",
    "connections_per_address",
    "timeout",
    "draining",
];

pub(crate) static PROBLEMS: Metric =
    Metric::counter("http_server_problems_total", "Problems that were answered, by kind.")
        .with_labels(&[Label::at_most("kind", 200)]);

pub(crate) static PANICS: Metric =
    Metric::counter("http_server_panics_total", "Handlers that panicked.");

pub(crate) static BYTES: Metric = Metric::gauge(
    "http_server_bodies_in_flight_bytes",
    Unit::Bytes,
    "Bytes of bodies that requests and large answers hold.",
);

pub(crate) static HANDSHAKES: Metric =
    Metric::counter("http_server_tls_handshakes_total", "TLS handshakes, by outcome.")
        .with_labels(&[Label::one_of("outcome", &["ok", "failed", "timeout"])]);

pub(crate) static TLS_RELOADS: Metric = Metric::counter(
    "http_server_tls_reloads_total",
    "Certificates that were read again, by outcome; after a failure the old one stays in use.",
)
.with_labels(&[Label::one_of("outcome", &["ok", "failed"])]);

/// What this crate records, to be listed beside a program's own.
pub fn own_metrics() -> Inventory {
    Inventory::new()
        .with(&[&REQUESTS, &TIME, &PROBLEMS, &PANICS, &SHED, &BYTES])
        .with(&[&ACTIVE, &CONNECTIONS, &EVICTED, &CLOSED, &ACCEPT_ERRORS])
        .with(&[&HANDSHAKES, &TLS_RELOADS])
}

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shed {
    Requests,
    Bytes,
    Rate,
    Quota,
    Connections,
    Timeout,
    Draining,
}

impl Shed {
    pub(crate) fn count(self) {
        SHED.as_counter(&[SHED_REASONS[self as usize]]).increment(1);
    }
}

/// The figures of one route.
pub(crate) struct Route {
    name: Box<str>,
    time: Histogram,
    /// By method and class.
    requests: Vec<OnceLock<Counter>>,
}

impl Route {
    pub(crate) fn new(name: &str) -> Self {
        let cells = (METHODS.len() + 1) * CLASSES.len();
        Self {
            name: name.into(),
            time: TIME.as_histogram(&[name]),
            requests: (0..cells).map(|_| OnceLock::new()).collect(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn record(&self, method: usize, status: Option<StatusCode>, seconds: f64) {
        self.time.record(seconds);
        let class = class(status);
        let cell = &self.requests[method * CLASSES.len() + class];
        let find = || {
            let method = METHODS.get(method).copied().unwrap_or(OTHER);
            REQUESTS.as_counter(&[method, &self.name, CLASSES[class]])
        };
        cell.get_or_init(find).increment(1);
    }
}

/// Place of a method in [`METHODS`], or the one after all of them.
pub(crate) fn method_index(method: &Method) -> usize {
    METHODS.iter().position(|it| *it == method.as_str()).unwrap_or(METHODS.len())
}

fn class(status: Option<StatusCode>) -> usize {
    match status.map(|it| it.as_u16()) {
        Some(..300) => 0,
        Some(300..400) => 1,
        Some(400..500) => 2,
        Some(500..) => 3,
        None => 4,
    }
}

/// What is recorded at every turn.
pub(crate) struct Handles {
    pub(crate) unmatched: Arc<Route>,
    pub(crate) active: Gauge,
    pub(crate) bytes: Gauge,
    problems: Mutex<HashMap<&'static str, Counter>>,
}

impl Handles {
    /// The recorder has to be there.
    pub(crate) fn look_up() -> Self {
        Self {
            unmatched: Arc::new(Route::new(UNMATCHED)),
            active: ACTIVE.as_gauge(&[]),
            bytes: BYTES.as_gauge(&[]),
            problems: Mutex::default(),
        }
    }

    pub(crate) fn problem(&self, slug: &'static str) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.entry(slug).or_insert_with(|| PROBLEMS.as_counter(&[slug])).increment(1);
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Route").field(&self.name).finish()
    }
}
