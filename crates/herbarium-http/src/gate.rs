//! What a request must pass before it reaches the router.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use herbarium_health::Shutdown;
use http::header::{ALLOW, HOST, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Version};
use tokio_util::sync::CancellationToken;

use crate::asked::Client;
use crate::auth::{Authentication, Authenticator};
use crate::cors::Cors;
use crate::front::Front;
use crate::incoming::Held;
use crate::kinds;
use crate::limits::Limits;
use crate::metrics::{Handles, Shed};
use crate::network::{TrustedProxies, household};
use crate::principal::Principal;
use crate::problem::Problem;
use crate::rate::Taken;
use crate::shared::Shared;

/// What one listener's connections go by.
pub(crate) struct Gate {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: Shutdown,
    pub(crate) cancel: CancellationToken,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) cors: Cors,
    pub(crate) handles: Arc<Handles>,
    proxies: TrustedProxies,
    hosts: Hosts,
    open_paths: Arc<[&'static str]>,
}

/// What `Host` may be.
enum Hosts {
    Any,
    /// These, and what no page can make a name for.
    Named(Vec<String>),
}

impl Gate {
    pub(crate) fn new(front: &Front, handles: Arc<Handles>) -> Self {
        let is_open = front.authenticator.is_some() || front.allow_public;
        let is_any = front.hosts.iter().any(|it| it == "*") || (front.hosts.is_empty() && is_open);
        Self {
            shared: Arc::clone(&front.shared),
            shutdown: front.shutdown.clone(),
            cancel: front.shutdown.cancel_token(),
            authenticator: front.authenticator.clone(),
            cors: front.cors.clone(),
            handles,
            proxies: front.proxies.clone(),
            open_paths: Arc::clone(&front.open_paths),
            hosts: if is_any { Hosts::Any } else { Hosts::Named(front.hosts.clone()) },
        }
    }

    /// For whom a request on a connection is.
    pub(crate) fn client(&self, connection: &Client, headers: &HeaderMap) -> Client {
        let peer = connection.peer.map(|it| it.ip().to_canonical());
        Client { address: self.proxies.client(peer, headers), ..*connection }
    }

    /// The address that bounds hold for; `None` for those that are exempt.
    pub(crate) fn bounded(&self, address: Option<IpAddr>, limits: &Limits) -> Option<IpAddr> {
        let address = address?;
        let is_exempt =
            self.proxies.trust(address) || (address.is_loopback() && !limits.limit_loopback);
        (!is_exempt).then(|| household(address))
    }

    /// Whether the head is one that can be gone by.
    pub(crate) fn check_head(
        &self,
        parts: &Parts,
        client: &Client,
        limits: &Limits,
    ) -> Result<(), Problem> {
        check_sizes(parts, limits)?;
        self.check_host(parts, client)
    }

    fn check_host(&self, parts: &Parts, client: &Client) -> Result<(), Problem> {
        let mut hosts = parts.headers.get_all(HOST).iter();
        let first = hosts.next();
        let is_wrong = match parts.version {
            Version::HTTP_11 => first.is_none() || hosts.next().is_some(),
            _ => hosts.next().is_some(),
        };
        if is_wrong {
            let problem = Problem::new(&kinds::MALFORMED_REQUEST).detail("read `Host`");
            let found = if first.is_none() { "none" } else { "several" };
            return Err(problem.expected("one").found(found));
        }
        let Hosts::Named(names) = &self.hosts else { return Ok(()) };
        let host = match parts.uri.authority() {
            Some(authority) => authority.as_str(),
            None => first.and_then(|it| it.to_str().ok()).unwrap_or_default(),
        };
        // No web page can reach a unix socket.
        if client.peer.is_none() || is_here(without_port(host), names) {
            return Ok(());
        }
        Err(Problem::new(&kinds::MISDIRECTED)
            .detail("read `Host`")
            .expected("`localhost`, an address, or a name that the service is set up with")
            .found(format!("`{host}`"))
            .help("add the name to the service's hosts"))
    }

    /// Counts a request of an address.
    pub(crate) fn check_rate(&self, client: &Client, limits: &Limits) -> Result<(), Problem> {
        let Some(rate) = limits.rate_per_address else { return Ok(()) };
        let Some(address) = self.bounded(client.address, limits) else { return Ok(()) };
        let taken = self.shared.by_address.take(&address, rate, limits.rates_remembered);
        if taken.is_allowed {
            return Ok(());
        }
        Shed::Rate.count();
        let most = format!("at most {} in {:?}", rate.requests, rate.window);
        Err(Problem::new(&kinds::RATE_LIMITED).expected(most).retry_after(taken.wait))
    }

    /// Who asks.
    pub(crate) fn identify(&self, parts: &Parts, client: &Client) -> Authentication {
        let known = |who| Authentication::Now(Ok(who));
        match &self.authenticator {
            None => known(Principal::anonymous()),
            Some(_) if self.open_paths.contains(&parts.uri.path()) => known(Principal::stranger()),
            Some(authenticator) => authenticator.authenticate(parts, client),
        }
    }

    /// Counts a request of a key.
    pub(crate) fn check_quota(&self, who: &Principal, limits: &Limits) -> Option<Taken> {
        let quota = limits.quota?;
        Some(self.shared.by_key.take(who.shared_name(), quota, limits.rates_remembered))
    }

    /// Room for bodies: none yet.
    pub(crate) fn hold(&self) -> Held {
        Held::new(Arc::clone(&self.shared), self.handles.bytes.clone())
    }

    /// What needs no router.
    pub(crate) fn answer_itself(&self, parts: &Parts) -> Option<Response> {
        if Cors::is_preflight(parts) {
            let mut response = StatusCode::NO_CONTENT.into_response();
            self.cors.preflight(&parts.headers, response.headers_mut());
            return Some(response);
        }
        if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
            return Some((StatusCode::NO_CONTENT, [(ALLOW, ALL)]).into_response());
        }
        // It names another host in place of a path: nothing for a router.
        if parts.method == Method::CONNECT {
            let problem = Problem::new(&kinds::METHOD_NOT_ALLOWED);
            let problem = problem.expected("a method that `Allow` lists").found("`CONNECT`");
            return Some(problem.header(ALLOW, ALL).into_response());
        }
        None
    }
}

/// What some path may answer.
const ALL: HeaderValue = HeaderValue::from_static("GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS");

fn check_sizes(parts: &Parts, limits: &Limits) -> Result<(), Problem> {
    let uri = parts.uri.path_and_query().map_or(0, |it| it.as_str().len());
    if uri > limits.uri_bytes {
        let problem = Problem::new(&kinds::URI_TOO_LONG);
        let most = format!("at most {} bytes", limits.uri_bytes);
        return Err(problem.expected(most).found(format!("{uri} bytes")));
    }
    let bytes: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if parts.headers.len() > limits.headers || bytes > limits.header_bytes {
        let problem = Problem::new(&kinds::HEADER_TOO_LARGE);
        let most = format!("at most {} headers, {} bytes", limits.headers, limits.header_bytes);
        let found = format!("{} headers, {bytes} bytes", parts.headers.len());
        return Err(problem.expected(most).found(found));
    }
    Ok(())
}

/// The length of a chunked body is not known, and hyper hides whether another
/// one was given as well, by which a proxy may have gone. Nothing that follows
/// on the connection is taken for a request then.
pub(crate) fn is_last(parts: &Parts) -> bool {
    parts.version <= Version::HTTP_11 && parts.headers.contains_key(TRANSFER_ENCODING)
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_here(name: &str, names: &[String]) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.is_empty()
        || name.parse::<std::net::Ipv4Addr>().is_ok()
        || name.parse::<Ipv6Addr>().is_ok()
        || names.iter().any(|it| it.eq_ignore_ascii_case(name))
}
