//! Real files, by language.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use herbarium_codec::{check_source, source_hash};
use herbarium_languages::{HEAD_BYTES, Language, by_id, detect, needs_head};
use ignore::WalkBuilder;

use crate::error::BenchError;

/// A file of a language that is built in.
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    /// Place in the order: the same on every machine, and unlike any order that
    /// the files are in.
    order: u64,
}

/// The files of one language, in an order that mixes them.
pub(crate) struct Files {
    pub(crate) language: &'static Language,
    pub(crate) files: Vec<SourceFile>,
}

/// A file and what is in it.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// All files of languages that are built in, or of those named, under the paths.
pub(crate) fn gather(paths: &[PathBuf], only: &[String]) -> Result<Vec<Files>, BenchError> {
    check_languages(only)?;
    let mut found: BTreeMap<&'static str, Files> = BTreeMap::new();
    for root in paths {
        std::fs::metadata(root).map_err(BenchError::read(root))?;
        for (path, len) in regular_files(root) {
            let Some(language) = language_of(&path) else { continue };
            if !only.is_empty() && !only.iter().any(|id| id == language.id()) {
                continue;
            }
            let below = path.strip_prefix(root).unwrap_or(&path);
            let order = source_hash(below.as_os_str().as_encoded_bytes());
            let files = Files { language, files: Vec::new() };
            let files = found.entry(language.id()).or_insert(files);
            files.files.push(SourceFile { path, len, order });
        }
    }
    let mut found: Vec<Files> = found.into_values().collect();
    found.iter_mut().for_each(|files| files.files.sort_by_key(|file| file.order));
    Ok(found)
}

/// Reads the first `most` files that can be read, that trees are kept over
/// (UTF-16 is not) and that have new content: any real files will do.
pub(crate) fn read<'a>(
    files: impl Iterator<Item = &'a SourceFile>,
    most: usize,
    seen: &mut HashSet<u64>,
) -> Vec<Source> {
    let read = |file: &SourceFile| {
        let bytes = fs::read(&file.path).ok()?;
        check_source(&bytes).ok()?;
        seen.insert(source_hash(&bytes)).then(|| Source { path: file.path.clone(), bytes })
    };
    files.filter_map(read).take(most).collect()
}

/// Refuses ids of languages that are not built in.
pub(crate) fn check_languages(only: &[String]) -> Result<(), BenchError> {
    match only.iter().find(|id| by_id(id).is_none()) {
        Some(id) => Err(BenchError::UnknownLanguage(id.clone())),
        None => Ok(()),
    }
}

/// Files under a path with their lengths. What cannot be listed is left out:
/// any real files will do.
pub(crate) fn regular_files(root: &Path) -> impl Iterator<Item = (PathBuf, u64)> {
    let entries = WalkBuilder::new(root).standard_filters(false).build().filter_map(Result::ok);
    entries.filter_map(|entry| {
        let found = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((entry.into_path(), found.len()))
    })
}

fn language_of(path: &Path) -> Option<&'static Language> {
    let head = if needs_head(path) { head(path)? } else { Vec::new() };
    detect(path, &head)?.language()
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    Some(head)
}
