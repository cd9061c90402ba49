//! Query files, by language.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use herbarium_conformance::{package_folders, query_files};
use herbarium_languages::{Language, all};

use crate::error::BenchError;

/// A file of queries.
pub(crate) struct QueryFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// By id of the language.
pub(crate) type Queries = HashMap<&'static str, Vec<QueryFile>>;

/// The workspace of Herbarium that we are in, where we are in one.
pub(crate) fn workspace() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join(SAMPLES).is_dir()).map(Path::to_owned)
}

/// Where a workspace keeps a sample of each language.
pub(crate) const SAMPLES: &str = "crates/herbarium-languages/tests/samples";

/// What the packages of all grammars ship. A package with several grammars has
/// queries that only one of them takes: all are given to each, and must be
/// refused with the same error.
pub(crate) fn shipped(workspace: &Path) -> Result<Queries, BenchError> {
    let folders = package_folders(workspace).map_err(BenchError::Packages)?;
    let mut queries = Queries::new();
    for language in all() {
        let key = (language.crate_name().to_owned(), language.version().to_owned());
        let folder = folders.get(&key).ok_or_else(|| BenchError::NoPackage {
            package: format!("{} {}", language.crate_name(), language.version()),
        })?;
        let files = query_files(folder).map_err(BenchError::read(folder))?;
        let files = files.into_iter().map(read).collect::<Result<_, _>>()?;
        queries.insert(language.id(), files);
    }
    Ok(queries)
}

/// The query files under a folder. The language is the name of the file or of
/// a folder above it, the nearest first, as in `queries/rust/highlights.scm`;
/// where neither names one, it is the one asked for, if that is only one.
pub(crate) fn own(folder: &Path, only: &[String]) -> Result<Queries, BenchError> {
    let mut queries = Queries::new();
    for path in query_files(folder).map_err(BenchError::read(folder))? {
        let asked = || match only {
            [id] => named(id),
            _ => None,
        };
        match language_of(&path, folder).or_else(asked) {
            Some(language) => queries.entry(language.id()).or_default().push(read(path)?),
            None => eprintln!("left out {}: its path names no language built in", path.display()),
        }
    }
    Ok(queries)
}

fn language_of(path: &Path, root: &Path) -> Option<&'static Language> {
    let below = path.strip_prefix(root).unwrap_or(path).with_extension("");
    let mut names: Vec<String> =
        below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    // `own` may be given the folder of one language.
    names.splice(0..0, root.file_name().map(|name| name.to_string_lossy().into_owned()));
    names.iter().rev().find_map(|name| named(name))
}

/// The language that editors mean by a name: `c_sharp`, `c-sharp`, `tsx`.
fn named(name: &str) -> Option<&'static Language> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = plain(name);
    let by_id = all().iter().find(|language| plain(language.id()) == wanted);
    by_id.or_else(|| all().iter().find(|language| plain(language.name()) == wanted))
}

/// Grammar packages ship a few files in old encodings; both engines are given
/// the same text.
fn read(path: PathBuf) -> Result<QueryFile, BenchError> {
    let bytes = fs::read(&path).map_err(BenchError::read(&path))?;
    Ok(QueryFile { text: String::from_utf8_lossy(&bytes).into_owned(), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, language: Option<&str>) {
        let found = language_of(Path::new(path), Path::new("/home/queries"));
        assert_eq!(found.map(Language::id), language, "{path}");
    }

    #[test]
    fn the_nearest_name_in_the_path_is_the_language() {
        check("/home/queries/rust/highlights.scm", Some("rust"));
        check("/home/queries/python.scm", Some("python"));
        check("/home/queries/rust/after/C-Sharp/x.scm", Some("c_sharp"));
        check("/home/queries/klingon/highlights.scm", None);
    }
}
