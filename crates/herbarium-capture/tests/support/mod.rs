//! Sources that trees are compared on.

use std::path::{Path, PathBuf};

use herbarium_languages::{Language, detect};

/// The sample of a language.
pub(crate) fn sample(language: &Language) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../herbarium-languages/tests/samples");
    let path = folder.join(format!("{}.txt", language.id()));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of real code.
pub(crate) struct RealFile {
    /// Where it is, for messages.
    pub(crate) place: String,
    /// Its language, which is built in.
    pub(crate) language: &'static Language,
    /// What is in it.
    pub(crate) source: Vec<u8>,
}

/// The folders that `HERBARIUM_REAL_CODE` names, separated as in `PATH`.
pub(crate) fn real_folders() -> Vec<PathBuf> {
    let folders = std::env::var_os("HERBARIUM_REAL_CODE").unwrap_or_default();
    std::env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()).collect()
}

/// Some files of a folder, spread over it: at most about `most`, none longer than
/// `longest` bytes.
pub(crate) fn real_files(
    folder: &Path,
    most: usize,
    longest: usize,
) -> impl Iterator<Item = RealFile> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let step = paths.len().div_ceil(most).max(1);
    paths.into_iter().step_by(step).filter_map(move |path| {
        let source = std::fs::read(&path).ok().filter(|source| source.len() <= longest)?;
        let language = detect(&path, &source)?.language()?;
        Some(RealFile { place: path.display().to_string(), language, source })
    })
}

/// Files of a built-in language by their name, links left alone.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() {
            collect(&path, paths);
        } else if kind.is_file() && detect(&path, b"").is_some_and(|it| it.language().is_some()) {
            paths.push(path);
        }
    }
}
