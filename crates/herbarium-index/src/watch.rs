//! Watching workspaces: what changes is pressed at once.

mod drafts;
mod ears;
mod inbox;
mod keeper;
mod place;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use herbarium_store::TreeKey;

use crate::engine::Shared;
use crate::paths::{Target, targets};
use crate::{Cancel, IndexError, IndexReport, Problem};

use inbox::Inbox;
use keeper::Keeper;

/// How a [`Watcher`] works.
///
/// ```
/// use std::time::Duration;
/// use herbarium_index::WatchOptions;
///
/// let options = WatchOptions { quiet: Duration::from_millis(50), ..WatchOptions::default() };
/// assert_eq!(options.flood, 5_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// How long a file must be left alone before it is read: an editor that
    /// writes in several steps is waited for. 15 ms by default.
    pub quiet: Duration,
    /// When a file is read at the latest, even if it goes on changing. 400 ms by
    /// default.
    pub patience: Duration,
    /// More changed paths than this at one time are not gone through one by one:
    /// the workspace is walked instead, which bounds the memory, too. 5,000 by
    /// default.
    pub flood: usize,
    /// How often manifests are written while changes go on; they are also written
    /// when nothing has changed for [`WatchOptions::idle`], and at the end. A
    /// manifest is written whole: 0.1 s of CPU for 60,000 files. 5 s by default.
    pub write_every: Duration,
    /// After how much rest manifests are written. 500 ms by default.
    pub idle: Duration,
    /// How often a workspace is walked that the system cannot watch all of: its
    /// limit on watches is reached, or the folder is gone for now. As often it is
    /// looked at whether the folder is still the same one. 10 s by default.
    pub rescan_every: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(15),
            patience: Duration::from_millis(400),
            flood: 5_000,
            write_every: Duration::from_secs(5),
            idle: Duration::from_millis(500),
            rescan_every: Duration::from_secs(10),
        }
    }
}

/// What a [`Watcher`] tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A workspace is up to date and watched: from now on changes are told.
    Started {
        /// The workspace.
        root: PathBuf,
        /// Folders that are watched.
        folders: u64,
        /// What bringing it up to date came to.
        report: Box<IndexReport>,
    },
    /// A file that was written has its tree in the store.
    Pressed {
        /// The file.
        path: PathBuf,
        /// Its tree.
        key: TreeKey,
        /// Whether it was parsed; if not, the store had the tree.
        parsed: bool,
        /// Time since the first change was heard of.
        after: Duration,
    },
    /// A file is gone, or a folder with all that was in it; or it is left out
    /// from now on.
    Removed {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file has no tree, or something else went wrong. The watcher goes on.
    Problem(Problem),
    /// A whole workspace was looked at again, and is up to date.
    Rescanned {
        /// The workspace.
        root: PathBuf,
        /// Why.
        why: Rescan,
        /// What it came to.
        report: Box<IndexReport>,
    },
    /// A workspace could not be looked at as a whole: it is tried again after
    /// [`WatchOptions::rescan_every`].
    Failed {
        /// The workspace.
        root: PathBuf,
        /// Why, in a line.
        message: String,
    },
    /// The system watches no more folders: what changes in the rest of the
    /// workspace is found every [`WatchOptions::rescan_every`]. On Linux, raise
    /// `fs.inotify.max_user_watches`.
    Limited {
        /// The workspace.
        root: PathBuf,
        /// Folders that are watched.
        watched: u64,
        /// Folders that there are.
        folders: u64,
    },
    /// All that was heard of is in the store, manifests included.
    Idle,
}

/// Why a whole workspace was looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rescan {
    /// The system lost events: they came too fast.
    Overflow,
    /// More paths changed than are gone through one by one.
    Flood,
    /// An ignore file changed, or a repository came or went.
    Rules,
    /// Not all of the workspace can be watched, it was gone, or another folder
    /// stands at its name.
    Unwatched,
    /// Its manifest was gone, or was written by another version.
    Manifest,
}

impl Rescan {
    /// The word for it in figures and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Flood => "flood",
            Self::Rules => "rules",
            Self::Unwatched => "unwatched",
            Self::Manifest => "manifest",
        }
    }
}

impl fmt::Display for Rescan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Keeps the store up to date with workspaces while their files change: made by
/// [`Engine::watch`](crate::Engine::watch).
///
/// Folders that the rules leave out are not watched. A file that was written is
/// pressed after [`WatchOptions::quiet`]; many at once are pressed in batches, on
/// all workers. What the system does not tell is found by walking.
///
/// The trees are those of fresh parses, as in every run: a key promises just that.
/// A file that is open in an editor is better held as a
/// [`Document`](crate::Document), which parses what changed alone.
///
/// # Durability
/// Trees are in the store when they are told. The manifest, which says which file
/// has which, is written when it is quiet, every few seconds, and by
/// [`Watcher::stop`]: after a crash the next run reads the files of these seconds
/// again and parses none of them.
///
/// Dropping a watcher stops it as [`Watcher::stop`] does.
#[derive(Debug)]
pub struct Watcher {
    inbox: Arc<Inbox>,
    cancel: Cancel,
    roots: Vec<PathBuf>,
    thread: Option<JoinHandle<()>>,
}

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// A path cannot be indexed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A path is a file.
    #[error("could not watch {}: expected a folder, found a file: name its folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The system gives no events.
    #[error(
        "could not ask the system for events of files: close other programs that watch files, or index from time to time instead"
    )]
    System(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No thread can be started.
    #[error("could not start a thread: close other programs")]
    Thread(#[source] std::io::Error),
}

impl Watcher {
    pub(crate) fn start(
        shared: &Arc<Shared>,
        paths: &[PathBuf],
        options: WatchOptions,
        hear: impl FnMut(WatchEvent) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let roots = roots(paths)?;
        let (inbox, cancel) = (Arc::new(Inbox::new(options.flood)), Cancel::new());
        let keeper = Keeper::new(shared, &roots, options, &inbox, &cancel, Box::new(hear))?;
        let builder = thread::Builder::new().name("herbarium-watch".to_owned());
        let thread = builder.spawn(move || keeper.run()).map_err(WatchError::Thread)?;
        Ok(Self { inbox, cancel, roots, thread: Some(thread) })
    }

    /// The workspaces, as the store names them.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Looks at all workspaces as a whole, as soon as possible: for those who know
    /// that events were missed, after the machine slept, say.
    pub fn rescan(&self) {
        self.inbox.overflow();
    }

    /// Stops: gives up what is being parsed, writes manifests, and waits for that.
    /// What was changed and not pressed yet, the next run finds.
    pub fn stop(self) {
        drop(self);
    }

    /// Whether it still works: it ends by itself only if a panic ends it.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.inbox.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the watcher panicked: the next run finds what it missed");
        }
    }
}

/// Folders, each once, and none inside another.
fn roots(paths: &[PathBuf]) -> Result<Vec<PathBuf>, WatchError> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for target in targets(paths)? {
        match target {
            Target::Folder(folder) => roots.push(folder),
            Target::File(path) => return Err(WatchError::NotAFolder { path }),
        }
    }
    roots.sort();
    roots.dedup_by(|later, earlier| later.starts_with(&**earlier as &Path));
    Ok(roots)
}
