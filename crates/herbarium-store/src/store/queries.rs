//! Compiled queries: a cache beside the segments, of files that may go at any
//! time.
//!
//! What is in them is opaque here. Their name is a hash of all that decides what
//! they are, so that a file is never changed; the oldest go when there are too
//! many.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use herbarium_codec::Fingerprint;
use xxhash_rust::xxh3::xxh3_64;

use crate::Store;
use crate::files::SegmentId;
use crate::key::put;
use crate::marker::QUERIES;

const EXTENSION: &str = "query";
/// No more files than these, and no more bytes.
pub(crate) const MOST_FILES: usize = 512;
pub(crate) const MOST_BYTES: u64 = 16 << 20;
/// Longer ones are not kept.
const LONGEST: usize = 1 << 20;
const CHECKSUM: usize = 8;

/// What a compiled query depends on.
#[derive(Debug, Clone, Copy)]
pub struct QueryParts<'a> {
    /// Version of the engine that compiled it.
    pub engine: &'a str,
    /// The grammar's fingerprint.
    pub grammar: Fingerprint,
    /// The text of the query.
    pub text: &'a str,
}

impl QueryParts<'_> {
    fn file_name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        put(&mut hasher, b"herbarium query");
        put(&mut hasher, self.engine.as_bytes());
        put(&mut hasher, &self.grammar.0);
        put(&mut hasher, self.text.as_bytes());
        format!("{}.{EXTENSION}", hasher.finalize().to_hex())
    }
}

impl Store {
    /// A compiled query that was kept; `None` if there is none, or it is damaged.
    pub fn kept_query(&self, parts: &QueryParts<'_>) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.queries().join(parts.file_name())).ok()?;
        let content = bytes.len().checked_sub(CHECKSUM)?;
        let stated = bytes.split_off(content);
        (xxh3_64(&bytes).to_le_bytes() == *stated).then_some(bytes)
    }

    /// Keeps a compiled query, if that can be done: nothing rests on it. A store
    /// opened for reading keeps none.
    pub fn keep_query(&self, parts: &QueryParts<'_>, bytes: &[u8]) {
        if self.is_read_only() || bytes.len() > LONGEST {
            return;
        }
        let folder = self.queries();
        let kept = write(&folder, &parts.file_name(), bytes).and_then(|()| thin_out(&folder));
        if let Err(error) = kept {
            tracing::debug!(%error, "a compiled query is not kept");
        }
    }

    fn queries(&self) -> PathBuf {
        self.dir.join(QUERIES)
    }
}

/// Not synced: what a power failure makes of it, the checksum shows.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!("{}.{EXTENSION}", SegmentId::random()));
    let content = [bytes, &xxh3_64(bytes).to_le_bytes()].concat();
    let written =
        fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, folder.join(name)));
    if written.is_err() {
        // It may not be there at all: the error that counts is the first.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes the oldest where there are too many: a quarter at once, so that it is
/// not for every one.
fn thin_out(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION)
            && let Ok(metadata) = fs::metadata(&path)
        {
            let age = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push((age, metadata.len(), path));
        }
    }
    let mut bytes: u64 = files.iter().map(|file| file.1).sum();
    if files.len() <= MOST_FILES && bytes <= MOST_BYTES {
        return Ok(());
    }
    files.sort();
    let mut left = files.len();
    for (_, len, path) in files {
        if left <= MOST_FILES / 4 * 3 && bytes <= MOST_BYTES / 4 * 3 {
            break;
        }
        // Another process may have been faster.
        let _ = fs::remove_file(path);
        left -= 1;
        bytes -= len;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    const PARTS: QueryParts<'_> =
        QueryParts { engine: "1", grammar: Fingerprint([7; 16]), text: "(a) @b" };

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store"), StoreOptions::new()).unwrap();
        (dir, store)
    }

    #[test]
    fn a_kept_query_is_found_by_all_that_it_depends_on() {
        let (dir, store) = store();
        assert_eq!(store.kept_query(&PARTS), None);
        store.keep_query(&PARTS, b"compiled");
        let others = [
            QueryParts { engine: "2", ..PARTS },
            QueryParts { grammar: Fingerprint([8; 16]), ..PARTS },
            QueryParts { text: "(a) @c", ..PARTS },
            QueryParts { engine: "", text: "1(a) @b", ..PARTS },
        ];
        for (at, other) in others.iter().enumerate() {
            assert_eq!(store.kept_query(other), None, "{at}");
        }
        drop(store);
        let reader = StoreOptions::new().read_only(true);
        let reader = Store::open(dir.path().join("store"), reader).unwrap();
        assert_eq!(reader.kept_query(&PARTS).as_deref(), Some(&b"compiled"[..]));
        reader.keep_query(&others[0], b"not kept");
        assert_eq!(reader.kept_query(&others[0]), None);
    }

    #[test]
    fn a_damaged_one_is_none_and_can_be_kept_again() {
        let (_dir, store) = store();
        store.keep_query(&PARTS, b"compiled");
        let path = store.queries().join(PARTS.file_name());
        for damaged in [&b""[..], b"short", b"compiled but with another checksum"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(store.kept_query(&PARTS), None);
        }
        store.keep_query(&PARTS, b"compiled");
        assert_eq!(store.kept_query(&PARTS).as_deref(), Some(&b"compiled"[..]));
    }

    #[test]
    fn there_are_never_too_many() {
        let (_dir, store) = store();
        let texts: Vec<String> = (0..MOST_FILES + 1).map(|number| number.to_string()).collect();
        for text in &texts {
            store.keep_query(&QueryParts { text, ..PARTS }, b"compiled");
        }
        let count = || fs::read_dir(store.queries()).unwrap().count();
        assert_eq!(count(), MOST_FILES / 4 * 3);
        let last = QueryParts { text: &texts[MOST_FILES], ..PARTS };
        assert!(store.kept_query(&last).is_some(), "the newest stay");
        for text in &texts[..40] {
            store.keep_query(&QueryParts { text, ..PARTS }, &vec![1; LONGEST]);
        }
        let bytes: u64 = fs::read_dir(store.queries())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(bytes <= MOST_BYTES, "{bytes}");
        let long = QueryParts { text: "too long", ..PARTS };
        store.keep_query(&long, &vec![1; LONGEST + 1]);
        assert_eq!(store.kept_query(&long), None);
    }
}
