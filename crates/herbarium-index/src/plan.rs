//! What there is to do in a workspace: what was known beside what is found.

use std::path::{Path, PathBuf};

use herbarium_store::{Manifest, ManifestRow, Outcome, Store, StoreError};

use crate::EngineOptions;
use crate::rows::{self, Belief, belief};
use crate::stat::Stat;
use crate::walk::Found;

/// A workspace as it was, and as it is now.
pub(crate) struct Plan {
    pub(crate) root: PathBuf,
    /// What was found, by path.
    pub(crate) files: Vec<Found>,
    /// For each file, the row that still holds.
    pub(crate) kept: Vec<Option<ManifestRow>>,
    /// Files to be looked at.
    pub(crate) to_press: Vec<u32>,
    /// Rows that are not this run's business and stay as they are.
    others: Vec<ManifestRow>,
    taken_ns: i64,
    /// Whether the manifest in the store says the same.
    pub(crate) unchanged: bool,
}

impl Plan {
    /// For a whole folder, walked after `taken_ns`.
    pub(crate) fn of_folder(
        store: &Store,
        options: &EngineOptions,
        root: &Path,
        files: Vec<Found>,
        taken_ns: i64,
    ) -> Result<Self, StoreError> {
        let manifest = store.manifest(root)?;
        let before = manifest.as_ref().map_or(0, |manifest| manifest.rows().len());
        let (kept, to_press) = compare(store, options, &files, manifest)?;
        // One more row, for the workspace itself.
        let unchanged = to_press.is_empty() && before == files.len() + 1;
        let (root, others) = (root.to_owned(), Vec::new());
        Ok(Self { root, files, kept, to_press, others, taken_ns, unchanged })
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
        let taken_ns = manifest.as_ref().map_or(taken_ns, Manifest::taken_ns);
        let rows = manifest.iter().flat_map(|manifest| manifest.rows());
        let others = rows.filter(|row| row.path != file.path).cloned().collect();
        let files = vec![file];
        let (kept, to_press) = compare(store, options, &files, manifest)?;
        let unchanged = to_press.is_empty();
        Ok(Self { root: root.to_owned(), files, kept, to_press, others, taken_ns, unchanged })
    }
}

/// What is to become of a manifest once the files are pressed.
pub(crate) struct Outlook {
    others: Vec<ManifestRow>,
    taken_ns: i64,
    /// Whether the manifest in the store says the same.
    pub(crate) unchanged: bool,
}

impl Plan {
    /// Takes out what is needed at the end.
    pub(crate) fn outlook(&mut self) -> Outlook {
        let others = std::mem::take(&mut self.others);
        Outlook { others, taken_ns: self.taken_ns, unchanged: self.unchanged }
    }
}

impl Outlook {
    /// The manifest of the workspace as it is now.
    pub(crate) fn manifest(self, root: &Path, mut rows: Vec<ManifestRow>) -> Manifest {
        if !self.others.first().is_some_and(rows::is_workspace) {
            rows.push(rows::workspace_row());
        }
        rows.extend(self.others);
        Manifest::new(root, self.taken_ns, rows)
    }
}

/// For each file the row that holds, and the files that have none. Files and
/// rows are both sorted by path.
fn compare(
    store: &Store,
    options: &EngineOptions,
    files: &[Found],
    manifest: Option<Manifest>,
) -> Result<(Vec<Option<ManifestRow>>, Vec<u32>), StoreError> {
    let manifest = manifest.filter(rows::is_current);
    let taken_ns = manifest.as_ref().map_or(0, Manifest::taken_ns);
    let mut known = manifest.map_or_else(Vec::new, Manifest::into_rows).into_iter().peekable();
    let mut kept = Vec::with_capacity(files.len());
    let mut to_press = Vec::new();
    for (index, file) in (0..).zip(files) {
        while known.next_if(|row| row.path < file.path).is_some() {}
        let row = match known.next_if(|row| row.path == file.path) {
            Some(row) if holds(store, options, &row, file.stat, taken_ns)? => Some(row),
            _ => None,
        };
        if row.is_none() {
            to_press.push(index);
        }
        kept.push(row);
    }
    Ok((kept, to_press))
}

fn holds(
    store: &Store,
    options: &EngineOptions,
    row: &ManifestRow,
    stat: Stat,
    taken_ns: i64,
) -> Result<bool, StoreError> {
    if belief(row, stat, taken_ns, options) == Belief::LookAgain {
        return Ok(false);
    }
    match row.outcome {
        Outcome::Tree(key) => store.contains(&key),
        Outcome::None(_) => Ok(true),
    }
}
