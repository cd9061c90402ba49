//! What the store promises, file by file.
#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod catalogue;
mod conformance;
mod damage;
mod dictionaries;
mod figures;
mod golden;
mod manifests;
mod model;
mod processes;
mod support;
mod versions;
