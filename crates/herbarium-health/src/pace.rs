//! How long a client may take.
//!
//! hyper's own limit on reading a head is also its limit on idling, and its
//! builder for both protocols has none at all while it finds out which one is
//! spoken. So the stream itself has the limits: whatever is spoken on it, a
//! client that says nothing is not waited for.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A client that takes in this much within [`PaceLimits::write`] is slow, but
/// there.
const PROGRESS: usize = 16 * 1024;

/// How long a client may take for each part of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaceLimits {
    /// For the head of a request: the first from the connection on, TLS and
    /// protocol included; later ones from their first byte on. 10 s unless set.
    pub head: Duration,
    /// Between an answer and the next request. 75 s unless set: longer than
    /// the usual interval of a scraper, so that it can keep its connection.
    pub idle: Duration,
    /// For taking in what is sent: 16 KiB, or all that there is. 10 s unless
    /// set.
    pub write: Duration,
}

impl Default for PaceLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(10), idle: seconds(75), write: seconds(10) }
    }
}

impl PaceLimits {
    /// With this limit for a [head](Self::head).
    #[must_use]
    pub fn with_head(self, head: Duration) -> Self {
        Self { head, ..self }
    }

    /// With this limit for [idling](Self::idle).
    #[must_use]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// With this limit for [taking in](Self::write) an answer.
    #[must_use]
    pub fn with_write(self, write: Duration) -> Self {
        Self { write, ..self }
    }
}

/// For what a client took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TooSlow {
    /// For the [head](PaceLimits::head) of a request.
    Head,
    /// [Between](PaceLimits::idle) two requests.
    Idle,
    /// For [taking in](PaceLimits::write) an answer.
    Write,
}

/// Where a conversation is: known to the stream, which has the clock, and to
/// the service, which sees requests begin and end.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    turn: Turn,
    /// Requests that run; HTTP/2 has several at a time.
    running: usize,
    /// Any bytes between two requests are the beginning of a head. Not so in
    /// HTTP/2, where a client may ping for ever.
    bytes_are_a_head: bool,
    /// Why it ended, if its client was too slow.
    too_slow: Option<TooSlow>,
    /// The task that reads, if it waits for nothing but us.
    reader: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The client's, to send a head, since then.
    Head(Instant),
    /// Ours.
    Busy,
    /// Nobody's, since then.
    Idle(Instant),
    /// Over: the place is needed.
    Evicted,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let turn = Turn::Head(Instant::now());
        let state =
            State { turn, running: 0, bytes_are_a_head: true, too_slow: None, reader: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A head was read.
    pub(crate) fn begin(&self, version: Version) {
        let mut state = self.lock();
        state.running += 1;
        state.turn = Turn::Busy;
        state.bytes_are_a_head = version <= Version::HTTP_11;
    }

    /// An answer was given.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        if state.running == 0 && state.turn == Turn::Busy {
            state.turn = Turn::Idle(Instant::now());
            state.wake();
        }
    }

    /// Since when no request has been running; `None` while one is.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        match self.lock().turn {
            Turn::Head(since) | Turn::Idle(since) => Some(since),
            Turn::Busy | Turn::Evicted => None,
        }
    }

    /// Ends the connection, unless a request has begun meanwhile.
    pub(crate) fn evict(&self) -> bool {
        let mut state = self.lock();
        let evicted = state.running == 0 && state.turn != Turn::Evicted;
        if evicted {
            state.turn = Turn::Evicted;
            state.wake();
        }
        evicted
    }

    fn bytes_came(&self) {
        let mut state = self.lock();
        if state.bytes_are_a_head && matches!(state.turn, Turn::Idle(_)) {
            state.turn = Turn::Head(Instant::now());
        }
    }

    /// When the client's time is over. Where it has all the time, the reader
    /// is noted, to be woken when that changes.
    fn deadline(&self, limits: &PaceLimits, reader: &Waker) -> io::Result<Option<Instant>> {
        let mut state = self.lock();
        match &state.reader {
            Some(known) if known.will_wake(reader) => {}
            _ => state.reader = Some(reader.clone()),
        }
        match state.turn {
            Turn::Head(since) => Ok(Some(since + limits.head)),
            Turn::Idle(since) => Ok(Some(since + limits.idle)),
            Turn::Busy => Ok(None),
            Turn::Evicted => {
                Err(io::Error::new(ErrorKind::ConnectionAborted, "closed to make room"))
            }
        }
    }

    /// For what the client took too long, if that was the end.
    pub(crate) fn too_slow(&self) -> Option<TooSlow> {
        self.lock().too_slow
    }

    /// Notes that nothing was read in time.
    fn overdue(&self) -> io::Error {
        let mut state = self.lock();
        let (part, what) = match state.turn {
            Turn::Head(_) => (TooSlow::Head, "no complete request head in time"),
            _ => (TooSlow::Idle, "idle for too long"),
        };
        state.too_slow = Some(part);
        timed_out(what)
    }

    /// Notes that what was sent was not taken in.
    fn stalled(&self) -> io::Error {
        self.lock().too_slow = Some(TooSlow::Write);
        timed_out("the answer is not taken in")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// A stream that gives an error when its client is too slow; see
/// [`Connection::pace`](crate::Connection::pace).
#[derive(Debug)]
pub struct Paced<T> {
    stream: T,
    pace: Pace,
    limits: PaceLimits,
    /// Fires at or before the deadline for reading: moved only when it does,
    /// so that a request costs no timer.
    read: Option<Pin<Box<Sleep>>>,
    write: Option<Stalled>,
}

/// A client that does not take in what is sent.
#[derive(Debug)]
struct Stalled {
    until: Pin<Box<Sleep>>,
    /// Bytes taken in since then.
    taken: usize,
}

impl<T> Paced<T> {
    pub(crate) fn new(stream: T, pace: Pace, limits: PaceLimits) -> Self {
        Self { stream, pace, limits, read: None, write: None }
    }

    /// The stream below.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// Nothing to read: whether the client still has time.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some(deadline) = self.pace.deadline(&self.limits, cx.waker())? else {
                return Poll::Pending;
            };
            let timer = self.read.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(Err(self.pace.overdue()));
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// What came of a write: whether the client takes in enough.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(bytes)) => {
                if let Some(stalled) = &mut self.write {
                    stalled.taken = stalled.taken.saturating_add(bytes);
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_stalled(cx),
        }
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let limit = self.limits.write;
        let stalled = self.write.get_or_insert_with(|| Stalled {
            until: Box::pin(sleep_until(Instant::now() + limit)),
            taken: 0,
        });
        loop {
            ready!(stalled.until.as_mut().poll(cx));
            if stalled.taken < PROGRESS {
                return Poll::Ready(Err(self.pace.stalled()));
            }
            stalled.taken = 0;
            stalled.until.as_mut().reset(Instant::now() + limit);
        }
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if buf.filled().len() > before {
                    self.pace.bytes_came();
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_overdue(cx),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when nothing is left to be written, so nothing is stalled.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match flushed {
            Poll::Ready(_) => self.write = None,
            Poll::Pending => {
                let outcome = self.poll_stalled(cx).map_ok(|_| ());
                if outcome.is_ready() {
                    return outcome;
                }
            }
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
