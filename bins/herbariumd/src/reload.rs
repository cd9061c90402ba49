//! Settings read again on SIGHUP: what can be taken over is, the rest is named.

use herbarium_http::{Front, TlsReloader, Tokens};
use herbarium_settings::{Settings, Sources};

use crate::command::config;
use crate::failure::Failure;
use crate::{notify, parts};

/// What can change while the service runs.
pub(crate) struct Live {
    /// As they were when the service started.
    pub(crate) started: Settings,
    /// As they were last read, if that was later.
    pub(crate) latest: Option<Settings>,
    pub(crate) front: Front,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) tls: Option<TlsReloader>,
}

impl Live {
    /// Reads everything again, on every SIGHUP. Never ends.
    #[cfg(unix)]
    pub(crate) async fn follow(mut self, sources: Sources) {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => hangups,
            Err(error) => {
                tracing::error!(%error, "settings cannot be read again: no signals are heard");
                return std::future::pending().await;
            }
        };
        while hangups.recv().await.is_some() {
            notify::reloading();
            self.reload(&sources);
            notify::ready();
        }
    }

    /// All or nothing: with one thing wrong, everything stays as it was.
    fn reload(&mut self, sources: &Sources) {
        match self.take_over(sources) {
            Ok((taken, waiting)) => {
                tracing::info!(taken = taken.join(", "), "settings were read again");
                if !waiting.is_empty() {
                    let waiting = waiting.join(", ");
                    tracing::warn!(waiting, "these settings have changed, and want a restart");
                }
            }
            Err(failure) => tracing::error!(%failure, "settings stay as they were"),
        }
    }

    fn take_over(
        &mut self,
        sources: &Sources,
    ) -> Result<(Vec<&'static str>, Vec<&'static str>), Failure> {
        let later = config::read(sources)?;
        parts::check(&later)?;
        let (taken, _) = self.latest.as_ref().unwrap_or(&self.started).changes(&later);
        // What waits for a restart is told each time.
        let (_, mut waiting) = self.started.changes(&later);
        match (&self.tokens, parts::tokens(&later)?) {
            (Some(tokens), Some(new)) => tokens.replace(&new),
            (None, None) => {}
            // Whether there are tokens at all was decided at the start.
            _ => waiting.push("auth.tokens_file"),
        }
        if let Some(Err(error)) = self.tls.as_ref().map(TlsReloader::reload) {
            tracing::error!(%error, "the certificate stays as it was");
        }
        self.front.reload(parts::limits(&later));
        self.latest = Some(later);
        Ok((taken, waiting))
    }
}
