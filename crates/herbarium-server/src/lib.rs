//! The HTTP API of Herbarium: `/v1` over an engine, as an [`axum::Router`].
//!
//! Pick this crate to hand out trees, queries and symbols from a program of your own. It
//! is the routes and what stands behind them: a bounded pool for work, named workspaces,
//! jobs, streamed answers, the OpenAPI document. It accepts no connections, knows no TLS
//! and finds out nobody's name: put `herbarium-http` before it, or any front that sets a
//! [`Principal`](herbarium_http::Principal) on each request. `herbariumd` is both,
//! with a configuration.
//!
//! ```
//! use axum::Extension;
//! use axum::body::Body;
//! use herbarium::Herbarium;
//! use herbarium_http::Principal;
//! use herbarium_server::{Service, ServiceOptions};
//! use http::Request;
//! use tower::ServiceExt;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let herbarium = Herbarium::open(dir.path().join("store"))?;
//! let service = Service::new(herbarium, ServiceOptions::default())?;
//! // Here everybody may do everything.
//! let router = service.router().layer(Extension(Principal::anonymous()));
//!
//! let request = Request::post("/v1/trees?path=main.rs").body(Body::from("fn main() {}\n"))?;
//! let answer = router.oneshot(request).await?;
//! assert_eq!(answer.status(), 201);
//! assert!(answer.headers()["location"].to_str()?.starts_with("/v1/trees/"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! - **Parsing, decoding and asking never hold up other requests.** They run on a pool of
//!   so many [workers](ServiceOptions::workers); what is one too many is answered `busy`.
//!   Only a tree that is in memory, ready and small is looked at on the spot.
//! - **A request that nobody waits for any more ends**: parses and queries are cancelled
//!   when the client goes.
//! - **Every error is a problem** (RFC 9457) whose kind is listed in [`problem_kinds`],
//!   with what was expected and what was found.
//! - **No path leads out of a workspace**, by whatever links, and workspaces are only in
//!   folders that are [allowed](ServiceOptions::allowed_roots).
//! - **Memory is bounded**: pages, matches, texts, nested trees and what waits have limits,
//!   all in the [options](ServiceOptions).
//! - **Keys mean the same forever**: same grammar and source, same key; answers by key carry
//!   an entity tag and may be kept.
//!
//! # What is kept
//! Trees and compiled queries in the engine's store, names of workspaces in the
//! [state folder](ServiceOptions::state_dir). Jobs end with the process; what they have
//! stored stays.
//!
//! # What it emits
//! Metrics: [`metrics()`](fn@metrics). Lines of `tracing` name keys and workspaces, never
//! sources. It installs neither.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod asking;
mod beneath;
mod cursor;
mod jobs;
mod kinds;
mod lines;
mod listing;
mod manual;
mod memo;
mod metrics;
mod nested;
mod openapi;
mod opening;
mod options;
mod pool;
mod problem;
mod relative;
mod routes;
mod search;
mod service;
mod sheet;
mod types;
mod workspaces;

pub use kinds::problem_kinds;
pub use metrics::metrics;
pub use openapi::openapi;
pub use options::ServiceOptions;
pub use routes::docs::DESCRIPTION_PATHS;
pub use service::Service;
pub use workspaces::StateError;
