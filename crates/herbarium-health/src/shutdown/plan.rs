//! How long each part of a drain may take.

use std::time::Duration;

/// How long each part of a drain may take. Whoever stops the service from
/// outside has to wait longer than [`total`](Self::total): in Kubernetes, that
/// is `terminationGracePeriodSeconds`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainPlan {
    /// Between "not ready" and the end of accepting, so that balancers can
    /// notice. 5 s unless set.
    pub pre_drain: Duration,
    /// For requests in flight to end by themselves. 25 s unless set.
    pub deadline: Duration,
    /// After the deadline, between cancelling requests and cutting them. 1 s
    /// unless set.
    pub grace: Duration,
    /// For all flush hooks together. 5 s unless set.
    pub flush: Duration,
    /// How long a connection without any request yet is kept while closing,
    /// because one may be on its way, or on its way again. 1 s unless set.
    pub fresh: Duration,
}

impl Default for DrainPlan {
    fn default() -> Self {
        Self {
            pre_drain: Duration::from_secs(5),
            deadline: Duration::from_secs(25),
            grace: Duration::from_secs(1),
            flush: Duration::from_secs(5),
            fresh: Duration::from_secs(1),
        }
    }
}

impl DrainPlan {
    /// No pauses and no patience: for tests, and for programs behind nothing.
    pub fn immediate() -> Self {
        Self { pre_drain: Duration::ZERO, deadline: Duration::ZERO, ..Self::default() }
    }

    /// With this [pause](Self::pre_drain) before accepting ends.
    #[must_use]
    pub fn with_pre_drain(self, pre_drain: Duration) -> Self {
        Self { pre_drain, ..self }
    }

    /// With this [deadline](Self::deadline) for requests.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// With this [time](Self::grace) between cancelling and cutting.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// With this [bound](Self::flush) for flush hooks.
    #[must_use]
    pub fn with_flush(self, flush: Duration) -> Self {
        Self { flush, ..self }
    }

    /// With this [patience](Self::fresh) for connections without a request.
    #[must_use]
    pub fn with_fresh(self, fresh: Duration) -> Self {
        Self { fresh, ..self }
    }

    /// The longest that all of it can take, give or take half a second.
    pub fn total(&self) -> Duration {
        self.pre_drain + self.deadline + self.grace + self.flush
    }
}

/// Where a shutdown is. Phases come in this order, and none comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It has not begun.
    Serving,
    /// Not ready any more, but accepting.
    Draining,
    /// Nothing new is accepted; requests run to their end.
    Closing,
    /// The deadline is over, and requests are told to stop.
    Cancelling,
    /// Connections are dropped.
    Cut,
    /// Hooks run.
    Flushing,
    /// All is over.
    Done,
}
