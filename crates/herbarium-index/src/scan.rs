//! Asking many stored files something, on all cores, without parsing: but for trees that the
//! store lost.

mod bundles;
mod file;
mod mend;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use herbarium_store::{TreeKey, path_from_bytes};

use crate::crew::words;
use crate::engine::Shared;
use crate::tongue::{Foreign, Tongue, row_of};
use crate::{Cancel, IndexError, Problem, ProblemKind, Snapshot};

use bundles::{Bundles, Heard, MOST_ITEMS};
use file::{Desk, Have};

pub use file::{Missed, ScanFile};

/// What is done with each file of a scan; see
/// [`Engine::scan`](crate::Engine::scan).
pub trait Visitor: Sync {
    /// What a thread keeps from file to file. Thrown away after a panic.
    type Tools;
    /// What is handed on. The most that waits to be handed on is some thousand
    /// items: of 64 KiB, they would take some 200 MiB.
    type Item: Send;

    /// Tools for one thread.
    fn tools(&self) -> Self::Tools;

    /// Asks one file, and hands on what comes of it.
    ///
    /// # Errors
    /// What [`ScanFile::source`] and [`ScanFile::open`] say, passed on.
    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        tools: &mut Self::Tools,
        outlet: &mut Outlet<'_, Self::Item>,
    ) -> Result<(), Missed>;
}

/// Hands on what comes of a file.
pub struct Outlet<'a, T> {
    bundles: &'a Bundles<T>,
    bundle: usize,
    items: Vec<T>,
}

impl<T> Outlet<'_, T> {
    /// Hands an item on: it is heard after all of the files before this one. May
    /// wait for that.
    pub fn send(&mut self, item: T) {
        self.items.push(item);
        if self.items.len() >= MOST_ITEMS {
            self.bundles.push(self.bundle, &mut self.items);
        }
    }
}

/// What a scan did.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ScanReport {
    /// Files that were asked, those that were missed not included.
    pub files: u64,
    /// Files that were read.
    pub reads: u64,
    /// Trees that were opened.
    pub opened: u64,
    /// Files that could not be asked, by path.
    pub missed: Vec<Problem>,
    /// Trees that the store had lost, and that were pressed again, by path. Their files
    /// are among those that were asked.
    pub mended: Vec<Mended>,
    /// Whether it was cancelled, or ended by the one who hears.
    pub stopped: bool,
    /// Time on the clock.
    pub seconds: f64,
}

/// A tree that was missing or damaged, and was pressed again when its file was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mended {
    /// The file.
    pub path: PathBuf,
    /// The key of its tree.
    pub key: TreeKey,
    /// What was wrong.
    pub why: String,
    /// Whether the store has the tree now: not if it may only be read, or is full.
    pub stored: bool,
}

/// Files that a thread takes at a time.
const BUNDLE: usize = 16;
/// Queries and predicates recurse a little; scanners do not run here.
const STACK: usize = 8 << 20;
/// How often a request to stop is looked for while nothing comes.
const STEP: Duration = Duration::from_millis(50);

pub(crate) fn scan<V: Visitor>(
    shared: &Arc<Shared>,
    snapshot: &Snapshot,
    visitor: &V,
    mut hear: impl FnMut(V::Item) -> ControlFlow<()>,
    cancel: &Cancel,
) -> Result<ScanReport, IndexError> {
    let begun = Instant::now();
    let count = snapshot.len().div_ceil(BUNDLE);
    let bundles = Bundles::new(count);
    let (stop, done) = (AtomicBool::new(false), Mutex::new(ScanReport::default()));
    let foreign = Foreign::new(&shared.store);
    let of_id = |id: &str| row_of(id).and_then(|row| foreign.tongue(row, &shared.options));
    let tongues = snapshot.languages().into_keys().map(|id| (id, of_id(id))).collect();
    let hand =
        Hand { shared, snapshot, tongues, visitor, bundles: &bundles, stop: &stop, done: &done };
    let threads = shared.options.workers.clamp(1, count.max(1));
    let stopped = thread::scope(|scope| {
        // Should the one who hears panic, nobody may go on waiting.
        let _guard = StopOnDrop { bundles: &bundles, stop: &stop };
        for number in 0..threads {
            let builder = Builder::new().name("herbarium-scan".to_owned()).stack_size(STACK);
            let started = builder.spawn_scoped(scope, || hand.work());
            // One is enough.
            if number == 0 {
                started.map_err(IndexError::Thread)?;
            }
        }
        Ok::<_, IndexError>(listen(&bundles, &mut hear, cancel).is_break())
    })?;
    let mut report = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.missed.sort_by(|a, b| a.path.cmp(&b.path));
    report.mended.sort_by(|a, b| a.path.cmp(&b.path));
    report.stopped = stopped;
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

fn listen<T>(
    bundles: &Bundles<T>,
    hear: &mut impl FnMut(T) -> ControlFlow<()>,
    cancel: &Cancel,
) -> ControlFlow<()> {
    loop {
        if cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        match bundles.hear(STEP) {
            Heard::Items(items) => items.into_iter().try_for_each(&mut *hear)?,
            Heard::Nothing => {}
            Heard::End => return ControlFlow::Continue(()),
        }
    }
}

struct StopOnDrop<'a, T> {
    bundles: &'a Bundles<T>,
    stop: &'a AtomicBool,
}

impl<T> Drop for StopOnDrop<'_, T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bundles.stop();
    }
}

/// What the threads of a scan share.
struct Hand<'a, V: Visitor> {
    shared: &'a Arc<Shared>,
    snapshot: &'a Snapshot,
    /// By id, the languages that occur.
    tongues: HashMap<&'a str, Option<Tongue>>,
    visitor: &'a V,
    bundles: &'a Bundles<V::Item>,
    stop: &'a AtomicBool,
    done: &'a Mutex<ScanReport>,
}

impl<V: Visitor> Hand<'_, V> {
    fn work(&self) {
        let (mut desk, mut tools) = (Desk::default(), self.visitor.tools());
        let mut own = ScanReport::default();
        while let Some(bundle) = self.bundles.take() {
            let mut outlet = Outlet { bundles: self.bundles, bundle, items: Vec::new() };
            let first = bundle * BUNDLE;
            for file in first..(first + BUNDLE).min(self.snapshot.len()) {
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                self.visit(file, &mut desk, &mut tools, &mut outlet, &mut own);
                desk.tidy();
            }
            self.bundles.finish(bundle, outlet.items);
        }
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.files += own.files;
        done.reads += own.reads;
        done.opened += own.opened;
        done.missed.append(&mut own.missed);
        done.mended.append(&mut own.mended);
    }

    fn visit(
        &self,
        file: usize,
        desk: &mut Desk,
        tools: &mut V::Tools,
        outlet: &mut Outlet<'_, V::Item>,
        own: &mut ScanReport,
    ) {
        let Some((root, row)) = self.snapshot.row(file) else { return };
        let path = root.join(path_from_bytes(&row.path));
        let problem =
            |kind, message: String| Problem { path: path.clone(), kind, message, limit: None };
        let id = row.language.as_deref().unwrap_or("no language");
        let Some(tongue) = self.tongues.get(id).and_then(Option::as_ref) else {
            let message = format!(
                "is in {id}, which was not built in and is not the one that the store knows: \
                 build with it, or leave it out"
            );
            own.missed.push(problem(ProblemKind::MissingTree, message));
            return;
        };
        let (shared, stop) = (self.shared, self.stop);
        let (path_of_file, have, mended) = (path.clone(), Have::default(), None);
        let mut file =
            ScanFile { shared, desk, row, tongue, path: path_of_file, stop, have, mended };
        let asked = catch_unwind(AssertUnwindSafe(|| {
            self.visitor.visit(&mut file, tools, outlet)?;
            // What was left out unread must be what it was.
            if file.have == Have::default() && !self.snapshot.is_fresh() {
                file.check_looks()?;
            }
            Ok(())
        }));
        own.reads += u64::from(file.have.source);
        own.opened += u64::from(file.have.tree);
        own.mended.extend(file.mended.take());
        match asked {
            Ok(Ok(())) => own.files += 1,
            Ok(Err(Missed(problem))) => own.missed.push(*problem),
            Err(panic) => {
                *tools = self.visitor.tools();
                let message =
                    format!("asking it took the thread down: {}: report the file", words(&*panic));
                own.missed.push(problem(ProblemKind::Panicked, message));
            }
        }
    }
}
