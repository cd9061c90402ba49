//! Buffers and compression contexts, used again from value to value.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::compression::Contexts;

/// What one thread needs at a time to move one value.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The value as the codec writes it.
    pub(crate) raw: Vec<u8>,
    /// The same as a tier holds it.
    pub(crate) packed: Vec<u8>,
    pub(crate) contexts: Contexts,
    /// Bytes that the pool has counted for it.
    counted: u64,
}

impl Scratch {
    /// What stays in the buffers is of no use; whoever takes them next writes over it.
    fn trim(&mut self, keep: usize) {
        for buffer in [&mut self.raw, &mut self.packed] {
            buffer.truncate(keep);
            buffer.shrink_to(keep);
        }
    }

    fn bytes(&self) -> u64 {
        let buffers = self.raw.capacity() + self.packed.capacity();
        (size_of::<Self>() + buffers + self.contexts.bytes()) as u64
    }
}

/// Scratches, of which a few are kept.
#[expect(clippy::vec_box, reason = "a scratch is moved far more often than it is made")]
pub(crate) struct Pool {
    free: Mutex<Vec<Box<Scratch>>>,
    kept: usize,
    /// Buffers beyond this are given back: one giant value must not stay for ever.
    buffer: usize,
    bytes: AtomicU64,
}

/// Below this budget no scratch is kept, and another one for each so much.
const LEAST_BUDGET: u64 = 1 << 20;
const BUDGET_OF_A_SCRATCH: u64 = 32 << 20;
/// A buffer for the largest value of many is empty most of the time: entries have more of it.
const BUDGET_OF_A_BUFFER: u64 = 1024;

impl Pool {
    pub(crate) fn new(budget: u64) -> Self {
        let kept = if budget < LEAST_BUDGET { 0 } else { 1 + budget / BUDGET_OF_A_SCRATCH };
        Self {
            free: Mutex::default(),
            kept: kept.min(8) as usize,
            buffer: (budget / BUDGET_OF_A_BUFFER).min(256 << 10) as usize,
            bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn take(&self) -> Lent<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent { scratch: Some(free.unwrap_or_default()), pool: self }
    }

    /// What all scratches took when they were last given back.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn put_back(&self, mut scratch: Box<Scratch>) {
        scratch.trim(self.buffer);
        let bytes = scratch.bytes();
        let counted = std::mem::replace(&mut scratch.counted, bytes);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.kept {
            free.push(scratch);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        self.bytes.fetch_sub(counted, Ordering::Relaxed);
    }
}

/// A scratch on loan.
pub(crate) struct Lent<'a> {
    scratch: Option<Box<Scratch>>,
    pool: &'a Pool,
}

#[expect(clippy::expect_used, reason = "it is there until the loan is dropped")]
impl Deref for Lent<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        self.scratch.as_ref().expect("it is there until the loan is dropped")
    }
}

#[expect(clippy::expect_used, reason = "as above")]
impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        self.scratch.as_mut().expect("it is there until the loan is dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.pool.put_back(scratch);
        }
    }
}
