//! What comes of files that are worked on in any order, handed on in theirs.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bundles of files, handed out to threads by number, and what came of them,
/// handed on by number.
///
/// A thread may be so many bundles ahead of the one whose turn it is, and so
/// many items ahead within a bundle: then it waits. That bounds the memory,
/// however much comes of a file and however slow the reader is.
pub(crate) struct Bundles<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    count: usize,
}

struct State<T> {
    /// The next one to be handed out.
    next: usize,
    /// The one whose items are handed on.
    turn: usize,
    stopped: bool,
    kept: BTreeMap<usize, Kept<T>>,
}

struct Kept<T> {
    items: Vec<T>,
    finished: bool,
}

/// What there is to hear.
pub(crate) enum Heard<T> {
    /// Some items, in order.
    Items(Vec<T>),
    /// Nothing yet.
    Nothing,
    /// All is done, or it was stopped.
    End,
}

/// How many bundles threads may be ahead.
const AHEAD: usize = 64;
/// Items of one bundle that wait for its turn.
pub(crate) const MOST_ITEMS: usize = 64;

impl<T> Bundles<T> {
    pub(crate) fn new(count: usize) -> Self {
        let state = State { next: 0, turn: 0, stopped: false, kept: BTreeMap::new() };
        Self { state: Mutex::new(state), changed: Condvar::new(), count }
    }

    /// The next bundle to work on; none when there is none left.
    pub(crate) fn take(&self) -> Option<usize> {
        let mut state = self.state();
        while !state.stopped && state.next < self.count && state.next >= state.turn + AHEAD {
            state = self.wait(state);
        }
        if state.stopped || state.next >= self.count {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    /// Hands on some items of a bundle that is not finished: waits for its turn.
    pub(crate) fn push(&self, bundle: usize, items: &mut Vec<T>) {
        let mut state = self.state();
        while !state.stopped && (state.turn != bundle || state.kept.contains_key(&bundle)) {
            state = self.wait(state);
        }
        let kept = Kept { items: std::mem::take(items), finished: false };
        state.kept.insert(bundle, kept);
        drop(state);
        self.changed.notify_all();
    }

    /// Hands on the last items of a bundle.
    pub(crate) fn finish(&self, bundle: usize, items: Vec<T>) {
        let mut state = self.state();
        let kept = state.kept.entry(bundle);
        let kept = kept.or_insert_with(|| Kept { items: Vec::new(), finished: false });
        kept.items.extend(items);
        kept.finished = true;
        let is_awaited = state.turn == bundle;
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// What is next in order, or nothing if it does not come until then.
    pub(crate) fn hear(&self, patience: Duration) -> Heard<T> {
        let mut state = self.state();
        for waited in [false, true] {
            if state.stopped || state.turn >= self.count {
                return Heard::End;
            }
            let items = state.hand_on();
            if !items.is_empty() {
                drop(state);
                self.changed.notify_all();
                return Heard::Items(items);
            }
            if !waited && state.turn < self.count {
                // What was empty is passed over: others may go on.
                self.changed.notify_all();
                let waiting = self.changed.wait_timeout(state, patience);
                state = waiting.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if state.turn >= self.count { Heard::End } else { Heard::Nothing }
    }

    /// Ends it: nothing is handed out or on any more, and nobody waits.
    pub(crate) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Takes out what is next in order.
    fn hand_on(&mut self) -> Vec<T> {
        let mut items = Vec::new();
        while let Some(kept) = self.kept.remove(&self.turn) {
            items.extend(kept.items);
            if !kept.finished {
                break;
            }
            self.turn += 1;
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Works on so many bundles, of so many items each, on some threads; the
    /// reader stops after so many items.
    fn run(bundles: usize, items: usize, threads: usize, most: usize) -> Vec<(usize, usize)> {
        let all = Bundles::new(bundles);
        let mut heard = Vec::new();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(bundle) = all.take() {
                        let mut own = Vec::new();
                        for item in 0..items {
                            own.push((bundle, item));
                            if own.len() >= MOST_ITEMS {
                                all.push(bundle, &mut own);
                            }
                        }
                        all.finish(bundle, own);
                    }
                });
            }
            loop {
                match all.hear(Duration::from_millis(1)) {
                    Heard::Items(items) => heard.extend(items),
                    Heard::Nothing => {}
                    Heard::End => break,
                }
                if heard.len() >= most {
                    all.stop();
                }
            }
        });
        heard
    }

    fn check(bundles: usize, items: usize, threads: usize) {
        let all = (0..bundles).flat_map(|bundle| (0..items).map(move |item| (bundle, item)));
        let expected: Vec<_> = all.collect();
        assert_eq!(run(bundles, items, threads, usize::MAX), expected, "{bundles} of {items}");
    }

    #[test]
    fn items_come_in_the_order_of_their_bundles() {
        check(0, 1, 2);
        check(1, 0, 2);
        check(500, 0, 3);
        check(500, 1, 3);
        check(300, 7, 4);
        check(20, 10 * MOST_ITEMS + 3, 4);
    }

    #[test]
    fn a_reader_may_stop_at_any_time() {
        for most in [1, 100, 1000] {
            let heard = run(100, 200, 3, most);
            assert!(heard.len() >= most && heard.len() < 100 * 200, "{}", heard.len());
        }
    }
}
