//! The health server as its clients see it, and services as they stop.

mod child;
mod client;
mod drain;
mod examples;
mod limits;
mod logs;
mod pages;
mod pipes;
mod readiness;
mod scrape;
mod slow;
