//! Which web pages may use the service.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::kinds;
use crate::problem::Problem;

/// Origins whose pages may use the service from a browser. Without it, pages
/// of no other origin may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// Origins as browsers write them, such as `https://app.example:8443`; `*`
    /// for any, whose pages then send no credentials.
    pub origins: Vec<String>,
    /// Whether pages may send cookies and TLS client certificates. Tokens in
    /// headers need no such thing.
    pub credentials: bool,
}

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "authorization, content-type, content-encoding, if-match, if-none-match, \
                       last-event-id, x-request-id, traceparent";
const EXPOSED: &str = "etag, link, location, ratelimit, ratelimit-policy, retry-after, \
                       x-request-id, traceparent";
/// Ten minutes: browsers cap it anyway.
const MAX_AGE: &str = "600";

impl Cors {
    fn is_on(&self) -> bool {
        !self.origins.is_empty()
    }

    fn allows_any(&self) -> bool {
        self.origins.iter().any(|it| it == "*")
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|it| it == "*" || it.as_bytes() == origin.as_bytes())
    }

    /// Whether a browser asks what pages may do.
    pub(crate) fn is_preflight(parts: &Parts) -> bool {
        parts.method == Method::OPTIONS
            && parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The headers of the answer to a preflight: none that allow anything, if
    /// the origin is not on the list.
    pub(crate) fn preflight(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        self.answer(request.get(ORIGIN), answer);
        if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            let fixed = HeaderValue::from_static;
            answer.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS));
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, fixed(HEADERS));
            answer.insert(ACCESS_CONTROL_MAX_AGE, fixed(MAX_AGE));
        }
    }

    /// The headers of any other answer.
    pub(crate) fn answer(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if !self.is_on() {
            return;
        }
        let fixed = HeaderValue::from_static;
        let any = self.allows_any() && !self.credentials;
        if !any {
            // Caches must not give one page's answer to another.
            answer.append(VARY, fixed("origin"));
        }
        let Some(origin) = origin.filter(|it| self.allows(it)) else { return };
        // With credentials, `*` is not for everybody: a list is asked for.
        if self.credentials && self.allows_any() {
            return;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, if any { fixed("*") } else { origin.clone() });
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, fixed(EXPOSED));
        if self.credentials {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, fixed("true"));
        }
    }

    /// Whether a change may be asked for from where it is asked: pages can send
    /// simple requests anywhere without a preflight, if blindly.
    pub(crate) fn check_change(&self, parts: &Parts) -> Result<(), Problem> {
        if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        match parts.headers.get(ORIGIN) {
            Some(origin) if !self.allows(origin) && !is_own(origin, parts) => {
                let shown = String::from_utf8_lossy(origin.as_bytes()).into_owned();
                Err(Problem::new(&kinds::FORBIDDEN_ORIGIN)
                    .detail("read `Origin`")
                    .expected("none, the service's own, or one on its list")
                    .found(format!("`{shown}`")))
            }
            _ => Ok(()),
        }
    }
}

/// A page that came from here.
fn is_own(origin: &HeaderValue, parts: &Parts) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let host = parts.headers.get(HOST).and_then(|it| it.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(|it| it.as_str()));
    origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host)
}
