//! Times: of day, and of CPU spent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in ns since 1970.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// CPU time of the process so far; 0 where the system does not tell.
pub(crate) fn process_cpu() -> Duration {
    cpu::process()
}

/// CPU time of this thread so far; 0 where the system does not tell.
pub(crate) fn thread_cpu() -> Duration {
    cpu::thread()
}

#[cfg(unix)]
mod cpu {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn process() -> Duration {
        read(ClockId::ProcessCPUTime)
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
mod cpu {
    use std::time::Duration;

    pub(super) fn process() -> Duration {
        Duration::ZERO
    }

    pub(super) fn thread() -> Duration {
        Duration::ZERO
    }
}
