//! Definitions and references of source files, from tags queries on stored
//! syntax trees.
//!
//! A stored [`Tree`](herbarium_codec::Tree) and its source go in; out comes a
//! list of [`Symbol`]s, one model for all languages: role, kind, name, ranges,
//! the definition around it, a signature line, the doc comment. No parser runs
//! and no grammar is linked.
//!
//! What is a symbol in which language is data: a file of tree-sitter patterns
//! for each, in `queries/`. [`SymbolQuery::for_language`] has those that are
//! built in; [`SymbolQuery::new`] takes anyone's own, plain `tags.scm` files
//! included. See there for what a pattern can say.
//!
//! # Is this the crate to use?
//!
//! - For other questions about trees: no, `herbarium-query` answers any
//!   tree-sitter query.
//! - For names resolved across files: no. A reference is a name in a place that
//!   uses it; what it refers to is not worked out.
//! - For outlines, tags files, "where is it defined": yes.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use herbarium_capture::{Capturer, parse_table_of};
//! use herbarium_languages::{ParseLimits, ParserPool, by_id};
//! use herbarium_query::Compiler;
//! use herbarium_symbols::{Role, SymbolFinder, SymbolKind, SymbolQuery};
//!
//! // A tree, here from a parser; a store hands out the same.
//! let source = b"/// A place.\nstruct Point { x: f64 }\n\nimpl Point {\n    fn norm(&self) -> f64 { abs(self.x) }\n}\n";
//! let rust = by_id("rust").ok_or("Rust is built in")?;
//! let live = ParserPool::default().parse(rust, source, None, &ParseLimits::default())?;
//! let tree = Capturer::new(rust.grammar()).capture(&live, source)?;
//!
//! // Once for each language: its query.
//! let table = Arc::new(parse_table_of(&rust.tree_sitter()));
//! let compiler = Compiler::new(rust.grammar().clone(), table);
//! let query = SymbolQuery::for_language("rust", &compiler).ok_or("Rust has symbols")??;
//!
//! // For each file: its symbols.
//! let mut finder = SymbolFinder::new();
//! let symbols = finder.find(&query, &tree, source);
//! let point = &symbols[0];
//! assert_eq!((point.role, point.kind), (Role::Definition, SymbolKind::Struct));
//! assert_eq!(symbols.name(point), "Point");
//! assert_eq!(symbols.doc(point).as_deref(), Some("A place."));
//!
//! let norm = symbols.iter().find(|it| it.kind == SymbolKind::Method).ok_or("a method")?;
//! assert_eq!(symbols.signature(norm), "fn norm(&self) -> f64");
//! assert_eq!(symbols.container(norm).map(|it| it.kind), Some(SymbolKind::Impl));
//!
//! let call = symbols.iter().find(|it| it.kind == SymbolKind::Call).ok_or("a call")?;
//! assert_eq!((call.role, &*symbols.name(call)), (Role::Reference, "abs"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - The list is in the order of the text, by start of the symbols' ranges; a
//!   definition comes before all that it contains. Same tree, source and query:
//!   same list.
//! - One name is one symbol: no two have the same name range.
//! - No tree, source or query makes it panic. A source that is not the tree's
//!   gives names that mean nothing.
//! - The features change what the tests are built with, never the library.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod builtin;
mod doc;
mod error;
mod finder;
mod kind;
mod nest;
mod owner;
mod query;
mod signature;
mod symbol;

pub use error::SymbolQueryError;
pub use finder::SymbolFinder;
pub use kind::{Role, SymbolKind};
pub use query::SymbolQuery;
pub use symbol::{Symbol, Symbols};
