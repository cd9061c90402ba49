//! Which tree a file had when it was last read: one that has not changed since need not
//! be read again to know it.
//!
//! The rule is that of git and of the index: a file whose device, inode, length and both
//! times are what they were has the same content, provided that these times were over
//! when it was read. A file that changed within the last [`SETTLED`] may change again
//! without its times telling; it is read each time.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use herbarium::store::TreeKey;
use quick_cache::sync::Cache;

use crate::relative::Relative;

/// Clocks of file systems go in steps, of 2 s at most.
const SETTLED: Duration = Duration::from_secs(2);

/// Files that are remembered, some 200 bytes each.
const FILES: usize = 65_536;

/// What tells that a file was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Looks {
    place: (u64, u64),
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Looks {
    /// Of an open file; `None` where the system does not tell enough.
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self {
            place: (metadata.dev(), metadata.ino()),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Of an open file; `None` where the system does not tell enough.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// Whether both times were over at this one. Times to come never are.
    fn is_settled(&self, now: SystemTime) -> bool {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let latest = self.modified.0.max(self.changed.0);
        let until = since.saturating_sub(SETTLED).as_secs();
        i64::try_from(until).is_ok_and(|until| latest < until)
    }
}

/// The trees of files that were read.
#[derive(Debug)]
pub(crate) struct Memo {
    notes: Cache<(PathBuf, Relative), (Looks, TreeKey)>,
}

impl Memo {
    pub(crate) fn new() -> Self {
        Self { notes: Cache::new(FILES) }
    }

    /// The tree that a file had when it looked like this.
    pub(crate) fn tree_of(&self, root: &Path, path: &Relative, looks: Looks) -> Option<TreeKey> {
        let (then, key) = self.notes.get(&(root.to_owned(), path.clone()))?;
        (then == looks).then_some(key)
    }

    /// A file that looked like this, before and after it was read at this time, has
    /// this tree.
    pub(crate) fn note(
        &self,
        at: (&Path, &Relative),
        looks: Looks,
        read: SystemTime,
        key: TreeKey,
    ) {
        if looks.is_settled(read) {
            self.notes.insert((at.0.to_owned(), at.1.clone()), (looks, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(modified: i64, changed: i64, settled: bool) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let looks = Looks { place: (1, 2), len: 3, modified: (modified, 0), changed: (changed, 0) };
        assert_eq!(looks.is_settled(now), settled, "{modified} {changed}");
        let (memo, path) = (Memo::new(), Relative::parse("a.rs").expect("a path"));
        let key = TreeKey([7; 32]);
        memo.note((Path::new("/r"), &path), looks, now, key);
        assert_eq!(memo.tree_of(Path::new("/r"), &path, looks), settled.then_some(key));
        let other = Looks { len: 4, ..looks };
        assert_eq!(memo.tree_of(Path::new("/r"), &path, other), None);
        assert_eq!(memo.tree_of(Path::new("/s"), &path, looks), None);
    }

    #[test]
    fn only_times_that_are_over_say_that_nothing_changed() {
        check(900, 900, true);
        check(997, 990, true);
        check(998, 990, false);
        check(900, 999, false);
        check(900, 1000, false);
        // The clock was set back.
        check(900, 2000, false);
        check(2000, 900, false);
    }
}
