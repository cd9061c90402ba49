//! One run over the folders and files that were given.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use herbarium_languages::{Detection, ParseError, ParseLimits};
use herbarium_store::{Manifest, ManifestRow, NoTree, Outcome, TreeKey, path_bytes};

use crate::clock::{now_ns, process_cpu};
use crate::crew::{Crew, Outcome as JobOutcome};
use crate::engine::Shared;
use crate::press::{Done, Failure, FileDone, Job, Press, with_followers};
use crate::progress::Ticker;
use crate::read::{Unfit, name_of};
use crate::rows::{self, Belief, belief};
use crate::stat::Stat;
use crate::walk::{Found, Walked, walk};
use crate::{Cancel, IndexError, IndexReport, Phase, Problem, ProblemKind, Progress, sampling};

/// Indexes what was given, one workspace after the other.
pub(crate) fn run(
    shared: &Arc<Shared>,
    paths: &[PathBuf],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<IndexReport, IndexError> {
    let (begun, cpu) = (Instant::now(), process_cpu());
    let mut run = Run {
        shared,
        cancel,
        ticker: Ticker::new(progress),
        report: IndexReport::default(),
        seen: HashSet::new(),
        parse_cpu: Duration::ZERO,
    };
    for target in targets(paths)? {
        if cancel.is_cancelled() {
            break;
        }
        run.workspace(&target)?;
    }
    shared.store.flush()?;
    let mut report = run.report;
    report.problems.sort_by(|a, b| (&a.path, a.kind).cmp(&(&b.path, b.kind)));
    report.cancelled = cancel.is_cancelled();
    report.seconds = begun.elapsed().as_secs_f64();
    report.cpu_seconds = process_cpu().saturating_sub(cpu).as_secs_f64();
    report.parse_cpu_seconds = run.parse_cpu.as_secs_f64();
    Ok(report)
}

/// What to index.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Folder(PathBuf),
    File(PathBuf),
}

fn targets(paths: &[PathBuf]) -> Result<Vec<Target>, IndexError> {
    let mut targets = Vec::new();
    for path in paths {
        let failed = |source| IndexError::Root { path: path.clone(), source };
        let real = fs::canonicalize(path).map_err(failed)?;
        let file_type = fs::metadata(&real).map_err(failed)?.file_type();
        let target = if file_type.is_dir() {
            Target::Folder(real)
        } else if file_type.is_file() {
            Target::File(real)
        } else {
            let found = name_of(file_type);
            return Err(IndexError::NotIndexable { path: path.clone(), found });
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

struct Run<'a> {
    shared: &'a Arc<Shared>,
    cancel: &'a Cancel,
    ticker: Ticker<'a>,
    report: IndexReport,
    /// Trees whose stored bytes are counted.
    seen: HashSet<TreeKey>,
    parse_cpu: Duration,
}

/// A workspace as it was, and as it is now.
struct Plan {
    root: PathBuf,
    files: Vec<Found>,
    /// For each file, the row that still holds.
    kept: Vec<Option<ManifestRow>>,
    /// Files to be looked at.
    to_press: Vec<u32>,
    /// Rows of the manifest that are not the run's business.
    others: Vec<ManifestRow>,
    taken_ns: i64,
    /// Whether the manifest in the store says the same.
    unchanged: bool,
}

impl Run<'_> {
    fn workspace(&mut self, target: &Target) -> Result<(), IndexError> {
        let taken_ns = now_ns();
        let plan = match target {
            Target::Folder(root) => self.plan_folder(root, taken_ns)?,
            Target::File(file) => self.plan_file(file, taken_ns)?,
        };
        if self.cancel.is_cancelled() {
            return Ok(());
        }
        let Plan { root, files, kept, to_press, others, taken_ns, unchanged } = plan;
        self.ticker.found(&files, kept.iter().flatten());
        let limits = ParseLimits {
            max_bytes: usize::MAX,
            max_time: Some(self.shared.options.max_parse_time),
            cancel: Some(Arc::clone(self.cancel.flag())),
        };
        let press = Press::new(Arc::clone(self.shared), root, files, limits);
        let press = Arc::new(press);
        let done = if to_press.is_empty() {
            HashMap::new()
        } else {
            Pressing::new(self, &press)?.go(&to_press)?
        };
        let rows = self.rows(&press, kept, done);
        if self.cancel.is_cancelled() || unchanged {
            return Ok(());
        }
        self.ticker.phase(Phase::Write);
        let manifest = manifest(&press.root, taken_ns, rows, others);
        // Trees before the rows that name them.
        self.shared.store.flush()?;
        self.shared.store.put_manifest(&manifest)?;
        Ok(())
    }

    fn plan_folder(&mut self, root: &Path, taken_ns: i64) -> Result<Plan, IndexError> {
        let manifest = self.shared.store.manifest(root)?;
        let walked = self.walk(root)?;
        let gone = walked.problems.iter().filter(|problem| problem.kind.is_of_a_file()).count();
        self.report.found += (walked.files.len() + gone) as u64;
        self.report.skipped_special += walked.special;
        for problem in walked.problems {
            self.problem(problem.path, problem.kind, problem.message);
        }
        let before = manifest.as_ref().map_or(0, |manifest| manifest.rows().len());
        let (kept, to_press) = self.compare(&walked.files, manifest)?;
        // One more row, for the workspace itself.
        let unchanged = to_press.is_empty() && before == walked.files.len() + 1;
        let (files, others) = (walked.files, Vec::new());
        Ok(Plan { root: root.to_owned(), files, kept, to_press, others, taken_ns, unchanged })
    }

    /// A file given by itself: a part of the workspace around it.
    fn plan_file(&mut self, file: &Path, taken_ns: i64) -> Result<Plan, IndexError> {
        let store = &self.shared.store;
        let roots: HashSet<PathBuf> = store.manifests()?.into_iter().map(|it| it.root).collect();
        let root = rows::workspace_of(file, |folder| roots.contains(folder)).unwrap_or(file);
        let metadata = fs::metadata(file)
            .map_err(|source| IndexError::Root { path: file.to_owned(), source })?;
        let path = path_bytes(file.strip_prefix(root).unwrap_or(file));
        let found = Found { path, stat: Stat::of(&metadata) };
        self.report.found += 1;
        let manifest = store.manifest(root)?;
        // The other rows stay as old as they are, and so does the manifest.
        let taken_ns = manifest.as_ref().map_or(taken_ns, Manifest::taken_ns);
        let others = manifest.iter().flat_map(|manifest| manifest.rows());
        let others = others.filter(|row| row.path != found.path).cloned().collect();
        let files = vec![found];
        let (kept, to_press) = self.compare(&files, manifest)?;
        let unchanged = to_press.is_empty();
        Ok(Plan { root: root.to_owned(), files, kept, to_press, others, taken_ns, unchanged })
    }

    fn walk(&mut self, root: &Path) -> Result<Walked, IndexError> {
        self.ticker.phase(Phase::Walk);
        let store = fs::canonicalize(self.shared.store.dir());
        let store = store.unwrap_or_else(|_| self.shared.store.dir().to_owned());
        let found = AtomicU64::new(0);
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            let walker =
                || sender.send(walk(root, &store, &self.shared.options, self.cancel, &found));
            let builder = thread::Builder::new().name("herbarium-walk".to_owned());
            builder.spawn_scoped(scope, walker).map_err(IndexError::Thread)?;
            loop {
                match receiver.recv_timeout(Ticker::STEP) {
                    Ok(walked) => return Ok(walked),
                    Err(RecvTimeoutError::Timeout) => {
                        self.ticker.walking(found.load(Ordering::Relaxed));
                    }
                    // Only if the walk panicked; the scope passes that on.
                    Err(RecvTimeoutError::Disconnected) => return Ok(Walked::default()),
                }
            }
        })
    }

    /// Compares what was found with what was known; both are sorted by path.
    fn compare(
        &self,
        files: &[Found],
        manifest: Option<Manifest>,
    ) -> Result<(Vec<Option<ManifestRow>>, Vec<u32>), IndexError> {
        let manifest = manifest.filter(rows::is_current);
        let taken_ns = manifest.as_ref().map_or(0, Manifest::taken_ns);
        let mut known = manifest.map_or_else(Vec::new, Manifest::into_rows).into_iter().peekable();
        let mut kept = Vec::with_capacity(files.len());
        let mut to_press = Vec::new();
        for (index, file) in (0..).zip(files) {
            while known.next_if(|row| row.path < file.path).is_some() {}
            let row = known.next_if(|row| row.path == file.path);
            let row = match row {
                Some(row) if self.holds(&row, file.stat, taken_ns)? => Some(row),
                _ => None,
            };
            if row.is_none() {
                to_press.push(index);
            }
            kept.push(row);
        }
        Ok((kept, to_press))
    }

    fn holds(&self, row: &ManifestRow, stat: Stat, taken_ns: i64) -> Result<bool, IndexError> {
        if belief(row, stat, taken_ns, &self.shared.options) == Belief::LookAgain {
            return Ok(false);
        }
        match row.outcome {
            Outcome::Tree(key) => Ok(self.shared.store.contains(&key)?),
            Outcome::None(_) => Ok(true),
        }
    }

    /// The rows of the workspace; what they say goes into the report.
    fn rows(
        &mut self,
        press: &Press,
        kept: Vec<Option<ManifestRow>>,
        mut done: HashMap<u32, FileDone>,
    ) -> Vec<ManifestRow> {
        let mut rows = Vec::with_capacity(kept.len() + 1);
        for (file, kept) in (0..).zip(kept) {
            let row = match kept {
                Some(row) => {
                    self.count_kept(press, file, &row);
                    Some(row)
                }
                // A cancelled run does not get to all files.
                None => done.remove(&file).and_then(|done| self.finish(press, done)),
            };
            rows.extend(row);
        }
        rows
    }

    fn count_kept(&mut self, press: &Press, file: u32, row: &ManifestRow) {
        let wanted = self.shared.options.languages.as_ref();
        if let (Some(wanted), Some(language)) = (wanted, &row.language)
            && !wanted.contains(&**language)
        {
            self.report.filtered += 1;
            return;
        }
        match row.outcome {
            Outcome::Tree(_) => {
                self.report.trees_reused += 1;
                self.count_tree(row);
            }
            Outcome::None(why) => match (why, rows::language(row)) {
                (NoTree::UnknownLanguage, Some(language)) => {
                    *self.report.not_built.entry(language.id).or_default() += 1;
                }
                (NoTree::UnknownLanguage, None) => self.report.unknown += 1,
                (NoTree::Binary, _) => self.report.skipped_binary += 1,
                (NoTree::InjectionOnly, _) => self.report.injection_only += 1,
                (NoTree::Encoding, _) => {
                    let failure = Failure::Unfit(Unfit::Encoding("UTF-16"));
                    self.fail(press, file, &failure);
                }
                _ => {
                    let limit = rows::time_limit(row);
                    let failure = Failure::Parse(ParseError::TimedOut { limit });
                    self.fail(press, file, &failure);
                }
            },
        }
    }

    /// Counts a file that was looked at; gives its new row, if it is to have one.
    fn finish(&mut self, press: &Press, done: FileDone) -> Option<ManifestRow> {
        self.report.reads += 1;
        self.report.parses += u64::from(done.parsed);
        self.parse_cpu += done.parse_cpu;
        let found = press.files.get(done.file as usize)?;
        let mut row = rows::row(found.path.clone(), done.stat.unwrap_or(found.stat));
        row.language = done.row.map(|language| rows::language_name(language.id));
        let pressed = match &done.verdict {
            Ok(pressed) => pressed,
            Err(failure) => {
                self.fail(press, done.file, failure);
                row.outcome = Outcome::None(no_tree(failure)?);
                if let Failure::Parse(ParseError::TimedOut { limit }) = failure {
                    rows::set_time_limit(&mut row, *limit);
                }
                return Some(row);
            }
        };
        row.outcome = Outcome::Tree(pressed.key);
        row.nodes = pressed.nodes;
        row.lines = pressed.lines;
        row.stored_bytes = pressed.stored_bytes;
        if pressed.new {
            self.report.trees_new += 1;
        } else {
            self.report.trees_reused += 1;
            metrics::counter!("herbarium_trees_reused_total").increment(1);
        }
        self.count_tree(&row);
        Some(row)
    }

    fn count_tree(&mut self, row: &ManifestRow) {
        let Outcome::Tree(key) = row.outcome else { return };
        let stored_bytes = if self.seen.insert(key) { u64::from(row.stored_bytes) } else { 0 };
        let report = &mut self.report;
        report.files += 1;
        report.lines += u64::from(row.lines);
        report.nodes += u64::from(row.nodes);
        report.source_bytes += row.size;
        report.stored_bytes += stored_bytes;
        let Some(language) = rows::language(row) else { return };
        report.languages.entry(language.id).or_default().add(row, stored_bytes);
    }

    fn fail(&mut self, press: &Press, file: u32, failure: &Failure) {
        let report = &mut self.report;
        let Failure::Unfit(unfit) = failure else {
            let (kind, message) = explain(failure);
            return self.problem(press.path(file), kind, message);
        };
        match unfit {
            Unfit::Unknown => report.unknown += 1,
            Unfit::NotBuilt(language) => *report.not_built.entry(language.id).or_default() += 1,
            Unfit::Filtered => report.filtered += 1,
            Unfit::InjectionOnly => report.injection_only += 1,
            Unfit::Binary => report.skipped_binary += 1,
            _ => {
                let (kind, message) = explain(failure);
                self.problem(press.path(file), kind, message);
            }
        }
    }

    fn problem(&mut self, path: PathBuf, kind: ProblemKind, message: String) {
        metrics::counter!("herbarium_problems_total", "kind" => kind.name()).increment(1);
        self.report.problems.push(Problem { path, kind, message });
    }
}

fn manifest(
    root: &Path,
    taken_ns: i64,
    mut rows: Vec<ManifestRow>,
    others: Vec<ManifestRow>,
) -> Manifest {
    if !others.first().is_some_and(rows::is_workspace) {
        rows.push(rows::workspace_row());
    }
    rows.extend(others);
    Manifest::new(root, taken_ns, rows)
}

/// What a manifest says of a file that has no tree; `None` if it says nothing.
fn no_tree(failure: &Failure) -> Option<NoTree> {
    let Failure::Unfit(unfit) = failure else {
        return Some(match failure {
            Failure::Parse(ParseError::TimedOut { .. }) => NoTree::ParseLimit,
            _ => NoTree::Other,
        });
    };
    match unfit {
        // The row names the language that was not built in.
        Unfit::Unknown | Unfit::NotBuilt(_) => Some(NoTree::UnknownLanguage),
        Unfit::InjectionOnly => Some(NoTree::InjectionOnly),
        Unfit::Binary => Some(NoTree::Binary),
        Unfit::Encoding(_) => Some(NoTree::Encoding),
        Unfit::TooLarge { .. } => Some(NoTree::TooLarge),
        Unfit::Changing => Some(NoTree::Changing),
        Unfit::Unreadable(_) | Unfit::NotAFile(_) => Some(NoTree::Unreadable),
        Unfit::Vanished(_) | Unfit::Filtered => None,
    }
}

/// Kind of a problem, and its message.
fn explain(failure: &Failure) -> (ProblemKind, String) {
    use ProblemKind as Kind;
    match failure {
        Failure::Unfit(unfit) => explain_unfit(unfit),
        Failure::Parse(error @ ParseError::TimedOut { .. }) => (Kind::TimedOut, error.to_string()),
        Failure::Parse(error) => (Kind::ParseFailed, error.to_string()),
        Failure::Capture(words) => (Kind::CaptureFailed, words.clone()),
        Failure::Panicked(words) => (
            Kind::Panicked,
            format!("the thread that worked on it panicked: {words}: report the file"),
        ),
        Failure::Hung(step) => (
            Kind::TimedOut,
            format!("{step} never came to an end: report the file, or leave it out"),
        ),
    }
}

fn explain_unfit(unfit: &Unfit) -> (ProblemKind, String) {
    use ProblemKind as Kind;
    match unfit {
        Unfit::Encoding(mark) => (
            Kind::Encoding,
            format!("is {mark}, expected UTF-8 or another text that extends ASCII: convert it"),
        ),
        Unfit::TooLarge { len, limit } => (
            Kind::TooLarge,
            format!("has {len} bytes, the limit is {limit}: raise the limit or leave the file out"),
        ),
        Unfit::Changing => (
            Kind::Changing,
            "went on changing while it was read: index again when it rests".to_owned(),
        ),
        Unfit::Vanished(error) => {
            (Kind::Vanished, format!("was gone when it was to be read: {error}"))
        }
        Unfit::Unreadable(error) => {
            (Kind::Unreadable, format!("could not be read: {error}: check its permissions"))
        }
        Unfit::NotAFile(found) => {
            (Kind::Unreadable, format!("expected a regular file, found {found}"))
        }
        other => (Kind::Unreadable, format!("{other:?}")),
    }
}

/// The work on one workspace while its crew is there.
struct Pressing<'run, 'a> {
    run: &'run mut Run<'a>,
    press: &'run Arc<Press>,
    crew: Crew<Press>,
    done: HashMap<u32, FileDone>,
    /// Jobs given and not yet heard of.
    open: usize,
    broken: Option<IndexError>,
}

/// Files longer than this are pressed first: begun last, one alone would keep
/// all other threads waiting.
const LONG: u64 = 1 << 20;

impl<'run, 'a> Pressing<'run, 'a> {
    fn new(run: &'run mut Run<'a>, press: &'run Arc<Press>) -> Result<Self, IndexError> {
        let threads = run.shared.options.workers.min(press.files.len());
        let crew = Crew::start(Arc::clone(press), threads).map_err(IndexError::Thread)?;
        Ok(Self { run, press, crew, done: HashMap::new(), open: 0, broken: None })
    }

    fn go(mut self, to_press: &[u32]) -> Result<HashMap<u32, FileDone>, IndexError> {
        let sample = self.sample(to_press)?;
        if !sample.is_empty() {
            self.run.ticker.phase(Phase::Press);
            self.stage(sample.iter().map(|file| Job::Sample(*file)).collect())?;
            self.run.ticker.phase(Phase::Train);
            self.train()?;
        }
        self.run.ticker.phase(Phase::Press);
        let rest = to_press.iter().copied().filter(|file| sample.binary_search(file).is_err());
        let size = |file: u32| self.press.files.get(file as usize).map_or(0, |it| it.stat.size);
        let (mut long, short): (Vec<u32>, Vec<u32>) = rest.partition(|file| size(*file) > LONG);
        long.sort_by_key(|file| std::cmp::Reverse(size(*file)));
        self.stage(long.into_iter().chain(short).map(Job::Press).collect())?;
        Ok(self.done)
    }

    fn sample(&self, to_press: &[u32]) -> Result<Vec<u32>, IndexError> {
        if !self.run.shared.options.dictionaries {
            return Ok(Vec::new());
        }
        let store = &self.run.shared.store;
        let lacks = |detection: &Detection| {
            detection.language().is_some_and(|language| {
                matches!(store.dictionary_for(&language.fingerprint()), Ok(None))
            })
        };
        Ok(sampling::choose(&self.press.files, to_press, lacks))
    }

    /// Makes dictionaries of the samples held. Should that fail for a language,
    /// its files are pressed without.
    fn train(&mut self) -> Result<(), IndexError> {
        let sampled = self.press.sampled();
        self.stage(sampled.iter().map(|shelf| Job::Train(shelf.language.id())).collect())?;
        let left: Vec<Job> = sampled
            .iter()
            .flat_map(|shelf| shelf.take_held())
            .filter(|file| !self.done.contains_key(file))
            .map(Job::Press)
            .collect();
        self.run.report.dictionaries +=
            sampled.iter().filter(|shelf| shelf.means().is_some()).count() as u64;
        self.stage(left)
    }

    /// Has the crew do these jobs, and waits for all of them.
    fn stage(&mut self, jobs: Vec<Job>) -> Result<(), IndexError> {
        self.open += jobs.len();
        self.crew.give(jobs);
        while self.open > 0 {
            if self.run.cancel.is_cancelled() || self.broken.is_some() {
                self.open -= self.crew.take_back();
            }
            let event = self.crew.next(Ticker::STEP).map_err(IndexError::Thread)?;
            if let Some((job, outcome)) = event {
                self.open = self.open.saturating_sub(1);
                self.hear(job, outcome);
            }
            self.run.ticker.tick();
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    fn hear(&mut self, job: Job, outcome: JobOutcome<Done>) {
        let failure = match outcome {
            JobOutcome::Done(Done::Files(files)) => return self.note(files),
            JobOutcome::Done(Done::Cancelled) => return,
            JobOutcome::Done(Done::Broken(error)) => {
                self.broken.get_or_insert(IndexError::Store(error));
                return;
            }
            JobOutcome::Panicked(words) => Failure::Panicked(words),
            JobOutcome::Hung(step) => Failure::Hung(step),
        };
        match job {
            Job::Press(file) | Job::Sample(file) => {
                let stat = self.press.files.get(file as usize).map(|found| found.stat);
                let failed = FileDone::failed(file, stat, failure);
                self.note(with_followers(failed, self.press.flights.crash(file)));
            }
            Job::Train(language) => {
                let (_, message) = explain(&failure);
                tracing::warn!(language, message, "going on without a dictionary");
            }
        }
    }

    fn note(&mut self, files: Vec<FileDone>) {
        for done in files {
            if let Some(found) = self.press.files.get(done.file as usize) {
                self.run.ticker.done(&self.press.root, found);
            }
            // A thread that was left behind does not speak again: no second word.
            self.done.insert(done.file, done);
        }
    }
}
