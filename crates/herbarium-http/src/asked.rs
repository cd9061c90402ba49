//! What the front knows of a request, for those behind it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::extract::FromRequestParts;
use herbarium_health::{RequestContext, RequestId};
use http::Extensions;
use http::request::Parts;

use crate::metrics::Route;
use crate::principal::Principal;
use crate::problem::Problem;

/// One extension for all of it: each costs an allocation.
#[derive(Debug, Clone)]
pub(crate) struct Asked(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    context: Mutex<RequestContext>,
    principal: OnceLock<Principal>,
    /// Told by the layer within the router, which alone knows.
    route: OnceLock<Arc<Route>>,
}

impl Asked {
    pub(crate) fn new(client: Client, context: RequestContext) -> Self {
        Self(Arc::new(Inner {
            client,
            context: Mutex::new(context),
            principal: OnceLock::new(),
            route: OnceLock::new(),
        }))
    }

    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.0.principal.get()
    }

    pub(crate) fn identify(&self, principal: Principal) {
        // Asked once for each request.
        drop(self.0.principal.set(principal));
    }

    pub(crate) fn route(&self) -> Option<&Arc<Route>> {
        self.0.route.get()
    }

    pub(crate) fn matched(&self, route: Arc<Route>) {
        drop(self.0.route.set(route));
    }

    pub(crate) fn context(&self) -> MutexGuard<'_, RequestContext> {
        self.0.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }
}

/// Where a request comes from: an extractor in handlers behind a front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The other end of the connection; `None` for a unix socket.
    pub peer: Option<SocketAddr>,
    /// The client: the peer, or whom a trusted proxy names. `None` if it comes
    /// over a unix socket and nobody is named.
    pub address: Option<IpAddr>,
    /// Whether the connection is TLS.
    pub is_encrypted: bool,
}

impl Client {
    /// Somebody at the other end of a connection.
    pub fn new(peer: Option<SocketAddr>, is_encrypted: bool) -> Self {
        let address = peer.map(|peer| peer.ip().to_canonical());
        Self { peer, address, is_encrypted }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asked = Asked::of(&parts.extensions);
        Ok(asked.map_or(Self::new(None, false), |asked| *asked.client()))
    }
}

/// The id of the request, an extractor in handlers behind a front: to be put
/// into what outlives the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAs(pub RequestId);

impl<S: Send + Sync> FromRequestParts<S> for AskedAs {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asked = Asked::of(&parts.extensions);
        Ok(Self(asked.map_or_else(RequestId::make, |asked| asked.context().id.clone())))
    }
}
