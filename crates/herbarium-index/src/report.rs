//! What a run found and did.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use herbarium_store::ManifestRow;

use crate::Limit;

/// What a run found and did.
///
/// Every regular file that the walk finds is counted once: `found` is the sum of
/// `files`, `unknown`, `not_built`, `injection_only`, `filtered`,
/// `skipped_binary` and the problems that concern a file
/// ([`ProblemKind::is_of_a_file`]).
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct IndexReport {
    /// Regular files that the walk found.
    pub found: u64,
    /// Files that have a tree.
    pub files: u64,
    /// Lines in them: one for each line feed, and one more for text after the last.
    pub lines: u64,
    /// Nodes of their trees.
    pub nodes: u64,
    /// Trees that were parsed and stored now.
    pub trees_new: u64,
    /// Files whose tree was in the store.
    pub trees_reused: u64,
    /// Files that were read.
    pub reads: u64,
    /// Parses, those that gave no tree included.
    pub parses: u64,
    /// Bytes of the files that have a tree.
    pub source_bytes: u64,
    /// Bytes that their trees take in the store, each tree once.
    pub stored_bytes: u64,
    /// Files of no known language.
    pub unknown: u64,
    /// Files of a language that was not built in, by its id.
    pub not_built: BTreeMap<&'static str, u64>,
    /// Files of languages that only occur inside others.
    pub injection_only: u64,
    /// Files of languages that were not asked for.
    pub filtered: u64,
    /// Binary files.
    pub skipped_binary: u64,
    /// Symbolic links, sockets, pipes and devices: never opened, not in `found`.
    pub skipped_special: u64,
    /// What went wrong, by path.
    pub problems: Vec<Problem>,
    /// Figures for each language, by its id.
    pub languages: BTreeMap<&'static str, LanguageFigures>,
    /// Dictionaries made now.
    pub dictionaries: u64,
    /// Whether the run was cancelled: the figures are those of what was done.
    pub cancelled: bool,
    /// Time on the clock.
    pub seconds: f64,
    /// CPU time of the process during the run; 0 where the system does not tell.
    pub cpu_seconds: f64,
    /// Of that, parsing and dropping the live trees; 0 where the system does
    /// not tell.
    pub parse_cpu_seconds: f64,
}

/// Figures for one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LanguageFigures {
    /// Files that have a tree.
    pub files: u64,
    /// Lines in them.
    pub lines: u64,
    /// Nodes of their trees.
    pub nodes: u64,
    /// Bytes of the files.
    pub source_bytes: u64,
    /// Bytes that their trees take in the store, each tree once.
    pub stored_bytes: u64,
}

impl LanguageFigures {
    pub(crate) fn add(&mut self, row: &ManifestRow, stored_bytes: u64) {
        self.files += 1;
        self.lines += u64::from(row.lines);
        self.nodes += u64::from(row.nodes);
        self.source_bytes += row.size;
        self.stored_bytes += stored_bytes;
    }
}

/// A file or folder that could not be indexed as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// What kind of problem.
    pub kind: ProblemKind,
    /// What happened, what was expected, and what to do.
    pub message: String,
    /// The limit that it is over, if it is.
    pub limit: Option<Limit>,
}

/// What kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The system refused to read the file.
    Unreadable,
    /// The system refused to list a folder; the files in it are not known.
    UnreadableFolder,
    /// A line of an ignore file cannot be understood.
    BadIgnoreRule,
    /// It was there when the folder was listed, and then no more.
    Vanished,
    /// It went on changing while it was read.
    Changing,
    /// It is longer than the limit, or would take more memory.
    TooLarge,
    /// Reading or parsing it took longer than the limit.
    TimedOut,
    /// It is in an encoding that has no tree: UTF-16 or UTF-32.
    Encoding,
    /// The parser gave no tree.
    ParseFailed,
    /// The live tree could not be taken over.
    CaptureFailed,
    /// The thread that worked on it panicked.
    Panicked,
    /// It is not what it was when it was indexed. Only in a scan.
    Changed,
    /// Its tree cannot be opened from the store. Only in a scan.
    MissingTree,
}

impl ProblemKind {
    /// The word for it in figures and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnreadableFolder => "unreadable_folder",
            Self::BadIgnoreRule => "bad_ignore_rule",
            Self::Vanished => "vanished",
            Self::Changing => "changing",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
            Self::Encoding => "encoding",
            Self::ParseFailed => "parse_failed",
            Self::CaptureFailed => "capture_failed",
            Self::Panicked => "panicked",
            Self::Changed => "changed",
            Self::MissingTree => "missing_tree",
        }
    }

    /// Whether it is about one regular file, which then has no tree.
    pub fn is_of_a_file(self) -> bool {
        !matches!(self, Self::UnreadableFolder | Self::BadIgnoreRule)
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name().replace('_', " "))
    }
}

/// What the store knows of the workspaces that were indexed.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct StatsReport {
    /// Each workspace, by its root.
    pub workspaces: Vec<WorkspaceFigures>,
    /// All languages of all workspaces, by id. A tree that several files or
    /// workspaces share counts once in `stored_bytes`.
    pub languages: BTreeMap<String, LanguageFigures>,
    /// The sum of the languages.
    pub total: LanguageFigures,
    /// Trees in the store, those that no workspace names included.
    pub trees: u64,
    /// Bytes that these trees take.
    pub tree_bytes: u64,
    /// Bytes of all files of the store: trees, grammar tables, dictionaries,
    /// manifests.
    pub file_bytes: u64,
}

/// Figures for one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkspaceFigures {
    /// The folder.
    pub root: PathBuf,
    /// When it was last indexed, in ns since 1970.
    pub indexed_ns: i64,
    /// Its files that have a tree.
    pub figures: LanguageFigures,
    /// Its files that have none.
    pub without_tree: u64,
}
