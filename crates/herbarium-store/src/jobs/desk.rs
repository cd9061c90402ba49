//! Jobs within one transaction.

use std::time::Duration;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use xxhash_rust::xxh3::xxh3_64;

pub(super) use crate::catalogue::Trouble;

use super::clock::{Now, Owner};
use super::record::{Lease, Record};
use super::{Added, Claim, Failed, Grip, Job, JobId, JobOptions, JobState, NewJob};
use crate::catalogue::{checked, unchecked};
use crate::wire::{Reader, put_varint};

type Bytes = &'static [u8];
const JOBS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("jobs");
const READY: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("jobs_ready");
const LEASES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("jobs_leases");
const KEYS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("jobs_keys");
const SOURCES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("jobs_sources");

/// The key under which the next number is kept: no job has it.
const NEXT: &[u8] = b"next";

/// The tables, open for writing.
pub(super) struct Desk<'txn, 'queue> {
    jobs: Table<'txn, Bytes, Bytes>,
    ready: Table<'txn, Bytes, Bytes>,
    leases: Table<'txn, Bytes, Bytes>,
    keys: Table<'txn, Bytes, Bytes>,
    sources: Table<'txn, Bytes, Bytes>,
    /// The name of the queue, its length before it.
    queue: Vec<u8>,
    options: &'queue JobOptions,
    owner: &'queue Owner,
    now: Now,
}

/// Key of a job that waits, and its source.
type Ready = (Vec<u8>, Vec<u8>);

/// How many jobs of a source wait, and are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    waiting: u64,
    running: u64,
}

impl<'txn, 'queue> Desk<'txn, 'queue> {
    pub(super) fn open(
        txn: &'txn WriteTransaction,
        name: &str,
        options: &'queue JobOptions,
        owner: &'queue Owner,
        now: Now,
    ) -> Result<Self, Trouble> {
        let mut queue = Vec::new();
        put_varint(&mut queue, name.len() as u64);
        queue.extend_from_slice(name.as_bytes());
        Ok(Self {
            jobs: txn.open_table(JOBS)?,
            ready: txn.open_table(READY)?,
            leases: txn.open_table(LEASES)?,
            keys: txn.open_table(KEYS)?,
            sources: txn.open_table(SOURCES)?,
            queue,
            options,
            owner,
            now,
        })
    }

    pub(super) fn add(&mut self, new: &NewJob) -> Result<Added, Trouble> {
        if let Some((id, mut record)) = self.of_key(&new.key)? {
            if record.state == JobState::Waiting && record.priority < new.priority {
                self.ready.remove(&self.ready_key(id, &record)[..])?;
                record.priority = new.priority;
                self.wait(id, &record)?;
            }
            if record.state != JobState::Dead {
                return Ok(Added::Known(id));
            }
            self.remove(id, &record)?;
        }
        let count = self.count(new.source.as_bytes())?;
        if count.waiting >= self.options.most_waiting {
            return Ok(Added::Refused);
        }
        let id = self.next_id()?;
        let record = Record {
            state: JobState::Waiting,
            priority: new.priority,
            attempts: 0,
            epoch: 0,
            not_before_ns: self.after(new.delay),
            progress: (0, 0),
            queue: self.queue.clone(),
            key: new.key.clone(),
            source: new.source.clone().into_bytes(),
            payload: new.payload.clone(),
            error: Vec::new(),
        };
        self.keys.insert(&self.of_queue(&new.key)[..], &checked(&id.0.to_le_bytes())[..])?;
        self.wait(id, &record)?;
        self.counted(&record.source, |count| count.waiting += 1)?;
        Ok(Added::New(id))
    }

    /// Makes jobs wait again whose lease has ended, or whose worker is gone.
    pub(super) fn recover(&mut self) -> Result<(), Trouble> {
        let mut ended = Vec::new();
        for entry in self.leases.iter()? {
            let (id, lease) = entry?;
            let lease = unchecked(lease.value()).and_then(Lease::from_bytes);
            if lease.is_none_or(|lease| self.has_ended(&lease)) {
                ended.extend(job_id(id.value()));
            }
        }
        for id in ended {
            let record = self.any_record(id)?;
            let Some(record) = record.filter(Record::is_claimed) else {
                self.leases.remove(&id.0.to_be_bytes()[..])?;
                continue;
            };
            // Another queue's jobs are its own business.
            if record.queue == self.queue {
                let error = b"whoever worked on it is gone, or did not renew in time";
                self.failed(id, record, error)?;
            }
        }
        Ok(())
    }

    fn has_ended(&self, lease: &Lease) -> bool {
        let is_over = lease.boot == self.now.boot && lease.until_ns <= self.now.since_boot_ns;
        // Longer than any lease: counted by a clock that was set back since.
        let longest = self.now.since_boot_ns.saturating_add(ns(self.options.lease));
        is_over
            || lease.boot != self.now.boot
            || lease.until_ns > longest.saturating_add(ns(self.options.longest_wait))
            || lease.owner.is_gone(&self.now)
    }

    pub(super) fn claim(&mut self, most: usize) -> Result<Vec<Claim>, Trouble> {
        let mut ids = Vec::new();
        let mut from = self.queue.clone();
        let longest = self.after(self.options.longest_wait);
        let mut running: Vec<(Vec<u8>, u64)> = Vec::new();
        while ids.len() < most {
            let Some((key, source)) = self.first_ready(&from)? else { break };
            let Some((priority, not_before_ns, id)) = self.read_ready(&key) else { break };
            from = key;
            // The clock was set back since: it waits no longer than it may.
            let is_due = not_before_ns <= self.now.wall_ns || not_before_ns > longest;
            if !is_due {
                // So has nothing else of this priority.
                let Some(lower) = priority.checked_sub(1) else { break };
                from = self.queue.clone();
                from.push(u8::MAX - lower);
                continue;
            }
            from.push(0);
            let at = match running.iter().position(|(known, _)| *known == source) {
                Some(at) => at,
                None => {
                    let count = self.count(&source)?.running;
                    running.push((source, count));
                    running.len() - 1
                }
            };
            let Some((_, count)) = running.get_mut(at) else { break };
            if *count < u64::from(self.options.most_running) {
                *count += 1;
                ids.push(id);
            }
        }
        let mut claims = Vec::new();
        for id in ids {
            claims.extend(self.take(id)?);
        }
        Ok(claims)
    }

    /// The first of the waiting jobs from a key on, and its source.
    fn first_ready(&self, from: &[u8]) -> Result<Option<Ready>, Trouble> {
        let Some(entry) = self.ready.range::<&[u8]>(from..)?.next() else { return Ok(None) };
        let (key, source) = entry?;
        let source = unchecked(source.value()).unwrap_or_default().to_vec();
        Ok(key.value().starts_with(&self.queue).then(|| (key.value().to_vec(), source)))
    }

    fn take(&mut self, id: JobId) -> Result<Option<Claim>, Trouble> {
        let Some(mut record) = self.record(id)? else { return Ok(None) };
        self.ready.remove(&self.ready_key(id, &record)[..])?;
        record.state = JobState::Running;
        record.attempts += 1;
        record.epoch += 1;
        record.progress = (0, 0);
        self.counted(&record.source, |count| {
            count.waiting = count.waiting.saturating_sub(1);
            count.running += 1;
        })?;
        self.lease(id)?;
        self.write(id, &record)?;
        let epoch = record.epoch;
        Ok(Some(Claim { job: record.job(id), epoch }))
    }

    pub(super) fn renew(&mut self, claim: &Claim, progress: (u64, u64)) -> Result<Grip, Trouble> {
        let Some(mut record) = self.held(claim)? else { return Ok(Grip::Lost) };
        record.progress = progress;
        self.write(claim.job.id, &record)?;
        self.lease(claim.job.id)?;
        Ok(hold(&record))
    }

    pub(super) fn finish(&mut self, claim: &Claim) -> Result<Grip, Trouble> {
        let Some(record) = self.held(claim)? else { return Ok(Grip::Lost) };
        self.remove(claim.job.id, &record)?;
        Ok(hold(&record))
    }

    pub(super) fn fail(&mut self, claim: &Claim, error: &str) -> Result<Failed, Trouble> {
        let Some(record) = self.held(claim)? else { return Ok(Failed::Lost) };
        self.failed(claim.job.id, record, error.as_bytes())
    }

    pub(super) fn give_back(&mut self, claim: &Claim) -> Result<Grip, Trouble> {
        let id = claim.job.id;
        let Some(mut record) = self.held(claim)? else { return Ok(Grip::Lost) };
        if record.state == JobState::Cancelling {
            self.remove(id, &record)?;
            return Ok(Grip::Cancelled);
        }
        record.attempts = record.attempts.saturating_sub(1);
        self.unlease(id, &record)?;
        record.state = JobState::Waiting;
        self.wait(id, &record)?;
        self.counted(&record.source, |count| count.waiting += 1)?;
        Ok(Grip::Held)
    }

    pub(super) fn cancel(&mut self, id: JobId) -> Result<Option<JobState>, Trouble> {
        let Some(mut record) = self.record(id)? else { return Ok(None) };
        let state = record.state;
        if record.is_claimed() {
            record.state = JobState::Cancelling;
            self.write(id, &record)?;
        } else {
            self.remove(id, &record)?;
        }
        Ok(Some(state))
    }

    pub(super) fn revive(&mut self, id: JobId) -> Result<bool, Trouble> {
        let Some(mut record) = self.record(id)? else { return Ok(false) };
        if record.state != JobState::Dead {
            return Ok(false);
        }
        (record.state, record.attempts) = (JobState::Waiting, 0);
        record.not_before_ns = self.now.wall_ns;
        self.wait(id, &record)?;
        self.counted(&record.source, |count| count.waiting += 1)?;
        Ok(true)
    }

    pub(super) fn jobs(&mut self) -> Result<Vec<Job>, Trouble> {
        let mut jobs = Vec::new();
        for entry in self.jobs.iter()? {
            let (id, record) = entry?;
            let record = unchecked(record.value()).and_then(Record::from_bytes);
            let record = record.filter(|record| record.queue == self.queue);
            jobs.extend(job_id(id.value()).zip(record).map(|(id, record)| record.job(id)));
        }
        Ok(jobs)
    }

    /// A job of this queue.
    pub(super) fn record(&self, id: JobId) -> Result<Option<Record>, Trouble> {
        Ok(self.any_record(id)?.filter(|record| record.queue == self.queue))
    }

    fn any_record(&self, id: JobId) -> Result<Option<Record>, Trouble> {
        let value = self.jobs.get(&id.0.to_be_bytes()[..])?;
        Ok(value.and_then(|value| unchecked(value.value()).and_then(Record::from_bytes)))
    }

    /// The job of a claim that holds.
    fn held(&self, claim: &Claim) -> Result<Option<Record>, Trouble> {
        let record = self.record(claim.job.id)?;
        Ok(record.filter(|record| record.is_claimed() && record.epoch == claim.epoch))
    }

    fn of_key(&self, key: &[u8]) -> Result<Option<(JobId, Record)>, Trouble> {
        let id = match self.keys.get(&self.of_queue(key)[..])? {
            Some(value) => unchecked(value.value()).and_then(|it| Reader(it).u64()).map(JobId),
            None => None,
        };
        let Some(id) = id else { return Ok(None) };
        // A record that is damaged has lost its key to the next of that name.
        let record = self.record(id)?.filter(|record| record.key == key);
        Ok(record.map(|record| (id, record)))
    }

    /// A job was begun and not done.
    fn failed(&mut self, id: JobId, mut record: Record, error: &[u8]) -> Result<Failed, Trouble> {
        if record.state == JobState::Cancelling {
            self.remove(id, &record)?;
            return Ok(Failed::Dead);
        }
        self.unlease(id, &record)?;
        record.error = error.get(..error.len().min(super::MOST)).unwrap_or_default().to_vec();
        if record.attempts >= self.options.attempts {
            record.state = JobState::Dead;
            self.write(id, &record)?;
            return Ok(Failed::Dead);
        }
        let wait = self.backoff(id, record.attempts);
        record.state = JobState::Waiting;
        record.not_before_ns = self.after(wait);
        self.wait(id, &record)?;
        self.counted(&record.source, |count| count.waiting += 1)?;
        Ok(Failed::Again(wait))
    }

    /// Twice as long each time, give or take a half: so that what failed together
    /// does not come again together.
    fn backoff(&self, id: JobId, attempts: u32) -> Duration {
        let doubled = 1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = self.options.backoff.saturating_mul(doubled).min(self.options.longest_wait);
        let seed = [id.0.to_le_bytes(), self.now.wall_ns.to_le_bytes()].concat();
        let percent = u32::try_from(xxh3_64(&seed) % 101).unwrap_or(0) + 50;
        (wait.saturating_mul(percent) / 100).min(self.options.longest_wait)
    }

    fn after(&self, wait: Duration) -> u64 {
        let wait = wait.min(self.options.longest_wait);
        self.now.wall_ns.saturating_add(ns(wait))
    }

    /// Writes a job that waits.
    fn wait(&mut self, id: JobId, record: &Record) -> Result<(), Trouble> {
        self.ready.insert(&self.ready_key(id, record)[..], &checked(&record.source)[..])?;
        self.write(id, record)
    }

    fn write(&mut self, id: JobId, record: &Record) -> Result<(), Trouble> {
        self.jobs.insert(&id.0.to_be_bytes()[..], &checked(&record.to_bytes())[..])?;
        Ok(())
    }

    fn lease(&mut self, id: JobId) -> Result<(), Trouble> {
        let until_ns = self.now.since_boot_ns.saturating_add(ns(self.options.lease));
        let lease = Lease { owner: *self.owner, boot: self.now.boot, until_ns };
        self.leases.insert(&id.0.to_be_bytes()[..], &checked(&lease.to_bytes())[..])?;
        Ok(())
    }

    fn unlease(&mut self, id: JobId, record: &Record) -> Result<(), Trouble> {
        self.leases.remove(&id.0.to_be_bytes()[..])?;
        self.counted(&record.source, |count| count.running = count.running.saturating_sub(1))
    }

    /// A job is no more.
    fn remove(&mut self, id: JobId, record: &Record) -> Result<(), Trouble> {
        match record.state {
            JobState::Waiting => {
                self.ready.remove(&self.ready_key(id, record)[..])?;
                let less = |count: &mut Count| count.waiting = count.waiting.saturating_sub(1);
                self.counted(&record.source, less)?;
            }
            JobState::Running | JobState::Cancelling => self.unlease(id, record)?,
            JobState::Dead => {}
        }
        self.keys.remove(&self.of_queue(&record.key)[..])?;
        self.jobs.remove(&id.0.to_be_bytes()[..])?;
        Ok(())
    }

    fn count(&self, source: &[u8]) -> Result<Count, Trouble> {
        let value = self.sources.get(&self.of_queue(source)[..])?;
        let count = value.and_then(|value| {
            let mut reader = Reader(unchecked(value.value())?);
            Some(Count { waiting: reader.u64()?, running: reader.u64()? })
        });
        Ok(count.unwrap_or_default())
    }

    fn counted(&mut self, source: &[u8], change: impl Fn(&mut Count)) -> Result<(), Trouble> {
        let mut count = self.count(source)?;
        change(&mut count);
        let key = self.of_queue(source);
        if count == Count::default() {
            self.sources.remove(&key[..])?;
            return Ok(());
        }
        let bytes = [count.waiting.to_le_bytes(), count.running.to_le_bytes()].concat();
        self.sources.insert(&key[..], &checked(&bytes)[..])?;
        Ok(())
    }

    fn next_id(&mut self) -> Result<JobId, Trouble> {
        let next = match self.keys.get(NEXT)? {
            Some(value) => unchecked(value.value()).and_then(|bytes| Reader(bytes).u64()),
            None => None,
        };
        // Should the number be lost: behind all jobs that there are.
        let next = match (next, self.jobs.last()?) {
            (Some(next), _) => next,
            (None, Some((id, _))) => job_id(id.value()).map_or(1, |id| id.0.saturating_add(1)),
            (None, None) => 1,
        };
        self.keys.insert(NEXT, &checked(&next.saturating_add(1).to_le_bytes())[..])?;
        Ok(JobId(next))
    }

    fn of_queue(&self, rest: &[u8]) -> Vec<u8> {
        [&self.queue, rest].concat()
    }

    /// In the order in which jobs are claimed.
    fn ready_key(&self, id: JobId, record: &Record) -> Vec<u8> {
        let mut key = self.queue.clone();
        key.push(u8::MAX - record.priority);
        key.extend_from_slice(&record.not_before_ns.to_be_bytes());
        key.extend_from_slice(&id.0.to_be_bytes());
        key
    }

    /// Priority, earliest time and number of a job that waits.
    fn read_ready(&self, key: &[u8]) -> Option<(u8, u64, JobId)> {
        let mut reader = Reader(key.strip_prefix(&self.queue[..])?);
        let priority = u8::MAX - reader.u8()?;
        let not_before_ns = u64::from_be_bytes(reader.array()?);
        Some((priority, not_before_ns, JobId(u64::from_be_bytes(reader.array()?))))
    }
}

fn hold(record: &Record) -> Grip {
    match record.state {
        JobState::Cancelling => Grip::Cancelled,
        _ => Grip::Held,
    }
}

fn job_id(key: &[u8]) -> Option<JobId> {
    key.try_into().ok().map(|bytes| JobId(u64::from_be_bytes(bytes)))
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
