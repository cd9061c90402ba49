//! The layer within the router: it alone learns which route was matched.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::MatchedPath;
use http::Request;
use tower::{Layer, Service};
use tracing::instrument::{Instrument as _, Instrumented};

use crate::asked::Asked;
use crate::metrics::{Handles, Route};

/// Tells the front of the route, and has the request's span around its handler.
#[derive(Clone)]
pub(crate) struct Note {
    pub(crate) handles: Arc<Handles>,
}

impl<S> Layer<S> for Note {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted { route: Arc::default(), handles: Arc::clone(&self.handles), inner }
    }
}

/// One endpoint. It belongs to one route, so that the route's figures are
/// looked up once.
#[derive(Clone)]
pub(crate) struct Noted<S> {
    route: Arc<OnceLock<Arc<Route>>>,
    handles: Arc<Handles>,
    inner: S,
}

impl<S> Noted<S> {
    fn route(&self, matched: &MatchedPath) -> Arc<Route> {
        let route = self.route.get_or_init(|| Arc::new(Route::new(matched.as_str())));
        if route.name() == matched.as_str() {
            return Arc::clone(route);
        }
        // Routers below one that was nested as a service may be under several.
        Arc::new(Route::new(matched.as_str()))
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Noted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let matched = request.extensions().get::<MatchedPath>();
        let route =
            matched.map_or_else(|| Arc::clone(&self.handles.unmatched), |it| self.route(it));
        let span = match Asked::of(request.extensions()) {
            Some(asked) => {
                let span = asked.context().span(request.method().as_str(), route.name());
                asked.matched(route);
                span
            }
            None => tracing::Span::none(),
        };
        let handling = span.in_scope(|| self.inner.call(request));
        handling.instrument(span)
    }
}
