//! From one version of the format to the next, in place.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backup::{must_be_free, must_be_outside};
use crate::error::IoContext;
use crate::files::write_atomically;
use crate::hold::{exclude_all, only_one};
use crate::marker;
use crate::segment::{Segment, features_of};
use crate::{BackupReport, STORE_MAJOR, STORE_MINOR, Store, StoreError, StoreOptions};

/// Locked by the one process that migrates.
const MIGRATE_LOCK: &str = "migrate.lock";
/// There from before the first step to after the last.
const PROGRESS: &str = "HERBARIUM.migration";

/// A version of the store's format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StoreVersion {
    /// Readers of another one refuse the store.
    pub major: u32,
    /// Readers of an earlier one read what they know.
    pub minor: u32,
}

impl StoreVersion {
    /// The one that this library writes in new stores.
    pub const CURRENT: Self = Self { major: STORE_MAJOR, minor: STORE_MINOR };
}

impl fmt::Display for StoreVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How [`Store::migrate`] goes about it.
///
/// ```
/// let options = herbarium_store::MigrateOptions::new().dry_run(true);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    dry_run: bool,
    backup_to: Option<PathBuf>,
    wait: Duration,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self { dry_run: false, backup_to: None, wait: Duration::from_secs(30) }
    }
}

impl MigrateOptions {
    /// The defaults: it is done, without a backup, after half a minute of waiting
    /// at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes nothing: says what would be done.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Makes a backup first, as [`Store::backup`] does. Where a migration that was
    /// broken off made one, that stays.
    pub fn backup_to(mut self, dest: impl Into<PathBuf>) -> Self {
        self.backup_to = Some(dest.into());
        self
    }

    /// How long to wait for those who hold the store.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// What a migration came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MigrateReport {
    /// Whether nothing was changed: then what follows is what would be.
    pub dry_run: bool,
    /// The version that was found.
    pub from: StoreVersion,
    /// The version of the store now.
    pub to: StoreVersion,
    /// Whether it went on with one that was broken off.
    pub resumed: bool,
    /// What was done, in order; nothing if the store was up to date.
    pub steps: Vec<MigrateStep>,
    /// The backup, if one was made now.
    pub backup: Option<BackupReport>,
}

/// One step of a migration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MigrateStep {
    /// From this version.
    pub from: StoreVersion,
    /// To this one.
    pub to: StoreVersion,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Segments that it had to change.
    pub segments: u64,
}

/// A way from one version to the next.
struct Step {
    from: StoreVersion,
    to: StoreVersion,
    what: &'static str,
    /// Segments that have to be changed.
    wanted: fn(&Store) -> u64,
    /// Does it, from any point at which it may have been broken off.
    run: fn(&Store) -> Result<(), StoreError>,
}

/// All steps there are. None is ever removed: any version can be brought up to date.
const STEPS: &[Step] = &[Step {
    from: StoreVersion { major: 1, minor: 0 },
    to: StoreVersion { major: 1, minor: 1 },
    what: "trees may be stored as differences: open segments are sealed",
    wanted: left_open,
    run: seal_left_open,
}];

/// Segments of 1.0 are not continued in 1.1, and so have to be sealed at some time.
/// Those of processes that are writing now stay theirs, and are sealed when these end.
///
/// One that cannot be sealed is an error, and the version stays as it was: once raised,
/// nothing would come back to it.
fn seal_left_open(store: &Store) -> Result<(), StoreError> {
    store.seal_left_behind()
}

fn left_open(store: &Store) -> u64 {
    let open = |segment: &&Segment| {
        matches!(segment, Segment::Open(open) if open.features == features_of(0))
            && !segment.is_salvaged()
    };
    store.shelf.segments().iter().filter(open).count() as u64
}

impl Store {
    /// The version of the store's format, which may be later than
    /// [`StoreVersion::CURRENT`] in its minor part.
    ///
    /// # Errors
    /// [`StoreError::Version`] and others of [`Store::open`], if it is no longer what
    /// it was when it was opened.
    pub fn version(&self) -> Result<StoreVersion, StoreError> {
        let minor = marker::open(self.dir(), false)?;
        Ok(StoreVersion { major: STORE_MAJOR, minor })
    }

    /// An error if the store is of a later version than this library's.
    pub(crate) fn must_be_understood(&self) -> Result<(), StoreError> {
        let found = self.version()?;
        if found > StoreVersion::CURRENT { Err(refusal(self.dir(), found)) } else { Ok(()) }
    }

    /// Brings the store at `dir` to [`StoreVersion::CURRENT`], in place.
    ///
    /// Stores of earlier minor versions are read and written without, but nothing is
    /// put into them that programs of that version would not find: no differences
    /// in a store of 1.0. After a migration those programs still open the store, and
    /// find what was put before.
    ///
    /// Others may read and write meanwhile; who wants to [hold](Store::hold) the
    /// store waits. Broken off at any point, the store is as usable as before; the next
    /// call goes on.
    ///
    /// ```
    /// use herbarium_store::{MigrateOptions, Store, StoreOptions, StoreVersion};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path().join("store");
    /// # Store::open(&dir, StoreOptions::new())?;
    /// let report = Store::migrate(&dir, &MigrateOptions::new())?;
    /// assert_eq!((report.to, report.steps.len()), (StoreVersion::CURRENT, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Version`] for a store of a later version, minor ones
    /// included, and of one from which there is no way; [`StoreError::Busy`] if the store
    /// is held for longer than it may wait, or another process is migrating it;
    /// [`StoreError::Io`] if a segment could not be sealed, which leaves the store in its
    /// former version, and is tried again by the next call; those of [`Store::backup`]
    /// and [`Store::open`].
    pub fn migrate(
        dir: impl AsRef<Path>,
        options: &MigrateOptions,
    ) -> Result<MigrateReport, StoreError> {
        let dir = dir.as_ref();
        // Readers only: the directory must be a store already.
        let from = version_of(dir)?;
        let mut report = MigrateReport {
            dry_run: options.dry_run,
            from,
            to: from,
            resumed: dir.join(PROGRESS).exists(),
            steps: Vec::new(),
            backup: None,
        };
        if options.dry_run {
            let store = Store::open(dir, StoreOptions::new().read_only(true))?;
            for step in steps(dir, from)? {
                report.to = step.to;
                report.steps.push(step.shown((step.wanted)(&store)));
            }
            return Ok(report);
        }
        let _one = only_one(dir, MIGRATE_LOCK, "migrating it")?;
        report.from = version_of(dir)?;
        let steps = steps(dir, report.from)?;
        if !steps.is_empty() {
            if let Some(dest) = options.backup_to.as_ref().filter(|_| !report.resumed) {
                must_be_free(dest)?;
                must_be_outside(dir, dest)?;
            }
            write_progress(dir, report.from)?;
            report.backup = back_up(dir, options, report.resumed)?;
        }
        for step in steps {
            let _alone = exclude_all(dir, options.wait)?;
            let store = Store::open(dir, StoreOptions::new())?;
            report.steps.push(step.shown((step.wanted)(&store)));
            (step.run)(&store)?;
            store.close()?;
            marker::write(dir, step.to.minor)?;
        }
        report.to = version_of(dir)?;
        remove_progress(dir)?;
        Ok(report)
    }
}

impl Step {
    fn shown(&self, segments: u64) -> MigrateStep {
        MigrateStep { from: self.from, to: self.to, what: self.what, segments }
    }
}

fn version_of(dir: &Path) -> Result<StoreVersion, StoreError> {
    Ok(StoreVersion { major: STORE_MAJOR, minor: marker::open(dir, false)? })
}

/// The steps from a version to the current one.
fn steps(dir: &Path, from: StoreVersion) -> Result<Vec<&'static Step>, StoreError> {
    let (mut at, mut way) = (from, Vec::new());
    while at != StoreVersion::CURRENT {
        let step = STEPS.iter().find(|step| step.from == at);
        let step = step.ok_or_else(|| refusal(dir, from))?;
        at = step.to;
        way.push(step);
    }
    Ok(way)
}

fn refusal(dir: &Path, found: StoreVersion) -> StoreError {
    StoreError::Version {
        path: dir.to_owned(),
        found: found.to_string(),
        newer: found > StoreVersion::CURRENT,
        supported_major: STORE_MAJOR,
        supported_minor: STORE_MINOR,
    }
}

fn back_up(
    dir: &Path,
    options: &MigrateOptions,
    resumed: bool,
) -> Result<Option<BackupReport>, StoreError> {
    let Some(dest) = &options.backup_to else { return Ok(None) };
    let store = Store::open(dir, StoreOptions::new().read_only(true))?;
    match store.backup(dest) {
        // Its place was free when this began: it is what was made then, and whole.
        Err(StoreError::Occupied { .. }) if resumed && version_of(dest).is_ok() => Ok(None),
        made => made.map(Some),
    }
}

fn write_progress(dir: &Path, from: StoreVersion) -> Result<(), StoreError> {
    let path = dir.join(PROGRESS);
    let text = format!("herbarium migration {from} to {}\n", StoreVersion::CURRENT);
    write_atomically(&path, text.as_bytes()).at("write", &path)
}

fn remove_progress(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(PROGRESS);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", &path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_way_from_every_version_to_the_current_one() {
        for minor in 0..=STORE_MINOR {
            let from = StoreVersion { major: STORE_MAJOR, minor };
            let way = steps(Path::new("store"), from).unwrap();
            assert_eq!(way.last().map_or(from, |step| step.to), StoreVersion::CURRENT);
            assert!(way.iter().all(|step| step.from < step.to));
        }
    }
}
