//! A tier below memory, as the cache uses it: what fails there is counted, and is a miss.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::compression::{Contexts, Packer};
use crate::record::{self, HEADER};
use crate::scratch::Scratch;
use crate::{BuildError, Fetch, Framing, Group, Tier, TierOptions, Usage, Write};

pub(crate) struct Lower {
    tier: Arc<dyn Tier>,
    packer: Packer,
    pub(crate) options: TierOptions,
    distrust: Distrust,
}

/// How a read ended.
pub(crate) enum Read<T> {
    Found(T),
    Absent,
    Failed,
}

impl Lower {
    pub(crate) fn new(tier: Arc<dyn Tier>, options: TierOptions) -> Result<Self, BuildError> {
        let packer = Packer::new(&options.compression)?;
        Ok(Self { tier, packer, options, distrust: Distrust::default() })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.packer.bytes as u64
    }

    pub(crate) fn is_far(&self) -> bool {
        shielded(|| Some(self.tier.is_far())).unwrap_or(false)
    }

    pub(crate) fn usage(&self) -> Usage {
        shielded(|| Some(self.tier.usage())).unwrap_or_default()
    }

    /// Whether what it says of this key may be believed.
    pub(crate) fn trusts(&self, key: &[u8]) -> bool {
        self.distrust.allows(key)
    }

    /// Reads a value, decompressed and decoded.
    pub(crate) fn get<T>(
        &self,
        key: &[u8],
        scratch: &mut Scratch,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Read<T> {
        if !self.trusts(key) {
            return Read::Absent;
        }
        let mut value = None;
        let asked = shielded(|| {
            self.tier.get(key, &mut |bytes| value = self.decoded(key, bytes, scratch, &decode)).ok()
        });
        match (asked, value) {
            (Some(true), Some(value)) => Read::Found(value),
            (Some(false), _) => Read::Absent,
            (Some(true), None) => {
                self.heal(key);
                Read::Failed
            }
            (None, _) => Read::Failed,
        }
    }

    /// The read of a tier that is far away.
    pub(crate) fn fetch<'a>(&'a self, key: &'a [u8]) -> Option<Fetch<'a>> {
        shielded(|| Some(self.tier.fetch(key)))
    }

    /// What a fetch brought.
    pub(crate) fn fetched<T>(
        &self,
        key: &[u8],
        bytes: &[u8],
        scratch: &mut Scratch,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Read<T> {
        match self.decoded(key, bytes, scratch, &decode) {
            Some(value) => Read::Found(value),
            None => {
                self.heal(key);
                Read::Failed
            }
        }
    }

    fn decoded<T>(
        &self,
        key: &[u8],
        bytes: &[u8],
        scratch: &mut Scratch,
        decode: &impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        if self.options.framing == Framing::Plain {
            return decode(bytes);
        }
        let (packing, payload) = record::open(key, bytes).ok()?;
        let Scratch { raw, contexts, .. } = scratch;
        decode(self.packer.unpack(packing, payload, raw, contexts).ok()?)
    }

    /// Makes the bytes that the tier is to hold, in `out`.
    pub(crate) fn seal(
        &self,
        key: &[u8],
        raw: &[u8],
        group: Group,
        out: &mut Vec<u8>,
        contexts: &mut Contexts,
    ) -> bool {
        if self.options.framing == Framing::Plain {
            out.clear();
            out.extend_from_slice(raw);
            return true;
        }
        match self.packer.pack(raw, group, HEADER, out, contexts) {
            Some(packing) => record::seal(key, packing, out),
            None => return false,
        }
        true
    }

    /// Writes. If that fails, what the tier had for the key is not read any more.
    pub(crate) fn put(&self, key: &[u8], record: &[u8]) -> bool {
        let done = shielded(|| self.tier.put(key, record).ok()).is_some();
        if done {
            self.distrust.end(key);
        } else {
            self.remove(key);
        }
        done
    }

    /// Removes, or at least reads the key no more. Says whether the tier did its part.
    pub(crate) fn remove(&self, key: &[u8]) -> bool {
        if self.options.write == Write::Never {
            self.distrust.begin(key);
            return true;
        }
        let done = shielded(|| self.tier.remove(key).ok()).is_some();
        if done {
            self.distrust.end(key);
        } else {
            self.distrust.begin(key);
        }
        done
    }

    /// Takes out a record that is of no use.
    fn heal(&self, key: &[u8]) {
        if self.options.write != Write::Never {
            self.remove(key);
        }
    }
}

/// Runs code that is not the cache's; a panic is a failure like any other.
pub(crate) fn shielded<T>(run: impl FnOnce() -> Option<T>) -> Option<T> {
    // What the code leaves half-done is its own, and it is asked only through its traits.
    catch_unwind(AssertUnwindSafe(run)).ok().flatten()
}

/// Keys that a tier may hold out of date, because it failed to remove them or must not be
/// written. Hashes of them: two keys of one hash are both misses. Beyond [`MOST`] of them
/// nothing in the tier is believed any more.
#[derive(Default)]
struct Distrust {
    any: AtomicBool,
    hashes: Mutex<HashSet<u64>>,
    all: AtomicBool,
}

const MOST: usize = 16 << 10;

impl Distrust {
    fn hashes(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allows(&self, key: &[u8]) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return true;
        }
        !self.all.load(Ordering::Acquire) && !self.hashes().contains(&xxh3_64(key))
    }

    fn begin(&self, key: &[u8]) {
        let mut hashes = self.hashes();
        if hashes.len() < MOST {
            hashes.insert(xxh3_64(key));
        } else {
            self.all.store(true, Ordering::Release);
        }
        self.any.store(true, Ordering::Release);
    }

    fn end(&self, key: &[u8]) {
        if self.any.load(Ordering::Acquire) {
            self.hashes().remove(&xxh3_64(key));
        }
    }
}
