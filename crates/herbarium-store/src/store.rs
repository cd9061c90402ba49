//! The store as a whole: opening, closing, and what its parts share.

mod cache;
mod copies;
mod differences;
mod jobs;
mod manifests;
mod queries;
mod read;
mod tables;
mod trees;
mod write;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use herbarium_codec::{Fingerprint, Grammar};

use crate::catalogue::{CATALOGUE_LOCK, Catalogue};
use crate::compress::{Pool, Scratch};
use crate::error::{IoContext, is_refusal};
use crate::files::touch_lock;
use crate::hold::HOLD_LOCK;
use crate::marker::{self, SEGMENTS};
use crate::pen::{self, Pen};
use crate::segment::{OpenSegment, Segment, features_of};
use crate::shelf::Shelf;
use crate::{Dictionary, DictionaryId, STORE_MINOR, StoreError, StoreOptions};

use cache::Cache;

pub(crate) use manifests::Needed;
pub use queries::QueryParts;
pub(crate) use read::Fault;
pub(crate) use tables::{Special, decode_grammar, dictionary_key, grammar_key, parse_table_key};
pub use trees::{StoredTree, TreeEntry, TreeInfo, Trees};
pub use write::{Put, Writer};

/// A directory of trees, open in this process.
///
/// All methods take `&self` and may be called from many threads: compression
/// runs in parallel, only the append itself is one at a time.
///
/// Dropping a store closes it as [`Store::close`] does, without the error.
pub struct Store {
    dir: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) shelf: Shelf,
    pub(crate) catalogue: Catalogue,
    /// The newest segment that was there when the store was opened.
    found: Option<u64>,
    pen: Mutex<Option<Pen>>,
    /// Held for reading while a thread seals: a flush waits for it.
    sealing: RwLock<()>,
    /// Segments that could not be sealed, and so were not synced either.
    unsealed: Mutex<Vec<Arc<OpenSegment>>>,
    pool: Pool,
    grammars: Cache<Fingerprint, Grammar>,
    dictionaries: Cache<DictionaryId, Dictionary>,
    current: Cache<Fingerprint, Dictionary>,
}

impl Store {
    /// Opens the store at `dir`; makes one where there is nothing or an empty
    /// directory, unless the options say to only read.
    ///
    /// What a process left behind that ended without closing is put in order.
    ///
    /// # Errors
    /// [`StoreError::Version`] for a store of another major version,
    /// [`StoreError::NotAStore`] for a directory with other things in it, or with nothing
    /// that shows a store, if it is to be only read,
    /// [`StoreError::Damaged`] if the marker file is and nothing else shows that
    /// this is a store, [`StoreError::Io`] if the directory cannot be read or made,
    /// or may not be written to and the options do not say to only read.
    pub fn open(dir: impl Into<PathBuf>, options: StoreOptions) -> Result<Self, StoreError> {
        let dir = dir.into();
        let minor = marker::open(&dir, !options.read_only)?.min(STORE_MINOR);
        let segments = dir.join(SEGMENTS);
        if !options.read_only {
            std::fs::create_dir_all(&segments).at("create the directory", &segments)?;
            may_be_written(&dir).at("write to", &dir)?;
            // Readers, who cannot make it, lock it, too. On a full disk it comes later.
            let _ = touch_lock(&dir.join(HOLD_LOCK));
        }
        let shelf = Shelf::new(segments, features_of(minor as u8));
        shelf.refresh().at("list", &shelf.dir)?;
        if !options.read_only {
            pen::recover(&shelf, options.segment_size, options.durability);
        }
        Ok(Self {
            catalogue: Catalogue::new(&dir, options.read_only),
            found: shelf.segments().iter().map(Segment::sequence).max(),
            dir,
            options,
            shelf,
            pen: Mutex::new(None),
            sealing: RwLock::new(()),
            unsealed: Mutex::default(),
            pool: Pool::default(),
            grammars: Cache::default(),
            dictionaries: Cache::default(),
            current: Cache::default(),
        })
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// Takes in what other processes wrote since. A miss does so by itself.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.shelf.refresh().at("list", &self.shelf.dir)
    }

    /// Flushes, and seals the open segment if it is 4 MiB or more; a smaller one
    /// is continued by the next process that writes.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the system could not.
    pub fn close(self) -> Result<(), StoreError> {
        self.finish()
    }
}

/// Whether this user may write to a store, found out before something is to be
/// written. That a disk is full shows then.
fn may_be_written(dir: &Path) -> io::Result<()> {
    match touch_lock(&dir.join(CATALOGUE_LOCK)) {
        Err(error) if is_refusal(&error) => Err(error),
        _ => Ok(()),
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "could not close the store; the next process puts it in order");
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.dir)
            .field("options", &self.options)
            .field("segments", &self.shelf.segments().len())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Whether there may be something new.
    fn look_again(&self) -> Result<bool, StoreError> {
        self.shelf.refresh_if_stale().at("list", &self.shelf.dir)
    }

    pub(crate) fn may_write(&self, deed: &'static str) -> Result<(), StoreError> {
        if self.options.read_only {
            return Err(StoreError::ReadOnly { deed, path: self.dir.clone() });
        }
        Ok(())
    }

    pub(crate) fn catalogue_path(&self) -> &Path {
        self.catalogue.path()
    }

    pub(crate) fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.pool.take();
        let result = work(&mut scratch);
        self.pool.put_back(scratch);
        result
    }
}
