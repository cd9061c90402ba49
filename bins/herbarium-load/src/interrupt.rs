//! Ctrl-C: once to end in good order, with a report; twice to end at once.

use herbarium_loadgen::{Stop, Verdict};

use crate::view;

/// A stop that the first Ctrl-C (or SIGTERM) sets.
pub(crate) fn stop_on_ctrl_c() -> Stop {
    let stop = Stop::new();
    let handle = stop.clone();
    // Where no handler can be installed, Ctrl-C ends the process as it always does.
    let _ = ctrlc::set_handler(move || {
        if handle.is_set() {
            view::restore();
            std::process::exit(Verdict::Interrupted.exit_code().into());
        }
        handle.set();
    });
    stop
}
