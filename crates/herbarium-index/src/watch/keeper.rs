//! The thread that keeps workspaces up to date.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use herbarium_store::{Manifest, Outcome, path_bytes, path_from_bytes};

use super::drafts::Drafts;
use super::ears::{Ears, Heard};
use super::inbox::{Inbox, Lost, Next, Note};
use super::place::Place;
use super::{Rescan, WatchError, WatchEvent, WatchOptions};
use crate::engine::Shared;
use crate::outcome::{Failure, FileDone, chain};
use crate::press::Press;
use crate::pressing::Pressing;
use crate::progress::Ticker;
use crate::read::Unfit;
use crate::stat::Stat;
use crate::tally::Tally;
use crate::walk::{Found, Sieve, is_rules};
use crate::{Cancel, IndexError, rows, run};

/// Told what happens.
pub(super) type Hear = Box<dyn FnMut(WatchEvent) + Send>;

pub(super) struct Keeper {
    shared: Arc<Shared>,
    options: WatchOptions,
    inbox: Arc<Inbox>,
    cancel: Cancel,
    ears: Ears,
    grounds: Vec<Ground>,
    hear: Hear,
    store: PathBuf,
    written: Instant,
    /// When it was last seen to that the roots are those that are watched.
    looked: Instant,
    /// When something happened last; none if [`WatchEvent::Idle`] was told since.
    stirred: Option<Instant>,
}

/// A workspace.
struct Ground {
    root: PathBuf,
    sieve: Sieve,
    drafts: Drafts,
    /// When it has to be walked, and why.
    due: Option<(Instant, Rescan)>,
    /// Whether it was up to date once.
    started: bool,
    /// Whether all of it is watched.
    limited: bool,
    /// What stood at the root before it was watched; none if nothing did.
    place: Option<Place>,
}

/// A file that goes on changing while it is read is left to its next event.
const MOST_TRIES: u32 = 3;

impl Keeper {
    pub(super) fn new(
        shared: &Arc<Shared>,
        roots: &[PathBuf],
        options: WatchOptions,
        inbox: &Arc<Inbox>,
        cancel: &Cancel,
        hear: Hear,
    ) -> Result<Self, WatchError> {
        let store = fs::canonicalize(shared.store.dir());
        let store = store.unwrap_or_else(|_| shared.store.dir().to_owned());
        let ground = |root: &PathBuf| Ground {
            root: root.clone(),
            sieve: Sieve::new(root, &store, &shared.options),
            drafts: Drafts::default(),
            due: Some((Instant::now(), Rescan::Unwatched)),
            started: false,
            limited: false,
            place: None,
        };
        Ok(Self {
            grounds: roots.iter().map(ground).collect(),
            shared: Arc::clone(shared),
            options,
            inbox: Arc::clone(inbox),
            cancel: cancel.clone(),
            ears: Ears::new(inbox)?,
            hear,
            store,
            written: Instant::now(),
            looked: Instant::now(),
            stirred: Some(Instant::now()),
        })
    }

    pub(super) fn run(mut self) {
        loop {
            self.rescan_due();
            let WatchOptions { quiet, patience, .. } = self.options;
            match self.inbox.next(quiet, patience, self.longest()) {
                Next::Paths(paths) => self.paths(paths),
                Next::Everything(lost) => self.everything(lost),
                Next::Nothing => {}
                Next::Stop => break,
            }
            self.rest();
        }
        self.write();
    }

    /// How long nothing need be done.
    fn longest(&self) -> Duration {
        let now = Instant::now();
        let due = self.grounds.iter().filter_map(|ground| Some(ground.due?.0));
        let due = due.min().map(|due| due.saturating_duration_since(now));
        let idle = self.stirred.map(|at| (at + self.options.idle).saturating_duration_since(now));
        let look = self.look_every().saturating_sub(self.looked.elapsed());
        due.into_iter().chain(idle).fold(look, Duration::min)
    }

    /// Neither without a pause nor never.
    fn look_every(&self) -> Duration {
        self.options.rescan_every.clamp(Duration::from_millis(10), Duration::from_secs(3600))
    }

    /// Has workspaces walked at whose roots another folder stands than the one
    /// that is watched.
    ///
    /// A folder that goes or gets another name says so itself. If one above it
    /// does, or another file system is mounted, nobody tells: that costs one look
    /// a root, from time to time and whenever it is quiet.
    fn look(&mut self) {
        self.looked = Instant::now();
        for ground in self.grounds.iter_mut().filter(|ground| ground.is_another()) {
            ground.call(Rescan::Unwatched);
            self.stirred = Some(self.looked);
        }
    }

    /// Writes manifests when it is quiet, or when it was not for long.
    fn rest(&mut self) {
        if self.looked.elapsed() >= self.look_every() {
            self.look();
        }
        let Some(stirred) = self.stirred else { return };
        let is_quiet = stirred.elapsed() >= self.options.idle && self.inbox.is_empty();
        let is_late = self.written.elapsed() >= self.options.write_every;
        if is_quiet {
            self.look();
        }
        if is_quiet || (is_late && self.grounds.iter().any(|it| !it.drafts.is_empty())) {
            self.write();
        }
        let waits =
            self.grounds.iter().any(|it| it.due.is_some_and(|(at, _)| at <= Instant::now()));
        if is_quiet && !waits {
            self.stirred = None;
            (self.hear)(WatchEvent::Idle);
        }
    }

    fn everything(&mut self, lost: Lost) {
        let why = match lost {
            Lost::Overflow => Rescan::Overflow,
            Lost::Flood => Rescan::Flood,
        };
        self.grounds.iter_mut().for_each(|ground| ground.call(why));
    }

    /// Looks at paths at which something happened.
    fn paths(&mut self, paths: Vec<(PathBuf, Note)>) {
        self.stirred = Some(Instant::now());
        let mut of_grounds: HashMap<usize, Vec<(PathBuf, Note)>> = HashMap::new();
        for (path, note) in paths {
            let at = self.grounds.iter().position(|ground| path.starts_with(&ground.root));
            if let Some(at) = at {
                of_grounds.entry(at).or_default().push((path, note));
            }
        }
        for (at, paths) in of_grounds {
            self.paths_of(at, paths);
        }
    }

    fn paths_of(&mut self, at: usize, paths: Vec<(PathBuf, Note)>) {
        let Some(ground) = self.grounds.get_mut(at) else { return };
        // What was heard may be of a folder that is elsewhere now: what stands at
        // these names says nothing of it, and what is there now nobody hears.
        let is_root = |(path, note): &(PathBuf, Note)| note.is_new && *path == ground.root;
        if paths.iter().any(is_root) || ground.is_another() {
            return ground.call(Rescan::Unwatched);
        }
        let mut files = Files::default();
        for (path, note) in paths {
            // All will be walked: the rest need not be looked at.
            if self.grounds.get(at).is_none_or(|ground| ground.is_called()) {
                return;
            }
            self.path(at, path, note, &mut files);
        }
        if !files.found.is_empty() {
            self.press(at, files);
        }
    }

    /// Finds out what became of a path.
    fn path(&mut self, at: usize, path: PathBuf, note: Note, files: &mut Files) {
        let Some(ground) = self.grounds.get_mut(at) else { return };
        if path == ground.root {
            // Its looks alone: that it came or went was seen before.
            return;
        }
        let name = path.file_name().map(OsStr::as_encoded_bytes).unwrap_or_default();
        if is_rules(name) && (note.is_new || name != b".git") {
            ground.call(Rescan::Rules);
            return;
        }
        let below = path_bytes(path.strip_prefix(&ground.root).unwrap_or(&path));
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                if note.is_new {
                    self.folder(at, &path, &below, note, files);
                }
            }
            Ok(metadata) if metadata.is_file() && ground.sieve.keeps(&below, false) => {
                files.add(Found { path: below, stat: Stat::of(&metadata) }, note);
            }
            // Left out, or no file any more.
            Ok(_) => self.gone(at, path, &below, false),
            Err(_) => self.gone(at, path, &below, true),
        }
    }

    /// A folder came, or another one took its name: its files are looked at.
    fn folder(&mut self, at: usize, path: &Path, below: &[u8], note: Note, files: &mut Files) {
        let Some(ground) = self.grounds.get_mut(at) else { return };
        self.ears.forget(path);
        ground.drafts.remove(below);
        let workers = self.shared.options.workers;
        // What comes while it is walked, the second walk finds or an event tells.
        for _ in 0..MOST_WALKS {
            let walked = ground.sieve.walk(below, workers, &self.cancel);
            let root = &ground.root;
            let mut is_new = false;
            for folder in &walked.folders {
                let heard = self.ears.watch(root, &root.join(path_from_bytes(folder)));
                is_new |= heard == Heard::New;
                if heard == Heard::Full {
                    return ground.call(Rescan::Unwatched);
                }
            }
            if !is_new || self.cancel.is_cancelled() {
                walked.files.into_iter().for_each(|found| files.add(found, note));
                return;
            }
        }
        ground.call(Rescan::Overflow);
    }

    /// A path is no file of the workspace any more, if it was one.
    fn gone(&mut self, at: usize, path: PathBuf, below: &[u8], is_told: bool) {
        let Some(ground) = self.grounds.get_mut(at) else { return };
        self.ears.forget(&path);
        ground.drafts.remove(below);
        if is_told {
            (self.hear)(WatchEvent::Removed { path });
        }
    }

    /// Presses files, and keeps their rows until the manifest is written.
    fn press(&mut self, at: usize, files: Files) {
        let Some(ground) = self.grounds.get_mut(at) else { return };
        let Files { found, notes } = files;
        let count = found.len() as u32;
        let press = Arc::new(Press::new(&self.shared, ground.root.clone(), found, &self.cancel));
        let mut ticker = Ticker::new(&());
        let pressed = Pressing::start(&press, &mut ticker, &self.cancel)
            .and_then(|pressing| pressing.press(&(0..count).collect::<Vec<u32>>()));
        let mut done = match pressed {
            Ok((done, _)) => done,
            Err(error) => return self.fail(at, &error),
        };
        let mut tally = Tally::new(&self.shared.options);
        for (file, note) in (0..count).zip(notes) {
            let Some(done) = done.remove(&file) else { continue };
            let path = press.path(file);
            if is_changing(&done) && note.tries < MOST_TRIES {
                self.inbox.again(path, note);
                continue;
            }
            let is_gone = matches!(done.verdict, Err(Failure::Unfit(Unfit::Vanished(_))));
            let parsed = done.parsed;
            let row = if is_gone { None } else { tally.done(&press, done) };
            let below = press.files.get(file as usize).map(|found| found.path.clone());
            match (row, below) {
                (Some(row), _) => {
                    if let Outcome::Tree(key) = row.outcome {
                        let after = note.first.elapsed();
                        (self.hear)(WatchEvent::Pressed { path, key, parsed, after });
                    }
                    ground.drafts.put(row);
                }
                (None, Some(below)) => {
                    ground.drafts.remove(&below);
                    if is_gone {
                        (self.hear)(WatchEvent::Removed { path });
                    }
                }
                (None, None) => {}
            }
        }
        let report = tally.finish();
        metrics::counter!("herbarium_watch_pressed_total").increment(report.files);
        report.problems.into_iter().for_each(|it| (self.hear)(WatchEvent::Problem(it)));
        if ground.drafts.len() > self.options.flood {
            self.write();
        }
    }

    fn fail(&mut self, at: usize, error: &IndexError) {
        let Some(ground) = self.grounds.get_mut(at) else { return };
        ground.due = Some((Instant::now() + self.options.rescan_every, Rescan::Unwatched));
        let (root, message) = (ground.root.clone(), chain(error));
        tracing::warn!(root = %root.display(), message, "a workspace could not be brought up to date");
        (self.hear)(WatchEvent::Failed { root, message });
    }

    /// Writes the manifests of workspaces in which something has changed.
    fn write(&mut self) {
        self.written = Instant::now();
        for at in 0..self.grounds.len() {
            let Some(ground) = self.grounds.get_mut(at) else { continue };
            if ground.drafts.is_empty() {
                continue;
            }
            if ground.is_another() {
                // What was heard is of the former folder.
                ground.call(Rescan::Unwatched);
                continue;
            }
            match write(&self.shared, ground) {
                Ok(true) => {}
                Ok(false) => ground.call(Rescan::Manifest),
                Err(error) => self.fail(at, &error),
            }
        }
    }

    /// Walks the workspaces that have to be.
    fn rescan_due(&mut self) {
        for at in 0..self.grounds.len() {
            let due = self.grounds.get(at).and_then(|ground| ground.due);
            let Some((_, why)) = due.filter(|(at, _)| *at <= Instant::now()) else { continue };
            match self.rescan(at, why) {
                // A walk from time to time that finds nothing is rest.
                Ok(is_news) if !is_news => {}
                Ok(_) => self.stirred = Some(Instant::now()),
                Err(error) => self.fail(at, &error),
            }
            if self.cancel.is_cancelled() {
                return;
            }
        }
    }

    /// Watches all folders of a workspace, and brings it up to date. Says whether
    /// that was news.
    fn rescan(&mut self, at: usize, why: Rescan) -> Result<bool, IndexError> {
        let Some(ground) = self.grounds.get_mut(at) else { return Ok(false) };
        ground.due = None;
        ground.sieve = Sieve::new(&ground.root, &self.store, &self.shared.options);
        let Listened { watched, folders, is_settled } = self.listen(at);
        let Some(ground) = self.grounds.get_mut(at) else { return Ok(false) };
        let roots = [ground.root.clone()];
        let report = run::run(&self.shared, &roots, &(), &self.cancel, None)?;
        let [root] = roots;
        // What they say, the run found.
        if !report.cancelled {
            ground.drafts = Drafts::default();
        }
        let is_limited = watched < folders;
        if is_limited || !self.ears.hears(&root) {
            ground.due = Some((Instant::now() + self.options.rescan_every, Rescan::Unwatched));
        } else if !is_settled {
            ground.due = Some((Instant::now() + self.options.idle, Rescan::Unwatched));
        }
        // It came, went or was replaced since the first look.
        if Place::of(&root) != ground.place {
            ground.call(Rescan::Unwatched);
        }
        let was_limited = std::mem::replace(&mut ground.limited, is_limited);
        if is_limited && !was_limited {
            tracing::warn!(root = %root.display(), watched, folders, "not all folders can be watched");
            (self.hear)(WatchEvent::Limited { root: root.clone(), watched, folders });
        }
        let was_started = std::mem::replace(&mut ground.started, true);
        let is_news = !was_started || why != Rescan::Unwatched || report.reads > 0;
        let report = Box::new(report);
        let event = if was_started {
            metrics::counter!("herbarium_watch_rescans_total", "why" => why.name()).increment(1);
            WatchEvent::Rescanned { root, why, report }
        } else {
            WatchEvent::Started { root, folders: watched, report }
        };
        (self.hear)(event);
        Ok(is_news)
    }

    /// Watches all folders of a workspace anew.
    ///
    /// It is walked until a walk finds no folder that was not watched: whatever
    /// comes after that, an event tells.
    fn listen(&mut self, at: usize) -> Listened {
        let Some(ground) = self.grounds.get_mut(at) else { return Listened::default() };
        let mut listened = Listened::default();
        // Folders that took the names of others are not told apart from these.
        self.ears.forget(&ground.root);
        // Before it is watched: if it is replaced in between, that shows.
        ground.place = Place::of(&ground.root);
        self.ears.watch(&ground.root, &ground.root);
        for _ in 0..MOST_WALKS {
            let walked = ground.sieve.walk(&[], self.shared.options.workers, &self.cancel);
            listened.folders = walked.folders.len() as u64;
            let (mut is_new, mut is_full) = (false, false);
            for folder in &walked.folders {
                let folder = ground.root.join(path_from_bytes(folder));
                let heard = self.ears.watch(&ground.root, &folder);
                is_new |= heard == Heard::New;
                is_full |= heard == Heard::Full;
                if is_full || self.cancel.is_cancelled() {
                    break;
                }
            }
            listened.is_settled = !is_new;
            if !is_new || is_full || self.cancel.is_cancelled() {
                break;
            }
        }
        listened.watched = match super::ears::BY_FOLDER {
            true => self.ears.count(&ground.root),
            false => listened.folders,
        };
        listened
    }
}

/// What watching the folders of a workspace came to.
#[derive(Default)]
struct Listened {
    /// Folders that are watched.
    watched: u64,
    /// Folders that there are.
    folders: u64,
    /// Whether the last walk found none that was not watched: if not, some may
    /// have come unheard.
    is_settled: bool,
}

/// Walks until nothing new is found; then it is enough for now.
const MOST_WALKS: usize = 6;

impl Ground {
    /// Has all of it looked at, soon.
    fn call(&mut self, why: Rescan) {
        if !self.is_called() {
            self.due = Some((Instant::now(), why));
        }
    }

    /// Whether another folder stands at the root than the one that is watched, or
    /// none any more.
    fn is_another(&self) -> bool {
        self.place.is_some() && Place::of(&self.root) != self.place
    }

    fn is_called(&self) -> bool {
        self.due.is_some_and(|(at, _)| at <= Instant::now())
    }
}

/// Files to be pressed, each once.
#[derive(Default)]
struct Files {
    found: Vec<Found>,
    notes: Vec<Note>,
}

impl Files {
    fn add(&mut self, found: Found, note: Note) {
        self.found.push(found);
        self.notes.push(note);
    }
}

fn is_changing(done: &FileDone) -> bool {
    matches!(done.verdict, Err(Failure::Unfit(Unfit::Changing)))
}

/// Writes what has changed into the manifest of a workspace; says whether there
/// was one that it could be written into.
///
/// Its time stays what it was: all other rows are as old as they are. Files that
/// changed since are read again by the next run, and not parsed.
fn write(shared: &Shared, ground: &mut Ground) -> Result<bool, IndexError> {
    let store = &shared.store;
    let Some(manifest) = store.manifest(&ground.root)?.filter(rows::is_current) else {
        return Ok(false);
    };
    let (root, taken_ns) = (manifest.root().to_owned(), manifest.taken_ns());
    let drafts = std::mem::take(&mut ground.drafts);
    let rows = drafts.apply(manifest.into_rows());
    // Trees before the rows that name them.
    store.flush()?;
    store.put_manifest(&Manifest::new(root, taken_ns, rows))?;
    Ok(true)
}
