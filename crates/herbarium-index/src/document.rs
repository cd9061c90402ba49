//! A text that is being edited, with its tree.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use herbarium_capture::Capturer;
use herbarium_codec::{Tree, check_source, source_hash};
use herbarium_languages::{Language, ParseError, Row};
use herbarium_store::{StoreError, TreeKey};
use tree_sitter::{InputEdit, Point};

use crate::engine::Shared;
use crate::open::make_way;
use crate::rows::tree_key;
use crate::tongue::{built, row_of};
use crate::weigh::parse_memory;
use crate::{Cancel, OpenError};

/// A text that is being edited, an open file of an editor say, with its tree: after
/// an edit only what changed is parsed. Made by
/// [`Engine::document`](crate::Engine::document).
///
/// ```
/// use std::sync::Arc;
/// use herbarium_index::{Engine, EngineOptions};
/// use herbarium_store::{Store, StoreOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let store = Arc::new(Store::open(dir.path().join("store"), StoreOptions::new())?);
/// let engine = Engine::new(Arc::clone(&store), EngineOptions::default());
///
/// let mut document = engine.document("rust", b"fn main() {}\n".to_vec())?;
/// document.edit(3..7, b"start")?;
/// assert_eq!(document.source(), b"fn start() {}\n");
/// assert_eq!(document.tree().root_node().child(0).unwrap().kind(), "function_item");
///
/// let settled = document.settle()?;
/// assert!(store.contains(&settled.key)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Which tree is stored
/// Only one that a parse of the whole text made. tree-sitter's incremental parse
/// takes over parts of the tree before, and where the text has errors, what it
/// makes of these may depend on that. Of random edits of large files (the example
/// `edits` counts) none that left a text without errors led to another tree; in C and
/// PHP texts with many errors up to four in five did. The key of a tree in a
/// store promises the tree of a text, whatever was there before it. So the tree of
/// [`Document::edit`] is the document's alone, and [`Document::settle`], for the
/// moment when the text rests or is saved, parses anew what the store does not have.
///
/// # Cost
/// An edit of a file of 5,000 lines takes 4 to 10 ms of CPU, most of them for taking
/// the tree over; one that leaves much of the text broken, three times that. A
/// document holds the live tree, its own, and the memory of the one before it.
pub struct Document {
    shared: Arc<Shared>,
    language: &'static Language,
    source: Vec<u8>,
    live: tree_sitter::Tree,
    tree: Arc<Tree>,
    capturer: Capturer,
    /// The tree before, for its memory.
    spare: Option<Tree>,
    /// Whether the tree is the one that a parse of the whole text made.
    is_fresh: bool,
}

/// What an edit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edited {
    /// Ranges of the new text in which the tree is another one.
    pub changed: Vec<Range<usize>>,
}

/// What came of a document at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// The key of the tree, which is in the store.
    pub key: TreeKey,
    /// Whether the text was parsed; if not, the store had the tree.
    pub parsed: bool,
    /// Whether the tree that edits had led to was another one.
    pub differed: bool,
}

/// Why a text has no tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// There is no such language.
    #[error("there is no language `{id}`: see `herbarium languages --known`")]
    UnknownLanguage {
        /// What was asked for.
        id: String,
    },
    /// It was not built in.
    #[error("{name} was not built in: build with the feature `lang-{id}` or `all-langs`")]
    NotBuilt {
        /// Id of the language.
        id: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// The text is in an encoding without trees.
    #[error(
        "the text is {found}, expected UTF-8 or another encoding that extends ASCII: convert it"
    )]
    Encoding {
        /// What it is.
        found: &'static str,
    },
    /// The text is too long.
    #[error("the text has {len} bytes, the limit is {limit}: raise the limit")]
    TooLarge {
        /// Its length.
        len: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// Its tree would take too much memory.
    #[error("parsing the text would take some {} MiB of memory, the limit is {} MiB: raise the memory budget", needed.div_ceil(1 << 20), limit >> 20)]
    TooDense {
        /// Estimated memory, in bytes.
        needed: u64,
        /// The most that it may take.
        limit: u64,
    },
    /// The edited range is not one of the text.
    #[error("could not edit bytes {} to {}: the text has {len}: edit what is there", range.start, range.end)]
    Range {
        /// The range.
        range: Range<usize>,
        /// Length of the text.
        len: usize,
    },
    /// The parser gave no tree.
    #[error("could not parse the text")]
    Parse(#[from] ParseError),
    /// The live tree could not be taken over.
    #[error("could not take the tree over: report the text, with the version of its grammar")]
    Capture(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store cannot be written.
    #[error("the store gave up: what was stored before is safe")]
    Store(#[from] StoreError),
}

impl Document {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        language: &str,
        source: Vec<u8>,
    ) -> Result<Self, DocumentError> {
        let unknown = || DocumentError::UnknownLanguage { id: language.to_owned() };
        let row = row_of(language).ok_or_else(unknown)?;
        let language = built(row, &shared.options);
        let language = language.ok_or(DocumentError::NotBuilt { id: row.id, name: row.name })?;
        let live = parse(shared, language, &source, None)?;
        let mut capturer = Capturer::new(language.grammar());
        let tree = Arc::new(capture(&mut capturer, &live, &source, None)?);
        let (shared, spare) = (Arc::clone(shared), None);
        Ok(Self { shared, language, source, live, tree, capturer, spare, is_fresh: true })
    }

    /// The text.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// Its tree: the one of the last edit.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The language.
    pub fn language(&self) -> &'static Row {
        self.language.row()
    }

    /// The key that the tree of the text has in a store.
    pub fn key(&self) -> TreeKey {
        tree_key(self.language.id(), self.language.fingerprint(), &self.source)
    }

    /// Whether the tree is the one that a parse of the whole text makes: since it
    /// was made or settled there was no edit.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Puts a text in place of a range of bytes, and parses what that changes.
    ///
    /// # Errors
    /// The range is not one of the text, or what comes of it has no tree within the
    /// limits. The document is then what it was.
    pub fn edit(&mut self, range: Range<usize>, text: &[u8]) -> Result<Edited, DocumentError> {
        let is_in = range.start <= range.end && range.end <= self.source.len();
        if !is_in {
            return Err(DocumentError::Range { range, len: self.source.len() });
        }
        let new_end = range.start + text.len();
        let kept = self.source.len() - range.len();
        let mut source = Vec::with_capacity(kept + text.len());
        source.extend_from_slice(&self.source[..range.start]);
        source.extend_from_slice(text);
        source.extend_from_slice(&self.source[range.end..]);
        let start_position = point(Point::default(), &self.source[..range.start]);
        let edit = InputEdit {
            start_byte: range.start,
            old_end_byte: range.end,
            new_end_byte: new_end,
            start_position,
            old_end_position: point(start_position, &self.source[range]),
            new_end_position: point(start_position, text),
        };
        let mut before = self.live.clone();
        before.edit(&edit);
        let live = parse(&self.shared, self.language, &source, Some(&before))?;
        let tree = capture(&mut self.capturer, &live, &source, self.spare.take())?;
        let before_tree = std::mem::replace(&mut self.tree, Arc::new(tree));
        self.spare = Arc::into_inner(before_tree);
        let changed = before.changed_ranges(&live).map(|it| it.start_byte..it.end_byte).collect();
        (self.source, self.live, self.is_fresh) = (source, live, false);
        Ok(Edited { changed })
    }

    /// As [`Document::edit`], from the whole new text: the edit is what is between
    /// that with which both begin and that with which both end.
    ///
    /// # Errors
    /// Those of [`Document::edit`].
    pub fn update(&mut self, source: &[u8]) -> Result<Edited, DocumentError> {
        let (range, text) = difference(&self.source, source);
        if range.is_empty() && text.is_empty() {
            return Ok(Edited { changed: Vec::new() });
        }
        self.edit(range, text)
    }

    /// Sees to it that the store has the tree of the text, and takes it: the one
    /// that a parse of the whole text makes, from the store if it is there.
    ///
    /// # Errors
    /// The text cannot be parsed within the limits, or the store cannot be written.
    pub fn settle(&mut self) -> Result<Settled, DocumentError> {
        let (key, mut live, mut failed) = (self.key(), None, None);
        let (shared, language) = (Arc::clone(&self.shared), self.language);
        let (source, capturer, is_fresh) = (&self.source, &mut self.capturer, self.is_fresh);
        let own = &self.tree;
        let mut make = || -> Result<Tree, DocumentError> {
            make_way(&shared, language, &key);
            if is_fresh {
                return Ok(Tree::clone(own));
            }
            let fresh = parse(&shared, language, source, None)?;
            let mut tree = capture(capturer, &fresh, source, None)?;
            // The tiers keep it.
            tree.shrink_to_fit();
            live = Some(fresh);
            Ok(tree)
        };
        let made = shared.tiers.get_or_make(&key, || {
            make().map_err(|error| {
                failed = Some(error);
                OpenError::NoTree { key }
            })
        });
        let mut tree = match (made, failed) {
            (Ok(tree), _) => tree,
            (Err(_), Some(error)) => return Err(error),
            (Err(OpenError::Store(error)), None) => return Err(error.into()),
            // Only what is made here can fail otherwise.
            (Err(error), None) => return Err(DocumentError::Capture(Box::new(error))),
        };
        if tree.source_hash() != source_hash(source) {
            tracing::warn!(%key, "a stored tree is the tree of another source");
            shared.tiers.condemn(&key, &shared.store);
            tree = shared.tiers.put(&key, make()?);
        }
        let parsed = live.is_some();
        let differed = !self.is_fresh && !is_same(&tree, &self.tree);
        if let Some(live) = live {
            self.live = live;
        }
        (self.tree, self.is_fresh) = (tree, true);
        Ok(Settled { key, parsed, differed })
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("language", &self.language.id())
            .field("bytes", &self.source.len())
            .field("is_fresh", &self.is_fresh)
            .finish_non_exhaustive()
    }
}

fn parse(
    shared: &Shared,
    language: &Language,
    source: &[u8],
    old: Option<&tree_sitter::Tree>,
) -> Result<tree_sitter::Tree, DocumentError> {
    check_source(source).map_err(|error| match error {
        herbarium_codec::BuildError::Utf16 { mark } => DocumentError::Encoding { found: mark },
        error => DocumentError::Capture(Box::new(error)),
    })?;
    let (len, limit) = (source.len() as u64, shared.options.max_file_bytes);
    if len > limit {
        return Err(DocumentError::TooLarge { len, limit });
    }
    let (needed, limit) = (parse_memory(source), shared.options.memory_budget);
    if needed > limit {
        return Err(DocumentError::TooDense { needed, limit });
    }
    let _permit = shared.budget.acquire(needed);
    Ok(shared.parse_after(language, source, old, &shared.limits(&Cancel::new()))?)
}

fn capture(
    capturer: &mut Capturer,
    live: &tree_sitter::Tree,
    source: &[u8],
    spare: Option<Tree>,
) -> Result<Tree, DocumentError> {
    let mut tree = spare.unwrap_or_else(|| Tree::new(capturer.grammar()));
    let captured = capturer.capture_into(live, source, &mut tree);
    captured.map_err(|error| DocumentError::Capture(Box::new(error)))?;
    Ok(tree)
}

/// Whether two trees of one text are the same: as bytecode, which is the same for
/// the same tree.
fn is_same(a: &Tree, b: &Tree) -> bool {
    let bytes = |tree: &Tree| {
        let mut bytes = Vec::new();
        herbarium_codec::Encoder::new().encode_into(tree, None, &mut bytes);
        bytes
    };
    a.descendant_count() == b.descendant_count() && bytes(a) == bytes(b)
}

/// Where one is after a text that begins there.
fn point(start: Point, text: &[u8]) -> Point {
    match memchr::memrchr(b'\n', text) {
        None => Point { row: start.row, column: start.column + text.len() },
        Some(last) => {
            let rows = memchr::memchr_iter(b'\n', text).count();
            Point { row: start.row + rows, column: text.len() - last - 1 }
        }
    }
}

/// The range of the old text that is another one in the new text, and that.
fn difference<'new>(old: &[u8], new: &'new [u8]) -> (Range<usize>, &'new [u8]) {
    let most = old.len().min(new.len());
    let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let ends = old.iter().rev().zip(new.iter().rev());
    let after = ends.take(most - before).take_while(|(a, b)| a == b).count();
    (before..old.len() - after, &new[before..new.len() - after])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_what_is_between_the_common_ends() {
        let check = |old: &str, new: &str, range: Range<usize>, text: &str| {
            let found = difference(old.as_bytes(), new.as_bytes());
            assert_eq!(found, (range, text.as_bytes()), "{old:?} {new:?}");
        };
        check("abc", "abc", 3..3, "");
        check("abc", "abxc", 2..2, "x");
        check("abxc", "abc", 2..3, "");
        check("aaa", "aaaa", 3..3, "a");
        check("aaaa", "aaa", 3..4, "");
        check("", "new", 0..0, "new");
        check("old", "", 0..3, "");
        check("one two", "one 2 two", 4..4, "2 ");
    }

    #[test]
    fn a_point_counts_bytes_after_the_last_line_feed() {
        let start = Point { row: 3, column: 5 };
        let check = |text: &str, row, column| {
            assert_eq!(point(start, text.as_bytes()), Point { row, column }, "{text:?}");
        };
        check("", 3, 5);
        check("ab", 3, 7);
        check("a\n", 4, 0);
        check("a\n\nxyz", 5, 3);
    }
}
