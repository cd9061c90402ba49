//! Finding out who asks, and asking for scopes.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::Request;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::asked::Client;
use crate::kinds;
use crate::principal::{Principal, Scope, nobody};
use crate::problem::Problem;

/// Finds out who asks. [`Tokens`](crate::Tokens) is one; others are for other
/// schemes.
///
/// ```
/// use herbarium_http::{Authentication, Authenticator, Client, Principal, Scopes, challenge};
/// use http::request::Parts;
///
/// /// Whoever is on this machine may read.
/// struct Neighbours;
///
/// impl Authenticator for Neighbours {
///     fn authenticate(&self, _: &Parts, client: &Client) -> Authentication {
///         let is_here = client.address.is_none_or(|it| it.is_loopback());
///         Authentication::Now(if is_here {
///             Ok(Principal::new("neighbour", Scopes::READ))
///         } else {
///             Err(challenge("only this machine is known"))
///         })
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Who sends this request. An error is the answer: mostly
    /// [`challenge`], or a problem of status 503 if it cannot be known now.
    ///
    /// What needs no waiting is answered at once; the rest in a future, which
    /// takes what it needs of the request with it.
    fn authenticate(&self, request: &Parts, client: &Client) -> Authentication;
}

/// Who sends a request: known, or known later.
pub enum Authentication {
    /// Known.
    Now(Result<Principal, Problem>),
    /// Known when this is done; the request's time runs.
    Later(Pin<Box<dyn Future<Output = Result<Principal, Problem>> + Send>>),
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now(result) => f.debug_tuple("Now").field(result).finish(),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}

/// 401, for whoever does not say who they are, or says it wrongly.
pub fn challenge(detail: &'static str) -> Problem {
    Problem::new(&kinds::UNAUTHORIZED)
        .detail(detail)
        .expected("`Authorization: Bearer <token>`")
        .help("ask whoever runs the service for a token")
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// A layer that lets through who has this scope; others get 403, and 401 if
/// nobody knows them.
///
/// ```
/// use axum::Router;
/// use axum::routing::{get, post};
/// use herbarium_http::{Scope, require};
///
/// let router: Router = Router::new()
///     .route("/things", post(async || "stored").layer(require(Scope::Write)))
///     .route("/things/{name}", get(async || "found").layer(require(Scope::Read)));
/// ```
pub fn require(scope: Scope) -> Require {
    Require { scope }
}

/// See [`require`].
#[derive(Debug, Clone, Copy)]
pub struct Require {
    scope: Scope,
}

impl<S> Layer<S> for Require {
    type Service = Required<S>;

    fn layer(&self, inner: S) -> Required<S> {
        Required { scope: self.scope, inner }
    }
}

/// A service for those who have a scope; see [`require`].
#[derive(Debug, Clone)]
pub struct Required<S> {
    scope: Scope,
    inner: S,
}

impl<S> Service<Request<Body>> for Required<S>
where
    S: Service<Request<Body>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = LetThrough<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let principal = Principal::of(request.extensions());
        match principal.ok_or_else(nobody).and_then(|it| it.must(self.scope)) {
            Ok(()) => LetThrough { inner: Some(self.inner.call(request)), problem: None },
            Err(problem) => LetThrough { inner: None, problem: Some(problem) },
        }
    }
}

pin_project! {
    /// The answer of a service, or a problem; see [`require`].
    #[derive(Debug)]
    pub struct LetThrough<F> {
        #[pin]
        inner: Option<F>,
        problem: Option<Problem>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for LetThrough<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => {
                let problem = this.problem.take().unwrap_or_else(nobody);
                Poll::Ready(Ok(problem.into_response()))
            }
        }
    }
}
