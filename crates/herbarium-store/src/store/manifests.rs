//! Manifests of workspaces.

use std::collections::HashMap;
use std::path::Path;

use crate::catalogue::{Base, ManifestHead, StoredManifest};
use crate::manifest::ManifestBytes;
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
        for stored in &found.found {
            let Some(manifest) = stored.read() else {
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
        let Some(stored) = self.catalogue.manifest(&|| self.contents(), &root) else {
            return Ok(None);
        };
        let manifest = stored.read();
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
        self.put_manifest_near(manifest, None)
    }

    /// As [`Store::put_manifest`], for a workspace that has much in common with that at
    /// `other`, as releases of the same code have: what the two manifests share takes room
    /// once, for as long as one of them needs it, and in the manifests that are put later
    /// in place of either.
    ///
    /// Cost: reads the other manifest; where there is none, nothing more.
    ///
    /// # Errors
    /// As [`Store::put_manifest`].
    pub fn put_manifest_beside(&self, manifest: &Manifest, other: &Path) -> Result<(), StoreError> {
        self.put_manifest_near(manifest, Some(&path_bytes(other)))
    }

    fn put_manifest_near(
        &self,
        manifest: &Manifest,
        other: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.may_write("store a manifest")?;
        let root = path_bytes(manifest.root());
        let base = self.base_for(&root, other);
        let (own, base) = match manifest.to_bytes(base.as_ref().map(|base| &base.blob[..])) {
            ManifestBytes::Alone(own) => (own, None),
            ManifestBytes::Difference(own) => (own, base),
        };
        let head = ManifestHead {
            root,
            rows: manifest.rows().len() as u64,
            len: own.len() as u64,
            chunks: 0,
            taken_ns: manifest.taken_ns() as u64,
            base: None,
        };
        let stored = StoredManifest { head, own, base };
        self.catalogue.put_manifest(&|| self.contents(), &stored, other)
    }

    /// What the next manifest of a root may be the difference to: what the one before is,
    /// if others are, too; or else what is nearest to that of another root.
    fn base_for(&self, root: &[u8], other: Option<&[u8]>) -> Option<Base> {
        let heads = self.manifest_heads();
        let own = heads.iter().find(|head| head.root == root).and_then(|head| head.base);
        let shared =
            own.filter(|id| heads.iter().any(|head| head.base == Some(*id) && head.root != root));
        let shared = shared.and_then(|id| self.catalogue.base(&|| self.contents(), id));
        shared.or_else(|| {
            let other = other.filter(|other| *other != root)?;
            let StoredManifest { own, base, .. } =
                self.catalogue.manifest(&|| self.contents(), other)?;
            Some(base.unwrap_or_else(|| Base::new(own)))
        })
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
