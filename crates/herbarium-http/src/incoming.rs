//! The body of a request, on its way in: bounded in size, pace and memory, and
//! unpacked.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use metrics::Gauge;
use tokio::time::{Sleep, sleep};

use crate::kinds;
use crate::limits::Limits;
use crate::metrics::Shed;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::talk::Talk;
use crate::unpack::Unpack;

/// Why a body was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body unpacks to more than {ratio} times its size")]
    Bomb { ratio: u64 },
    #[error("the body comes too slowly")]
    TooSlow,
    #[error("the body cannot be unpacked: {found}")]
    NotPacked { found: String },
    #[error("too many bytes of bodies are held")]
    NoRoom { limits: Arc<Limits> },
    #[error("the body ended early: {found}")]
    Broken { found: String },
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let (large, malformed) = (&kinds::BODY_TOO_LARGE, &kinds::MALFORMED_BODY);
        match error {
            BodyError::TooLarge { limit } => Self::new(large)
                .detail("read the body")
                .expected(format!("at most {limit} bytes, unpacked"))
                .with("limit", limit),
            BodyError::Bomb { ratio } => Self::new(large)
                .detail("unpack the body")
                .expected(format!("at most {ratio} times the packed size"))
                .help("send it unpacked"),
            BodyError::TooSlow => Self::new(&kinds::BODY_TOO_SLOW)
                .detail("read the body")
                .expected("a body that goes on coming"),
            BodyError::NotPacked { found } => Self::new(malformed)
                .detail("unpack the body")
                .expected("what `Content-Encoding` says")
                .found(found),
            BodyError::NoRoom { limits } => overloaded(&limits, "there is no room for the body"),
            BodyError::Broken { found } => {
                let problem = Self::new(malformed).detail("read the body").help("send all of it");
                problem.expected("a body to its end").found(found)
            }
        }
    }
}

pub(crate) fn overloaded(limits: &Limits, detail: &'static str) -> Problem {
    Problem::new(&kinds::OVERLOADED).detail(detail).retry_after(limits.retry_after)
}

/// Bytes that a request holds, given back when nobody needs them.
pub(crate) struct Held {
    shared: Arc<Shared>,
    gauge: Gauge,
    bytes: AtomicU64,
}

impl Held {
    /// What all of them hold shows in the gauge.
    pub(crate) fn new(shared: Arc<Shared>, gauge: Gauge) -> Self {
        Self { shared, gauge, bytes: AtomicU64::new(0) }
    }

    /// Whether there was room for so many more.
    pub(crate) fn add(&self, bytes: u64, limits: &Limits) -> bool {
        if !self.shared.hold_bytes(bytes, limits.bytes_in_flight) {
            Shed::Bytes.count();
            return false;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.gauge.increment(bytes as f64);
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.shared.release_bytes(bytes);
        self.gauge.decrement(bytes as f64);
    }
}

/// Unpacked bytes that no ratio is asked of: little is not worth a bomb.
const UNSUSPICIOUS: u64 = 1 << 20;

/// A body as handlers see it.
pub(crate) struct RequestBody {
    incoming: Incoming,
    unpack: Option<Box<Unpack>>,
    limits: Arc<Limits>,
    held: Arc<Held>,
    talk: Arc<Talk>,
    /// Bytes for which there is room already.
    reserved: u64,
    came: u64,
    gave: u64,
    began: Instant,
    pause: Option<Pin<Box<Sleep>>>,
    has_ended: bool,
}

impl RequestBody {
    /// With room for so many bytes.
    pub(crate) fn new(
        incoming: Incoming,
        unpack: Option<Unpack>,
        limits: Arc<Limits>,
        held: Arc<Held>,
        talk: Arc<Talk>,
        reserved: u64,
    ) -> Self {
        Self {
            incoming,
            unpack: unpack.map(Box::new),
            limits,
            held,
            talk,
            reserved,
            came: 0,
            gave: 0,
            began: Instant::now(),
            pause: None,
            has_ended: false,
        }
    }

    /// The next bytes as they come.
    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => return self.poll_pause(cx).map(|error| Some(Err(error))),
                Poll::Ready(None) => {
                    self.talk.is_read();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => {
                    let found = error.to_string();
                    return Poll::Ready(Some(Err(BodyError::Broken { found })));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing here.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(self.arrived(&data).map(|()| data)));
                    }
                }
            }
        }
    }

    fn arrived(&mut self, data: &Bytes) -> Result<(), BodyError> {
        self.pause = None;
        self.came += data.len() as u64;
        if self.incoming.is_end_stream() {
            self.talk.is_read();
        } else {
            let (took, limits) = (self.began.elapsed(), &self.limits);
            let least = took.saturating_sub(limits.body_pause).as_secs() * limits.body_rate;
            if self.came < least {
                return Err(BodyError::TooSlow);
            }
        }
        if self.came > self.limits.body_bytes {
            return Err(BodyError::TooLarge { limit: self.limits.body_bytes });
        }
        Ok(())
    }

    /// Nothing came: whether it has been so for too long.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let limit = self.limits.body_pause;
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(limit)));
        pause.as_mut().poll(cx).map(|()| BodyError::TooSlow)
    }

    /// Bytes on their way to a handler.
    fn given(&mut self, data: &Bytes) -> Result<(), BodyError> {
        let limits = &self.limits;
        self.gave += data.len() as u64;
        if self.gave > limits.body_bytes {
            return Err(BodyError::TooLarge { limit: limits.body_bytes });
        }
        if self.unpack.is_some()
            && self.gave > UNSUSPICIOUS
            && self.gave / self.came.max(1) > limits.body_ratio
        {
            return Err(BodyError::Bomb { ratio: limits.body_ratio });
        }
        if self.gave > self.reserved {
            let more = self.gave - self.reserved;
            if !self.held.add(more, limits) {
                return Err(BodyError::NoRoom { limits: Arc::clone(limits) });
            }
            self.reserved = self.gave;
        }
        Ok(())
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let packed = |error: std::io::Error| BodyError::NotPacked { found: error.to_string() };
        loop {
            if let Some(unpack) = &mut self.unpack
                && let Some(data) = unpack.next().map_err(packed).transpose()
            {
                return Poll::Ready(Some(data));
            }
            let raw = ready!(self.poll_raw(cx)).transpose()?;
            match (&mut self.unpack, raw) {
                (None, raw) => return Poll::Ready(raw.map(Ok)),
                (Some(unpack), Some(raw)) => unpack.give(raw),
                (Some(unpack), None) => {
                    self.has_ended = true;
                    return Poll::Ready(unpack.finish().map_err(packed).transpose());
                }
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let data = ready!(self.poll_data(cx)).map(|data| {
            let data = data?;
            self.given(&data).map(|()| Frame::data(data))
        });
        self.has_ended |= !matches!(data, Some(Ok(_)));
        Poll::Ready(data)
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || (self.unpack.is_none() && self.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.unpack.is_some() { SizeHint::default() } else { self.incoming.size_hint() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_shows_until_it_is_given_back() {
        let shown = Arc::new(metrics::atomics::AtomicU64::new(0));
        let shows = || f64::from_bits(shown.load(Ordering::SeqCst));
        let (shared, limits) = (Arc::new(Shared::default()), Limits::default());
        let hold = || Held::new(Arc::clone(&shared), Gauge::from_arc(Arc::clone(&shown)));
        let (one, other) = (hold(), hold());
        assert!(one.add(10, &limits) && one.add(5, &limits) && other.add(7, &limits));
        assert!(!other.add(limits.bytes_in_flight, &limits));
        assert_eq!((shows(), shared.bytes()), (22.0, 22));
        drop(one);
        assert_eq!((shows(), shared.bytes()), (7.0, 7));
        drop(other);
        assert_eq!((shows(), shared.bytes()), (0.0, 0));
    }
}
