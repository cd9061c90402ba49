//! Syntax trees as small, versioned, verifiable bytes.
mod error;
mod grammar;
mod wire;
pub use error::{BuildError, DecodeError, GrammarError};
pub use grammar::{ERROR_KIND, Fingerprint, Grammar, GrammarParts, Kind, Supertype};
/// Identity of a shape book.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BookId(pub u64);
impl std::fmt::Display for BookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
