//! Threads that work through a queue, watched.
//!
//! A job that panics costs itself; a job that hangs costs itself and its
//! thread, which is replaced. So that a thread can be left behind it borrows
//! nothing, and all that the outside hears comes through one channel.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::budget::Permit;

/// What a crew does.
pub(crate) trait Work: Send + Sync + 'static {
    /// A thing to do.
    type Job: Copy + Send + 'static;
    /// What comes of it.
    type Done: Send + 'static;
    /// What a thread keeps from job to job. Thrown away after a panic.
    type Tools;

    /// Tools for one thread.
    fn tools(&self) -> Self::Tools;

    /// Does one job.
    fn work(&self, job: Self::Job, tools: &mut Self::Tools, watch: &Watch) -> Self::Done;
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Outcome<D> {
    /// It was done.
    Done(D),
    /// It panicked, saying so.
    Panicked(String),
    /// It went on for longer than it should at this step; its thread was left behind.
    Hung(&'static str),
}

/// A job, and what came of it.
pub(crate) type Event<W> = (<W as Work>::Job, Outcome<<W as Work>::Done>);

/// Some threads and their queue.
pub(crate) struct Crew<W: Work> {
    work: Arc<W>,
    queue: Arc<Queue<W::Job>>,
    sender: Sender<Event<W>>,
    events: Receiver<Event<W>>,
    hands: Vec<Hand<W::Job>>,
    looked: Instant,
}

struct Hand<J> {
    slot: Arc<Slot<J>>,
    thread: JoinHandle<()>,
}

/// Jobs waiting.
struct Queue<J> {
    jobs: Mutex<Jobs<J>>,
    changed: Condvar,
}

struct Jobs<J> {
    waiting: VecDeque<J>,
    closed: bool,
}

/// What one thread is at.
struct Slot<J> {
    job: Mutex<Option<J>>,
    watch: Watch,
}

/// By which a job says at what it is, and for how long that is right.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    step: Option<(&'static str, Instant)>,
    permit: Option<Permit>,
    /// Nobody waits for this thread any more.
    lost: bool,
}

/// How often those who wait are told that there is nothing new.
const STEP: Duration = Duration::from_millis(50);
/// How often threads are looked after.
const LOOK: Duration = Duration::from_millis(250);
/// Of address space; what is not used costs nothing. Scanners are C.
const STACK: usize = 8 << 20;

impl Watch {
    /// From now on at this step, until `limit` has passed.
    pub(crate) fn step(&self, name: &'static str, limit: Duration) {
        self.watched().step = Instant::now().checked_add(limit).map(|until| (name, until));
    }

    /// From now on waiting for others: for as long as it takes.
    pub(crate) fn wait(&self) {
        self.watched().step = None;
    }

    /// Keeps a permit that is given back when the job ends, however it ends.
    pub(crate) fn keep(&self, permit: Permit) {
        self.watched().permit = Some(permit);
    }

    /// Gives the permit back.
    pub(crate) fn release(&self) {
        let permit = self.watched().permit.take();
        drop(permit);
    }

    /// Ends a job; says whether anybody still waits for it.
    fn end(&self) -> bool {
        let mut watched = self.watched();
        watched.step = None;
        watched.permit = None;
        !watched.lost
    }

    /// Leaves the thread behind if it is over its time; says at which step.
    fn give_up(&self, now: Instant) -> Option<&'static str> {
        let mut watched = self.watched();
        let (step, _) = watched.step.filter(|(_, until)| *until < now && !watched.lost)?;
        watched.lost = true;
        watched.permit = None;
        Some(step)
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Work> Crew<W> {
    /// Starts the threads.
    pub(crate) fn start(work: Arc<W>, threads: usize) -> io::Result<Self> {
        let (sender, events) = channel();
        let queue = Queue {
            jobs: Mutex::new(Jobs { waiting: VecDeque::new(), closed: false }),
            changed: Condvar::new(),
        };
        let mut crew = Self {
            work,
            queue: Arc::new(queue),
            sender,
            events,
            hands: Vec::new(),
            looked: Instant::now(),
        };
        for _ in 0..threads.max(1) {
            crew.hire()?;
        }
        Ok(crew)
    }

    /// Does these jobs, in this order, and waits for all of them. `hear` is told
    /// what comes of each, and is called from time to time without news; once it
    /// says no, what was not begun is left out.
    ///
    /// # Errors
    /// A thread that was left behind cannot be replaced.
    pub(crate) fn run(
        &mut self,
        jobs: Vec<W::Job>,
        mut hear: impl FnMut(Option<Event<W>>) -> bool,
    ) -> io::Result<()> {
        let mut open = jobs.len();
        self.give(jobs);
        while open > 0 {
            let event = self.next(STEP)?;
            open -= usize::from(event.is_some());
            if !hear(event) {
                open -= self.take_back();
            }
        }
        Ok(())
    }

    /// Adds to the end of the queue.
    fn give(&self, jobs: impl IntoIterator<Item = W::Job>) {
        self.queue.lock().waiting.extend(jobs);
        self.queue.changed.notify_all();
    }

    /// Takes back what nobody has begun; says how many these are.
    fn take_back(&self) -> usize {
        std::mem::take(&mut self.queue.lock().waiting).len()
    }

    /// What came of a job, or `None` if nothing does until then.
    fn next(&mut self, patience: Duration) -> io::Result<Option<Event<W>>> {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            if let Some(event) = self.look_after()? {
                return Ok(Some(event));
            }
        }
        match self.events.recv_timeout(patience) {
            Ok(event) => Ok(Some(event)),
            // This crew holds a sender: there is no disconnection.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    fn look_after(&mut self) -> io::Result<Option<Event<W>>> {
        let now = Instant::now();
        for index in 0..self.hands.len() {
            let Some(hand) = self.hands.get(index) else { break };
            let Some(step) = hand.slot.watch.give_up(now) else { continue };
            let job = *hand.slot.job();
            // Dropping the handle lets the thread go on by itself.
            drop(self.hands.swap_remove(index));
            self.hire()?;
            return Ok(job.map(|job| (job, Outcome::Hung(step))));
        }
        Ok(None)
    }

    fn hire(&mut self) -> io::Result<()> {
        let slot = Arc::new(Slot { job: Mutex::new(None), watch: Watch::default() });
        let (work, queue, sender) =
            (Arc::clone(&self.work), Arc::clone(&self.queue), self.sender.clone());
        let at = Arc::clone(&slot);
        let builder = Builder::new().name("herbarium-press".to_owned()).stack_size(STACK);
        let thread = builder.spawn(move || toil(&*work, &queue, &at, &sender))?;
        self.hands.push(Hand { slot, thread });
        Ok(())
    }
}

impl<W: Work> Drop for Crew<W> {
    fn drop(&mut self) {
        let mut jobs = self.queue.lock();
        jobs.waiting.clear();
        jobs.closed = true;
        drop(jobs);
        self.queue.changed.notify_all();
        for hand in std::mem::take(&mut self.hands) {
            // A panic was told already.
            let _ = hand.thread.join();
        }
    }
}

impl<J> Queue<J> {
    fn lock(&self) -> MutexGuard<'_, Jobs<J>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<J> {
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                return Some(job);
            }
            if jobs.closed {
                return None;
            }
            jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J> Slot<J> {
    fn job(&self) -> MutexGuard<'_, Option<J>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread does all day.
fn toil<W: Work>(work: &W, queue: &Queue<W::Job>, slot: &Slot<W::Job>, sender: &Sender<Event<W>>) {
    let mut tools = work.tools();
    while let Some(job) = queue.take() {
        *slot.job() = Some(job);
        let result = catch_unwind(AssertUnwindSafe(|| work.work(job, &mut tools, &slot.watch)));
        if !slot.watch.end() {
            return;
        }
        let outcome = match result {
            Ok(done) => Outcome::Done(done),
            Err(panic) => {
                tools = work.tools();
                Outcome::Panicked(words(&*panic))
            }
        };
        if sender.send((job, outcome)).is_err() {
            return;
        }
    }
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::budget::Budget;

    /// Doubles numbers; 13 panics, and 14 hangs until it is let go, with all of
    /// the budget in its hands.
    struct Double {
        let_go: AtomicBool,
        budget: Arc<Budget>,
    }

    impl Work for Double {
        type Job = u32;
        type Done = u32;
        type Tools = ();

        fn tools(&self) {}

        fn work(&self, job: u32, (): &mut (), watch: &Watch) -> u32 {
            watch.keep(self.budget.acquire(10));
            watch.step("doubling", Duration::from_millis(300));
            assert!(job != 13, "unlucky {job}");
            while job == 14 && !self.let_go.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
            job * 2
        }
    }

    fn run(jobs: &[u32], threads: usize) -> Vec<(u32, String)> {
        let double = Double { let_go: AtomicBool::new(false), budget: Budget::new(10) };
        let double = Arc::new(double);
        let mut crew = Crew::start(Arc::clone(&double), threads).unwrap();
        let mut seen = Vec::new();
        let heard = crew.run(jobs.to_vec(), |event| {
            seen.extend(event.map(|(job, outcome)| (job, format!("{outcome:?}"))));
            true
        });
        heard.unwrap();
        double.let_go.store(true, Ordering::Relaxed);
        assert!(crew.next(Duration::from_millis(50)).unwrap().is_none());
        seen.sort();
        seen
    }

    fn check(jobs: &[u32], expected: &[&str]) {
        for threads in [1, 2, 5] {
            let seen = run(jobs, threads);
            let words: Vec<&str> = seen.iter().map(|(_, words)| words.as_str()).collect();
            assert_eq!(words, expected, "{threads} threads");
        }
    }

    #[test]
    fn every_job_is_done_once() {
        check(&[1, 2, 3], &["Done(2)", "Done(4)", "Done(6)"]);
    }

    #[test]
    fn what_was_not_begun_can_be_left_out() {
        let double = Double { let_go: AtomicBool::new(false), budget: Budget::new(10) };
        let mut crew = Crew::start(Arc::new(double), 1).unwrap();
        let mut seen = 0;
        let heard = crew.run((20..100_000).collect(), |event| {
            seen += usize::from(event.is_some());
            false
        });
        heard.unwrap();
        assert!(seen < 50_000, "{seen}");
    }

    #[test]
    fn a_panic_costs_one_job() {
        check(&[1, 13, 15], &["Done(2)", "Panicked(\"unlucky 13\")", "Done(30)"]);
    }

    #[test]
    fn a_hang_costs_one_job_and_gives_its_memory_back() {
        check(&[1, 14, 15], &["Done(2)", "Hung(\"doubling\")", "Done(30)"]);
    }
}
