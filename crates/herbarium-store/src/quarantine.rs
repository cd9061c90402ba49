//! Records known to be damaged: passed over from then on, so that a good copy
//! can be stored in their place.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use xxhash_rust::xxh3::xxh3_64;

use crate::files::SegmentId;
use crate::wire::Reader;

/// Length of an entry in a `.bad` file.
pub(crate) const ENTRY: usize = 16;
/// Stands for a segment as a whole where an offset is noted: no record begins
/// there, the segment's header does.
pub(crate) const WHOLE_SEGMENT: u32 = 0;

/// The records that count as missing, by segment and offset.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    /// Nearly always empty: looked at before the set.
    any: AtomicBool,
    /// Each with whether it is damaged, as against out of reach for now.
    records: RwLock<HashMap<(SegmentId, u32), bool>>,
}

impl Quarantine {
    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    pub(crate) fn has(&self, id: SegmentId, offset: u32) -> bool {
        self.any.load(Ordering::Acquire)
            && self
                .records
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&(id, offset))
    }

    /// Whether it is damaged, and not only out of reach for this process.
    pub(crate) fn has_damaged(&self, id: SegmentId, offset: u32) -> bool {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&(id, offset)) == Some(&true)
    }

    /// Whether anything of a segment is damaged.
    pub(crate) fn has_any_of(&self, segment: SegmentId) -> bool {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.iter().any(|((id, _), damaged)| *id == segment && *damaged)
    }

    /// Adds a damaged record for this process; says whether it is new.
    pub(crate) fn add(&self, id: SegmentId, offset: u32) -> bool {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        let before = records.insert((id, offset), true);
        self.any.store(true, Ordering::Release);
        before != Some(true)
    }

    /// Adds a record that may be good and is out of reach, for this process alone;
    /// says whether it is new.
    pub(crate) fn pass_over(&self, id: SegmentId, offset: u32) -> bool {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        let new = !records.contains_key(&(id, offset));
        records.entry((id, offset)).or_insert(false);
        self.any.store(true, Ordering::Release);
        new
    }

    /// Writes a record down for later processes.
    pub(crate) fn persist(dir: &Path, id: SegmentId, offset: u32) -> io::Result<()> {
        let path = dir.join(id.bad_name());
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // After an end that was torn off entries would be read as none, all of them.
        let torn = file.metadata()?.len().checked_rem(ENTRY as u64);
        let torn = torn.and_then(|torn| usize::try_from(torn).ok()).unwrap_or(0);
        let mut bytes = if torn == 0 { Vec::new() } else { vec![0; ENTRY.saturating_sub(torn)] };
        bytes.extend_from_slice(&entry(id, offset));
        file.write_all(&bytes)
    }

    /// Takes in what was written down; entries that are not whole do not count.
    pub(crate) fn load(&self, dir: &Path, id: SegmentId) -> io::Result<()> {
        let bytes = fs::read(dir.join(id.bad_name()))?;
        for chunk in bytes.as_chunks::<ENTRY>().0 {
            let offset = Reader(chunk).u32().unwrap_or_default();
            if entry(id, offset) == *chunk {
                self.add(id, offset);
            }
        }
        Ok(())
    }
}

fn entry(id: SegmentId, offset: u32) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    let checked: Vec<u8> = id.0.iter().copied().chain(offset.to_le_bytes()).collect();
    let fields = offset.to_le_bytes().into_iter().chain([0; 4]);
    let fields = fields.chain(xxh3_64(&checked).to_le_bytes());
    entry.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
    entry
}
