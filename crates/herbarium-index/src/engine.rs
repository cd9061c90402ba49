//! The engine.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herbarium_codec::{DecodeError, Decoder, Grammar, Tree};
use herbarium_languages::{Language, ParseError, ParseLimits, ParserPool, Row};
use herbarium_store::{ExportedTree, Store, TreeInfo, TreeKey};

use crate::at_work::Parses;
use crate::budget::Budget;
use crate::lines::count_lines;
use crate::means::Books;
use crate::tiers::Tiers;
use crate::{
    Cancel, EngineOptions, IndexError, IndexReport, OpenError, Progress, QueryTables, ScanReport,
    Snapshot, StatsReport, TablesError, TierStats, VerifyReport, Visitor, open, run, scan, stats,
    tongue, verify,
};

/// Indexes code bases into a store and opens trees from it.
///
/// All methods take `&self` and may be called from many threads. Several
/// engines, in one process or in many, may share one store.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// A file's tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The tree.
    pub tree: Arc<Tree>,
    /// The content of the file that it is the tree of.
    pub source: Vec<u8>,
    /// The language, which need not be built in where the tree was in the store.
    pub language: &'static Row,
    /// Where the tree came from.
    pub from: Origin,
    /// Its key in the store.
    pub key: TreeKey,
}

impl Opened {
    /// Lines of the file: one for each line feed, and one more if there is text
    /// after the last. As in [`IndexReport::lines`].
    pub fn lines(&self) -> u64 {
        u64::from(count_lines(&self.source))
    }
}

/// Where a tree came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// From the store, or from memory above it: nothing was parsed.
    Store,
    /// From the parser, because the store did not have it.
    Parsed,
}

impl Engine {
    /// An engine over a store.
    pub fn new(store: Arc<Store>, options: EngineOptions) -> Self {
        let options = EngineOptions { workers: options.workers.max(1), ..options };
        let books = Arc::<Books>::default();
        let shared = Shared {
            pool: ParserPool::new(options.workers),
            budget: Budget::new(options.memory_budget),
            tiers: Tiers::new(&store, &books, &options.cache),
            books,
            at_work: Parses::default(),
            parses: AtomicU64::new(0),
            store,
            options,
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// The options.
    pub fn options(&self) -> &EngineOptions {
        &self.shared.options
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
        run::run(&self.shared, paths, progress, cancel, None)
    }

    /// As [`Engine::index`], and gives the files that have a tree now, to be
    /// [scanned](Engine::scan): their manifests need not be read again.
    ///
    /// # Errors
    /// Those of [`Engine::index`].
    pub fn refresh(
        &self,
        paths: &[PathBuf],
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<(IndexReport, Snapshot), IndexError> {
        let mut snapshot = Snapshot::fresh();
        let report = run::run(&self.shared, paths, progress, cancel, Some(&mut snapshot))?;
        snapshot.settle();
        Ok((report, snapshot))
    }

    /// The files with a tree that the store knows under these folders and files,
    /// without looking at any of them: those of the nearest workspace around a
    /// path, or, where there is none, of all workspaces below it.
    ///
    /// # Errors
    /// A path does not exist, or the store cannot be read.
    pub fn snapshot(&self, paths: &[PathBuf]) -> Result<Snapshot, IndexError> {
        Snapshot::of_store(&self.shared.store, paths)
    }

    /// Asks each file of a snapshot something: on all [workers](EngineOptions::workers),
    /// parsing nothing but the files whose trees the store lost, which are
    /// [pressed again](crate::ScanReport::mended). What the visitor hands on is heard on this thread, in the
    /// order of the paths, whichever thread was faster; `hear` may end the scan.
    ///
    /// Memory is bounded: threads that are too far ahead wait. What a file's
    /// answer is given from is always one content: tree and source are compared.
    /// Files that have changed since, and all else that goes wrong with one, are
    /// named in the report.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::sync::Arc;
    /// use herbarium_index::{Cancel, Engine, EngineOptions, Missed, Outlet, ScanFile, Visitor};
    /// use herbarium_store::{Store, StoreOptions};
    ///
    /// /// Tells the number of nodes of each file that has a word in it.
    /// struct Nodes(&'static str);
    ///
    /// impl Visitor for Nodes {
    ///     type Tools = ();
    ///     type Item = (String, usize);
    ///
    ///     fn tools(&self) {}
    ///
    ///     fn visit(
    ///         &self,
    ///         file: &mut ScanFile<'_>,
    ///         _: &mut (),
    ///         outlet: &mut Outlet<'_, Self::Item>,
    ///     ) -> Result<(), Missed> {
    ///         if String::from_utf8_lossy(file.source()?).contains(self.0) {
    ///             let nodes = file.open()?.0.descendant_count();
    ///             outlet.send((file.path().display().to_string(), nodes));
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let project = dir.path().join("project");
    /// # std::fs::create_dir(&project)?;
    /// # std::fs::write(project.join("a.rs"), "fn main() {}\n")?;
    /// # std::fs::write(project.join("b.rs"), "fn other() {}\n")?;
    /// let store = Arc::new(Store::open(dir.path().join("store"), StoreOptions::new())?);
    /// let (engine, cancel) = (Engine::new(store, EngineOptions::default()), Cancel::new());
    /// let (_, files) = engine.refresh(&[project], &(), &cancel)?;
    ///
    /// let mut found = Vec::new();
    /// let hear = |item| {
    ///     found.push(item);
    ///     ControlFlow::Continue(())
    /// };
    /// let report = engine.scan(&files, &Nodes("main"), hear, &cancel)?;
    /// assert_eq!((report.files, report.opened), (2, 1));
    /// assert!(found[0].0.ends_with("a.rs"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No thread can be started.
    pub fn scan<V: Visitor>(
        &self,
        snapshot: &Snapshot,
        visitor: &V,
        hear: impl FnMut(V::Item) -> ControlFlow<()>,
        cancel: &Cancel,
    ) -> Result<ScanReport, IndexError> {
        scan::scan(&self.shared, snapshot, visitor, hear, cancel)
    }

    /// Opens a file's tree: from memory or the store if they have the tree of that
    /// content, else from the parser, and puts it into both.
    ///
    /// However many ask for one content at a time, it is parsed once.
    ///
    /// # Errors
    /// The file cannot be read, is in no language that is built in, or cannot be
    /// parsed within the limits. A store that cannot be written to is no error.
    pub fn open(&self, path: &Path) -> Result<Opened, OpenError> {
        open::open(&self.shared, path)
    }

    /// Opens a tree by its key, with the grammar table that the store has: no
    /// grammar has to be built in. A hot tree costs some tens of nanoseconds.
    ///
    /// # Errors
    /// [`OpenError::NoTree`] if it is missing or damaged.
    pub fn open_key(&self, key: &TreeKey) -> Result<Arc<Tree>, OpenError> {
        self.shared.tiers.get(key).ok_or(OpenError::NoTree { key: *key })
    }

    /// A file's tree on its own, with all that is needed to open it elsewhere: opened as
    /// [`Engine::open`] does. [`Store::import_tree`] puts it into another store.
    ///
    /// # Errors
    /// Those of [`Engine::open`]; [`OpenError::Export`] beyond the limits of the
    /// format.
    pub fn export(&self, path: &Path) -> Result<ExportedTree, OpenError> {
        open::export(&self.shared, path)
    }

    /// The tree of a key if it is hot: nothing is read or decoded, so that it can be
    /// asked for where nothing may block.
    pub fn open_hot(&self, key: &TreeKey) -> Option<Arc<Tree>> {
        self.shared.tiers.peek(key)
    }

    /// What the tiers hold and have done. Microseconds.
    pub fn tiers(&self) -> TierStats {
        self.shared.tiers.stats()
    }

    /// Tells the `metrics` facade what the tiers have done and it does not know yet; best
    /// called just before it is read.
    pub fn publish_metrics(&self) {
        self.shared.tiers.publish_metrics();
    }

    /// The names of a language's grammar: what compiled queries are opened with.
    /// Languages that are not built in have one if the store has trees of them.
    ///
    /// # Errors
    /// There is no such language, it is not built in and the store does not know
    /// it either, or the store cannot be read.
    pub fn grammar(&self, language: &str) -> Result<Arc<Grammar>, TablesError> {
        tongue::grammar(&self.shared.store, &self.shared.options, language)
    }

    /// What compiling queries for a language takes, from the store where it is
    /// there. Cost: some milliseconds, up to a hundred for the largest grammars.
    ///
    /// # Errors
    /// Those of [`Engine::grammar`]; also if the language is not built in, and its
    /// trees were stored before parse tables were.
    pub fn query_tables(&self, language: &str) -> Result<QueryTables, TablesError> {
        tongue::query_tables(&self.shared.store, &self.shared.options, language)
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
        verify::verify(&self.shared, deep, progress, cancel)
    }

    /// Brings workspaces up to date, and keeps them so while their files change,
    /// until the watcher is stopped. What happens is told on a thread of its own.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::mpsc::channel;
    /// use herbarium_index::{Engine, EngineOptions, WatchEvent, WatchOptions};
    /// use herbarium_store::{Store, StoreOptions};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let project = dir.path().join("project");
    /// # std::fs::create_dir(&project)?;
    /// let store = Arc::new(Store::open(dir.path().join("store"), StoreOptions::new())?);
    /// let engine = Engine::new(store, EngineOptions::default());
    /// let (sender, events) = channel();
    /// let tell = move |event| drop(sender.send(event));
    /// let watcher = engine.watch(&[project.clone()], WatchOptions::default(), tell)?;
    ///
    /// assert!(matches!(events.recv()?, WatchEvent::Started { .. }));
    /// std::fs::write(project.join("main.rs"), "fn main() {}\n")?;
    /// let pressed = events.iter().find_map(|event| match event {
    ///     WatchEvent::Pressed { path, .. } => Some(path),
    ///     _ => None,
    /// });
    /// assert!(pressed.unwrap().ends_with("main.rs"));
    /// watcher.stop();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A path is not a folder, or the system gives no events or no thread.
    pub fn watch(
        &self,
        paths: &[PathBuf],
        options: crate::WatchOptions,
        hear: impl FnMut(crate::WatchEvent) + Send + 'static,
    ) -> Result<crate::Watcher, crate::WatchError> {
        crate::Watcher::start(&self.shared, paths, options, hear)
    }

    /// A text that is being edited: see [`Document`](crate::Document).
    ///
    /// # Errors
    /// The language is not built in, or the text cannot be parsed within the limits.
    pub fn document(
        &self,
        language: &str,
        source: Vec<u8>,
    ) -> Result<crate::Document, crate::DocumentError> {
        crate::Document::new(&self.shared, language, source)
    }

    /// What the store knows of the workspaces that were indexed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stats(&self) -> Result<StatsReport, IndexError> {
        stats::stats(&self.shared.store)
    }

    /// Number of parses by this engine since it was made, those after edits
    /// included: zero where every tree came from the store.
    pub fn parses(&self) -> u64 {
        self.shared.parses.load(Ordering::Relaxed)
    }
}

/// What all threads of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<Store>,
    pub(crate) options: EngineOptions,
    pub(crate) budget: Arc<Budget>,
    pub(crate) books: Arc<Books>,
    pub(crate) tiers: Tiers,
    /// Those of single sources and those of files.
    pub(crate) at_work: Parses,
    pool: ParserPool,
    parses: AtomicU64,
}

impl Shared {
    /// The only way to the parser: every parse is counted.
    pub(crate) fn parse(
        &self,
        language: &Language,
        source: &[u8],
        limits: &ParseLimits,
    ) -> Result<tree_sitter::Tree, ParseError> {
        self.parses.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("herbarium_parses_total", "language" => language.id()).increment(1);
        self.pool.parse(language, source, None, limits)
    }

    /// As [`Shared::parse`], taking over from an edited tree what did not change.
    pub(crate) fn parse_after(
        &self,
        language: &Language,
        source: &[u8],
        old: Option<&tree_sitter::Tree>,
        limits: &ParseLimits,
    ) -> Result<tree_sitter::Tree, ParseError> {
        if old.is_none() {
            return self.parse(language, source, limits);
        }
        self.parses.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("herbarium_reparses_total", "language" => language.id()).increment(1);
        self.pool.parse(language, source, old, limits)
    }

    /// The limits on each parse of a run.
    pub(crate) fn limits(&self, cancel: &Cancel) -> ParseLimits {
        ParseLimits {
            // The limit on files was checked before they were read.
            max_bytes: usize::MAX,
            max_time: Some(self.options.max_parse_time),
            cancel: Some(Arc::clone(cancel.flag())),
        }
    }

    /// Decodes a tree of the store with the shape book that it needs.
    pub(crate) fn decode(
        &self,
        bytes: &[u8],
        info: &TreeInfo,
        grammar: &Arc<Grammar>,
        decoder: &mut Decoder,
    ) -> Result<Tree, DecodeError> {
        let dictionary = info.dictionary.as_ref();
        let book = dictionary.and_then(|dictionary| self.books.of(dictionary, grammar));
        decoder.decode(bytes, grammar, book.as_ref())
    }
    /// As [`Shared::decode`], into a tree whose memory is used again.
    pub(crate) fn decode_into(
        &self,
        bytes: &[u8],
        info: &TreeInfo,
        grammar: &Arc<Grammar>,
        decoder: &mut Decoder,
        tree: &mut Tree,
    ) -> Result<(), DecodeError> {
        let dictionary = info.dictionary.as_ref();
        let book = dictionary.and_then(|dictionary| self.books.of(dictionary, grammar));
        decoder.decode_into(bytes, grammar, book.as_ref(), tree)
    }
}
