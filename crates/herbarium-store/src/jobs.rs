//! Work to be done, kept in the store: a queue that outlives the processes that
//! work on it.
//!
//! What is written in one step is one transaction of the catalogue: a job is in one
//! state, whoever is killed whenever.

mod clock;
mod desk;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Store, StoreError};

use clock::{Now, Owner};
use desk::Desk;

/// How a [`JobQueue`] works.
///
/// ```
/// use std::time::Duration;
/// use herbarium_store::JobOptions;
///
/// let options = JobOptions { attempts: 3, ..JobOptions::default() };
/// assert_eq!(options.lease, Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOptions {
    /// How often a job is tried before it is dead. 5 by default.
    pub attempts: u32,
    /// How long a job may be worked on without a [`JobQueue::renew`]. 30 s by
    /// default.
    pub lease: Duration,
    /// How long a job waits after it failed for the first time; twice that after
    /// the second time, and so on, give or take half of it. 1 s by default.
    pub backoff: Duration,
    /// The longest that a job waits, whatever happens to the clock. 5 min by default.
    pub longest_wait: Duration,
    /// How many jobs of one source are worked on at a time. As many as are asked
    /// for by default.
    pub most_running: u32,
    /// How many jobs of one source may wait. 100,000 by default.
    pub most_waiting: u64,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            attempts: 5,
            lease: Duration::from_secs(30),
            backoff: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
            most_running: u32::MAX,
            most_waiting: 100_000,
        }
    }
}

/// A job to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// What it is: while a job of this key waits or is worked on, there is no
    /// second one. At most 64 KiB, as each of the others.
    pub key: Vec<u8>,
    /// Who wants it: quotas are counted by source.
    pub source: String,
    /// Jobs of a higher one go first: a file that is open before a bulk import.
    pub priority: u8,
    /// What it takes to do it, opaque here.
    pub payload: Vec<u8>,
    /// How long it is to wait at least, up to [`JobOptions::longest_wait`].
    pub delay: Duration,
}

impl NewJob {
    /// A job of priority 100 that needs no more than its key.
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        let (source, payload) = (String::new(), Vec::new());
        Self { key: key.into(), source, priority: 100, payload, delay: Duration::ZERO }
    }
}

/// Number of a job: never given twice in a catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What came of adding a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the queue.
    New(JobId),
    /// There is one of its key; if that waits and has a lower priority, it has
    /// this one's now.
    Known(JobId),
    /// Its source has as many as may wait: try again when some are done.
    Refused,
}

/// A job as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it is.
    pub key: Vec<u8>,
    /// Who wants it.
    pub source: String,
    /// Its priority.
    pub priority: u8,
    /// What it takes to do it.
    pub payload: Vec<u8>,
    /// Where it is.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: u32,
    /// How far it is, of how much: what was said last.
    pub progress: (u64, u64),
    /// Why it failed last; empty if it did not.
    pub error: String,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// Nobody works on it.
    Waiting,
    /// Somebody does.
    Running,
    /// Somebody does, and is to stop.
    Cancelling,
    /// It failed too often; it stays until it is [revived](JobQueue::revive) or
    /// [cancelled](JobQueue::cancel).
    Dead,
}

/// A job to be worked on, by whoever holds this, until the lease ends.
///
/// Once it has ended another may claim the job: then what this one says of it is
/// not heard any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: Job,
    /// Counts the claims of a job.
    epoch: u64,
}

/// What a claim is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grip {
    /// It holds.
    Held,
    /// It holds; the job is to be stopped, and [given up](JobQueue::finish).
    Cancelled,
    /// It does not: the lease has ended, and the job is another's, or done.
    Lost,
}

/// What becomes of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again after so long.
    Again(Duration),
    /// It was tried often enough.
    Dead,
    /// The claim did not hold any more: nothing was changed.
    Lost,
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JobCounts {
    /// Nobody works on them.
    pub waiting: u64,
    /// Somebody does.
    pub running: u64,
    /// They failed too often.
    pub dead: u64,
}

/// A queue of jobs in a store, shared by processes.
///
/// ```
/// use std::sync::Arc;
/// use herbarium_store::{Added, Grip, JobOptions, JobQueue, NewJob, Store, StoreOptions};
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("store");
/// let store = Arc::new(Store::open(&dir, StoreOptions::new())?);
/// let queue = JobQueue::new(store, "index", JobOptions::default());
///
/// queue.add(&NewJob { priority: 10, ..NewJob::new("/a/whole/project") })?;
/// queue.add(&NewJob { priority: 200, ..NewJob::new("/a/file/that/is/open.rs") })?;
/// assert!(matches!(queue.add(&NewJob::new("/a/whole/project"))?, Added::Known(_)));
///
/// for claim in queue.claim(1)? {
///     assert_eq!(claim.job.key, b"/a/file/that/is/open.rs");
///     assert_eq!(queue.finish(&claim)?, Grip::Held);
/// }
/// assert_eq!(queue.counts()?.waiting, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it promises
/// - **Nothing is lost**: a job that was added is done, dead or cancelled in the
///   end. One whose worker is killed is claimed again: at once if the system tells
///   that the process is gone (Linux), else when its lease ends.
/// - **Nothing is done twice**, as far as the queue can see to it: one claim of a job
///   holds at a time, and only what that one says counts. A worker that is killed
///   between its work and [`JobQueue::finish`] has its job done once more: what a
///   job does must bear that, as pressing a tree does.
/// - **A clock that jumps delays**, by no more than [`JobOptions::longest_wait`].
///   Leases are counted from the start of the system where it tells (Linux).
/// - **Durable**: what a method has returned is so after a power failure, too.
///
/// A catalogue that is lost takes its jobs with it: unlike trees they are not in
/// the segments. Whoever adds jobs must be able to add them again; for trees
/// another `index` does.
///
/// # Cost
/// Each call is one transaction, synced: claim, finish and add in batches where
/// there are many. Claiming passes over the waiting jobs of sources that are at
/// their quota.
pub struct JobQueue {
    store: Arc<Store>,
    name: String,
    options: JobOptions,
    owner: Owner,
    now: Box<dyn Fn() -> Now + Send + Sync>,
}

impl JobQueue {
    /// The queue of that name in a store.
    pub fn new(store: Arc<Store>, name: &str, options: JobOptions) -> Self {
        let now = Box::new(Now::read);
        Self { store, name: name.to_owned(), options, owner: Owner::this_process(), now }
    }

    /// Adds a job, if there is none of its key.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if a part of it is, [`StoreError::ReadOnly`],
    /// [`StoreError::Catalogue`] if it cannot be written; so for all methods.
    pub fn add(&self, job: &NewJob) -> Result<Added, StoreError> {
        Ok(self.add_all(std::slice::from_ref(job))?.pop().unwrap_or(Added::Refused))
    }

    /// Adds jobs in one step.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn add_all(&self, jobs: &[NewJob]) -> Result<Vec<Added>, StoreError> {
        for job in jobs {
            let parts = [
                ("a job's key", job.key.len()),
                ("a job's source", job.source.len()),
                ("a job's payload", job.payload.len()),
            ];
            if let Some((what, len)) = parts.into_iter().find(|(_, len)| *len > MOST) {
                return Err(StoreError::TooLarge { what, len: len as u64, limit: MOST as u64 });
            }
        }
        self.change("add jobs", |desk| jobs.iter().map(|job| desk.add(job)).collect())
    }

    /// Claims up to so many jobs: the highest priorities first, of each those that
    /// wait for longest. None if there is nothing to do now.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn claim(&self, most: usize) -> Result<Vec<Claim>, StoreError> {
        self.change("claim jobs", |desk| {
            desk.recover()?;
            desk.claim(most)
        })
    }

    /// Says that a job is still being worked on, and how far it is.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn renew(&self, claim: &Claim, progress: (u64, u64)) -> Result<Grip, StoreError> {
        self.change("renew a job", |desk| desk.renew(claim, progress))
    }

    /// A job is done, or given up because it was cancelled: it is no more.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn finish(&self, claim: &Claim) -> Result<Grip, StoreError> {
        let holds = self.finish_all(std::slice::from_ref(claim))?;
        Ok(holds.first().copied().unwrap_or(Grip::Lost))
    }

    /// As [`JobQueue::finish`], in one step.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn finish_all(&self, claims: &[Claim]) -> Result<Vec<Grip>, StoreError> {
        self.change("finish jobs", |desk| claims.iter().map(|claim| desk.finish(claim)).collect())
    }

    /// A job failed: it is tried again later, unless it was tried often enough.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn fail(&self, claim: &Claim, error: &str) -> Result<Failed, StoreError> {
        self.change("note that a job failed", |desk| desk.fail(claim, error))
    }

    /// Gives a job back as if it had not been claimed: for a worker that is to end.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn give_back(&self, claim: &Claim) -> Result<Grip, StoreError> {
        self.change("give a job back", |desk| desk.give_back(claim))
    }

    /// Cancels a job: one that waits or is dead is no more, one that is worked on is
    /// told at its next [`JobQueue::renew`]. Says where it was; `None` if it is not
    /// there.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn cancel(&self, id: JobId) -> Result<Option<JobState>, StoreError> {
        self.change("cancel a job", |desk| desk.cancel(id))
    }

    /// Gives a dead job all its attempts again. Says whether it was dead.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn revive(&self, id: JobId) -> Result<bool, StoreError> {
        self.change("revive a job", |desk| desk.revive(id))
    }

    /// A job; `None` if it is done, cancelled, or never was.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.change("read a job", |desk| Ok(desk.record(id)?.map(|it| it.job(id))))
    }

    /// All jobs of the queue, by number.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.change("list the jobs", |desk| desk.jobs())
    }

    /// How many there are.
    ///
    /// # Errors
    /// Those of [`JobQueue::add`].
    pub fn counts(&self) -> Result<JobCounts, StoreError> {
        let mut counts = JobCounts::default();
        for job in self.jobs()? {
            match job.state {
                JobState::Waiting => counts.waiting += 1,
                JobState::Running | JobState::Cancelling => counts.running += 1,
                JobState::Dead => counts.dead += 1,
            }
        }
        Ok(counts)
    }

    /// One transaction.
    fn change<T>(
        &self,
        deed: &'static str,
        work: impl Fn(&mut Desk<'_, '_>) -> Result<T, desk::Trouble>,
    ) -> Result<T, StoreError> {
        self.store.change_jobs(deed, |txn| {
            let now = (self.now)();
            let mut desk = Desk::open(txn, &self.name, &self.options, &self.owner, now)?;
            work(&mut desk)
        })
    }
}

/// Longest key, source, payload.
const MOST: usize = 64 << 10;

impl fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueue")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
