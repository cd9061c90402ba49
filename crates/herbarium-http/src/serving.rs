//! What serves a connection: hyper while there is something to serve, and next
//! to nothing while there is not.
//!
//! hyper's buffers and states are most of what an open connection costs. So it
//! is begun with the first bytes of a client, and ended when a client of
//! HTTP/1.1 has been silent for a moment; what is left then waits for bytes.

use std::error::Error;
use std::io;
use std::mem::{MaybeUninit, replace};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use herbarium_health::{Counting, Graceful, Waiting};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::Limits;
use crate::service::Conversation;
use crate::talk::{Talk, Talking};

/// Silence after which hyper is ended: long enough that a client that asks one
/// thing after the other does not notice, short enough that thousands who come
/// one after the other do not all have it at a time.
const SILENCE: Duration = Duration::from_millis(250);

/// Most heads fit into it, and take one read.
const FIRST_READ: usize = 2048;

/// What a client of HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// hyper panics with less.
const MIN_BUFFER: usize = 8192;

/// What hyper has room for without an allocation for each request.
const HYPERS_HEADERS: usize = 100;

/// What is sent ahead of a client over HTTP/2, for each request.
const SEND_AHEAD: usize = 128 << 10;

/// Bodies that clients send ahead over HTTP/2, on one connection.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Errors of one client that are answered by a reset, before its connection is
/// closed.
const LOCAL_RESETS: usize = 256;

type Service = Counting<Conversation>;
type Io<S> = TokioIo<Talking<S>>;

/// A connection over HTTP/1.1 or HTTP/2, as the client has it.
pub(crate) struct Serving<S> {
    state: State<S>,
    talk: Arc<Talk>,
    limits: Arc<Limits>,
    waiting: Waiting,
    /// When it is to be looked whether the client is silent.
    nap: Option<Pin<Box<Sleep>>>,
    /// To be closed after the answers that are owed, and whether hyper knows.
    is_last: bool,
    is_told: bool,
}

enum State<S> {
    Silent(Silent<S>),
    Http1(Box<http1::Connection<Io<S>, Service>>),
    Http2(Box<http2::Connection<Io<S>, Service, TokioExecutor>>),
    Closing(Talking<S>),
    Done,
}

/// A connection that waits for bytes.
struct Silent<S> {
    stream: Talking<S>,
    service: Service,
    came: Vec<u8>,
    /// There was a request already.
    is_http1: bool,
}

impl<S> Serving<S> {
    pub(crate) fn new(
        stream: Talking<S>,
        service: Service,
        talk: Arc<Talk>,
        limits: Arc<Limits>,
        waiting: Waiting,
    ) -> Self {
        let silent = Silent { stream, service, came: Vec::new(), is_http1: false };
        let state = State::Silent(silent);
        Self { state, talk, limits, waiting, nap: None, is_last: false, is_told: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Future for Serving<S> {
    type Output = Result<(), Box<dyn Error + Send + Sync>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Silent(_) => match this.poll_first(cx) {
                    Poll::Ready(first) => first?,
                    // Whatever was on its way has been looked for.
                    Poll::Pending if this.is_last => this.close(),
                    Poll::Pending => return Poll::Pending,
                },
                State::Http1(connection) => {
                    let mut connection = Pin::new(&mut **connection);
                    if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                        return Poll::Ready(end.map_err(Into::into));
                    }
                    if this.is_last && !replace(&mut this.is_told, true) {
                        connection.graceful_shutdown();
                        continue;
                    }
                    ready!(this.poll_nap(cx));
                    this.fall_silent();
                }
                State::Http2(connection) => {
                    let mut connection = Pin::new(&mut **connection);
                    if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                        return Poll::Ready(end.map_err(Into::into));
                    }
                    if !this.is_last || replace(&mut this.is_told, true) {
                        return Poll::Pending;
                    }
                    connection.graceful_shutdown();
                }
                State::Closing(stream) => {
                    return Pin::new(stream).poll_shutdown(cx).map_err(Into::into);
                }
                State::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Graceful for Serving<S> {
    type Failure = Box<dyn Error + Send + Sync>;

    fn finish(self: Pin<&mut Self>) {
        self.get_mut().is_last = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Serving<S> {
    /// Waits until it is known what is spoken, and begins with it.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Silent(silent) = &mut self.state else { return Poll::Ready(Ok(())) };
        let mut room = [MaybeUninit::uninit(); FIRST_READ];
        let mut buf = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut silent.stream).poll_read(cx, &mut buf))?;
        silent.came.extend_from_slice(buf.filled());
        let has_ended = buf.filled().is_empty();
        let may_be_http2 = !silent.is_http1 && PREFACE.starts_with(&silent.came);
        match (has_ended, may_be_http2 && silent.came.len() < PREFACE.len()) {
            (true, _) if silent.came.is_empty() => self.close(),
            (false, true) => {}
            _ => self.begin(),
        }
        Poll::Ready(Ok(()))
    }

    fn begin(&mut self) {
        let State::Silent(silent) = replace(&mut self.state, State::Done) else { return };
        let Silent { mut stream, service, came, is_http1 } = silent;
        let is_http2 = !is_http1 && came.starts_with(PREFACE);
        stream.rewind(Bytes::from(came));
        let io = TokioIo::new(stream);
        self.state = if is_http2 {
            State::Http2(Box::new(over_http2(&self.limits).serve_connection(io, service)))
        } else {
            State::Http1(Box::new(over_http1(&self.limits).serve_connection(io, service)))
        };
    }

    /// Done when hyper has nothing to do, and had not for a while.
    fn poll_nap(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_last {
            return Poll::Pending;
        }
        let nap = self.nap.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
        loop {
            ready!(nap.as_mut().poll(cx));
            // It is not moved with every request, and may have ended too early.
            let silence = self.waiting.since().map(|since| since.elapsed());
            let left = match silence {
                Some(silence) if silence < SILENCE => SILENCE - silence,
                Some(_) if self.talk.is_quiet() => return Poll::Ready(()),
                _ => SILENCE,
            };
            nap.as_mut().reset(Instant::now() + left);
        }
    }

    fn fall_silent(&mut self) {
        self.nap = None;
        if let State::Http1(connection) = replace(&mut self.state, State::Done) {
            let http1::Parts { io, read_buf, service, .. } = connection.into_parts();
            let (stream, came) = (io.into_inner(), Vec::from(read_buf));
            // Half a head may have come together with the request before.
            let is_silent = came.is_empty();
            self.state = State::Silent(Silent { stream, service, came, is_http1: true });
            if !is_silent {
                self.begin();
            }
        }
    }

    fn close(&mut self) {
        if let State::Silent(silent) = replace(&mut self.state, State::Done) {
            self.state = State::Closing(silent.stream);
        }
    }
}

/// The stream has the time limits, so that hyper needs no timers for them.
fn over_http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    let head = largest_head(limits);
    builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(head * 2);
    if limits.headers > HYPERS_HEADERS {
        builder.max_headers(limits.headers);
    }
    builder
}

fn over_http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(largest_head(limits)).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(limits.reset_streams)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .max_send_buf_size(SEND_AHEAD)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_timeout(limits.ping_time);
    if !limits.ping_interval.is_zero() {
        builder.keep_alive_interval(limits.ping_interval);
    }
    builder
}

fn largest_head(limits: &Limits) -> usize {
    limits.header_bytes.saturating_add(limits.uri_bytes).max(MIN_BUFFER)
}
