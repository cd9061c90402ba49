//! A run: workers on threads of their own, their accounts merged by interval.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::connect::Door;
use crate::host::{self, PressureWatch};
use crate::job::Job;
use crate::outcome::Fault;
use crate::probe::{Probe, ServerSample};
use crate::record::Tally;
use crate::scenario::{Mode, Scenario, ScenarioError, Stage};
use crate::span::Span;
use crate::target::Target;
use crate::timeline::{Slot, Timeline};
use crate::worker::{Message, Part, Wires, work};

/// How a scenario is run on this machine.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// Threads that send; default: half of the processors.
    pub workers: Option<usize>,
    /// Accounts are merged this often.
    pub interval: Span,
    /// What no run may exceed.
    pub caps: Caps,
    /// Not before this: so that several runs begin together.
    pub start_at: Option<Instant>,
    /// A worker on another machine that says nothing for so long, where it should, is
    /// lost.
    pub patience: Span,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: None,
            interval: Span::secs(1),
            caps: Caps::default(),
            start_at: None,
            patience: Span::secs(30),
        }
    }
}

/// What no run may exceed, whatever its scenario says.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Caps {
    /// Requests; a closed run ends when it has sent so many.
    pub requests: u64,
    /// Length.
    pub time: Span,
    /// Connections.
    pub connections: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { requests: 1_000_000_000, time: Span::secs(25 * 3600), connections: 20_000 }
    }
}

/// A request to end early, which others can hold as well.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Not asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the end.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody did.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Sees a run go on. Called on the thread that called [`run`].
pub trait Watch {
    /// An interval is complete.
    fn interval(&mut self, _view: &View<'_>) {}

    /// Something worth knowing happened.
    fn note(&mut self, _text: &str) {}
}

/// Nobody watches.
impl Watch for () {}

/// What a [`Watch`] sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// From the start of the run to the end of this interval.
    pub at: Duration,
    /// How long the run will be.
    pub length: Duration,
    /// How long an interval is.
    pub interval: Duration,
    /// The stage that arrivals come from now.
    pub stage: &'a str,
    /// This interval.
    pub slot: &'a Slot,
    /// The interval as it came from the workers.
    pub tally: &'a Tally,
    /// All so far.
    pub whole: &'a Tally,
}

/// Why there is no run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The scenario cannot be run.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Nobody is there.
    #[error(
        "cannot connect to {url} ({fault}); look whether the server is running and the address right"
    )]
    Unreachable {
        /// The target.
        url: String,
        /// What happened.
        fault: Fault,
    },
    /// Somebody ended it before it began.
    #[error("ended before the run began: nothing was measured")]
    Stopped,
    /// More than a cap allows.
    #[error(
        "the run would take {planned} {what}, the cap is {cap}; make it smaller or raise the cap"
    )]
    Cap {
        /// Of what.
        what: &'static str,
        /// What the scenario asks for.
        planned: String,
        /// What is allowed.
        cap: String,
    },
    /// A thread ended that should not have.
    #[error("a worker cannot go on: {0}")]
    Worker(String),
    /// The threads or sockets of the generator itself.
    #[error("cannot {deed}")]
    Io {
        /// What was to be done.
        deed: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

/// What a run gave, before it is judged.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All of it.
    pub whole: Tally,
    /// By interval.
    pub timeline: Timeline,
    /// The stages that were run.
    pub stages: Vec<Stage>,
    /// When it started.
    pub started: SystemTime,
    /// From its start until the last answer.
    pub elapsed: Duration,
    /// Somebody ended it early.
    pub interrupted: bool,
    /// What the server did.
    pub server: Vec<ServerSample>,
    /// Mean processor time of the busiest worker, as a share of one core.
    pub cpu: f64,
    /// Processor seconds of all workers.
    pub cpu_seconds: f64,
    /// Share of the time in which somebody on the machine waited for a processor.
    pub pressure: Option<f64>,
    /// Workers in all.
    pub workers: usize,
    /// Machines that were lost on the way, with their part of the arrivals.
    pub lost: usize,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Runs a scenario against a target that is [allowed](Target::allow).
///
/// ```no_run
/// use herbarium_loadgen::{Options, Report, Scenario, Stop, Target, run};
///
/// let scenario = Scenario::from_file("lookups.toml".as_ref())?;
/// let target = Target::parse("http://127.0.0.1:8080")?.allow(false)?;
/// let outcome = run(&scenario, &target, &Options::default(), &Stop::new(), &mut ())?;
/// let report = Report::new(&scenario, target.url(), &outcome);
/// println!("{}: p99 {:?}", report.verdict, report.whole.response.p99);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The target cannot be reached, the scenario exceeds a cap, or the generator
/// itself has no threads or sockets. What goes wrong later is in the outcome.
pub fn run(
    scenario: &Scenario,
    target: &Target,
    options: &Options,
    stop: &Stop,
    watch: &mut dyn Watch,
) -> Result<Outcome, RunError> {
    let workers = options.workers.unwrap_or_else(|| (host::cores() / 2).max(1));
    // A worker without a connection could send nothing of its part.
    let workers = workers.clamp(1, (scenario.most_connections() as usize).max(1));
    let crew = Crew { first: 0, here: workers, of: workers };
    let prepared = Prepared::new(scenario, target, options, crew, stop)?;
    let mut notes = prepared.notes.clone();
    notes.iter().for_each(|note| watch.note(note));
    let stop_all = prepared.stop.clone();
    let mut team = Team::start(&prepared, stop)?;
    let soon = Instant::now() + TOGETHER;
    let start = options.start_at.map_or(soon, |at| at.max(soon));
    team.begin(start);
    let started = SystemTime::now() + start.saturating_duration_since(Instant::now());
    let probe = Probe::start(&scenario.server, start);
    let pressure = PressureWatch::start();
    let collected =
        Collector::new(Course::of(&prepared.job), workers, options.caps.requests, stop_all.clone())
            .collect(&team.messages, &team.spares, watch);
    stop_all.set();
    let (elapsed, pressure) = (start.elapsed(), pressure.share());
    let server = probe.map(Probe::finish).unwrap_or_default();
    team.join()?;
    let collected = collected?;
    notes.extend(collected.notes);
    Ok(Outcome {
        whole: collected.whole,
        timeline: collected.timeline,
        stages: prepared.job.stages.clone(),
        started,
        elapsed,
        interrupted: stop.is_set(),
        server,
        cpu: collected.cpu,
        cpu_seconds: collected.cpu_seconds,
        pressure,
        workers,
        lost: 0,
        notes,
    })
}

/// How often it is looked whether somebody ends the run.
pub(crate) const LOOK: Duration = Duration::from_millis(25);
/// Workers begin a little later than they hear of it, so that all begin together.
const TOGETHER: Duration = Duration::from_millis(20);

/// The workers here among those of all processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    /// Number of the first one here.
    pub(crate) first: usize,
    /// How many are here.
    pub(crate) here: usize,
    /// How many there are in all.
    pub(crate) of: usize,
}

/// A scenario that may and can be run.
pub(crate) struct Prepared {
    pub(crate) job: Arc<Job>,
    pub(crate) crew: Crew,
    pub(crate) notes: Vec<String>,
    /// Ends the workers, whoever asks for it.
    pub(crate) stop: Stop,
}

impl Prepared {
    pub(crate) fn new(
        scenario: &Scenario,
        target: &Target,
        options: &Options,
        crew: Crew,
        stop: &Stop,
    ) -> Result<Self, RunError> {
        scenario.validate()?;
        let interval = options.interval.get().max(Duration::from_millis(10));
        let job = Job::new(scenario, target, interval, options.caps.requests)?;
        options.caps.check(&job)?;
        let mut notes: Vec<String> = scenario
            .contradictions()
            .into_iter()
            .map(|it| format!("{}: {}", it.stage, it.text))
            .collect();
        if let Err(limit) = host::raise_file_limit(job.most_connections.into()) {
            notes.push(format!(
                "{} connections may be needed, and only {limit} files may be open: raise the limit (ulimit -n)",
                job.most_connections
            ));
        }
        reach(&job.door, job.connect_timeout, target.url(), stop)?;
        Ok(Self { job: Arc::new(job), crew, notes, stop: Stop::new() })
    }
}

impl Caps {
    /// The lower of both, each for itself.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.min(other.requests),
            time: self.time.min(other.time),
            connections: self.connections.min(other.connections),
        }
    }

    fn check(&self, job: &Job) -> Result<(), RunError> {
        let over = |what, planned: String, cap: String| Err(RunError::Cap { what, planned, cap });
        if job.length > self.time.get() {
            return over("of time", Span::from(job.length).to_string(), self.time.to_string());
        }
        if job.most_connections > self.connections {
            let cap = self.connections.to_string();
            return over("connections", job.most_connections.to_string(), cap);
        }
        let expected = if job.mode == Mode::Open { job.schedule.expected() } else { 0.0 };
        if expected > self.requests as f64 {
            return over("requests", format!("{expected:.0}"), self.requests.to_string());
        }
        Ok(())
    }
}

/// One connection, to learn early that there is nobody.
fn reach(door: &Door, timeout: Duration, url: &str, stop: &Stop) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| RunError::Io { deed: "make a runtime", source })?;
    let opened = runtime.block_on(async {
        let mut opened = pin!(tokio::time::timeout(timeout, door.open()));
        loop {
            match tokio::time::timeout(LOOK, &mut opened).await {
                Ok(opened) => return Some(opened.unwrap_or(Err(Fault::Connect))),
                Err(_) if stop.is_set() => return None,
                Err(_) => {}
            }
        }
    });
    match opened.ok_or(RunError::Stopped)? {
        Ok(_) => Ok(()),
        Err(fault) => Err(RunError::Unreachable { url: url.to_owned(), fault }),
    }
}

/// Threads at work.
pub(crate) struct Team {
    pub(crate) messages: Receiver<Message>,
    pub(crate) spares: Vec<Sender<Box<Tally>>>,
    starts: Vec<tokio::sync::oneshot::Sender<Instant>>,
    threads: Vec<std::thread::JoinHandle<()>>,
    stop: Stop,
}

impl Team {
    /// Starts the threads and waits until their connections are open.
    pub(crate) fn start(prepared: &Prepared, user: &Stop) -> Result<Self, RunError> {
        let (out, messages) = channel();
        let mut team = Self {
            messages,
            spares: Vec::new(),
            starts: Vec::new(),
            threads: Vec::new(),
            stop: prepared.stop.clone(),
        };
        let Crew { first, here, of } = prepared.crew;
        for local in 0..here {
            let (start, started) = tokio::sync::oneshot::channel();
            let (spare, spares) = channel();
            let part = Part { local, index: (first + local) as u32, of: of as u32 };
            let stop = prepared.stop.clone();
            let wires = Wires { out: out.clone(), start: started, spare: spares, stop };
            let job = Arc::clone(&prepared.job);
            let thread = std::thread::Builder::new().name(format!("load-{local}"));
            let thread = thread.spawn(move || work(&job, part, wires));
            let thread =
                thread.map_err(|source| RunError::Io { deed: "start a thread", source })?;
            team.threads.push(thread);
            team.starts.push(start);
            team.spares.push(spare);
        }
        team.follow(user.clone());
        match team.wait_until_ready(here) {
            Ok(()) => Ok(team),
            Err(error) => {
                team.stop.set();
                Err(error)
            }
        }
    }

    /// Passes the caller's stop on to the workers, until these are done.
    fn follow(&self, user: Stop) {
        let stop = self.stop.clone();
        std::thread::spawn(move || {
            while !stop.is_set() {
                if user.is_set() {
                    stop.set();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    }

    fn wait_until_ready(&self, workers: usize) -> Result<(), RunError> {
        let mut ready = 0;
        while ready < workers {
            match self.messages.recv() {
                Ok(Message::Ready) => ready += 1,
                Ok(Message::Failed(why)) => return Err(RunError::Worker(why)),
                Ok(_) => {}
                Err(_) => return Err(RunError::Worker("all threads ended".to_owned())),
            }
        }
        Ok(())
    }

    /// Says when to begin.
    pub(crate) fn begin(&mut self, start: Instant) {
        for worker in self.starts.drain(..) {
            let _ = worker.send(start);
        }
    }

    pub(crate) fn join(self) -> Result<(), RunError> {
        for thread in self.threads {
            thread.join().map_err(|_| RunError::Worker("its thread panicked".to_owned()))?;
        }
        Ok(())
    }
}

/// What a collector knows of the run.
pub(crate) struct Course {
    pub(crate) stages: Vec<Stage>,
    pub(crate) length: Duration,
    pub(crate) interval: Duration,
}

impl Course {
    pub(crate) fn of(job: &Job) -> Self {
        Self { stages: job.stages.clone(), length: job.length, interval: job.interval }
    }
}

/// Puts the workers' intervals together.
pub(crate) struct Collector {
    workers: usize,
    done: usize,
    /// Intervals that some workers have not told of yet.
    open: BTreeMap<u64, (usize, Tally)>,
    collected: Collected,
    cpu: Vec<(f64, u64)>,
    stages: Vec<Stage>,
    length: Duration,
    interval: Duration,
    cap: u64,
    stop: Stop,
}

/// All of a run.
pub(crate) struct Collected {
    pub(crate) whole: Tally,
    pub(crate) timeline: Timeline,
    pub(crate) cpu: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) lost: usize,
    pub(crate) notes: Vec<String>,
}

impl Collector {
    pub(crate) fn new(course: Course, workers: usize, cap: u64, stop: Stop) -> Self {
        let Course { stages, length, interval } = course;
        Self {
            workers,
            done: 0,
            open: BTreeMap::new(),
            collected: Collected {
                whole: Tally::default(),
                timeline: Timeline::new(interval),
                cpu: 0.0,
                cpu_seconds: 0.0,
                lost: 0,
                notes: Vec::new(),
            },
            cpu: vec![(0.0, 0); workers],
            stages,
            length,
            interval,
            cap,
            stop,
        }
    }

    /// Until all workers are done.
    pub(crate) fn collect(
        mut self,
        messages: &Receiver<Message>,
        spares: &[Sender<Box<Tally>>],
        watch: &mut dyn Watch,
    ) -> Result<Collected, RunError> {
        while self.done < self.workers {
            match messages.recv_timeout(Duration::from_secs(1)) {
                Ok(Message::Tally(worker, tally)) => {
                    self.accept(worker, &tally);
                    if let Some(spare) = spares.get(worker) {
                        let _ = spare.send(tally);
                    }
                    self.close_complete(watch);
                }
                Ok(Message::Done) => self.done += 1,
                Ok(Message::Failed(why)) => {
                    self.stop.set();
                    return Err(RunError::Worker(why));
                }
                Ok(Message::Lost(why)) => {
                    // The others end, and what all have told so far is reported.
                    self.stop.set();
                    self.done += 1;
                    self.collected.lost += 1;
                    watch.note(&why);
                    self.collected.notes.push(why);
                }
                Ok(Message::Ready) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(RunError::Worker("it ended without a word".to_owned()));
                }
            }
        }
        while let Some((_, (_, tally))) = self.open.pop_first() {
            self.close(&tally, watch);
        }
        Ok(self.finish())
    }

    fn accept(&mut self, worker: usize, tally: &Tally) {
        if let Some((cpu, intervals)) = self.cpu.get_mut(worker) {
            *cpu += tally.cpu;
            *intervals += 1;
        }
        let (told, sum) = self.open.entry(tally.index).or_default();
        *told += 1;
        sum.merge(tally);
        sum.open += tally.open;
        sum.in_flight += tally.in_flight;
    }

    fn close_complete(&mut self, watch: &mut dyn Watch) {
        while let Some(entry) = self.open.first_entry() {
            if entry.get().0 < self.workers {
                break;
            }
            let (_, tally) = entry.remove();
            self.close(&tally, watch);
        }
    }

    fn close(&mut self, tally: &Tally, watch: &mut dyn Watch) {
        let Collected { whole, timeline, .. } = &mut self.collected;
        whole.merge(tally);
        whole.open = tally.open;
        whole.in_flight = tally.in_flight;
        let slot = Slot::of(tally);
        let next = u32::try_from(tally.index + 1).unwrap_or(u32::MAX);
        let at = self.interval * next;
        let stage = self.stages.iter().rfind(|stage| stage.start < at);
        let stage = stage.map_or("", |stage| stage.name.as_str());
        let (length, interval) = (self.length, self.interval);
        watch.interval(&View { at, length, interval, stage, slot: &slot, tally, whole });
        timeline.push(slot);
        // Each worker ends by itself at its share of the cap.
        if whole.due >= self.cap && whole.due - tally.due < self.cap {
            let note = format!("ended after {} requests: that is the cap", whole.due);
            watch.note(&note);
            self.collected.notes.push(note);
        }
    }

    fn finish(mut self) -> Collected {
        let shares = self.cpu.iter().map(|(cpu, intervals)| cpu / (*intervals).max(1) as f64);
        self.collected.cpu = shares.fold(0.0, f64::max);
        let secs = self.interval.as_secs_f64();
        self.collected.cpu_seconds = self.cpu.iter().map(|(cpu, _)| cpu * secs).sum();
        self.collected
    }
}
