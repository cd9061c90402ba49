//! A folder to work in, gone at the end.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder of its own, in memory where the system has a place for that: what a
/// disk would lose is worked out, not waited for.
#[derive(Debug)]
pub struct Scratch(TempDir);

const IN_MEMORY: &str = "/dev/shm";

impl Scratch {
    /// A new folder.
    ///
    /// # Errors
    /// The system cannot make one.
    pub fn new() -> io::Result<Self> {
        let in_memory = tempfile::Builder::new().prefix("herbarium-").tempdir_in(IN_MEMORY);
        in_memory.or_else(|_| tempfile::tempdir()).map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The folder that the faults are below; made if it is not there.
    ///
    /// # Errors
    /// The system cannot make it.
    pub fn root(&self) -> io::Result<PathBuf> {
        let root = self.path().join("root");
        std::fs::create_dir_all(&root)?;
        // The kernel gives paths without links in them.
        std::fs::canonicalize(root)
    }
}
