//! How much memory trees in the making may take together.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A number of bytes that permits share out, in the order they are asked for.
///
/// In that order, because otherwise a large file would wait for ever while
/// small ones slip past it.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    in_use: u64,
    next_ticket: u64,
    serving: u64,
}

/// The right to use some bytes; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Waits until the bytes are free. More than the whole budget is given to
    /// one alone, while nobody else has any.
    pub(crate) fn acquire(self: &Arc<Self>, bytes: u64) -> Permit {
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.serving != ticket || !self.fits(&state, bytes) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.serving += 1;
        state.in_use += bytes;
        drop(state);
        // The next in line may fit as well.
        self.changed.notify_all();
        Permit { budget: Arc::clone(self), bytes }
    }

    fn fits(&self, state: &State, bytes: u64) -> bool {
        state.in_use == 0 || state.in_use.saturating_add(bytes) <= self.limit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.in_use = state.in_use.saturating_sub(self.bytes);
        drop(state);
        self.budget.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Has many threads ask for these many bytes each; gives the most that were
    /// out at one time.
    fn most_in_use(limit: u64, weights: &[u64]) -> u64 {
        let budget = Budget::new(limit);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            let (budget, now, most) = (&budget, &now, &most);
            for &bytes in weights {
                scope.spawn(move || {
                    let permit = budget.acquire(bytes);
                    most.fetch_max(
                        now.fetch_add(bytes, Ordering::SeqCst) + bytes,
                        Ordering::SeqCst,
                    );
                    thread::sleep(Duration::from_millis(1));
                    now.fetch_sub(bytes, Ordering::SeqCst);
                    drop(permit);
                });
            }
        });
        most.into_inner()
    }

    #[test]
    fn permits_never_exceed_the_budget() {
        assert!(most_in_use(100, &[30; 40]) <= 100);
        assert!(most_in_use(100, &[1, 99, 50, 50, 7, 93, 100, 100, 3, 0, 97]) <= 100);
    }

    #[test]
    fn what_exceeds_the_budget_is_given_alone() {
        assert_eq!(most_in_use(10, &[500, 500, 500, 3, 500]), 500);
    }

    #[test]
    fn a_large_request_is_not_overtaken() {
        let budget = Budget::new(10);
        let first = budget.acquire(6);
        thread::scope(|scope| {
            let large = scope.spawn(|| drop(budget.acquire(10)));
            while budget.state().next_ticket < 2 {
                thread::yield_now();
            }
            let small = scope.spawn(|| drop(budget.acquire(1)));
            while budget.state().next_ticket < 3 {
                thread::yield_now();
            }
            assert!(!large.is_finished() && !small.is_finished());
            drop(first);
        });
        assert_eq!(budget.state().in_use, 0);
    }

    #[test]
    fn a_panic_gives_its_bytes_back() {
        let budget = Budget::new(10);
        let held = Arc::clone(&budget);
        let panicked = thread::spawn(move || {
            let _permit = held.acquire(10);
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        drop(budget.acquire(10));
    }
}
