//! What the store and the engine promise, under faults.
#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod bench;
mod errors;
mod kills;
mod power;
