//! Ctrl-C: once to stop in good order, twice to stop at once.

use herbarium_index::Cancel;

use crate::exit::Exit;

/// A request to stop that the first Ctrl-C (or SIGTERM) makes.
///
/// Where no handler can be installed, Ctrl-C ends the process as it always
/// does; the store stands that as well.
pub(crate) fn cancel_on_ctrl_c() -> Cancel {
    let cancel = Cancel::new();
    let handle = cancel.clone();
    let installed = ctrlc::set_handler(move || {
        if handle.is_cancelled() {
            std::process::exit(Exit::Interrupted as i32);
        }
        handle.cancel();
    });
    if let Err(error) = installed {
        tracing::debug!(%error, "Ctrl-C will end the process at once");
    }
    cancel
}
