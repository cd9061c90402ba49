//! Whether what is stored is whole, and what a parser says.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use herbarium_store::{
    Outcome as RowOutcome, Store, StoreError, TreeKey, VerifyFinding, path_from_bytes,
};

use crate::check::{Check, Done, Finding, Job, Source};
use crate::crew::{Crew, Event, Outcome};
use crate::engine::Shared;
use crate::progress::Ticker;
use crate::rows;
use crate::tongue::built;
use crate::{Cancel, DamagedTree, Difference, IndexError, Phase, Progress, VerifyReport};

pub(crate) fn verify(
    shared: &Arc<Shared>,
    deep: bool,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<VerifyReport, IndexError> {
    let begun = Instant::now();
    let mut ticker = Ticker::new(progress);
    ticker.phase(Phase::Verify);
    let mut findings = Findings::default();
    // First: what it finds damaged counts as missing from then on.
    let damage = shared.store.verify()?.findings;
    let trees = shared.store.iter_trees().map(|entry| entry.key).collect();
    let files = sources(shared)?;
    let needed: Vec<TreeKey> = files.iter().map(|file| file.key).collect();
    let workspaces = shared.store.manifests()?.len() as u64;
    let files = if deep { files } else { Vec::new() };
    let check = Arc::new(Check::new(shared, trees, files, cancel));
    findings.collect(&check, &mut ticker, cancel)?;
    // After all were read: what cannot be read is no longer there.
    let missing = findings.count_missing(&shared.store, &needed)?;
    findings.judge(&shared.store, damage, workspaces != 0 && missing == 0);
    let mut report = findings.finish();
    report.deep = deep;
    report.workspaces = workspaces;
    if !deep {
        report.missing_tree = missing;
    }
    report.cancelled = cancel.is_cancelled();
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// Files that have a tree, in all workspaces.
fn sources(shared: &Shared) -> Result<Vec<Source>, StoreError> {
    let Shared { store, options, .. } = shared;
    let mut sources = Vec::new();
    for info in store.manifests()? {
        let Some(manifest) = store.manifest(&info.root)? else { continue };
        for row in manifest.rows() {
            let RowOutcome::Tree(key) = row.outcome else { continue };
            let path = info.root.join(path_from_bytes(&row.path));
            let language = rows::language(row).and_then(|row| built(row, options));
            sources.push(Source { path, size: row.size, key, language });
        }
    }
    Ok(sources)
}

/// A report in the making.
#[derive(Default)]
struct Findings {
    report: VerifyReport,
    /// By what is said of them, so that two ways to find one thing tell it once.
    damaged: BTreeMap<String, Option<TreeKey>>,
    /// Trees that are there and cannot be decoded.
    unusable: HashSet<TreeKey>,
    broken: Option<IndexError>,
}

/// Trees of which each difference is told; of the others, only how many they are.
const TOLD: u64 = 1000;

impl Findings {
    /// Has a crew do all there is to do.
    fn collect(
        &mut self,
        check: &Arc<Check>,
        ticker: &mut Ticker<'_>,
        cancel: &Cancel,
    ) -> Result<(), IndexError> {
        let sizes: u64 = check.files.iter().map(|file| file.size).sum();
        ticker.expect((check.trees.len() + check.files.len()) as u64, sizes);
        let jobs = check.jobs();
        if jobs.is_empty() {
            return Ok(());
        }
        let threads = check.shared.options.workers.min(jobs.len());
        let mut crew = Crew::start(Arc::clone(check), threads).map_err(IndexError::Thread)?;
        let done = crew.run(jobs, |event| {
            if let Some(event) = event {
                self.hear(check, ticker, event);
            }
            ticker.tick();
            !cancel.is_cancelled() && self.broken.is_none()
        });
        done.map_err(IndexError::Thread)?;
        self.broken.take().map_or(Ok(()), Err)
    }

    fn hear(&mut self, check: &Check, ticker: &mut Ticker<'_>, (job, outcome): Event<Check>) {
        match (job, outcome) {
            (_, Outcome::Done(Done::Decoded { trees, damaged })) => {
                self.report.trees += trees;
                ticker.done_more(trees, 0);
                self.unusable.extend(damaged.iter().map(|(key, _)| *key));
                let named = |(key, why)| (format!("tree {key}: {why}"), Some(key));
                self.damaged.extend(damaged.into_iter().map(named));
            }
            (Job::Compare(file), Outcome::Done(Done::Compared(finding))) => {
                if let Some(file) = check.files.get(file as usize) {
                    ticker.done_more(1, file.size);
                    self.count(file, finding);
                }
            }
            (_, Outcome::Done(Done::Broken(error))) => {
                self.broken.get_or_insert(IndexError::Store(error));
            }
            (Job::Decode(_), _) => {
                let why = "checking some trees took the checker down: report this";
                self.damaged.insert(why.to_owned(), None);
            }
            (Job::Compare(_), _) => self.report.not_parsed += 1,
        }
    }

    fn count(&mut self, file: &Source, finding: Finding) {
        let report = &mut self.report;
        match finding {
            Finding::Compared { nodes, differences } => {
                report.compared += 1;
                report.nodes += nodes;
                if !differences.is_empty() {
                    self.differ(file, differences);
                }
            }
            Finding::Known => {}
            Finding::MissingTree => report.missing_tree += 1,
            Finding::MissingSource => report.missing_source += 1,
            Finding::ChangedSource => report.changed_source += 1,
            Finding::NotBuilt => report.not_built += 1,
            Finding::NotParsed => report.not_parsed += 1,
        }
    }

    fn differ(&mut self, file: &Source, differences: Vec<herbarium_capture::Difference>) {
        self.report.differing += 1;
        if self.report.differing > TOLD {
            return;
        }
        self.report.differences.extend(differences.into_iter().map(|it| Difference {
            path: file.path.clone(),
            key: file.key,
            node: it.node,
            what: it.what,
            expected: it.expected,
            found: it.found,
        }));
    }

    /// How many of the trees that files need are not there, or cannot be used.
    fn count_missing(&self, store: &Store, needed: &[TreeKey]) -> Result<u64, StoreError> {
        let mut missing = 0;
        for key in needed {
            missing += u64::from(self.unusable.contains(key) || !store.contains(key)?);
        }
        Ok(missing)
    }

    /// Tells damage that costs nothing any more from damage that does. Segments
    /// are never written again, so that both are found for ever.
    ///
    /// Damage is healed if its tree is there again. Where no tree can be told, as
    /// the key may be what is damaged, it is healed if it was noted before (what
    /// needed it has been pressed again since then) and all files have their trees. So
    /// damage that no file needs is told once, even after an index: nobody else met it.
    fn judge(&mut self, store: &Store, damage: Vec<VerifyFinding>, files_are_whole: bool) {
        for finding in damage {
            let unusable = finding.key.is_some_and(|key| self.unusable.contains(&key));
            let replaced = store.is_replaced(&finding) && !unusable;
            if replaced || (finding.noted && files_are_whole) {
                self.report.healed += 1;
            } else {
                self.damaged.insert(finding.to_string(), finding.key);
            }
        }
    }

    fn finish(self) -> VerifyReport {
        let mut report = self.report;
        let damaged = self.damaged.into_iter().map(|(message, key)| DamagedTree { key, message });
        report.damaged = damaged.collect();
        report.differences.sort_by(|a, b| (&a.path, a.node).cmp(&(&b.path, b.node)));
        report
    }
}
