//! Putting records: compressed in parallel, appended one at a time.

use std::fmt;
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::catalogue::Shrink;
use crate::compress::Scratch;
use crate::error::IoContext;
use crate::heuristics::WORTH_SEALING;
use crate::pen::{Belongs, Pen};
use crate::record::{MAX_PAYLOAD, RECORD_HEADER, RecordHeader, RecordKey, codec};
use crate::segment::Segment;
use crate::{Dictionary, Durability, Store, StoreError, StoreOptions, TreeKey};

use super::copies::segment_row;

/// What became of a put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Put {
    /// Whether it was stored now, as against found there.
    pub new: bool,
    /// Bytes that the record takes, its header included.
    pub stored_bytes: u64,
}

/// Puts trees, with a compressor and buffers of its own. One for each thread.
pub struct Writer<'a> {
    pub(super) store: &'a Store,
    /// Given back to the pool when the writer is dropped.
    scratch: Option<Box<Scratch>>,
}

impl Writer<'_> {
    pub(super) fn put(
        &mut self,
        key: RecordKey,
        belongs: Belongs,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
        predecessor: Option<&TreeKey>,
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
        let mut codec = scratch.pack(bytes, self.store.options.compression, dictionary);
        if let Some(predecessor) = predecessor
            && let Some(difference) = self.store.difference(bytes, predecessor, &scratch.record)
        {
            scratch.record = difference;
            codec = codec::DELTA;
        }
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

impl Store {
    /// A writer for one thread that puts many trees: it keeps its compressor and
    /// buffers. [`Store::put_tree`] borrows one for each call, from a pool.
    pub fn writer(&self) -> Writer<'_> {
        Writer { store: self, scratch: Some(self.pool.take()) }
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
        let mut result = Ok(());
        for segment in segments {
            let synced = segment.sync().at("sync", &segment.path);
            if synced.is_err() {
                self.unsealed.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
                result = synced;
            }
        }
        result
    }

    /// Seals the segment that this process writes, whatever its size.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written; nothing is lost then.
    pub fn seal(&self) -> Result<(), StoreError> {
        let pen = self.pen().take();
        pen.map_or(Ok(()), |pen| self.seal_segment(pen))
    }

    pub(super) fn finish(&self) -> Result<(), StoreError> {
        let pen = self.pen().take();
        let finished = match pen {
            None => Ok(()),
            Some(pen) if pen.segment.end() >= WORTH_SEALING.min(self.options.segment_size) => {
                self.seal_segment(pen)
            }
            Some(pen) => pen.lay_down(self.options.durability),
        };
        // Those that could not be sealed are still to be synced.
        let finished = finished.and(self.flush());
        self.catalogue.shrink(Shrink::IfWorthIt);
        finished
    }

    pub(super) fn found(&self, key: &RecordKey) -> Result<Option<Put>, StoreError> {
        let mut found = self.shelf.find(key);
        // Also where there is one: it may have been collected since.
        if self.look_again()? {
            found = self.shelf.find(key);
        }
        Ok(self.lasting(found))
    }

    /// What was put before, if it lasts as long as what is put now would.
    fn lasting(&self, found: Option<(Segment, u32, u64)>) -> Option<Put> {
        let (segment, _, stored_bytes) = found?;
        if let Segment::Open(open) = &segment
            && self.options.durability == Durability::Each
        {
            // Its sync may have failed, or another process may not have synced it.
            open.sync().ok()?;
        }
        Some(Put { new: false, stored_bytes })
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
        if let Some(put) = self.lasting(self.shelf.find(&header.key)) {
            return Ok(put);
        }
        let pen = match &mut *held {
            Some(pen) => pen,
            none => none.insert(Pen::pick_up(&self.shelf, segment_size, durability)?),
        };
        pen.append(header, belongs, record)?;
        if durability == Durability::Each {
            pen.segment.sync().at("sync", &pen.segment.path)?;
        }
        metrics::counter!("herbarium_store_records_written_total").increment(1);
        if header.codec == codec::DELTA {
            metrics::counter!("herbarium_store_revisions_written_total").increment(1);
        }
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
        if let Err(error) = self.seal_segment(pen) {
            tracing::warn!(%error, "could not seal a segment; it stays as it is");
        }
    }

    pub(crate) fn seal_segment(&self, pen: Pen) -> Result<(), StoreError> {
        let segment = Arc::clone(&pen.segment);
        let id = segment.id;
        if let Err(error) = pen.seal(&self.shelf, self.options.durability) {
            // It was not synced either: the next flush does that.
            self.unsealed.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
            return Err(error);
        }
        let segments = self.shelf.segments();
        let sealed = segments.iter().find(|segment| segment.id() == id);
        if let Some(Segment::Sealed(sealed)) = sealed {
            let row = segment_row(sealed);
            self.copy_to_catalogue(|| self.catalogue.put_segment(&|| self.contents(), &row));
        }
        Ok(())
    }
}
