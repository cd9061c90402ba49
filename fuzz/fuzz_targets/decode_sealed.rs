//! See `herbarium_fuzz::decode_sealed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| herbarium_fuzz::decode_sealed(data));
