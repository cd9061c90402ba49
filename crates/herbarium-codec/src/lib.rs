//! Syntax trees as small, versioned, verifiable bytes.
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
mod node;
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
pub use tree::Tree;
