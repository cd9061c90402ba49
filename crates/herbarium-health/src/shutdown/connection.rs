//! Connections and the requests on them, as hyper serves them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::server::graceful::GracefulConnection;
use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::count::Held;
use super::{InFlight, Phase, Shutdown};
use crate::pace::{Pace, PaceLimits, Paced, TooSlow};
use crate::race::{First, aside, race};

/// An accept loop. The drain waits until it is dropped.
#[derive(Debug)]
pub struct Listening {
    shutdown: Shutdown,
}

impl Listening {
    pub(super) fn new(shutdown: Shutdown) -> Self {
        shutdown.counts().hold(Held::Listener);
        Self { shutdown }
    }

    /// What `accepting`, the `accept()` of a listener, gives, with a connection
    /// counted; `None` once the listener is to be [closed](Self::last).
    pub async fn accept<A: Future>(&self, accepting: A) -> Option<(A::Output, Connection)> {
        match race(accepting, self.shutdown.reached(Phase::Closing)).await {
            First::Left(accepted) => Some((accepted, self.connection())),
            First::Right(()) => None,
        }
    }

    pub(super) fn connection(&self) -> Connection {
        self.shutdown.connection()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shutdown.counts().release(Held::Listener);
    }
}

/// A connection that was accepted. The drain waits until it is dropped, or
/// until what [`watch`](Self::watch) returns has ended.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

/// What a connection, its stream and its requests know of each other.
#[derive(Debug)]
struct Shared {
    shutdown: Shutdown,
    pace: Pace,
    /// Whether there was a request yet, and who waits for it.
    asked: AtomicBool,
    first: Notify,
}

/// A connection that can be told to end. Those of hyper can; one of your own
/// that has hyper within passes it on.
pub trait Graceful: Future<Output = Result<(), Self::Failure>> {
    /// What the connection gives if it fails.
    type Failure;

    /// Asks for an end after the answers to what was asked. It is polled after
    /// that, and need not wake anybody.
    fn finish(self: Pin<&mut Self>);
}

impl<C: GracefulConnection> Graceful for C {
    type Failure = C::Error;

    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, all answers given.
    Closed,
    /// By the shutdown, after its deadline.
    Cut,
}

impl Connection {
    pub(super) fn new(shutdown: Shutdown) -> Self {
        shutdown.counts().hold(Held::Connection);
        let (asked, first) = (AtomicBool::new(false), Notify::new());
        let shared = Shared { shutdown, pace: Pace::new(), asked, first };
        Self { shared: Arc::new(shared) }
    }

    /// The stream with time limits: it gives an error when the client is too
    /// slow. The limits know of requests through [`count`](Self::count).
    pub fn pace<T>(&self, stream: T, limits: PaceLimits) -> Paced<T> {
        Paced::new(stream, self.shared.pace.clone(), limits)
    }

    /// The service with its requests counted, from the head of a request to
    /// the last byte of its answer. While draining, answers over HTTP/1 say
    /// `Connection: close`.
    pub fn count<S>(&self, service: S) -> Counting<S> {
        Counting { shared: Arc::clone(&self.shared), service }
    }

    /// Serves until the connection ends by itself, or, while closing, when it
    /// is idle; or until the deadline is over.
    ///
    /// # Errors
    /// What the connection gives.
    pub fn watch<C: Graceful>(
        self,
        connection: C,
    ) -> impl Future<Output = Result<Ended, C::Failure>> {
        self.watch_until(connection, std::future::pending())
    }

    /// As [`watch`](Self::watch), and when `retire` is done, the connection is
    /// closed after the answers to what was asked on it.
    ///
    /// # Errors
    /// What the connection gives.
    pub fn watch_until<C, R>(
        self,
        connection: C,
        retire: R,
    ) -> impl Future<Output = Result<Ended, C::Failure>>
    where
        C: Graceful,
        R: Future<Output = ()>,
    {
        // Connections are large, and a future has room for all that it is given
        // and again for what it makes of it: thousands of idle ones would pay.
        let connection = Box::pin(connection);
        self.watch_pinned(connection, retire)
    }

    async fn watch_pinned<C, R>(
        self,
        mut connection: Pin<Box<C>>,
        retire: R,
    ) -> Result<Ended, C::Failure>
    where
        C: Graceful,
        R: Future<Output = ()>,
    {
        let shutdown = &self.shared.shutdown;
        let closing = aside(race(shutdown.reached(Phase::Closing), retire));
        let is_retired = match race(connection.as_mut(), closing).await {
            First::Left(result) => return result.map(|()| Ended::Closed),
            First::Right(ended) => matches!(ended, First::Right(())),
        };
        if !is_retired
            && let First::Left(result) = race(connection.as_mut(), self.first_request()).await
        {
            return result.map(|()| Ended::Closed);
        }
        connection.as_mut().finish();
        match race(connection.as_mut(), shutdown.reached(Phase::Cut)).await {
            First::Left(result) => result.map(|()| Ended::Closed),
            First::Right(()) => {
                shutdown.counts().cut_connection();
                Ok(Ended::Cut)
            }
        }
    }

    /// A client that has just connected has a request on its way. hyper would
    /// close on it.
    async fn first_request(&self) {
        if !self.shared.asked.load(Ordering::SeqCst) {
            let fresh = self.shared.shutdown.plan().fresh;
            let _ = timeout(fresh, self.shared.first.notified()).await;
        }
    }

    /// A look at it from outside, for bounds on connections.
    pub fn waiting(&self) -> Waiting {
        Waiting { pace: self.pace_of() }
    }

    pub(crate) fn pace_of(&self) -> Pace {
        self.shared.pace.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.shutdown.counts().release(Held::Connection);
    }
}

/// A look at a [connection](Connection::waiting) from outside: whether it could
/// be spared. It knows of requests, and ends a connection, only where both
/// [`Connection::pace`] and [`Connection::count`] are used.
#[derive(Debug, Clone)]
pub struct Waiting {
    pace: Pace,
}

impl Waiting {
    /// Since when no request has been running; `None` while one is.
    pub fn since(&self) -> Option<Instant> {
        self.pace.waiting_since()
    }

    /// For what its client took too long, if that was the end of the connection.
    pub fn too_slow(&self) -> Option<TooSlow> {
        self.pace.too_slow()
    }

    /// Ends the connection, unless a request runs on it; whether it does.
    pub fn evict(&self) -> bool {
        self.pace.evict()
    }
}

/// A service whose requests are counted; see [`Connection::count`].
#[derive(Debug, Clone)]
pub struct Counting<S> {
    shared: Arc<Shared>,
    service: S,
}

impl<S, I, B> Service<Request<I>> for Counting<S>
where
    S: Service<Request<I>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = CountedFuture<S::Future>;

    fn call(&self, request: Request<I>) -> Self::Future {
        let shared = &self.shared;
        let busy = Busy::new(shared, request.version());
        shared.asked.store(true, Ordering::SeqCst);
        shared.first.notify_one();
        let head = Head {
            shared: Arc::clone(shared),
            version: request.version(),
            bodiless: request.method() == Method::HEAD,
        };
        CountedFuture { answering: self.service.call(request), busy: Some(busy), head }
    }
}

/// A request in flight, for the count and for the pace.
#[derive(Debug)]
struct Busy {
    request: Option<InFlight>,
    pace: Pace,
}

impl Busy {
    fn new(shared: &Shared, version: Version) -> Self {
        shared.pace.begin(version);
        Self { request: Some(shared.shutdown.request()), pace: shared.pace.clone() }
    }

    fn complete(&mut self) {
        if let Some(request) = self.request.take() {
            request.complete();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pace.end();
    }
}

/// What of the request the answer depends on.
#[derive(Debug)]
struct Head {
    shared: Arc<Shared>,
    version: Version,
    /// No body is sent, whatever the answer says.
    bodiless: bool,
}

impl Head {
    fn closes(&self) -> bool {
        self.version <= Version::HTTP_11 && self.shared.shutdown.is_draining()
    }
}

pin_project! {
    /// An answer to come; see [`Connection::count`].
    #[derive(Debug)]
    pub struct CountedFuture<F> {
        #[pin]
        answering: F,
        busy: Option<Busy>,
        head: Head,
    }
}

impl<F, B, E> Future for CountedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.answering.poll(cx))?;
        if this.head.closes() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let left = if this.head.bodiless || is_bodiless(response.status()) {
            Some(0)
        } else {
            length(&response)
        };
        let busy = this.busy.take();
        Poll::Ready(Ok(response.map(|body| CountedBody { body, busy, left })))
    }
}

fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// Bytes of the body, if they are known beforehand.
fn length<B: Body>(response: &Response<B>) -> Option<u64> {
    let header = response.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    header.and_then(|it| it.parse().ok()).or_else(|| response.body().size_hint().exact())
}

pin_project! {
    /// The body of an answer; the request ends with it.
    #[derive(Debug)]
    pub struct CountedBody<B>
    where
        B: Body,
    {
        #[pin]
        body: B,
        busy: Option<Busy>,
        // Bytes still to come; hyper drops a body after the last of them.
        left: Option<u64>,
    }

    impl<B: Body> PinnedDrop for CountedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let is_whole = *this.left == Some(0) || this.body.is_end_stream();
            if let Some(busy) = this.busy.as_mut().filter(|_| is_whole) {
                busy.complete();
            }
        }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        use hyper::body::Buf as _;
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        match &frame {
            None => {
                if let Some(busy) = this.busy {
                    busy.complete();
                }
                *this.busy = None;
            }
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (this.left.as_mut(), frame.data_ref()) {
                    *left = left.saturating_sub(data.remaining() as u64);
                }
            }
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
