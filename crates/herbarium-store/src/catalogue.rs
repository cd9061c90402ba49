//! The catalogue: small facts that change, shared by processes, in one redb file.
//!
//! Nothing in it is trusted: each value carries a checksum, and whatever goes
//! wrong inside the engine, a panic included, ends with the file set aside and
//! a new one in its place.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use herbarium_codec::Fingerprint;
use redb::{
    Builder, CompactionError, ConcurrencyMode, Database, DatabaseStats, ReadOnlyDatabase,
    ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    TableError, WriteTransaction,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::files::{FileLock, SegmentId, now_ns, sync_dir};
use crate::guard;
use crate::heuristics::{CATALOGUE_SPARE_PERCENT, MANIFEST_CHUNK, MANIFEST_CHUNK_LEAST};
use crate::wire::Reader;
use crate::{DictionaryId, StoreError};

type Bytes = &'static [u8];
const GRAMMARS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("grammars");
const DICTIONARIES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("dictionaries");
const CURRENT: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("current");
const SEGMENTS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("segments");
const MANIFESTS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("manifests");
const NOTES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("notes");
const CHUNKS: TableDefinition<'_, (Bytes, u32), Bytes> = TableDefinition::new("manifest_chunks");

/// Note: the newest segment that there was when manifests were lost.
const LOST: &[u8] = b"manifests lost up to segment";

/// Name of the catalogue file.
pub(crate) const CATALOGUE: &str = "catalogue.redb";
/// Name of the file that is locked while the catalogue is replaced.
pub(crate) const CATALOGUE_LOCK: &str = "catalogue.lock";
/// What every redb file begins with.
pub(crate) const CATALOGUE_MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
/// Pages kept in memory: what the catalogue holds is read once a process.
const PAGE_CACHE: usize = 4 << 20;
/// Bytes that redb takes besides tables in a file that is as small as it gets, and a page or
/// two: it was 24,576 with 32 KiB of tables and with 140.
const CATALOGUE_OWN: u64 = 32 << 10;
/// Bytes of a page that are neither root nor blob: the page's header and two ends (12), the
/// lengths and number in the key (9 at most), the checksum (8).
const VALUE_OVERHEAD: usize = 32;
/// How long the store goes on without a catalogue before it tries to read it again.
const PAUSE: Duration = Duration::from_secs(1);

/// The catalogue, opened when it is first needed.
pub(crate) struct Catalogue {
    dir: PathBuf,
    path: PathBuf,
    read_only: bool,
    state: Mutex<State>,
    /// Whether this process has set a damaged file aside.
    lost: AtomicBool,
    /// Whether this process wrote since it last looked for pages to give back.
    written: AtomicBool,
}

/// How much of the catalogue must be free for it to be made smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shrink {
    /// So much that it is worth the time, in a catalogue that this process wrote to.
    IfWorthIt,
    /// Anything.
    IfThereIsAny,
}

enum State {
    NotYet,
    Open(Db),
    /// It could not be opened at that time; the store goes on without it, and tries
    /// again.
    Without(Instant),
}

enum Db {
    Write(Database),
    Read(ReadOnlyDatabase),
}

/// A sealed segment, as the catalogue remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentRow {
    pub(crate) id: SegmentId,
    pub(crate) sequence: u64,
    pub(crate) file_len: u64,
    pub(crate) records: u32,
}

/// What is known of a manifest without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ManifestHead {
    pub(crate) root: Vec<u8>,
    pub(crate) rows: u64,
    pub(crate) len: u64,
    pub(crate) chunks: u32,
    pub(crate) taken_ns: u64,
}

/// What a new catalogue is filled with.
#[derive(Clone, Default)]
pub(crate) struct Contents {
    pub(crate) grammars: Vec<(Fingerprint, Vec<u8>)>,
    /// Oldest first: the last of a grammar is its current one.
    pub(crate) dictionaries: Vec<(DictionaryId, Fingerprint, Vec<u8>)>,
    pub(crate) segments: Vec<SegmentRow>,
    /// The newest segment, and the newest that was there before this process came.
    pub(crate) newest: Option<u64>,
    pub(crate) found: Option<u64>,
}

/// Every manifest, for those who have to know of each.
#[derive(Default)]
pub(crate) struct AllManifests {
    /// Head and blob of each.
    pub(crate) blobs: Vec<(ManifestHead, Vec<u8>)>,
    /// How many there are besides.
    pub(crate) unreadable: u64,
    /// The newest segment that there was when manifests were lost.
    pub(crate) lost_up_to: Option<u64>,
}

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Engine(redb::Error),
    #[error("the engine gave up over the file")]
    Panic,
    #[error("there is no catalogue in this process")]
    Without,
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl Trouble {
    /// Whether the file is to blame, as against a full disk or another process.
    fn is_damage(&self) -> bool {
        match self {
            Self::Panic => true,
            Self::Engine(redb::Error::Io(error)) => matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof
            ),
            Self::Engine(error) => matches!(
                error,
                redb::Error::Corrupted(_)
                    | redb::Error::TableTypeMismatch { .. }
                    | redb::Error::TypeDefinitionChanged { .. }
                    | redb::Error::UpgradeRequired(_)
                    | redb::Error::RepairAborted
            ),
            Self::Without => false,
        }
    }
}

impl Catalogue {
    pub(crate) fn new(dir: &Path, read_only: bool) -> Self {
        let path = dir.join(CATALOGUE);
        Self {
            dir: dir.to_owned(),
            path,
            read_only,
            state: Mutex::new(State::NotYet),
            lost: AtomicBool::new(false),
            written: AtomicBool::new(false),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn grammar(&self, rebuild: Rebuild<'_>, id: &Fingerprint) -> Option<Vec<u8>> {
        self.lookup(rebuild, |txn| get(txn, GRAMMARS, &id.0))
    }

    pub(crate) fn dictionary(&self, rebuild: Rebuild<'_>, id: DictionaryId) -> Option<Vec<u8>> {
        self.lookup(rebuild, |txn| get(txn, DICTIONARIES, &id.0.to_le_bytes()))
    }

    /// The dictionary that new trees of a grammar use.
    pub(crate) fn current(&self, rebuild: Rebuild<'_>, id: &Fingerprint) -> Option<DictionaryId> {
        let bytes = self.lookup(rebuild, |txn| get(txn, CURRENT, &id.0))?;
        DictionaryId::named(Reader(&bytes).u64()?)
    }

    pub(crate) fn segments(&self, rebuild: Rebuild<'_>) -> Vec<SegmentRow> {
        let rows = self.lookup(rebuild, |txn| {
            let mut rows = Vec::new();
            each(txn, SEGMENTS, |key, value| rows.extend(segment_row(key, value)))?;
            Ok(Some(rows))
        });
        rows.unwrap_or_default()
    }

    pub(crate) fn manifests(&self, rebuild: Rebuild<'_>) -> Vec<ManifestHead> {
        let heads = self.lookup(rebuild, |txn| {
            let mut heads = Vec::new();
            each(txn, MANIFESTS, |key, value| heads.extend(manifest_head(key, value)))?;
            Ok(Some(heads))
        });
        heads.unwrap_or_default()
    }

    /// Every manifest, from one moment; an error where they cannot be read.
    pub(crate) fn all_manifests(&self, rebuild: Rebuild<'_>) -> Result<AllManifests, StoreError> {
        let read = |db: &Db| read_manifests(&begin_read(db)?);
        let mut found = self.with(rebuild, read);
        if found.as_ref().is_err_and(Trouble::is_damage) {
            found = self.with(rebuild, read);
        }
        found.map_err(|error| self.error("read all manifests", error))
    }

    /// Fills a new catalogue with copies of what another one has.
    pub(crate) fn fill_copy(
        &self,
        rebuild: Rebuild<'_>,
        manifests: &AllManifests,
    ) -> Result<(), StoreError> {
        self.change(rebuild, "copy", |txn| {
            for (head, blob) in &manifests.blobs {
                insert_manifest(txn, head, blob)?;
            }
            txn.open_table(NOTES)?.remove(LOST)?;
            note_loss(txn, manifests.lost_up_to)
        })
    }

    /// The blob of a manifest, its parts put together; whoever decodes it
    /// checks it.
    pub(crate) fn manifest(&self, rebuild: Rebuild<'_>, root: &[u8]) -> Option<Vec<u8>> {
        self.lookup(rebuild, |txn| {
            let Some(head) = get(txn, MANIFESTS, root)? else { return Ok(None) };
            let Some(head) = manifest_head(root, &head) else { return Ok(None) };
            read_blob(txn, &head)
        })
    }

    pub(crate) fn put_grammar(
        &self,
        rebuild: Rebuild<'_>,
        id: &Fingerprint,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.change(rebuild, "store a grammar table", |txn| {
            txn.open_table(GRAMMARS)?.insert(&id.0[..], &checked(bytes)[..])?;
            Ok(())
        })
    }

    /// Stores a dictionary and makes it the one that new trees use.
    pub(crate) fn put_dictionary(
        &self,
        rebuild: Rebuild<'_>,
        id: DictionaryId,
        fingerprint: &Fingerprint,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.change(rebuild, "store a dictionary", |txn| {
            insert_dictionary(txn, id, fingerprint, bytes)
        })
    }

    pub(crate) fn put_segment(
        &self,
        rebuild: Rebuild<'_>,
        row: &SegmentRow,
    ) -> Result<(), StoreError> {
        self.change(rebuild, "note a segment", |txn| insert_segment(txn, row))
    }

    /// Forgets segments that were removed.
    pub(crate) fn remove_segments(
        &self,
        rebuild: Rebuild<'_>,
        ids: &[SegmentId],
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.change(rebuild, "forget segments", |txn| {
            let mut segments = txn.open_table(SEGMENTS)?;
            for id in ids {
                segments.remove(&id.0[..])?;
            }
            Ok(())
        })
    }

    /// Forgets that manifests were lost.
    pub(crate) fn forget_loss(&self, rebuild: Rebuild<'_>) -> Result<(), StoreError> {
        self.change(rebuild, "forget a note", |txn| {
            txn.open_table(NOTES)?.remove(LOST)?;
            Ok(())
        })
    }

    pub(crate) fn put_manifest(
        &self,
        rebuild: Rebuild<'_>,
        head: &ManifestHead,
        blob: &[u8],
    ) -> Result<(), StoreError> {
        self.change(rebuild, "store a manifest", |txn| insert_manifest(txn, head, blob))
    }

    /// Says whether there was one.
    pub(crate) fn remove_manifest(
        &self,
        rebuild: Rebuild<'_>,
        root: &[u8],
    ) -> Result<bool, StoreError> {
        self.change(rebuild, "remove a manifest", |txn| {
            delete_chunks(txn, root)?;
            Ok(txn.open_table(MANIFESTS)?.remove(root)?.is_some())
        })
    }

    /// Reads; whatever goes wrong is as if nothing was there.
    fn lookup<T>(
        &self,
        rebuild: Rebuild<'_>,
        read: impl FnOnce(&ReadTransaction) -> Result<Option<T>, Trouble>,
    ) -> Option<T> {
        let result = self.with(rebuild, |db| read(&begin_read(db)?));
        match result {
            Ok(found) => found,
            Err(Trouble::Without) => None,
            Err(error) => {
                tracing::warn!(catalogue = %self.path.display(), %error, "could not read the catalogue");
                None
            }
        }
    }

    pub(crate) fn change<T>(
        &self,
        rebuild: Rebuild<'_>,
        deed: &'static str,
        write: impl Fn(&WriteTransaction) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let work = |db: &Db| {
            let Db::Write(db) = db else { return Err(Trouble::Without) };
            let txn = db.begin_write()?;
            let result = write(&txn)?;
            txn.commit()?;
            self.written.store(true, Ordering::Relaxed);
            Ok(result)
        };
        self.try_again();
        let mut result = self.with(rebuild, work);
        if result.as_ref().is_err_and(Trouble::is_damage) {
            // The damaged file is out of the way: there is a new one to write to.
            result = self.with(rebuild, work);
        }
        result.map_err(|error| self.error(deed, error))
    }

    /// Makes the file smaller if much of it is free: a manifest is written before the one
    /// that it replaces goes, and redb keeps the pages.
    ///
    /// Nothing that is in it changes, so that a failure is none: it stays as large as it
    /// is. Others who read or write it just now keep it from that, too.
    pub(crate) fn shrink(&self, shrink: Shrink) {
        let written = self.written.swap(false, Ordering::Relaxed);
        if !written && shrink == Shrink::IfWorthIt {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Open(Db::Write(db)) = &mut *state else { return };
        let path = &self.path;
        match guarded(|| shrink_file(db, path, shrink)) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                let catalogue = path.display();
                tracing::warn!(%catalogue, %error, "the catalogue stays larger than it must be");
            }
        }
        // Closing adds some pages: from then on the file is as large as it stays. And if it
        // is to blame for an error, whoever reads or writes it next finds that out.
        let open = std::mem::replace(&mut *state, State::NotYet);
        let _ = guarded(|| {
            drop(open);
            Ok(())
        });
    }

    fn error(&self, deed: &'static str, error: Trouble) -> StoreError {
        StoreError::Catalogue { deed, path: self.path.clone(), source: Box::new(error) }
    }

    /// Runs `work` on the open catalogue, with a net under it.
    fn with<T>(
        &self,
        rebuild: Rebuild<'_>,
        work: impl FnOnce(&Db) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = match &*state {
            State::NotYet => true,
            State::Without(since) => !self.read_only && since.elapsed() >= PAUSE,
            State::Open(_) => false,
        };
        if is_due {
            *state = self.open(rebuild);
        }
        let State::Open(db) = &*state else { return Err(Trouble::Without) };
        let result = guarded(|| work(db));
        if let Err(trouble) = &result
            && trouble.is_damage()
        {
            let damaged = std::mem::replace(&mut *state, State::Without(Instant::now()));
            // Closing may trip over the same damage.
            let _ = guarded(|| {
                drop(damaged);
                Ok(())
            });
            if !self.read_only {
                self.set_aside(trouble);
                *state = State::NotYet;
            }
        } else if matches!(&result, Err(Trouble::Engine(_))) {
            // After an error of the device the engine refuses all else until it is
            // opened anew.
            let open = std::mem::replace(&mut *state, State::NotYet);
            let _ = guarded(|| {
                drop(open);
                Ok(())
            });
        }
        result
    }

    /// Whoever writes does not wait until it is time to try again.
    fn try_again(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.read_only && !matches!(*state, State::Open(Db::Write(_))) {
            *state = State::NotYet;
        }
    }

    fn open(&self, rebuild: Rebuild<'_>) -> State {
        if self.read_only {
            let opened = guarded(|| Ok(builder().open_read_only(&self.path)?));
            let without = State::Without(Instant::now());
            return opened.map_or(without, |db| State::Open(Db::Read(db)));
        }
        let mut result = self.create(rebuild);
        if let Err(trouble) = &result
            && trouble.is_damage()
        {
            self.set_aside(trouble);
            result = self.create(rebuild);
        }
        match result {
            Ok(db) => State::Open(Db::Write(db)),
            Err(error) => {
                // Where it may not be written, it may still be read.
                if let Ok(db) = guarded(|| Ok(builder().open_read_only(&self.path)?)) {
                    return State::Open(Db::Read(db));
                }
                let catalogue = self.path.display();
                tracing::warn!(%catalogue, %error, "going on without the catalogue");
                State::Without(Instant::now())
            }
        }
    }

    /// Opens the file; makes and fills it where it is missing.
    fn create(&self, rebuild: Rebuild<'_>) -> Result<Database, Trouble> {
        guarded(|| {
            let lock = FileLock::take(self.dir.join(CATALOGUE_LOCK));
            let lock = lock.map_err(|error| Trouble::Engine(redb::Error::Io(error)))?;
            let db = builder().create(&self.path)?;
            let filled = open_table(db.begin_read()?.open_table(MANIFESTS))?.is_some();
            if !filled {
                // Its name first: what is put into it is said to last.
                sync_dir(&self.dir).map_err(|error| Trouble::Engine(redb::Error::Io(error)))?;
                let txn = db.begin_write()?;
                let contents = rebuild();
                let lost = self.lost.load(Ordering::Relaxed) || contents.found.is_some();
                fill(&txn, &contents)?;
                note_loss(&txn, contents.newest.filter(|_| lost))?;
                txn.commit()?;
            }
            drop(lock);
            Ok(db)
        })
    }

    /// Moves a damaged file out of the way. Processes that have it open keep
    /// what they have; they lose what they write to it, which is made again.
    fn set_aside(&self, why: &Trouble) {
        self.lost.store(true, Ordering::Relaxed);
        let Ok(_lock) = FileLock::take(self.dir.join(CATALOGUE_LOCK)) else { return };
        let aside = self.dir.join(format!("catalogue.damaged-{}.redb", now_ns()));
        tracing::warn!(
            catalogue = %self.path.display(),
            aside = %aside.display(),
            %why,
            "the catalogue is damaged: set aside, and rebuilt from the segments"
        );
        metrics::counter!("herbarium_store_damaged_total").increment(1);
        if let Err(error) = fs::rename(&self.path, &aside) {
            tracing::warn!(%error, "could not set the catalogue aside");
        }
    }
}

impl Drop for Catalogue {
    /// Closing writes, and may trip over damage that nothing else has met.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let closing = std::mem::replace(state, State::NotYet);
        let closed = guarded(|| {
            drop(closing);
            Ok(())
        });
        if let Err(trouble) = closed
            && !self.read_only
        {
            self.set_aside(&trouble);
        }
    }
}

/// Gives what a new catalogue is filled with.
pub(crate) type Rebuild<'a> = &'a dyn Fn() -> Contents;

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(PAGE_CACHE);
    builder
}

/// redb may panic over a file that was altered; that must not reach the caller.
fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    guard::guarded(work).unwrap_or(Err(Trouble::Panic))
}

/// Says whether it was tried.
fn shrink_file(db: &mut Database, path: &Path, shrink: Shrink) -> Result<bool, Trouble> {
    let len = fs::metadata(path).map_err(redb::Error::Io)?.len();
    let txn = db.begin_write()?;
    let needed = bytes_needed(&txn.stats()?, len);
    txn.abort()?;
    let spare = len.saturating_sub(needed).saturating_sub(CATALOGUE_OWN);
    let worth = spare.saturating_mul(100) >= len.saturating_mul(CATALOGUE_SPARE_PERCENT);
    if spare == 0 || (shrink == Shrink::IfWorthIt && !worth) {
        return Ok(false);
    }
    match db.compact() {
        // Somebody else is at it.
        Ok(_) | Err(CompactionError::TransactionInProgress) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Bytes of the pages that tables lie in. Those that the last commits replaced are
/// not among them, though redb counts them as allocated until later ones.
fn bytes_needed(stats: &DatabaseStats, len: u64) -> u64 {
    let allocated = stats.allocated_pages().saturating_mul(stats.page_size() as u64);
    let free = len.saturating_sub(allocated);
    let within_pages = stats.fragmented_bytes().saturating_sub(free);
    stats.stored_bytes().saturating_add(stats.metadata_bytes()).saturating_add(within_pages)
}

fn fill(txn: &WriteTransaction, contents: &Contents) -> Result<(), Trouble> {
    let mut grammars = txn.open_table(GRAMMARS)?;
    for (id, bytes) in &contents.grammars {
        grammars.insert(&id.0[..], &checked(bytes)[..])?;
    }
    txn.open_table(DICTIONARIES)?;
    txn.open_table(CURRENT)?;
    for (id, fingerprint, bytes) in &contents.dictionaries {
        insert_dictionary(txn, *id, fingerprint, bytes)?;
    }
    txn.open_table(SEGMENTS)?;
    for row in &contents.segments {
        insert_segment(txn, row)?;
    }
    txn.open_table(CHUNKS)?;
    txn.open_table(MANIFESTS)?;
    Ok(())
}

/// Notes that there may have been manifests of which nothing is known any more.
fn note_loss(txn: &WriteTransaction, newest: Option<u64>) -> Result<(), Trouble> {
    let mut notes = txn.open_table(NOTES)?;
    if let Some(newest) = newest {
        notes.insert(LOST, &checked(&newest.to_le_bytes())[..])?;
    }
    Ok(())
}

fn begin_read(db: &Db) -> Result<ReadTransaction, Trouble> {
    Ok(match db {
        Db::Write(db) => db.begin_read()?,
        Db::Read(db) => db.begin_read()?,
    })
}

fn read_manifests(txn: &ReadTransaction) -> Result<AllManifests, Trouble> {
    let mut all = AllManifests::default();
    let lost = get(txn, NOTES, LOST)?;
    all.lost_up_to = lost.and_then(|bytes| Reader(&bytes).u64());
    let (mut heads, mut rows) = (Vec::new(), 0);
    if let Some(table) = open_table(txn.open_table(MANIFESTS))? {
        rows = table.len()?;
    }
    each(txn, MANIFESTS, |key, value| heads.extend(manifest_head(key, value)))?;
    for head in heads {
        if let Some(blob) = read_blob(txn, &head)? {
            all.blobs.push((head, blob));
        }
    }
    all.unreadable = rows.saturating_sub(all.blobs.len() as u64);
    Ok(all)
}

/// The parts of a manifest put together, if all are there.
fn read_blob(txn: &ReadTransaction, head: &ManifestHead) -> Result<Option<Vec<u8>>, Trouble> {
    let Some(chunks) = open_table(txn.open_table(CHUNKS))? else { return Ok(None) };
    let mut blob = Vec::new();
    for number in 0..head.chunks {
        let Some(chunk) = chunks.get((&head.root[..], number))? else { return Ok(None) };
        blob.extend_from_slice(unchecked(chunk.value()).unwrap_or_default());
    }
    Ok(Some(blob).filter(|blob| blob.len() as u64 == head.len))
}

fn insert_dictionary(
    txn: &WriteTransaction,
    id: DictionaryId,
    fingerprint: &Fingerprint,
    bytes: &[u8],
) -> Result<(), Trouble> {
    let id = id.0.to_le_bytes();
    txn.open_table(DICTIONARIES)?.insert(&id[..], &checked(bytes)[..])?;
    txn.open_table(CURRENT)?.insert(&fingerprint.0[..], &checked(&id)[..])?;
    Ok(())
}

fn insert_segment(txn: &WriteTransaction, row: &SegmentRow) -> Result<(), Trouble> {
    let mut value = row.sequence.to_le_bytes().to_vec();
    value.extend_from_slice(&row.file_len.to_le_bytes());
    value.extend_from_slice(&row.records.to_le_bytes());
    txn.open_table(SEGMENTS)?.insert(&row.id.0[..], &checked(&value)[..])?;
    Ok(())
}

/// Puts a manifest in place of the one before.
fn insert_manifest(
    txn: &WriteTransaction,
    head: &ManifestHead,
    blob: &[u8],
) -> Result<(), Trouble> {
    delete_chunks(txn, &head.root)?;
    let mut chunks = txn.open_table(CHUNKS)?;
    let (mut rest, mut number) = (blob, 0);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_len(rest.len(), head.root.len()));
        chunks.insert((&head.root[..], number), &checked(chunk)[..])?;
        (rest, number) = (after, number + 1);
    }
    let head = ManifestHead { chunks: number, ..head.clone() };
    txn.open_table(MANIFESTS)?.insert(&head.root[..], &checked(&head_bytes(&head))[..])?;
    Ok(())
}

/// How much of what is left of a blob goes into the next value: what fills a power of two
/// of bytes together with key and checksum, as redb gives it no less.
fn chunk_len(left: usize, root: usize) -> usize {
    let beside = VALUE_OVERHEAD + root;
    let least = MANIFEST_CHUNK_LEAST.max(4 * beside);
    let mut whole = MANIFEST_CHUNK;
    while whole > least && whole - beside > left {
        whole /= 2;
    }
    whole.saturating_sub(beside).clamp(1, left.max(1))
}

fn delete_chunks(txn: &WriteTransaction, root: &[u8]) -> Result<(), Trouble> {
    let mut chunks = txn.open_table(CHUNKS)?;
    let mut number = 0;
    while chunks.remove((root, number))?.is_some() {
        number += 1;
    }
    Ok(())
}

/// A value behind its checksum.
pub(crate) fn checked(value: &[u8]) -> Vec<u8> {
    let mut bytes = xxh3_64(value).to_le_bytes().to_vec();
    bytes.extend_from_slice(value);
    bytes
}

/// The value, if the checksum before it is right.
pub(crate) fn unchecked(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(bytes);
    (reader.u64()? == xxh3_64(reader.0)).then_some(reader.0)
}

fn get(
    txn: &ReadTransaction,
    table: TableDefinition<'_, Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, Trouble> {
    let Some(table) = open_table(txn.open_table(table))? else { return Ok(None) };
    let value = table.get(key)?;
    Ok(value.and_then(|value| unchecked(value.value()).map(<[u8]>::to_vec)))
}

fn each(
    txn: &ReadTransaction,
    table: TableDefinition<'_, Bytes, Bytes>,
    mut row: impl FnMut(&[u8], &[u8]),
) -> Result<(), Trouble> {
    let Some(table) = open_table(txn.open_table(table))? else { return Ok(()) };
    for entry in table.iter()? {
        let (key, value) = entry?;
        if let Some(value) = unchecked(value.value()) {
            row(key.value(), value);
        }
    }
    Ok(())
}

/// A table that was never written is empty, not an error.
fn open_table<T>(opened: Result<T, TableError>) -> Result<Option<T>, Trouble> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn segment_row(key: &[u8], value: &[u8]) -> Option<SegmentRow> {
    let id = SegmentId(Reader(key).array()?);
    let mut reader = Reader(value);
    Some(SegmentRow {
        id,
        sequence: reader.u64()?,
        file_len: reader.u64()?,
        records: reader.u32()?,
    })
}

fn manifest_head(root: &[u8], value: &[u8]) -> Option<ManifestHead> {
    let mut reader = Reader(value);
    Some(ManifestHead {
        root: root.to_vec(),
        rows: reader.u64()?,
        len: reader.u64()?,
        chunks: reader.u32()?,
        taken_ns: reader.u64()?,
    })
}

fn head_bytes(head: &ManifestHead) -> Vec<u8> {
    let mut bytes = head.rows.to_le_bytes().to_vec();
    bytes.extend_from_slice(&head.len.to_le_bytes());
    bytes.extend_from_slice(&head.chunks.to_le_bytes());
    bytes.extend_from_slice(&head.taken_ns.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(mut left: usize, root: usize) -> Vec<usize> {
        let mut chunks = Vec::new();
        while left > 0 {
            chunks.push(chunk_len(left, root));
            left -= chunks[chunks.len() - 1];
        }
        chunks
    }

    #[test]
    fn parts_of_a_manifest_fill_the_bytes_that_they_are_given() {
        for root in [0, 15, 300, 4_095] {
            for len in [0, 1, 5_000, 82_517, 250_000, 1_000_000, 5_300_000] {
                let parts = chunks(len, root);
                assert_eq!(parts.iter().sum::<usize>(), len);
                let given = |part: &usize| (part + root + VALUE_OVERHEAD).next_power_of_two();
                let given: usize = parts.iter().map(given).sum();
                let beside = parts.len() * (root + VALUE_OVERHEAD);
                let last = MANIFEST_CHUNK_LEAST.max(8 * (root + VALUE_OVERHEAD));
                assert!(given <= len + beside + last, "{root} {len}: {parts:?}");
                assert!(parts.len() <= len / 50_000 + 7, "{root} {len}: {parts:?}");
            }
        }
    }

    #[test]
    fn a_root_of_any_length_leaves_room_for_a_manifest() {
        for root in [30_000, 65_536, 1 << 20] {
            assert_eq!(chunks(1_000, root).iter().sum::<usize>(), 1_000);
        }
    }
}
