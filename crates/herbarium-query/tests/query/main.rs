//! The query engine, held against tree-sitter's.

mod common;
mod demands;
mod documented;
mod errors;
mod hidden;
mod random;
mod shipped;
