//! How a store is opened, and where it lies when nobody says.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::StoreError;
use crate::heuristics::{LEVEL, SEGMENT_SIZE};

/// Environment variable that names the store's directory.
pub const STORE_VARIABLE: &str = "HERBARIUM_STORE";

/// How to open a store.
///
/// ```
/// use herbarium_store::{Compression, Durability, StoreOptions};
///
/// let options = StoreOptions::new()
///     .segment_size(16 << 20)
///     .durability(Durability::Each)
///     .compression(Compression::Zstd { level: 9 });
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub(crate) segment_size: u64,
    pub(crate) durability: Durability,
    pub(crate) compression: Compression,
    pub(crate) read_only: bool,
}

/// When what was put survives a power failure. What was put survives the end
/// of the process in any case, from the moment the put returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Whenever the system writes it back. For tests and throw-away stores.
    None,
    /// From the next `flush`, `close` or seal: one sync for many records. A
    /// power failure may cost the newest seconds, which are pressed again.
    #[default]
    Batch,
    /// Once the put returns: one sync for each record.
    Each,
}

/// How records are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// With zstd, with the tree's dictionary where it has one. What does not
    /// become smaller is kept as it is.
    Zstd {
        /// zstd's level, 1 to 22.
        level: i32,
    },
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd { level: LEVEL }
    }
}

/// Below this a segment is nearly all overhead.
const MIN_SEGMENT: u64 = 4 << 10;
/// Offsets are 32 bits wide, and the last record may be 1 GiB long.
const MAX_SEGMENT: u64 = 2 << 30;

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            segment_size: SEGMENT_SIZE,
            durability: Durability::default(),
            compression: Compression::default(),
            read_only: false,
        }
    }
}

impl StoreOptions {
    /// The defaults: segments of 64 MiB, durability "batch", zstd at level 3.
    pub fn new() -> Self {
        Self::default()
    }

    /// Size at which a segment is sealed, in bytes; held between 4 KiB and 2 GiB.
    pub fn segment_size(mut self, bytes: u64) -> Self {
        self.segment_size = bytes.clamp(MIN_SEGMENT, MAX_SEGMENT);
        self
    }

    /// When a put is durable.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How records are compressed from now on; what is stored stays as it is.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Opens for reading only: no file is created, changed or locked.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }
}

/// Where the store lies by default: the directory named by `HERBARIUM_STORE`,
/// else `herbarium` in the user's cache directory (`$XDG_CACHE_HOME` or
/// `~/.cache`; `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on Windows).
///
/// # Errors
/// [`StoreError::NoHome`] if there is neither the variable nor a home directory.
pub fn default_dir() -> Result<PathBuf, StoreError> {
    if let Some(dir) = std::env::var_os(STORE_VARIABLE).filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    let strategy = etcetera::base_strategy::choose_native_strategy();
    Ok(strategy.map_err(|_| StoreError::NoHome)?.cache_dir().join("herbarium"))
}
