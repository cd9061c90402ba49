//! Finding a record and using it.

use crate::compress::Scratch;
use crate::quarantine::Quarantine;
use crate::record::{RecordHeader, RecordKey};
use crate::segment::{Record, Segment, UNREADABLE};
use crate::{Dictionary, Store, StoreError, TreeKey, report_damaged};

/// Why a record that was found cannot be used.
pub(crate) enum Fault {
    /// The record is wrong, and always will be.
    Damaged(&'static str),
    /// Something else is missing, and may come.
    Unavailable(&'static str),
    /// It is good, but not the copy that was asked for.
    AnotherCopy,
}

impl Store {
    /// Finds a record and gives it to `use_it`; goes on to other copies if that
    /// fails, and looks again for new ones before giving up.
    pub(super) fn read<T>(
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
                    Err(Fault::AnotherCopy) => continue,
                    Err(fault) => (record.offset, fault),
                },
                Some(Err((offset, UNREADABLE))) => (offset, Fault::Unavailable(UNREADABLE)),
                Some(Err((offset, why))) => (offset, Fault::Damaged(why)),
            };
            self.condemn(segment, offset, Some(key), &fault);
        }
        None
    }

    /// From now on the record counts as missing, so that it can be put again.
    pub(crate) fn condemn(
        &self,
        segment: &Segment,
        offset: u32,
        key: Option<&RecordKey>,
        fault: &Fault,
    ) {
        let (Fault::Damaged(why) | Fault::Unavailable(why)) = fault else { return };
        let quarantine = &self.shelf.quarantine;
        let new = match fault {
            Fault::Damaged(_) => quarantine.add(segment.id(), offset),
            _ => quarantine.pass_over(segment.id(), offset),
        };
        if !new {
            return;
        }
        let place = Some(u64::from(offset));
        let key = key.map(|key| TreeKey(key.key));
        report_damaged(segment.path(), place, key.as_ref(), why);
        if matches!(fault, Fault::Damaged(_)) && !self.options.read_only {
            // Best effort: without it the next process finds out for itself.
            let _ = Quarantine::persist(&self.shelf.dir, segment.id(), offset);
        }
    }
}

pub(super) fn unpack(
    scratch: &mut Scratch,
    record: &Record<'_>,
    dictionary: Option<&Dictionary>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let RecordHeader { codec, raw, .. } = record.header;
    scratch.unpack(codec, record.payload, raw, dictionary, out).map_err(Fault::Damaged)
}

pub(super) fn unpacked(scratch: &mut Scratch, record: &Record<'_>) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    unpack(scratch, record, None, &mut out)?;
    Ok(out)
}
