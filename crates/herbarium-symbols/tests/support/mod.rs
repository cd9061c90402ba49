//! From a language and a text to a stored tree and a query.

use std::sync::Arc;

use herbarium_capture::{Capturer, parse_table_of};
use herbarium_languages::{Language, ParseLimits, ParserPool};
use herbarium_query::Compiler;

pub(crate) fn compiler(language: &Language) -> Compiler {
    let table = parse_table_of(&language.tree_sitter());
    Compiler::new(language.grammar().clone(), Arc::new(table))
}

/// The bytes that a store keeps.
pub(crate) fn press(
    language: &Language,
    source: &[u8],
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let live = ParserPool::new(1).parse(language, source, None, &ParseLimits::none())?;
    let tree = Capturer::new(language.grammar()).capture(&live, source)?;
    Ok(herbarium_codec::encode(&tree))
}
