//! How a drain went.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use tokio::time::timeout;

/// How long the last line may take to be written, where nobody reads it.
const LAST_LINE: Duration = Duration::from_secs(1);

/// How a drain went. Shown, it is the last line of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Why it began, `SIGTERM` for instance.
    pub reason: String,
    /// Requests answered, in the whole life of the service.
    pub completed: u64,
    /// Those of them answered after the drain began.
    pub completed_draining: u64,
    /// Requests that had not ended when the deadline was over.
    pub cut: u64,
    /// Requests whose clients went away before the answer.
    pub abandoned: u64,
    /// Connections that were dropped.
    pub connections_cut: u64,
    /// Whether all requests ended within the deadline.
    pub in_time: bool,
    /// From the beginning of the drain on.
    pub took: Duration,
    /// The hooks, in the order in which they ran.
    pub flushed: Vec<Flushed>,
}

/// What came of a flush hook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Its name.
    pub name: String,
    /// What went wrong, if anything.
    pub error: Option<String>,
}

impl Drained {
    /// Ends the process with exit code 0. Unlike a return from `main`, it does
    /// not wait for threads that a runtime cannot stop.
    pub fn exit(&self) -> ! {
        #[cfg(feature = "logs")]
        crate::logs::flush(LAST_LINE);
        std::process::exit(0)
    }

    /// Writes the last line, within bounded time.
    pub(super) async fn say(&self) {
        #[cfg(feature = "logs")]
        crate::logs::end();
        if tracing::dispatcher::has_been_set() {
            tracing::info!(
                reason = self.reason,
                completed = self.completed,
                cut = self.cut,
                abandoned = self.abandoned,
                "{self}"
            );
        } else {
            let line = format!("{self}\n");
            // Standard error may be a pipe that nobody reads.
            let said = tokio::task::spawn_blocking(move || {
                std::io::stderr().lock().write_all(line.as_bytes())
            });
            let _ = timeout(LAST_LINE, said).await;
        }
        #[cfg(feature = "logs")]
        let _ = tokio::task::spawn_blocking(|| crate::logs::flush(LAST_LINE)).await;
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, completed, completed_draining, cut, abandoned, .. } = self;
        write!(
            f,
            "stopped by {reason}: {completed} requests completed ({completed_draining} of them \
             while draining), {cut} cut, {abandoned} abandoned by clients, in {:.1} s",
            self.took.as_secs_f64()
        )?;
        for flushed in &self.flushed {
            if let Some(error) = &flushed.error {
                write!(f, "; flushing {} failed: {error}", flushed.name)?;
            }
        }
        Ok(())
    }
}
