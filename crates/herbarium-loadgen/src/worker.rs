//! One worker: a thread with a runtime of its own, its part of the arrivals,
//! its connections, its account. Nothing is shared with other workers while
//! the run goes on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::alarm::Alarm;
use crate::arrivals::Spacing;
use crate::host;
use crate::http1::Http1;
use crate::http2::Http2;
use crate::job::{Job, Shift};
use crate::outcome::Fault;
use crate::random::Random;
use crate::record::{Recorder, Sample, Tally};
use crate::run::{LOOK, Stop};
use crate::scenario::{Mode, Protocol};

/// What a worker tells.
pub(crate) enum Message {
    /// Its first connections are open, or cannot be.
    Ready,
    /// An interval is over.
    Tally(usize, Box<Tally>),
    /// It is done.
    Done,
    /// It cannot work.
    Failed(String),
    /// It is gone, on another machine.
    Lost(String),
}

/// Where a worker stands among all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Number among the workers of this process.
    pub(crate) local: usize,
    /// Number among the workers of all processes, and how many those are.
    pub(crate) index: u32,
    pub(crate) of: u32,
}

/// The ends of a worker's channels.
pub(crate) struct Wires {
    pub(crate) out: Sender<Message>,
    /// When the run starts.
    pub(crate) start: tokio::sync::oneshot::Receiver<Instant>,
    /// Tallies that can be used again.
    pub(crate) spare: Receiver<Box<Tally>>,
    pub(crate) stop: Stop,
}

/// Arrivals waiting for a connection, at most: memory has an end.
const MOST_WAITING: usize = 1 << 20;
/// Arrivals sent off before connections get their turn.
const BATCH: u32 = 16;
/// After an interruption, so long for what is under way.
const GRACE: Duration = Duration::from_millis(1500);
/// A closed user who cannot connect tries again after this.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Runs one worker to its end.
pub(crate) fn work(job: &Arc<Job>, part: Part, wires: Wires) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let out = wires.out.clone();
    let ended = match runtime {
        Ok(runtime) => {
            let local = tokio::task::LocalSet::new();
            runtime.block_on(local.run_until(Worker::run(Arc::clone(job), part, wires)))
        }
        Err(error) => Err(error),
    };
    // Whoever listened may have gone: then nobody needs to know.
    let _ = match ended {
        Ok(()) => out.send(Message::Done),
        Err(error) => out.send(Message::Failed(error.to_string())),
    };
}

/// A request that is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    stage: usize,
    index: u64,
}

struct Worker {
    job: Arc<Job>,
    part: Part,
    start: Cell<Instant>,
    recorder: RefCell<Recorder>,
    pool: RefCell<Pool>,
    alarm: Rc<Alarm>,
    /// No more arrivals: lanes end when nothing waits.
    ending: Cell<bool>,
    /// Stop now.
    stopped: Cell<bool>,
    open: Cell<u64>,
    busy: Cell<u64>,
    connecting: Cell<u64>,
    cpu: Cell<Duration>,
    flushed: Cell<(u64, Instant)>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    /// Requests that this worker may still send.
    left: Cell<u64>,
}

/// Lanes, each of which carries one request at a time.
#[derive(Default)]
struct Pool {
    lanes: Vec<Slot>,
    /// The one that has been idle longest comes first: all connections are used,
    /// as they are by as many users.
    idle: VecDeque<usize>,
    waiting: VecDeque<Due>,
    /// HTTP/2 connections, each for several lanes.
    shared: Vec<Rc<tokio::sync::Mutex<Option<Http2>>>>,
}

impl Pool {
    /// Open connections among those that lanes share.
    fn open_shared(&self) -> u64 {
        let is_open = |it: &Rc<tokio::sync::Mutex<Option<Http2>>>| {
            it.try_lock().is_ok_and(|it| it.as_ref().is_some_and(Http2::is_open))
        };
        self.shared.iter().filter(|it| is_open(it)).count() as u64
    }
}

#[derive(Default)]
struct Slot {
    due: Option<Due>,
    waker: Option<Waker>,
}

impl Worker {
    async fn run(job: Arc<Job>, part: Part, wires: Wires) -> std::io::Result<()> {
        let Wires { out, start, spare, stop } = wires;
        let now = Instant::now();
        let worker = Rc::new(Self {
            recorder: RefCell::new(Recorder::new(job.late_after)),
            job,
            part,
            start: Cell::new(now),
            pool: RefCell::default(),
            alarm: Rc::default(),
            ending: Cell::new(false),
            stopped: Cell::new(false),
            open: Cell::new(0),
            busy: Cell::new(0),
            connecting: Cell::new(0),
            cpu: Cell::new(host::thread_cpu()),
            flushed: Cell::new((0, now)),
            tasks: RefCell::default(),
            left: Cell::new(0),
        });
        worker.left.set(worker.quota());
        let alarm = tokio::task::spawn_local(Rc::clone(&worker.alarm).drive());
        worker.open_first(&stop).await;
        let _ = out.send(Message::Ready);
        let Ok(start) = start.await else { return Ok(()) };
        worker.begin(start);
        let helpers = [
            tokio::task::spawn_local(Rc::clone(&worker).flush_intervals(out.clone(), spare)),
            tokio::task::spawn_local(Rc::clone(&worker).listen(stop)),
        ];
        match worker.job.mode {
            Mode::Open => worker.send_arrivals().await,
            Mode::Closed => worker.clone().send_users(),
        }
        worker.finish().await;
        if worker.left.get() > 0 {
            // Users whose next request would come too late are gone; the stage is not over,
            // and rates are of all of it.
            worker.alarm.until(start + worker.job.length).await;
        }
        helpers.iter().for_each(JoinHandle::abort);
        worker.flush(&out, None);
        match alarm.is_finished() {
            true => alarm.await.unwrap_or(Ok(())),
            false => Ok(()),
        }
    }

    /// Opens what is to be open before the start.
    async fn open_first(self: &Rc<Self>, stop: &Stop) {
        if self.job.mode == Mode::Open && self.job.ramp.is_zero() {
            (0..self.share(self.job.connections)).for_each(|_| self.add_lane(None));
        }
        while self.connecting.get() > 0 && !stop.is_set() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn begin(&self, start: Instant) {
        self.start.set(start);
        self.flushed.set((0, start));
        self.cpu.set(host::thread_cpu());
    }

    /// This worker's share of something that is split among all.
    fn share(&self, whole: u32) -> u32 {
        let Part { index, of, .. } = self.part;
        whole / of + u32::from(index < whole % of)
    }

    /// This worker's share of the cap.
    fn quota(&self) -> u64 {
        let (index, of) = (u64::from(self.part.index), u64::from(self.part.of));
        self.job.cap / of + u64::from(index < self.job.cap % of)
    }

    /// Counts a request that is due, unless the cap is reached.
    fn may_send(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        self.recorder.borrow_mut().counters().due += u64::from(left > 0);
        if left == 1 && self.job.mode == Mode::Closed {
            // Nobody needs to think any longer. What is under way comes to its end.
            self.alarm.cancel();
        }
        left > 0
    }

    /// Open mode: hands out arrivals when they are due.
    async fn send_arrivals(self: &Rc<Self>) {
        let ramp = tokio::task::spawn_local(Rc::clone(self).ramp_connections());
        let Part { index, of, .. } = self.part;
        let mut batch = 0;
        let start = self.start.get();
        for arrival in self.job.schedule.part(index.into(), of.into()) {
            let due = Due { at: start + arrival.at, stage: arrival.leg, index: arrival.index };
            if Instant::now() < due.at {
                self.alarm.until(due.at).await;
                batch = 0;
            } else if batch == BATCH {
                tokio::task::yield_now().await;
                batch = 0;
            }
            if self.stopped.get() || !self.may_send() {
                break;
            }
            batch += 1;
            self.offer(due);
        }
        if self.left.get() > 0 {
            self.alarm.until(start + self.job.length).await;
        }
        ramp.abort();
    }

    async fn ramp_connections(self: Rc<Self>) {
        let count = self.share(self.job.connections);
        for number in 0..count {
            let share = f64::from(number) / f64::from(count);
            self.alarm.until(self.start.get() + self.job.ramp.mul_f64(share)).await;
            let have = self.pool.borrow().lanes.len();
            if have <= number as usize && !self.stopped.get() {
                self.add_lane(None);
            }
        }
    }

    /// Gives an arrival to an idle lane, to a new one, or lets it wait.
    fn offer(self: &Rc<Self>, due: Due) {
        let mut pool = self.pool.borrow_mut();
        if let Some(lane) = pool.idle.pop_front() {
            let slot = &mut pool.lanes[lane];
            slot.due = Some(due);
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        } else if pool.lanes.len() < self.most_lanes() {
            drop(pool);
            self.add_lane(Some(due));
        } else if pool.waiting.len() < MOST_WAITING {
            pool.waiting.push_back(due);
        } else {
            self.recorder.borrow_mut().counters().dropped += 1;
        }
    }

    fn most_lanes(&self) -> usize {
        self.share(self.job.most_connections).max(1) as usize * self.streams()
    }

    /// Requests at once on one connection.
    fn streams(&self) -> usize {
        match self.job.protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 => self.job.streams,
        }
    }

    /// One connection more, with all its lanes. The first gets `due`.
    fn add_lane(self: &Rc<Self>, mut due: Option<Due>) {
        for number in 0..self.streams() {
            let mut pool = self.pool.borrow_mut();
            let lane = pool.lanes.len();
            let first = due.take();
            let opens = first.is_none() && number == 0;
            pool.lanes.push(Slot { due: first, waker: None });
            if number == 0 && self.job.protocol == Protocol::Http2 {
                pool.shared.push(Rc::default());
            }
            let line = Line::new(self, pool.shared.last().cloned());
            let task = Rc::clone(self).serve_lane(lane, line, opens);
            self.tasks.borrow_mut().push(tokio::task::spawn_local(task));
            self.connecting.set(self.connecting.get() + u64::from(opens));
        }
    }

    async fn serve_lane(self: Rc<Self>, lane: usize, mut line: Line, opens: bool) {
        if opens {
            let until = Instant::now() + self.job.connect_timeout;
            if line.connect(until).await.is_err() {
                self.recorder.borrow_mut().counters().connect_failures += 1;
            }
            self.connecting.set(self.connecting.get() - 1);
        }
        let mut free = Instant::now();
        while let Some(due) = self.next_due(lane, &mut line).await {
            free = line.serve(due, free).await;
        }
    }

    /// The next arrival for a lane; meanwhile its idle connection is watched.
    async fn next_due(&self, lane: usize, line: &mut Line) -> Option<Due> {
        let mut is_idle = false;
        poll_fn(|cx| {
            let mut pool = self.pool.borrow_mut();
            if let Some(due) = pool.lanes[lane].due.take() {
                return Poll::Ready(Some(due));
            }
            if let (false, Some(due)) = (is_idle, pool.waiting.front().copied()) {
                pool.waiting.pop_front();
                return Poll::Ready(Some(due));
            }
            if self.ending.get() {
                return Poll::Ready(None);
            }
            if !std::mem::replace(&mut is_idle, true) {
                pool.idle.push_back(lane);
            }
            pool.lanes[lane].waker = Some(cx.waker().clone());
            drop(pool);
            line.watch_idle(cx);
            Poll::Pending
        })
        .await
    }

    /// Closed mode: one task for each user.
    fn send_users(self: Rc<Self>) {
        let Part { index, of, .. } = self.part;
        for user in (index..self.job.most_connections).step_by(of as usize) {
            let mut line = Line::new(&self, None);
            let worker = Rc::clone(&self);
            let task = tokio::task::spawn_local(async move {
                let mut random = Random::of(worker.job.seed, user.into());
                for shift in worker.job.shifts(user) {
                    worker.serve_user(user, shift, &mut line, &mut random).await;
                }
            });
            self.tasks.borrow_mut().push(task);
        }
    }

    async fn serve_user(&self, user: u32, shift: Shift, line: &mut Line, random: &mut Random) {
        let start = self.start.get();
        let end = start + shift.to;
        self.alarm.until(start + shift.from).await;
        let users = u64::from(self.job.most_connections);
        // Users do not think in step.
        let mut due = start + shift.from + self.job.think.mul_f64(random.unit());
        while due < end && !self.stopped.get() && self.left.get() > 0 {
            // Ahead of the request, which tries again, and counts, if this fails.
            if !line.is_open()
                && line.connect(Instant::now() + self.job.connect_timeout).await.is_err()
            {
                self.recorder.borrow_mut().counters().connect_failures += 1;
            }
            self.think(due.min(end), line).await;
            if self.job.think.is_zero() {
                due = due.max(Instant::now());
            }
            if due >= end || self.stopped.get() || !self.may_send() {
                break;
            }
            let index = u64::from(user) + users * line.served;
            line.served += 1;
            let done = line.serve(Due { at: due, stage: shift.stage, index }, due).await;
            let pause = if line.unreachable { BACK_OFF } else { Duration::ZERO };
            due = done + self.thought(random).max(pause);
        }
    }

    /// Waits until the next request is due; meanwhile the idle connection is watched.
    async fn think(&self, until: Instant, line: &mut Line) {
        let mut rest = pin!(self.alarm.until(until));
        poll_fn(|cx| {
            let rested = rest.as_mut().poll(cx);
            if rested.is_pending() {
                line.watch_idle(cx);
            }
            rested
        })
        .await;
    }

    fn thought(&self, random: &mut Random) -> Duration {
        match (self.job.think.is_zero(), self.job.spacing) {
            (true, _) => Duration::ZERO,
            (_, Spacing::Even) => self.job.think,
            (_, Spacing::Poisson) => self.job.think.mul_f64(random.exponential()),
        }
    }

    /// Watches for a stop.
    async fn listen(self: Rc<Self>, stop: Stop) {
        while !stop.is_set() {
            tokio::time::sleep(LOOK).await;
        }
        self.stopped.set(true);
        let given_up = std::mem::take(&mut self.pool.borrow_mut().waiting).len();
        self.recorder.borrow_mut().counters().due -= given_up as u64;
        self.alarm.cancel();
        self.end_lanes();
    }

    fn end_lanes(&self) {
        self.ending.set(true);
        for slot in &mut self.pool.borrow_mut().lanes {
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    /// Waits for what is under way; each request has its time-out, so there is an end.
    async fn finish(self: &Rc<Self>) {
        if self.job.mode == Mode::Open {
            self.end_lanes();
        }
        let mut since_stop = None;
        loop {
            let task = self.tasks.borrow_mut().pop();
            let Some(mut task) = task else { break };
            while !task.is_finished() {
                // Before waiting: there may be thousands, and the time is that of all.
                if self.stopped.get()
                    && since_stop.get_or_insert_with(Instant::now).elapsed() > GRACE
                {
                    task.abort();
                    break;
                }
                let _ = tokio::time::timeout(LOOK, &mut task).await;
            }
        }
    }

    async fn flush_intervals(self: Rc<Self>, out: Sender<Message>, spare: Receiver<Box<Tally>>) {
        loop {
            let (index, _) = self.flushed.get();
            let next = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let at = tokio::time::Instant::from_std(self.start.get() + self.job.interval * next);
            // Not the alarm: after a stop, intervals go on.
            tokio::time::sleep_until(at).await;
            self.flush(&out, spare.try_recv().ok());
        }
    }

    fn flush(&self, out: &Sender<Message>, spare: Option<Box<Tally>>) {
        let (index, since) = self.flushed.get();
        let (now, cpu) = (Instant::now(), host::thread_cpu());
        let mut tally = self.recorder.borrow_mut().take(index, spare.map(|it| *it));
        let elapsed = (now - since).as_secs_f64().max(1e-9);
        tally.cpu = cpu.saturating_sub(self.cpu.get()).as_secs_f64() / elapsed;
        let pool = self.pool.borrow();
        tally.open = self.open.get() + pool.open_shared();
        tally.in_flight = self.busy.get() + pool.waiting.len() as u64;
        self.cpu.set(cpu);
        self.flushed.set((index + 1, now));
        let _ = out.send(Message::Tally(self.part.local, Box::new(tally)));
    }
}

/// One connection, or a stream of one, as a lane uses it.
struct Line {
    worker: Rc<Worker>,
    http1: Option<Http1>,
    http2: Option<Http2>,
    /// HTTP/2: where lanes of one connection find it.
    shared: Option<Rc<tokio::sync::Mutex<Option<Http2>>>>,
    deadline: Deadline,
    out: Vec<u8>,
    scratch: Vec<u8>,
    served: u64,
    /// The last request found no connection.
    unreachable: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close();
    }
}

impl Line {
    fn new(worker: &Rc<Worker>, shared: Option<Rc<tokio::sync::Mutex<Option<Http2>>>>) -> Self {
        Self {
            worker: Rc::clone(worker),
            http1: None,
            http2: None,
            shared,
            deadline: Deadline::new(),
            out: Vec::new(),
            scratch: Vec::new(),
            served: 0,
            unreachable: false,
        }
    }

    fn is_open(&self) -> bool {
        self.http1.is_some() || self.http2.as_ref().is_some_and(Http2::is_open)
    }

    fn count_open(&self, change: i64) {
        let open = &self.worker.open;
        open.set(open.get().saturating_add_signed(change));
    }

    fn close(&mut self) {
        if self.http1.take().is_some() {
            self.count_open(-1);
        }
        if self.http2.take().is_some() && self.shared.is_none() {
            self.count_open(-1);
        }
    }

    /// Connects, and counts how long that took.
    async fn connect(&mut self, until: Instant) -> Result<(), Fault> {
        self.close();
        let begin = Instant::now();
        let worker = Rc::clone(&self.worker);
        let shared = self.shared.clone();
        let opened = self
            .deadline
            .within(until, async {
                match worker.job.protocol {
                    Protocol::Http1 => Ok(Opened::Http1(worker.job.door.open().await?)),
                    Protocol::Http2 => open_http2(&worker.job, shared).await,
                }
            })
            .await
            .unwrap_or(Err(Fault::Connect))?;
        match opened {
            Opened::Http1(stream) => {
                self.http1 = Some(Http1::new(stream));
                self.count_open(1);
            }
            Opened::Http2(connection) => {
                self.http2 = Some(connection);
                self.count_open(i64::from(self.shared.is_none()));
            }
        }
        worker.recorder.borrow_mut().counters().connect.record(begin.elapsed());
        Ok(())
    }

    /// Notices when the server ends an idle connection.
    fn watch_idle(&mut self, cx: &mut Context<'_>) {
        if self.http1.as_mut().is_some_and(|it| it.poll_ended(cx).is_ready()) {
            self.close();
            self.worker.recorder.borrow_mut().counters().closed_idle += 1;
        }
    }

    /// Sends one request and accounts for it. `free` is from when the line could
    /// have done so; gives from when it can again.
    async fn serve(&mut self, due: Due, free: Instant) -> Instant {
        let worker = Rc::clone(&self.worker);
        worker.busy.set(worker.busy.get() + 1);
        let flow = worker.job.flow_of(due.index);
        let until = due.at + worker.job.timeout;
        let able = due.at.max(free);
        let (sent, lag, result) = self.send(due, flow, able, until).await;
        let done = Instant::now();
        let (answer, fault) = match result {
            Ok((answer, fault)) => (Some(answer), fault),
            Err(fault) => (None, Some(fault)),
        };
        self.unreachable = fault.is_some_and(Fault::is_unreachable);
        let is_kept = answer.is_some_and(|it| it.keep) && worker.job.keep_alive;
        if self.http1.is_some() && !is_kept {
            self.close();
        }
        worker.busy.set(worker.busy.get() - 1);
        worker.recorder.borrow_mut().record(&Sample {
            stage: due.stage,
            flow,
            response: done.saturating_duration_since(due.at),
            service: sent.map(|sent| done - sent),
            wait: sent.unwrap_or(done).saturating_duration_since(due.at),
            lag,
            status: answer.map_or(0, |it| it.status),
            fault,
            bytes: answer.map_or(0, |it| it.bytes),
        });
        done
    }

    /// When it was sent, the generator's own lag, and what came of it.
    async fn send(&mut self, due: Due, flow: usize, able: Instant, until: Instant) -> Sent {
        let mut begin = Instant::now();
        let mut lag = begin.saturating_duration_since(able);
        if begin >= until {
            return (None, lag, Err(Fault::Unserved));
        }
        if !self.is_open() {
            let limit = until.min(begin + self.worker.job.connect_timeout);
            if let Err(fault) = self.connect(limit).await {
                return (None, lag, Err(fault));
            }
            begin = Instant::now();
        }
        let job = Arc::clone(&self.worker.job);
        let flow = &job.flows[flow];
        let after_start = due.at.saturating_duration_since(self.worker.start.get());
        let fill = flow.request.fill(job.seed, due.index, after_start);
        let Self { http1, http2, deadline, out, scratch, .. } = self;
        if let Some(http1) = http1 {
            let bytes = match &flow.request.fixed {
                Some(bytes) => bytes,
                None => {
                    flow.request.render_http1(&fill, out, scratch);
                    &*out
                }
            };
            let sent = Instant::now();
            lag += sent - begin;
            let exchange = http1.exchange(bytes, flow.is_head, &flow.check);
            let result = deadline.within(until, exchange).await;
            return (Some(sent), lag, result.unwrap_or(Err(Fault::Timeout)));
        }
        let request = flow.request.render_http2(&fill, job.scheme, &job.authority);
        let (Some(http2), Some(request)) = (http2, request) else {
            return (None, lag, Err(Fault::Malformed));
        };
        let sent = Instant::now();
        lag += sent - begin;
        let result = deadline.within(until, http2.exchange(request, &flow.check)).await;
        (Some(sent), lag, result.unwrap_or(Err(Fault::Timeout)))
    }
}

type Sent = (Option<Instant>, Duration, Result<(crate::check::Answer, Option<Fault>), Fault>);

enum Opened {
    Http1(crate::connect::Stream),
    Http2(Http2),
}

/// The connection that other lanes opened, if it is still open; else a new one.
async fn open_http2(
    job: &Job,
    shared: Option<Rc<tokio::sync::Mutex<Option<Http2>>>>,
) -> Result<Opened, Fault> {
    let Some(shared) = shared else {
        return Ok(Opened::Http2(Http2::new(job.door.open().await?).await?));
    };
    let mut shared = shared.lock().await;
    match &*shared {
        Some(connection) if connection.is_open() => Ok(Opened::Http2(connection.clone())),
        _ => {
            let connection = Http2::new(job.door.open().await?).await?;
            *shared = Some(connection.clone());
            Ok(Opened::Http2(connection))
        }
    }
}

/// A time-out that costs nothing while it is not needed: the timer is set once
/// and looked at again when it rings, not set for each request.
struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn new() -> Self {
        Self { sleep: None }
    }

    /// The future's value, unless the time comes first.
    async fn within<T>(&mut self, until: Instant, future: impl Future<Output = T>) -> Option<T> {
        let until = tokio::time::Instant::from_std(until);
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            self.poll_until(until, cx).map(|()| None)
        })
        .await
    }

    fn poll_until(&mut self, until: tokio::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if tokio::time::Instant::now() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
        Poll::Pending
    }
}
