//! What was heard and not yet looked at.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Paths at which something happened, each once, and no more than a limit: beyond
/// it only that there were too many is kept. So memory is bounded, whatever happens.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    paths: HashMap<PathBuf, Note>,
    /// The paths are not all.
    lost: Option<Lost>,
    stopped: bool,
}

/// Why the paths are not all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The system did not tell.
    Overflow,
    /// There were too many.
    Flood,
}

/// What happened at a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) first: Instant,
    last: Instant,
    /// Whether it came, went, or got its name: a folder is another one then.
    pub(super) is_new: bool,
    /// How often it was looked at without success.
    pub(super) tries: u32,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Next {
    /// These paths have rested.
    Paths(Vec<(PathBuf, Note)>),
    /// All has to be looked at.
    Everything(Lost),
    /// The time is over.
    Nothing,
    /// To be stopped.
    Stop,
}

impl Inbox {
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), most: most.max(1) }
    }

    /// Something happened there.
    pub(super) fn note(&self, path: PathBuf, is_new: bool) {
        let now = Instant::now();
        self.add(path, Note { first: now, last: now, is_new, tries: 0 });
    }

    /// To be looked at once more.
    pub(super) fn again(&self, path: PathBuf, note: Note) {
        self.add(path, Note { last: Instant::now(), tries: note.tries + 1, ..note });
    }

    fn add(&self, path: PathBuf, note: Note) {
        let mut state = self.state();
        if let Some(lost) = state.lost {
            // Where it was is of no use any more; that it goes on is.
            state.lose(lost);
            return;
        }
        state
            .paths
            .entry(path)
            .and_modify(|known| {
                known.last = note.last;
                known.is_new |= note.is_new;
                known.tries = known.tries.max(note.tries);
            })
            .or_insert(note);
        if state.paths.len() > self.most {
            state.lose(Lost::Flood);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Something happened that nobody told.
    pub(super) fn overflow(&self) {
        self.state().lose(Lost::Overflow);
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.paths.is_empty() && state.lost.is_none()
    }

    /// Waits for something to do, but not for longer than this.
    pub(super) fn next(&self, quiet: Duration, patience: Duration, longest: Duration) -> Next {
        let until = Instant::now() + longest;
        let mut state = self.state();
        loop {
            if state.stopped {
                return Next::Stop;
            }
            let now = Instant::now();
            if let Some(lost) = state.lost {
                // A flood is let go by until it rests, or patience ends, as with a single
                // path: what is looked at before would have to be looked at again.
                if state.rested(now, quiet, patience) {
                    *state = State { stopped: state.stopped, ..State::default() };
                    return Next::Everything(lost);
                }
            } else if let Some(paths) = state.take_rested(now, quiet, patience) {
                return Next::Paths(paths);
            }
            if now >= until {
                return Next::Nothing;
            }
            let due = state.due(quiet, patience).map_or(until, |due| due.min(until));
            let wait = due.saturating_duration_since(now).max(Duration::from_millis(1));
            let woken = self.changed.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Paths looked at together: so many that all workers are busy, so few that a
/// stop and a newer change need not wait.
const BATCH: usize = 512;

impl State {
    fn lose(&mut self, lost: Lost) {
        self.lost.get_or_insert(lost);
        let now = Instant::now();
        // From when until when: one note in place of all. Patience begins once.
        let whole = PathBuf::new();
        let first = self.paths.get(&whole).map_or(now, |note| note.first);
        self.paths.clear();
        self.paths.shrink_to(1);
        self.paths.insert(whole, Note { first, last: now, is_new: false, tries: 0 });
    }

    fn rested(&self, now: Instant, quiet: Duration, patience: Duration) -> bool {
        self.due(quiet, patience).is_none_or(|due| due <= now)
    }

    /// When the next path has rested.
    fn due(&self, quiet: Duration, patience: Duration) -> Option<Instant> {
        self.paths.values().map(|note| note.due(quiet, patience)).min()
    }

    /// What has rested: all that may be taken together, the oldest first.
    fn take_rested(
        &mut self,
        now: Instant,
        quiet: Duration,
        patience: Duration,
    ) -> Option<Vec<(PathBuf, Note)>> {
        let is_due = |note: &Note| note.due(quiet, patience) <= now;
        let mut due: Vec<(Instant, PathBuf)> = self
            .paths
            .iter()
            .filter(|(_, note)| is_due(note))
            .map(|(path, note)| (note.first, path.clone()))
            .collect();
        due.sort_unstable();
        due.truncate(BATCH);
        let taken = due.into_iter().filter_map(|(_, path)| self.paths.remove_entry(&path));
        let taken: Vec<_> = taken.collect();
        (!taken.is_empty()).then_some(taken)
    }
}

impl Note {
    fn due(&self, quiet: Duration, patience: Duration) -> Instant {
        (self.last + quiet).min(self.first + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(20);
    const PATIENCE: Duration = Duration::from_millis(100);

    fn next(inbox: &Inbox, longest: u64) -> Next {
        inbox.next(QUIET, PATIENCE, Duration::from_millis(longest))
    }

    #[test]
    fn a_path_is_given_once_after_it_rested() {
        let inbox = Inbox::new(10);
        let begun = Instant::now();
        for _ in 0..5 {
            inbox.note("a".into(), false);
        }
        let Next::Paths(paths) = next(&inbox, 1_000) else { panic!("no paths") };
        assert!(begun.elapsed() >= QUIET);
        assert_eq!(paths.len(), 1);
        assert!(inbox.is_empty());
        assert!(matches!(next(&inbox, 1), Next::Nothing));
    }

    #[test]
    fn a_path_that_never_rests_is_given_in_the_end() {
        let inbox = Inbox::new(10);
        let begun = Instant::now();
        loop {
            inbox.note("a".into(), false);
            if matches!(next(&inbox, 5), Next::Paths(_)) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "never given");
        }
        assert!(begun.elapsed() >= PATIENCE);
    }

    #[test]
    fn too_many_paths_are_everything() {
        let inbox = Inbox::new(10);
        (0..1_000).for_each(|number| inbox.note(format!("{number}").into(), false));
        assert!(inbox.state().paths.len() <= 10, "memory is bounded");
        assert!(matches!(next(&inbox, 1_000), Next::Everything(Lost::Flood)));
        assert!(inbox.is_empty());
        inbox.overflow();
        assert!(matches!(next(&inbox, 1_000), Next::Everything(Lost::Overflow)));
    }

    /// Has something happen all the time for so long.
    fn go_on(inbox: &Inbox, millis: u64, happen: impl Fn(&Inbox) + Sync) -> (Next, Duration) {
        let begun = Instant::now();
        happen(inbox);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while begun.elapsed() < Duration::from_millis(millis) {
                    std::thread::sleep(Duration::from_millis(1));
                    happen(inbox);
                }
            });
            let next = inbox.next(QUIET * 10, PATIENCE * 10, Duration::from_secs(60));
            (next, begun.elapsed())
        })
    }

    #[test]
    fn a_flood_is_let_go_by_until_it_rests_or_patience_ends() {
        let flood = |inbox: &Inbox| inbox.note("a".into(), false);
        for happen in [&flood as &(dyn Fn(&Inbox) + Sync), &Inbox::overflow] {
            let inbox = Inbox::new(10);
            inbox.overflow();
            let (next, after) = go_on(&inbox, 400, happen);
            assert!(matches!(next, Next::Everything(Lost::Overflow)), "{next:?}");
            assert!(after >= Duration::from_millis(400) + QUIET * 5, "{after:?}: it was not over");
            inbox.overflow();
            let (next, after) = go_on(&inbox, 3_000, happen);
            assert!(matches!(next, Next::Everything(Lost::Overflow)), "{next:?}");
            assert!(after < Duration::from_millis(2_500), "{after:?}: without an end");
        }
    }

    #[test]
    fn a_stop_is_heard_at_once() {
        let inbox = Inbox::new(10);
        inbox.note("a".into(), false);
        inbox.stop();
        assert!(matches!(next(&inbox, 10_000), Next::Stop));
    }
}
