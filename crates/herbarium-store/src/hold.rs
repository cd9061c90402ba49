//! Keeping the garbage collector away while something relies on what is there.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::IoContext;
use crate::files::{FileLock, open_lock};
use crate::{Store, StoreError};

/// Locked by all who rely on trees that no manifest names yet, and by the one who
/// removes some.
pub(crate) const HOLD_LOCK: &str = "hold.lock";
/// How often a lock that others have is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// While it lives, no process removes anything from the store.
///
/// Made by [`Store::hold`]. Given up when it is dropped, or when the process ends,
/// however it ends.
#[derive(Debug)]
#[must_use = "it is given up when it is dropped"]
pub struct Hold {
    /// `None` in stores that were opened for reading where there is no lock file:
    /// such a store was never collected.
    _file: Option<File>,
}

impl Store {
    /// Keeps [`Store::gc`], in this and other processes, from removing anything until
    /// the hold is dropped. Any number of them may be held at once, by any
    /// number of processes.
    ///
    /// Take one before you look for trees that a manifest is going to name, and
    /// drop it once [`Store::put_manifest`] has returned: between these two, nothing
    /// but the hold shows that those trees are needed, those found as little as those
    /// put. It waits while a collection is under way, and then takes in what that
    /// has changed. Do not wait for user input or a network while holding it.
    ///
    /// ```
    /// # use herbarium_store::{Manifest, Store, StoreOptions};
    /// # let dir = tempfile::tempdir()?;
    /// # let store = Store::open(dir.path().join("store"), StoreOptions::new())?;
    /// # let manifest = Manifest::new("/workspace", 0, vec![]);
    /// let hold = store.hold()?;
    /// // Look for the trees of a workspace, put those that are missing …
    /// store.put_manifest(&manifest)?;
    /// drop(hold);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Io`] if the store's directory cannot be listed or locked.
    pub fn hold(&self) -> Result<Hold, StoreError> {
        let path = self.dir().join(HOLD_LOCK);
        let file = if self.is_read_only() { File::open(&path) } else { open_lock(&path) };
        let file = match file {
            Ok(file) => file,
            Err(error) if self.is_read_only() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Hold { _file: None });
            }
            Err(error) => return Err(error).at("open", &path),
        };
        file.lock_shared().at("lock", &path)?;
        self.refresh()?;
        Ok(Hold { _file: Some(file) })
    }
}

/// Waits until nobody holds anything, and keeps it so.
pub(crate) fn exclude_all(dir: &Path, wait: Duration) -> Result<FileLock, StoreError> {
    let path = dir.join(HOLD_LOCK);
    let begun = Instant::now();
    loop {
        if let Some(lock) = FileLock::try_take(path.clone()).at("lock", &path)? {
            return Ok(lock);
        }
        if begun.elapsed() >= wait {
            return Err(StoreError::Busy {
                path: dir.to_owned(),
                doing: "indexing into it, or copying it",
            });
        }
        std::thread::sleep(PAUSE);
    }
}

/// Takes a lock that one process has at a time for as long as it lives.
pub(crate) fn only_one(
    dir: &Path,
    name: &str,
    doing: &'static str,
) -> Result<FileLock, StoreError> {
    let path = dir.join(name);
    let lock = FileLock::try_take(path.clone()).at("lock", &path)?;
    lock.ok_or_else(|| StoreError::Busy { path: dir.to_owned(), doing })
}

/// Whether a file that exists is locked by somebody.
pub(crate) fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
