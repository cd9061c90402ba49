//! Tree-sitter queries on stored syntax trees, with exactly tree-sitter's
//! answers.
//!
//! Unmodified `.scm` queries are compiled against a grammar's tables and
//! matched against [`herbarium_codec::Tree`]s: no parser runs, and no grammar
//! is linked. Matches and captures come in tree-sitter's own order; what is
//! wrong with a query is said with tree-sitter's own kind and place.
//!
//! A [`Compiler`] holds what all queries of a grammar need, a [`Query`] is
//! shared between threads, a [`QueryCursor`] runs queries one after another.
//!
//! # Why it is fast
//! What a node can match follows from its shape, and a tree has some hundred
//! shapes: before the first node is looked at, patterns that nothing in the
//! tree can match are left out, and nodes that can start the others are found
//! by looking through one column of numbers. See `docs/ARCHITECTURE.md`.
#![forbid(unsafe_code)]

mod analyze;
mod anchor;
mod cursor;
mod demands;
mod engine;
mod error;
mod parse;
mod plan;
mod predicate;
mod quantifier;
mod query;
mod reach;
mod rules;
mod serial;
mod state;
mod step;
mod text;

pub use cursor::{QueryCapture, QueryCaptures, QueryCursor, QueryMatch, QueryMatches};
pub use demands::Demands;
pub use error::{QueryError, QueryErrorKind};
pub use predicate::{QueryPredicate, QueryPredicateArg, QueryProperty};
pub use quantifier::CaptureQuantifier;
pub use query::{Compiler, Query};
pub use serial::LoadError;
