//! What a run tells while it goes on.

use std::path::Path;

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
}

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
