//! The registry: rows, loaded grammars, detection, parsers and their limits.
#![expect(clippy::print_stdout, reason = "a test over many languages says how many it saw")]

mod detection;
mod languages;
mod limits;
mod pool;
mod pressing;
