//! Which stored files there are to be asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_store::{Manifest, ManifestRow, Outcome, Store, path_bytes, path_from_bytes};

use crate::paths::{Target, targets};
use crate::{IndexError, rows};

/// The files with a tree of some workspaces, as their manifests have them: what
/// [`Engine::scan`](crate::Engine::scan) asks.
///
/// Made by [`Engine::refresh`](crate::Engine::refresh), which brings the store up
/// to date first, or by [`Engine::snapshot`](crate::Engine::snapshot), which takes
/// it as it is. Each file is in it once, in the order of the paths.
///
/// Memory: some 200 bytes a file of the workspaces.
#[derive(Debug, Default)]
pub struct Snapshot {
    manifests: Vec<Arc<Manifest>>,
    files: Vec<Place>,
    /// Paths of which nothing is known.
    unknown: Vec<PathBuf>,
    /// Whether the files were looked at when it was made.
    fresh: bool,
}

/// Where a file's row is.
#[derive(Debug, Clone, Copy)]
struct Place {
    manifest: u32,
    row: u32,
}

impl Snapshot {
    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Paths, as they were given but made absolute, of which the store knows
    /// nothing: they were never indexed.
    pub fn unknown_paths(&self) -> &[PathBuf] {
        &self.unknown
    }

    /// Ids of the languages that occur, and how many files each has.
    pub fn languages(&self) -> BTreeMap<&str, u64> {
        let mut languages = BTreeMap::new();
        for (_, row) in self.rows() {
            *languages.entry(row.language.as_deref().unwrap_or_default()).or_default() += 1;
        }
        languages
    }

    /// Leaves out the files of languages of which `keep` says no.
    pub fn retain_languages(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let manifests = std::mem::take(&mut self.manifests);
        self.files.retain(|place| {
            let row = row_of(&manifests, *place);
            row.is_some_and(|(_, row)| row.language.as_deref().is_some_and(&mut keep))
        });
        self.manifests = manifests;
    }

    /// Leaves out the files of which `keep` says no, by their absolute paths.
    pub fn retain_paths(&mut self, mut keep: impl FnMut(&Path) -> bool) {
        let manifests = std::mem::take(&mut self.manifests);
        self.files.retain(|place| {
            let row = row_of(&manifests, *place);
            row.is_some_and(|(root, row)| keep(&root.join(path_from_bytes(&row.path))))
        });
        self.manifests = manifests;
    }

    /// What the store knows of these paths.
    pub(crate) fn of_store(store: &Store, paths: &[PathBuf]) -> Result<Self, IndexError> {
        let mut roots: Vec<PathBuf> = store.manifests()?.into_iter().map(|it| it.root).collect();
        roots.sort();
        let mut snapshot = Self::default();
        for target in targets(paths)? {
            let (path, is_known) = match &target {
                Target::Folder(folder) => (folder, snapshot.add_folder(store, &roots, folder)?),
                Target::File(file) => (file, snapshot.add_file(store, &roots, file)?),
            };
            if !is_known {
                snapshot.unknown.push(path.clone());
            }
        }
        snapshot.settle();
        Ok(snapshot)
    }

    /// The files of a folder: as the nearest workspace around it has them, or all
    /// of those below. Says whether there is any.
    fn add_folder(
        &mut self,
        store: &Store,
        roots: &[PathBuf],
        folder: &Path,
    ) -> Result<bool, IndexError> {
        let around = folder.ancestors().find(|it| is_among(roots, it));
        let below = roots.iter().filter(|root| around.is_none() && root.starts_with(folder));
        let mut is_known = false;
        for root in around.into_iter().chain(below.map(PathBuf::as_path)) {
            if let Some(manifest) = read(store, root)? {
                self.add(Arc::new(manifest), folder);
                is_known = true;
            }
        }
        Ok(is_known)
    }

    /// A file, as the nearest workspace around it that knows it has it.
    fn add_file(
        &mut self,
        store: &Store,
        roots: &[PathBuf],
        file: &Path,
    ) -> Result<bool, IndexError> {
        for root in file.ancestors().skip(1).filter(|it| is_among(roots, it)) {
            let Some(manifest) = read(store, root)? else { continue };
            if self.add(Arc::new(manifest), file) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An empty one, for files that are looked at.
    pub(crate) fn fresh() -> Self {
        Self { fresh: true, ..Self::default() }
    }

    /// Whether the files were looked at when it was made.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Adds the files of a manifest that are at or below a path; says whether
    /// there are any.
    pub(crate) fn add(&mut self, manifest: Arc<Manifest>, path: &Path) -> bool {
        let below = path.strip_prefix(manifest.root()).map(path_bytes).unwrap_or_default();
        let rows = manifest.rows();
        let first = rows.partition_point(|row| row.path < below);
        let of_path = rows.iter().enumerate().skip(first);
        // Between `a` and `a/b` may stand `a-b`.
        let of_path = of_path.take_while(|(_, row)| row.path.starts_with(&below));
        let is_at = |row: &ManifestRow| {
            below.is_empty() || row.path.len() == below.len() || row.path[below.len()] == b'/'
        };
        let number = self.manifests.len() as u32;
        let before = self.files.len();
        let places = of_path
            .filter(|(_, row)| is_at(row) && matches!(row.outcome, Outcome::Tree(_)))
            .map(|(row, _)| Place { manifest: number, row: row as u32 });
        self.files.extend(places);
        self.manifests.push(manifest);
        self.files.len() > before
    }

    /// Puts the files in order, each once.
    pub(crate) fn settle(&mut self) {
        if self.manifests.len() < 2 {
            return;
        }
        let manifests = &self.manifests;
        let full = |place: &Place| {
            let (root, row) = row_of(manifests, *place)?;
            Some(path_bytes(&root.join(path_from_bytes(&row.path))))
        };
        let mut named: Vec<_> = self.files.iter().map(|place| (full(place), *place)).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named.dedup_by(|a, b| a.0 == b.0);
        self.files = named.into_iter().map(|(_, place)| place).collect();
    }

    /// Root of the workspace and row of the file of that number.
    pub(crate) fn row(&self, file: usize) -> Option<(&Path, &ManifestRow)> {
        row_of(&self.manifests, *self.files.get(file)?)
    }

    fn rows(&self) -> impl Iterator<Item = (&Path, &ManifestRow)> {
        self.files.iter().filter_map(|place| row_of(&self.manifests, *place))
    }
}

/// A manifest. Numbers of kinds mean nothing under another version of a grammar:
/// those of a manifest that another program wrote are left out.
fn read(store: &Store, root: &Path) -> Result<Option<Manifest>, IndexError> {
    let Some(manifest) = store.manifest(root)? else { return Ok(None) };
    if rows::is_current(&manifest) {
        return Ok(Some(manifest));
    }
    let (root, taken_ns) = (manifest.root().to_owned(), manifest.taken_ns());
    let mut rows = manifest.into_rows();
    rows.iter_mut().for_each(|row| row.kinds = None);
    Ok(Some(Manifest::new(root, taken_ns, rows)))
}

fn is_among(roots: &[PathBuf], path: &Path) -> bool {
    roots.binary_search_by(|root| root.as_path().cmp(path)).is_ok()
}

fn row_of(manifests: &[Arc<Manifest>], place: Place) -> Option<(&Path, &ManifestRow)> {
    let manifest = manifests.get(place.manifest as usize)?;
    Some((manifest.root(), manifest.rows().get(place.row as usize)?))
}

#[cfg(test)]
mod tests {
    use herbarium_store::TreeKey;

    use super::*;
    use crate::stat::Stat;

    fn check(paths: &[&str], asked: &str, expected: &[&str]) {
        let tree = Outcome::Tree(TreeKey([1; 32]));
        let row = |path: &&str| ManifestRow {
            outcome: tree,
            ..rows::row(path.as_bytes().to_vec(), Stat::default())
        };
        let mut rows: Vec<_> = paths.iter().map(row).collect();
        rows.push(rows::workspace_row());
        let mut snapshot = Snapshot::default();
        snapshot.add(Arc::new(Manifest::new("/w", 0, rows)), Path::new(asked));
        let found: Vec<_> = snapshot.rows().map(|(_, row)| row.path.clone()).collect();
        let expected: Vec<_> = expected.iter().map(|path| path.as_bytes().to_vec()).collect();
        assert_eq!(found, expected, "{asked}");
    }

    #[test]
    fn a_path_has_the_files_at_and_below_it() {
        let paths = ["a", "b-c/x", "b/x", "b/y", "b0", "c"];
        check(&paths, "/w", &paths);
        check(&paths, "/w/b", &["b/x", "b/y"]);
        check(&paths, "/w/b/y", &["b/y"]);
        check(&paths, "/w/d", &[]);
    }
}
