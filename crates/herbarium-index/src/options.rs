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
    /// without decoding; 128 KiB by default.
    pub warm_whole: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { budget: 256 << 20, hot_percent: 75, warm: Compression::Lz4, warm_whole: WARM_WHOLE }
    }
}

/// Some 13,000 nodes. Trees that are decoded at each use are those whose decoding is the
/// largest share of their parse: in one of a hundred C files it was a 31st with 4 KiB here, a
/// 40th with 32 KiB, a 50th with 64 KiB, a 60th with this (Go and Java no more).
///
/// They take some seven times the memory of compressed ones, so that fewer trees are warm and
/// more are cold: but to unpack and decode what is warm costs nearly what the cold tier costs
/// from the page cache. Mean get in us of trees chosen by Zipf's law (skew of .6 and .9), with
/// nothing kept whole and with 32, 64 and 128 KiB; behind it the share of gets that the cold
/// tier answered, with 32 and with 128 KiB. Where a cold read costs hundreds of us, less is
/// better: it is a setting.
///
/// | | trees, decoded | budget | .6 | | .9 | |
/// |---|---|---|---|---|---|---|
/// | C (Linux) | 22,400, 785 MB | 64 MiB | 96 80 75 70 | 69% 73% | 57 53 51 42 | 38% 41% |
/// | | | 192 MiB | 71 64 58 50 | 30% 42% | 34 26 21 20 | 5% 14% |
/// | Go | 9,100, 200 MB | 64 MiB | 39 32 29 25 | 29% 39% | 19 16 16 14 | 12% 19% |
/// | Java | 15,100, 300 MB | 64 MiB | 37 28 24 19 | 37% 42% | 18 15 12 10 | 16% 19% |
/// | | | 192 MiB | 14 8.2 6.9 6.1 | 0% 5% | 3.5 2.3 1.6 .9 | 0% 0% |
const WARM_WHOLE: u64 = 128 << 10;

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
