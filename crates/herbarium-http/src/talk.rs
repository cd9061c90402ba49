//! A stream, and what it and the requests on it know of each other.
//!
//! Four things that hyper leaves to others. It closes with bytes unread, and
//! the system then resets the connection, so that the client may never see the
//! answer: such a close lingers. It drops what it is asked as soon as a client
//! has said all, which may still want its answer: that is heard a while later.
//! It answers what it cannot parse with a bare status: that becomes a problem
//! document. And over HTTP/2 it waits for ever for a client that takes no more
//! of an answer: that is noticed.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use herbarium_health::{RequestId, Waiting};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use crate::kinds;
use crate::metrics::PROBLEMS;
use crate::problem::{PROBLEM_JSON, Problem, of_status};

/// How long a close waits for the client to notice.
const LINGER: Duration = Duration::from_secs(2);

/// What is read meanwhile, and thrown away.
const LINGER_BYTES: usize = 8 << 20;

/// What the parts of one connection share.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// Whether the client may be sending what nobody has read.
    unread: AtomicBool,
    /// Whether the client has not yet taken in what was to be written.
    unsent: AtomicBool,
    /// Answers over HTTP/2 whose client has the next turn, and since when.
    waits: Mutex<HashMap<u64, Instant>>,
    next: AtomicU64,
    /// Told of the first of them.
    has_waits: Notify,
}

impl Talk {
    /// All of a request was read.
    pub(crate) fn is_read(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether there is more of a request to come.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Whether nothing is under way in either direction, between two requests.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.has_unread() && !self.unsent.load(Ordering::Relaxed)
    }

    /// What came of a write.
    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        if outcome.is_pending() {
            self.unsent.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// An answer over HTTP/2 begins.
    pub(crate) fn answer(self: &Arc<Self>) -> Turn {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = Turn { talk: Arc::clone(self), number };
        turn.client();
        if number == 0 {
            self.has_waits.notify_one();
        }
        turn
    }

    /// Done when a client has not taken in more of an answer for this long.
    pub(crate) async fn stalled(&self, limit: Duration) {
        self.has_waits.notified().await;
        loop {
            sleep(limit / 2).await;
            if self.waits().values().any(|since| since.elapsed() >= limit) {
                return;
            }
        }
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose turn it is with one answer.
#[derive(Debug)]
pub(crate) struct Turn {
    talk: Arc<Talk>,
    number: u64,
}

impl Turn {
    /// The client's, to take in what it was given.
    pub(crate) fn client(&self) {
        self.talk.waits().insert(self.number, Instant::now());
    }

    /// Ours, to give more.
    pub(crate) fn ours(&self) {
        self.talk.waits().remove(&self.number);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.ours();
    }
}

/// A stream as hyper sees it.
#[derive(Debug)]
pub(crate) struct Talking<T> {
    stream: T,
    talk: Arc<Talk>,
    waiting: Waiting,
    /// What was read from the stream before, and comes first.
    before: Bytes,
    /// The client has closed, at least its half.
    has_ended: bool,
    /// Until when a request that is answered does not hear of it.
    grace: Grace,
    /// A close under way, and what may still be read.
    linger: Option<(Pin<Box<Sleep>>, usize)>,
    /// What is said instead of hyper's own words, and how much of it was.
    instead: Option<(Vec<u8>, usize)>,
}

#[derive(Debug)]
enum Grace {
    For(Duration),
    Until(Pin<Box<Sleep>>),
}

impl<T> Talking<T> {
    /// `grace` is how long a request goes on whose client has closed its half.
    pub(crate) fn new(stream: T, talk: Arc<Talk>, waiting: Waiting, grace: Duration) -> Self {
        Self {
            stream,
            talk,
            waiting,
            before: Bytes::new(),
            has_ended: false,
            grace: Grace::For(grace),
            linger: None,
            instead: None,
        }
    }

    /// Reads these first.
    pub(crate) fn rewind(&mut self, before: Bytes) {
        self.before = before;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Talking<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let count = self.before.len().min(buf.remaining());
            buf.put_slice(&self.before.split_to(count));
            return Poll::Ready(Ok(()));
        }
        if self.has_ended {
            return self.poll_grace(cx).map(Ok);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.talk.unread.store(true, Ordering::Relaxed);
        } else if buf.remaining() > 0 {
            self.has_ended = true;
            return self.poll_grace(cx).map(Ok);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T> Talking<T> {
    /// Done when the end is to be heard of. One who has closed its half after
    /// a request may be gone, or may wait for the answer: the two look the
    /// same, and hyper takes both to be gone. Whether the end came after all of
    /// a body or within it does not show here before the handler has read it.
    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_answered = self.waiting.since().is_some();
        if is_answered {
            return Poll::Ready(());
        }
        loop {
            match &mut self.grace {
                Grace::For(time) => self.grace = Grace::Until(Box::pin(sleep(*time))),
                Grace::Until(end) => return end.as_mut().poll(cx),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Talking<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            match bare_status(buf) {
                Some(status) => self.instead = Some((whole(status), 0)),
                None => {
                    let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
                    return self.talk.wrote(outcome);
                }
            }
        }
        let outcome = self.poll_instead(cx, buf.len());
        self.talk.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            [only] => self.poll_write(cx, only),
            _ => {
                let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
                self.talk.wrote(outcome)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        let is_sent = outcome.is_ready();
        if is_sent == self.talk.unsent.load(Ordering::Relaxed) {
            self.talk.unsent.store(!is_sent, Ordering::Relaxed);
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if self.has_ended || !self.talk.has_unread() {
                return Poll::Ready(Ok(()));
            }
            self.linger = Some((Box::pin(sleep(LINGER)), LINGER_BYTES));
        }
        self.poll_linger(cx)
    }
}

impl<T: AsyncRead + Unpin> Talking<T> {
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((until, left)) = &mut self.linger else { return Poll::Ready(Ok(())) };
        let mut scrap = [0; 8192];
        loop {
            let mut buf = ReadBuf::new(&mut scrap);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() && *left > buf.filled().len() => {
                    *left -= buf.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return until.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> Talking<T> {
    /// Writes what is said instead, and says of it what was asked for.
    fn poll_instead(&mut self, cx: &mut Context<'_>, asked: usize) -> Poll<io::Result<usize>> {
        if let Some((text, done)) = &mut self.instead {
            while let Some(rest) = text.get(*done..).filter(|it| !it.is_empty()) {
                match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => *done += count,
                }
            }
        }
        self.instead = None;
        Poll::Ready(Ok(asked))
    }
}

/// The longest that hyper says by itself; what comes from a handler has the
/// request's id and is longer.
const BARE: usize = 140;

/// The status, if this is hyper's answer to something it could not parse.
fn bare_status(buf: &[u8]) -> Option<StatusCode> {
    if buf.len() > BARE || !buf.ends_with(b"\r\n\r\n") {
        return None;
    }
    let status = buf.strip_prefix(b"HTTP/1.1 ").or_else(|| buf.strip_prefix(b"HTTP/1.0 "))?;
    let status = StatusCode::from_bytes(status.get(..3)?).ok()?;
    status.is_client_error().then_some(status)
}

/// The same as a problem document. No request was parsed, and the id is its own.
fn whole(status: StatusCode) -> Vec<u8> {
    let id = RequestId::make();
    let problem = match status {
        StatusCode::BAD_REQUEST => Problem::new(&kinds::MALFORMED_REQUEST)
            .detail("read the head of a request")
            .expected("HTTP/1.1, as in RFC 9112")
            .found("something else"),
        other => of_status(other),
    };
    PROBLEMS.as_counter(&[problem.kind().slug()]).increment(1);
    tracing::debug!(request_id = %id, status = status.as_u16(), "what came is no request");
    let problem = problem.with_request_id(id.as_str());
    let body = problem.to_json().to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\
         x-request-id: {id}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}
