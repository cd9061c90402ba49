//! See `fuzz/src/store.rs`.
#![no_main]

#[path = "../src/store.rs"]
mod store;

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::store(data));
