//! A server to be tested, and clients that say just what they are told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown as Half, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use herbarium_health::{DrainPlan, Shutdown};
use herbarium_http::{Front, Limits, Listener, RawBody};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Longer than anything takes, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) front: Front,
    pub(crate) shutdown: Shutdown,
    pub(crate) runtime: Runtime,
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

impl Server {
    /// With the default router.
    pub(crate) fn with(limits: Limits) -> Self {
        Self::new(|front| front.limits(limits), router())
    }

    pub(crate) fn new(set_up: impl FnOnce(Front) -> Front, router: Router) -> Self {
        let shutdown = Shutdown::new(DrainPlan::default().with_pre_drain(Duration::ZERO));
        let front = set_up(Front::new(shutdown.clone()));
        let runtime = runtime();
        let inside = runtime.enter();
        let listener = Listener::tcp(([127, 0, 0, 1], 0).into()).expect("a free port");
        let addr = listener.local_addr().expect("an address");
        tokio::spawn(front.serve(listener, router).expect("on loopback"));
        drop(inside);
        Self { addr, front, shutdown, runtime }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.addr)
    }

    /// Sends this on a new connection, and reads the answer.
    pub(crate) fn ask(&self, request: &str) -> Reply {
        ask(&mut self.connect(), request)
    }

    /// Sends a head with these further lines.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Reply {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n"))
    }

    pub(crate) fn post(&self, path: &str, headers: &str, body: &[u8]) -> Reply {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("written");
        // The server may have heard enough.
        let _ = stream.write_all(body);
        read_reply(&mut stream)
    }

    /// Whether somebody else is still answered.
    pub(crate) fn is_well(&self) {
        assert_eq!(self.get("/hello", "").status, 200);
    }
}

pub(crate) fn router() -> Router {
    Router::new()
        .route("/hello", get(async || "hello\n"))
        .route("/large", get(async || "x".repeat(32 << 20)))
        .route("/slow", get(async || tokio::time::sleep(PATIENCE).await))
        .route("/nap", get(async || tokio::time::sleep(Duration::from_millis(300)).await))
        .route("/panic", get(async || -> () { panic!("as the test wants") }))
        .route("/count", post(async |RawBody(body): RawBody| body.len().to_string()))
        .route("/ignore", post(async || "ignored"))
        .route("/text", get(async || "all work and no play ".repeat(500)))
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether it is a problem of this kind, with all that belongs to one.
    pub(crate) fn is_problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["type"], format!("/v1/problems#{slug}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["help"].is_string(), "{problem}");
        assert!(problem["expected"].is_string() || status >= 500, "{problem}");
        let id = problem["request_id"].as_str();
        assert_eq!(id, self.header("x-request-id"), "{problem}");
        problem
    }
}

pub(crate) fn ask(stream: &mut (impl std::io::Read + std::io::Write), request: &str) -> Reply {
    stream.write_all(request.as_bytes()).expect("written");
    read_reply(stream)
}

/// Reads one answer, by its length or by its chunks.
pub(crate) fn read_reply(stream: &mut impl std::io::Read) -> Reply {
    try_read_reply(stream).expect("an answer")
}

pub(crate) fn try_read_reply(stream: &mut impl std::io::Read) -> std::io::Result<Reply> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(byte(stream)?);
    }
    let head = String::from_utf8(head).map_err(std::io::Error::other)?;
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().and_then(|it| it.split(' ').nth(1)).and_then(|it| it.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(head.clone()))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()));
    let mut reply = Reply { status, headers: headers.collect(), body: Vec::new() };
    if reply.header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = chunk(stream)? {
            reply.body.extend(chunk);
        }
    } else {
        let length = reply.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        reply.body = vec![0; length];
        stream.read_exact(&mut reply.body)?;
    }
    Ok(reply)
}

fn byte(stream: &mut impl std::io::Read) -> std::io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn chunk(stream: &mut impl std::io::Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(byte(stream)?);
    }
    let size = std::str::from_utf8(&line).ok().map(str::trim);
    let size = size.and_then(|it| usize::from_str_radix(it, 16).ok());
    let mut chunk = vec![0; size.ok_or_else(|| std::io::Error::other("a chunk"))? + 2];
    stream.read_exact(&mut chunk)?;
    chunk.truncate(chunk.len() - 2);
    Ok((!chunk.is_empty()).then_some(chunk))
}

/// How long it takes until the server closes, whatever it says before.
pub(crate) fn time_to_close(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let mut buffer = vec![0; 64 << 10];
    while began.elapsed() < PATIENCE {
        match stream.read(&mut buffer) {
            Ok(0) => return began.elapsed(),
            Ok(_) => {}
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return began.elapsed(),
        }
    }
    panic!("open after {PATIENCE:?}");
}

/// Sends this and nothing more, and reads until the server closes.
pub(crate) fn say_and_hear(server: &Server, said: &[u8]) -> String {
    let mut stream = server.connect();
    let _ = stream.write_all(said);
    let _ = stream.shutdown(Half::Write);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    String::from_utf8_lossy(&heard).into_owned()
}

/// Tries until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
