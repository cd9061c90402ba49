//! What can go wrong with a store, other than damage to a record (which is a miss).

use std::io;
use std::path::{Path, PathBuf};

/// Why a store cannot do what it was asked.
///
/// A damaged record, a missing dictionary or a lost catalogue is none of
/// these: it is a miss, counted and logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("could not {deed} {}{}", path.display(), hint(source))]
    Io {
        /// What was being done.
        deed: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store was written in a format of another major version.
    #[error(
        "the store {} has format version {found}, this program reads \
         {supported_major}.{supported_minor}: {}",
        path.display(),
        if *newer { "update Herbarium, or name another directory with --store or HERBARIUM_STORE" } else { "name another directory with --store or HERBARIUM_STORE and index again" }
    )]
    Version {
        /// The store's directory.
        path: PathBuf,
        /// The version found, as it is written there: there is no telling how
        /// large the numbers of a later one are.
        found: String,
        /// Whether it is a later one than this library's.
        newer: bool,
        /// Major version of this library.
        supported_major: u32,
        /// Minor version of this library.
        supported_minor: u32,
    },
    /// The marker file is not what a store has there, and nothing beside it
    /// shows that this is a store: such a file is written anew.
    #[error("{} is damaged: expected {expected}, found {found}: {advice}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
        /// How to repair it.
        advice: &'static str,
    },
    /// The directory holds other things, or does not exist and may not be made.
    #[error(
        "{} is not a store: expected the file HERBARIUM in it, found {found}: name an empty or a new directory",
        path.display()
    )]
    NotAStore {
        /// The directory.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// The store was opened for reading only.
    #[error("could not {deed}: the store {} was opened for reading only: open it for writing", path.display())]
    ReadOnly {
        /// What was asked.
        deed: &'static str,
        /// The store's directory.
        path: PathBuf,
    },
    /// Others use the store in a way that excludes what was asked.
    #[error("the store {} is in use: a process is {doing}: wait for it, or end it, and try again", path.display())]
    Busy {
        /// The store's directory.
        path: PathBuf,
        /// What the other process is doing.
        doing: &'static str,
    },
    /// There is something where a copy of a store was to be.
    #[error("{} is not empty: name an empty or a new directory, or say to overwrite the store there", path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// There is something in the directory of a store which is not the store's, and which
    /// would go with it.
    #[error(
        "the store {} cannot be replaced: {} in it is not the store's: move it elsewhere, and try again",
        path.display(),
        stranger.display()
    )]
    NotOnlyAStore {
        /// The store's directory.
        path: PathBuf,
        /// The first thing there that is not the store's.
        stranger: PathBuf,
    },
    /// A copy of a store was to be inside that store.
    #[error("the copy {} would be inside the store {}: name a directory outside of it", path.display(), store.display())]
    InsideTheStore {
        /// Where the copy was to be.
        path: PathBuf,
        /// The store's directory.
        store: PathBuf,
    },
    /// A copy does not hold what was written to it.
    #[error("the copy {} is not what was written: found {found}: check the disk, and copy to another one", path.display())]
    BadCopy {
        /// The file or directory.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// More bytes than a record can hold.
    #[error(
        "could not store {what} of {len} bytes: a record holds at most {limit}: split it, or leave it out"
    )]
    TooLarge {
        /// What was to be stored.
        what: &'static str,
        /// How long it is.
        len: u64,
        /// How long it may be.
        limit: u64,
    },
    /// There is no home directory to put a cache in.
    #[error("could not find the user's cache directory: set HERBARIUM_STORE to a directory")]
    NoHome,
    /// The catalogue could not be read or written.
    #[error("could not {deed} in the catalogue {}: delete this file if it stays so, it is rebuilt at the next open", path.display())]
    Catalogue {
        /// What was being done.
        deed: &'static str,
        /// The catalogue file.
        path: PathBuf,
        /// What its engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Adds deed and path to an I/O result.
pub(crate) trait IoContext<T> {
    fn at(self, deed: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, deed: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { deed, path: path.to_owned(), source })
    }
}

/// Whether this user may not do that, or nobody may.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Whether a directory stands in the place of a file, or a link that leads nowhere.
fn is_no_file(error: &io::Error) -> bool {
    // `ErrorKind` has no stable name for ELOOP.
    let is_loop = cfg!(target_os = "linux") && error.raw_os_error() == Some(40);
    is_loop || error.kind() == io::ErrorKind::IsADirectory
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        _ if is_refusal(source) => ": have its permissions changed, or name another directory",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": free some space; what was stored before is safe"
        }
        _ if is_no_file(source) => {
            ": what stands there is no file; delete it if nobody needs what is in it: the store \
             makes its files anew"
        }
        _ => "",
    }
}
