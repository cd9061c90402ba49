//! The query engine, held against tree-sitter's.

mod common;
mod demands;
mod documented;
mod errors;
mod hidden;
mod limits;
mod mistaken;
mod random;
mod shipped;
