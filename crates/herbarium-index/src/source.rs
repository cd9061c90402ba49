//! Opening the tree of a text that is at hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium_codec::Tree;
use herbarium_languages::{HEAD_BYTES, ParseLimits, Row, detect};
use herbarium_store::TreeKey;

use crate::engine::{Engine, Shared};
use crate::open::{Text, make_way, parse, refuse};
use crate::read::{Unfit, choose, encoding, is_binary};
use crate::rows::tree_key;
use crate::tongue::{Foreign, Tongue, row_of};
use crate::{Cancel, OpenError, Origin};

/// A text that is at hand: what an editor has open, what came over a network. No file
/// is looked at.
///
/// ```
/// use std::path::Path;
/// use std::sync::Arc;
/// use herbarium_index::{Cancel, Engine, EngineOptions, Origin, Source};
/// use herbarium_store::{Store, StoreOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let store = Arc::new(Store::open(dir.path().join("store"), StoreOptions::new())?);
/// let engine = Engine::new(store, EngineOptions::default());
///
/// let source = Source { path: Path::new("main.rs"), ..Source::new(b"fn main() {}\n") };
/// let opened = engine.open_source(&source, &Cancel::new())?;
/// assert_eq!((opened.language.id, opened.from), ("rust", Origin::Parsed));
/// assert_eq!(engine.open_source(&source, &Cancel::new())?.from, Origin::Store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The text.
    pub text: &'a [u8],
    /// What it is called: its language is told by that where none is named, and
    /// messages name it. Nothing need be there.
    pub path: &'a Path,
    /// The id of its language, if that is known.
    pub language: Option<&'a str>,
    /// The longest that it may be parsed for; the [engine's](crate::EngineOptions)
    /// limit if nothing is said, or if that is shorter.
    pub max_parse_time: Option<Duration>,
    /// Whether a tree that is made is kept, in memory and in the store. True at first.
    pub keep: bool,
}

impl<'a> Source<'a> {
    /// A text without a name, to be kept.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, path: Path::new(""), language: None, max_parse_time: None, keep: true }
    }
}

/// The tree of a text.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenedSource {
    /// The tree.
    pub tree: Arc<Tree>,
    /// The language.
    pub language: &'static Row,
    /// Where the tree came from.
    pub from: Origin,
    /// The key that it has in a store.
    pub key: TreeKey,
}

impl Engine {
    /// Opens the tree of a text: from memory or the store if they have it, else from
    /// the parser. As [`Engine::open`] for what is in no file.
    ///
    /// # Errors
    /// There is no such language, no language claims the path, it is not built in, or
    /// the text cannot be parsed within the limits. One that was cancelled is
    /// [`OpenError::Parse`]. Where a text before [hangs](OpenError::Hangs) in the scanner
    /// of the language, no other is parsed.
    pub fn open_source(
        &self,
        source: &Source<'_>,
        cancel: &Cancel,
    ) -> Result<OpenedSource, OpenError> {
        open(self.shared(), source, cancel)
    }
}

fn open(shared: &Shared, source: &Source<'_>, cancel: &Cancel) -> Result<OpenedSource, OpenError> {
    let Source { text, path, .. } = *source;
    let row = language(source)?;
    let foreign = Foreign::new(&shared.store);
    let tongue = choose(row, &shared.options, &foreign).map_err(|why| refuse(path, why))?;
    check(shared, text).map_err(|why| refuse(path, why))?;
    let key = tree_key(row.id, tongue.fingerprint(), text);
    let limits = limits(shared, source, cancel);
    let mut from = Origin::Store;
    let mut make = || {
        let Tongue::Built(language) = tongue else {
            return Err(refuse(path, Unfit::NotBuilt(row)));
        };
        from = Origin::Parsed;
        if source.keep {
            make_way(shared, language, &key);
        }
        parse(shared, &Text { path, key, source: text }, language, &limits)
    };
    let tree = match shared.tiers.get(&key).filter(|tree| is_of(tree, text)) {
        Some(tree) => tree,
        // Waiting for whoever makes this tree could be for ever, too.
        None if shared.at_work.hang_in(row.id) => {
            return Err(OpenError::Hangs { path: path.to_owned(), id: row.id });
        }
        None if source.keep => shared.tiers.get_or_make(&key, &mut make)?,
        None => Arc::new(make()?),
    };
    // Only where the store has a tree of another text under this key.
    let tree = if is_of(&tree, text) { tree } else { Arc::new(make()?) };
    Ok(OpenedSource { tree, language: row, from, key })
}

fn is_of(tree: &Tree, text: &[u8]) -> bool {
    tree.source_hash() == herbarium_codec::source_hash(text)
}

fn language(source: &Source<'_>) -> Result<&'static Row, OpenError> {
    let Source { text, path, .. } = *source;
    if let Some(id) = source.language {
        return row_of(id).ok_or_else(|| OpenError::NoLanguage { id: id.to_owned() });
    }
    let head = text.get(..HEAD_BYTES).unwrap_or(text);
    let detection = detect(path, head);
    detection.map(|it| it.row()).ok_or_else(|| refuse(path, Unfit::Unknown))
}

fn check(shared: &Shared, text: &[u8]) -> Result<(), Unfit> {
    let (len, limit) = (text.len() as u64, shared.options.max_file_bytes);
    if len > limit {
        return Err(Unfit::TooLarge { len, limit });
    }
    encoding(text, is_binary(text)).map_or(Ok(()), Err)
}

fn limits(shared: &Shared, source: &Source<'_>, cancel: &Cancel) -> ParseLimits {
    let mut limits = shared.limits(cancel);
    limits.max_time = limits.max_time.into_iter().chain(source.max_parse_time).min();
    limits
}
