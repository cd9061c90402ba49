//! Several generators are one.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use herbarium_loadgen::cluster::{WorkerOptions, coordinate, serve_worker};
use herbarium_loadgen::{Report, RunError, Stop, Verdict, View, Watch};

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
    assert!(matches!(ended, Err(RunError::Io { .. })), "{ended:?}");
}
