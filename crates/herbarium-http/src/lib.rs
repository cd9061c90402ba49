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
