//! How the engine works.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use herbarium_cache::Compression;

/// How the engine works.
///
/// ```
/// use herbarium_index::EngineOptions;
///
/// let options = EngineOptions { workers: 2, hidden: true, ..EngineOptions::default() };
/// assert_eq!(options.max_file_bytes, 32 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Threads that parse. All cores by default.
    pub workers: usize,
    /// The longest file that is parsed, in bytes; a longer one is a problem in
    /// the report. 32 MiB by default.
    pub max_file_bytes: u64,
    /// The longest time on the clock that one file may be parsed for. A minute by
    /// default, which is some hundred times what the largest files take on an
    /// idle machine.
    pub max_parse_time: Duration,
    /// Estimated memory of the trees being made at one time, in bytes. Files
    /// wait for each other within it; one that alone needs more is a problem in
    /// the report. 512 MiB by default, with which the process stays below 1 GiB.
    pub memory_budget: u64,
    /// Whether files and folders whose name starts with a dot are walked, too.
    pub hidden: bool,
    /// Whether `.gitignore`, `.ignore` and git's own exclude files are obeyed.
    /// True by default.
    pub follow_ignore: bool,
    /// Ids of the languages to index; `None`, the default, for all that are
    /// built in.
    pub languages: Option<BTreeSet<String>>,
    /// Ids of languages to treat as if they were not built in: their trees are
    /// opened where the store has them, and none is made. For grammars whose
    /// scanner crashes on files at hand. Empty by default.
    pub never_parse: BTreeSet<String>,
    /// The trees that are kept in memory once they were opened.
    pub cache: CacheOptions,
    /// Whether a dictionary is made for each language of which there are enough
    /// files. It saves 30% of the stored bytes and more. True by default.
    pub dictionaries: bool,
}

/// The trees that an engine keeps in memory above its store: **hot** ones, decoded
/// and ready to walk, and **warm** ones, as compressed bytecode. The store is the cold
/// tier below them, with a compression of its own
/// ([`StoreOptions`](herbarium_store::StoreOptions)). Trees move by how they are used;
/// runs over whole code bases move none.
///
/// ```
/// use herbarium_index::{CacheOptions, Compression, EngineOptions};
///
/// let cache = CacheOptions { budget: 1 << 30, ..CacheOptions::default() };
/// let smaller = CacheOptions { warm: Compression::zstd(1), ..cache.clone() };
/// let options = EngineOptions { cache, ..EngineOptions::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// Bytes of memory for all of it, tables and buffers included; 0 keeps no tree.
    /// 256 MiB by default; a service should take what
    /// [`Tuning`](herbarium_cache::tune::Tuning) finds.
    pub budget: u64,
    /// How many hundredths of the budget are for hot trees; the rest is for warm ones.
    /// 75 by default; what is over 100 counts as 100.
    pub hot_percent: u8,
    /// How warm trees are compressed: by LZ4 by default. A level that zstd does not
    /// have leaves them as they are, with a warning.
    pub warm: Compression,
    /// Trees that take up to so many bytes when decoded are warm as they are, and there
    /// without decoding; 32 KiB by default.
    pub warm_whole: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { budget: 256 << 20, hot_percent: 75, warm: Compression::Lz4, warm_whole: WARM_WHOLE }
    }
}

/// Some 3,200 nodes. Trees that are decoded at each use are those whose decoding is the
/// largest share of their parse: in one of a hundred it was a 31st with 4 KiB here, a 36th
/// with 16 KiB, a 47th with 32 KiB (C; Go and Java less).
///
/// They take some seven times the memory of compressed ones, so that fewer trees are warm and
/// more are cold; but to press and to open a small tree costs more than to read some of the
/// others again. Mean get in us of trees chosen by Zipf's law (skew of .6 and .9), with nothing
/// kept whole and with 4, 16 and 32 KiB, from a store in the page cache:
///
/// | | trees, decoded | budget | .6 | .9 |
/// |---|---|---|---|---|
/// | C (Linux) | 22,400, 785 MB | 64 MiB | 97 95 90 91 | 59 61 54 58 |
/// | | | 192 MiB | 81 75 83 73 | 43 44 40 30 |
/// | Go | 9,100, 200 MB | 64 MiB | 50 47 42 43 | 25 23 23 17 |
/// | Java | 15,100, 300 MB | 64 MiB | 45 48 43 39 | 27 26 20 19 |
/// | | | 192 MiB | 25 20 17 13 | 5.2 4.7 3.8 3.0 |
const WARM_WHOLE: u64 = 32 << 10;

/// A limit of the [`EngineOptions`] that a file can be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`EngineOptions::max_file_bytes`].
    FileBytes,
    /// [`EngineOptions::max_parse_time`].
    ParseTime,
    /// [`EngineOptions::memory_budget`].
    Memory,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            workers: thread::available_parallelism().map_or(1, NonZero::get),
            max_file_bytes: 32 << 20,
            max_parse_time: Duration::from_secs(60),
            memory_budget: 512 << 20,
            hidden: false,
            follow_ignore: true,
            languages: None,
            never_parse: BTreeSet::new(),
            cache: CacheOptions::default(),
            dictionaries: true,
        }
    }
}
