//! What there is to do in a workspace: what was known beside what is found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use herbarium_store::{Manifest, ManifestRow, Outcome, Store, StoreError, TreeKey};

use crate::EngineOptions;
use crate::kin::Kin;
use crate::rows::{self, Belief, belief};
use crate::walk::Found;

/// A workspace as it was, and as it is now.
pub(crate) struct Plan {
    pub(crate) root: PathBuf,
    /// What was found, by path.
    pub(crate) files: Vec<Found>,
    /// The rows that still hold, in the order of the files. Where nothing has
    /// changed these are all rows of the manifest, that of the workspace first.
    pub(crate) kept: Vec<ManifestRow>,
    /// For each file that has one, the number of its row among these.
    pub(crate) row_of: Vec<Option<u32>>,
    /// Files to be looked at.
    pub(crate) to_press: Vec<u32>,
    /// The trees that these had, by number of the file.
    pub(crate) former: HashMap<u32, TreeKey>,
    /// Rows that are not this run's business and stay as they are.
    others: Vec<ManifestRow>,
    taken_ns: i64,
    /// Whether the manifest in the store says the same.
    pub(crate) unchanged: bool,
    /// Whether nothing was known of the workspace.
    is_new: bool,
    /// Another release of the same code.
    kin: Option<PathBuf>,
}

impl Plan {
    /// For a whole folder, walked after `taken_ns`.
    pub(crate) fn of_folder(
        options: &EngineOptions,
        root: &Path,
        files: Vec<Found>,
        before: Before,
        taken_ns: i64,
    ) -> Self {
        let rows = before.rows;
        let Compared { kept, row_of, to_press, former } = compare(options, &files, before);
        // One more row, for the workspace itself.
        let unchanged = to_press.is_empty() && rows == files.len() + 1;
        let (root, others, is_new) = (root.to_owned(), Vec::new(), rows == 0);
        Self {
            root,
            files,
            kept,
            row_of,
            to_press,
            former,
            others,
            taken_ns,
            unchanged,
            is_new,
            kin: None,
        }
    }

    /// In a new workspace, takes the trees of another release of the same code for those
    /// that its files had.
    pub(crate) fn look_for_kin(&mut self, store: &Store) -> Result<(), StoreError> {
        if self.is_new {
            let kin = Kin::find(store, &self.root, &self.files)?;
            self.former.extend(kin.former(&self.files));
            self.kin = kin.root;
        }
        Ok(())
    }

    /// For one file of a workspace. The other rows stay as old as they are, and
    /// so does the manifest.
    pub(crate) fn of_file(
        store: &Store,
        options: &EngineOptions,
        root: &Path,
        file: Found,
        taken_ns: i64,
    ) -> Result<Self, StoreError> {
        let manifest = store.manifest(root)?;
        let taken_ns = manifest.as_ref().map_or(taken_ns, |it| trusted(it, taken_ns));
        let rows = manifest.iter().flat_map(|manifest| manifest.rows());
        let others = rows.filter(|row| row.path != file.path).cloned().collect();
        let row = manifest.as_ref().filter(|it| rows::is_current(it));
        let row = row.and_then(|manifest| manifest.find(&file.path)).cloned();
        let (files, before) = (vec![file], Before::of_rows(store, row, taken_ns)?);
        let Compared { kept, row_of, to_press, former } = compare(options, &files, before);
        let unchanged = to_press.is_empty();
        let (root, is_new) = (root.to_owned(), false);
        Ok(Self {
            root,
            files,
            kept,
            row_of,
            to_press,
            former,
            others,
            taken_ns,
            unchanged,
            is_new,
            kin: None,
        })
    }
}

/// What is to become of a manifest once the files are pressed.
pub(crate) struct Outlook {
    others: Vec<ManifestRow>,
    taken_ns: i64,
    /// Whether the manifest in the store says the same.
    pub(crate) unchanged: bool,
    /// Another release of the same code, with whose manifest this one has much in common.
    pub(crate) kin: Option<PathBuf>,
}

impl Plan {
    /// Takes out what is needed at the end.
    pub(crate) fn outlook(&mut self) -> Outlook {
        let others = std::mem::take(&mut self.others);
        let kin = self.kin.take();
        Outlook { others, taken_ns: self.taken_ns, unchanged: self.unchanged, kin }
    }
}

impl Outlook {
    /// The manifest of the workspace as it is now, with these rows of its files.
    pub(crate) fn manifest(self, root: &Path, mut rows: Vec<ManifestRow>) -> Manifest {
        let known = [&rows, &self.others].into_iter().filter_map(|rows| rows.first());
        let has_first = known.into_iter().any(rows::is_workspace);
        rows.extend(self.others);
        if !has_first {
            rows.push(rows::workspace_row());
        }
        Manifest::new(root, self.taken_ns, rows)
    }
}

/// The time before which the files of a manifest were at rest. If it was taken in
/// the future, the clock was set back since, and what was written after that may
/// look as if it was written before: no time is early enough.
fn trusted(manifest: &Manifest, now_ns: i64) -> i64 {
    let taken_ns = manifest.taken_ns();
    if taken_ns > now_ns { i64::MIN } else { taken_ns }
}

/// What a manifest says that may still hold: rows whose trees are in the store.
#[derive(Default)]
pub(crate) struct Before {
    known: Vec<ManifestRow>,
    taken_ns: i64,
    /// Rows that there were, those that do not hold included.
    rows: usize,
}

impl Before {
    /// What the store knows of a folder.
    pub(crate) fn of_folder(store: &Store, root: &Path, now_ns: i64) -> Result<Self, StoreError> {
        let Some(manifest) = store.manifest(root)? else { return Ok(Self::default()) };
        let (taken_ns, rows) = (trusted(&manifest, now_ns), manifest.rows().len());
        if !rows::is_current(&manifest) {
            return Ok(Self { rows, ..Self::default() });
        }
        Ok(Self { rows, ..Self::of_rows(store, manifest.into_rows(), taken_ns)? })
    }

    fn of_rows(
        store: &Store,
        rows: impl IntoIterator<Item = ManifestRow>,
        taken_ns: i64,
    ) -> Result<Self, StoreError> {
        let (mut known, mut failed): (Vec<ManifestRow>, _) = (rows.into_iter().collect(), None);
        known.retain(|row| match row.outcome {
            Outcome::Tree(key) => store.contains(&key).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                false
            }),
            Outcome::None(_) => true,
        });
        failed.map_or(Ok(Self { rows: known.len(), known, taken_ns }), Err)
    }
}

/// What was known beside what is found: see the fields of [`Plan`].
struct Compared {
    kept: Vec<ManifestRow>,
    row_of: Vec<Option<u32>>,
    to_press: Vec<u32>,
    former: HashMap<u32, TreeKey>,
}

/// Files and rows are both sorted by path.
fn compare(options: &EngineOptions, files: &[Found], before: Before) -> Compared {
    let mut known = (0..).zip(&before.known).peekable();
    let mut row_of = Vec::with_capacity(files.len());
    let (mut to_press, mut former) = (Vec::new(), HashMap::new());
    for (index, file) in (0..).zip(files) {
        while known.next_if(|(_, row)| row.path < file.path).is_some() {}
        let row = known.next_if(|(_, row)| row.path == file.path);
        let holds = |row| belief(row, file.stat, before.taken_ns, options) == Belief::Holds;
        let held = row.filter(|(_, row)| holds(row));
        if held.is_none() {
            to_press.push(index);
            if let Some((_, ManifestRow { outcome: Outcome::Tree(key), .. })) = row {
                former.insert(index, *key);
            }
        }
        row_of.push(held.map(|(number, _)| number));
    }
    drop(known);
    Compared { kept: before.known, row_of, to_press, former }
}
