//! What lies below memory: a disk, a store of one's own, later another machine.

mod directory;
mod memory;

use std::future::Future;
use std::io;
use std::pin::Pin;

pub use directory::DirectoryTier;
pub use memory::MemoryTier;

use crate::Compression;

/// A place for bytes, found by key, below the tiers in memory.
///
/// The cache asks tiers in the order they were given to the builder, hands them records of
/// bytes, and takes every failure for a miss: a tier may be full, slow to come up, damaged
/// or gone, and the cache goes on without it.
///
/// # What a tier promises
/// - A `get` that begins after `put` or `remove` of its key returned sees what they did, or
///   nothing. So a tier that queues its writes must look into its queue.
/// - It may forget anything at any time.
/// - Bytes that it returns may be wrong: with [`Framing::Sealed`] every record carries a
///   checksum over key and payload. With [`Framing::Plain`] the tier answers for its bytes.
/// - `put` and `remove` return soon. They run while other writers of a few keys wait, so a
///   tier that is far away queues them. `get` may take long where `is_far` says so.
///
/// A panic in a tier counts as a failure.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Mutex, PoisonError};
/// use herbarium_cache::{Tier, TierError};
///
/// #[derive(Default)]
/// struct Shared(Mutex<HashMap<Vec<u8>, Vec<u8>>>);
///
/// impl Tier for Shared {
///     fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
///         let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let found = map.get(key);
///         found.into_iter().for_each(|record| read(record));
///         Ok(found.is_some())
///     }
///     fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
///         let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         map.insert(key.to_vec(), record.to_vec());
///         Ok(())
///     }
///     fn remove(&self, key: &[u8]) -> Result<(), TierError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
///         Ok(())
///     }
/// }
/// ```
pub trait Tier: Send + Sync + 'static {
    /// Lends the bytes of this key to `read`, once, without a copy where the tier can; says
    /// whether there were any.
    ///
    /// # Errors
    /// If the tier cannot tell. A key that is not there is no error.
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError>;

    /// Keeps these bytes in place of what it had for the key.
    ///
    /// # Errors
    /// If it does not keep them. The cache then removes the key, lest the former bytes stay.
    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError>;

    /// Forgets the key; one that is not there is forgotten already.
    ///
    /// # Errors
    /// If the bytes may still be there. The cache then does not read this key from here until
    /// it has put it anew.
    fn remove(&self, key: &[u8]) -> Result<(), TierError>;

    /// What the tier holds, if it knows; for [`Stats`](crate::Stats) and metrics.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// Whether `get` may take so long that asynchronous callers await [`Tier::fetch`]
    /// instead.
    fn is_far(&self) -> bool {
        false
    }

    /// [`Tier::get`] for tiers that are far away; sync callers still use `get`. Whoever drops
    /// the future gives up the read.
    fn fetch<'a>(&'a self, key: &'a [u8]) -> Fetch<'a> {
        let mut found = None;
        let asked = self.get(key, &mut |bytes| found = Some(bytes.to_vec()));
        Box::pin(std::future::ready(asked.map(|_| found)))
    }
}

/// What [`Tier::fetch`] returns: the bytes, or nothing.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, TierError>> + Send + 'a>>;

/// What a tier holds; `None` where it does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records.
    pub entries: Option<u64>,
    /// Bytes that they take there.
    pub bytes: Option<u64>,
}

/// Why a tier did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TierError {
    /// The medium failed.
    #[error("cannot {deed}; check the disk and its permissions")]
    Io {
        /// What was being done, with the path.
        deed: String,
        /// What the system said.
        source: io::Error,
    },
    /// The record does not fit.
    #[error(
        "no room for a record of {needed} bytes: the tier may hold {limit}; raise the limit or store smaller values"
    )]
    Full {
        /// Bytes of the record.
        needed: u64,
        /// Bytes that the tier may hold.
        limit: u64,
    },
    /// Anything else.
    #[error("the tier failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// When a value is written into a tier below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Write {
    /// When memory has no room for it any more. The default: what lives short costs nothing.
    #[default]
    OnEviction,
    /// When it enters the cache, by the thread that inserts it. It then survives the process.
    OnInsert,
    /// Never: the tier is read only. It is not told of removals either, and what was
    /// removed or replaced is not read from it again.
    Never,
}

/// What is handed to a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// A record of 24 bytes of header with a checksum, and the compressed payload. The default.
    #[default]
    Sealed,
    /// The bytes of the [`Codec`](crate::Codec) as they are: for a tier that compresses and
    /// checks by itself, or whose content others write and read. Its compression setting
    /// does nothing.
    Plain,
}

/// How the cache uses one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierOptions {
    pub(crate) name: &'static str,
    pub(crate) compression: Compression,
    pub(crate) write: Write,
    pub(crate) framing: Framing,
}

impl TierOptions {
    /// Zstandard at level 3, sealed records, written on eviction. The name appears in
    /// [`Stats`](crate::Stats) and in the label `tier` of metrics; `"cold"` is usual for the
    /// first.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            compression: Compression::zstd(3),
            write: Write::default(),
            framing: Framing::default(),
        }
    }

    /// How records are compressed. Records written with another setting stay readable, given
    /// their dictionary.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// When values are written.
    #[must_use]
    pub fn write(mut self, write: Write) -> Self {
        self.write = write;
        self
    }

    /// What is handed to the tier.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }
}
