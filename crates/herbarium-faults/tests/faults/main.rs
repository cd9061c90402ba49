//! What the store and the engine promise, under faults.
#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod bench;
mod clock;
mod damage;
mod denied;
mod docs;
mod errors;
mod full;
mod index;
mod keep;
mod kills;
mod many;
mod power;
