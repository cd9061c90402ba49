//! What ends a run, or keeps a tree from being opened.

use std::io;
use std::path::PathBuf;

use herbarium_languages::ParseError;
use herbarium_store::{StoreError, TreeKey};

/// Why a run ended early. What concerns one file alone is a
/// [`Problem`](crate::Problem) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A path that was given cannot be indexed.
    #[error("could not index {}: check the path", path.display())]
    Root {
        /// The path, as it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path that was given is neither a file nor a folder.
    #[error("could not index {}: expected a file or a folder, found {found}: name one of these", path.display())]
    NotIndexable {
        /// The path, as it was given.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The store cannot be read or written.
    #[error("the store gave up: what was stored before is safe")]
    Store(#[from] StoreError),
    /// The threads that parse could not be started.
    #[error("could not start a thread: close other programs or ask for fewer workers")]
    Thread(#[source] io::Error),
}

/// Why a file's tree cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be read.
    #[error("could not read {}: check the path, and who may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no regular file.
    #[error("could not open {}: expected a regular file, found {found}: name a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The file went on changing while it was read.
    #[error("{} changed while it was being read: try again when it rests", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// The file is too long.
    #[error("{} has {len} bytes, the limit is {limit}: raise the limit", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// The file's tree would take too much memory.
    #[error("parsing {} would take some {} MiB of memory, the limit is {} MiB: raise the memory budget", path.display(), needed.div_ceil(1 << 20), limit >> 20)]
    TooDense {
        /// The file.
        path: PathBuf,
        /// Estimated memory, in bytes.
        needed: u64,
        /// The most that one file may take: the whole budget.
        limit: u64,
    },
    /// A source of the same language was to be parsed, and its parse is still at work a
    /// second after twice its time limit: the grammar's scanner does not come back, and
    /// cannot be stopped. It keeps a thread and a core; so that no other source does the
    /// same, the language is not parsed until the process is started again.
    #[error("{} was not parsed: a source before it hangs in the scanner of `{id}`: restart, and leave that source or the language out (never_parse)", path.display())]
    Hangs {
        /// The file.
        path: PathBuf,
        /// Id of the language.
        id: &'static str,
    },
    /// No language claims the file.
    #[error("{} is in no language that is known: see `herbarium languages`", path.display())]
    UnknownLanguage {
        /// The file.
        path: PathBuf,
    },
    /// There is no language of that id.
    #[error("there is no language `{id}`: see `herbarium languages --known`")]
    NoLanguage {
        /// What was asked for.
        id: String,
    },
    /// The language is known, but was not built in.
    #[error("{} is in {name}, which was not built in: build with the feature `lang-{id}` or `all-langs`", path.display())]
    NotBuilt {
        /// The file.
        path: PathBuf,
        /// Id of the language.
        id: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// The language is not one of those that the engine was asked for.
    #[error("{} is in a language that is left out: ask for it in the options", path.display())]
    Filtered {
        /// The file.
        path: PathBuf,
    },
    /// The language only occurs inside others and has no files of its own.
    #[error("{} is in a language that only occurs inside others: open the file around it", path.display())]
    InjectionOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text in a supported encoding.
    #[error("{} is {found}, expected text in UTF-8 or another encoding that extends ASCII: convert it", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
    },
    /// The parser gave no tree.
    #[error("could not parse {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: ParseError,
    },
    /// The live tree could not be taken over.
    #[error("could not take the tree of {} over: report the file, with the version of its grammar", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its tree cannot be a file on its own.
    #[error("could not export the tree of {}", path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<herbarium_store::ExportError>,
    },
    /// There is no tree of that key, or it is damaged.
    #[error("there is no tree {key} in the store: index the file that it is the tree of")]
    NoTree {
        /// The key.
        key: TreeKey,
    },
    /// The store cannot be read.
    #[error("the store gave up: what was stored before is safe")]
    Store(#[from] StoreError),
}
