//! What the supervisor is told, where there is one: systemd's `Type=notify`.

/// The service is ready.
pub(crate) fn ready() {
    #[cfg(target_os = "linux")]
    tell(&[sd_notify::NotifyState::Ready]);
}

/// The service has begun to end.
pub(crate) fn stopping() {
    #[cfg(target_os = "linux")]
    tell(&[sd_notify::NotifyState::Stopping]);
}

/// Settings are being read again; [`ready`] ends it.
pub(crate) fn reloading() {
    #[cfg(target_os = "linux")]
    {
        let now = sd_notify::NotifyState::monotonic_usec_now();
        match now {
            Ok(now) => tell(&[sd_notify::NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "the supervisor was not told of a reload"),
        }
    }
}

/// Tells it again and again that the runtime goes round, as often as it asks
/// for. Ends at once where it does not ask.
pub(crate) async fn keep_watchdog() {
    #[cfg(target_os = "linux")]
    if let Some(within) = sd_notify::watchdog_enabled() {
        loop {
            tell(&[sd_notify::NotifyState::Watchdog]);
            tokio::time::sleep(within / 3).await;
        }
    }
}

#[cfg(target_os = "linux")]
fn tell(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the supervisor was not told");
    }
}
