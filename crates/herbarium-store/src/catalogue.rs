//! The catalogue: small facts that change, shared by processes, in one redb file.
//!
//! Nothing in it is trusted: each value carries a checksum, and whatever goes
//! wrong inside the engine, a panic included, ends with the file set aside and
//! a new one in its place.

mod manifests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use herbarium_codec::Fingerprint;
use redb::backends::InMemoryBackend;
use redb::{
    Builder, CompactionError, ConcurrencyMode, Database, DatabaseError, DatabaseStats,
    ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, TableError, WriteTransaction,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::files::{FileLock, SegmentId, now_ns, sync_dir};
use crate::guard;
use crate::heuristics::CATALOGUE_SPARE_PERCENT;
use crate::manifest::BaseId;
use crate::wire::Reader;
use crate::{DictionaryId, StoreError};

pub(crate) use manifests::{AllManifests, Base, ManifestHead, StoredManifest};
use manifests::{
    CHUNKS, MANIFESTS, delete_manifest, insert_manifest, read_base, read_heads, read_manifest,
    read_manifests,
};

type Bytes = &'static [u8];
const GRAMMARS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("grammars");
const DICTIONARIES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("dictionaries");
const CURRENT: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("current");
const SEGMENTS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("segments");
const NOTES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("notes");

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
    /// A copy in memory, from that time, of a file that needs what a reader may not do to it.
    Mended(Database, Instant),
}

/// A sealed segment, as the catalogue remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentRow {
    pub(crate) id: SegmentId,
    pub(crate) sequence: u64,
    pub(crate) file_len: u64,
    pub(crate) records: u32,
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
        self.lookup(rebuild, |txn| read_heads(txn).map(Some)).unwrap_or_default()
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
            for manifest in &manifests.found {
                insert_manifest(txn, manifest, None)?;
            }
            txn.open_table(NOTES)?.remove(LOST)?;
            note_loss(txn, manifests.lost_up_to)
        })
    }

    /// A manifest with all its parts; whoever reads it checks it.
    pub(crate) fn manifest(&self, rebuild: Rebuild<'_>, root: &[u8]) -> Option<StoredManifest> {
        self.lookup(rebuild, |txn| read_manifest(txn, root))
    }

    /// What manifests are the difference to.
    pub(crate) fn base(&self, rebuild: Rebuild<'_>, id: BaseId) -> Option<Base> {
        self.lookup(rebuild, |txn| read_base(txn, id))
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

    /// Puts a manifest in place of the one before. Its base is from then on what it has in
    /// common with the manifest of `other`, if it was made from that.
    pub(crate) fn put_manifest(
        &self,
        rebuild: Rebuild<'_>,
        manifest: &StoredManifest,
        other: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.change(rebuild, "store a manifest", |txn| insert_manifest(txn, manifest, other))
    }

    /// Says whether there was one.
    pub(crate) fn remove_manifest(
        &self,
        rebuild: Rebuild<'_>,
        root: &[u8],
    ) -> Result<bool, StoreError> {
        self.change(rebuild, "remove a manifest", |txn| delete_manifest(txn, root))
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
            State::Open(Db::Mended(_, since)) => since.elapsed() >= PAUSE,
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
            let without = State::Without(Instant::now());
            return self.open_for_reading().map_or(without, State::Open);
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
                if let Ok(db) = self.open_for_reading() {
                    return State::Open(db);
                }
                let catalogue = self.path.display();
                tracing::warn!(%catalogue, %error, "going on without the catalogue");
                State::Without(Instant::now())
            }
        }
    }

    /// Opens the file without changing it. Where a process was killed amid a change of it,
    /// redb takes that back before it reads anything: in a copy, then, of what is in the file.
    fn open_for_reading(&self) -> Result<Db, Trouble> {
        guarded(|| match builder().open_read_only(&self.path) {
            Ok(db) => Ok(Db::Read(db)),
            Err(DatabaseError::RepairAborted) => Ok(Db::Mended(mend(&self.path)?, Instant::now())),
            Err(error) => Err(error.into()),
        })
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

/// A copy of the file in memory, as the next writer will make it.
fn mend(path: &Path) -> Result<Database, Trouble> {
    let copy = || {
        let bytes = fs::read(path)?;
        let memory = InMemoryBackend::new();
        memory.set_len(bytes.len() as u64)?;
        memory.write(0, &bytes)?;
        Ok(memory)
    };
    let memory = copy().map_err(|error| Trouble::Engine(redb::Error::Io(error)))?;
    // Memory has no locks, and no other process.
    Ok(Builder::new().set_cache_size(PAGE_CACHE).create_with_backend(memory)?)
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
        Db::Write(db) | Db::Mended(db, _) => db.begin_read()?,
        Db::Read(db) => db.begin_read()?,
    })
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
