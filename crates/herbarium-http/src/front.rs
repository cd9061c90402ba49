//! The front: what it is set up with, and where it begins to serve.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use herbarium_health::Shutdown;

use crate::accept;
use crate::auth::Authenticator;
use crate::cors::Cors;
use crate::error::Error;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::network::TrustedProxies;
use crate::shared::Shared;
use crate::tls::TlsReloader;

/// What stands between clients and a router. A clone shares the limits, and
/// what counts against them.
///
/// ```
/// use axum::{Router, routing::get};
/// use herbarium_health::{DrainPlan, Shutdown};
/// use herbarium_http::{Front, Limits, Listener};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::new(DrainPlan::immediate());
/// let front = Front::new(shutdown.clone()).limits(Limits { requests: 64, ..Limits::default() });
/// let router = Router::new().route("/hello", get(async || "hello\n"));
/// tokio::spawn(front.serve(Listener::tcp("127.0.0.1:0".parse()?)?, router)?);
/// shutdown.begin("the example ends");
/// shutdown.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is served before `serve`"]
pub struct Front {
    pub(crate) shutdown: Shutdown,
    pub(crate) shared: Arc<Shared>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) tls: Option<TlsReloader>,
    pub(crate) cors: Cors,
    pub(crate) proxies: TrustedProxies,
    pub(crate) hosts: Vec<String>,
    pub(crate) allow_public: bool,
    pub(crate) open_paths: Arc<[&'static str]>,
}

impl Front {
    /// One that ends with this shutdown, with the default limits, for loopback
    /// and unix sockets alone.
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            shutdown,
            shared: Arc::default(),
            authenticator: None,
            tls: None,
            cors: Cors::default(),
            proxies: TrustedProxies::default(),
            hosts: Vec::new(),
            allow_public: false,
            open_paths: Arc::default(),
        }
    }

    /// With these limits.
    pub fn limits(self, limits: Limits) -> Self {
        self.reload(limits);
        self
    }

    /// Lets in only those whom this knows. Without one, everybody is
    /// [`anonymous`](crate::Principal::anonymous) and may do everything.
    pub fn authenticator(self, authenticator: impl Authenticator) -> Self {
        Self { authenticator: Some(Arc::new(authenticator)), ..self }
    }

    /// Speaks TLS on TCP listeners.
    pub fn tls(self, tls: TlsReloader) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Lets pages of these origins use the service.
    pub fn cors(self, cors: Cors) -> Self {
        Self { cors, ..self }
    }

    /// Believes these proxies when they say for whom they ask.
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// Names that requests may have for the host, beside addresses and
    /// `localhost`; `*` for any. Without an authenticator others are refused,
    /// or any web page could reach the service by a name of its own that
    /// resolves to loopback. With one, any is fine unless names are given.
    pub fn hosts(self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { hosts: hosts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Listens where others can reach it even without an authenticator.
    pub fn allow_public(self, allow: bool) -> Self {
        Self { allow_public: allow, ..self }
    }

    /// Paths that nobody has to be known for, such as a description of the API.
    /// Whoever asks for one is `anonymous` and has no scope.
    pub fn open_paths(self, paths: &[&'static str]) -> Self {
        Self { open_paths: paths.into(), ..self }
    }

    /// Goes by these limits from now on.
    pub fn reload(&self, limits: Limits) {
        self.shared.limits.store(Arc::new(limits));
    }

    /// Serves the router on a listener, until the shutdown closes it. Can be
    /// called for several listeners; all share the limits.
    ///
    /// # Errors
    /// [`Error::Public`] if others could reach it, without an authenticator.
    pub fn serve(
        &self,
        listener: impl Into<Listener>,
        router: Router,
    ) -> Result<impl Future<Output = ()> + Send + 'static, Error> {
        let listener = listener.into();
        if let Some(addr) = listener.local_addr()
            && !addr.ip().to_canonical().is_loopback()
            && self.authenticator.is_none()
            && !self.allow_public
        {
            return Err(Error::Public { addr });
        }
        Ok(accept::serve(self.clone(), listener, router))
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("limits", &self.shared.limits.load())
            .field("authenticates", &self.authenticator.is_some())
            .field("tls", &self.tls)
            .field("cors", &self.cors)
            .field("proxies", &self.proxies)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}
