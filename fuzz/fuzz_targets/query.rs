//! See `fuzz/src/query.rs`.
#![no_main]

#[path = "../src/query.rs"]
mod query;

libfuzzer_sys::fuzz_target!(|data: &[u8]| query::query(data));
