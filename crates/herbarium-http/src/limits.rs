//! Every limit, what it bounds, and what it is unless set.

use std::time::Duration;

use crate::rate::Rate;

/// What a client may do, and all clients together. Every limit can be changed
/// while running, by [`Front::reload`](crate::Front::reload): those of
/// connections hold for new ones.
///
/// ```
/// use std::time::Duration;
/// use herbarium_http::{Limits, Rate};
///
/// let limits = Limits {
///     body_bytes: 1 << 20,
///     request_time: Duration::from_secs(5),
///     quota: Some(Rate::per_minute(600)),
///     ..Limits::default()
/// };
/// assert_eq!(limits.connections, 10_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, over all listeners. With all places taken, the
    /// one that has waited longest for a request is closed for a new one.
    /// 10,000 unless set.
    pub connections: usize,
    /// Connections at a time from one address, or from one /64 of IPv6. One
    /// more takes the place of one that waits, or is closed on. Trusted proxies
    /// are not bound by it, nor is loopback (see
    /// [`limit_loopback`](Self::limit_loopback)). 256 unless set.
    pub connections_per_address: usize,
    /// Whether loopback is bound by what holds for one address: connections and
    /// rate. `false` unless set: with a proxy on the same machine, all clients
    /// come from there.
    pub limit_loopback: bool,
    /// Time for a TLS handshake. 10 s unless set.
    pub tls_handshake: Duration,
    /// Time for the head of a request: the first from the connection on, later
    /// ones from their first byte on. 10 s unless set.
    pub head_time: Duration,
    /// Time between an answer and the next request. 75 s unless set: longer
    /// than the usual 60 s of proxies, which then close first.
    pub idle_time: Duration,
    /// Time for taking in 16 KiB of an answer, or all there is. 10 s unless
    /// set.
    pub write_time: Duration,
    /// Time that a request goes on after its client has closed its half of the
    /// connection, which one does that waits for nothing but the answer, and
    /// one that has left, too. 2 s unless set.
    pub half_closed_time: Duration,
    /// Age at which a connection is closed after its current request, give or
    /// take a tenth; zero for never. 1 hour unless set.
    pub max_age: Duration,
    /// Headers of a request. 100 unless set.
    pub headers: usize,
    /// Bytes of all headers of a request together. 32 KiB unless set.
    pub header_bytes: usize,
    /// Bytes of path and query. 8 KiB unless set.
    pub uri_bytes: usize,
    /// Bytes of a body, before and after it is unpacked. 16 MiB unless set.
    pub body_bytes: u64,
    /// How many times larger than itself a packed body may unpack to, beyond
    /// its first MiB. 100 unless set.
    pub body_ratio: u64,
    /// Time without any byte of a body that is still to come. 10 s unless set.
    pub body_pause: Duration,
    /// Bytes a second that a body has to come at, on average, after its first
    /// [`body_pause`](Self::body_pause); zero for any. 1 KiB/s unless set.
    pub body_rate: u64,
    /// Bytes of bodies held at a time, of requests and of answers of more than
    /// 64 KiB that their clients have yet to read, together. 256 MiB unless set.
    pub bytes_in_flight: u64,
    /// Requests at a time, each until the last byte of its answer; more get
    /// 503. 1,024 unless set.
    pub requests: usize,
    /// Time from the head of a request to that of its answer; zero for no
    /// limit. 30 s unless set.
    pub request_time: Duration,
    /// Requests from one address, or from one /64 of IPv6; more get 429. Off
    /// unless set: behind a proxy that is not
    /// [trusted](crate::Front::trusted_proxies), all clients have one address.
    pub rate_per_address: Option<Rate>,
    /// Requests with one key, as the authenticator names it; more get 429, and
    /// all answers tell what is left. Off unless set.
    pub quota: Option<Rate>,
    /// Addresses, and keys, that are remembered for rates. Some 100 bytes each.
    /// 65,536 unless set.
    pub rates_remembered: usize,
    /// What `Retry-After` says when there is too much to do. 1 s unless set.
    pub retry_after: Duration,
    /// HTTP/2: requests at a time on one connection. 128 unless set.
    pub streams: u32,
    /// HTTP/2: requests that were given up before they were begun on, and not
    /// yet seen to; more end the connection. 20 unless set.
    pub reset_streams: usize,
    /// HTTP/2: how often a client is asked whether it is there; zero for never.
    /// 20 s unless set.
    pub ping_interval: Duration,
    /// HTTP/2: time for the answer to that. 10 s unless set.
    pub ping_time: Duration,
    /// Bytes from which on answers are compressed; `u64::MAX` for never. 1 KiB
    /// unless set.
    pub compress_from: u64,
    /// Time from which on a request is a line of the log at level `info`. 1 s
    /// unless set.
    pub slow: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 10_000,
            connections_per_address: 256,
            limit_loopback: false,
            tls_handshake: seconds(10),
            head_time: seconds(10),
            idle_time: seconds(75),
            write_time: seconds(10),
            half_closed_time: seconds(2),
            max_age: seconds(3600),
            headers: 100,
            header_bytes: 32 << 10,
            uri_bytes: 8 << 10,
            body_bytes: 16 << 20,
            body_ratio: 100,
            body_pause: seconds(10),
            body_rate: 1 << 10,
            bytes_in_flight: 256 << 20,
            requests: 1024,
            request_time: seconds(30),
            rate_per_address: None,
            quota: None,
            rates_remembered: 1 << 16,
            retry_after: seconds(1),
            streams: 128,
            reset_streams: 20,
            ping_interval: seconds(20),
            ping_time: seconds(10),
            compress_from: 1 << 10,
            slow: seconds(1),
        }
    }
}
