//! Who asks, in the words of logs and traces: a request id and W3C trace
//! context.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// `x-request-id`, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `traceparent`, in requests and answers.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longer ids are not taken over.
const MAX_ID: usize = 128;

/// Names one request in logs and answers: up to 128 letters, digits and
/// `-._~`, so that it is safe in a log line, a header, and a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// A new one, unlike any other.
    pub fn make() -> Self {
        let mut digits = [0; 32];
        write_hex(unlike_any(), &mut digits);
        Self(String::from_utf8_lossy(&digits).into_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if text.is_empty() || text.len() > MAX_ID || !text.bytes().all(is_fine) {
            return Err(Malformed {
                what: "request id",
                expected: "1 to 128 of A-Z a-z 0-9 - . _ ~",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

/// A header that says something else than it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the {what}: expected {expected}; send none to have one made")]
#[non_exhaustive]
pub struct Malformed {
    /// Which.
    pub what: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

/// Place in a trace, as the W3C recommendation "Trace Context" has it.
///
/// ```
/// use herbarium_health::TraceParent;
///
/// let theirs: TraceParent =
///     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// let ours = theirs.child();
/// assert_eq!(ours.trace_id, theirs.trace_id);
/// assert_ne!(ours.span_id, theirs.span_id);
/// assert!(ours.is_sampled());
/// # Ok::<(), herbarium_health::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; not zero.
    pub trace_id: u128,
    /// The span within it; not zero.
    pub span_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceParent {
    /// The root of a new trace.
    pub fn make(sampled: bool) -> Self {
        Self { trace_id: unlike_any(), span_id: unlike_any_short(), flags: u8::from(sampled) }
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: unlike_any_short(), ..self }
    }

    /// As text, without what formatting costs: every answer has one.
    fn spelled(self) -> [u8; LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(self.trace_id, &mut text[3..35]);
        write_hex(self.span_id.into(), &mut text[36..52]);
        write_hex(self.flags.into(), &mut text[53..]);
        text
    }

    /// Whether whoever began the trace keeps it.
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.spelled()))
    }
}

/// Length of version 00, and of what is known of later versions.
const LENGTH: usize = 55;

impl FromStr for TraceParent {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse(text).ok_or(Malformed {
            what: "traceparent",
            expected: "`version-trace_id-span_id-flags` in lower-case hex, neither id zero",
        })
    }
}

/// Later versions may go on after another dash, and are read as far as known.
fn parse(text: &str) -> Option<TraceParent> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let version = hex(fields.next()?, 2)?;
    let trace_id = hex(fields.next()?, 32)?;
    let span_id = hex(fields.next()?, 16)?;
    let flags = hex(fields.next()?, 2)?;
    let ends_well = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    if !ends_well || fields.next().is_some() || trace_id == 0 || span_id == 0 {
        return None;
    }
    Some(TraceParent {
        trace_id,
        span_id: u64::try_from(span_id).ok()?,
        // Other bits mean nothing in version 00, and are not passed on.
        flags: u8::try_from(flags & 1).ok()?,
    })
}

fn hex(digits: &str, count: usize) -> Option<u128> {
    let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != count || !digits.bytes().all(is_lower) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

/// What one request is called, on every line and on the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestContext {
    /// The client's, if well-formed, or else a new one.
    pub id: RequestId,
    /// A span of our own, in the client's trace if it has one.
    pub trace: TraceParent,
    /// The client's span, if it has one.
    pub parent: Option<TraceParent>,
}

impl RequestContext {
    /// What the headers say; what they do not say, or say wrongly, is made.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let parent: Option<TraceParent> = only(headers, &TRACEPARENT);
        let trace = parent.map_or_else(|| TraceParent::make(true), TraceParent::child);
        Self { id: only(headers, &REQUEST_ID).unwrap_or_else(RequestId::make), trace, parent }
    }

    /// A span for this request, with `request_id` and `trace_id`, so that they
    /// are on every line that is logged within it. With feature `otlp`, where
    /// spans are exported, it takes its place in the trace.
    ///
    /// The route is a template, such as `/v1/trees/{key}`.
    pub fn span(&mut self, method: &str, route: &str) -> tracing::Span {
        let trace_id = self.trace.trace_id;
        let mut digits = [0; 32];
        write_hex(trace_id, &mut digits);
        let span = tracing::info_span!(
            "request",
            request_id = self.id.as_str(),
            // A field that is recorded later costs more than all of the others together.
            trace_id = std::str::from_utf8(&digits).unwrap_or_default(),
            method,
            route,
        );
        #[cfg(feature = "otlp")]
        crate::otlp::join(&span, self);
        if self.trace.trace_id != trace_id {
            span.record(
                "trace_id",
                tracing::field::display(format_args!("{:032x}", self.trace.trace_id)),
            );
        }
        span
    }

    /// Says both on the answer.
    pub fn answer(&self, headers: &mut HeaderMap) {
        // Both consist of characters that headers may have.
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        if let Ok(trace) = HeaderValue::from_bytes(&self.trace.spelled()) {
            headers.insert(TRACEPARENT, trace);
        }
    }
}

/// The lowest digits of a number, as many as there is room for.
fn write_hex(mut number: u128, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

/// A header that is there once, and well-formed.
fn only<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()?.trim().parse().ok()
}

/// 128 bits that no other call gives, in this process or in another: a count
/// of calls, hashed with keys from the system's randomness.
fn unlike_any() -> u128 {
    (u128::from(unlike_any_short()) << 64) | u128::from(unlike_any_short())
}

/// Never zero, which in a trace means nothing.
fn unlike_any_short() -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static CALLS: AtomicU64 = AtomicU64::new(0);
    KEYS.hash_one(CALLS.fetch_add(1, Ordering::Relaxed)).max(1)
}
