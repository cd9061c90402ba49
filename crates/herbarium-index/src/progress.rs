//! What a run tells while it goes on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use herbarium_store::{ManifestRow, path_from_bytes};

use crate::walk::Found;

/// Hears how far a run is. Called only from the thread that called the engine,
/// at most some 20 times a second. `()` hears nothing.
///
/// ```
/// use std::cell::Cell;
/// use herbarium_index::{Progress, Tick};
///
/// struct Count(Cell<u64>);
///
/// impl Progress for Count {
///     fn tick(&self, tick: &Tick<'_>) {
///         self.0.set(tick.files_done);
///     }
/// }
/// ```
pub trait Progress {
    /// How far the run is now.
    fn tick(&self, tick: &Tick<'_>);

    /// A file of more than 1 MiB is done, and all memory that it took is free. A
    /// program whose allocator keeps freed memory, for each thread apart, may
    /// give it back to the system now: else the largest file of each thread adds
    /// up, whatever the [memory budget](crate::EngineOptions::memory_budget).
    fn large_file_done(&self) {}
}

/// Sources that are longer take memory worth giving back.
pub(crate) const LARGE: u64 = 1 << 20;

impl Progress for () {
    fn tick(&self, _: &Tick<'_>) {}
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick<'a> {
    /// What is being done.
    pub phase: Phase,
    /// Files found so far; all there are once the walk is over.
    pub files_found: u64,
    /// Files done so far, those that needed no work included.
    pub files_done: u64,
    /// Bytes of the files found; 0 until the walk is over.
    pub bytes_found: u64,
    /// Bytes of the files done.
    pub bytes_done: u64,
    /// A file that was done last.
    pub current: Option<&'a Path>,
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking for files.
    Walk,
    /// Reading, parsing and pressing.
    Press,
    /// Learning dictionaries from the first files.
    Train,
    /// Writing down what the workspace looks like.
    Write,
    /// Reading stored trees and comparing them.
    Verify,
}

/// Counts, and tells a [`Progress`] from time to time.
pub(crate) struct Ticker<'a> {
    progress: &'a dyn Progress,
    phase: Phase,
    files_found: u64,
    files_done: u64,
    bytes_found: u64,
    bytes_done: u64,
    current: Option<PathBuf>,
    told: Instant,
}

impl<'a> Ticker<'a> {
    /// Time between two tellings.
    pub(crate) const STEP: Duration = Duration::from_millis(50);

    pub(crate) fn new(progress: &'a dyn Progress) -> Self {
        Self {
            progress,
            phase: Phase::Walk,
            files_found: 0,
            files_done: 0,
            bytes_found: 0,
            bytes_done: 0,
            current: None,
            told: Instant::now(),
        }
    }

    /// Another phase: told at once.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.phase = phase;
        self.tell(self.files_found);
    }

    /// How many files the walk has found so far.
    pub(crate) fn walking(&mut self, found: u64) {
        self.tell(self.files_found + found);
    }

    /// The files of a workspace, and those of them that need no work.
    pub(crate) fn found<'r>(
        &mut self,
        files: &[Found],
        kept: impl Iterator<Item = &'r ManifestRow>,
    ) {
        self.expect(files.len() as u64, files.iter().map(|found| found.stat.size).sum());
        for row in kept {
            self.files_done += 1;
            self.bytes_done += row.size;
        }
        self.tell(self.files_found);
    }

    /// So much more to do.
    pub(crate) fn expect(&mut self, files: u64, bytes: u64) {
        self.files_found += files;
        self.bytes_found += bytes;
    }

    /// A file is done.
    pub(crate) fn done(&mut self, root: &Path, found: &Found) {
        self.done_more(1, found.stat.size);
        if self.told.elapsed() >= Self::STEP {
            self.current = Some(root.join(path_from_bytes(&found.path)));
        }
    }

    /// A file is done, or so many trees of which nobody knows the sizes.
    pub(crate) fn done_more(&mut self, files: u64, bytes: u64) {
        self.files_done += files;
        self.bytes_done += bytes;
        if files == 1 && bytes > LARGE {
            self.progress.large_file_done();
        }
    }

    /// Tells, if it is time.
    pub(crate) fn tick(&mut self) {
        if self.told.elapsed() >= Self::STEP {
            self.tell(self.files_found);
        }
    }

    fn tell(&mut self, files_found: u64) {
        self.told = Instant::now();
        self.progress.tick(&Tick {
            phase: self.phase,
            files_found,
            files_done: self.files_done,
            bytes_found: self.bytes_found,
            bytes_done: self.bytes_done,
            current: self.current.as_deref(),
        });
    }
}
