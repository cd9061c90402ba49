//! Answers that are streamed, line by line, from a thread that makes them.
//!
//! The thread waits where the client does not read: so many lines are made ahead, and no
//! more. It ends when the client goes, and at a deadline, whatever the client does.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use herbarium::Cancel;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task;
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until, timeout};

use crate::metrics::{STREAM_TIME, STREAMS_OVER};
use crate::nested::json;
use crate::pool::{CancelOnDrop, Turn};
use crate::problem::{self, Problem};
use crate::types::{FileProblem, SearchEnd, SearchHead};

/// Lines that are made ahead of the client.
const AHEAD: usize = 64;

/// Where lines go.
pub(crate) struct Lines {
    out: mpsc::Sender<Bytes>,
    deadline: Instant,
    runtime: Handle,
    cancel: Cancel,
    pace: Pace,
    /// What a silent stream says to be alive.
    pulse: Arc<Mutex<Bytes>>,
}

/// Why lines are no longer taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client is gone.
    Gone,
    /// The time is up.
    Time,
    /// The client does not read.
    Stalled,
    /// The service ends.
    Stopping,
}

impl Lines {
    /// Hands a line on; waits for the client.
    pub(crate) fn send(&self, line: Vec<u8>) -> ControlFlow<Ended> {
        if *self.pace.closing.borrow() {
            return ControlFlow::Break(Ended::Stopping);
        }
        if self.cancel.is_cancelled() {
            return ControlFlow::Break(Ended::Gone);
        }
        let mut line = Bytes::from(line);
        match self.out.try_send(line) {
            Ok(()) => return self.check(),
            Err(mpsc::error::TrySendError::Closed(_)) => return ControlFlow::Break(Ended::Gone),
            Err(mpsc::error::TrySendError::Full(back)) => line = back,
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let patience = left.min(self.pace.stall);
        match self.runtime.block_on(timeout(patience, self.out.send(line))) {
            Ok(Ok(())) => self.check(),
            Ok(Err(_)) => ControlFlow::Break(Ended::Gone),
            Err(_) if patience < left => ControlFlow::Break(Ended::Stalled),
            Err(_) => ControlFlow::Break(Ended::Time),
        }
    }

    fn check(&self) -> ControlFlow<Ended> {
        match Instant::now() < self.deadline {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(Ended::Time),
        }
    }

    /// The line to be sent when there has been none for long.
    pub(crate) fn set_pulse(&self, cursor: &str) {
        let line = line(&Line::Cursor(cursor));
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::from(line);
    }

    /// Cancelled when the client goes.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// When the answer must be at its end.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// True when the service ends.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.pace.closing.clone()
    }
}

/// Lines that are not entries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Head(&'a SearchHead),
    Cursor(&'a str),
    Missed(&'a FileProblem),
    Done(&'a SearchEnd),
    Error(&'a RawValue),
}

/// A line of JSON.
pub(crate) fn line(value: &Line<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    json(&mut out, value);
    out.push(b'\n');
    out
}

/// How long an answer may take, and how often it says that it is alive.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    pub(crate) kind: &'static str,
    pub(crate) most: Duration,
    pub(crate) stall: Duration,
    pub(crate) keep_alive: Duration,
    /// True when the service ends.
    pub(crate) closing: watch::Receiver<bool>,
}

/// Answers with what a thread makes. What it returns is the last line; its turn ends with
/// it.
pub(crate) fn stream(
    turn: Turn,
    pace: Pace,
    work: impl FnOnce(&Lines) -> Result<SearchEnd, Problem> + Send + 'static,
) -> Response {
    let (out, lines) = mpsc::channel(AHEAD);
    let cancel = Cancel::new();
    let (last, pulse) = (Arc::<Mutex<Bytes>>::default(), Arc::<Mutex<Bytes>>::default());
    let begun = Instant::now();
    let sender = Lines {
        out,
        deadline: begun + pace.most,
        runtime: Handle::current(),
        cancel: cancel.clone(),
        pace: pace.clone(),
        pulse: Arc::clone(&pulse),
    };
    let (said_last, kind) = (Arc::clone(&last), pace.kind);
    task::spawn_blocking(move || {
        let _turn = turn;
        let end = catch_unwind(AssertUnwindSafe(|| work(&sender)));
        let end = end.unwrap_or_else(|_| Err(problem::internal("stream the answer")));
        let by = end.as_ref().map_or("error", |end| end.stopped_by.unwrap_or("end"));
        STREAMS_OVER.as_counter(&[kind, by]).increment(1);
        let end = match end {
            Ok(end) => line(&Line::Done(&end)),
            Err(problem) => line(&Line::Error(&problem::raw(&problem))),
        };
        // Before the end of the channel, which makes it heard.
        *said_last.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::from(end);
        STREAM_TIME.as_histogram(&[kind]).record(begun.elapsed().as_secs_f64());
    });
    let alive = Box::pin(sleep_until(TokioInstant::now() + pace.keep_alive));
    let guard = CancelOnDrop(cancel);
    let streamed = Streamed { lines, last, pulse, alive, pace, is_over: false, _guard: guard };
    let mut response = Response::new(Body::new(streamed));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The body: cancels the work when it is dropped.
struct Streamed {
    lines: mpsc::Receiver<Bytes>,
    last: Arc<Mutex<Bytes>>,
    pulse: Arc<Mutex<Bytes>>,
    alive: Pin<Box<Sleep>>,
    pace: Pace,
    is_over: bool,
    _guard: CancelOnDrop,
}

impl Streamed {
    fn rest(&mut self) {
        let next = TokioInstant::now() + self.pace.keep_alive;
        self.alive.as_mut().reset(next);
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        match this.lines.poll_recv(cx) {
            Poll::Ready(Some(line)) => {
                this.rest();
                Poll::Ready(Some(Ok(Frame::data(line))))
            }
            Poll::Ready(None) => {
                this.is_over = true;
                let last =
                    std::mem::take(&mut *this.last.lock().unwrap_or_else(PoisonError::into_inner));
                Poll::Ready(Some(Ok(Frame::data(last))))
            }
            Poll::Pending => {
                ready!(this.alive.as_mut().poll(cx));
                this.rest();
                let pulse = this.pulse.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // An empty line says as much where there is no cursor yet.
                let pulse = if pulse.is_empty() { Bytes::from_static(b"\n") } else { pulse };
                Poll::Ready(Some(Ok(Frame::data(pulse))))
            }
        }
    }
}
