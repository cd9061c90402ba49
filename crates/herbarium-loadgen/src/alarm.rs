//! Waking up on time: tokio's timers are good to a millisecond, arrivals need
//! microseconds. One timer of the kernel serves all sleepers of a worker.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Sleepers of one thread.
#[derive(Default)]
pub(crate) struct Alarm {
    sleepers: RefCell<BinaryHeap<Sleeper>>,
    driver: RefCell<Option<Waker>>,
    cancelled: Cell<bool>,
}

struct Sleeper {
    at: Instant,
    waker: Waker,
}

impl Alarm {
    /// Waits until that time, or until [`Alarm::cancel`].
    pub(crate) async fn until(&self, at: Instant) {
        let mut is_set = false;
        poll_fn(|cx| {
            if self.cancelled.get() || Instant::now() >= at {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut is_set, true) {
                self.set(at, cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn set(&self, at: Instant, waker: Waker) {
        let mut sleepers = self.sleepers.borrow_mut();
        let is_first = sleepers.peek().is_none_or(|first| at < first.at);
        sleepers.push(Sleeper { at, waker });
        if let (true, Some(driver)) = (is_first, &*self.driver.borrow()) {
            driver.wake_by_ref();
        }
    }

    /// Nobody sleeps any more.
    pub(crate) fn cancel(&self) {
        self.cancelled.set(true);
        self.sleepers.borrow_mut().drain().for_each(|sleeper| sleeper.waker.wake());
    }

    /// Wakes sleepers, for ever: to be spawned beside them.
    pub(crate) async fn drive(self: Rc<Self>) -> std::io::Result<()> {
        let mut timer = timer::Timer::new()?;
        poll_fn(|cx| {
            *self.driver.borrow_mut() = Some(cx.waker().clone());
            while let Some(next) = self.wake_due() {
                if timer.poll_until(next, cx)?.is_pending() {
                    break;
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Wakes who is due; gives the time of the next one.
    fn wake_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut sleepers = self.sleepers.borrow_mut();
        while let Some(first) = sleepers.peek() {
            if first.at > now {
                return Some(first.at);
            }
            if let Some(due) = sleepers.pop() {
                due.waker.wake();
            }
        }
        None
    }
}

/// The earliest is the greatest: a heap gives the greatest first.
impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Sleeper {}

#[cfg(target_os = "linux")]
mod timer {
    use super::{Context, Instant, Poll};

    use std::io;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::net::unix::pipe::Receiver;

    /// A timer of the kernel, with the resolution of its clock.
    pub(super) struct Timer {
        /// tokio has no type for it; waiting for it and reading it is the same as
        /// for the end of a pipe.
        file: Receiver,
        set_to: Option<Instant>,
    }

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self { file: Receiver::from_owned_fd_unchecked(file)?, set_to: None })
        }

        pub(super) fn poll_until(
            &mut self,
            at: Instant,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            if self.set_to != Some(at) {
                self.set(at)?;
            }
            loop {
                if self.file.poll_read_ready(cx)?.is_pending() {
                    return Poll::Pending;
                }
                match self.file.try_read(&mut [0; 8]) {
                    Ok(_) => {
                        self.set_to = None;
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }

        fn set(&mut self, at: Instant) -> io::Result<()> {
            // Zero would switch it off.
            let left = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
            let value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Itimerspec { it_interval: never, it_value: value };
            timerfd_settime(&self.file, TimerfdTimerFlags::empty(), &once)?;
            self.set_to = Some(at);
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use super::{Context, Instant, Poll};

    use std::pin::Pin;

    use tokio::time::{Sleep, sleep_until};

    /// Good to a millisecond; the lag that this makes is measured like any other.
    pub(super) struct Timer(Pin<Box<Sleep>>);

    impl Timer {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self(Box::pin(sleep_until(tokio::time::Instant::now()))))
        }

        pub(super) fn poll_until(
            &mut self,
            at: Instant,
            cx: &mut Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            let at = tokio::time::Instant::from_std(at);
            if self.0.deadline() != at {
                self.0.as_mut().reset(at);
            }
            self.0.as_mut().poll(cx).map(Ok)
        }
    }
}
