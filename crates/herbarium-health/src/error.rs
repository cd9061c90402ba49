//! What can go wrong while a service sets itself up.

use std::io;
use std::net::SocketAddr;

/// Why health, metrics, signals or logs could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken, not of this host, or not allowed.
    #[error(
        "listen for health requests on {addr}: no socket; \
         choose another address with `listen`, or port 0 for any free one"
    )]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An address that others can reach was asked for, but not on purpose.
    #[error(
        "listen for health requests on {addr}: expected a loopback address, and others can reach \
         this one; if they should, as a probe from outside must, say `listen_publicly`"
    )]
    Public {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// Tasks need a runtime to run on.
    #[error(
        "start the health server: expected a tokio runtime with time and IO, and found none; \
         call it from `#[tokio::main]` or within `Runtime::enter`"
    )]
    NoRuntime,
    /// Two recorders cannot both get what is recorded.
    #[error(
        "install the metrics recorder: another one is installed already; \
         give its output to `HealthBuilder::metrics`, or say `without_metrics`"
    )]
    RecorderInstalled,
    /// A metric is declared in a way that would be exposed wrongly.
    #[error("take the inventory of metrics: a declaration is wrong")]
    Inventory(#[from] crate::inventory::InventoryError),
    /// The system did not let us handle a signal.
    #[error(
        "handle {signal}: the system refused; without it only `Shutdown::begin` starts a drain"
    )]
    Signal {
        /// Which.
        signal: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Logs go somewhere else already.
    #[error(
        "install logs: a `tracing` subscriber is installed already; \
         install logs first, or once"
    )]
    SubscriberInstalled,
    /// The filter of logs makes no sense.
    #[error("set the log filter `{filter}`: expected something like `info,hyper=warn`")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A thread could not be started.
    #[error("start the thread `{name}`: the system refused; look at its limits")]
    Thread {
        /// What it is for.
        name: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The exporter of spans did not come up.
    #[error("export spans to {endpoint}: the exporter cannot be built; check the address")]
    Otlp {
        /// The collector.
        endpoint: String,
        /// What the exporter said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
