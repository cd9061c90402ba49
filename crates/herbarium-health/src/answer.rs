//! Answers of the health listener: short, whole, never cached.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// Methods that every route has.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An answer with this body.
pub(crate) fn answer(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Whole> {
    let mut response = Response::new(Whole(Some(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NOSNIFF, HeaderValue::from_static("nosniff"));
    response
}

/// 200 if it is well, else 503.
pub(crate) fn well_or_not(well: bool, media_type: &'static str, body: String) -> Response<Whole> {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, media_type, body)
}

/// To OPTIONS.
pub(crate) fn options() -> Response<Whole> {
    let mut response = Response::new(Whole(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// To a method that a route does not have.
pub(crate) fn wrong_method() -> Response<Whole> {
    let body = "this page is read with GET or HEAD\n";
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, body);
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// A body that is there as a whole.
#[derive(Debug)]
pub(crate) struct Whole(Option<Bytes>);

#[cfg(feature = "otlp")]
impl Whole {
    /// Not empty, if there is a body at all.
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
