//! Adding up what the manifests say.

use std::collections::{BTreeMap, HashSet};

use herbarium_store::{Manifest, Outcome, Store};

use crate::{IndexError, LanguageFigures, StatsReport, WorkspaceFigures, rows};

pub(crate) fn stats(store: &Store) -> Result<StatsReport, IndexError> {
    let stored = store.stats()?;
    let mut report = StatsReport {
        trees: stored.trees,
        tree_bytes: stored.stored_bytes,
        file_bytes: stored.file_bytes,
        ..StatsReport::default()
    };
    let mut seen = HashSet::new();
    for info in store.manifests()? {
        let Some(manifest) = store.manifest(&info.root)? else { continue };
        report.workspaces.push(workspace(&manifest));
        for row in manifest.rows() {
            let (Outcome::Tree(key), Some(language)) = (row.outcome, &row.language) else {
                continue;
            };
            let stored_bytes = if seen.insert(key) { u64::from(row.stored_bytes) } else { 0 };
            figures_of(&mut report.languages, language).add(row, stored_bytes);
            report.total.add(row, stored_bytes);
        }
    }
    report.workspaces.sort_by(|a, b| a.root.cmp(&b.root));
    Ok(report)
}

fn figures_of<'a>(
    languages: &'a mut BTreeMap<String, LanguageFigures>,
    id: &str,
) -> &'a mut LanguageFigures {
    if !languages.contains_key(id) {
        languages.insert(id.to_owned(), LanguageFigures::default());
    }
    languages.entry(id.to_owned()).or_default()
}

fn workspace(manifest: &Manifest) -> WorkspaceFigures {
    let (mut figures, mut without_tree) = (LanguageFigures::default(), 0);
    let mut seen = HashSet::new();
    for row in manifest.rows().iter().filter(|row| !rows::is_workspace(row)) {
        match row.outcome {
            Outcome::Tree(key) => {
                let stored_bytes = if seen.insert(key) { u64::from(row.stored_bytes) } else { 0 };
                figures.add(row, stored_bytes);
            }
            Outcome::None(_) => without_tree += 1,
        }
    }
    WorkspaceFigures {
        root: manifest.root().to_owned(),
        indexed_ns: manifest.taken_ns(),
        figures,
        without_tree,
    }
}
