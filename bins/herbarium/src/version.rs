//! What `--version` says.

use std::sync::LazyLock;

/// Version and the languages that were built in.
pub(crate) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{} ({} languages: {} of {} known)",
            env!("CARGO_PKG_VERSION"),
            herbarium_languages::build_set(),
            herbarium_languages::all().len(),
            herbarium_languages::known().len(),
        )
    });
    &TEXT
}
