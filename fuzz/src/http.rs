//! Bytes as what a client sends to the service.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown as Half;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use herbarium::Herbarium;
use herbarium_health::{DrainPlan, Shutdown};
use herbarium_http::{Front, Limits, Listener};
use herbarium_server::{Service, ServiceOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// No connection may live longer without a byte: all limits of the service are shorter.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends the bytes over a unix socket to the front with the service's own routes behind
/// it, and reads what comes: the connection ends, and nothing panics.
pub fn http(data: &[u8]) {
    // The workspace that one request removes is there again before the next.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ground = &*GROUND;
    let answer = ground.ask(data, true);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked; see above");
    let first = answer.first().copied();
    assert!(matches!(first, None | Some(b'H' | 0)), "no answer of HTTP: {answer:?}");
    if data.windows(6).any(|it| it == b"DELETE") {
        ground.add();
    }
}

/// What comes for a request whose client waits for the answer.
pub fn answer(request: &[u8]) -> Vec<u8> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let line = request.iter().position(|byte| *byte == b'\n').map_or(0, |it| it + 1);
    GROUND.ask(&[&request[..line], b"connection: close\r\n", &request[line..]].concat(), false)
}

static TURN: Mutex<()> = Mutex::new(());
static PANICS: AtomicUsize = AtomicUsize::new(0);
static GROUND: LazyLock<Ground> = LazyLock::new(Ground::new);

/// A service that runs until the process ends, with a workspace `w`.
struct Ground {
    dir: TempDir,
    _runtime: Runtime,
    _shutdown: Shutdown,
}

impl Ground {
    fn new() -> Self {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }));
        let dir = tempfile::tempdir().expect("a folder");
        let code = dir.path().join("code");
        fs::create_dir(&code).expect("a folder in it");
        fs::write(code.join("a.json"), br#"{"a": [1, "two", null]}"#).expect("written");
        fs::write(code.join("b.json"), b"[[], {\"b\": ").expect("written");
        let shutdown = Shutdown::new(DrainPlan::immediate());
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().expect("a runtime");
        let ground = Self { dir, _runtime: runtime, _shutdown: shutdown };
        ground.serve();
        ground.add();
        let index = "POST /v1/workspaces/w/index HTTP/1.1\r\nhost: localhost\r\n\
                     connection: close\r\n\r\n";
        ground.ask(index.as_bytes(), false);
        ground
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    fn serve(&self) {
        let _inside = self._runtime.enter();
        let herbarium = Herbarium::open(self.dir.path().join("store")).expect("a store");
        let service = Service::new(herbarium, service_options(&self.dir)).expect("a service");
        let front = Front::new(self._shutdown.clone()).limits(limits());
        let listener = Listener::unix(self.socket()).expect("a socket");
        self._runtime.spawn(front.serve(listener, service.router()).expect("not public"));
    }

    /// Adds the workspace; it may be there.
    fn add(&self) {
        let path = self.dir.path().join("code").canonicalize().expect("it is there");
        let body = format!("{{\"name\": \"w\", \"path\": \"{}\"}}", path.display());
        let head = "POST /v1/workspaces HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                    content-type: application/json\r\ncontent-length";
        self.ask(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes(), false);
    }

    /// All that comes until the service closes the connection.
    fn ask(&self, bytes: &[u8], says_that_it_is_all: bool) -> Vec<u8> {
        let mut stream = UnixStream::connect(self.socket()).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        // It may close before it has read all.
        let _ = stream.write_all(bytes);
        if says_that_it_is_all {
            let _ = stream.shutdown(Half::Write);
        }
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        let waits = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!end.is_err_and(|error| waits(error.kind())), "open after {PATIENCE:?}");
        answer
    }
}

fn service_options(dir: &TempDir) -> ServiceOptions {
    ServiceOptions {
        workers: 1,
        query_time: Duration::from_millis(200),
        max_source_bytes: 64 << 10,
        allowed_roots: vec![dir.path().join("code")],
        ..ServiceOptions::default()
    }
}

/// Connections end because their client has said all: limits on time are as usual, so that
/// a slow machine changes nothing.
fn limits() -> Limits {
    Limits { half_closed_time: Duration::from_secs(20), body_bytes: 256 << 10, ..Limits::default() }
}
