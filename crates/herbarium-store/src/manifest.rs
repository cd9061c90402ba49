//! Manifests: which files a workspace has, and which trees they are.

mod columns;
mod kinds;
mod wire;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::TreeKey;

pub(crate) use wire::BaseId;
#[cfg(test)]
pub(crate) use wire::{HEADER, MAGIC, MAJOR, MINOR};

/// What a workspace looked like when it was last indexed: one row a file.
///
/// Read and written whole. 100,000 rows take some 5 MB.
///
/// ```
/// use herbarium_store::{Manifest, ManifestRow, NoTree, Outcome};
///
/// let row = ManifestRow {
///     path: b"src/main.rs".to_vec(),
///     size: 12,
///     mtime_ns: 1_700_000_000_000_000_000,
///     ctime_ns: 1_700_000_000_000_000_000,
///     inode: 42,
///     language: None,
///     outcome: Outcome::None(NoTree::UnknownLanguage),
///     nodes: 0,
///     lines: 0,
///     stored_bytes: 0,
///     kinds: None,
/// };
/// let manifest = Manifest::new("/home/me/project", 0, vec![row]);
/// assert_eq!(manifest.find(b"src/main.rs").map(|row| row.size), Some(12));
/// assert!(manifest.find(b"src/lib.rs").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    root: PathBuf,
    taken_ns: i64,
    rows: Vec<ManifestRow>,
}

/// One file of a workspace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestRow {
    /// Path relative to the root, as [`path_bytes`] gives it.
    pub path: Vec<u8>,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of content, in ns since 1970.
    pub mtime_ns: i64,
    /// Time of the last change of anything about the file; 0 where unknown.
    pub ctime_ns: i64,
    /// Inode or file index; 0 where unknown.
    pub inode: u64,
    /// Id of the language, where there is one.
    pub language: Option<Arc<str>>,
    /// The tree, or why there is none.
    pub outcome: Outcome,
    /// Nodes of the tree.
    pub nodes: u32,
    /// Lines of the file.
    pub lines: u32,
    /// Bytes that the tree takes in the store.
    pub stored_bytes: u32,
    /// What is noted of the tree so that it need not be opened to know that it
    /// has nothing of a kind; opaque here, at most 64 KiB. `None` where nothing
    /// is known, and in rows without a tree.
    pub kinds: Option<Arc<[u8]>>,
}

/// What became of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It has this tree.
    Tree(TreeKey),
    /// It has none.
    None(NoTree),
}

/// Why a file has no tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NoTree {
    /// No language claims it.
    UnknownLanguage,
    /// It is not text.
    Binary,
    /// It is larger than the limit.
    TooLarge,
    /// It could not be read.
    Unreadable,
    /// It changed while it was being read.
    Changing,
    /// Parsing went over a limit.
    ParseLimit,
    /// It is in an encoding that has no tree.
    Encoding,
    /// Its language only occurs inside others.
    InjectionOnly,
    /// A reason that this version has no name for.
    Other,
}

impl Manifest {
    /// A manifest of the workspace at `root`, a canonical absolute path; rows
    /// are sorted by path.
    pub fn new(root: impl Into<PathBuf>, taken_ns: i64, mut rows: Vec<ManifestRow>) -> Self {
        if !rows.is_sorted_by(|a, b| a.path <= b.path) {
            rows.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Self { root: root.into(), taken_ns, rows }
    }

    /// Root of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// When it was taken, in ns since 1970: a file whose mtime is not clearly
    /// before may have changed since without showing it.
    pub fn taken_ns(&self) -> i64 {
        self.taken_ns
    }

    /// The rows, by path.
    pub fn rows(&self) -> &[ManifestRow] {
        &self.rows
    }

    /// Gives the rows away.
    pub fn into_rows(self) -> Vec<ManifestRow> {
        self.rows
    }

    /// The row of a path.
    pub fn find(&self, path: &[u8]) -> Option<&ManifestRow> {
        let index = self.rows.binary_search_by(|row| row.path.as_slice().cmp(path)).ok()?;
        self.rows.get(index)
    }

    /// The bytes of a manifest, as `docs/format/store-v1.md` describes them; with the
    /// blob of another one, those of the difference to it where that pays.
    pub(crate) fn to_bytes(&self, base: Option<&[u8]>) -> ManifestBytes {
        let body = wire::Body::of(self);
        let alone = body.to_blob();
        let difference = base.and_then(|base| body.to_difference(base, alone.len()));
        difference.map_or(ManifestBytes::Alone(alone), ManifestBytes::Difference)
    }

    /// `None` for anything but a whole, undamaged manifest of a version we know. The blob
    /// of a difference needs that of its base, no other has one.
    pub(crate) fn from_bytes(blob: &[u8], base: Option<&[u8]>) -> Option<Self> {
        wire::decode(blob, base)
    }
}

/// The bytes of a manifest.
pub(crate) enum ManifestBytes {
    /// By itself.
    Alone(Vec<u8>),
    /// The difference to the base that was given.
    Difference(Vec<u8>),
}

/// What is known of a manifest without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ManifestInfo {
    /// Root of the workspace.
    pub root: PathBuf,
    /// Number of rows.
    pub rows: u64,
    /// Bytes that it takes, less those that it has in common with another.
    pub bytes: u64,
    /// When it was taken, in ns since 1970.
    pub taken_ns: i64,
}

impl NoTree {
    fn code(self) -> u8 {
        match self {
            Self::UnknownLanguage => 1,
            Self::Binary => 2,
            Self::TooLarge => 3,
            Self::Unreadable => 4,
            Self::Changing => 5,
            Self::ParseLimit => 6,
            Self::Encoding => 7,
            Self::InjectionOnly => 8,
            Self::Other => 255,
        }
    }

    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::UnknownLanguage,
            2 => Self::Binary,
            3 => Self::TooLarge,
            4 => Self::Unreadable,
            5 => Self::Changing,
            6 => Self::ParseLimit,
            7 => Self::Encoding,
            8 => Self::InjectionOnly,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for NoTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownLanguage => "unknown language",
            Self::Binary => "binary",
            Self::TooLarge => "too large",
            Self::Unreadable => "unreadable",
            Self::Changing => "changed while being read",
            Self::ParseLimit => "over a parse limit",
            Self::Encoding => "not in a supported encoding",
            Self::InjectionOnly => "a language that only occurs inside others",
            Self::Other => "another reason",
        })
    }
}

/// A path as a manifest holds it: its own bytes on Unix; elsewhere UTF-8, with
/// `/` between the parts.
pub fn path_bytes(path: &Path) -> Vec<u8> {
    #[cfg(unix)]
    {
        std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
    }
    #[cfg(not(unix))]
    {
        path.to_string_lossy().replace('\\', "/").into_bytes()
    }
}

/// The path that [`path_bytes`] made these bytes from.
pub fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    {
        let text = String::from_utf8_lossy(bytes);
        // Windows knows `\\?\C:` as the beginning of a path, and `//?/C:` as a folder.
        let parts = if text.starts_with("//") { "\\" } else { "/" };
        PathBuf::from(text.replace('/', parts))
    }
}
