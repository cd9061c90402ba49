//! An HTTP front that can stand in the open: an accept loop of its own,
//! protocols, TLS, limits, authentication and problem documents, around an
//! [`axum::Router`].
//!
//! Pick this crate when a router has to be reachable for clients that are slow,
//! broken or hostile. Pick `axum::serve` if a proxy that does all that stands
//! before it, or nobody but you can reach it.
//!
//! ```
//! use axum::{Router, routing::get};
//! use herbarium_health::{DrainPlan, Shutdown};
//! use herbarium_http::{Front, Listener, Problem, Query, kinds};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Whom { name: Option<String> }
//!
//! async fn hello(Query(whom): Query<Whom>) -> Result<String, Problem> {
//!     let name = whom.name.unwrap_or_else(|| "world".to_owned());
//!     if name.len() > 80 {
//!         let problem = Problem::new(&kinds::INVALID_QUERY).detail("read `name` of the query");
//!         return Err(problem.expected("at most 80 bytes").found(format!("{}", name.len())));
//!     }
//!     Ok(format!("hello {name}\n"))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let shutdown = Shutdown::new(DrainPlan::default());
//! shutdown.listen_for_signals()?;
//! let router = Router::new().route("/hello", get(hello));
//! let listener = Listener::tcp("127.0.0.1:0".parse()?)?;
//! tokio::spawn(Front::new(shutdown.clone()).serve(listener, router)?);
//! # let shutdown = Shutdown::new(DrainPlan::immediate());
//! # shutdown.begin("the example ends");
//! shutdown.run().await; // until a signal, and through the drain
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//! - [`Front`]: what is set up once, and serves any number of [`Listener`]s
//!   with the same [`Limits`], which can change while it runs.
//! - [`Problem`], with its [kinds]: every error as RFC 9457 has it. [`page`]
//!   lists the kinds for those who follow the `type` of one.
//! - [`Json`], [`Query`], [`Path`], [`RawBody`]: extractors that refuse with
//!   problems, and refuse what they do not know.
//! - [`Authenticator`], with [`Tokens`]; [`Scope`]s and [`require`].
//! - [`TlsReloader`], [`Cors`], [`TrustedProxies`], [`Rate`].
//!
//! # What it promises
//! - **No client holds a connection for nothing.** Silence, half a head, half a
//!   handshake, a body that trickles, an answer that is not taken in, pings and
//!   nothing else: each has its time. With all places taken, the one waiting
//!   longest makes room.
//! - **Every error is a problem** with the request's id, also where a handler,
//!   the framework or the parser made another one. Only what HTTP/2 refuses
//!   within its own frames is not.
//! - **An idle connection costs little**: hyper and its buffers are there only
//!   while there is something to serve.
//! - **A panic is an answer**, and counted; one in the midst of an answer cuts
//!   that connection.
//! - **What is turned away is told why and for how long**: 503 and 429 have
//!   `Retry-After`.
//!
//! # What to know
//! - A recorder for `metrics` has to be installed before [`Front::serve`].
//! - A client that closes its side while a handler runs is taken for gone, and
//!   the handler is dropped: half-closed and gone look the same.
//! - After a request with a chunked body the connection is closed: it cannot be
//!   seen whether a proxy before went by another length.
//! - Packed answers have weak entity tags; compare tags weakly.
//! - Answers are packed with zstd or gzip, not with Brotli.

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod accept;
mod answer;
mod asked;
mod auth;
mod cors;
mod error;
mod extract;
mod front;
mod gate;
mod incoming;
pub mod kinds;
mod limits;
mod listener;
mod metrics;
mod network;
mod pack;
mod principal;
mod problem;
mod race;
mod rate;
mod route;
mod service;
mod serving;
mod shared;
mod slots;
mod talk;
mod tls;
mod tokens;
mod unpack;

pub use asked::{AskedAs, Client};
pub use auth::{Authentication, Authenticator, LetThrough, Require, Required, challenge, require};
pub use cors::Cors;
pub use error::Error;
pub use extract::{Json, Path, Query, RawBody};
pub use front::Front;
pub use http::StatusCode;
pub use limits::Limits;
pub use listener::Listener;
pub use metrics::own_metrics;
pub use network::{ForwardedHeader, Network, NotANetwork, TrustedProxies};
pub use principal::{Principal, Scope, Scopes, UnknownScope};
pub use problem::{PROBLEM_JSON, PROBLEMS, Problem, ProblemKind, page};
pub use rate::Rate;
pub use tls::{TlsError, TlsReloader};
pub use tokens::{TOKEN_PREFIX, Token, TokenHash, Tokens, TokensError};
