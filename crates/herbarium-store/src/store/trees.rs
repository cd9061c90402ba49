//! Trees: by key, or all of them.

use std::sync::Arc;

use herbarium_codec::Fingerprint;

use crate::record::{Kind, RecordKey};
use crate::segment::Segment;
use crate::{Dictionary, Put, Store, StoreError, TreeKey, Writer};

use super::read::Fault;

/// A tree from the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredTree {
    /// The bytecode, as it was put.
    pub bytes: Vec<u8>,
    /// What else is known of it.
    pub info: TreeInfo,
}

/// What is known of a stored tree besides its bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeInfo {
    /// The grammar that it was pressed with.
    pub fingerprint: Fingerprint,
    /// The dictionary that it was put with; its book is needed to decode the tree.
    pub dictionary: Option<Arc<Dictionary>>,
    /// Bytes that the record takes, its header included.
    pub stored_bytes: u64,
    /// Differences that were opened for it, one on the other: 0 for a tree that
    /// is stored whole. See [`Store::put_revision`].
    pub differences: u8,
}

impl Store {
    /// Stores a tree, unless it is there.
    ///
    /// `bytes` is the uncompressed bytecode. If it was encoded with a book, give
    /// the dictionary that holds the book: it is stored first where it is new.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written; nothing is half-written then.
    pub fn put_tree(
        &self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
    ) -> Result<Put, StoreError> {
        self.writer().put_tree(key, fingerprint, bytes, dictionary)
    }

    /// Gets a tree. Damaged or missing is `None`.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the store's directory can no longer be listed.
    pub fn get_tree(&self, key: &TreeKey) -> Result<Option<StoredTree>, StoreError> {
        let mut bytes = Vec::new();
        let info = self.get_tree_into(key, &mut bytes)?;
        Ok(info.map(|info| StoredTree { bytes, info }))
    }

    /// Gets a tree into a buffer that is used again; empty where it is missing.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn get_tree_into(
        &self,
        key: &TreeKey,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<TreeInfo>, StoreError> {
        let found = self.read(&tree(key), |record, scratch| self.open_tree(record, scratch, bytes));
        if !matches!(found, Ok(Some(_))) {
            bytes.clear();
        }
        found
    }

    /// From now on a tree counts as missing, so that it can be put again: for bytes
    /// that came as they were put, and are no tree all the same. Says whether
    /// there was one.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn condemn_tree(&self, key: &TreeKey) -> Result<bool, StoreError> {
        let key = tree(key);
        self.look_again()?;
        let mut found = false;
        for segment in self.shelf.segments().iter() {
            if let Some((offset, _)) = segment.place(&key) {
                let fault = Fault::Damaged("it is not a tree that can be opened");
                self.condemn(segment, offset, Some(&key), &fault);
                found = true;
            }
        }
        Ok(found)
    }

    /// Whether a tree is there, by the index alone: the record is not read.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn contains(&self, key: &TreeKey) -> Result<bool, StoreError> {
        let key = tree(key);
        Ok(self.shelf.contains(&key) || (self.look_again()? && self.shelf.contains(&key)))
    }

    /// Bytes that a tree's record takes, its header included.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn stored_len(&self, key: &TreeKey) -> Result<Option<u64>, StoreError> {
        let key = tree(key);
        let mut found = self.shelf.find(&key);
        if found.is_none() && self.look_again()? {
            found = self.shelf.find(&key);
        }
        Ok(found.map(|(_, _, len)| len))
    }

    /// Every tree that can be found, once. Records are not read.
    pub fn iter_trees(&self) -> Trees<'_> {
        Trees { store: self, segments: self.shelf.segments(), next: 0, ready: Vec::new() }
    }
}

impl Writer<'_> {
    /// As [`Store::put_tree`].
    ///
    /// # Errors
    /// As [`Store::put_tree`].
    pub fn put_tree(
        &mut self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
    ) -> Result<Put, StoreError> {
        self.put_tree_or_difference(key, fingerprint, bytes, dictionary, None)
    }

    pub(super) fn put_tree_or_difference(
        &mut self,
        key: &TreeKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
        dictionary: Option<&Arc<Dictionary>>,
        predecessor: Option<&TreeKey>,
    ) -> Result<Put, StoreError> {
        self.store.may_write("store a tree")?;
        let key = tree(key);
        if let Some(put) = self.store.found(&key)? {
            return Ok(put);
        }
        let id = match dictionary {
            Some(dictionary) => {
                if !self.store.has_dictionary(dictionary) {
                    self.store.store_dictionary(dictionary)?;
                }
                Some(dictionary.id())
            }
            None => None,
        };
        let dictionary = dictionary.map(Arc::as_ref);
        self.put(key, (fingerprint, id), bytes, dictionary, predecessor)
    }
}

/// A tree as [`Store::iter_trees`] lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TreeEntry {
    /// Its key.
    pub key: TreeKey,
    /// The grammar that it was pressed with.
    pub fingerprint: Fingerprint,
    /// Bytes that the record takes, its header included.
    pub stored_bytes: u64,
}

/// The trees of a store, segment by segment.
#[derive(Debug)]
pub struct Trees<'a> {
    store: &'a Store,
    segments: Arc<Vec<Segment>>,
    next: usize,
    ready: Vec<TreeEntry>,
}

impl Iterator for Trees<'_> {
    type Item = TreeEntry;

    fn next(&mut self) -> Option<TreeEntry> {
        loop {
            if let Some(entry) = self.ready.pop() {
                return Some(entry);
            }
            let segment = self.segments.get(self.next)?;
            let before = self.segments.get(..self.next).unwrap_or_default();
            let quarantine = &self.store.shelf.quarantine;
            let elsewhere = |key: &TreeKey| {
                before.iter().any(|segment| {
                    let place = segment.place(&tree(key));
                    place.is_some_and(|(offset, _)| !quarantine.has(segment.id(), offset))
                })
            };
            self.ready = segment
                .trees()
                .into_iter()
                .filter(|(offset, _)| !quarantine.has(segment.id(), *offset))
                .map(|(_, entry)| entry)
                .filter(|entry| !elsewhere(&entry.key))
                .collect();
            // Popped from the end: this way they come in the order of the file.
            self.ready.reverse();
            self.next += 1;
        }
    }
}

pub(super) fn tree(key: &TreeKey) -> RecordKey {
    RecordKey { kind: Kind::TREE, key: key.0 }
}
