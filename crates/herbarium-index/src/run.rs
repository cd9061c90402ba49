//! One run over the folders and files that were given.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use herbarium_store::{ManifestRow, path_bytes};

use crate::clock::{now_ns, process_cpu};
use crate::engine::Shared;
use crate::outcome::FileDone;
use crate::paths::{Target, targets};
use crate::plan::{Before, Plan};
use crate::press::Press;
use crate::pressing::Pressing;
use crate::progress::Ticker;
use crate::stat::Stat;
use crate::tally::Tally;
use crate::tongue::keep_tables;
use crate::walk::{Found, Walked, walk};
use crate::{Cancel, IndexError, IndexReport, Phase, Progress, Snapshot, rows};

/// Indexes what was given, one workspace after the other; notes what has a tree.
pub(crate) fn run(
    shared: &Arc<Shared>,
    paths: &[PathBuf],
    progress: &dyn Progress,
    cancel: &Cancel,
    mut snapshot: Option<&mut Snapshot>,
) -> Result<IndexReport, IndexError> {
    let (begun, cpu) = (Instant::now(), process_cpu());
    let (ticker, tally) = (Ticker::new(progress), Tally::new(&shared.options));
    // Until its manifest is written, nothing else shows that a tree is needed.
    let _hold = shared.store.hold()?;
    let mut run = Run { shared, cancel, ticker, tally };
    for target in targets(paths)? {
        if cancel.is_cancelled() {
            break;
        }
        run.workspace(&target, snapshot.as_deref_mut())?;
    }
    // What a cancelled run stored is to last, too.
    shared.store.flush()?;
    let mut report = run.tally.finish();
    report.cancelled = cancel.is_cancelled();
    report.seconds = begun.elapsed().as_secs_f64();
    report.cpu_seconds = process_cpu().saturating_sub(cpu).as_secs_f64();
    Ok(report)
}

struct Run<'a> {
    shared: &'a Arc<Shared>,
    cancel: &'a Cancel,
    ticker: Ticker<'a>,
    tally: Tally<'a>,
}

impl Run<'_> {
    fn workspace(
        &mut self,
        target: &Target,
        snapshot: Option<&mut Snapshot>,
    ) -> Result<(), IndexError> {
        let mut plan = match target {
            Target::Folder(root) => self.plan_folder(root)?,
            Target::File(file) => self.plan_file(file)?,
        };
        if self.cancel.is_cancelled() {
            return Ok(());
        }
        let kept = plan.row_of.iter().flatten().filter_map(|row| plan.kept.get(*row as usize));
        self.ticker.found(&plan.files, kept);
        let mut outlook = plan.outlook();
        let Plan { root, files, kept, row_of, to_press, former, .. } = plan;
        let press = Press::new(self.shared, root, files, self.cancel).after(former);
        let press = Arc::new(press);
        let done = self.press(&press, &to_press)?;
        let (unchanged, kin) = (outlook.unchanged, outlook.kin.take());
        let rows = match unchanged && press.files.len() + 1 == kept.len() {
            true => self.same_rows(&press, kept),
            false => self.rows(&press, kept, &row_of, done),
        };
        let manifest = outlook.manifest(&press.root, rows);
        if !unchanged && !self.cancel.is_cancelled() {
            self.ticker.phase(Phase::Write);
            // Trees before the rows that name them.
            self.shared.store.flush()?;
            match kin {
                Some(kin) => self.shared.store.put_manifest_beside(&manifest, &kin)?,
                None => self.shared.store.put_manifest(&manifest)?,
            }
        }
        keep_tables(&self.shared.store, &self.shared.options, &manifest)?;
        if let Some(snapshot) = snapshot {
            let (Target::Folder(path) | Target::File(path)) = target;
            snapshot.add(Arc::new(manifest), path);
        }
        Ok(())
    }

    fn plan_folder(&mut self, root: &Path) -> Result<Plan, IndexError> {
        // Before the first file is looked at: what changes later shows.
        let taken_ns = now_ns();
        let (mut walked, before) = self.walk(root, taken_ns)?;
        self.tally.walked(&mut walked);
        let Shared { store, options, .. } = &**self.shared;
        let mut plan = Plan::of_folder(options, root, walked.files, before, taken_ns);
        plan.look_for_kin(store)?;
        Ok(plan)
    }

    /// A file given by itself is a part of the workspace around it.
    fn plan_file(&mut self, file: &Path) -> Result<Plan, IndexError> {
        let taken_ns = now_ns();
        let Shared { store, options, .. } = &**self.shared;
        let roots: HashSet<PathBuf> = store.manifests()?.into_iter().map(|it| it.root).collect();
        let root = rows::workspace_of(file, |folder| roots.contains(folder)).unwrap_or(file);
        let metadata = fs::metadata(file)
            .map_err(|source| IndexError::Root { path: file.to_owned(), source })?;
        let path = path_bytes(file.strip_prefix(root).unwrap_or(file));
        self.tally.named();
        let found = Found { path, stat: Stat::of(&metadata) };
        Ok(Plan::of_file(store, options, root, found, taken_ns)?)
    }

    /// Walks on threads of its own, so that this one can read what was known, and
    /// tell how far it is.
    fn walk(&mut self, root: &Path, now_ns: i64) -> Result<(Walked, Before), IndexError> {
        self.ticker.phase(Phase::Walk);
        let store = fs::canonicalize(self.shared.store.dir());
        let store = store.unwrap_or_else(|_| self.shared.store.dir().to_owned());
        let (options, cancel, found) = (&self.shared.options, self.cancel, AtomicU64::new(0));
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            let walker = || sender.send(walk(root, &store, options, cancel, &found));
            let builder = thread::Builder::new().name("herbarium-walk".to_owned());
            builder.spawn_scoped(scope, walker).map_err(IndexError::Thread)?;
            let before = Before::of_folder(&self.shared.store, root, now_ns)?;
            loop {
                match receiver.recv_timeout(Ticker::STEP) {
                    Ok(walked) => return Ok((walked, before)),
                    Err(RecvTimeoutError::Timeout) => {
                        self.ticker.walking(found.load(Ordering::Relaxed));
                    }
                    // Only if the walk panicked; the scope passes that on.
                    Err(RecvTimeoutError::Disconnected) => {
                        return Ok((Walked::default(), before));
                    }
                }
            }
        })
    }

    fn press(
        &mut self,
        press: &Arc<Press>,
        files: &[u32],
    ) -> Result<HashMap<u32, FileDone>, IndexError> {
        if files.is_empty() {
            return Ok(HashMap::new());
        }
        let pressing = Pressing::start(press, &mut self.ticker, self.cancel)?;
        let (done, dictionaries) = pressing.press(files)?;
        self.tally.dictionaries(dictionaries);
        Ok(done)
    }

    /// The rows of a workspace in which nothing has changed, its own first; what
    /// they say goes into the report.
    fn same_rows(&mut self, press: &Press, kept: Vec<ManifestRow>) -> Vec<ManifestRow> {
        for (file, row) in (0..).zip(kept.iter().skip(1)) {
            self.tally.kept(press, file, row);
        }
        kept
    }

    /// The rows of the workspace; what they say goes into the report.
    fn rows(
        &mut self,
        press: &Press,
        kept: Vec<ManifestRow>,
        row_of: &[Option<u32>],
        mut done: HashMap<u32, FileDone>,
    ) -> Vec<ManifestRow> {
        let mut rows = Vec::with_capacity(row_of.len() + 1);
        let mut kept = (0..).zip(kept);
        for (file, row) in (0..).zip(row_of) {
            let row = match row {
                Some(number) => {
                    // Numbers of rows grow with those of files.
                    let row = kept.find(|(at, _)| at == number).map(|(_, row)| row);
                    if let Some(row) = &row {
                        self.tally.kept(press, file, row);
                    }
                    row
                }
                // A cancelled run does not get to all files.
                None => done.remove(&file).and_then(|done| self.tally.done(press, done)),
            };
            rows.extend(row);
        }
        rows
    }
}
