//! Manifests of workspaces.

use std::collections::HashMap;
use std::path::Path;

use crate::catalogue::ManifestHead;
use crate::{
    Manifest, ManifestInfo, Outcome, Store, StoreError, TreeKey, path_bytes, path_from_bytes,
    report_damaged,
};

/// What manifests say is needed.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// Each tree that a manifest names, and when the newest of those was taken.
    pub(crate) trees: HashMap<TreeKey, i64>,
    /// Manifests that were read.
    pub(crate) manifests: u64,
    /// Manifests that cannot be read.
    pub(crate) unreadable: u64,
    /// The newest segment that there was when manifests were lost.
    pub(crate) lost_up_to: Option<u64>,
}

impl Store {
    /// What manifests say is needed; an error where that cannot be known.
    pub(crate) fn needed(&self) -> Result<Needed, StoreError> {
        let found = self.catalogue.all_manifests(&|| self.contents())?;
        let mut needed = Needed {
            unreadable: found.unreadable,
            lost_up_to: found.lost_up_to,
            ..Needed::default()
        };
        for (_, blob) in &found.blobs {
            let Some(manifest) = Manifest::from_bytes(blob) else {
                needed.unreadable += 1;
                continue;
            };
            needed.manifests += 1;
            for row in manifest.rows() {
                if let Outcome::Tree(key) = row.outcome {
                    let time = needed.trees.entry(key).or_insert(i64::MIN);
                    *time = manifest.taken_ns().max(*time);
                }
            }
        }
        Ok(needed)
    }

    /// What is known of each manifest without reading it.
    pub(crate) fn manifest_heads(&self) -> Vec<ManifestHead> {
        self.catalogue.manifests(&|| self.contents())
    }

    /// Says whether there was one.
    pub(crate) fn forget_manifest(&self, root: &[u8]) -> Result<bool, StoreError> {
        self.catalogue.remove_manifest(&|| self.contents(), root)
    }

    /// Manifests that were lost with a catalogue count as made again.
    pub(crate) fn forget_loss(&self) {
        self.copy_to_catalogue(|| self.catalogue.forget_loss(&|| self.contents()));
    }

    /// The manifest of a workspace; `None` where there is none, or none that can
    /// be read.
    ///
    /// # Errors
    /// None at present; a store on another kind of storage may have some.
    pub fn manifest(&self, root: &Path) -> Result<Option<Manifest>, StoreError> {
        let root = path_bytes(root);
        let Some(blob) = self.catalogue.manifest(&|| self.contents(), &root) else {
            return Ok(None);
        };
        let manifest = Manifest::from_bytes(&blob);
        let manifest = manifest.filter(|manifest| path_bytes(manifest.root()) == root);
        if manifest.is_none() {
            report_damaged(self.catalogue.path(), None, None, "a manifest cannot be read");
        }
        Ok(manifest)
    }

    /// Stores the manifest of a workspace in place of the one before: all of it,
    /// or nothing.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`] if it cannot be written.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.may_write("store a manifest")?;
        let blob = manifest.to_bytes();
        let head = ManifestHead {
            root: path_bytes(manifest.root()),
            rows: manifest.rows().len() as u64,
            len: blob.len() as u64,
            chunks: 0,
            taken_ns: manifest.taken_ns() as u64,
        };
        self.catalogue.put_manifest(&|| self.contents(), &head, &blob)
    }

    /// The workspaces that have a manifest.
    ///
    /// # Errors
    /// As [`Store::manifest`].
    pub fn manifests(&self) -> Result<Vec<ManifestInfo>, StoreError> {
        let heads = self.manifest_heads();
        let info = |head: ManifestHead| ManifestInfo {
            root: path_from_bytes(&head.root),
            rows: head.rows,
            bytes: head.len,
            taken_ns: head.taken_ns as i64,
        };
        Ok(heads.into_iter().map(info).collect())
    }

    /// Removes the manifest of a workspace; says whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`] if it cannot be written.
    pub fn remove_manifest(&self, root: &Path) -> Result<bool, StoreError> {
        self.may_write("remove a manifest")?;
        self.forget_manifest(&path_bytes(root))
    }
}
