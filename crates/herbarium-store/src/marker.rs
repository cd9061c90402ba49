//! The file `HERBARIUM`: that a directory is a store, and of which version.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::StoreError;
use crate::error::IoContext;
use crate::files::write_atomically;

/// Name of the marker file.
pub(crate) const MARKER: &str = "HERBARIUM";
/// Directory of the segments, inside the store's.
pub(crate) const SEGMENTS: &str = "segments";

/// Major version of the store format that this library reads and writes.
pub const STORE_MAJOR: u32 = 1;
/// Minor version of the store format that this library writes.
pub const STORE_MINOR: u32 = 0;

const EXPECTED: &str = "`herbarium store <major>.<minor>`";
const PREFIX: &str = "herbarium store ";

/// Checks that `dir` is a store of a version we read; makes it one if it is
/// empty or missing and `create` is set.
pub(crate) fn open(dir: &Path, create: bool) -> Result<(), StoreError> {
    let path = dir.join(MARKER);
    match fs::read(&path) {
        Ok(bytes) => check(dir, &path, &bytes),
        Err(error) if error.kind() == ErrorKind::NotFound && create => make(dir),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::NotAStore {
            path: dir.to_owned(),
            found: if dir.exists() { "none" } else { "no such directory" },
        }),
        Err(error) => Err(error).at("read", &path),
    }
}

fn make(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).at("create the directory", dir)?;
    if !is_ours(dir)? {
        return Err(StoreError::NotAStore { path: dir.to_owned(), found: "other files" });
    }
    let segments = dir.join(SEGMENTS);
    fs::create_dir_all(&segments).at("create the directory", &segments)?;
    let path = dir.join(MARKER);
    let text = format!("{PREFIX}{STORE_MAJOR}.{STORE_MINOR}\n");
    write_atomically(&path, text.as_bytes()).at("write", &path)
}

/// Whether a directory without a marker may become a store: it is empty, or
/// holds a store's own files (the marker was deleted, or another process is
/// making the store at this moment).
fn is_ours(dir: &Path) -> Result<bool, StoreError> {
    for entry in fs::read_dir(dir).at("list", dir)? {
        let name = entry.at("list", dir)?.file_name();
        let name = name.to_string_lossy();
        if !(name == SEGMENTS || name.starts_with(MARKER) || name.starts_with("catalogue.")) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn check(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let Some((major, minor)) = parse(bytes) else {
        let shown = bytes.get(..bytes.len().min(64)).unwrap_or_default();
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            expected: EXPECTED,
            found: format!("{:?}", String::from_utf8_lossy(shown)),
            advice: "delete this file, it is written again at the next open",
        });
    };
    if major == STORE_MAJOR {
        return Ok(());
    }
    Err(StoreError::Version {
        path: dir.to_owned(),
        found_major: major,
        found_minor: minor,
        supported_major: STORE_MAJOR,
        supported_minor: STORE_MINOR,
    })
}

fn parse(bytes: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (major, minor) = text.strip_prefix(PREFIX)?.strip_suffix('\n')?.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(major) || !digits(minor) {
        return None;
    }
    Some((major.parse().ok()?, minor.parse().ok()?))
}
