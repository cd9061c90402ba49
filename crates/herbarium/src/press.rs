//! One text at a time.

use std::sync::OnceLock;

use herbarium_capture::Capturer;
use herbarium_codec::Tree;
use herbarium_languages::{ParseLimits, ParserPool, by_id};

use crate::Error;

/// Parses a text and gives its tree, nothing stored. Broken text is no error: its
/// tree has ERROR and MISSING nodes.
///
/// Parsers are kept for the next call. Cost: that of the parse, and at most a third
/// of it.
///
/// # Errors
/// The language is not built in, or the text is longer than
/// [`ParseLimits::default`] allows.
///
/// ```
/// let tree = herbarium::press("json", b"[1, 2]")?;
/// assert_eq!(tree.root_node().to_sexp(), "(document (array (number) (number)))");
/// # Ok::<(), herbarium::Error>(())
/// ```
pub fn press(language: &str, source: &[u8]) -> Result<Tree, Error> {
    static POOL: OnceLock<ParserPool> = OnceLock::new();
    let language = by_id(language).ok_or_else(|| Error::NoLanguage { id: language.to_owned() })?;
    let pool = POOL.get_or_init(ParserPool::default);
    let live = pool.parse(language, source, None, &ParseLimits::default())?;
    Ok(Capturer::new(language.grammar()).capture(&live, source)?)
}
