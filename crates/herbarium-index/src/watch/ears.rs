//! Events of the system, through the crate `notify`.
//!
//! It is asked for single folders where the system watches single folders
//! (inotify): those that are left out, `target` say, cost no watch then. Elsewhere
//! it is asked for the whole, and what is left out is passed over when it is heard.
//! Debouncing is the inbox's: all that is needed of an event is its path.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::WatchError;
use super::inbox::Inbox;

/// What hears.
pub(super) struct Ears {
    watcher: RecommendedWatcher,
    /// Folders that are watched.
    watched: BTreeSet<PathBuf>,
}

/// Whether a folder is watched now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was before.
    Already,
    /// From now on.
    New,
    /// The system watches no more.
    Full,
    /// It cannot be: it is gone, as a rule.
    No,
}

/// Whether the system watches folders one by one.
pub(super) const BY_FOLDER: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Ears {
    pub(super) fn new(inbox: &Arc<Inbox>) -> Result<Self, WatchError> {
        let inbox = Arc::clone(inbox);
        let hear = move |event| hear(&inbox, event);
        let watcher = notify::recommended_watcher(hear);
        let watcher = watcher.map_err(|error| WatchError::System(Box::new(error)))?;
        Ok(Self { watcher, watched: BTreeSet::new() })
    }

    /// Watches a folder of the workspace at this root.
    pub(super) fn watch(&mut self, root: &Path, folder: &Path) -> Heard {
        let (folder, mode) = match BY_FOLDER {
            true => (folder, RecursiveMode::NonRecursive),
            false => (root, RecursiveMode::Recursive),
        };
        if self.watched.contains(folder) {
            return Heard::Already;
        }
        match self.watcher.watch(folder, mode) {
            Ok(()) => {
                self.watched.insert(folder.to_owned());
                Heard::New
            }
            Err(error) => match error.kind {
                ErrorKind::MaxFilesWatch => Heard::Full,
                _ => Heard::No,
            },
        }
    }

    /// Forgets a folder and all below it: they are gone, or others took their names.
    pub(super) fn forget(&mut self, folder: &Path) {
        let from = self.watched.range(folder.to_owned()..);
        let below = from.take_while(|it| it.starts_with(folder)).cloned();
        for folder in below.collect::<Vec<_>>() {
            // The system has forgotten those that are gone by itself.
            let _ = self.watcher.unwatch(&folder);
            self.watched.remove(&folder);
        }
    }

    /// Whether a folder is watched itself.
    pub(super) fn hears(&self, folder: &Path) -> bool {
        self.watched.contains(folder)
    }

    /// Number of folders that are watched, of those at or below this one.
    pub(super) fn count(&self, root: &Path) -> u64 {
        let from = self.watched.range(root.to_owned()..);
        from.take_while(|it| it.starts_with(root)).count() as u64
    }
}

fn hear(inbox: &Inbox, event: notify::Result<notify::Event>) {
    metrics::counter!("herbarium_watch_events_total").increment(1);
    match event {
        Ok(event) if event.need_rescan() => inbox.overflow(),
        Ok(event) => note(inbox, event),
        // Which ones were missed, nobody knows.
        Err(error) => {
            tracing::warn!(%error, "an event of the file system could not be read");
            inbox.overflow();
        }
    }
}

fn note(inbox: &Inbox, event: notify::Event) {
    let is_new = match event.kind {
        // That somebody reads, the engine for one.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => return,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => true,
        EventKind::Modify(ModifyKind::Name(_) | ModifyKind::Any | ModifyKind::Other) => true,
        EventKind::Modify(_) => false,
    };
    for path in event.paths {
        inbox.note(path, is_new);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use notify::event::{CreateKind, DataChange, Flag};

    use super::*;
    use crate::watch::inbox::Next;

    fn check(event: notify::Result<notify::Event>, expected: &str) {
        let inbox = Inbox::new(10);
        hear(&inbox, event);
        let none = Duration::ZERO;
        let next = match inbox.next(none, none, none) {
            Next::Paths(paths) => paths
                .iter()
                .map(|(path, note)| format!("{} {}", path.display(), note.is_new))
                .collect(),
            other => format!("{other:?}"),
        };
        assert_eq!(next, expected);
    }

    fn at(kind: EventKind) -> notify::Result<notify::Event> {
        Ok(notify::Event::new(kind).add_path("a".into()))
    }

    #[test]
    fn what_the_system_lost_is_everything() {
        let lost = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
        check(Ok(lost), "Everything(Overflow)");
        check(Err(notify::Error::generic("torn")), "Everything(Overflow)");
    }

    #[test]
    fn who_only_reads_is_not_heard() {
        check(at(EventKind::Access(AccessKind::Open(AccessMode::Any))), "Nothing");
        check(at(EventKind::Access(AccessKind::Close(AccessMode::Read))), "Nothing");
        check(at(EventKind::Access(AccessKind::Close(AccessMode::Write))), "a false");
        check(at(EventKind::Modify(ModifyKind::Data(DataChange::Any))), "a false");
        check(at(EventKind::Create(CreateKind::Folder)), "a true");
    }
}
