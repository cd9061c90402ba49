//! What can be indexed: folders, and files by themselves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::IndexError;
use crate::read::name_of;

/// What to index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Folder(PathBuf),
    File(PathBuf),
}

/// Whether a path can be given to [`Engine::index`](crate::Engine::index), which
/// stops at the first that cannot: it is a file or a folder, and there.
///
/// # Errors
/// Those of the engine for this path.
///
/// ```
/// use std::path::Path;
///
/// assert!(herbarium_index::check_path(Path::new(".")).is_ok());
/// assert!(herbarium_index::check_path(Path::new("no such file")).is_err());
/// ```
pub fn check_path(path: &Path) -> Result<(), IndexError> {
    target(path).map(drop)
}

/// What is under each of these paths, once.
pub(crate) fn targets(paths: &[PathBuf]) -> Result<Vec<Target>, IndexError> {
    let mut targets = Vec::new();
    for path in paths {
        let target = target(path)?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

fn target(path: &Path) -> Result<Target, IndexError> {
    let failed = |source| IndexError::Root { path: path.to_owned(), source };
    let real = fs::canonicalize(path).map_err(failed)?;
    let file_type = fs::metadata(&real).map_err(failed)?.file_type();
    if file_type.is_dir() {
        Ok(Target::Folder(real))
    } else if file_type.is_file() {
        Ok(Target::File(real))
    } else {
        let found = name_of(file_type);
        Err(IndexError::NotIndexable { path: path.to_owned(), found })
    }
}
