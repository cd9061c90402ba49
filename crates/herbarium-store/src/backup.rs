//! Copies of a store: made while it is in use, whole or not there at all.

mod beside;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::belongings;
use crate::catalogue::{AllManifests, Catalogue, Contents, Shrink};
use crate::error::IoContext;
use crate::files::{read_at, sync_dir};
use crate::hold::{exclude_all, is_locked};
use crate::marker::{self, MARKER, SEGMENTS};
use crate::segment::Segment;
use crate::{Store, StoreError, StoreOptions};

use beside::{REPLACED_NAME, Unfinished, beside, remove_abandoned, remove_replaced};

/// What a copy came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct BackupReport {
    /// Segments copied.
    pub segments: u64,
    /// Trees in them.
    pub trees: u64,
    /// Manifests copied.
    pub manifests: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Damaged records, of the store that was copied: they are misses in the copy, too.
    pub damaged: u64,
}

/// How [`Store::restore`] treats what is there.
///
/// ```
/// let options = herbarium_store::RestoreOptions::new().overwrite(true);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RestoreOptions {
    overwrite: bool,
}

impl RestoreOptions {
    /// The default: what is there is not overwritten.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the copy in the place of a store that is there already.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }
}

/// Bytes copied in one go.
const STRIDE: usize = 1 << 20;

impl Store {
    /// Copies the store to `dest`, a directory that is empty or does not exist.
    ///
    /// It is a copy of one moment: every tree that a manifest in it names is in it.
    /// Others may read and write meanwhile, in other processes, too; only
    /// [`Store::gc`] waits. What is copied is read back and compared, and every
    /// record of the copy is read. It appears under its name when it is whole and
    /// synced; until then it lies beside it, as `<name>.unfinished-<id>`
    /// with a lock file of that name, and is removed if something fails. What a killed
    /// process leaves there, whenever it was killed, is removed by the next copy to the
    /// same place.
    ///
    /// The copy is a store: open it, or bring it back with [`Store::restore`]. Kept
    /// queries are not copied, as they are made again, nor are jobs,
    /// which are of the processes that work on them.
    ///
    /// ```
    /// use herbarium_store::{RestoreOptions, Store, StoreOptions};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let (dir, backup) = (dir.path().join("store"), dir.path().join("backup"));
    /// let store = Store::open(&dir, StoreOptions::new())?;
    /// # let (key, grammar) = (herbarium_store::TreeKey([1; 32]), herbarium_codec::Fingerprint([1; 16]));
    /// store.put_tree(&key, grammar, b"a tree", None)?;
    /// assert_eq!(store.backup(&backup)?.trees, 1);
    /// drop(store);
    ///
    /// std::fs::remove_dir_all(&dir)?;
    /// Store::restore(&backup, &dir, RestoreOptions::new())?;
    /// assert!(Store::open(&dir, StoreOptions::new())?.contains(&key)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Occupied`] if there is something at `dest`,
    /// [`StoreError::InsideTheStore`] if that is in the store's directory,
    /// [`StoreError::BadCopy`] if it does not hold what was written,
    /// [`StoreError::Catalogue`] if manifests cannot be read,
    /// [`StoreError::Io`] if something cannot be read or written.
    pub fn backup(&self, dest: impl AsRef<Path>) -> Result<BackupReport, StoreError> {
        let dest = resolve(dest.as_ref())?;
        remove_abandoned(&dest, self.dir());
        must_be_free(&dest)?;
        must_be_outside(self.dir(), &dest)?;
        let copy = Unfinished::make(&dest)?;
        let report = self.copy_to(&copy.path)?;
        copy.declare_whole()?;
        copy.finish(&dest)?;
        Ok(report)
    }

    /// Copies the store at `from` to `dest`, as [`Store::backup`] does.
    ///
    /// A store or other things at `dest` are left alone, unless the options say to
    /// overwrite: then a store there is set aside as `<name>.replaced-<id>`,
    /// the copy takes its place, and what was set aside is removed. Killed between the
    /// first two, it leaves both, whole, and neither under the name; killed before it has
    /// removed what was set aside, it leaves that. What was left so is removed by the
    /// next restore to the same place that may overwrite, once its copy is there, but for
    /// the store that it was made from. Where `dest` is a
    /// link to a store, that is replaced, and the link stays. What is in the directory
    /// of a store and not the store's is never removed.
    ///
    /// # Errors
    /// Those of [`Store::backup`] and of [`Store::open`] for `from`;
    /// [`StoreError::Occupied`] if there is something at `dest` that may not be
    /// overwritten, [`StoreError::NotOnlyAStore`] if there are other things in the store
    /// that would be, [`StoreError::Busy`] if a process writes to the store that
    /// would be.
    pub fn restore(
        from: impl AsRef<Path>,
        dest: impl AsRef<Path>,
        options: RestoreOptions,
    ) -> Result<BackupReport, StoreError> {
        let dest = resolve(dest.as_ref())?;
        let store = Store::open(from.as_ref(), StoreOptions::new().read_only(true))?;
        remove_abandoned(&dest, store.dir());
        let there = !is_free(&dest)?;
        if there && !(options.overwrite && looks_like_a_store(&dest)) {
            return Err(StoreError::Occupied { path: dest });
        }
        if there {
            must_be_only_a_store(&dest, &dest)?;
        } else {
            must_be_outside(store.dir(), &dest)?;
        }
        let copy = Unfinished::make(&dest)?;
        let report = store.copy_to(&copy.path)?;
        copy.declare_whole()?;
        if !there {
            copy.finish(&dest)?;
            if options.overwrite {
                remove_replaced(&dest, store.dir());
            }
            return Ok(report);
        }
        let aside = beside(&dest, REPLACED_NAME);
        {
            let _alone = nobody_writes(&dest)?;
            fs::rename(&dest, &aside).at("set aside", &dest)?;
        }
        // Something may have been put there since.
        let placed = must_be_only_a_store(&aside, &dest).and_then(|()| copy.finish(&dest));
        if let Err(error) = placed {
            fs::rename(&aside, &dest).at("put back", &dest)?;
            return Err(error);
        }
        belongings::remove(&aside).at("remove", &aside)?;
        remove_replaced(&dest, store.dir());
        Ok(report)
    }

    fn copy_to(&self, dir: &Path) -> Result<BackupReport, StoreError> {
        let _hold = self.hold()?;
        let segments_dir = dir.join(SEGMENTS);
        fs::create_dir(&segments_dir).at("create the directory", &segments_dir)?;
        // Manifests first: the trees that they name are in the segments then.
        let manifests = self.catalogue.all_manifests(&|| self.contents());
        let manifests = match manifests {
            // A store that was opened for reading may have no catalogue.
            Err(StoreError::Catalogue { .. }) if !self.catalogue_path().exists() => {
                AllManifests::default()
            }
            found => found?,
        };
        self.refresh()?;
        let mut report =
            BackupReport { manifests: manifests.found.len() as u64, ..BackupReport::default() };
        let segments = self.shelf.segments();
        for segment in segments.iter() {
            report.segments += 1;
            report.bytes += self.copy_segment(segment, &segments_dir)?;
        }
        // Without what was sealed since.
        let mut contents = self.contents();
        contents.segments.retain(|row| segments.iter().any(|segment| segment.id() == row.id));
        self.copy_catalogue(dir, &contents, &manifests)?;
        sync_all(dir)?;
        marker::write(dir, self.version()?.minor)?;
        check_copy(dir, report)
    }

    /// Copies what lies of a segment at this moment; gives how many bytes that is.
    fn copy_segment(&self, segment: &Segment, to: &Path) -> Result<u64, StoreError> {
        let (id, path) = (segment.id(), segment.path());
        let opened;
        let (file, name) = match segment {
            Segment::Open(open) => {
                (&open.file, if segment.is_salvaged() { id.pack_name() } else { id.open_name() })
            }
            Segment::Sealed(_) => {
                opened = File::open(path).at("open", path)?;
                (&opened, id.pack_name())
            }
        };
        // Of one that is being written to, what is whole; of a damaged one, all.
        let len = if matches!(segment, Segment::Open(_)) && !segment.is_salvaged() {
            segment.file_len()
        } else {
            file.metadata().at("read", path)?.len()
        };
        let target = to.join(name);
        let wanted = copy(file, &target, len).at("copy", path)?;
        if hash(&target, len).at("read back", &target)? != Some(wanted) {
            return Err(StoreError::BadCopy { path: target, found: "other bytes" });
        }
        let notes = self.shelf.dir.join(id.bad_name());
        match fs::copy(&notes, to.join(id.bad_name())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("copy", &notes),
            _ => Ok(len),
        }
    }

    fn copy_catalogue(
        &self,
        dir: &Path,
        contents: &Contents,
        manifests: &AllManifests,
    ) -> Result<(), StoreError> {
        let catalogue = Catalogue::new(dir, false);
        let rebuild = || contents.clone();
        catalogue.fill_copy(&rebuild, manifests)?;
        // A dictionary that is put becomes the current one of its grammar.
        for (id, fingerprint, bytes) in &contents.dictionaries {
            if self.current_dictionary(fingerprint) == Some(*id) {
                catalogue.put_dictionary(&rebuild, *id, fingerprint, bytes)?;
            }
        }
        catalogue.shrink(Shrink::IfThereIsAny);
        Ok(())
    }
}

/// Opens the copy and reads every record of it.
fn check_copy(dir: &Path, mut report: BackupReport) -> Result<BackupReport, StoreError> {
    let copy = Store::open(dir, StoreOptions::new().read_only(true))?;
    let found = copy.verify()?;
    report.damaged = found.findings.len() as u64;
    report.trees = found.trees;
    if found.segments != report.segments {
        return Err(StoreError::BadCopy { path: dir.to_owned(), found: "other segments" });
    }
    Ok(report)
}

/// The path without links and `..`, as far as it exists.
fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let path = std::path::absolute(path).at("find", path)?;
    for above in path.ancestors() {
        match fs::canonicalize(above) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => {
                let mut whole = found.at("find", above)?;
                for part in path.strip_prefix(above).into_iter().flat_map(Path::components) {
                    match part {
                        Component::ParentDir => drop(whole.pop()),
                        part => whole.push(part),
                    }
                }
                return Ok(whole);
            }
        }
    }
    Ok(path)
}

/// Whether there is a store, of whatever version and however damaged.
fn looks_like_a_store(dir: &Path) -> bool {
    dir.join(MARKER).is_file() || marker::open(dir, false).is_ok()
}

/// An error if there is something in a store's directory that is not the store's.
fn must_be_only_a_store(dir: &Path, shown: &Path) -> Result<(), StoreError> {
    let Some(found) = belongings::stranger(dir).at("list", dir)? else { return Ok(()) };
    let stranger = found.strip_prefix(dir).map_or(found.clone(), |name| shown.join(name));
    Err(StoreError::NotOnlyAStore { path: shown.to_owned(), stranger })
}

pub(crate) fn must_be_free(dest: &Path) -> Result<(), StoreError> {
    if is_free(dest)? { Ok(()) } else { Err(StoreError::Occupied { path: dest.to_owned() }) }
}

/// An error if a copy would be in the directory of the store that it is of.
pub(crate) fn must_be_outside(store: &Path, dest: &Path) -> Result<(), StoreError> {
    let path = resolve(dest)?;
    let store = fs::canonicalize(store).at("find", store)?;
    if path.starts_with(&store) {
        return Err(StoreError::InsideTheStore { path, store });
    }
    Ok(())
}

/// Whether there is nothing, or an empty directory.
fn is_free(dest: &Path) -> Result<bool, StoreError> {
    match fs::read_dir(dest) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(error).at("list", dest),
    }
}

/// Keeps others from beginning to use a store; an error if one writes to it now.
fn nobody_writes(dir: &Path) -> Result<impl Drop + use<>, StoreError> {
    let alone = exclude_all(dir, std::time::Duration::ZERO)?;
    let segments = dir.join(SEGMENTS);
    for entry in fs::read_dir(&segments).at("list", &segments)? {
        let path = entry.at("list", &segments)?.path();
        if path.extension().is_some_and(|extension| extension == "lock") && is_locked(&path) {
            return Err(StoreError::Busy { path: dir.to_owned(), doing: "writing to it" });
        }
    }
    Ok(alone)
}

/// Copies the first `len` bytes and syncs them; gives their hash.
fn copy(from: &File, to: &Path, len: u64) -> io::Result<u128> {
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    let mut hasher = Xxh3::new();
    let mut buffer = vec![0; STRIDE];
    let mut at = 0;
    while at < len {
        let wanted = usize::try_from(len - at).unwrap_or(STRIDE).min(STRIDE);
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        let count = read_at(from, part, at)?;
        if count < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(part);
        target.write_all(part)?;
        at += count as u64;
    }
    target.sync_all()?;
    Ok(hasher.digest128())
}

/// The hash of a file, if it has this length.
fn hash(path: &Path, len: u64) -> io::Result<Option<u128>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != len {
        return Ok(None);
    }
    let mut hasher = Xxh3::new();
    let mut buffer = vec![0; STRIDE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(hasher.digest128())),
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Syncs the files in a directory and those below, and the names of them.
fn sync_all(dir: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).at("list", dir)? {
        let path = entry.at("list", dir)?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            // Windows syncs only what is open for writing; elsewhere a file may be read-only.
            let file = OpenOptions::new().read(true).write(cfg!(windows)).open(&path);
            file.and_then(|file| file.sync_all()).at("sync", &path)?;
        }
    }
    sync_dir(dir).at("sync", dir)
}
