//! Which web pages may use the service.

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
