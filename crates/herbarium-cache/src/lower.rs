//! A tier below memory, as the cache uses it: what fails there is counted, and is a miss.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::compression::{Contexts, Packer};
use crate::distrust::{Distrust, Trust};
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
    /// The tier did not answer.
    Failed,
    /// What it has is of no use.
    Damaged,
}

impl Lower {
    pub(crate) fn new(tier: Arc<dyn Tier>, options: TierOptions) -> Result<Self, BuildError> {
        let packer = Packer::new(&options.compression)?;
        Ok(Self { tier, packer, options, distrust: Distrust::default() })
    }

    /// Bytes of digested dictionaries.
    pub(crate) fn bytes(&self) -> u64 {
        self.packer.bytes as u64
    }

    /// Bytes of what is kept in mind of keys that are out of date there.
    pub(crate) fn doubt_bytes(&self) -> u64 {
        self.distrust.bytes()
    }

    /// About how many keys are out of date there, for all that is known.
    pub(crate) fn doubted(&self) -> u64 {
        self.distrust.doubted()
    }

    pub(crate) fn is_far(&self) -> bool {
        shielded(|| Some(self.tier.is_far())).unwrap_or(false)
    }

    pub(crate) fn usage(&self) -> Usage {
        shielded(|| Some(self.tier.usage())).unwrap_or_default()
    }

    /// Whether it need be asked for this key at all.
    pub(crate) fn trusts(&self, key: &[u8]) -> bool {
        match self.distrust.trust(key) {
            Trust::Full => true,
            Trust::Stamped(_) => self.options.framing == Framing::Sealed,
            Trust::None => false,
        }
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
        // A tier that says yes and lends nothing has nothing of use.
        let mut read = Read::Damaged;
        let asked = shielded(|| {
            self.tier.get(key, &mut |bytes| read = self.decoded(key, bytes, scratch, &decode)).ok()
        });
        match asked {
            Some(true) => read,
            Some(false) => Read::Absent,
            None => Read::Failed,
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
        self.decoded(key, bytes, scratch, &decode)
    }

    fn decoded<T>(
        &self,
        key: &[u8],
        bytes: &[u8],
        scratch: &mut Scratch,
        decode: &impl Fn(&[u8]) -> Option<T>,
    ) -> Read<T> {
        let found = |value: Option<T>| value.map_or(Read::Damaged, Read::Found);
        if self.options.framing == Framing::Plain {
            return found(decode(bytes));
        }
        let Ok((packing, stamp, payload)) = record::open(key, bytes) else { return Read::Damaged };
        match self.distrust.trust(key) {
            Trust::Full => {}
            Trust::Stamped(wanted) if stamp == wanted => {}
            // Out of date, and sound.
            Trust::Stamped(_) | Trust::None => return Read::Absent,
        }
        let Scratch { raw, contexts, .. } = scratch;
        let unpacked = self.packer.unpack(packing, payload, raw, contexts);
        found(unpacked.ok().and_then(decode))
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
            Some(packing) => record::seal(key, packing, self.distrust.stamp(), out),
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
            self.distrust.begin(key, self.options.name);
            return true;
        }
        let done = shielded(|| self.tier.remove(key).ok()).is_some();
        if done {
            self.distrust.end(key);
        } else {
            self.distrust.begin(key, self.options.name);
        }
        done
    }

    /// Takes out a record that is of no use. The lock of the key's stripe is held: without
    /// it, what is noted here could undo what a writer noted meanwhile.
    pub(crate) fn heal(&self, key: &[u8]) {
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
