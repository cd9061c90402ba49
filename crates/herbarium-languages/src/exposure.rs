//! The three ways in which grammar crates hand out their grammar.

/// Declares the static array of the languages that are built in, from lines of
/// feature, index of the row, exposure and path.
///
/// Crates give a `LanguageFn`, which names no version of tree-sitter, or the
/// `Language` itself: `into` takes both.
macro_rules! languages {
    (@load constant $path:path) => { || $path.into() };
    (@load module $path:path) => { || $path.into() };
    (@load function $path:path) => { || $path().into() };
    ($($feature:literal $row:literal $exposure:ident $path:path;)*) => {
        const BUILT_IN: usize = 0 $(+ cfg!(feature = $feature) as usize)*;

        /// The languages that are built in, ordered by id.
        pub(crate) static LANGUAGES: [Language; BUILT_IN] = [$(
            #[cfg(feature = $feature)]
            Language {
                row: &ROWS[$row],
                load: languages!(@load $exposure $path),
                loaded: std::sync::OnceLock::new(),
                grammar: std::sync::OnceLock::new(),
            },
        )*];
    };
}
