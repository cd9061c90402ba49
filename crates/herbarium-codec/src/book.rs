//! Shape books: shapes that many trees of one grammar share.
//!
//! A small file spends more bytes on its own shape table than on its nodes. A
//! book is a shape table kept once, for instance beside the dictionary of a
//! store, and named in the header of every tree that was pressed with it. As
//! the numbers in it mean the same in every tree, a general compressor with a
//! dictionary finds more to share, too.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::decode::Steps;
use crate::encode::Encoder;
use crate::shape::{Shape, ShapeColumns, put_shapes, read_shapes};
use crate::wire::Reader;
use crate::{DecodeError, Fingerprint, Grammar, Tree};

/// Identity of a shape book: a hash of its bytes, never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BookId(pub u64);

impl fmt::Display for BookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A table of shapes shared by trees of one grammar.
///
/// ```
/// use std::sync::Arc;
/// use herbarium_codec::{BookTrainer, Decoder, Encoder};
/// # let grammar = Arc::new(herbarium_codec::doc::sums());
/// # let tree = herbarium_codec::doc::one_plus_two(&grammar);
/// let mut trainer = BookTrainer::new(&grammar);
/// trainer.add(&tree);
/// let book = Arc::new(trainer.finish());
///
/// let mut bytes = Vec::new();
/// Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
/// let same = Decoder::new().decode(&bytes, &grammar, Some(&book))?;
/// assert_eq!(same, tree);
/// # Ok::<(), herbarium_codec::DecodeError>(())
/// ```
pub struct ShapeBook {
    id: BookId,
    grammar: Fingerprint,
    /// Whether the grammar has supertypes.
    with_supertypes: bool,
    shapes: Vec<Shape>,
    numbers: HashMap<Shape, u32>,
    /// The steps of the shapes that codes of one byte stand for.
    steps: Box<Steps>,
}

impl ShapeBook {
    /// Identity, as trees name it.
    pub fn id(&self) -> BookId {
        self.id
    }

    /// The grammar whose kinds and fields the shapes speak of.
    pub fn grammar(&self) -> Fingerprint {
        self.grammar
    }

    /// Number of shapes.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether the book has no shape.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// The book as bytes; layout in `docs/format/v1.md`.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self.grammar, &self.shapes, self.with_supertypes)
    }

    /// Reads what [`ShapeBook::to_bytes`] wrote.
    ///
    /// # Errors
    /// Truncation, a version of the future, shapes that the grammar does not
    /// have, or another grammar than the one the book was made for.
    pub fn from_bytes(bytes: &[u8], grammar: &Grammar) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        let found = reader.array("shape book magic")?;
        if found != MAGIC {
            return Err(DecodeError::Magic { what: "a shape book", expected: MAGIC, found });
        }
        let (found_major, found_minor) = (reader.u8("major version")?, reader.u8("minor version")?);
        if found_major != MAJOR {
            return Err(DecodeError::Version {
                what: "shape book",
                found_major,
                found_minor,
                supported: MAJOR,
            });
        }
        let expected = Fingerprint(reader.array("grammar fingerprint")?);
        if expected != grammar.fingerprint() {
            return Err(DecodeError::Grammar { expected, found: grammar.fingerprint() });
        }
        let mut shapes = Vec::new();
        read_shapes(&mut reader, grammar, &mut shapes, &mut ShapeColumns::default())?;
        if reader.left() != 0 {
            return Err(DecodeError::Invalid {
                what: "shape book",
                offset: reader.offset(),
                expected: "its end".into(),
                found: format!("{} bytes more", reader.left()),
            });
        }
        Ok(Self::new(grammar, shapes))
    }

    fn new(grammar: &Grammar, shapes: Vec<Shape>) -> Self {
        let with_supertypes = !grammar.supertype_kinds().is_empty();
        let grammar = grammar.fingerprint();
        let id = BookId(xxh3_64(&to_bytes(grammar, &shapes, with_supertypes)).max(1));
        let numbers = shapes.iter().copied().zip(0..).collect();
        let steps = Box::new(Steps::of(&shapes));
        Self { id, grammar, with_supertypes, shapes, numbers, steps }
    }

    /// The steps of its shapes.
    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }

    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The number of a shape.
    pub(crate) fn number(&self, shape: &Shape) -> Option<u32> {
        self.numbers.get(shape).copied()
    }
}

const MAGIC: [u8; 4] = *b"HRBB";
const MAJOR: u8 = 1;
const MINOR: u8 = 0;

fn to_bytes(grammar: Fingerprint, shapes: &[Shape], with_supertypes: bool) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[MAJOR, MINOR]);
    out.extend_from_slice(&grammar.0);
    put_shapes(&mut out, shapes, with_supertypes);
    out
}

impl fmt::Debug for ShapeBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShapeBook")
            .field("id", &self.id)
            .field("shapes", &self.shapes.len())
            .finish()
    }
}

/// Collects the shapes of some trees and makes a book of the most frequent.
pub struct BookTrainer {
    grammar: Arc<Grammar>,
    encoder: Encoder,
    counts: HashMap<Shape, u64>,
}

/// Shapes in a book at most: more are so rare that their table costs more
/// than the two bytes a node that they would save.
pub const MAX_BOOK: usize = 4096;

impl BookTrainer {
    /// A trainer for trees of one grammar.
    pub fn new(grammar: &Arc<Grammar>) -> Self {
        Self { grammar: grammar.clone(), encoder: Encoder::new(), counts: HashMap::new() }
    }

    /// Counts the shapes of a tree. Trees of another grammar are ignored.
    pub fn add(&mut self, tree: &Tree) {
        if tree.grammar().fingerprint() == self.grammar.fingerprint() {
            self.encoder.count_shapes(tree, |shape, uses| {
                let count = self.counts.entry(shape).or_default();
                *count = count.saturating_add(uses);
            });
        }
    }

    /// The book: most frequent shapes first, so that they take one byte.
    pub fn finish(self) -> ShapeBook {
        let mut shapes: Vec<(Shape, u64)> = self.counts.into_iter().collect();
        shapes.sort_unstable_by_key(|&(shape, count)| (std::cmp::Reverse(count), shape));
        shapes.truncate(MAX_BOOK);
        let shapes = shapes.into_iter().map(|(shape, _)| shape).collect();
        ShapeBook::new(&self.grammar, shapes)
    }
}
