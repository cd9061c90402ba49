//! A tier of plain files.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use crate::{Tier, TierError, Usage};

/// One file for each record, below a directory of its own, up to a limit of bytes; beyond
/// it the oldest files go.
///
/// A simple disk tier for programs that bring no store. A file appears whole or not at all
/// (it is written under another name and renamed), but is not synced: after a power failure
/// newest records may be gone or damaged, which the record's checksum turns into a miss.
/// The list of files is kept in memory, about 100 bytes each, outside the cache's budget;
/// what other processes add is found by its name and does not count against the limit until
/// the directory is opened again. Each file also takes its share of a block and an inode:
/// for millions of values use a store.
#[derive(Debug)]
pub struct DirectoryTier {
    root: PathBuf,
    limit: u64,
    files: Mutex<Files>,
    written: AtomicU64,
}

/// Sizes of the files, and the order in which they came.
#[derive(Debug, Default)]
struct Files {
    sizes: HashMap<u128, Known>,
    oldest: VecDeque<(u128, u64)>,
    bytes: u64,
    stamp: u64,
}

#[derive(Debug)]
struct Known {
    size: u64,
    /// An entry of `oldest` with another stamp is out of date.
    stamp: u64,
}

impl Files {
    fn add(&mut self, name: u128, size: u64) {
        self.forget(name);
        self.stamp += 1;
        self.bytes += size;
        self.sizes.insert(name, Known { size, stamp: self.stamp });
        self.oldest.push_back((name, self.stamp));
        if self.oldest.len() > 2 * self.sizes.len() + 16 {
            let sizes = &self.sizes;
            self.oldest.retain(|(name, stamp)| is_current(sizes, *name, *stamp));
        }
    }

    fn forget(&mut self, name: u128) {
        if let Some(known) = self.sizes.remove(&name) {
            self.bytes -= known.size;
        }
    }

    /// Takes out the oldest file.
    fn pop(&mut self) -> Option<u128> {
        while let Some((name, stamp)) = self.oldest.pop_front() {
            if is_current(&self.sizes, name, stamp) {
                self.forget(name);
                return Some(name);
            }
        }
        None
    }
}

fn is_current(sizes: &HashMap<u128, Known>, name: u128, stamp: u64) -> bool {
    sizes.get(&name).is_some_and(|known| known.stamp == stamp)
}

impl DirectoryTier {
    /// Opens the directory, and makes it where it is not there. Files that a killed process
    /// left half-written are removed.
    ///
    /// # Errors
    /// If the directory cannot be made or listed.
    pub fn open(root: impl Into<PathBuf>, limit: u64) -> Result<Self, TierError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|source| failed("make", &root, source))?;
        let mut files = Files::default();
        for (name, size) in listed(&root)? {
            files.add(name, size);
        }
        Ok(Self { root, limit, files: Mutex::new(files), written: AtomicU64::new(0) })
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, name: u128) -> PathBuf {
        let name = format!("{name:032x}");
        self.root.join(&name[..2]).join(name)
    }

    /// A file is the key's length, the key, and the record: names are hashes, and two keys
    /// may share one.
    fn write(&self, path: &Path, key: &[u8], record: &[u8]) -> io::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let draft = self.root.join(format!("{}-{number}{DRAFT}", std::process::id()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(&draft)?;
        let done = file
            .write_all(&(key.len() as u32).to_le_bytes())
            .and_then(|()| file.write_all(key))
            .and_then(|()| file.write_all(record))
            .and_then(|()| fs::rename(&draft, path));
        if done.is_err() {
            // The first error is the one to tell of.
            let _ = fs::remove_file(&draft);
        }
        done
    }

    fn unlink(&self, name: u128) -> Result<(), TierError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the oldest files until the tier is within its limit.
    fn shrink(&self) -> Result<(), TierError> {
        loop {
            let oldest = {
                let mut files = self.files();
                if files.bytes <= self.limit {
                    return Ok(());
                }
                files.pop()
            };
            match oldest {
                Some(name) => self.unlink(name)?,
                None => return Ok(()),
            }
        }
    }
}

impl Tier for DirectoryTier {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        let path = self.path(xxh3_128(key));
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path, error)),
        };
        let record = record_of(key, &file);
        record.into_iter().for_each(read);
        Ok(record.is_some())
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        let needed = (4 + key.len() + record.len()) as u64;
        if needed > self.limit {
            return Err(TierError::Full { needed, limit: self.limit });
        }
        let name = xxh3_128(key);
        let path = self.path(name);
        self.write(&path, key, record).map_err(|source| failed("write", &path, source))?;
        self.files().add(name, needed);
        self.shrink()
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        let name = xxh3_128(key);
        self.files().forget(name);
        self.unlink(name)
    }

    fn usage(&self) -> Usage {
        let files = self.files();
        Usage { entries: Some(files.sizes.len() as u64), bytes: Some(files.bytes) }
    }
}

const DRAFT: &str = ".draft";

/// The record in a file, if it is one of this key.
fn record_of<'a>(key: &[u8], file: &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = file.split_first_chunk::<4>()?;
    let (stored, record) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    (stored == key).then_some(record)
}

/// Names and sizes of the records below a directory, the oldest first.
fn listed(root: &Path) -> Result<Vec<(u128, u64)>, TierError> {
    let list = |folder: &Path| -> Result<Vec<fs::DirEntry>, TierError> {
        let entries = fs::read_dir(folder).and_then(Iterator::collect);
        entries.map_err(|source| failed("list", folder, source))
    };
    let mut found = Vec::new();
    for entry in list(root)? {
        let path = entry.path();
        if path.to_string_lossy().ends_with(DRAFT) {
            // Another process may be writing it; then its rename fails, and it says so.
            let _ = fs::remove_file(&path);
        } else if path.is_dir() {
            found.extend(list(&path)?.iter().filter_map(file_of));
        }
    }
    found.sort_by_key(|(modified, ..)| *modified);
    Ok(found.into_iter().map(|(_, name, size)| (name, size)).collect())
}

fn file_of(entry: &fs::DirEntry) -> Option<(std::time::SystemTime, u128, u64)> {
    let name = u128::from_str_radix(entry.file_name().to_str()?, 16).ok()?;
    let metadata = entry.metadata().ok()?;
    Some((metadata.modified().ok()?, name, metadata.len()))
}

fn failed(deed: &str, path: &Path, source: io::Error) -> TierError {
    TierError::Io { deed: format!("{deed} `{}`", path.display()), source }
}
