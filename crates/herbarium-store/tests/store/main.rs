//! What the store promises, file by file.
#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod catalogue;
mod conformance;
mod copies;
mod damage;
mod dictionaries;
mod exports;
mod figures;
mod garbage;
mod golden;
mod jobs;
mod manifests;
mod migrations;
mod model;
mod processes;
mod revisions;
mod support;
mod versions;
