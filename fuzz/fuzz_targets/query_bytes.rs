//! See `fuzz/src/query_bytes.rs`.
#![no_main]

#[path = "../src/query_bytes.rs"]
mod query_bytes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| query_bytes::query_bytes(data));
