//! Syntax trees as small, versioned, verifiable bytes, with tree-sitter's own
//! node API on top.
//!
//! A parser's tree takes about 100 bytes a node and dies with its process.
//! This crate presses the same tree (every kind, field, range, point, error
//! and missing token that tree-sitter's API shows) into about 1.7 bytes a
//! node, and opens it again in 1 to 1.5% of the time of a parse, at about 10
//! bytes a node, with [`Node`] and [`Cursor`] as tree-sitter has them: porting
//! code from a live tree is a change of types. It knows neither tree-sitter
//! nor files nor the network: what was pressed years ago opens with no grammar
//! linked.
//!
//! # Is this the crate to use?
//!
//! - To index a folder and ask questions about it: no, the `herbarium` crate
//!   does that, and hands out the trees of this one.
//! - To parse, or to press what a parser gave: `herbarium-languages` and
//!   `herbarium-capture` do that for 141 languages, and end in a [`Tree`].
//! - To keep many trees, shared between processes: `herbarium-store`.
//! - To edit a tree and parse again incrementally: no, keep tree-sitter's own
//!   tree. A [`Tree`] never changes.
//! - To read or write pressed trees, to walk them, or to make them with a
//!   parser of another kind: yes.
//!
//! # Press, open, walk
//!
//! ```
//! use std::sync::Arc;
//! use herbarium_codec::{Grammar, GrammarParts, Kind, NewNode, TreeBuilder};
//!
//! let kind = |name: &str, named| Kind { name: name.into(), named, visible: true, supertype: false };
//! let grammar = Arc::new(Grammar::new(GrammarParts {
//!     name: "sums".into(),
//!     kinds: vec![kind("number", true), kind("+", false), kind("sum", true)],
//!     fields: vec!["left".into(), "right".into()],
//!     ..GrammarParts::default()
//! })?);
//!
//! let source = b"1 + 2";
//! let mut builder = TreeBuilder::new(&grammar);
//! builder.start(source)?;
//! builder.push(NewNode { kind: 2, depth: 0, start: 0, end: 5, ..NewNode::default() })?;
//! builder.push(NewNode { kind: 0, field: 1, depth: 1, start: 0, end: 1, ..NewNode::default() })?;
//! builder.push(NewNode { kind: 1, depth: 1, start: 2, end: 3, ..NewNode::default() })?;
//! builder.push(NewNode { kind: 0, field: 2, depth: 1, start: 4, end: 5, ..NewNode::default() })?;
//! let tree = builder.finish()?;
//!
//! // With its grammar table inside, the tree opens anywhere.
//! let bytes = herbarium_codec::encode_standalone(&tree);
//! let tree = herbarium_codec::decode_standalone(&bytes)?;
//!
//! let sum = tree.root_node();
//! assert_eq!(sum.to_sexp(), "(sum left: (number) right: (number))");
//! let right = sum.child_by_field_name("right").ok_or("a sum has a right side")?;
//! assert_eq!((right.utf8_text(source)?, right.start_position().column), ("2", 4));
//!
//! let mut cursor = tree.walk();
//! assert!(cursor.goto_first_child() && cursor.goto_next_sibling());
//! assert_eq!(cursor.node().kind(), "+");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Ways to press and to open
//!
//! | for | press | open | cost |
//! |---|---|---|---|
//! | one tree | [`encode`] | [`decode`], with its [`Grammar`] at hand | working memory each time |
//! | one tree on its own | [`encode_standalone`] | [`decode_standalone`] | the grammar table inside: some kilobytes |
//! | many trees | [`Encoder`] | [`Decoder`] | none for memory: in steady state neither allocates |
//! | many small trees | [`Encoder`] with a [`ShapeBook`] | [`Decoder`] with the same book | the book must be kept: without it the trees do not open |
//! | checking | | [`verify`] | that of opening |
//! | the source's hash, the number of nodes | | [`Header::read`] | constant |
//!
//! The crate has no Cargo features, and no `unsafe` code.
//!
//! # What is promised
//!
//! - **The format.** `docs/format/v1.md` writes every byte down, and a test
//!   holds it against the code. Files of a format version that was released
//!   are opened by every later version with the same [`FORMAT_MAJOR`]; a
//!   reader meets a newer minor version without harm, and refuses a newer
//!   major one by name. Files of every version stay in the repository and are
//!   opened by its tests.
//! - **No wrong tree.** Everything is under a checksum, and every value is
//!   checked besides: bytes give the tree that was pressed, or a
//!   [`DecodeError`] that names place, expectation and finding. The checksum
//!   finds damage; whoever can choose the bytes can choose the tree.
//! - **No harm from bytes.** No input makes this crate panic, hang, overflow
//!   the stack or take more than 128 bytes of memory for each byte of input
//!   (and 16 KiB). Depth costs no stack, in reading, walking or dropping.
//! - **Not promised:** that two versions of this crate press a tree into the
//!   same bytes. Compare trees, not bytes.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod book;
mod builder;
mod container;
mod cursor;
mod decode;
#[doc(hidden)]
pub mod doc;
mod encode;
mod error;
mod grammar;
mod lane;
mod lens;
mod node;
mod parse_table;
mod scan;
mod sexp;
mod shape;
mod tree;
mod wire;

pub use book::{BookId, BookTrainer, MAX_BOOK, ShapeBook};
pub use builder::{MAX_SOURCE_LEN, NewNode, TreeBuilder, check_len, check_source, source_hash};
pub use container::{FORMAT_MAJOR, FORMAT_MINOR, Header, MAGIC};
pub use cursor::Cursor;
pub use decode::{Decoder, decode, decode_standalone, verify};
pub use encode::{Encoder, encode, encode_standalone};
pub use error::{BuildError, DecodeError, GrammarError};
pub use grammar::{ERROR_KIND, Fingerprint, Grammar, GrammarParts, Kind, Supertype};
pub use node::{Node, Point, Range};
pub use parse_table::{Action, ChildField, ParseTable, Symbol};
pub use scan::ShapeInfo;
pub use tree::{Quirk, Tree};
