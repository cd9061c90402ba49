//! The front as its clients see it, over real sockets.

mod auth;
mod bodies;
mod client;
#[cfg(unix)]
mod descriptors;
mod drain;
mod http2;
mod limits;
mod pages;
mod silence;
mod slow;
mod tls;
#[cfg(unix)]
mod unix;
mod wrong;
