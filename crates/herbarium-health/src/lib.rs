//! Health, readiness, metrics, graceful shutdown and telemetry for any
//! service, on hyper alone: no web framework, and a listener of its own.
//!
//! Pick this crate when a service has to be watched, scraped and stopped
//! properly, whatever it serves and with whatever. Pick another if all you need
//! is a `/metrics` page in a server you have: `metrics-exporter-prometheus` and
//! a route of your own will do.
//!
//! ```no_run
#![doc = include_str!("../examples/ten_lines.rs")]
//! ```
//!
//! That answers on `127.0.0.1:9464`:
//!
//! | path | says |
//! |---|---|
//! | `/healthz` | alive: 200; 503 only if a [heartbeat](Health::heartbeat) is missed. Never depends on anything outside of the process |
//! | `/readyz` | ready: 200; 503 while starting, while a check fails, and from the first moment of draining on. `?verbose` lists the checks with their ages |
//! | `/startupz` | 503 until it was ready once, then 200 |
//! | `/health` | `{"status":"healthy","uptime":12.345}`, the uptime in seconds; 503 with `starting`, `unhealthy` or `draining` |
//! | `/metrics` | Prometheus' text format: yours, the process's, the runtime's |
//! | `/version` | service, version and what else was given, as JSON |
//!
//! # The parts
//! - [`Health`]: the listener with its pages; [`Latch`]es and
//!   [checks](Health::check) that make up readiness.
//! - [`Shutdown`]: from a signal to an exit without losing a request. Any
//!   accept loop can take part in it: [`Listening`], [`Connection`],
//!   [`InFlight`].
//! - [`inventory`]: metrics declared once, with bounded label values, and
//!   printed as a table, JSON or Markdown. [`Metrics`] records them.
//! - [`RequestContext`]: request ids and W3C trace context.
//! - `logs` and `otlp`, features: `tracing` set up for a service.
//!
//! # What it promises
//! - **A client cannot hold it up.** One that says nothing, or half of
//!   something, or does not read what it asked for, is closed on; with all
//!   places taken, the one waiting longest makes room. Probes never wait for
//!   checks, and a check that hangs or panics is one that fails.
//! - **No label value fills the memory.** Values that are not declared become
//!   `other`, whoever records them.
//! - **It ends.** Every phase of a drain has a bound, and a second signal ends
//!   the process at once, even one that hangs.
//!
//! It does not authenticate: it listens on loopback unless told otherwise by
//! [`listen_publicly`](HealthBuilder::listen_publicly), and what it shows is
//! what whoever gets there can see.
//!
//! # Features
//! | feature | adds | cost |
//! |---|---|---|
//! | `server` (default) | everything but metrics and logs | hyper, tokio |
//! | `prometheus` (default) | [`Metrics`], process and runtime figures | a recorder, `/proc` |
//! | `logs` | `logs` | tracing-subscriber |
//! | `otlp` | `otlp` | opentelemetry, an HTTP client |
//!
//! Without any of them there is [`inventory`], for libraries that declare and
//! record metrics and leave the rest to the program.

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
// Links of the page go to features that may be off.
#![cfg_attr(
    not(all(feature = "server", feature = "prometheus")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "server")]
mod answer;
#[cfg(feature = "prometheus")]
mod bounded;
#[cfg(feature = "server")]
mod checks;
#[cfg(feature = "server")]
mod context;
mod error;
#[cfg(feature = "server")]
mod health;
pub mod inventory;
mod json;
#[cfg(feature = "server")]
mod listener;
#[cfg(feature = "logs")]
pub mod logs;
mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "server")]
mod pace;
#[cfg(feature = "server")]
mod race;
#[cfg(feature = "prometheus")]
mod recorder;
#[cfg(feature = "server")]
mod routes;
#[cfg(feature = "server")]
pub mod shutdown;
#[cfg(feature = "server")]
mod slots;
mod source;
#[cfg(feature = "prometheus")]
mod zero;

#[cfg(feature = "server")]
pub use checks::{CheckOptions, Heartbeat, Latch};
#[cfg(feature = "server")]
pub use context::{Malformed, REQUEST_ID, RequestContext, RequestId, TRACEPARENT, TraceParent};
pub use error::Error;
#[cfg(feature = "server")]
pub use health::{DEFAULT_ADDRESS, Health, HealthBuilder, Limits};
pub use metrics::own_metrics;
#[cfg(feature = "server")]
pub use pace::{PaceLimits, Paced, TooSlow};
#[cfg(feature = "prometheus")]
pub use recorder::Metrics;
#[cfg(feature = "server")]
pub use shutdown::{
    Connection, Counting, DrainPlan, Drained, Ended, Graceful, InFlight, Listening, Phase,
    Shutdown, Waiting,
};
pub use source::MetricsSource;
