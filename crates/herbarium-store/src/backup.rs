//! Copies of a store: made while it is in use, whole or not there at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::catalogue::{AllManifests, Catalogue, Contents};
use crate::error::IoContext;
use crate::files::{SegmentId, read_at, sync_dir};
use crate::hold::{exclude_all, is_locked};
use crate::marker::{MARKER, SEGMENTS, write_text};
use crate::segment::Segment;
use crate::{Store, StoreError, StoreOptions};

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

/// In a copy that is not whole: nothing opens a directory with it as a store.
const UNFINISHED: &str = "UNFINISHED-COPY";
/// Bytes copied in one go.
const STRIDE: usize = 1 << 20;

impl Store {
    /// Copies the store to `dest`, a directory that is empty or does not exist.
    ///
    /// It is a copy of one moment: every tree that a manifest in it names is in it.
    /// Others may read and write meanwhile, in other processes, too; only
    /// [`Store::gc`] waits. What is copied is read back and compared, and every
    /// record of the copy is read. It appears under its name when it is whole and
    /// synced; until then it lies beside it, as `<name>.unfinished-<id>`, and
    /// is removed if something fails. What a killed process leaves there can be deleted.
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
    /// [`StoreError::BadCopy`] if it does not hold what was written,
    /// [`StoreError::Catalogue`] if manifests cannot be read,
    /// [`StoreError::Io`] if something cannot be read or written.
    pub fn backup(&self, dest: impl AsRef<Path>) -> Result<BackupReport, StoreError> {
        let dest = absolute(dest.as_ref())?;
        must_be_free(&dest)?;
        let copy = Unfinished::make(&dest)?;
        let report = self.copy_to(&copy.path)?;
        copy.finish(&dest)?;
        Ok(report)
    }

    /// Copies the store at `from` to `dest`, as [`Store::backup`] does.
    ///
    /// A store or other things at `dest` are left alone, unless the options say to
    /// overwrite: then a store there is set aside as `<name>.replaced-<id>`,
    /// the copy takes its place, and what was set aside is removed. Killed between the
    /// first two, it leaves both, whole, and neither under the name.
    ///
    /// # Errors
    /// Those of [`Store::backup`] and of [`Store::open`] for `from`;
    /// [`StoreError::Occupied`] if there is something at `dest` that may not be
    /// overwritten, [`StoreError::Busy`] if a process writes to the store that
    /// would be.
    pub fn restore(
        from: impl AsRef<Path>,
        dest: impl AsRef<Path>,
        options: RestoreOptions,
    ) -> Result<BackupReport, StoreError> {
        let dest = absolute(dest.as_ref())?;
        let store = Store::open(from.as_ref(), StoreOptions::new().read_only(true))?;
        let there = !is_free(&dest)?;
        if there && !(options.overwrite && dest.join(MARKER).is_file()) {
            return Err(StoreError::Occupied { path: dest });
        }
        let copy = Unfinished::make(&dest)?;
        let report = store.copy_to(&copy.path)?;
        if !there {
            copy.finish(&dest)?;
            return Ok(report);
        }
        let aside = beside(&dest, "replaced");
        {
            let _alone = nobody_writes(&dest)?;
            fs::rename(&dest, &aside).at("set aside", &dest)?;
        }
        if let Err(error) = copy.finish(&dest) {
            fs::rename(&aside, &dest).at("put back", &dest)?;
            return Err(error);
        }
        fs::remove_dir_all(&aside).at("remove", &aside)?;
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
            BackupReport { manifests: manifests.blobs.len() as u64, ..BackupReport::default() };
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
        let marker = self.dir().join(MARKER);
        let marker = fs::read(&marker).at("read", &marker)?;
        write_text(dir, &marker)?;
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
        Ok(())
    }
}

/// Opens the copy and reads every record of it.
fn check_copy(dir: &Path, mut report: BackupReport) -> Result<BackupReport, StoreError> {
    let unfinished = dir.join(UNFINISHED);
    let copy = Store::open(dir, StoreOptions::new().read_only(true))?;
    let found = copy.verify()?;
    report.damaged = found.findings.len() as u64;
    report.trees = found.trees;
    if found.segments != report.segments {
        return Err(StoreError::BadCopy { path: dir.to_owned(), found: "other segments" });
    }
    fs::remove_file(&unfinished).at("remove", &unfinished)?;
    sync_dir(dir).at("sync", dir)?;
    Ok(report)
}

/// A copy under way; removed when it is dropped before it is finished.
struct Unfinished {
    path: PathBuf,
    finished: bool,
}

impl Unfinished {
    fn make(dest: &Path) -> Result<Self, StoreError> {
        let path = beside(dest, "unfinished");
        fs::create_dir_all(&path).at("create the directory", &path)?;
        let copy = Self { path, finished: false };
        let note = copy.path.join(UNFINISHED);
        let text = "A copy of a store that was not finished: delete this directory.\n";
        fs::write(&note, text).at("write", &note)?;
        Ok(copy)
    }

    /// Gives it its name.
    fn finish(mut self, dest: &Path) -> Result<(), StoreError> {
        // An empty directory may be in the way.
        match fs::remove_dir(dest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).at("replace the empty directory", dest);
            }
            _ => {}
        }
        fs::rename(&self.path, dest).at("rename to", dest)?;
        self.finished = true;
        dest.parent().map_or(Ok(()), |above| sync_dir(above).at("sync", above))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // What is left says of itself what it is.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).at("find", path)
}

fn beside(dest: &Path, what: &str) -> PathBuf {
    let mut name = dest.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}-{}", SegmentId::random()));
    dest.with_file_name(name)
}

pub(crate) fn must_be_free(dest: &Path) -> Result<(), StoreError> {
    if is_free(dest)? { Ok(()) } else { Err(StoreError::Occupied { path: dest.to_owned() }) }
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
            File::open(&path).and_then(|file| file.sync_all()).at("sync", &path)?;
        }
    }
    sync_dir(dir).at("sync", dir)
}
