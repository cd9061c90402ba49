//! The segments of a store as this process sees them, and keeping that up to date.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::files::{SegmentFile, SegmentId, may_be_opened, segment_file};
use crate::quarantine::Quarantine;
use crate::record::RecordKey;
use crate::segment::{CannotMap, OpenSegment, Role, Sealed, Segment};

/// All segments, in the order in which they are searched.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) dir: PathBuf,
    /// Features of the segments that this process begins.
    pub(crate) features: u16,
    segments: RwLock<Arc<Vec<Segment>>>,
    listing: Mutex<Listing>,
    pub(crate) quarantine: Quarantine,
}

/// When the directory was last listed.
#[derive(Debug, Default)]
struct Listing {
    /// Its modification time, as it was before.
    stamp: Option<SystemTime>,
    /// Whether that time lay far enough back that a later change must show.
    settled: bool,
    /// Segments of a newer version, named once in the log.
    left_alone: Vec<SegmentId>,
}

/// File systems keep time in steps: a change within one of them may not show.
/// Those that keep fractions of a second step with the system's clock tick.
const FINE_STEP: Duration = Duration::from_millis(50);
/// Those that keep whole seconds step by up to two.
const COARSE_STEP: Duration = Duration::from_secs(2);
/// A segment may be sealed between being listed and being opened.
const TRIES: usize = 8;

impl Shelf {
    pub(crate) fn new(dir: PathBuf, features: u16) -> Self {
        Self {
            dir,
            features,
            segments: RwLock::default(),
            listing: Mutex::default(),
            quarantine: Quarantine::default(),
        }
    }

    /// The segments as last seen: open ones first, then sealed ones, newest first.
    pub(crate) fn segments(&self) -> Arc<Vec<Segment>> {
        Arc::clone(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Segment, offset and length of a record, damaged ones left out.
    pub(crate) fn find(&self, key: &RecordKey) -> Option<(Segment, u32, u64)> {
        self.segments().iter().find_map(|segment| {
            let (offset, len) = segment.place(key)?;
            let good = !self.quarantine.has(segment.id(), offset);
            good.then(|| (segment.clone(), offset, len))
        })
    }

    /// Whether the record is there, without touching it.
    pub(crate) fn contains(&self, key: &RecordKey) -> bool {
        self.segments().iter().any(|segment| {
            let offset = match segment {
                Segment::Open(open) => open.place(key).map(|(offset, _)| offset),
                Segment::Sealed(sealed) => sealed.offset(key),
            };
            offset.is_some_and(|offset| !self.quarantine.has(segment.id(), offset))
        })
    }

    /// Looks again if anything may have changed; says whether it looked.
    pub(crate) fn refresh_if_stale(&self) -> io::Result<bool> {
        if !self.is_stale() {
            return Ok(false);
        }
        self.refresh()?;
        Ok(true)
    }

    fn is_stale(&self) -> bool {
        let segments = self.segments();
        let grown = |segment: &Segment| match segment {
            Segment::Open(open) => open.has_grown(),
            Segment::Sealed(_) => false,
        };
        if segments.iter().any(grown) {
            return true;
        }
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        !listing.settled || modified(&self.dir) != listing.stamp
    }

    /// Lists the directory and takes in what others wrote.
    pub(crate) fn refresh(&self) -> io::Result<()> {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = Ok(());
        let mut again = true;
        for _ in 0..TRIES {
            let stamp = modified(&self.dir);
            let settled = stamp.is_some_and(is_settled);
            let listed = self.list(&mut listing.left_alone);
            let vanished = *listed.as_ref().unwrap_or(&false);
            result = listed.map(drop);
            match &result {
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.dir.exists() => {}
                // What was in a segment that is gone is in one that came before that: a
                // list begun after it went has it.
                Ok(()) if vanished && again => again = false,
                _ => {
                    listing.stamp = stamp;
                    listing.settled = result.is_ok() && settled;
                    break;
                }
            }
        }
        result
    }

    /// Puts a segment of our own on the shelf, in place of what had its id.
    pub(crate) fn add(&self, segment: Segment) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let mut next: Vec<Segment> =
            segments.iter().filter(|old| old.id() != segment.id()).cloned().collect();
        next.push(segment);
        sort(&mut next);
        *segments = Arc::new(next);
    }

    /// Says whether a segment is gone that was there before.
    fn list(&self, left_alone: &mut Vec<SegmentId>) -> io::Result<bool> {
        let known: HashMap<SegmentId, Segment> =
            self.segments().iter().map(|segment| (segment.id(), segment.clone())).collect();
        let mut next = Vec::new();
        for (id, packed) in self.names()? {
            if left_alone.contains(&id) {
                continue;
            }
            let segment = match known.get(&id) {
                Some(segment) if is_at(segment, packed) => Ok(Some(segment.clone())),
                _ if packed => self.open_sealed(id),
                _ => self.open_foreign(id),
            };
            match segment.and_then(|segment| self.catch_up(segment)) {
                Ok(Some(segment)) => next.push(segment),
                Ok(None) => left_alone.push(id),
                // Renamed since it was listed: the list is no longer true.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                // One segment that cannot be read must not hide the others.
                Err(error) => tracing::warn!(segment = %id, %error, "could not open a segment"),
            }
        }
        let here: HashSet<SegmentId> = next.iter().map(Segment::id).collect();
        self.take_in(&known, next);
        Ok(known.keys().any(|id| !here.contains(id)))
    }

    /// Puts what was listed on the shelf, but for segments that this process put
    /// there since: a list begun before has them as somebody else's, or not at
    /// all, and a record that is in them would be put twice.
    fn take_in(&self, known: &HashMap<SegmentId, Segment>, mut next: Vec<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = |it: &&Segment| known.get(&it.id()).is_some_and(|old| old.is_same(it));
        let added: Vec<Segment> = segments.iter().filter(|it| !is_known(it)).cloned().collect();
        next.retain(|it| added.iter().all(|added| added.id() != it.id()));
        next.extend(added);
        sort(&mut next);
        *segments = Arc::new(next);
    }

    fn catch_up(&self, segment: Option<Segment>) -> io::Result<Option<Segment>> {
        if let Some(Segment::Open(open)) = &segment {
            open.catch_up(|offset| {
                crate::report_damaged(
                    &open.path,
                    Some(offset),
                    None,
                    "passed over a damaged record",
                );
            })?;
        }
        Ok(segment)
    }

    /// Ids in the directory, and whether each is sealed.
    fn names(&self) -> io::Result<HashMap<SegmentId, bool>> {
        let mut names = HashMap::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            match name.to_str().and_then(segment_file).filter(|_| may_be_opened(&entry)) {
                Some(SegmentFile::Pack(id)) => drop(names.insert(id, true)),
                Some(SegmentFile::Open(id)) => drop(names.entry(id).or_insert(false)),
                // What cannot be read there is found again when it is read.
                Some(SegmentFile::Bad(id)) => drop(self.quarantine.load(&self.dir, id)),
                None => {}
            }
        }
        Ok(names)
    }

    fn open_sealed(&self, id: SegmentId) -> io::Result<Option<Segment>> {
        let path = self.dir.join(id.pack_name());
        match Sealed::open(id, path.clone()) {
            Ok(sealed) => Ok(Some(Segment::Sealed(Arc::new(sealed)))),
            Err(CannotMap::Io(error)) => Err(error),
            Err(CannotMap::Newer { major }) => Ok(leave_alone(&path, major)),
            Err(CannotMap::Damaged(file, why)) => {
                crate::report_damaged_index(&path, why);
                self.open_by_records(id, path, file, Role::Salvaged)
            }
        }
    }

    fn open_foreign(&self, id: SegmentId) -> io::Result<Option<Segment>> {
        let path = self.dir.join(id.open_name());
        let file = File::open(&path)?;
        self.open_by_records(id, path, file, Role::Foreign)
    }

    fn open_by_records(
        &self,
        id: SegmentId,
        path: PathBuf,
        file: File,
        role: Role,
    ) -> io::Result<Option<Segment>> {
        match OpenSegment::new(id, path.clone(), file, role)? {
            Ok(open) => Ok(Some(Segment::Open(Arc::new(open)))),
            Err(major) => Ok(leave_alone(&path, major)),
        }
    }
}

/// Whether a segment we have still lies under the name that was listed.
fn is_at(segment: &Segment, packed: bool) -> bool {
    segment.path().extension().is_some_and(|extension| (extension == "pack") == packed)
}

fn sort(segments: &mut [Segment]) {
    segments.sort_by(|a, b| {
        let order =
            |segment: &Segment| (segment.is_sealed(), std::cmp::Reverse(segment.sequence()));
        order(a).cmp(&order(b)).then_with(|| a.id().cmp(&b.id()))
    });
}

fn modified(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir).and_then(|dir| dir.modified()).ok()
}

/// Whether a later change must give another time. A time in the future, after
/// the clock was set back, never settles: then every miss looks again.
fn is_settled(stamp: SystemTime) -> bool {
    let whole_seconds =
        stamp.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since.subsec_nanos() == 0);
    let step = if whole_seconds { COARSE_STEP } else { FINE_STEP };
    SystemTime::now().duration_since(stamp).is_ok_and(|age| age > step)
}

fn leave_alone<T>(path: &Path, major: u8) -> Option<T> {
    tracing::warn!(
        segment = %path.display(),
        version = major,
        "a segment was written by a newer version and is left alone: update Herbarium to use it"
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Durability;
    use crate::pen::Pen;

    /// A segment is begun while the directory is listed, which `listed` makes of it.
    fn check(listed: impl FnOnce(&Shelf, SegmentId) -> Vec<Segment>) {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned(), 0);
        let known = HashMap::new();
        let pen = Pen::begin(&shelf, Durability::None, None).unwrap();
        let next = listed(&shelf, pen.segment.id);
        shelf.take_in(&known, next);
        let ours = Segment::Open(Arc::clone(&pen.segment));
        let there = shelf.segments();
        assert!(there.len() == 1 && there[0].is_same(&ours), "{there:?}");
    }

    #[test]
    fn a_segment_begun_while_the_directory_is_listed_stays() {
        check(|_, _| Vec::new());
        check(|shelf, id| vec![shelf.open_foreign(id).unwrap().unwrap()]);
    }
}
