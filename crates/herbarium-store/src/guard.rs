//! A net under the catalogue's engine, which may panic over a file that was
//! altered.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread is above the net.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` if it panicked.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    result.ok()
}

/// Keeps panics that the store catches from being printed: for programs whose
/// users read standard error.
///
/// The engine of the catalogue panics over some damaged files. The store catches
/// that, sets the file aside and rebuilds it; Rust's panic hook prints a message
/// nevertheless. This puts a hook before the one that is installed, which passes
/// on all panics but those. Libraries should leave that to programs, as there is
/// one hook for a whole process: the store never calls this by itself. More than
/// one call does nothing more.
///
/// ```
/// herbarium_store::hush_caught_panics();
/// ```
pub fn hush_caught_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // No thread-local any more: the thread is ending, and not in here.
            if !GUARDED.try_with(Cell::get).unwrap_or(false) {
                before(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_in_the_net_and_nowhere_else() {
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| guarded(|| panic!("on purpose")).is_none()), Some(true));
        assert!(!GUARDED.get());
    }
}
