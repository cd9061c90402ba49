//! Several generators are one.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use herbarium_loadgen::cluster::{WorkerOptions, coordinate, serve_worker};
use herbarium_loadgen::{Options, Report, RunError, Span, Stop, Verdict, View, Watch};

use crate::servers::{GOOD, Manner, Server, options, scenario};

fn worker(change: impl FnOnce(&mut WorkerOptions)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut options = WorkerOptions { workers: Some(1), ..WorkerOptions::default() };
    change(&mut options);
    std::thread::spawn(move || serve_worker(&listener, &options, &Stop::new()));
    address
}

const LOAD: &str = "stage = [{ hold = 200, for = \"500ms\" }, { hold = 100, for = \"300ms\" }]
    gate = [{ metric = \"delivered\", window = \"whole\", above = 0.999 }]";

#[test]
fn workers_together_send_exactly_the_schedule() {
    let server = Server::start(Manner::Says(GOOD));
    let workers = [worker(|_| {}), worker(|it| it.workers = Some(2)), worker(|_| {})];
    let scenario = scenario(LOAD);
    for _ in 0..2 {
        let before = server.requests();
        let stop = Stop::new();
        let outcome =
            coordinate(&scenario, &server.url, &workers, "", &options(), &stop, &mut ()).unwrap();
        let due = scenario.schedule().unwrap().arrivals().count() as u64;
        assert_eq!((outcome.whole.due, outcome.whole.requests()), (due, due));
        assert_eq!(server.requests() - before, due);
        assert_eq!(outcome.workers, 4);
        let report = Report::new(&scenario, &server.url, &outcome);
        assert_eq!(report.verdict, Verdict::Pass);
        assert_eq!(report.whole.response.count, due);
    }
}

#[test]
fn a_worker_refuses_what_it_must_not_do() {
    let server = Server::start(Manner::Says(GOOD));
    let check = |address: SocketAddr, url: &str, word: &str| {
        let stop = Stop::new();
        let ended = coordinate(&scenario(LOAD), url, &[address], "", &options(), &stop, &mut ());
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    check(worker(|it| it.token = "secret".to_owned()), &server.url, "token");
    check(worker(|_| {}), "http://192.0.2.1", "--i-own-this-target");
    check(worker(|it| it.caps.requests = 3), &server.url, "the cap is 3");
    check(worker(|_| {}), &Server::gone(), "refused");
    let gone: SocketAddr = Server::gone().strip_prefix("http://").unwrap().parse().unwrap();
    check(gone, &server.url, "reach a worker");
}

#[test]
fn a_worker_survives_nonsense() {
    let address = worker(|it| it.folder = PathBuf::from("."));
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[3, 0, 0, 0, b'x'], &[255; 8], &[]] {
        let mut stream = TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, bytes).unwrap();
    }
    let server = Server::start(Manner::Says(GOOD));
    let stop = Stop::new();
    let outcome =
        coordinate(&scenario(LOAD), &server.url, &[address], "", &options(), &stop, &mut ());
    assert!(outcome.unwrap().whole.requests() > 0);
}

/// Ends the run after the first interval.
struct Impatient(Stop);

impl Watch for Impatient {
    fn interval(&mut self, _view: &View<'_>) {
        self.0.set();
    }
}

#[test]
fn a_stop_reaches_all_workers() {
    let server = Server::start(Manner::Says(GOOD));
    let workers = [worker(|_| {}), worker(|_| {})];
    let scenario = scenario("stage = [{ hold = 100, for = \"1h\" }]");
    let stop = Stop::new();
    let mut watch = Impatient(stop.clone());
    let outcome =
        coordinate(&scenario, &server.url, &workers, "", &options(), &stop, &mut watch).unwrap();
    assert!(outcome.interrupted && outcome.elapsed.as_secs() < 30);
}

#[test]
fn a_worker_that_dies_ends_the_run_with_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || drop(listener.accept()));
    let stop = Stop::new();
    let server = Server::start(Manner::Says(GOOD));
    let ended =
        coordinate(&scenario(LOAD), &server.url, &[address], "", &options(), &stop, &mut ());
    let error = ended.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}

/// Frames, as a worker of other making would send them.
struct Fake(TcpStream);

impl Fake {
    fn say(&mut self, text: &str) {
        self.0.write_all(&u32::try_from(text.len()).unwrap().to_le_bytes()).unwrap();
        self.0.write_all(text.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut text = vec![0; u32::from_le_bytes(length) as usize];
        self.0.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }
}

#[test]
fn a_worker_that_is_lost_on_the_way_makes_the_run_invalid_with_a_report() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mortal = listener.local_addr().unwrap();
    let server = Server::start(Manner::Says(GOOD));
    let (sent, url) = (server.counter(), server.url.clone());
    std::thread::spawn(move || {
        let mut fake = Fake(listener.accept().unwrap().0);
        fake.hear();
        fake.say("{\"hello\":{\"workers\":1}}");
        fake.hear();
        fake.say("{\"ready\":{\"notes\":[]}}");
        loop {
            let frame = fake.hear();
            match frame.strip_prefix("{\"ping\":") {
                Some(number) => fake.say(&format!("{{\"pong\":{number}")),
                None => break,
            }
        }
        while sent.load(Ordering::SeqCst) < 10 {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let scenario = scenario("stage = [{ hold = 100, for = \"1h\" }]");
    let workers = [worker(|_| {}), mortal];
    let stop = Stop::new();
    let outcome = coordinate(&scenario, &url, &workers, "", &options(), &stop, &mut ()).unwrap();
    assert_eq!(outcome.lost, 1);
    assert!(outcome.notes.iter().any(|it| it.contains(&mortal.to_string())), "{:?}", outcome.notes);
    let report = Report::new(&scenario, &url, &outcome);
    assert_eq!(report.verdict, Verdict::Invalid);
    assert!(report.whole.requests > 0);
}

/// What stands between a coordinator and a worker.
#[derive(Clone, Copy)]
enum Way {
    /// Each frame of the worker comes so much later.
    Late(Duration),
    /// After so many frames of the worker there is nothing more, and no end.
    Silent(usize),
    /// After so many frames the connection ends.
    Cut(usize),
}

fn frame(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    from.read_exact(&mut bytes)?;
    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    bytes.resize(4 + length, 0);
    from.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

/// A worker at the end of such a way.
fn worker_behind(way: Way) -> SocketAddr {
    let there = worker(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut near = listener.accept().unwrap().0;
        let mut far = TcpStream::connect(there).unwrap();
        let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut told = 0;
        while let Ok(bytes) = frame(&mut far) {
            match way {
                Way::Late(time) => std::thread::sleep(time),
                Way::Silent(most) if told == most => std::thread::park(),
                Way::Cut(most) if told == most => break,
                _ => {}
            }
            told += 1;
            if near.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = near.shutdown(std::net::Shutdown::Both);
    });
    here
}

/// Hello, ready, and an answer to each of the five pings.
const BEFORE_THE_RUN: usize = 7;

fn patient_for(patience: Span) -> Options {
    Options { patience, ..options() }
}

#[test]
fn a_worker_that_says_nothing_before_the_run_is_given_up() {
    let server = Server::start(Manner::Says(GOOD));
    for told in 0..BEFORE_THE_RUN {
        let workers = [worker_behind(Way::Silent(told))];
        let (options, stop) = (patient_for(Span::millis(500)), Stop::new());
        let ended =
            coordinate(&scenario(LOAD), &server.url, &workers, "", &options, &stop, &mut ());
        let error = ended.unwrap_err().to_string();
        assert!(error.contains("has said nothing for 500ms"), "{told}: {error}");
        assert!(error.contains(&workers[0].to_string()), "{told}: {error}");
    }
}

#[test]
fn a_worker_that_says_nothing_before_the_run_does_not_keep_it_from_being_ended() {
    let server = Server::start(Manner::Says(GOOD));
    for told in 0..BEFORE_THE_RUN {
        let stop = Stop::new();
        let ctrl_c = stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            ctrl_c.set();
        });
        let workers = [worker_behind(Way::Silent(told))];
        let patient = patient_for(Span::secs(3_600));
        let ended =
            coordinate(&scenario(LOAD), &server.url, &workers, "", &patient, &stop, &mut ());
        assert!(matches!(ended, Err(RunError::Stopped)), "{told}: {ended:?}");
    }
}

#[test]
fn a_worker_that_falls_silent_or_dies_in_the_middle_makes_the_run_invalid() {
    let server = Server::start(Manner::Says(GOOD));
    let scenario = scenario("stage = [{ hold = 100, for = \"1h\" }]");
    let three = BEFORE_THE_RUN + 3;
    for (way, word) in [(Way::Silent(three), "has said nothing"), (Way::Cut(three), "is lost")] {
        let workers = [worker_behind(way)];
        let (options, stop) = (patient_for(Span::secs(8)), Stop::new());
        let outcome =
            coordinate(&scenario, &server.url, &workers, "", &options, &stop, &mut ()).unwrap();
        assert_eq!(outcome.lost, 1);
        let tells = |note: &String| note.contains(&workers[0].to_string()) && note.contains(word);
        assert!(outcome.notes.iter().any(tells), "{:?}", outcome.notes);
        let report = Report::new(&scenario, &server.url, &outcome);
        assert_eq!((report.verdict, report.exit_code), (Verdict::Invalid, 3));
        // It told of the first intervals.
        assert!(report.whole.requests > 0);
    }
}

#[test]
fn a_worker_that_tells_late_loses_nothing() {
    let server = Server::start(Manner::Says(GOOD));
    let scenario = scenario(LOAD);
    let workers = [worker(|_| {}), worker_behind(Way::Late(Duration::from_millis(250)))];
    let stop = Stop::new();
    let outcome =
        coordinate(&scenario, &server.url, &workers, "", &options(), &stop, &mut ()).unwrap();
    let due = scenario.schedule().unwrap().arrivals().count() as u64;
    assert_eq!((outcome.lost, outcome.whole.due, outcome.whole.requests()), (0, due, due));
    let in_slots: u64 = outcome.timeline.slots().iter().map(|slot| slot.requests).sum();
    assert_eq!(in_slots, due);
    assert_eq!(Report::new(&scenario, &server.url, &outcome).verdict, Verdict::Pass);
}

/// Its part is told for a while, then nothing, and nobody waits for an hour.
#[test]
fn a_silent_worker_does_not_keep_a_run_from_being_ended() {
    let server = Server::start(Manner::Says(GOOD));
    let scenario = scenario("stage = [{ hold = 100, for = \"1h\" }]");
    let workers = [worker(|_| {}), worker_behind(Way::Silent(BEFORE_THE_RUN + 1))];
    let patient = patient_for(Span::secs(3_600));
    let stop = Stop::new();
    let mut watch = Impatient(stop.clone());
    let outcome =
        coordinate(&scenario, &server.url, &workers, "", &patient, &stop, &mut watch).unwrap();
    assert!(outcome.interrupted && outcome.lost > 0);
    let report = Report::new(&scenario, &server.url, &outcome);
    assert_eq!(report.verdict, Verdict::Interrupted);
}

#[test]
fn a_coordinator_of_another_version_is_refused() {
    let mut fake = Fake(TcpStream::connect(worker(|_| {})).unwrap());
    fake.say("{\"open\":{\"protocol\":1,\"version\":\"0.0.0\",\"token\":\"\"}}");
    let answer = fake.hear();
    assert!(answer.contains("refused") && answer.contains("0.0.0"), "{answer}");
}

#[test]
fn joining_can_be_ended() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stop = Stop::new();
    stop.set();
    let workers = [silent.local_addr().unwrap()];
    let url = Server::gone();
    let ended = coordinate(&scenario(LOAD), &url, &workers, "", &options(), &stop, &mut ());
    assert!(matches!(ended, Err(RunError::Stopped)), "{ended:?}");
}

#[test]
fn no_thread_of_a_worker_is_without_a_connection() {
    let server = Server::start(Manner::Says(GOOD));
    let few = scenario(&format!("connections = {{ count = 1, max = 1 }}\n{LOAD}"));
    let workers = [worker(|_| {}), worker(|_| {})];
    let ended = coordinate(&few, &server.url, &workers, "", &options(), &Stop::new(), &mut ());
    assert!(ended.unwrap_err().to_string().contains("at least 2"));
}
