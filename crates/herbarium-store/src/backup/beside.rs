//! What lies beside the place of a copy: the copy while it is made, the store that it
//! replaces, and what killed processes left of both.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::belongings::{self, UNFINISHED};
use crate::error::IoContext;
use crate::files::{SegmentId, sync_dir};
use crate::marker::SEGMENTS;

use super::{must_be_only_a_store, nobody_writes};

/// In the name of a copy that is not whole, behind that of the place where it is to be.
const UNFINISHED_NAME: &str = "unfinished";
/// In the name of a store in whose place a copy was put.
pub(super) const REPLACED_NAME: &str = "replaced";

/// A copy under way; removed when it is dropped before it is finished.
///
/// Beside its folder lies a file that is locked while somebody works on it. It is there
/// before the folder and goes after it: whatever instant a process is killed at, what it
/// left is known by a file that can be locked.
pub(super) struct Unfinished {
    pub(super) path: PathBuf,
    lock: Lock,
    finished: bool,
}

impl Unfinished {
    pub(super) fn make(dest: &Path) -> Result<Self, StoreError> {
        if let Some(above) = dest.parent() {
            fs::create_dir_all(above).at("create the directory", above)?;
        }
        let (path, lock) = locked_place(dest)?;
        let copy = Self { path, lock, finished: false };
        // Where the power fails, the folder is not to be there without the file.
        dest.parent().map_or(Ok(()), |above| sync_dir(above).at("sync", above))?;
        fs::create_dir(&copy.path).at("create the directory", &copy.path)?;
        let note = copy.path.join(UNFINISHED);
        let text = "A copy of a store that was not finished: delete this directory.\n";
        fs::write(&note, text).at("write", &note)?;
        Ok(copy)
    }

    /// Removes the note that it is not whole.
    pub(super) fn declare_whole(&self) -> Result<(), StoreError> {
        let note = self.path.join(UNFINISHED);
        fs::remove_file(&note).at("remove", &note)?;
        sync_dir(&self.path).at("sync", &self.path)
    }

    /// Gives it its name.
    pub(super) fn finish(mut self, dest: &Path) -> Result<(), StoreError> {
        // An empty directory may be in the way.
        match fs::remove_dir(dest) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).at("replace the empty directory", dest);
            }
            _ => {}
        }
        fs::rename(&self.path, dest).at("rename to", dest)?;
        self.finished = true;
        dest.parent().map_or(Ok(()), |above| sync_dir(above).at("sync", above))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What is left says of itself what it is.
        if self.finished || fs::remove_dir_all(&self.path).is_ok() || !self.path.exists() {
            self.lock.remove();
        }
    }
}

/// A file beside a copy under way, locked.
struct Lock {
    /// Keeps the lock, which the system gives up with it.
    _file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of a file that is there; `None` if somebody has it, or the file went.
    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock() {
            // Whoever had it before may have removed it.
            Ok(()) if path.exists() => Ok(Some(Self { _file: file, path: path.to_owned() })),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn remove(&self) {
        // One that stays is removed by the next copy to the same place.
        let _ = fs::remove_file(&self.path);
    }
}

/// A place for a copy that nobody has, and its lock.
fn locked_place(dest: &Path) -> Result<(PathBuf, Lock), StoreError> {
    loop {
        let path = beside(dest, UNFINISHED_NAME);
        let lock = lock_of(&path);
        OpenOptions::new().write(true).create_new(true).open(&lock).at("create", &lock)?;
        // Another process may have taken it for one that was left, and removed it.
        if let Some(lock) = Lock::try_take(&lock).at("lock", &lock)? {
            return Ok((path, lock));
        }
    }
}

fn lock_of(copy: &Path) -> PathBuf {
    let mut name = copy.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

pub(super) fn beside(dest: &Path, what: &str) -> PathBuf {
    let mut name = dest.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}-{}", SegmentId::random()));
    dest.with_file_name(name)
}

/// Removes copies to the same place that were not finished and on which no living
/// process works, but for the store `from`, should it be one. What cannot be removed
/// stays: it is in nobody's way.
pub(super) fn remove_abandoned(dest: &Path, from: &Path) {
    let from = fs::canonicalize(from).ok();
    for copy in left_beside(dest, UNFINISHED_NAME) {
        if from.is_some() && fs::canonicalize(&copy).ok() == from {
            continue;
        }
        let shown = copy.display();
        match remove_if_abandoned(&copy) {
            Ok(true) => tracing::info!(copy = %shown, "removed a copy that was not finished"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(copy = %shown, %error, "could not remove a copy that was not finished");
            }
        }
    }
}

/// Removes it if nobody works on it; says whether there was something to remove.
fn remove_if_abandoned(copy: &Path) -> io::Result<bool> {
    let path = lock_of(copy);
    let Some(lock) = Lock::try_take(&path)? else {
        // Earlier builds made no such file, and locked the note in the folder.
        return if path.exists() { Ok(false) } else { remove_if_noted(copy) };
    };
    let there = copy.exists();
    if there {
        belongings::remove(copy)?;
    }
    lock.remove();
    Ok(there)
}

fn remove_if_noted(copy: &Path) -> io::Result<bool> {
    let note = copy.join(UNFINISHED);
    let Ok(file) = File::open(&note) else { return Ok(false) };
    // It was declared whole in between if the note is gone.
    if file.try_lock().is_err() || !note.is_file() {
        return Ok(false);
    }
    belongings::remove(copy).map(|()| true)
}

/// Removes stores in whose place copies were put by those who were killed before they had
/// done so: what is there now was to be in their place. One that somebody still writes to,
/// in which there is something else, or that the copy is of, stays.
pub(super) fn remove_replaced(dest: &Path, from: &Path) {
    let from = fs::canonicalize(from).ok();
    for aside in left_beside(dest, REPLACED_NAME) {
        if fs::canonicalize(&aside).ok() == from {
            continue;
        }
        let shown = aside.display();
        match remove_if_unused(&aside) {
            Ok(()) => tracing::info!(store = %shown, "removed a store that was replaced"),
            Err(error) => {
                tracing::warn!(store = %shown, %error, "could not remove a store that was replaced");
            }
        }
    }
}

fn remove_if_unused(aside: &Path) -> Result<(), StoreError> {
    must_be_only_a_store(aside, aside)?;
    // Of one whose removal was broken off this may be gone already.
    if aside.join(SEGMENTS).exists() {
        drop(nobody_writes(aside)?);
    }
    belongings::remove(aside).at("remove", aside)
}

/// The directories beside a place that copies to it left, by what is in their name; those
/// too of which only the lock is left.
fn left_beside(dest: &Path, what: &str) -> Vec<PathBuf> {
    let (Some(above), Some(name)) = (dest.parent(), dest.file_name().and_then(OsStr::to_str))
    else {
        return Vec::new();
    };
    let prefix = format!("{name}.{what}-");
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let ours = entries.filter_map(|entry| {
        let (name, kind) = (entry.file_name(), entry.file_type().ok()?);
        let rest = name.to_str()?.strip_prefix(&prefix)?;
        let id = if kind.is_dir() { rest } else { rest.strip_suffix(".lock")? };
        SegmentId::parse(id).filter(|_| kind.is_dir() || what == UNFINISHED_NAME)?;
        Some(above.join(format!("{prefix}{id}")))
    });
    let mut ours: Vec<_> = ours.collect();
    ours.sort();
    ours.dedup();
    ours
}
