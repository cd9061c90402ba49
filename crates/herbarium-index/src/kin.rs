//! Another release of the same code in another folder: whose trees those of a new workspace
//! are likely to differ from by little.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use herbarium_store::{ManifestInfo, ManifestRow, Outcome, Store, StoreError, TreeKey};

use crate::walk::Found;

/// Manifests that are read at most: each is, where there is nothing in common, for nothing.
const TRIED: usize = 3;

/// The files of another workspace that have a tree, by path.
#[derive(Default)]
pub(crate) struct Kin {
    /// Where it is, if there is any.
    pub(crate) root: Option<PathBuf>,
    rows: Vec<ManifestRow>,
}

impl Kin {
    /// A workspace beside this one, or of the same name, half of whose trees or more are of
    /// files that are here, too, by their paths; none if there is no such. Of several that
    /// with the name most alike, and then the one that was taken last.
    ///
    /// Cost: reads up to three manifests.
    pub(crate) fn find(store: &Store, root: &Path, files: &[Found]) -> Result<Self, StoreError> {
        let mut others = store.manifests()?;
        others.retain(|other| other.root != root && is_near(&other.root, root));
        others.sort_by_key(|other| Reverse((alike(other, root), other.taken_ns)));
        for other in others.iter().take(TRIED) {
            let Some(manifest) = store.manifest(&other.root)? else { continue };
            let mut rows = manifest.into_rows();
            rows.retain(|row| key_of(row).is_some());
            let kin = Self { root: Some(other.root.clone()), rows };
            if 2 * kin.former(files).count() >= kin.rows.len().max(1) {
                return Ok(kin);
            }
        }
        Ok(Self::default())
    }

    /// Which of these files, sorted by path, have a tree there, by number, and which one.
    pub(crate) fn former<'a>(
        &'a self,
        files: &'a [Found],
    ) -> impl Iterator<Item = (u32, TreeKey)> + 'a {
        let mut rows = self.rows.iter().peekable();
        (0..).zip(files).filter_map(move |(number, file)| {
            while rows.next_if(|row| row.path < file.path).is_some() {}
            let row = rows.next_if(|row| row.path == file.path)?;
            Some((number, key_of(row)?))
        })
    }
}

fn key_of(row: &ManifestRow) -> Option<TreeKey> {
    match row.outcome {
        Outcome::Tree(key) => Some(key),
        Outcome::None(_) => None,
    }
}

fn is_near(other: &Path, root: &Path) -> bool {
    other.parent() == root.parent() || other.file_name() == root.file_name()
}

/// Bytes that the names begin with in common.
fn alike(other: &ManifestInfo, root: &Path) -> usize {
    let names = [&other.root, root].map(|path| path.file_name().unwrap_or_default());
    let [one, other] = names.map(|name| name.as_encoded_bytes());
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
