//! A segment that is read by its records: one being written, here or by another
//! process, one left behind, or a sealed one whose index is damaged.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Context, HEADER, HeaderState, Record, SegmentHeader};
use crate::files::{SegmentId, read_at, write_at};
use crate::record::{Kind, RecordHeader, RecordKey};
use crate::scan::{Scanned, scan};

/// Bytes that are written again at once.
const STRIDE: usize = 1 << 20;

/// Said of a record that the system could not read: it may be good.
pub(crate) const UNREADABLE: &str = "the file cannot be read";

/// A segment with an index in memory. Never mapped: it may be cut or grow.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) id: SegmentId,
    pub(crate) path: PathBuf,
    pub(crate) sequence: u64,
    /// What a reader must know; none where the header is damaged.
    pub(crate) features: u16,
    pub(crate) file: File,
    /// Set while this process is its writer: then its index is kept by the
    /// writer, and looking for what others appended would count records twice.
    ours: AtomicBool,
    /// Nobody appends to it any more.
    ended: bool,
    /// Set once a sync failed: then the system counts as written what is not.
    doubtful: AtomicBool,
    state: RwLock<State>,
}

/// Whose segment it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// This process's: it appends.
    Ours,
    /// Another process's, or nobody's: may grow.
    Foreign,
    /// Sealed, but its index is damaged: nobody writes to it any more.
    Salvaged,
}

#[derive(Debug, Default)]
struct State {
    index: HashMap<RecordKey, Place>,
    contexts: Vec<Context>,
    specials: Vec<u32>,
    /// Where the last good record ends.
    end: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u32,
    len: u32,
}

impl OpenSegment {
    /// A segment found on disk; its records are not looked at yet.
    pub(crate) fn new(
        id: SegmentId,
        path: PathBuf,
        file: File,
        role: Role,
    ) -> io::Result<Result<Self, u8>> {
        let mut header = [0; HEADER];
        let count = read_at(&file, &mut header, 0)?;
        let header = match SegmentHeader::parse(header.get(..count).unwrap_or_default()) {
            HeaderState::Good(header) => SegmentHeader { id, ..header },
            HeaderState::Damaged => SegmentHeader::new(id, 0, 0, 0),
            HeaderState::Newer { major } => return Ok(Err(major)),
        };
        Ok(Ok(Self::with(header, path, file, role)))
    }

    /// A segment that this process has just created.
    pub(crate) fn created(header: SegmentHeader, path: PathBuf, file: File) -> Self {
        Self::with(header, path, file, Role::Ours)
    }

    fn with(header: SegmentHeader, path: PathBuf, file: File, role: Role) -> Self {
        let SegmentHeader { id, sequence, features, .. } = header;
        let state = RwLock::new(State { end: HEADER as u64, ..State::default() });
        let ours = AtomicBool::new(role == Role::Ours);
        let ended = role == Role::Salvaged;
        let doubtful = AtomicBool::new(false);
        Self { id, path, sequence, features, file, ours, ended, doubtful, state }
    }

    /// Takes in what was appended since the last look. Damaged places are
    /// reported once they are known not to be half-written.
    pub(crate) fn catch_up(&self, damaged: impl FnMut(u64)) -> io::Result<()> {
        if self.ours.load(Ordering::Acquire) {
            return Ok(());
        }
        self.scan(damaged).map(drop)
    }

    /// Takes in all there is, as the owner of the lock: what is not whole now
    /// never will be.
    pub(crate) fn take_over(&self, damaged: impl FnMut(u64)) -> io::Result<Scanned> {
        let scanned = self.scan(damaged)?;
        self.ours.store(true, Ordering::Release);
        Ok(scanned)
    }

    /// Makes durable what was written. After one that failed, all is written once
    /// more: a later sync that goes well says nothing of what an earlier one dropped.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let again = self.doubtful.load(Ordering::Acquire);
        if again {
            self.write_again()?;
        }
        let synced = self.file.sync_data();
        if again || synced.is_err() {
            self.doubtful.store(synced.is_err(), Ordering::Release);
        }
        synced
    }

    fn write_again(&self) -> io::Result<()> {
        let (mut at, end) = (0, self.end());
        let mut buffer = vec![0; STRIDE];
        while at < end {
            let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let part = buffer.get_mut(..left.min(STRIDE)).unwrap_or_default();
            let count = read_at(&self.file, part, at)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            write_at(&self.file, part.get(..count).unwrap_or_default(), at)?;
            at = at.saturating_add(count as u64);
        }
        Ok(())
    }

    /// No longer ours, but as we left it.
    pub(crate) fn give_up(&self) {
        self.ours.store(false, Ordering::Release);
    }

    fn scan(&self, damaged: impl FnMut(u64)) -> io::Result<Scanned> {
        let mut state = self.write();
        let len = self.file.metadata()?.len();
        let from = state.end;
        if len <= from {
            return Ok(Scanned { end: from, damaged: 0 });
        }
        let found = |offset, header: &RecordHeader, _: &[u8]| state.note(offset, header);
        let scanned = scan(&self.file, from, len, found, damaged)?;
        state.end = scanned.end;
        Ok(scanned)
    }

    /// Whether this process writes to it.
    pub(crate) fn is_ours(&self) -> bool {
        self.ours.load(Ordering::Acquire)
    }

    /// Whether there is more in the file than was looked at.
    pub(crate) fn has_grown(&self) -> bool {
        !self.ours.load(Ordering::Acquire)
            && !self.ended
            && self.file.metadata().is_ok_and(|file| file.len() > self.read_state().end)
    }

    /// Notes a record that this process has written at the end.
    pub(crate) fn note(&self, offset: u64, header: &RecordHeader) {
        let mut state = self.write();
        state.note(offset, header);
        state.end = offset.saturating_add(header.record_len() as u64);
    }

    pub(crate) fn end(&self) -> u64 {
        self.read_state().end
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read_state().index.is_empty()
    }

    pub(crate) fn place(&self, key: &RecordKey) -> Option<(u32, u64)> {
        let place = *self.read_state().index.get(key)?;
        Some((place.offset, u64::from(place.len)))
    }

    pub(crate) fn read<'a>(
        &self,
        key: &RecordKey,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Result<Record<'a>, (u32, &'static str)>> {
        let place = *self.read_state().index.get(key)?;
        Some(self.read_place(place, key, scratch).map_err(|why| (place.offset, why)))
    }

    fn read_place<'a>(
        &self,
        place: Place,
        key: &RecordKey,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Record<'a>, &'static str> {
        // The length was compared with the file's when the record was noted.
        let len = place.len as usize;
        if scratch.len() < len {
            scratch.resize(len, 0);
        }
        let buffer = scratch.get_mut(..len).unwrap_or_default();
        let count = read_at(&self.file, buffer, u64::from(place.offset)).map_err(|_| UNREADABLE)?;
        let bytes = scratch.get(..count).unwrap_or_default();
        let mut record = Record::check(place.offset, bytes, key)?;
        record.context = self.context(record.header.context);
        Ok(record)
    }

    pub(crate) fn context(&self, number: u16) -> Option<Context> {
        let state = self.read_state();
        state.contexts.get(usize::from(number)).copied().filter(Context::is_known)
    }

    pub(crate) fn contexts(&self) -> Vec<Context> {
        self.read_state().contexts.clone()
    }

    pub(crate) fn specials(&self) -> Vec<u32> {
        self.read_state().specials.clone()
    }

    /// Offset of every record, unsorted.
    pub(super) fn offsets(&self) -> Vec<u32> {
        self.read_state().index.values().map(|place| place.offset).collect()
    }

    /// Key prefix and offset of each record whose key begins with this byte.
    pub(super) fn places_from(&self, first: u8) -> Vec<([u8; 8], u32)> {
        let state = self.read_state();
        let places = state.index.iter().map(|(key, place)| (key.prefix(), place.offset));
        places.filter(|(prefix, _)| prefix.first() == Some(&first)).collect()
    }

    /// Key prefix and offset of every record, unsorted.
    pub(super) fn places(&self) -> Vec<([u8; 8], u32)> {
        let state = self.read_state();
        state.index.iter().map(|(key, place)| (key.prefix(), place.offset)).collect()
    }

    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, offset: u64, header: &RecordHeader) {
        // A writer seals long before 4 GiB; what lies beyond is not ours.
        let Ok(offset) = u32::try_from(offset) else { return };
        let Ok(len) = u32::try_from(header.record_len()) else { return };
        if header.key.kind == Kind::CONTEXT {
            self.define(header);
            return;
        }
        if header.key.kind == Kind::GRAMMAR || header.key.kind == Kind::DICTIONARY {
            self.specials.push(offset);
        }
        self.context(header.context).count(header);
        self.index.insert(header.key, Place { offset, len });
    }

    fn define(&mut self, header: &RecordHeader) {
        let Some(defined) = Context::from_record(header) else { return };
        let context = self.context(header.context);
        context.fingerprint = defined.fingerprint;
        context.dictionary = defined.dictionary;
    }

    #[expect(clippy::indexing_slicing, reason = "made long enough just before")]
    fn context(&mut self, number: u16) -> &mut Context {
        let wanted = usize::from(number).saturating_add(1);
        if self.contexts.len() < wanted {
            self.contexts.resize(wanted, Context::unknown());
        }
        &mut self.contexts[usize::from(number)]
    }
}
