//! What went wrong, as RFC 9457 has it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::kinds;

/// `application/problem+json`.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Where the list of all kinds of problems is to be served; see [`page`]. The
/// `type` of a problem is this, `#`, and the slug of its kind: a reference
/// relative to the service, which a client can follow and need not, because it
/// never changes.
pub const PROBLEMS: &str = "/v1/problems";

/// A kind of problem: what stays the same however often it happens.
///
/// ```
/// use herbarium_http::{Problem, ProblemKind, StatusCode};
///
/// static NO_SUCH_TREE: ProblemKind = ProblemKind::new(
///     "no-such-tree",
///     StatusCode::NOT_FOUND,
///     "No tree has this key",
///     "Store the source first, or ask for the keys of a workspace.",
/// );
/// let problem = Problem::new(&NO_SUCH_TREE).detail("nothing is stored under `ab12`");
/// assert_eq!(problem.status(), 404);
/// assert_eq!(problem.to_json()["type"], "/v1/problems#no-such-tree");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    about: &'static str,
}

impl ProblemKind {
    /// A kind with a name of `[a-z0-9-]` that never changes, a title that says
    /// what it is, and a sentence on when it comes and what to do.
    pub const fn new(
        slug: &'static str,
        status: StatusCode,
        title: &'static str,
        about: &'static str,
    ) -> Self {
        Self { slug, status, title, about }
    }

    /// The name within `type`.
    pub const fn slug(&self) -> &'static str {
        self.slug
    }

    /// The status that answers of this kind have.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What it is, in a few words.
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// When it comes, and what to do.
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// The `type` of problems of this kind.
    pub fn uri(&self) -> String {
        format!("{PROBLEMS}#{}", self.slug)
    }
}

/// One problem: its [kind](ProblemKind), and what is particular to this time.
///
/// As an answer it is `application/problem+json` with the status of its kind;
/// the front adds the request's id.
///
/// ```
/// use herbarium_http::{Problem, kinds};
///
/// let problem = Problem::new(&kinds::INVALID_QUERY)
///     .detail("read `limit` of the query")
///     .expected("a number from 1 to 1000")
///     .found("`many`")
///     .with("parameter", "limit");
/// assert_eq!(problem.to_json()["status"], 400);
/// assert_eq!(problem.to_json()["parameter"], "limit");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    // Errors are rare: the good way should not carry their weight.
    inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq)]
struct Inner {
    kind: &'static ProblemKind,
    /// Another one than the kind's.
    status: Option<StatusCode>,
    detail: Option<Cow<'static, str>>,
    expected: Option<Cow<'static, str>>,
    found: Option<Cow<'static, str>>,
    help: Option<Cow<'static, str>>,
    instance: Option<Cow<'static, str>>,
    request_id: Option<String>,
    others: Vec<(&'static str, Value)>,
    headers: HeaderMap,
}

/// Text for a member of a problem.
type Text = Cow<'static, str>;

impl Problem {
    /// One of this kind, with nothing particular.
    pub fn new(kind: &'static ProblemKind) -> Self {
        let inner = Inner {
            kind,
            status: None,
            detail: None,
            expected: None,
            found: None,
            help: None,
            instance: None,
            request_id: None,
            others: Vec::new(),
            headers: HeaderMap::new(),
        };
        Self { inner: Box::new(inner) }
    }

    /// What was being done, with what, when it happened.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Text>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    /// What should have been there.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<Text>) -> Self {
        self.inner.expected = Some(expected.into());
        self
    }

    /// What was there instead.
    #[must_use]
    pub fn found(mut self, found: impl Into<Text>) -> Self {
        self.inner.found = Some(found.into());
        self
    }

    /// What to do; what the kind is [about](ProblemKind::about) unless set.
    #[must_use]
    pub fn help(mut self, help: impl Into<Text>) -> Self {
        self.inner.help = Some(help.into());
        self
    }

    /// What it happened to, as a reference that can be followed.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<Text>) -> Self {
        self.inner.instance = Some(instance.into());
        self
    }

    /// One more member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.inner.others.push((name, value.into()));
        self
    }

    /// One more header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner.headers.append(name, value);
        self
    }

    /// When to try again, as `Retry-After`: in whole seconds, one at least.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Its kind.
    pub fn kind(&self) -> &'static ProblemKind {
        self.inner.kind
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.inner.status.unwrap_or(self.inner.kind.status)
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The answer's status is this one, whatever the kind says.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.inner.status = Some(status);
        self
    }

    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.inner.request_id = Some(id.to_owned());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.write_str(inner.detail.as_deref().unwrap_or(inner.kind.title))?;
        if let Some(expected) = &inner.expected {
            write!(f, ": expected {expected}")?;
        }
        if let Some(found) = &inner.found {
            write!(f, ", found {found}")?;
        }
        match &inner.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = &self.inner;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &inner.kind.uri())?;
        map.serialize_entry("title", inner.kind.title)?;
        map.serialize_entry("status", &self.status().as_u16())?;
        let help = inner.help.clone().unwrap_or(Cow::Borrowed(inner.kind.about));
        let texts = [
            ("detail", &inner.detail),
            ("expected", &inner.expected),
            ("found", &inner.found),
            ("help", &Some(help)),
            ("instance", &inner.instance),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if let Some(id) = &inner.request_id {
            map.serialize_entry("request_id", id)?;
        }
        for (name, value) in &inner.others {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.inner.headers.clone());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        // For the front, which knows the request, to write it anew.
        response.extensions_mut().insert(self);
        response
    }
}

/// A page that lists kinds of problems, each with an anchor that is its slug:
/// what [`PROBLEMS`] is there for. Pass [`kinds::ALL`] and your own.
///
/// ```
/// use herbarium_http::{kinds, page};
///
/// let html = page(&[kinds::ALL]);
/// assert!(html.contains("<h2 id=\"overloaded\">"));
/// ```
pub fn page(tables: &[&[&ProblemKind]]) -> String {
    let mut kinds: Vec<_> = tables.iter().flat_map(|table| table.iter()).collect();
    kinds.sort_by_key(|kind| (kind.status.as_u16(), kind.slug));
    let rows = kinds.iter().map(|kind| {
        let ProblemKind { slug, status, title, about } = kind;
        let (title, about) = (escape(title), escape(about));
        format!("<h2 id=\"{slug}\"><code>{slug}</code> ({status})</h2>\n<p>{title}. {about}</p>\n")
    });
    let rows: String = rows.collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>Problems</title></head><body>\n<h1>Problems</h1>\n{rows}</body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What fits a status, for answers that came without a problem.
pub(crate) fn of_status(status: StatusCode) -> Problem {
    let kind = kinds::ALL.iter().find(|kind| kind.status == status);
    let problem = match kind {
        Some(kind) => Problem::new(kind),
        None if status.is_server_error() => Problem::new(&kinds::INTERNAL).with_status(status),
        None => Problem::new(&kinds::REFUSED).with_status(status),
    };
    match expected(status) {
        Some(expected) => problem.expected(expected),
        None => problem,
    }
}

/// What would have been answered otherwise.
fn expected(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::NOT_FOUND => Some("a path that the API's description has"),
        StatusCode::METHOD_NOT_ALLOWED => Some("a method that `Allow` lists"),
        StatusCode::PAYLOAD_TOO_LARGE => Some("a shorter body"),
        StatusCode::URI_TOO_LONG => Some("a shorter path and query"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Some("fewer or shorter headers"),
        _ if status.is_client_error() => Some("a request as the API's description has it"),
        _ => None,
    }
}
