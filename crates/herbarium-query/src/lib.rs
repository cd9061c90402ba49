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
//! ```
//! use std::sync::Arc;
//! use herbarium_capture::{Capturer, parse_table_of};
//! use herbarium_languages::{ParseLimits, ParserPool, by_id};
//! use herbarium_query::{Compiler, Query, QueryCursor};
//!
//! // A tree and the grammar's tables, here from a parser; a store hands out the same.
//! let source = b"int main(void) { return twice(21) + once(0); }";
//! let c = by_id("c").ok_or("C is built in")?;
//! let live = ParserPool::default().parse(c, source, None, &ParseLimits::default())?;
//! let tree = Capturer::new(c.grammar()).capture(&live, source)?;
//! let compiler = Compiler::new(c.grammar().clone(), Arc::new(parse_table_of(&c.tree_sitter())));
//!
//! let query = compiler.compile("(call_expression function: (identifier) @name)")?;
//! let mut cursor = QueryCursor::new();
//! let mut matches = cursor.matches(&query, tree.root_node(), source);
//! let mut names = Vec::new();
//! while let Some(found) = matches.next_match() {
//!     for capture in found.captures() {
//!         names.push(capture.node.utf8_text(source)?);
//!     }
//! }
//! assert_eq!(names, ["twice", "once"]);
//!
//! // A compiled query is kept as bytes: opening it takes a fraction of compiling it.
//! let again = Query::from_bytes(&query.to_bytes(), c.grammar())?;
//! assert_eq!(again.capture_names(), ["name"]);
//!
//! // What is wrong is said with place, caret and the nearest name.
//! let error = compiler.compile("(call_expresion)").unwrap_err();
//! assert_eq!((error.column, error.suggestion.as_deref()), (1, Some("call_expression")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it differs
//! In three things only, as a stored tree does not show where hidden nodes are.
//! With a range or a start depth, tree-sitter does not look for patterns of
//! several roots into hidden nodes outside the range: there, more may be found
//! outside the range, never less inside. And with a range that ends before the
//! tree does, it may forget matches at the end that could have become longer, as
//! it does not note that it leaves a node whose last children are in a hidden
//! repetition behind the range: these last matches, which lie in the range, are
//! found here. For the same reason it may go on, in the children of the next
//! node, with what waits for a sibling: with a range it finds matches whose nodes
//! are no siblings, which it does not find without one, and which are not found
//! here. With a range and a match limit together, each of this can decide which
//! match is given up for the limit: there, other ones may be. Two of tree-sitter's faults are
//! not copied: texts that it never comes to an end with
//! ([`Compiler::is_circular`]), and what it finds after a pattern that begins on
//! any kind was disabled. And queries that nest deeper than 400 levels, which
//! tree-sitter takes, are refused: reading them uses the stack.
//!
//! # Why it is fast
//! Four things, each of which leaves the answers and their order as they are:
//!
//! - **Plans.** What a node can match follows from its shape, and a tree has
//!   some hundred shapes: before the first node is looked at, patterns that
//!   nothing in the tree can match are left out, and nodes that can start the
//!   others are found by looking through one column of numbers, a block of
//!   nodes at a time where few shapes matter. Trees with one shape book share
//!   the plan for the book's shapes.
//! - **Chains.** A pattern of one node, or of one node in another in another,
//!   such as `(call_expression function: (identifier) @f)`, is matched when its
//!   last node comes up, by looking at the nodes above it: no match in the
//!   making is kept. Most patterns of a highlights query are chains.
//! - **Texts.** Where every pattern of a query demands a text (`#eq?`,
//!   `#any-of?`), that text is looked for in the source, and only nodes that
//!   are exactly there count. If all are chains, too, there is not even a plan.
//! - **States** for all other patterns, as tree-sitter has them, sorted by one
//!   number that says where each began and what it captured first.
//!
//! What is not fast: patterns that begin on any node and have several roots,
//! such as `((_) @a (_) @b)`, hold as many states as tree-sitter's and take
//! about as long. See `docs/ARCHITECTURE.md` for where this crate stands.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod analyze;
mod anchor;
mod chain;
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
mod row;
mod rules;
mod serial;
mod spans;
mod state;
mod step;
mod text;

pub use cursor::{QueryCapture, QueryCaptures, QueryCursor, QueryMatch, QueryMatches};
pub use demands::Demands;
pub use error::{PredicatePlace, QueryError, QueryErrorKind};
pub use predicate::{QueryPredicate, QueryPredicateArg, QueryProperty};
pub use quantifier::CaptureQuantifier;
pub use query::{Compiler, Query};
pub use serial::LoadError;
