//! SIGTERM and SIGINT: the first begins the drain, the second ends it all.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::Shutdown;
use crate::error::Error;

/// As shells have it for a program ended by SIGINT.
const INTERRUPTED: i32 = 130;

const SIGNALS: [(i32, &str); 2] = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")];

/// The second signal is dealt with in the handler itself, which needs neither
/// a runtime nor a lock, so that a program which hangs can still be ended. The
/// first wakes a thread of its own.
pub(super) fn listen(shutdown: Shutdown) -> Result<(), Error> {
    let armed = Arc::new(AtomicBool::new(false));
    for (signal, name) in SIGNALS {
        let refused = |source| Error::Signal { signal: name, source };
        // Handlers run in the order in which they are registered: look, then arm.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&armed))
            .map_err(refused)?;
        flag::register(signal, Arc::clone(&armed)).map_err(refused)?;
    }
    let numbers = SIGNALS.map(|(number, _)| number);
    let mut signals = Signals::new(numbers)
        .map_err(|source| Error::Signal { signal: "SIGTERM or SIGINT", source })?;
    let wait = move || {
        let first = signals.forever().next();
        let known = SIGNALS.iter().find(|(number, _)| Some(*number) == first);
        shutdown.begin(known.map_or("a signal", |(_, name)| name));
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(wait);
    thread.map(drop).map_err(|source| Error::Thread { name: "signals", source })
}
