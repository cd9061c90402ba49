//! What `query` and `symbols` have in common: which files are asked, in which
//! languages, and what is said of those that could not be.

pub(crate) mod compile;
pub(crate) mod place;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use herbarium_index::{
    Cancel, Engine, IndexReport, Mended, Problem, ProblemKind, ScanReport, Snapshot, Visitor,
    check_path,
};
use herbarium_languages::{Row, known};

use crate::app::App;
use crate::exit::{Exit, Failure};
use crate::interrupt::cancel_on_ctrl_c;
use crate::numbers::{counted, grouped};
use crate::paths::printable;
use crate::progress::reporter;
use crate::store::{Access, engine, run_failed, store};

/// Without -v, no more files of a kind than these are named.
const NAMED: usize = 20;

/// The files that are asked.
pub(crate) struct Files {
    engine: Engine,
    pub(crate) snapshot: Snapshot,
    cancel: Cancel,
    no_index: bool,
    exit: Exit,
}

impl Files {
    /// Brings the store up to date with these paths, or takes it as it is. Takes
    /// the engine where the store was opened before.
    pub(crate) fn find(
        app: &App,
        engine: Option<Engine>,
        paths: &[PathBuf],
        no_index: bool,
    ) -> Result<Self, Failure> {
        let (paths, mut exit) = good_paths(app, paths);
        if paths.is_empty() {
            return Err(Failure::new(
                Exit::Io,
                "there is nothing to ask",
                "name files and folders that are there",
            ));
        }
        let engine = engine.map_or_else(|| engine_for(app, no_index), Ok)?;
        let cancel = cancel_on_ctrl_c();
        let snapshot = if no_index {
            let snapshot = engine.snapshot(&paths).map_err(|error| run_failed(&error))?;
            check_known(app, &snapshot, paths.len())?;
            snapshot
        } else {
            let (report, snapshot) = {
                let progress = reporter(app);
                engine.refresh(&paths, &progress, &cancel).map_err(|error| run_failed(&error))?
            };
            exit = worse(exit, tell_left_out(app, &report));
            snapshot
        };
        Ok(Self { engine, snapshot, cancel, no_index, exit })
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The engine that asks them.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The languages that occur. A store may have trees of some that this version
    /// does not know, from a later one: these are named.
    pub(crate) fn languages(&self, app: &App) -> Vec<&'static Row> {
        let mut found = Vec::new();
        for (id, files) in self.snapshot.languages() {
            match known().iter().find(|row| row.id == id) {
                Some(row) => found.push(row),
                None => {
                    let files = counted(files, "file", "files");
                    let message = format!("not asked: {files} in {id}, which is not known here");
                    app.warn(&message, "update Herbarium");
                }
            }
        }
        found
    }

    /// How many files are in a language.
    pub(crate) fn count_of(&self, id: &str) -> u64 {
        self.snapshot.languages().get(id).copied().unwrap_or(0)
    }

    /// Asks them, and tells which could not be; `hear` writes the answer.
    pub(crate) fn scan<V: Visitor>(
        &self,
        app: &App,
        visitor: &V,
        mut hear: impl FnMut(V::Item) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let mut failure = None;
        let hear = |item| match hear(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        };
        let report = self.engine.scan(&self.snapshot, visitor, hear, &self.cancel);
        let report = report.map_err(|error| run_failed(&error))?;
        self.note_damage(app, &report);
        match failure {
            Some(failure) => Err(failure),
            None => {
                tell_mended(app, &report);
                Ok(worse(self.exit, self.tell_missed(app, &report)))
            }
        }
    }

    /// Has the store note what was found damaged, if that is allowed, where it was opened
    /// to be read only: the next `index` presses again what is noted, and reads nothing else.
    fn note_damage(&self, app: &App, report: &ScanReport) {
        let lost = report.mended.iter().filter(|it| !it.stored);
        let mut lost = lost.peekable();
        if lost.peek().is_none() || !self.engine.store().is_read_only() {
            return;
        }
        // Best effort: whoever asks next finds out again.
        let Ok(store) = store(app, Access::Maintain) else { return };
        lost.for_each(|it| drop(store.get_tree(&it.key)));
    }

    /// Names the files that were not asked. That they changed is no failure where
    /// the store is asked as it is.
    fn tell_missed(&self, app: &App, report: &ScanReport) -> Exit {
        if self.is_cancelled() {
            return Exit::Interrupted;
        }
        if report.missed.is_empty() {
            return Exit::Fine;
        }
        let stale = |problem: &&Problem| {
            self.no_index && matches!(problem.kind, ProblemKind::Changed | ProblemKind::Vanished)
        };
        let (stale, failed): (Vec<_>, Vec<_>) = report.missed.iter().partition(stale);
        let help = "run `herbarium index`, or leave --no-index out";
        tell_files(app, "not asked, as they are not what was indexed", &stale, help);
        let help = "run `herbarium index`; should that not help, `herbarium verify`";
        tell_files(app, "that could not be asked", &failed, help);
        if failed.is_empty() { Exit::Fine } else { Exit::Io }
    }
}

/// Names the files whose trees were lost. No failure: the answer is whole.
fn tell_mended(app: &App, report: &ScanReport) {
    let what = "with a damaged or missing tree, pressed again for this answer";
    let (stored, lost): (Vec<_>, Vec<_>) = report.mended.iter().partition(|it| it.stored);
    let told = |them: Vec<&Mended>, help| {
        let named = them.iter().map(|it| (app.shown.text(&it.path), it.why.clone()));
        tell_list(app, what, named, help);
    };
    told(stored, "they are stored again; `herbarium verify` looks for more damage");
    told(lost, "run `herbarium index` to have them stored again");
}

fn tell_files(app: &App, what: &str, problems: &[&Problem], help: &str) {
    let name = |problem: &&Problem| (app.shown.text(&problem.path), problem.message.clone());
    tell_list(app, what, problems.iter().map(name), help);
}

/// A warning with some files, each with what is to be said of it.
pub(crate) fn tell_list(
    app: &App,
    what: &str,
    files: impl ExactSizeIterator<Item = (String, String)>,
    help: &str,
) {
    let count = files.len();
    if count == 0 {
        return;
    }
    let most = if app.global.verbose > 0 { usize::MAX } else { NAMED };
    let mut text = format!("{} {what}:", counted(count as u64, "file", "files"));
    for (path, message) in files.take(most) {
        text += &format!("\n  {path}: {}", printable(&message));
    }
    if count > most {
        text += &format!("\n  and {} more: -v names all", grouped((count - most) as u64));
    }
    app.warn(&text, help);
}

/// The paths that are there; of the others it is said what is wrong with them.
fn good_paths(app: &App, paths: &[PathBuf]) -> (Vec<PathBuf>, Exit) {
    let mut exit = Exit::Fine;
    let good = paths.iter().filter(|path| match check_path(path) {
        Ok(()) => true,
        Err(error) => {
            exit = app.tell_failure(run_failed(&error));
            false
        }
    });
    (good.cloned().collect(), exit)
}

/// Fails where the store knows none of the paths; names those it does not know.
fn check_known(app: &App, snapshot: &Snapshot, paths: usize) -> Result<(), Failure> {
    let unknown = snapshot.unknown_paths();
    let named = |path: &PathBuf| app.shown.text(path);
    let names = unknown.iter().map(named).collect::<Vec<_>>().join(", ");
    let message = format!("the store knows nothing of {names}");
    let help = "run `herbarium index` there, or leave --no-index out";
    match unknown.len() {
        0 => Ok(()),
        some if some < paths => {
            app.warn(&message, help);
            Ok(())
        }
        _ => Err(Failure::new(Exit::Io, message, help)),
    }
}

/// Files that have no tree and should have one.
fn tell_left_out(app: &App, report: &IndexReport) -> Exit {
    if report.cancelled {
        return Exit::Interrupted;
    }
    let problems: Vec<&Problem> = report.problems.iter().collect();
    let help = "`herbarium index` tells more of each";
    tell_files(app, "without a tree, which are not asked", &problems, help);
    let unread = |problem: &&Problem| {
        matches!(problem.kind, ProblemKind::Unreadable | ProblemKind::UnreadableFolder)
    };
    if problems.iter().any(unread) { Exit::Io } else { Exit::Fine }
}

fn worse(one: Exit, other: Exit) -> Exit {
    if one as u8 >= other as u8 { one } else { other }
}

/// The engine over the store, to bring it up to date first or to ask it as it is.
pub(crate) fn engine_for(app: &App, no_index: bool) -> Result<Engine, Failure> {
    engine(app, if no_index { Access::Read } else { Access::Write })
}

/// The same where there is a store already: nothing is made for a question that
/// makes no sense.
pub(crate) fn engine_if_there(app: &App, no_index: bool) -> Result<Option<Engine>, Failure> {
    let there = app.store_dir()?.is_dir();
    there.then(|| engine_for(app, no_index)).transpose()
}

/// The languages that were typed, by id or by name; none for all.
pub(crate) fn languages(typed: &[String]) -> Result<Option<Vec<&'static Row>>, Failure> {
    if typed.is_empty() {
        return Ok(None);
    }
    let found: BTreeSet<&str> =
        typed.iter().map(|name| language(name)).collect::<Result<_, _>>()?;
    Ok(Some(known().iter().filter(|row| found.contains(row.id)).collect()))
}

fn language(typed: &str) -> Result<&'static str, Failure> {
    let is_it = |word: &str| word.eq_ignore_ascii_case(typed) || word.replace('_', "-") == typed;
    // An id before the name of another.
    let by_id = known().iter().find(|row| is_it(row.id));
    let found = by_id.or_else(|| known().iter().find(|row| is_it(row.name)));
    found.map(|row| row.id).ok_or_else(|| {
        let message = format!("there is no language `{}`", printable(typed));
        Failure::new(Exit::Usage, message, "`herbarium languages --known` lists their ids")
    })
}

/// What is made for each of these languages, in their order: on all cores, as
/// compiling takes some milliseconds.
pub(crate) fn for_each_language<T: Send>(
    languages: &[&'static Row],
    make: impl Fn(&'static Row) -> T + Sync,
) -> Vec<(&'static Row, T)> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(languages.len());
    let (next, made) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(language) = languages.get(next.fetch_add(1, Ordering::Relaxed)) {
            let one = (*language, make(language));
            made.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    };
    thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_by_key(|(language, _)| language.id);
    made
}
