//! What the benches run on: the samples of the core languages, repeated.
//!
//! Samples are short and show every construct of a language once, which real
//! code does not: figures from here are for comparing two versions of a
//! function. For figures to quote, run `herbarium-bench` on real code.
//!
//! ```
//! let sources = herbarium_benches::sources();
//! assert_eq!(sources.len(), 16);
//! assert!(sources.iter().all(|source| source.text.len() >= herbarium_benches::TEXT_BYTES));
//! ```

use std::fs;
use std::path::Path;

use herbarium_languages::{Language, Tier, all};

/// Length to which a sample is repeated, at least.
pub const TEXT_BYTES: usize = 32 << 10;

/// A text to parse.
pub struct Source {
    /// Its language.
    pub language: &'static Language,
    /// A sample, repeated.
    pub text: Vec<u8>,
}

/// One source of every core language.
///
/// # Panics
/// The samples, which lie in the repository, cannot be read.
pub fn sources() -> Vec<Source> {
    let core = all().iter().filter(|language| language.row().tier == Tier::Core);
    core.map(|language| Source { language, text: text(language.id()) }).collect()
}

fn text(id: &str) -> Vec<u8> {
    let samples =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/herbarium-languages/tests/samples");
    let path = samples.join(format!("{id}.txt"));
    let sample =
        fs::read(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    sample.repeat(TEXT_BYTES.div_ceil(sample.len()))
}
