//! The store: putting and getting.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use herbarium_codec::{Fingerprint, Grammar};

use crate::catalogue::{Catalogue, Contents, ManifestHead, SegmentRow};
use crate::compress::{Pool, Scratch};
use crate::error::IoContext;
use crate::marker::{self, SEGMENTS};
use crate::pen::{self, Belongs, Pen, WORTH_SEALING};
use crate::quarantine::Quarantine;
use crate::record::{Kind, MAX_PAYLOAD, RECORD_HEADER, RecordHeader, RecordKey};
use crate::segment::{OpenSegment, Record, Segment};
use crate::shelf::Shelf;
use crate::{
    Dictionary, DictionaryId, Durability, Manifest, ManifestInfo, StoreError, StoreOptions,
    TreeKey, path_bytes, path_from_bytes, report_damaged,
};

/// A directory of trees, open in this process.
///
/// All methods take `&self` and may be called from many threads: compression
/// runs in parallel, only the append itself is one at a time.
///
/// Dropping a store closes it as [`Store::close`] does, without the error.
pub struct Store {
    dir: PathBuf,
    options: StoreOptions,
    pub(crate) shelf: Shelf,
    catalogue: Catalogue,
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

/// What became of a put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Put {
    /// Whether it was stored now, as against found there.
    pub new: bool,
    /// Bytes that the record takes, its header included.
    pub stored_bytes: u64,
}

/// A tree from the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredTree {
    /// The bytecode, as it was put.
    pub bytes: Vec<u8>,
    /// What else is known of it.
    pub info: TreeInfo,
}

/// What is known of a stored tree besides its bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeInfo {
    /// The grammar that it was pressed with.
    pub fingerprint: Fingerprint,
    /// The dictionary that it was put with; its book is needed to decode the tree.
    pub dictionary: Option<Arc<Dictionary>>,
    /// Bytes that the record takes, its header included.
    pub stored_bytes: u64,
}

impl Store {
    /// Opens the store at `dir`; makes one where there is nothing or an empty
    /// directory, unless the options say to only read.
    ///
    /// What a process left behind that ended without closing is put in order.
    ///
    /// # Errors
    /// [`StoreError::Version`] for a store of another major version,
    /// [`StoreError::NotAStore`] for a directory with other things in it,
    /// [`StoreError::Damaged`] if the marker file is, [`StoreError::Io`] if the
    /// directory cannot be read or made.
    pub fn open(dir: impl Into<PathBuf>, options: StoreOptions) -> Result<Self, StoreError> {
        let dir = dir.into();
        marker::open(&dir, !options.read_only)?;
        let segments = dir.join(SEGMENTS);
        if !options.read_only {
            std::fs::create_dir_all(&segments).at("create the directory", &segments)?;
        }
        let shelf = Shelf::new(segments);
        shelf.refresh().at("list", &shelf.dir)?;
        if !options.read_only {
            pen::recover(&shelf, options.segment_size, options.durability);
        }
        Ok(Self {
            catalogue: Catalogue::new(&dir, options.read_only),
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

    /// Stores a tree, unless it is there.
    ///
    /// `bytes` is the uncompressed bytecode. If it was encoded with a book, give
    /// the dictionary that holds the book: it is stored first where it is new.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written; nothing is half-written then.
    pub fn put_tree(
        &self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
    ) -> Result<Put, StoreError> {
        self.writer().put_tree(key, fingerprint, bytes, dictionary)
    }

    /// A writer for one thread that puts many trees: it keeps its compressor and
    /// buffers. [`Store::put_tree`] borrows one for each call, from a pool.
    pub fn writer(&self) -> Writer<'_> {
        Writer { store: self, scratch: Some(self.pool.take()) }
    }

    /// Gets a tree. Damaged or missing is `None`.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the store's directory can no longer be listed.
    pub fn get_tree(&self, key: &TreeKey) -> Result<Option<StoredTree>, StoreError> {
        let mut bytes = Vec::new();
        let info = self.get_tree_into(key, &mut bytes)?;
        Ok(info.map(|info| StoredTree { bytes, info }))
    }

    /// Gets a tree into a buffer that is used again; empty where it is missing.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn get_tree_into(
        &self,
        key: &TreeKey,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<TreeInfo>, StoreError> {
        let found = self.read(&tree(key), |record, scratch| {
            let context = record.context.ok_or(Fault::Damaged("its context is unknown"))?;
            let dictionary = match context.dictionary {
                Some(id) => Some(
                    self.dictionary(id).ok_or(Fault::Unavailable("its dictionary is missing"))?,
                ),
                None => None,
            };
            unpack(scratch, record, dictionary.as_deref(), bytes)?;
            let stored_bytes = record.header.record_len() as u64;
            Ok(TreeInfo { fingerprint: context.fingerprint, dictionary, stored_bytes })
        });
        if !matches!(found, Ok(Some(_))) {
            bytes.clear();
        }
        found
    }

    /// Whether a tree is there, by the index alone: the record is not read.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn contains(&self, key: &TreeKey) -> Result<bool, StoreError> {
        let key = tree(key);
        Ok(self.shelf.contains(&key) || (self.look_again()? && self.shelf.contains(&key)))
    }

    /// Bytes that a tree's record takes, its header included.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn stored_len(&self, key: &TreeKey) -> Result<Option<u64>, StoreError> {
        let key = tree(key);
        let mut found = self.shelf.find(&key);
        if found.is_none() && self.look_again()? {
            found = self.shelf.find(&key);
        }
        Ok(found.map(|(_, _, len)| len))
    }

    /// Takes in what other processes wrote since. A miss does so by itself.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.shelf.refresh().at("list", &self.shelf.dir)
    }

    /// Every tree that can be found, once. Records are not read.
    pub fn iter_trees(&self) -> Trees<'_> {
        Trees { store: self, segments: self.shelf.segments(), next: 0, ready: Vec::new() }
    }

    /// Stores a grammar table, unless it is there.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written.
    pub fn put_grammar(&self, grammar: &Grammar) -> Result<Put, StoreError> {
        let fingerprint = grammar.fingerprint();
        let key = grammar_key(&fingerprint);
        if let Some(put) = self.found(&key)? {
            // The record may be damaged: only what can be read counts as there.
            if self.grammar(&fingerprint)?.is_some() {
                return Ok(put);
            }
        }
        let bytes = grammar.to_bytes();
        let put = self.put_special(key, fingerprint, &bytes)?;
        self.copy_to_catalogue(|| {
            self.catalogue.put_grammar(&|| self.contents(), &fingerprint, &bytes)
        });
        self.grammars.insert(fingerprint, Arc::new(grammar.clone()));
        Ok(put)
    }

    /// The grammar table with this fingerprint; decoded once in a process.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn grammar(&self, fingerprint: &Fingerprint) -> Result<Option<Arc<Grammar>>, StoreError> {
        if let Some(grammar) = self.grammars.get(fingerprint) {
            return Ok(Some(grammar));
        }
        let key = grammar_key(fingerprint);
        let mut found = self.read(&key, |record, scratch| {
            let bytes = unpacked(scratch, record)?;
            decode_grammar(&bytes, fingerprint).ok_or(Fault::Damaged("not that grammar's table"))
        })?;
        if found.is_none() {
            let copy = self.catalogue.grammar(&|| self.contents(), fingerprint);
            found = copy.and_then(|bytes| decode_grammar(&bytes, fingerprint));
        }
        Ok(found.map(|grammar| self.grammars.insert(*fingerprint, Arc::new(grammar))))
    }

    /// Stores a dictionary, unless it is there, and makes it the one that
    /// [`Store::dictionary_for`] gives.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written, [`StoreError::TooLarge`]
    /// beyond 1 GiB.
    pub fn put_dictionary(&self, dictionary: &Arc<Dictionary>) -> Result<Put, StoreError> {
        let put = self.store_dictionary(dictionary)?;
        let fingerprint = dictionary.fingerprint();
        let bytes = dictionary.to_bytes();
        self.copy_to_catalogue(|| {
            let id = dictionary.id();
            self.catalogue.put_dictionary(&|| self.contents(), id, &fingerprint, &bytes)
        });
        self.current.replace(fingerprint, Arc::clone(dictionary));
        Ok(put)
    }

    /// The dictionary that new trees of a grammar should use: the one that was
    /// put last.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn dictionary_for(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Arc<Dictionary>>, StoreError> {
        if let Some(dictionary) = self.current.get(fingerprint) {
            return Ok(Some(dictionary));
        }
        self.look_again()?;
        let noted = self.catalogue.current(&|| self.contents(), fingerprint);
        let found = noted.and_then(|id| self.dictionary(id)).or_else(|| {
            let contents = self.contents();
            let mut of_grammar =
                contents.dictionaries.iter().rev().filter(|(_, of, _)| of == fingerprint);
            of_grammar.find_map(|(id, _, _)| self.dictionary(*id))
        });
        Ok(found.map(|dictionary| self.current.insert(*fingerprint, dictionary)))
    }

    /// The manifest of a workspace; `None` where there is none, or none that can
    /// be read.
    ///
    /// # Errors
    /// None at present; a store on another kind of storage may have some.
    pub fn manifest(&self, root: &Path) -> Result<Option<Manifest>, StoreError> {
        let root = path_bytes(root);
        let Some(blob) = self.catalogue.manifest(&|| self.contents(), &root) else {
            return Ok(None);
        };
        let manifest = Manifest::from_bytes(&blob);
        let manifest = manifest.filter(|manifest| path_bytes(manifest.root()) == root);
        if manifest.is_none() {
            report_damaged(self.catalogue.path(), None, None, "a manifest cannot be read");
        }
        Ok(manifest)
    }

    /// Stores the manifest of a workspace in place of the one before: all of it,
    /// or nothing.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`] if it cannot be written.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.may_write("store a manifest")?;
        let blob = manifest.to_bytes();
        let head = ManifestHead {
            root: path_bytes(manifest.root()),
            rows: manifest.rows().len() as u64,
            len: blob.len() as u64,
            chunks: 0,
            taken_ns: manifest.taken_ns() as u64,
        };
        self.catalogue.put_manifest(&|| self.contents(), &head, &blob)
    }

    /// The workspaces that have a manifest.
    ///
    /// # Errors
    /// As [`Store::manifest`].
    pub fn manifests(&self) -> Result<Vec<ManifestInfo>, StoreError> {
        let heads = self.catalogue.manifests(&|| self.contents());
        let info = |head: ManifestHead| ManifestInfo {
            root: path_from_bytes(&head.root),
            rows: head.rows,
            bytes: head.len,
            taken_ns: head.taken_ns as i64,
        };
        Ok(heads.into_iter().map(info).collect())
    }

    /// Removes the manifest of a workspace; says whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`] if it cannot be written.
    pub fn remove_manifest(&self, root: &Path) -> Result<bool, StoreError> {
        self.may_write("remove a manifest")?;
        self.catalogue.remove_manifest(&|| self.contents(), &path_bytes(root))
    }

    /// Makes durable, against a power failure too, what was put so far.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the system could not.
    pub fn flush(&self) -> Result<(), StoreError> {
        let mut segments: Vec<_> =
            self.pen().as_ref().map(|pen| Arc::clone(&pen.segment)).into_iter().collect();
        drop(self.sealing.write().unwrap_or_else(PoisonError::into_inner));
        segments.append(&mut self.unsealed.lock().unwrap_or_else(PoisonError::into_inner));
        if self.options.durability == Durability::None {
            return Ok(());
        }
        segments.iter().try_for_each(|segment| segment.file.sync_data().at("sync", &segment.path))
    }

    /// Seals the segment that this process writes, whatever its size.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written; nothing is lost then.
    pub fn seal(&self) -> Result<(), StoreError> {
        let pen = self.pen().take();
        pen.map_or(Ok(()), |pen| self.seal_segment(pen))
    }

    /// Flushes, and seals the open segment if it is 4 MiB or more; a smaller one
    /// is continued by the next process that writes.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the system could not.
    pub fn close(self) -> Result<(), StoreError> {
        self.finish()
    }

    fn finish(&self) -> Result<(), StoreError> {
        let Some(pen) = self.pen().take() else { return Ok(()) };
        if pen.segment.end() >= WORTH_SEALING.min(self.options.segment_size) {
            self.seal_segment(pen)
        } else {
            pen.lay_down(self.options.durability)
        }
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

/// Puts trees, with a compressor and buffers of its own. One for each thread.
pub struct Writer<'a> {
    store: &'a Store,
    /// Given back to the pool when the writer is dropped.
    scratch: Option<Box<Scratch>>,
}

impl Writer<'_> {
    /// As [`Store::put_tree`].
    ///
    /// # Errors
    /// As [`Store::put_tree`].
    pub fn put_tree(
        &mut self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
    ) -> Result<Put, StoreError> {
        self.store.may_write("store a tree")?;
        let key = tree(key);
        if let Some(put) = self.store.found(&key)? {
            return Ok(put);
        }
        let id = match dictionary {
            Some(dictionary) => {
                if self.store.dictionaries.get(&dictionary.id()).is_none() {
                    self.store.store_dictionary(dictionary)?;
                }
                Some(dictionary.id())
            }
            None => None,
        };
        self.put(key, (fingerprint, id), bytes, dictionary.map(Arc::as_ref))
    }

    fn put(
        &mut self,
        key: RecordKey,
        belongs: Belongs,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> Result<Put, StoreError> {
        let raw = u32::try_from(bytes.len()).ok().filter(|len| *len <= MAX_PAYLOAD);
        let raw = raw.ok_or(StoreError::TooLarge {
            what: "a record",
            len: bytes.len() as u64,
            limit: u64::from(MAX_PAYLOAD),
        })?;
        let Some(scratch) = self.scratch.as_deref_mut() else {
            return Ok(Put { new: false, stored_bytes: 0 });
        };
        let codec = scratch.pack(bytes, self.store.options.compression, dictionary);
        let stored = (scratch.record.len() - RECORD_HEADER) as u32;
        let header = RecordHeader { checksum: 0, key, codec, context: 0, flags: 0, raw, stored };
        self.store.append(header, belongs, &mut scratch.record)
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.store.pool.put_back(scratch);
        }
    }
}

/// A tree as [`Store::iter_trees`] lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TreeEntry {
    /// Its key.
    pub key: TreeKey,
    /// The grammar that it was pressed with.
    pub fingerprint: Fingerprint,
    /// Bytes that the record takes, its header included.
    pub stored_bytes: u64,
}

/// The trees of a store, segment by segment.
#[derive(Debug)]
pub struct Trees<'a> {
    store: &'a Store,
    segments: Arc<Vec<Segment>>,
    next: usize,
    ready: Vec<TreeEntry>,
}

impl Iterator for Trees<'_> {
    type Item = TreeEntry;

    fn next(&mut self) -> Option<TreeEntry> {
        loop {
            if let Some(entry) = self.ready.pop() {
                return Some(entry);
            }
            let segment = self.segments.get(self.next)?;
            let before = self.segments.get(..self.next).unwrap_or_default();
            let quarantine = &self.store.shelf.quarantine;
            let elsewhere = |key: &TreeKey| {
                before.iter().any(|segment| {
                    let place = segment.place(&tree(key));
                    place.is_some_and(|(offset, _)| !quarantine.has(segment.id(), offset))
                })
            };
            self.ready = segment
                .trees()
                .into_iter()
                .filter(|(offset, _)| !quarantine.has(segment.id(), *offset))
                .map(|(_, entry)| entry)
                .filter(|entry| !elsewhere(&entry.key))
                .collect();
            // Popped from the end: this way they come in the order of the file.
            self.ready.reverse();
            self.next += 1;
        }
    }
}

/// Why a record that was found cannot be used.
pub(crate) enum Fault {
    /// The record is wrong, and always will be.
    Damaged(&'static str),
    /// Something else is missing, and may come.
    Unavailable(&'static str),
}

impl Store {
    /// Finds a record and gives it to `use_it`; goes on to other copies if that
    /// fails, and looks again for new ones before giving up.
    fn read<T>(
        &self,
        key: &RecordKey,
        mut use_it: impl FnMut(&Record<'_>, &mut Scratch) -> Result<T, Fault>,
    ) -> Result<Option<T>, StoreError> {
        let mut scratch = self.pool.take();
        let mut buffer = std::mem::take(&mut scratch.read);
        let mut found = self.read_seen(key, &mut buffer, &mut scratch, &mut use_it);
        if found.is_none() && self.look_again()? {
            found = self.read_seen(key, &mut buffer, &mut scratch, &mut use_it);
        }
        scratch.read = buffer;
        self.pool.put_back(scratch);
        Ok(found)
    }

    fn read_seen<T>(
        &self,
        key: &RecordKey,
        buffer: &mut Vec<u8>,
        scratch: &mut Scratch,
        use_it: &mut impl FnMut(&Record<'_>, &mut Scratch) -> Result<T, Fault>,
    ) -> Option<T> {
        for segment in self.shelf.segments().iter() {
            let (offset, fault) = match segment.read(key, buffer) {
                None => continue,
                Some(Ok(record)) if self.shelf.quarantine.has(segment.id(), record.offset) => {
                    continue;
                }
                Some(Ok(record)) => match use_it(&record, scratch) {
                    Ok(value) => return Some(value),
                    Err(fault) => (record.offset, fault),
                },
                Some(Err((offset, why))) => (offset, Fault::Damaged(why)),
            };
            self.condemn(segment, offset, key, &fault);
        }
        None
    }

    /// From now on the record counts as missing, so that it can be put again.
    pub(crate) fn condemn(&self, segment: &Segment, offset: u32, key: &RecordKey, fault: &Fault) {
        if !self.shelf.quarantine.add(segment.id(), offset) {
            return;
        }
        let (Fault::Damaged(why) | Fault::Unavailable(why)) = fault;
        let place = Some(u64::from(offset));
        report_damaged(segment.path(), place, Some(&TreeKey(key.key)), why);
        if matches!(fault, Fault::Damaged(_)) && !self.options.read_only {
            // Best effort: without it the next process finds out for itself.
            let _ = Quarantine::persist(&self.shelf.dir, segment.id(), offset);
        }
    }

    /// Whether there may be something new.
    fn look_again(&self) -> Result<bool, StoreError> {
        self.shelf.refresh_if_stale().at("list", &self.shelf.dir)
    }

    fn found(&self, key: &RecordKey) -> Result<Option<Put>, StoreError> {
        let mut found = self.shelf.find(key);
        if found.is_none() && self.look_again()? {
            found = self.shelf.find(key);
        }
        Ok(found.map(|(_, _, stored_bytes)| Put { new: false, stored_bytes }))
    }

    fn may_write(&self, deed: &'static str) -> Result<(), StoreError> {
        if self.options.read_only {
            return Err(StoreError::ReadOnly { deed, path: self.dir.clone() });
        }
        Ok(())
    }

    fn pen(&self) -> MutexGuard<'_, Option<Pen>> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(
        &self,
        header: RecordHeader,
        belongs: Belongs,
        record: &mut [u8],
    ) -> Result<Put, StoreError> {
        let StoreOptions { segment_size, durability, .. } = self.options;
        let mut held = self.pen();
        // Another thread may have put the same while this one compressed.
        if let Some((_, _, stored_bytes)) = self.shelf.find(&header.key) {
            return Ok(Put { new: false, stored_bytes });
        }
        let pen = match &mut *held {
            Some(pen) => pen,
            none => none.insert(Pen::pick_up(&self.shelf, segment_size, durability)?),
        };
        pen.append(header, belongs, record)?;
        if durability == Durability::Each {
            pen.segment.file.sync_data().at("sync", &pen.segment.path)?;
        }
        metrics::counter!("herbarium_store_records_written_total").increment(1);
        metrics::counter!("herbarium_store_bytes_written_total").increment(record.len() as u64);
        if pen.is_full(segment_size)
            && let Some(full) = held.take()
        {
            // Others go on in a new segment while this thread seals the old one.
            let _sealing = self.sealing.read().unwrap_or_else(PoisonError::into_inner);
            drop(held);
            self.seal_full(full);
        }
        Ok(Put { new: true, stored_bytes: record.len() as u64 })
    }

    /// The records are safe already: a seal that fails is for the next process.
    fn seal_full(&self, pen: Pen) {
        let segment = Arc::clone(&pen.segment);
        if let Err(error) = self.seal_segment(pen) {
            tracing::warn!(%error, "could not seal a segment; it stays as it is");
            self.unsealed.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
        }
    }

    fn seal_segment(&self, pen: Pen) -> Result<(), StoreError> {
        let id = pen.segment.id;
        pen.seal(&self.shelf, self.options.durability)?;
        let segments = self.shelf.segments();
        let sealed = segments.iter().find(|segment| segment.id() == id);
        if let Some(Segment::Sealed(sealed)) = sealed {
            let row = segment_row(sealed);
            self.copy_to_catalogue(|| self.catalogue.put_segment(&|| self.contents(), &row));
        }
        Ok(())
    }

    /// The catalogue holds copies: that one could not be made is no failure.
    fn copy_to_catalogue(&self, copy: impl FnOnce() -> Result<(), StoreError>) {
        if let Err(error) = copy() {
            tracing::warn!(%error, "going on without a copy in the catalogue");
        }
    }

    fn put_special(
        &self,
        key: RecordKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
    ) -> Result<Put, StoreError> {
        self.may_write("store a grammar table or dictionary")?;
        let put = self.writer().put(key, (fingerprint, None), bytes, None)?;
        // Trees will rest on it.
        self.flush()?;
        Ok(put)
    }

    fn store_dictionary(&self, dictionary: &Arc<Dictionary>) -> Result<Put, StoreError> {
        let key = dictionary_key(dictionary);
        let put = match self.found(&key)? {
            Some(put) if self.dictionary(dictionary.id()).is_some() => put,
            _ => self.put_special(key, dictionary.fingerprint(), &dictionary.to_bytes())?,
        };
        self.dictionaries.insert(dictionary.id(), Arc::clone(dictionary));
        Ok(put)
    }

    /// A dictionary by its id; read once in a process.
    pub(crate) fn dictionary(&self, id: DictionaryId) -> Option<Arc<Dictionary>> {
        if let Some(dictionary) = self.dictionaries.get(&id) {
            return Some(dictionary);
        }
        let found = self.dictionary_in_segments(id).or_else(|| {
            let bytes = self.catalogue.dictionary(&|| self.contents(), id)?;
            Dictionary::from_bytes(&bytes)
        });
        let found = found.filter(|dictionary| dictionary.id() == id)?;
        Some(self.dictionaries.insert(id, Arc::new(found)))
    }

    fn dictionary_in_segments(&self, id: DictionaryId) -> Option<Dictionary> {
        let wanted =
            |key: &RecordKey| key.kind == Kind::DICTIONARY && key.prefix() == id.0.to_le_bytes();
        self.specials(wanted).into_iter().find_map(|(_, special)| match special {
            Special::Dictionary(dictionary) if dictionary.id() == id => Some(dictionary),
            _ => None,
        })
    }

    /// What a new catalogue is filled with: all that the segments know.
    fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        let mut dictionaries = Vec::new();
        for (age, special) in self.specials(|_| true) {
            match special {
                Special::Grammar(id, bytes) => contents.grammars.push((id, bytes)),
                Special::Dictionary(dictionary) => dictionaries.push((age, dictionary)),
            }
        }
        dictionaries.sort_by_key(|(age, _)| *age);
        contents.dictionaries = dictionaries
            .into_iter()
            .map(|(_, it)| (it.id(), it.fingerprint(), it.to_bytes()))
            .collect();
        contents.segments = self
            .shelf
            .segments()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Sealed(sealed) => Some(segment_row(sealed)),
                Segment::Open(_) => None,
            })
            .collect();
        contents
    }

    /// Grammar tables and dictionaries in all segments, with their age.
    fn specials(&self, wanted: impl Fn(&RecordKey) -> bool) -> Vec<((u64, u32), Special)> {
        let mut scratch = self.pool.take();
        let mut specials = Vec::new();
        for segment in self.shelf.segments().iter() {
            for offset in segment.specials() {
                let special = segment.special(offset, &mut scratch, &wanted);
                specials.extend(special.map(|special| ((segment.sequence(), offset), special)));
            }
        }
        self.pool.put_back(scratch);
        specials
    }

    pub(crate) fn known_segments(&self) -> Vec<SegmentRow> {
        self.catalogue.segments(&|| self.contents())
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

/// A grammar table or a dictionary, read by its place.
pub(crate) enum Special {
    Grammar(Fingerprint, Vec<u8>),
    Dictionary(Dictionary),
}

pub(crate) fn tree(key: &TreeKey) -> RecordKey {
    RecordKey { kind: Kind::TREE, key: key.0 }
}

fn grammar_key(fingerprint: &Fingerprint) -> RecordKey {
    let mut key = [0; 32];
    key.iter_mut().zip(fingerprint.0).for_each(|(place, byte)| *place = byte);
    RecordKey { kind: Kind::GRAMMAR, key }
}

fn dictionary_key(dictionary: &Dictionary) -> RecordKey {
    RecordKey { kind: Kind::DICTIONARY, key: dictionary.key() }
}

pub(crate) fn decode_grammar(bytes: &[u8], fingerprint: &Fingerprint) -> Option<Grammar> {
    Grammar::from_bytes(bytes).ok().filter(|grammar| grammar.fingerprint() == *fingerprint)
}

fn segment_row(sealed: &crate::segment::Sealed) -> SegmentRow {
    SegmentRow {
        id: sealed.id,
        sequence: sealed.sequence(),
        file_len: sealed.file_len(),
        records: sealed.entries(),
    }
}

fn unpack(
    scratch: &mut Scratch,
    record: &Record<'_>,
    dictionary: Option<&Dictionary>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let RecordHeader { codec, raw, .. } = record.header;
    scratch.unpack(codec, record.payload, raw, dictionary, out).map_err(Fault::Damaged)
}

fn unpacked(scratch: &mut Scratch, record: &Record<'_>) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    unpack(scratch, record, None, &mut out)?;
    Ok(out)
}

/// Values read once in a process.
struct Cache<K, V>(RwLock<HashMap<K, Arc<V>>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Hash + Eq + Copy, V> Cache<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Keeps what is there already; gives what is there now.
    fn insert(&self, key: K, value: Arc<V>) -> Arc<V> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(key).or_insert(value))
    }

    fn replace(&self, key: K, value: Arc<V>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}
