//! What has changed in a workspace since its manifest was written.

use std::collections::{BTreeMap, BTreeSet};

use herbarium_store::ManifestRow;

/// Rows to be changed in a manifest, and paths that are gone with all below them.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    rows: BTreeMap<Vec<u8>, ManifestRow>,
    /// Before these rows.
    gone: BTreeSet<Vec<u8>>,
}

impl Drafts {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.gone.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.gone.len()
    }

    /// A file is as this row says.
    pub(super) fn put(&mut self, row: ManifestRow) {
        self.rows.insert(row.path.clone(), row);
    }

    /// A file is gone, or a folder with all that was in it.
    pub(super) fn remove(&mut self, path: &[u8]) {
        self.rows.retain(|row, _| !is_at_or_below(row, path));
        self.gone.insert(path.to_vec());
    }

    /// Changes the rows of a manifest, which are sorted and stay so; the first is
    /// that of the workspace itself, which stays.
    pub(super) fn apply(self, rows: Vec<ManifestRow>) -> Vec<ManifestRow> {
        let mut all = Vec::with_capacity(rows.len() + self.rows.len());
        let mut new = self.rows.into_iter().peekable();
        for row in rows {
            while let Some((_, new)) = new.next_if(|(path, _)| *path < row.path) {
                all.push(new);
            }
            if let Some((_, new)) = new.next_if(|(path, _)| *path == row.path) {
                all.push(new);
            } else if row.path.is_empty() || !is_gone(&self.gone, &row.path) {
                all.push(row);
            }
        }
        all.extend(new.map(|(_, row)| row));
        all
    }
}

/// Whether a path, or a folder around it, is among these.
fn is_gone(gone: &BTreeSet<Vec<u8>>, path: &[u8]) -> bool {
    let ends = (0..path.len()).filter(|at| path.get(*at) == Some(&b'/'));
    let mut starts = ends.chain([path.len()]).filter_map(|end| path.get(..end));
    !gone.is_empty() && (gone.contains(&[][..]) || starts.any(|start| gone.contains(start)))
}

fn is_at_or_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;
    use crate::stat::Stat;

    enum Deed {
        Put(&'static str),
        Remove(&'static str),
    }
    use Deed::{Put, Remove};

    fn row(path: &str, size: u64) -> ManifestRow {
        rows::row(path.into(), Stat { size, ..Stat::default() })
    }

    /// Rows of size 1 were there before, those that are put have size 2.
    fn check(before: &[&str], deeds: &[Deed], expected: &[(&str, u64)]) {
        let mut drafts = Drafts::default();
        for deed in deeds {
            match deed {
                Put(path) => drafts.put(row(path, 2)),
                Remove(path) => drafts.remove(path.as_bytes()),
            }
        }
        let before = std::iter::once("").chain(before.iter().copied());
        let after = drafts.apply(before.map(|path| row(path, 1)).collect());
        assert!(after.is_sorted_by(|a, b| a.path < b.path));
        let after: Vec<_> = after[1..]
            .iter()
            .map(|row| (String::from_utf8(row.path.clone()).unwrap(), row.size))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(path, n)| ((*path).to_owned(), *n)).collect();
        assert_eq!(after, expected);
    }

    #[test]
    fn what_is_put_replaces_or_is_added() {
        check(
            &["a", "c"],
            &[Put("c"), Put("b"), Put("d")],
            &[("a", 1), ("b", 2), ("c", 2), ("d", 2)],
        );
    }

    #[test]
    fn a_folder_goes_with_all_in_it_and_nothing_else() {
        check(&["a", "a-b", "a/b", "a/b/c", "ab"], &[Remove("a")], &[("a-b", 1), ("ab", 1)]);
    }

    #[test]
    fn the_last_word_counts() {
        check(&["a/b"], &[Put("a/b"), Remove("a")], &[]);
        check(&["a/b", "a/c"], &[Remove("a"), Put("a/b")], &[("a/b", 2)]);
        check(&["a/b"], &[Remove("a"), Put("a")], &[("a", 2)]);
        check(&["a", "b"], &[Remove("")], &[]);
    }
}
