//! Jobs: what takes longer than a request may, with progress that can be followed.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use herbarium::Cancel;
use herbarium::index::{Phase, Progress, Tick};
use tokio::sync::{Semaphore, watch};
use tokio::task;

use crate::ServiceOptions;
use crate::metrics::{JOBS, JOBS_OVER};
use crate::problem::{self, Problem};
use crate::types::{JobKind, JobProgress, JobReport, JobState, JobView};

/// All jobs that can be asked about. They end with the process.
#[derive(Debug)]
pub(crate) struct Jobs {
    list: Mutex<List>,
    turns: Arc<Semaphore>,
    /// What ids begin with: those of another run of the service are not of this one.
    prefix: String,
    waiting_most: usize,
    kept_most: usize,
}

#[derive(Debug, Default)]
struct List {
    /// In the order in which they were made.
    jobs: VecDeque<Arc<Job>>,
    made: u64,
    closed: bool,
}

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    cancel: Cancel,
    now: Mutex<Now>,
    /// Number of the last event.
    told: watch::Sender<u64>,
}

#[derive(Debug)]
struct Now {
    view: JobView,
    begun: Option<Instant>,
    events: VecDeque<Event>,
}

/// What a job was at a time.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) view: Arc<JobView>,
}

/// Events that are kept for those who were cut off.
const EVENTS: usize = 64;
/// Progress is told no more often.
const STEP: Duration = Duration::from_millis(250);

/// What a job does: hears whether it is to stop, tells how far it is.
pub(crate) type Work = Box<dyn FnOnce(&Teller) -> Result<JobReport, Problem> + Send>;

impl Jobs {
    pub(crate) fn new(options: &ServiceOptions) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            list: Mutex::default(),
            turns: Arc::new(Semaphore::new(options.job_workers.max(1))),
            prefix: format!("{:x}", started.as_millis()),
            waiting_most: options.job_queue.saturating_add(options.job_workers.max(1)),
            kept_most: options.jobs_kept,
        }
    }

    /// Starts a job; if one of that kind is waiting or running for that workspace, it
    /// is that one.
    pub(crate) fn start(
        &self,
        kind: JobKind,
        workspace: Option<&str>,
        work: Work,
    ) -> Result<Arc<Job>, Problem> {
        let mut list = lock(&self.list);
        if list.closed {
            return Err(problem::stopping());
        }
        let is_same = |job: &&Arc<Job>| {
            let view = &lock(&job.now).view;
            view.kind == kind && view.workspace.as_deref() == workspace && view.is_going_on()
        };
        if let Some(same) = list.jobs.iter().find(is_same) {
            return Ok(Arc::clone(same));
        }
        let going_on = list.jobs.iter().filter(|job| job.is_going_on()).count();
        if going_on >= self.waiting_most {
            return Err(problem::too_many_jobs(going_on));
        }
        list.made += 1;
        let id = format!("{}-{}", self.prefix, list.made);
        let job = Arc::new(Job::new(id, kind, workspace));
        list.jobs.push_back(Arc::clone(&job));
        self.forget_old(&mut list);
        drop(list);
        task::spawn(run(Arc::clone(&job), Arc::clone(&self.turns), work));
        Ok(job)
    }

    fn forget_old(&self, list: &mut List) {
        let mut over = list.jobs.iter().filter(|job| !job.is_going_on()).count();
        list.jobs.retain(|job| {
            let forget = over > self.kept_most && !job.is_going_on();
            over -= usize::from(forget);
            !forget
        });
    }

    pub(crate) fn get(&self, id: &str) -> Result<Arc<Job>, Problem> {
        let list = lock(&self.list);
        let found = list.jobs.iter().find(|job| lock(&job.now).view.id == id);
        found.cloned().ok_or_else(|| problem::no_job(id))
    }

    /// All of them, the newest first.
    pub(crate) fn all(&self) -> Vec<Arc<JobView>> {
        lock(&self.list).jobs.iter().rev().map(|job| job.view()).collect()
    }

    /// Cancels the jobs of a workspace.
    pub(crate) fn cancel_of(&self, workspace: &str) {
        for job in &lock(&self.list).jobs {
            if lock(&job.now).view.workspace.as_deref() == Some(workspace) {
                job.cancel();
            }
        }
    }

    /// Cancels all; none is started any more.
    pub(crate) fn close(&self) {
        let mut list = lock(&self.list);
        list.closed = true;
        list.jobs.iter().for_each(|job| job.cancel());
    }

    /// Waits until none is going on.
    pub(crate) async fn rest(&self) {
        let jobs: Vec<_> = lock(&self.list).jobs.iter().cloned().collect();
        for job in jobs {
            let mut told = job.told.subscribe();
            while job.is_going_on() && told.changed().await.is_ok() {}
        }
    }
}

async fn run(job: Arc<Job>, turns: Arc<Semaphore>, work: Work) {
    let kind = job.view().kind.name();
    JOBS.as_gauge(&["queued"]).increment(1);
    let turn = turns.acquire_owned().await;
    JOBS.as_gauge(&["queued"]).decrement(1);
    if turn.is_err() || job.cancel.is_cancelled() {
        job.end(JobState::Cancelled, None, None);
        JOBS_OVER.as_counter(&[kind, JobState::Cancelled.name()]).increment(1);
        return;
    }
    JOBS.as_gauge(&["running"]).increment(1);
    job.begin();
    let teller = Teller::new(&job);
    let done = task::spawn_blocking(move || work(&teller)).await;
    JOBS.as_gauge(&["running"]).decrement(1);
    let cancelled = job.cancel.is_cancelled();
    let state = match done {
        Ok(Ok(report)) if cancelled => job.end(JobState::Cancelled, Some(report), None),
        Ok(Ok(report)) => job.end(JobState::Done, Some(report), None),
        Ok(Err(_)) if cancelled => job.end(JobState::Cancelled, None, None),
        Ok(Err(problem)) => job.end(JobState::Failed, None, Some(problem)),
        Err(_) => job.end(JobState::Failed, None, Some(problem::job_panicked())),
    };
    JOBS_OVER.as_counter(&[kind, state.name()]).increment(1);
}

impl Job {
    fn new(id: String, kind: JobKind, workspace: Option<&str>) -> Self {
        let view = JobView {
            id,
            kind,
            workspace: workspace.map(str::to_owned),
            state: JobState::Queued,
            created: seconds_since_1970(),
            seconds: None,
            progress: JobProgress::default(),
            report: None,
            problem: None,
        };
        let first = Event { number: 1, view: Arc::new(view.clone()) };
        let now = Now { view, begun: None, events: [first].into() };
        Self { cancel: Cancel::new(), now: Mutex::new(now), told: watch::Sender::new(1) }
    }

    /// What it is now.
    pub(crate) fn view(&self) -> Arc<JobView> {
        let now = lock(&self.now);
        let last = now.events.back().map(|event| Arc::clone(&event.view));
        last.unwrap_or_else(|| Arc::new(now.view.clone()))
    }

    /// Asks it to stop.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
        // One that waits has no work that would notice.
        if lock(&self.now).view.state == JobState::Queued {
            self.end(JobState::Cancelled, None, None);
        }
    }

    /// The events after that number, as far as they are kept, and whether it is over.
    pub(crate) fn events_after(&self, number: u64) -> (Vec<Event>, bool) {
        let now = lock(&self.now);
        let events = now.events.iter().filter(|event| event.number > number).cloned();
        (events.collect(), !now.view.is_going_on())
    }

    /// Hears of new events.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    fn is_going_on(&self) -> bool {
        lock(&self.now).view.is_going_on()
    }

    fn begin(&self) {
        self.change(|now| {
            now.begun = Some(Instant::now());
            now.view.state = JobState::Running;
        });
    }

    /// Says how it ended: the first to say so is believed.
    fn end(
        &self,
        state: JobState,
        report: Option<JobReport>,
        problem: Option<Problem>,
    ) -> JobState {
        let mut ended = state;
        self.change(|now| {
            if now.view.is_going_on() {
                now.view.state = state;
                now.view.report = report;
                now.view.problem = problem.map(|it| problem::to_raw(&it));
            }
            ended = now.view.state;
        });
        ended
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        let mut now = lock(&self.now);
        if !now.view.is_going_on() {
            return;
        }
        change(&mut now);
        now.view.seconds = now.begun.map(|begun| begun.elapsed().as_secs_f64());
        let number = *self.told.borrow() + 1;
        let view = Arc::new(now.view.clone());
        now.events.push_back(Event { number, view });
        if now.events.len() > EVENTS {
            now.events.pop_front();
        }
        self.told.send_replace(number);
    }
}

/// What a running job tells with.
pub(crate) struct Teller {
    job: Arc<Job>,
    phase: Cell<Option<Phase>>,
    told: Cell<Instant>,
}

impl Teller {
    fn new(job: &Arc<Job>) -> Self {
        Self { job: Arc::clone(job), phase: Cell::new(None), told: Cell::new(Instant::now()) }
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.job.cancel
    }
}

impl Progress for Teller {
    fn tick(&self, tick: &Tick<'_>) {
        if self.phase.get() == Some(tick.phase) && self.told.get().elapsed() < STEP {
            return;
        }
        self.phase.set(Some(tick.phase));
        self.told.set(Instant::now());
        let progress = JobProgress {
            phase: Some(phase_name(tick.phase)),
            files_found: tick.files_found,
            files_done: tick.files_done,
            bytes_found: tick.bytes_found,
            bytes_done: tick.bytes_done,
        };
        self.job.change(|now| now.view.progress = progress);
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Walk => "walk",
        Phase::Press => "press",
        Phase::Train => "train",
        Phase::Write => "write",
        Phase::Verify => "verify",
        _ => "other",
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
