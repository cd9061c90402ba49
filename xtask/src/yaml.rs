//! YAML, as far as tests look at it.

use yaml_rust2::{Yaml, YamlLoader};

/// All documents of a text.
pub(crate) fn all(text: &str) -> Result<Vec<Yaml>, String> {
    YamlLoader::load_from_str(text).map_err(|error| error.to_string())
}

/// The only document of a text.
pub(crate) fn one(text: &str) -> Result<Yaml, String> {
    let mut all = all(text)?;
    match (all.pop(), all.len()) {
        (Some(one), 0) => Ok(one),
        (_, more) => Err(format!("expected one document, found {}", more + 1)),
    }
}
