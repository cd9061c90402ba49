//! The health server as its clients see it, and services as they stop.

mod child;
mod client;
mod drain;
mod examples;
mod limits;
#[cfg(feature = "logs")]
mod logs;
mod pages;
mod pipes;
mod readiness;
#[cfg(feature = "prometheus")]
mod scrape;
mod slow;
