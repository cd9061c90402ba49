//! A job as bytes, as `docs/format/store-v1.md` describes them.

use super::clock::Owner;
use super::{Job, JobId, JobState};
use crate::wire::{Reader, put_varint};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: JobState,
    pub(super) priority: u8,
    pub(super) attempts: u32,
    /// Counts the claims.
    pub(super) epoch: u64,
    /// Before this time, in ns since 1970, it is not begun.
    pub(super) not_before_ns: u64,
    pub(super) progress: (u64, u64),
    pub(super) queue: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) source: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) error: Vec<u8>,
}

impl Record {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let state = match self.state {
            JobState::Waiting => 0,
            JobState::Running => 1,
            JobState::Cancelling => 2,
            JobState::Dead => 3,
        };
        let mut out = vec![state, self.priority];
        out.extend_from_slice(&self.attempts.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.not_before_ns.to_le_bytes());
        out.extend_from_slice(&self.progress.0.to_le_bytes());
        out.extend_from_slice(&self.progress.1.to_le_bytes());
        for part in [&self.queue, &self.key, &self.source, &self.payload, &self.error] {
            put_varint(&mut out, part.len() as u64);
            out.extend_from_slice(part);
        }
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let state = match reader.u8()? {
            0 => JobState::Waiting,
            1 => JobState::Running,
            2 => JobState::Cancelling,
            3 => JobState::Dead,
            _ => return None,
        };
        let (priority, attempts) = (reader.u8()?, reader.u32()?);
        let (epoch, not_before_ns) = (reader.u64()?, reader.u64()?);
        let progress = (reader.u64()?, reader.u64()?);
        let mut part = || {
            let len = usize::try_from(reader.varint()?).ok()?;
            reader.take(len).map(<[u8]>::to_vec)
        };
        let (queue, key, source) = (part()?, part()?, part()?);
        let (payload, error) = (part()?, part()?);
        let record = Self {
            state,
            priority,
            attempts,
            epoch,
            not_before_ns,
            progress,
            queue,
            key,
            source,
            payload,
            error,
        };
        reader.0.is_empty().then_some(record)
    }

    pub(super) fn job(self, id: JobId) -> Job {
        Job {
            id,
            key: self.key,
            source: String::from_utf8_lossy(&self.source).into_owned(),
            priority: self.priority,
            payload: self.payload,
            state: self.state,
            attempts: self.attempts,
            progress: self.progress,
            error: String::from_utf8_lossy(&self.error).into_owned(),
        }
    }

    pub(super) fn is_claimed(&self) -> bool {
        matches!(self.state, JobState::Running | JobState::Cancelling)
    }
}

/// Until when a job is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) owner: Owner,
    /// Counted from the start of the system.
    pub(super) boot: [u8; 16],
    pub(super) until_ns: u64,
}

impl Lease {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Owner::LEN + 24);
        self.owner.put(&mut out);
        out.extend_from_slice(&self.boot);
        out.extend_from_slice(&self.until_ns.to_le_bytes());
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let lease = Self {
            owner: Owner::read(&mut reader)?,
            boot: reader.array()?,
            until_ns: reader.u64()?,
        };
        reader.0.is_empty().then_some(lease)
    }
}
