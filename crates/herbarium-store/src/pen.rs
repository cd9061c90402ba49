//! Writing: the one segment that this process appends to.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use herbarium_codec::Fingerprint;

use crate::DictionaryId;
use crate::Durability;
use crate::StoreError;
use crate::error::IoContext;
use crate::files::{FileLock, SegmentId, now_ns, sync_dir, write_at};
use crate::heuristics::WORTH_SEALING;
use crate::quarantine::Quarantine;
use crate::record::{RECORD_HEADER, RecordHeader};
use crate::segment::{
    Context, HEADER, HeaderState, OpenSegment, Role, Sealed, Segment, SegmentHeader,
};
use crate::shelf::Shelf;

/// Grammar and dictionary of a record.
pub(crate) type Belongs = (Fingerprint, Option<DictionaryId>);

/// The right to append to a segment.
#[derive(Debug)]
pub(crate) struct Pen {
    pub(crate) segment: Arc<OpenSegment>,
    lock: FileLock,
    contexts: HashMap<Belongs, u16>,
}

impl Pen {
    /// Continues a small segment that a process left behind, or begins a new one.
    pub(crate) fn pick_up(
        shelf: &Shelf,
        segment_size: u64,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        shelf.refresh().at("list", &shelf.dir)?;
        for segment in shelf.segments().iter() {
            if let Segment::Open(open) = segment
                && !segment.is_salvaged()
                && open.features == shelf.features
                && open.end() < segment_size.min(WORTH_SEALING)
            {
                match Self::take_over(shelf, open.id) {
                    Ok(Some(pen)) => {
                        let synced = sync_names(shelf, durability);
                        if synced.is_err() {
                            pen.segment.give_up();
                        }
                        return synced.map(|()| pen);
                    }
                    Ok(None) => {}
                    // One that is in the way of itself is not in that of others.
                    Err(error) => tracing::warn!(%error, "could not continue a segment"),
                }
            }
        }
        Self::begin(shelf, durability, None)
    }

    /// Begins a new segment: newer than all others, or as old as it is said.
    pub(crate) fn begin(
        shelf: &Shelf,
        durability: Durability,
        sequence: Option<u64>,
    ) -> Result<Self, StoreError> {
        let id = SegmentId::random();
        let lock_path = shelf.dir.join(id.lock_name());
        let Some(lock) = FileLock::try_take(lock_path.clone()).at("lock", &lock_path)? else {
            return Err(io::Error::from(io::ErrorKind::WouldBlock)).at("lock", &lock_path);
        };
        let newest = shelf.segments().iter().map(Segment::sequence).max().unwrap_or(0);
        let sequence = sequence.unwrap_or(newest.saturating_add(1));
        let header = SegmentHeader::new(id, sequence, now_ns() / 1_000_000, shelf.features);
        let path = shelf.dir.join(id.open_name());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.at("create", &path)?;
        write_at(&file, &header.to_bytes(), 0).at("write", &path)?;
        sync_names(shelf, durability)?;
        let segment = Arc::new(OpenSegment::created(header, path, file));
        shelf.add(Segment::Open(Arc::clone(&segment)));
        Ok(Self { segment, lock, contexts: HashMap::new() })
    }

    /// Takes the segment of a process that ended; `None` if its owner lives or
    /// the segment is gone.
    pub(crate) fn take_over(shelf: &Shelf, id: SegmentId) -> Result<Option<Self>, StoreError> {
        let lock_path = shelf.dir.join(id.lock_name());
        let Some(lock) = FileLock::try_take(lock_path.clone()).at("lock", &lock_path)? else {
            return Ok(None);
        };
        let path = shelf.dir.join(id.open_name());
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                lock.remove();
                return Ok(None);
            }
            Err(error) => return Err(error).at("open", &path),
        };
        heal_header(&file, id, shelf.features).at("repair", &path)?;
        let opened = OpenSegment::new(id, path.clone(), file, Role::Foreign).at("read", &path)?;
        let Ok(segment) = opened else { return Ok(None) };
        let scanned = segment
            .take_over(|offset| {
                crate::report_damaged(&path, Some(offset), None, "passed over a damaged record");
                // Noted, so that a collection writes the rest of it anew.
                if let Ok(offset) = u32::try_from(offset)
                    && shelf.quarantine.add(id, offset)
                {
                    // Best effort: without it the next process finds out for itself.
                    let _ = Quarantine::persist(&shelf.dir, id, offset);
                }
            })
            .at("read", &path)?;
        cut(&segment, scanned.end).at("repair", &path)?;
        let segment = Arc::new(segment);
        shelf.add(Segment::Open(Arc::clone(&segment)));
        let contexts = known_contexts(&segment);
        Ok(Some(Self { segment, lock, contexts }))
    }

    /// Appends a record: `record` holds room for the header and the payload.
    ///
    /// One write, at the end. If it fails the end is cut back to where it was.
    pub(crate) fn append(
        &mut self,
        mut header: RecordHeader,
        belongs: Belongs,
        record: &mut [u8],
    ) -> Result<(), StoreError> {
        header.context = self.context(belongs)?;
        header.finish(record);
        self.write(&header, record)
    }

    /// The number of a context in this segment, defined first where it is new.
    fn context(&mut self, belongs: Belongs) -> Result<u16, StoreError> {
        if let Some(number) = self.contexts.get(&belongs) {
            return Ok(*number);
        }
        let number = u16::try_from(self.segment.contexts().len()).map_err(|_| {
            StoreError::TooLarge { what: "one more context", len: 65_537, limit: 65_536 }
        })?;
        let header = RecordHeader {
            checksum: 0,
            key: Context::new(belongs.0, belongs.1).record_key(),
            codec: 0,
            context: number,
            flags: 0,
            raw: 0,
            stored: 0,
        };
        let mut record = [0; RECORD_HEADER];
        header.finish(&mut record);
        self.write(&header, &record)?;
        self.contexts.insert(belongs, number);
        Ok(number)
    }

    fn write(&self, header: &RecordHeader, record: &[u8]) -> Result<(), StoreError> {
        let end = self.segment.end();
        let written = write_at(&self.segment.file, record, end);
        if written.is_err() {
            // What is left of the record is no record: the next one overwrites
            // it, and a scan would cut it. Cutting it now only saves the space.
            let _ = self.segment.file.set_len(end);
        }
        written.at("write", &self.segment.path)?;
        self.segment.note(end, header);
        Ok(())
    }

    /// Whether the segment should be sealed before more is written.
    pub(crate) fn is_full(&self, segment_size: u64) -> bool {
        self.segment.end() >= segment_size || self.contexts.len() >= usize::from(u16::MAX)
    }

    /// Seals the segment: from then on it is immutable and mapped.
    pub(crate) fn seal(self, shelf: &Shelf, durability: Durability) -> Result<(), StoreError> {
        if self.segment.is_empty() {
            return self.discard();
        }
        let end = self.segment.end();
        let pack = shelf.dir.join(self.segment.id.pack_name());
        let sealed = self.write_sealed(&pack, durability);
        if let Err(error) = sealed {
            // It stays what it was: an open segment, now without an owner.
            let _ = self.segment.file.set_len(end);
            self.segment.give_up();
            return Err(error).at("seal", &self.segment.path);
        }
        // From here on nobody may cut it, whatever else fails.
        self.lock.remove();
        metrics::counter!("herbarium_store_segments_sealed_total").increment(1);
        if let Ok(sealed) = Sealed::open(self.segment.id, pack) {
            shelf.add(Segment::Sealed(Arc::new(sealed)));
        }
        if durability != Durability::None {
            sync_dir(&shelf.dir).at("sync", &shelf.dir)?;
        }
        Ok(())
    }

    fn write_sealed(&self, pack: &Path, durability: Durability) -> io::Result<()> {
        self.segment.write_index()?;
        if durability != Durability::None {
            self.segment.sync()?;
        }
        fs::rename(&self.segment.path, pack)
    }

    /// Leaves the segment for the next writer.
    pub(crate) fn lay_down(self, durability: Durability) -> Result<(), StoreError> {
        if self.segment.is_empty() {
            return self.discard();
        }
        if durability != Durability::None {
            self.segment.sync().at("sync", &self.segment.path)?;
        }
        self.segment.give_up();
        Ok(())
    }

    /// Removes the segment, in which there is nothing that is not elsewhere.
    pub(crate) fn abandon(self) {
        self.segment.give_up();
        if let Err(error) = self.discard() {
            tracing::warn!(%error, "could not remove a segment that was not finished");
        }
    }

    fn discard(self) -> Result<(), StoreError> {
        fs::remove_file(&self.segment.path).at("remove", &self.segment.path)?;
        self.lock.remove();
        Ok(())
    }
}

/// Makes the name of a segment durable, and that of the directory it is in: whoever
/// made them may have been killed before.
fn sync_names(shelf: &Shelf, durability: Durability) -> Result<(), StoreError> {
    if durability == Durability::None {
        return Ok(());
    }
    sync_dir(&shelf.dir).at("sync", &shelf.dir)?;
    shelf.dir.parent().map_or(Ok(()), |dir| sync_dir(dir).at("sync", dir))
}

/// Writes a header where there is none.
fn heal_header(file: &File, id: SegmentId, features: u16) -> io::Result<()> {
    let mut header = [0; HEADER];
    let count = crate::files::read_at(file, &mut header, 0)?;
    if SegmentHeader::parse(header.get(..count).unwrap_or_default()) == HeaderState::Damaged {
        let header = SegmentHeader::new(id, 0, 0, features);
        write_at(file, &header.to_bytes(), 0)?;
    }
    Ok(())
}

/// Cuts off what is no record.
fn cut(segment: &OpenSegment, end: u64) -> io::Result<()> {
    if segment.file.metadata()?.len() > end { segment.file.set_len(end) } else { Ok(()) }
}

fn known_contexts(segment: &OpenSegment) -> HashMap<Belongs, u16> {
    let contexts = segment.contexts();
    let numbered = contexts.iter().zip(0..=u16::MAX);
    let known = numbered.filter(|(context, _)| context.is_known());
    known.map(|(context, number)| ((context.fingerprint, context.dictionary), number)).collect()
}

/// Seals what processes that ended left behind, where it is worth it.
pub(crate) fn recover(shelf: &Shelf, segment_size: u64, durability: Durability) {
    for segment in shelf.segments().iter() {
        let Segment::Open(open) = segment else { continue };
        // What is not to be continued would stay as it is.
        let worth = segment.file_len() >= segment_size.min(WORTH_SEALING)
            || open.features != shelf.features;
        if !worth || segment.is_salvaged() {
            continue;
        }
        let recovered = match Pen::take_over(shelf, open.id) {
            Ok(Some(pen)) => pen.seal(shelf, durability),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = recovered {
            tracing::warn!(%error, "could not seal a segment that a process left behind");
        }
    }
}
