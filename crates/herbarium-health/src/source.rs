//! Where `/metrics` comes from.

/// What is shown on `/metrics`. [`Metrics`](crate::Metrics) is one; a service
/// with another exporter gives it as a function:
///
/// ```
/// # use herbarium_health::Health;
/// let builder = Health::builder().metrics(|| "up 1\n".to_owned());
/// ```
pub trait MetricsSource: Send + Sync + 'static {
    /// Everything, in Prometheus' text format. Called on a thread that may
    /// block.
    fn render(&self) -> String;

    /// What has to be done every few seconds. Called on a thread that may
    /// block.
    fn upkeep(&self) {}
}

impl<F: Fn() -> String + Send + Sync + 'static> MetricsSource for F {
    fn render(&self) -> String {
        self()
    }
}
