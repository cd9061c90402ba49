//! The three ways in which grammar crates hand out their grammar.

/// A function that loads a grammar, from the way its crate exposes it.
///
/// Crates give a `LanguageFn`, which names no version of tree-sitter, or the
/// `Language` itself: `into` takes both.
macro_rules! grammar {
    (constant $path:path) => {
        || $path.into()
    };
    (module $path:path) => {
        || $path.into()
    };
    (function $path:path) => {
        || $path().into()
    };
}
