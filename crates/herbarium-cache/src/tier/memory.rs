//! A tier in memory: for tests, and for programs without a disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Tier, TierError, Usage};

/// Records in a map, up to a limit of bytes. Not within the cache's budget.
///
/// ```
/// use herbarium_cache::{MemoryTier, Tier};
///
/// let tier = MemoryTier::with_limit(100);
/// tier.put(b"key", b"record")?;
/// assert_eq!(tier.usage().bytes, Some(9));
/// assert!(tier.put(b"another", &[0; 200]).is_err());
/// # Ok::<(), herbarium_cache::TierError>(())
/// ```
#[derive(Debug)]
pub struct MemoryTier {
    records: Mutex<Records>,
    limit: u64,
}

#[derive(Debug, Default)]
struct Records {
    by_key: HashMap<Box<[u8]>, Box<[u8]>>,
    bytes: u64,
}

impl Records {
    fn remove(&mut self, key: &[u8]) {
        if let Some((key, record)) = self.by_key.remove_entry(key) {
            self.bytes -= (key.len() + record.len()) as u64;
        }
    }
}

impl MemoryTier {
    /// As much as comes.
    pub fn new() -> Self {
        Self::with_limit(u64::MAX)
    }

    /// At most so many bytes of keys and records; what does not fit is refused.
    pub fn with_limit(bytes: u64) -> Self {
        Self { records: Mutex::default(), limit: bytes }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryTier {
    fn default() -> Self {
        Self::new()
    }
}

impl Tier for MemoryTier {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        let records = self.records();
        let found = records.by_key.get(key);
        if let Some(record) = found {
            read(record);
        }
        Ok(found.is_some())
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        let mut records = self.records();
        records.remove(key);
        let needed = (key.len() + record.len()) as u64;
        if needed > self.limit - records.bytes {
            return Err(TierError::Full { needed, limit: self.limit });
        }
        records.bytes += needed;
        records.by_key.insert(key.into(), record.into());
        Ok(())
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        self.records().remove(key);
        Ok(())
    }

    fn usage(&self) -> Usage {
        let records = self.records();
        Usage { entries: Some(records.by_key.len() as u64), bytes: Some(records.bytes) }
    }
}
