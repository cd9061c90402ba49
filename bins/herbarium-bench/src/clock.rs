//! Times. CPU time where the system tells it, because on a busy machine the
//! long ones of two times on the clock are stretched more than the short ones.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// CPU time of the process so far; `None` where the system does not tell.
pub(crate) fn process_cpu() -> Option<Duration> {
    system::process()
}

/// Time that `work` takes on this thread: CPU time where the system tells it.
/// What asking for the time takes is not counted: on some machines that is two
/// microseconds, as much as opening a tree of 300 nodes.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    static ASKING: LazyLock<Duration> = LazyLock::new(asking);
    let asking = *ASKING;
    let (time, result) = raw_time(work);
    (time.saturating_sub(asking), result)
}

/// Time on the clock that short work takes. Asking for it takes some tens of nanoseconds,
/// and is counted; what asking for CPU time takes varies by more than a microsecond where
/// it is slow. Of work that is much shorter than a turn of the scheduler, most repetitions
/// are interrupted by nothing: the one in the middle is its time.
pub(crate) fn time_short<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = work();
    (begun.elapsed(), result)
}

fn raw_time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = system::thread();
    let result = work();
    (system::thread().saturating_sub(begun), result)
}

fn asking() -> Duration {
    (0..1000).map(|_| raw_time(|| ()).0).min().unwrap_or_default()
}

/// The shortest of many times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best(Duration);

impl Best {
    pub(crate) const NONE: Self = Self(Duration::MAX);

    /// Times `work` and keeps the time if it is the shortest so far.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (time, result) = time(work);
        self.0 = self.0.min(time);
        result
    }

    /// Times `work` done so often in a row, which short work needs.
    pub(crate) fn time_many<T>(&mut self, times: u32, mut work: impl FnMut() -> T) {
        let (time, ()) = time(|| (0..times).for_each(|_| drop(std::hint::black_box(work()))));
        self.0 = self.0.min(time / times.max(1));
    }

    /// The shortest time, in nanoseconds.
    pub(crate) fn ns(self) -> f64 {
        if self.0 == Duration::MAX { 0.0 } else { self.0.as_nanos() as f64 }
    }
}

#[cfg(unix)]
mod system {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn process() -> Option<Duration> {
        Some(read(ClockId::ProcessCPUTime))
    }

    pub(super) fn thread() -> Duration {
        read(ClockId::ThreadCPUTime)
    }

    fn read(clock: ClockId) -> Duration {
        let time = clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    pub(super) fn process() -> Option<Duration> {
        None
    }

    pub(super) fn thread() -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}
