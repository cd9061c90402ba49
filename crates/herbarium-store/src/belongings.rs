//! Which files in a store's directory are the store's: what is not is never removed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::files::{SegmentId, segment_file};
use crate::marker::{MARKER, QUERIES, SEGMENTS};

/// In a copy that is not whole: nothing opens a directory with it as a store.
pub(crate) const UNFINISHED: &str = "UNFINISHED-COPY";

/// The first thing in a store's directory that is none of the store's, by the names that
/// the description of the format lists.
pub(crate) fn stranger(dir: &Path) -> io::Result<Option<PathBuf>> {
    let entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    let mut entries: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = name_of(&path);
        // Links are not followed: what they lead to lies elsewhere.
        let kind = fs::symlink_metadata(&path)?.file_type();
        let inside = match is_own_folder(&name) && kind.is_dir() {
            true => first_strange_file(&path, &name)?,
            false if kind.is_file() && is_own_file(&name) => None,
            false => Some(path),
        };
        if inside.is_some() {
            return Ok(inside);
        }
    }
    Ok(None)
}

/// Removes a store that nobody uses, and with it nothing that came since it was looked
/// at: then what is not the store's is left, and an error.
///
/// Last goes what says of an unfinished copy that it is one: killed before, it is still
/// to be recognised.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    if let Some(path) = stranger(dir)? {
        let path = path.display();
        return Err(io::Error::new(ErrorKind::DirectoryNotEmpty, format!("{path} is in it")));
    }
    for folder in [SEGMENTS, QUERIES] {
        let folder = dir.join(folder);
        match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => remove_files(entries?, |_| true)?,
        }
        fs::remove_dir(&folder)?;
    }
    remove_files(fs::read_dir(dir)?, |name| name != UNFINISHED)?;
    remove_files(fs::read_dir(dir)?, |name| name == UNFINISHED)?;
    fs::remove_dir(dir)
}

fn remove_files(entries: fs::ReadDir, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in entries {
        let path = entry?.path();
        if wanted(&name_of(&path)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn first_strange_file(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    let is_own = if name == SEGMENTS { is_of_segments } else { is_query };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type()?.is_file() || !is_own(&name_of(&path)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

pub(crate) fn name_of(path: &Path) -> String {
    // A name that is no text is none of ours, and does not become one.
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_own_folder(name: &str) -> bool {
    [SEGMENTS, QUERIES].contains(&name)
}

fn is_own_file(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        MARKER,
        "HERBARIUM.migration",
        "hold.lock",
        "gc.lock",
        "migrate.lock",
        "catalogue.redb",
        "catalogue.lock",
        UNFINISHED,
    ];
    let half_written = name.strip_prefix("HERBARIUM.").and_then(|rest| rest.strip_suffix(".tmp"));
    NAMES.contains(&name)
        || is_set_aside(name)
        || half_written.is_some_and(|id| SegmentId::parse(id).is_some())
}

/// A catalogue that was damaged.
pub(crate) fn is_set_aside(name: &str) -> bool {
    let number = name.strip_prefix("catalogue.damaged-");
    let number = number.and_then(|rest| rest.strip_suffix(".redb"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_of_segments(name: &str) -> bool {
    let lock = name.strip_prefix("seg-").and_then(|rest| rest.strip_suffix(".lock"));
    segment_file(name).is_some() || lock.is_some_and(|id| SegmentId::parse(id).is_some())
}

pub(crate) fn is_query(name: &str) -> bool {
    let hash = name.strip_suffix(".query");
    hash.is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_format_are_the_stores() {
        let id = "0123456789abcdef0123456789abcdef";
        for own in ["HERBARIUM", "gc.lock", "catalogue.redb", "catalogue.damaged-17.redb"] {
            assert!(is_own_file(own), "{own}");
        }
        assert!(is_own_file(&format!("HERBARIUM.{id}.tmp")));
        assert!(is_of_segments(&format!("seg-{id}.lock")));
        for other in ["notes.txt", "other.lock", "catalogue.damaged-x.redb", "HERBARIUM.txt"] {
            assert!(!is_own_file(other), "{other}");
        }
        for other in ["seg-1.lock", "seg-1.pack", "notes.txt"] {
            assert!(!is_of_segments(other), "{other}");
        }
    }
}
