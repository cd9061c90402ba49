//! Ctrl-C, where there are no Unix signals: the first begins the drain, the
//! second ends it all.

use super::Shutdown;
use crate::error::Error;

/// As shells have it for a program ended by an interrupt.
const INTERRUPTED: i32 = 130;

pub(super) fn listen(shutdown: Shutdown) -> Result<(), Error> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| Error::NoRuntime)?;
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            shutdown.begin("Ctrl-C");
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(())
}
