//! Several generators as one: a coordinator and workers over TCP.
//!
//! Arrivals are numbered, and each worker sends those of its part: all together
//! send exactly the schedule of one. Histograms travel whole and are merged
//! without loss; gates are judged on the whole, by the coordinator. No clocks
//! are compared: the coordinator says in how much time to begin, less the time
//! that saying so takes.
//!
//! A frame is its length (32 bits, little-endian) and JSON. The connection is
//! not encrypted; a token keeps strangers from starting runs, not from reading.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::host::{self, PressureWatch};
use crate::outcome::Fault;
use crate::probe::Probe;
use crate::record::Tally;
use crate::run::{
    Caps, Collector, Course, Crew, LOOK, Options, Outcome, Prepared, RunError, Stop, Team, View,
    Watch,
};
use crate::scenario::{Mode, Scenario, ScenarioError};
use crate::span::Span;
use crate::target::Target;
use crate::worker::Message;

/// Version of the frames: both sides must speak the same.
const PROTOCOL: u32 = 1;
/// Of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A frame is not longer: an interval's histograms take a few kilobytes.
const MOST: u32 = 64 << 20;
/// A coordinator that says nothing for so long, where it should, is gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long for the last words of workers that were told to end; they give what is
/// under way less than that.
const FAREWELL: Duration = Duration::from_secs(4);
/// Round trips that are measured; the shortest counts.
const PINGS: u64 = 5;
/// From saying so to the start.
const TOGETHER: Duration = Duration::from_millis(300);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Frame {
    /// The coordinator's first word.
    Open {
        protocol: u32,
        version: String,
        token: String,
    },
    /// The worker's.
    Hello {
        workers: usize,
    },
    /// What to run, and which part of it.
    Plan {
        scenario: Box<Scenario>,
        target: String,
        first: usize,
        of: usize,
        interval: Span,
        caps: Caps,
    },
    /// Connections are open.
    Ready {
        notes: Vec<String>,
    },
    /// It will not be done.
    Refused {
        why: String,
        unreachable: Option<Fault>,
    },
    Ping(u64),
    Pong(u64),
    /// Begin in so many nanoseconds.
    Start {
        in_nanos: u64,
    },
    /// An interval is over.
    Tally(Box<Tally>),
    /// All is over.
    End {
        cpu_seconds: f64,
        pressure: Option<f64>,
    },
    /// End early.
    Stop,
}

fn send(mut stream: &TcpStream, frame: &Frame) -> io::Result<()> {
    let text = serde_json::to_vec(frame)?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= MOST);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(&text);
    stream.write_all(&bytes)
}

fn receive(mut stream: &TcpStream) -> io::Result<Frame> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MOST {
        return Err(io::Error::other(format!(
            "a frame of {length} bytes, at most {MOST} are read"
        )));
    }
    let mut text = Vec::new();
    stream.take(length.into()).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// How a worker works.
#[derive(Clone, Debug, Default)]
pub struct WorkerOptions {
    /// Threads that send; default: half of the processors.
    pub workers: Option<usize>,
    /// Targets that are not this machine are the caller's own.
    pub is_mine: bool,
    /// What a coordinator must know; empty for anybody.
    pub token: String,
    /// Where data files of scenarios are.
    pub folder: PathBuf,
    /// What no run may exceed here.
    pub caps: Caps,
}

/// Works for one coordinator after the other, until `stop` is set.
///
/// # Errors
/// The listener cannot be asked for connections.
pub fn serve_worker(
    listener: &TcpListener,
    options: &WorkerOptions,
    stop: &Stop,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    while !stop.is_set() {
        match listener.accept() {
            // What goes wrong with one coordinator is told to it, and is over.
            Ok((stream, _)) => drop(work_for(&stream, options, stop)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn work_for(stream: &TcpStream, options: &WorkerOptions, stop: &Stop) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let refuse = |why: String, unreachable| send(stream, &Frame::Refused { why, unreachable });
    match receive(stream)? {
        Frame::Open { token, .. } if token != options.token => {
            return refuse("the token is another".to_owned(), None);
        }
        // A scenario may mean something else there, and so may a figure.
        Frame::Open { protocol, version, .. } if protocol != PROTOCOL || version != VERSION => {
            let why = format!("it is version {VERSION}, the coordinator {version}: run the same");
            return refuse(why, None);
        }
        Frame::Open { .. } => {}
        _ => return refuse("this is no coordinator".to_owned(), None),
    }
    let here = options.workers.unwrap_or_else(|| (host::cores() / 2).max(1)).max(1);
    send(stream, &Frame::Hello { workers: here })?;
    let Frame::Plan { scenario, target, first, of, interval, caps } = receive(stream)? else {
        return refuse("the plan is missing".to_owned(), None);
    };
    let session = Stop::new();
    let run = Options { interval, caps: options.caps.and(caps), ..Options::default() };
    let prepared = prepare(options, *scenario, &target, Crew { first, here, of }, &run, stop);
    let team = prepared.and_then(|it| Ok((Team::start(&it, &session)?, it)));
    match team {
        Ok((team, prepared)) => run_part(stream, team, &prepared, &session, stop),
        Err(RunError::Unreachable { fault, url }) => refuse(url, Some(fault)),
        Err(error) => refuse(told(&error), None),
    }
}

fn prepare(
    options: &WorkerOptions,
    mut scenario: Scenario,
    target: &str,
    crew: Crew,
    run: &Options,
    stop: &Stop,
) -> Result<Prepared, RunError> {
    scenario.folder.clone_from(&options.folder);
    let refused = |error: crate::target::TargetError| RunError::Worker(told(&error));
    let target = Target::parse(target).and_then(|it| it.allow(options.is_mine)).map_err(refused)?;
    if crew.first + crew.here > crew.of {
        return Err(RunError::Worker("the plan has fewer parts than workers".to_owned()));
    }
    Prepared::new(&scenario, &target, run, crew, stop)
}

/// An error with its causes on one line.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |it| (**it).source());
    causes
        .fold(error.to_string(), |text, cause| format!("{text}: {}", cause.to_string().trim_end()))
}

fn run_part(
    stream: &TcpStream,
    mut team: Team,
    prepared: &Prepared,
    session: &Stop,
    stop: &Stop,
) -> io::Result<()> {
    send(stream, &Frame::Ready { notes: prepared.notes.clone() })?;
    let started = wait_for_start(stream);
    let start = match started {
        Ok(start) => start,
        Err(error) => {
            session.set();
            return Err(error);
        }
    };
    team.begin(start);
    let listening = listen_for_stop(stream.try_clone()?, session.clone(), stop.clone());
    let pressure = PressureWatch::start();
    let course = Course::of(&prepared.job);
    let collector = Collector::new(course, prepared.crew.here, u64::MAX, session.clone());
    let mut teller = Teller { stream, session };
    let collected = collector.collect(&team.messages, &team.spares, &mut teller);
    let end = match &collected {
        Ok(collected) => {
            Frame::End { cpu_seconds: collected.cpu_seconds, pressure: pressure.share() }
        }
        Err(error) => Frame::Refused { why: told(error), unreachable: None },
    };
    session.set();
    prepared.stop.set();
    let _ = team.join();
    let sent = send(stream, &end);
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = listening.join();
    sent
}

fn wait_for_start(stream: &TcpStream) -> io::Result<Instant> {
    loop {
        match receive(stream)? {
            Frame::Ping(number) => send(stream, &Frame::Pong(number))?,
            Frame::Start { in_nanos } => return Ok(Instant::now() + Duration::from_nanos(in_nanos)),
            _ => return Err(io::Error::other("the start is missing")),
        }
    }
}

/// The coordinator's end is this run's end, too.
fn listen_for_stop(stream: TcpStream, session: Stop, stop: Stop) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
        while !session.is_set() {
            match stream.peek(&mut [0]) {
                Err(error) if is_waiting(&error) && !stop.is_set() => {}
                // The only frame that can come now is the stop.
                _ => session.set(),
            }
        }
    })
}

fn is_waiting(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Tells the coordinator of each interval.
struct Teller<'a> {
    stream: &'a TcpStream,
    session: &'a Stop,
}

impl Watch for Teller<'_> {
    fn interval(&mut self, view: &View<'_>) {
        if send(self.stream, &Frame::Tally(Box::new(view.tally.clone()))).is_err() {
            self.session.set();
        }
    }
}

/// Runs a scenario with the workers at these addresses; otherwise like
/// [`run`](crate::run()).
///
/// # Errors
/// As of [`run`](crate::run()), and when a worker refuses or is not there. One that
/// is lost later ends the run, which is invalid, with a report of what was told.
pub fn coordinate(
    scenario: &Scenario,
    target: &str,
    workers: &[SocketAddr],
    token: &str,
    options: &Options,
    stop: &Stop,
    watch: &mut dyn Watch,
) -> Result<Outcome, RunError> {
    scenario.validate()?;
    let patience = options.patience.get();
    let greeted = workers.iter().map(|at| greet(*at, token, patience, stop));
    let streams = greeted.collect::<Result<Vec<_>, _>>()?;
    let of = streams.iter().map(|(_, count)| count).sum();
    enough_connections(scenario, of)?;
    let mut notes = plan_all(&streams, scenario, target, of, options, stop)?;
    notes.sort();
    notes.dedup();
    notes.iter().for_each(|note| watch.note(note));
    let start = start_all(&streams, patience, stop)?;
    let started = SystemTime::now() + start.saturating_duration_since(Instant::now());
    let probe = Probe::start(&scenario.server, start);
    let (out, messages) = channel();
    let all_stop = Stop::new();
    let interval = options.interval.get();
    let readers: Vec<_> = streams
        .iter()
        .enumerate()
        .map(|(at, (stream, _))| {
            let stream = stream.try_clone().map_err(io_error("share a connection"))?;
            // A tally comes for each interval; a machine that is gone says nothing at all.
            let wait = Wait { patience: patience + interval * 2, stop: all_stop.clone() };
            let out = out.clone();
            Ok(std::thread::spawn(move || read_part(&stream, at, &wait, &out)))
        })
        .collect::<Result<_, RunError>>()?;
    let course = Course { stages: scenario.stages()?, length: scenario.length(), interval };
    let collector = Collector::new(course, streams.len(), options.caps.requests, all_stop.clone());
    let collected = std::thread::scope(|scope| {
        scope.spawn(|| pass_on_stop(&streams, stop, &all_stop));
        let collected = collector.collect(&messages, &[], watch);
        all_stop.set();
        collected
    });
    let elapsed = start.elapsed();
    let server = probe.map(Probe::finish).unwrap_or_default();
    let collected = collected?;
    let ends: Vec<(f64, Option<f64>)> =
        readers.into_iter().filter_map(|reader| reader.join().ok().flatten()).collect();
    notes.extend(collected.notes);
    Ok(Outcome {
        whole: collected.whole,
        timeline: collected.timeline,
        stages: scenario.stages()?,
        started,
        elapsed,
        interrupted: stop.is_set(),
        server,
        cpu: collected.cpu,
        cpu_seconds: ends.iter().map(|(cpu, _)| cpu).sum(),
        pressure: ends.iter().filter_map(|(_, pressure)| *pressure).reduce(f64::max),
        workers: of,
        lost: collected.lost,
        notes,
    })
}

/// A thread without a connection could send nothing of its part.
fn enough_connections(scenario: &Scenario, threads: usize) -> Result<(), RunError> {
    let most = scenario.most_connections();
    if scenario.load.mode == Mode::Open && (most as usize) < threads {
        let expected = format!("at least {threads}, one for each thread of the workers");
        return Err(ScenarioError::value("connections.max", most, expected).into());
    }
    Ok(())
}

fn io_error(deed: &'static str) -> impl Fn(io::Error) -> RunError {
    move |source| RunError::Io { deed, source }
}

/// Opens a connection; gives the number of threads there.
fn greet(
    address: SocketAddr,
    token: &str,
    patience: Duration,
    stop: &Stop,
) -> Result<(TcpStream, usize), RunError> {
    let stream = connect(address, patience, stop)?;
    let set = || -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(patience))
    };
    set().map_err(lost(address))?;
    let version = VERSION.to_owned();
    let open = Frame::Open { protocol: PROTOCOL, version, token: token.to_owned() };
    send(&stream, &open).map_err(lost(address))?;
    match expect_soon(&stream, address, patience, stop)? {
        Frame::Hello { workers } if workers > 0 => Ok((stream, workers)),
        _ => Err(RunError::Worker(format!("{address} is no worker"))),
    }
}

/// On a thread of its own: a machine that drops packets answers nothing, and
/// somebody may not want to wait for that.
fn connect(address: SocketAddr, patience: Duration, stop: &Stop) -> Result<TcpStream, RunError> {
    let (told, connected) = channel();
    std::thread::spawn(move || drop(told.send(TcpStream::connect_timeout(&address, patience))));
    loop {
        match connected.recv_timeout(LOOK) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                let why = format!(
                    "cannot reach a worker at {address}: {error}; look whether `herbarium-load worker` runs there"
                );
                return Err(RunError::Worker(why));
            }
            Err(_) if stop.is_set() => return Err(RunError::Stopped),
            Err(_) => {}
        }
    }
}

/// The next frame of a worker that may take its time, unless somebody ends the run.
fn expect_soon(
    stream: &TcpStream,
    address: impl std::fmt::Display + Copy,
    patience: Duration,
    stop: &Stop,
) -> Result<Frame, RunError> {
    let since = Instant::now();
    while !has_spoken(stream, patience).map_err(lost(address))? {
        if stop.is_set() {
            return Err(RunError::Stopped);
        }
        if since.elapsed() > patience {
            return Err(silent(address, patience));
        }
    }
    expect(stream, address)
}

/// Whether there is something to read, or the end, within a moment. What begins is
/// read within `patience`.
fn has_spoken(stream: &TcpStream, patience: Duration) -> io::Result<bool> {
    stream.set_read_timeout(Some(LOOK))?;
    match stream.peek(&mut [0]) {
        Err(error) if is_waiting(&error) => Ok(false),
        _ => stream.set_read_timeout(Some(patience)).map(|()| true),
    }
}

fn silent(address: impl std::fmt::Display, patience: Duration) -> RunError {
    let patience = Span::from(patience);
    RunError::Worker(format!("the worker at {address} has said nothing for {patience}"))
}

/// What is told of a worker that cannot be heard any more.
fn lost(address: impl std::fmt::Display) -> impl Fn(io::Error) -> RunError {
    move |error| RunError::Worker(format!("the worker at {address} is lost: {error}"))
}

/// The next frame, unless it is a refusal.
fn expect(stream: &TcpStream, address: impl std::fmt::Display + Copy) -> Result<Frame, RunError> {
    match receive(stream).map_err(lost(address))? {
        Frame::Refused { why, unreachable: Some(fault) } => {
            Err(RunError::Unreachable { url: why, fault })
        }
        Frame::Refused { why, .. } => Err(RunError::Worker(format!("{address} refuses: {why}"))),
        frame => Ok(frame),
    }
}

/// The address of the other side.
#[derive(Clone, Copy)]
struct Peer(Option<SocketAddr>);

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("an unknown address"),
        }
    }
}

fn peer(stream: &TcpStream) -> Peer {
    Peer(stream.peer_addr().ok())
}

/// Hands out the parts, and waits until all are ready.
fn plan_all(
    streams: &[(TcpStream, usize)],
    scenario: &Scenario,
    target: &str,
    of: usize,
    options: &Options,
    stop: &Stop,
) -> Result<Vec<String>, RunError> {
    let mut first = 0;
    for (stream, here) in streams {
        let (scenario, target) = (Box::new(scenario.clone()), target.to_owned());
        let (interval, caps) = (options.interval, options.caps);
        let plan = Frame::Plan { scenario, target, first, of, interval, caps };
        send(stream, &plan).map_err(io_error("tell a worker its part"))?;
        first += here;
    }
    let mut all_notes = Vec::new();
    for (stream, _) in streams {
        match expect_soon(stream, peer(stream), options.patience.get(), stop)? {
            Frame::Ready { notes } => all_notes.extend(notes),
            _ => return Err(RunError::Worker(format!("{} is not ready", peer(stream)))),
        }
    }
    Ok(all_notes)
}

/// Tells each when to begin, less the time that telling takes.
fn start_all(
    streams: &[(TcpStream, usize)],
    patience: Duration,
    stop: &Stop,
) -> Result<Instant, RunError> {
    let trips = streams.iter().map(|(stream, _)| round_trip(stream, patience, stop));
    let trips: Vec<Duration> = trips.collect::<Result<_, _>>()?;
    let slowest = trips.iter().max().copied().unwrap_or_default();
    let start = Instant::now() + TOGETHER + slowest;
    for ((stream, _), trip) in streams.iter().zip(trips) {
        let left = start.saturating_duration_since(Instant::now()).saturating_sub(trip / 2);
        let in_nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        send(stream, &Frame::Start { in_nanos }).map_err(io_error("start a worker"))?;
    }
    Ok(start)
}

fn round_trip(stream: &TcpStream, patience: Duration, stop: &Stop) -> Result<Duration, RunError> {
    let mut shortest = patience;
    for number in 0..PINGS {
        let sent = Instant::now();
        send(stream, &Frame::Ping(number)).map_err(io_error("time a worker"))?;
        expect_soon(stream, peer(stream), patience, stop)?;
        shortest = shortest.min(sent.elapsed());
    }
    Ok(shortest)
}

/// How long a worker is waited for while the run goes on.
struct Wait {
    patience: Duration,
    /// The run is to end: those that do not say so soon are lost.
    stop: Stop,
}

/// Passes on what one worker tells; gives its last words.
fn read_part(
    stream: &TcpStream,
    at: usize,
    wait: &Wait,
    out: &Sender<Message>,
) -> Option<(f64, Option<f64>)> {
    loop {
        let (message, end) = match hear(stream, wait) {
            Ok(Frame::Tally(tally)) => (Message::Tally(at, tally), None),
            Ok(Frame::End { cpu_seconds, pressure }) => {
                (Message::Done, Some((cpu_seconds, pressure)))
            }
            Ok(_) => (Message::Lost(format!("{} is out of step", peer(stream))), None),
            Err(error) => (Message::Lost(told(&error)), None),
        };
        let goes_on = matches!(message, Message::Tally(..));
        if out.send(message).is_err() || !goes_on {
            return end;
        }
    }
}

/// The next frame of a worker at work.
fn hear(stream: &TcpStream, wait: &Wait) -> Result<Frame, RunError> {
    let (since, mut since_stop) = (Instant::now(), None);
    while !has_spoken(stream, wait.patience).map_err(lost(peer(stream)))? {
        if since.elapsed() > wait.patience {
            return Err(silent(peer(stream), wait.patience));
        }
        let is_over =
            wait.stop.is_set() && since_stop.get_or_insert_with(Instant::now).elapsed() > FAREWELL;
        if is_over {
            return Err(silent(peer(stream), FAREWELL));
        }
    }
    expect(stream, peer(stream))
}

fn pass_on_stop(streams: &[(TcpStream, usize)], user: &Stop, all: &Stop) {
    while !user.is_set() && !all.is_set() {
        std::thread::sleep(LOOK);
    }
    all.set();
    for (stream, _) in streams {
        // One that is done has hung up.
        let _ = send(stream, &Frame::Stop);
    }
}
