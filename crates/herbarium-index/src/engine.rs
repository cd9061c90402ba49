//! The engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_codec::Tree;
use herbarium_languages::Language;
use herbarium_store::{Store, TreeKey};

use crate::{
    Cancel, EngineOptions, IndexError, IndexReport, OpenError, Progress, StatsReport, VerifyReport,
};

/// Indexes code bases into a store and opens trees from it.
///
/// All methods take `&self` and may be called from many threads. Several
/// engines, in one process or in many, may share one store.
#[derive(Debug)]
pub struct Engine {
    store: Arc<Store>,
    options: EngineOptions,
}

/// A file's tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The tree.
    pub tree: Tree,
    /// The content of the file that it is the tree of.
    pub source: Vec<u8>,
    /// The language.
    pub language: &'static Language,
    /// Where the tree came from.
    pub from: Origin,
    /// Its key in the store.
    pub key: TreeKey,
}

/// Where a tree came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// From the store: nothing was parsed.
    Store,
    /// From the parser, because the store did not have it.
    Parsed,
}

impl Engine {
    /// An engine over a store.
    pub fn new(store: Arc<Store>, options: EngineOptions) -> Self {
        Self { store, options }
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The options.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Brings the store up to date with these folders and files: afterwards it
    /// has the tree of every file in them that can have one.
    ///
    /// Each folder is a workspace of its own; files are counted once for each
    /// folder given that contains them. A file given by itself is noted in the
    /// workspace around it.
    ///
    /// A cancelled run is no error: the report says so. What was pressed until
    /// then stays in the store.
    ///
    /// # Errors
    /// A path that was given does not exist or is neither file nor folder, the
    /// store cannot be written, or no thread can be started.
    pub fn index(
        &self,
        paths: &[PathBuf],
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<IndexReport, IndexError> {
        let _ = (paths, progress, cancel);
        Ok(IndexReport::default())
    }

    /// Opens a file's tree: from the store if it has the tree of that content,
    /// else from the parser, and puts it into the store.
    ///
    /// # Errors
    /// The file cannot be read, is in no language that is built in, or cannot be
    /// parsed within the limits. A store that cannot be written to is no error.
    pub fn open(&self, path: &Path) -> Result<Opened, OpenError> {
        Err(OpenError::UnknownLanguage { path: path.to_owned() })
    }

    /// Opens a tree by its key, with the grammar table that the store has: no
    /// grammar has to be built in.
    ///
    /// # Errors
    /// [`OpenError::NoTree`] if it is missing or damaged, [`OpenError::Store`]
    /// if the store cannot be read.
    pub fn open_key(&self, key: &TreeKey) -> Result<Tree, OpenError> {
        Err(OpenError::NoTree { key: *key })
    }

    /// Checks what is stored; `deep` compares it with a fresh parse of every
    /// file that is unchanged.
    ///
    /// # Errors
    /// The store cannot be read, or no thread can be started.
    pub fn verify(
        &self,
        deep: bool,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<VerifyReport, IndexError> {
        let _ = (deep, progress, cancel);
        Ok(VerifyReport::default())
    }

    /// What the store knows of the workspaces that were indexed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stats(&self) -> Result<StatsReport, IndexError> {
        Ok(StatsReport::default())
    }

    /// Number of parses by this engine since it was made: zero where every tree
    /// came from the store.
    pub fn parses(&self) -> u64 {
        0
    }
}
