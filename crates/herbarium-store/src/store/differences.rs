//! Trees as differences to others: stored where it pays, opened with what they
//! are a difference to.

use std::sync::Arc;

use herbarium_codec::Fingerprint;
use xxhash_rust::xxh3::xxh3_64;

use crate::compress::Scratch;
use crate::delta::{self, Base, FRONT, Front, MAX_DEPTH, MAX_RAW};
use crate::heuristics::{DELTA_DEPTH, DELTA_LEVEL, DELTA_PERCENT};
use crate::record::{RECORD_HEADER, codec};
use crate::segment::{DELTAS, Record};
use crate::{Compression, Dictionary, Put, Store, StoreError, TreeInfo, TreeKey, Writer};

use super::read::{Fault, unpack};
use super::trees::tree;

impl Store {
    /// Stores a tree as [`Store::put_tree`] does, or as the difference to an earlier
    /// one where that takes clearly less.
    ///
    /// `predecessor` is the key of a tree that much is in common with: that of
    /// the same file in the manifest before. It costs a get and one more
    /// compression, so give none for files that are new. What is known of the tree
    /// does not change: it is found under its own key, and comes back byte for
    /// byte. Getting it opens the predecessor first, and what that is a difference
    /// to, [`DELTA_DEPTH`] of them at most: where a chain has grown so long, the
    /// tree is stored as the difference to the whole one at its beginning.
    ///
    /// The tree is stored whole if the predecessor is missing, damaged or the tree
    /// itself, if the difference would take more than [`DELTA_PERCENT`]
    /// percent of a whole one, in stores opened without compression, and in stores
    /// of version 1.0, whose readers would not find it, until they are migrated.
    ///
    /// A predecessor that goes bad later takes with it what is a difference to it:
    /// all of them are misses then, and pressed again by the next index of
    /// their workspaces. `gc` never removes one that is needed.
    ///
    /// ```
    /// use herbarium_codec::Fingerprint;
    /// use herbarium_store::{Store, StoreOptions, TreeKey};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let store = Store::open(dir.path().join("store"), StoreOptions::new())?;
    /// let grammar = Fingerprint([1; 16]);
    /// let (old, new) = (TreeKey([1; 32]), TreeKey([2; 32]));
    /// let first: Vec<u8> = (0..4_000u32).flat_map(|n| n.wrapping_mul(40_503).to_le_bytes()).collect();
    /// let second = [&first[..8_000], b"edited", &first[8_000..]].concat();
    ///
    /// store.put_tree(&old, grammar, &first, None)?;
    /// let put = store.put_revision(&new, grammar, &second, None, &old)?;
    /// assert!(put.stored_bytes < 250);
    /// let found = store.get_tree(&new)?.unwrap();
    /// assert_eq!((found.bytes, found.info.differences), (second, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::put_tree`].
    pub fn put_revision(
        &self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
        predecessor: &TreeKey,
    ) -> Result<Put, StoreError> {
        self.writer().put_revision(key, fingerprint, bytes, dictionary, predecessor)
    }

    /// The record of the difference to `predecessor`, with room for its header, if
    /// that takes less than `whole`, the record as it would be otherwise.
    pub(super) fn difference(
        &self,
        bytes: &[u8],
        predecessor: &TreeKey,
        whole: &[u8],
    ) -> Option<Vec<u8>> {
        let most = (whole.len() as u64).saturating_mul(DELTA_PERCENT) / 100;
        let most = usize::try_from(most).ok().filter(|most| *most > RECORD_HEADER + FRONT)?;
        let can = self.shelf.features & DELTAS != 0 && bytes.len() <= MAX_RAW;
        if !can || self.options.compression == Compression::None {
            return None;
        }
        // At the end of a long chain the next begins, at the same root.
        let base = self.base(predecessor, DELTA_DEPTH, None);
        let base = base.or_else(|| self.base(&self.root_of(predecessor)?, DELTA_DEPTH, None))?;
        if base.bytes.len() > MAX_RAW {
            return None;
        }
        let mut record = vec![0; RECORD_HEADER];
        delta::pack(bytes, &base, DELTA_LEVEL, &mut record)?;
        (record.len() <= most).then_some(record)
    }

    /// The whole tree at the beginning of a chain of differences.
    fn root_of(&self, key: &TreeKey) -> Option<TreeKey> {
        let mut key = *key;
        for _ in 0..=MAX_DEPTH {
            let found = self.read(&tree(&key), |record, _| match record.header.codec {
                codec::DELTA => Ok(Front::split(record.payload).map(|(front, _)| front.base)),
                _ => Ok(None),
            });
            let Some(base) = found.ok()?? else { return Some(key) };
            key = base;
        }
        None
    }

    /// A tree that others are a difference to, if it takes fewer differences than
    /// `below` itself. With `hash`: the copy of it that has this checksum.
    fn base(&self, key: &TreeKey, below: u8, hash: Option<u64>) -> Option<Base> {
        let found = self.read(&tree(key), |record, scratch| {
            if depth_of(record)? >= below {
                return Err(Fault::AnotherCopy);
            }
            let mut bytes = Vec::new();
            let depth = self.open_tree(record, scratch, &mut bytes)?.differences;
            if hash.is_some_and(|hash| hash != xxh3_64(&bytes)) {
                return Err(Fault::AnotherCopy);
            }
            Ok(Base { key: *key, bytes, depth })
        });
        found.ok().flatten()
    }

    /// Opens the tree in a record into `bytes`.
    pub(crate) fn open_tree(
        &self,
        record: &Record<'_>,
        scratch: &mut Scratch,
        bytes: &mut Vec<u8>,
    ) -> Result<TreeInfo, Fault> {
        let context = record.context.ok_or(Fault::Damaged("its context is unknown"))?;
        let dictionary = self.dictionary_of(&context)?;
        let differences = if record.header.codec == codec::DELTA {
            self.unpack_difference(record, bytes)?
        } else {
            unpack(scratch, record, dictionary.as_deref(), bytes)?;
            0
        };
        let stored_bytes = record.header.record_len() as u64;
        let fingerprint = context.fingerprint;
        Ok(TreeInfo { fingerprint, dictionary, stored_bytes, differences })
    }

    /// What it means for a difference that its base cannot be had. One that is gone is
    /// hardly put again, as it is the tree of an earlier revision: unless the
    /// difference counted as missing, nobody would press its file anew.
    fn why_no_base(&self, base: &TreeKey) -> Fault {
        let quarantine = &self.shelf.quarantine;
        let out_of_reach = self.shelf.segments().iter().any(|segment| {
            let place = segment.place(&tree(base));
            let here = |offset| quarantine.has(segment.id(), offset);
            let damaged = |offset| quarantine.has_damaged(segment.id(), offset);
            place.is_some_and(|(offset, _)| here(offset) && !damaged(offset))
        });
        if out_of_reach {
            Fault::Unavailable("the tree that it differs from is out of reach")
        } else {
            Fault::Damaged("the tree that it differs from is missing")
        }
    }

    fn unpack_difference(&self, record: &Record<'_>, bytes: &mut Vec<u8>) -> Result<u8, Fault> {
        let front = Front::split(record.payload);
        let (front, frame) = front.ok_or(Fault::Damaged("it does not say to what it differs"))?;
        // Each step must have fewer differences left: no row of records goes round
        // in a circle, whatever they say.
        let base = self.base(&front.base, front.depth, Some(front.base_hash));
        let base = base.ok_or_else(|| self.why_no_base(&front.base))?;
        delta::unpack(frame, &base.bytes, record.header.raw, bytes).map_err(Fault::Damaged)?;
        Ok(front.depth)
    }
}

impl Writer<'_> {
    /// As [`Store::put_revision`].
    ///
    /// # Errors
    /// As [`Store::put_tree`].
    pub fn put_revision(
        &mut self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
        predecessor: &TreeKey,
    ) -> Result<Put, StoreError> {
        self.put_tree_or_difference(key, fingerprint, bytes, dictionary, Some(predecessor))
    }
}

/// How many differences a record says that it takes to open it.
fn depth_of(record: &Record<'_>) -> Result<u8, Fault> {
    if record.header.codec != codec::DELTA {
        return Ok(0);
    }
    let front = Front::split(record.payload);
    front.map(|(front, _)| front.depth).ok_or(Fault::Damaged("it does not say to what it differs"))
}
