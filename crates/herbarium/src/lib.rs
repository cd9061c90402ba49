//! Syntax trees that are parsed once.
//!
//! Herbarium presses a code base: it parses every file with tree-sitter, keeps
//! each syntax tree in a store, found by content, and from then on opens trees,
//! runs tree-sitter queries and lists symbols **without parsing again**. This
//! crate is the whole of it in one dependency; the crates it is made of are
//! there under their own names for those who need one alone.
//!
//! # A code base
//!
//! ```
//! use herbarium::{Herbarium, Scope};
//!
//! # let dir = tempfile::tempdir()?;
//! # let (store, project) = (dir.path().join("store"), dir.path().join("project"));
//! # std::fs::create_dir(&project)?;
//! # std::fs::write(project.join("main.rs"), "fn main() { run(); }\nfn run() {}\n")?;
//! let herbarium = Herbarium::open(&store)?;
//! let scope = Scope::of([&project]);
//!
//! // What changed since the last time is pressed first; all else is not touched.
//! let calls = herbarium.query(&scope, "(call_expression function: (identifier) @name)")?;
//! assert_eq!(calls.files[0].matches[0].captures[0].text, "run");
//!
//! let symbols = herbarium.symbols(&scope)?;
//! let names: Vec<_> = symbols.files[0].symbols.iter().map(|it| it.name.as_str()).collect();
//! assert_eq!(names, ["main", "run", "run"]);
//!
//! // From the store: nothing is parsed.
//! let main = herbarium.tree(project.join("main.rs"))?;
//! assert_eq!(main.tree.root_node().named_child_count(), 2);
//! assert_eq!(herbarium.engine().parses(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A single text
//!
//! ```
//! use herbarium::{decode, encode, press};
//!
//! let tree = press("rust", b"fn main() {}")?;
//! let bytes = encode(&tree);
//! assert_eq!(decode(&bytes, tree.grammar())?.root_node().to_sexp(), tree.root_node().to_sexp());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Node`] and [`Cursor`] have tree-sitter's method names and meanings: porting
//! code from a live tree is a change of types.
//!
//! # Which crate
//!
//! | to | take |
//! |---|---|
//! | index, query and list symbols of code on disk | this crate, [`Herbarium`] |
//! | walk, progress and cancellation of your own | [`index`], [`index::Engine`] |
//! | read trees somewhere without any grammar | [`codec`], [`store`] |
//! | run queries over trees that you hold | [`query`] |
//! | symbols of trees that you hold | [`symbols`] |
//! | which language a file is in | [`languages`] |
//!
//! # Features
//! Which grammars are built in: `core-langs` (default, 16 languages),
//! `extended-langs`, `all-langs` (141). Trees of others that are in the store can
//! be opened and asked all the same.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod ask;
mod compile;
mod error;
mod herbarium;
mod matches;
mod press;
mod scope;
mod symbol;

pub use herbarium_capture as capture;
pub use herbarium_codec as codec;
pub use herbarium_index as index;
pub use herbarium_languages as languages;
pub use herbarium_query as query;
pub use herbarium_store as store;
pub use herbarium_symbols as symbols;

pub use crate::ask::Answer;
pub use crate::compile::{NoQuery, compile};
pub use crate::error::Error;
pub use crate::herbarium::Herbarium;
pub use crate::matches::{Capture, FileMatches, Match};
pub use crate::press::press;
pub use crate::scope::Scope;
pub use crate::symbol::{FileSymbols, SymbolEntry};
pub use herbarium_codec::{Cursor, Node, Point, Range, Tree, decode, encode};
pub use herbarium_index::{Cancel, IndexReport, Opened, Origin, Problem};
pub use herbarium_languages::detect;
pub use herbarium_symbols::{Role, SymbolKind};
