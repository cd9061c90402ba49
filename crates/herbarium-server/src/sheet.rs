//! What the store knows of a workspace's files, in memory: which file has which tree.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use herbarium::index::{Engine, IndexError};
use herbarium::store::{Manifest, ManifestRow, Outcome, TreeKey};

/// The files of a workspace, as they were when it was last indexed.
///
/// Memory: some 200 bytes a file.
#[derive(Debug)]
pub(crate) struct Sheet {
    manifest: Manifest,
    /// By key, the number of a row that has that tree.
    by_key: HashMap<TreeKey, u32>,
}

/// The sheet of a workspace, read when it is first needed and after each run.
#[derive(Debug)]
pub(crate) struct Sheets {
    root: PathBuf,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    sheet: Option<Arc<Sheet>>,
    looked: Instant,
}

/// Another program may index, too: so often the store is asked whether one did.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Sheets {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), kept: Mutex::new(None) }
    }

    /// The sheet; none if the workspace was never indexed. Reads the store.
    pub(crate) fn get(&self, engine: &Engine) -> Result<Option<Arc<Sheet>>, IndexError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.looked.elapsed() < LOOK_AGAIN) {
            return Ok(kept.sheet.clone());
        }
        let store = engine.store();
        let manifests = store.manifests()?;
        let taken = manifests.iter().find(|it| it.root == self.root).map(|it| it.taken_ns);
        let known = kept.as_ref().and_then(|kept| kept.sheet.clone());
        let same = known.filter(|sheet| Some(sheet.manifest.taken_ns()) == taken);
        let sheet = match (same, taken) {
            (Some(same), _) => Some(same),
            (None, None) => None,
            (None, Some(_)) => store.manifest(&self.root)?.map(Sheet::new).map(Arc::new),
        };
        *kept = Some(Kept { sheet: sheet.clone(), looked: Instant::now() });
        Ok(sheet)
    }

    /// To be called after a run: the store is asked at once.
    pub(crate) fn forget(&self) {
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            kept.looked = kept.looked.checked_sub(LOOK_AGAIN).unwrap_or(kept.looked);
        }
    }
}

impl Sheet {
    fn new(manifest: Manifest) -> Self {
        let keys = manifest.rows().iter().zip(0..);
        let keys = keys.filter_map(|(row, number)| Some((key_of(row)?, number)));
        Self { by_key: keys.collect(), manifest }
    }

    /// When it was taken, in ns since 1970.
    pub(crate) fn taken_ns(&self) -> i64 {
        self.manifest.taken_ns()
    }

    /// A file that has that tree.
    pub(crate) fn file_with(&self, key: &TreeKey) -> Option<&ManifestRow> {
        self.manifest.rows().get(*self.by_key.get(key)? as usize)
    }

    /// The files behind a path, in their order; all files for none.
    pub(crate) fn files_after(&self, path: Option<&[u8]>) -> impl Iterator<Item = &ManifestRow> {
        let rows = self.manifest.rows();
        let first = path.map_or(0, |path| rows.partition_point(|row| *row.path <= *path));
        // The first row stands for the workspace itself.
        rows.iter().skip(first).filter(|row| !row.path.is_empty())
    }

    /// Number of files, and of those that have a tree.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let (mut files, mut trees) = (0, 0);
        for row in self.files_after(None) {
            files += 1;
            trees += u64::from(key_of(row).is_some());
        }
        (files, trees)
    }
}

/// The key of a file's tree.
pub(crate) fn key_of(row: &ManifestRow) -> Option<TreeKey> {
    match row.outcome {
        Outcome::Tree(key) => Some(key),
        Outcome::None(_) => None,
    }
}
