//! The metrics that this crate records, each declared here once.

use herbarium_health::inventory::{Inventory, Label, Metric};

pub(crate) static TLS_RELOADS: Metric = Metric::counter(
    "http_server_tls_reloads_total",
    "Certificates that were read again, by outcome; after a failure the old one stays in use.",
)
.with_labels(&[Label::one_of("outcome", &["ok", "failed"])]);

/// What this crate records, to be listed beside a program's own.
pub fn own_metrics() -> Inventory {
    Inventory::new().with(&[&TLS_RELOADS])
}
