//! The accept loop of the health listener.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::health::Limits;
use crate::metrics::ACCEPT_ERRORS;
use crate::routes::Pages;
use crate::shutdown::{Connection, Shutdown};
use crate::slots::{Slot, Slots};

/// After an accept that failed: what is wanting, file descriptors mostly, is
/// not there again at once.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `own` closes: a drain of this listener, which comes after
/// that of the service.
pub(crate) async fn serve(listener: TcpListener, pages: Arc<Pages>, limits: Limits, own: Shutdown) {
    let (slots, listening) = (Slots::new(limits.connections), own.listening());
    while let Some((accepted, connection)) = listening.accept(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let slot = slots.take(connection.pace_of()).await;
                let (pages, limits) = (Arc::clone(&pages), limits.clone());
                tokio::spawn(converse(stream, connection, slot, pages, limits));
            }
            Err(error) => {
                ACCEPT_ERRORS.as_counter(&[]).increment(1);
                tracing::warn!(%error, "a health connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    connection: Connection,
    _slot: Slot,
    pages: Arc<Pages>,
    limits: Limits,
) {
    // Answers are short: waiting to send more at a time gains nothing.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Arc::clone(&pages).serve(request));
    let io = TokioIo::new(connection.pace(stream, limits.pace.clone()));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        // The pace has both limits apart; this one is there in case it fails.
        .header_read_timeout(limits.pace.idle + limits.pace.head)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes.max(MIN_BUFFER))
        .serve_connection(io, connection.count(service));
    if let Err(error) = connection.watch(serving).await {
        tracing::debug!(%error, "a health connection ended early");
    }
}

/// hyper panics with less.
pub(crate) const MIN_BUFFER: usize = 8192;
