//! Servers of a few lines, each with its own way to behave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use herbarium_loadgen::scenario::HonestySpec;
use herbarium_loadgen::{Options, Outcome, Report, Scenario, Span, Stop, Target, run};

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// These bytes, at once.
    Says(&'static [u8]),
    /// These bytes, then the end.
    SaysAndCloses(&'static [u8]),
    /// An answer after this time.
    Slow(Duration),
    /// A good answer, but nothing for a while, some time after the first request.
    Stalls { after: Duration, stall: Duration },
    /// The connection is reset before the answer.
    Resets,
    /// Never an answer.
    Silent,
    /// A good answer whose body is the path of the request.
    Echoes,
}

/// A server that is there until the test process ends.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<AtomicU64>,
}

pub(crate) const GOOD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello";

impl Server {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            let begin = Instant::now();
            for stream in listener.incoming().flatten() {
                let (manner, counter) = (manner.clone(), Arc::clone(&counter));
                std::thread::spawn(move || serve(stream, &manner, begin, &counter));
            }
        });
        Self { url, requests }
    }

    /// The address of a server that is gone.
    pub(crate) fn gone() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    /// Counts what it was asked, also for other threads.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.requests)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, manner: &Manner, begin: Instant, requests: &AtomicU64) {
    let _ = stream.set_nodelay(true);
    let mut out = stream.try_clone().unwrap();
    let mut input = BufReader::with_capacity(512, stream);
    loop {
        if let Manner::Resets = manner {
            // What is not read when a socket is closed makes the kernel reset it.
            let mut first = [0];
            if input.get_mut().read_exact(&mut first).is_ok() {
                requests.fetch_add(1, Ordering::SeqCst);
            }
            return;
        }
        let Some(path) = read_request(&mut input) else { return };
        requests.fetch_add(1, Ordering::SeqCst);
        let written = match manner {
            Manner::Says(bytes) => out.write_all(bytes),
            Manner::SaysAndCloses(bytes) => {
                let _ = out.write_all(bytes);
                return;
            }
            Manner::Slow(time) => {
                std::thread::sleep(*time);
                out.write_all(GOOD)
            }
            Manner::Stalls { after, stall } => {
                let since = begin.elapsed();
                if since > *after && since < *after + *stall {
                    std::thread::sleep(*after + *stall - since);
                }
                out.write_all(GOOD)
            }
            Manner::Silent => {
                std::thread::sleep(Duration::from_secs(60));
                return;
            }
            Manner::Echoes => {
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len());
                out.write_all(answer.as_bytes())
            }
            Manner::Resets => return,
        };
        if written.is_err() {
            return;
        }
    }
}

/// The path, and the body after a blank for requests that have one.
fn read_request(input: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        input.read_line(&mut header).ok().filter(|read| *read > 0)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    if length > 0 {
        path = format!("{path} {}", String::from_utf8_lossy(&body));
    }
    Some(path)
}

/// A scenario that is valid whatever else runs on the machine: what it tests is
/// not the machine.
pub(crate) fn scenario(toml: &str) -> Scenario {
    let mut scenario = Scenario::from_toml(&format!("name = \"test\"\n{toml}")).unwrap();
    scenario.honesty = HonestySpec::UNLIMITED;
    scenario
}

pub(crate) fn options() -> Options {
    Options { workers: Some(2), interval: Span::millis(100), ..Options::default() }
}

pub(crate) fn outcome(scenario: &Scenario, url: &str) -> Outcome {
    let target = Target::parse(url).unwrap().allow(false).unwrap();
    run(scenario, &target, &options(), &Stop::new(), &mut ()).unwrap()
}

pub(crate) fn report(scenario: &Scenario, url: &str) -> Report {
    Report::new(scenario, url, &outcome(scenario, url))
}
