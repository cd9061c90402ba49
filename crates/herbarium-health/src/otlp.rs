//! Spans to an OpenTelemetry collector, as protobuf over HTTP.
//!
//! ```no_run
//! # async fn run() -> Result<(), herbarium_health::Error> {
//! use herbarium_health::Health;
//! use herbarium_health::logs::Logs;
//! use herbarium_health::otlp::Otlp;
//!
//! let otlp = Otlp::to("http://127.0.0.1:4318/v1/traces", "my-service", "1.0.0")?;
//! let _logs = Logs::new().spans(otlp.clone()).install()?;
//! let health = Health::builder().start()?;
//! otlp.flush_with(health.shutdown());
//! health.started();
//! # Ok(())
//! # }
//! ```
//!
//! Spans are sent in batches, by a thread of the exporter's. It has no runtime,
//! where the async clients that come with it panic and export nothing,
//! silently; so the client is our own, and blocks. It speaks plain HTTP: a
//! collector beside the service is the usual thing, and takes care of TLS and of
//! what is far away. One that is away costs spans, never requests.

mod client;

use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::context::{RequestContext, TraceParent};
use crate::error::Error;
use crate::shutdown::Shutdown;

/// What exported spans say they come from.
const SCOPE: &str = "herbarium-health";
/// For one batch to be taken by the collector.
const EXPORT: Duration = Duration::from_secs(3);
/// For the last batches, at the end.
const LAST: Duration = Duration::from_secs(4);

/// An exporter of spans. A clone is the same.
#[derive(Debug, Clone)]
pub struct Otlp {
    provider: SdkTracerProvider,
}

impl Otlp {
    /// To the collector at this address, the path included, under this name
    /// and version. Traces that a client began are kept if the client keeps
    /// them; of all others, all are.
    ///
    /// # Errors
    /// [`Error::Otlp`] if the address is none.
    pub fn to(endpoint: &str, service: &str, version: &str) -> Result<Self, Error> {
        Self::sampled(endpoint, service, version, 1.0)
    }

    /// As [`to`](Self::to), with this share of the traces that begin here,
    /// from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Otlp`] if the address is none.
    pub fn sampled(
        endpoint: &str,
        service: &str,
        version: &str,
        share: f64,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Otlp { endpoint: endpoint.to_owned(), source };
        if !endpoint.starts_with("http://") {
            let message = "expected `http://host:port/path`; put TLS into a collector beside it";
            return Err(failed(message.into()));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client::Client::new(EXPORT))
            .with_endpoint(endpoint)
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| failed(Box::new(error)))?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        let resource = Resource::builder_empty()
            .with_service_name(service.to_owned())
            .with_attribute(KeyValue::new("service.version", version.to_owned()));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource.build());
        Ok(Self { provider: provider.build() })
    }

    /// Sends what is left when the service ends.
    pub fn flush_with(&self, shutdown: &Shutdown) {
        let otlp = self.clone();
        shutdown.on_flush("spans", || async move {
            // It blocks until the collector has answered.
            let ended = tokio::task::spawn_blocking(move || otlp.end());
            ended.await.map_err(|error| error.to_string())?
        });
    }

    /// Sends what is left, and ends the exporter. Blocks, some seconds at most.
    ///
    /// # Errors
    /// What the exporter says, if the collector is away.
    pub fn end(&self) -> Result<(), String> {
        self.provider.shutdown_with_timeout(LAST).map_err(|error| error.to_string())
    }

    /// The layer that makes spans of spans.
    pub(crate) fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer(SCOPE));
        layer.with_filter(filter_fn(is_exported)).boxed()
    }
}

/// From `info` up, and nothing of the exporter's own work: exported, it would
/// make more of it.
fn is_exported(metadata: &tracing::Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_own = ["hyper", "opentelemetry"].iter().any(|name| target.starts_with(name));
    !is_own && *metadata.level() <= LevelFilter::INFO
}

/// The span takes its place in the client's trace, and the context takes the
/// ids under which the span is exported. Where nothing is, it stays as it was.
pub(crate) fn join(span: &tracing::Span, context: &mut RequestContext) {
    if let Some(parent) = context.parent {
        // Fails where no spans are exported, and then has nothing to do.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote(parent)));
    }
    let exported = span.context();
    let exported = exported.span().span_context().clone();
    if exported.is_valid() {
        context.trace = TraceParent {
            trace_id: u128::from_be_bytes(exported.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(exported.span_id().to_bytes()),
            flags: exported.trace_flags().to_u8() & 1,
        };
    }
}

fn remote(parent: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from(parent.trace_id),
        SpanId::from(parent.span_id),
        TraceFlags::new(parent.flags),
        true,
        TraceState::default(),
    )
}
