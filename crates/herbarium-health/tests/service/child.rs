//! A service in a process of its own: this test program, started again.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use herbarium_health::{Connection, DrainPlan, Health, PaceLimits, Shutdown};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::client::{get, until};

/// Says to the program that it is the service, and how it is to drain:
/// milliseconds before, for, and after the deadline.
const ROLE: &str = "HEALTH_TEST_SERVICE";

/// How the service drains, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) pre_drain: u64,
    pub(crate) deadline: u64,
    pub(crate) grace: u64,
}

/// A running service. Killed, if it still runs, when dropped.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) health: SocketAddr,
    pub(crate) addr: SocketAddr,
    /// Read no further than to the addresses.
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Service {
    pub(crate) fn start(times: Times) -> Self {
        Self::start_as("plain", times)
    }

    /// `kind` is `plain`, `logs` (JSON, from trace up), or `stuck` (its
    /// runtime is blocked for ever after the first request).
    pub(crate) fn start_as(kind: &str, times: Times) -> Self {
        let Times { pre_drain, deadline, grace } = times;
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child::the_service", "--nocapture", "--test-threads=1"])
            .env(ROLE, format!("{kind} {pre_drain} {deadline} {grace}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child process");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let addresses = loop {
            line.clear();
            assert!(stdout.read_line(&mut line).expect("a line") > 0, "the service ended");
            if let Some((_, addresses)) = line.split_once("listening ") {
                break addresses;
            }
        };
        let mut addresses = addresses.split_whitespace().map(|it| it.parse().expect("an address"));
        let (health, addr) = (addresses.next(), addresses.next());
        let (health, addr) = health.zip(addr).expect("two addresses");
        until("ready", || get(health, "/readyz").status == 200);
        Self { child, health, addr, stdout }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Its exit code, and the last line of its standard error.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut text).expect("UTF-8");
        let code = self.child.wait().expect("an end").code();
        (code, text.lines().last().unwrap_or("").to_owned())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// By the shell's own command: sending signals takes unsafe code otherwise.
pub(crate) fn signal(process: u32, name: &str) {
    let command = format!("kill -{name} {process}");
    let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
    assert!(status.success(), "{command}");
}

/// The service, if this program was started as one.
#[test]
fn the_service() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut parts = role.split(' ');
    let kind = parts.next().expect("a kind").to_owned();
    let mut millis = parts.map(|it| Duration::from_millis(it.parse().expect("a number")));
    let mut next = || millis.next().expect("three times");
    let plan = DrainPlan::default().with_pre_drain(next()).with_deadline(next());
    let plan = plan.with_grace(next());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(serve(kind, plan));
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn serve(kind: String, plan: DrainPlan) {
    let _logs = (kind == "logs").then(|| {
        let logs = herbarium_health::logs::Logs::new().filter("trace").buffer(256 * 1024);
        logs.install().expect("no other subscriber")
    });
    let builder = Health::builder().service("child", "1.0.0").drain(plan);
    let health = builder.listen(([127, 0, 0, 1], 0).into()).start().expect("a free port");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("\nlistening {} {}", health.local_addr(), listener.local_addr().expect("an address"));
    health.shutdown().on_flush("nothing", || async { Ok::<_, Infallible>(()) });
    tokio::spawn(accept(listener, health.shutdown().clone(), kind));
    health.started();
    let drained = health.until_signal().await.expect("signals");
    drained.exit()
}

async fn accept(listener: tokio::net::TcpListener, shutdown: Shutdown, kind: String) {
    let converse = |stream, _, connection: Connection| {
        let (shutdown, kind) = (shutdown.clone(), kind.clone());
        async move {
            let io = TokioIo::new(connection.pace(stream, PaceLimits::default()));
            let answer = service_fn(move |request| answer(request, shutdown.clone(), kind.clone()));
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(io, connection.count(answer));
            let _ = connection.watch(serving).await;
        }
    };
    shutdown.serve(listener, converse).await;
}

/// `/slow` takes as many milliseconds as its query says, or until it is
/// cancelled; `/deaf` takes no notice of that; `/log` logs a lot.
async fn answer(
    request: Request<Incoming>,
    shutdown: Shutdown,
    kind: String,
) -> Result<Response<String>, Infallible> {
    if kind == "stuck" {
        block_every_worker();
    }
    let time = request.uri().query().and_then(|query| query.parse().ok()).unwrap_or(0);
    let sleep = tokio::time::sleep(Duration::from_millis(time));
    let cancel = shutdown.cancel_token();
    let mut response = Response::new(format!("{time}\n"));
    match request.uri().path() {
        "/slow" if cancel.run_until_cancelled(sleep).await.is_none() => {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        "/deaf" => tokio::time::sleep(Duration::from_millis(time)).await,
        "/log" => (0..1000).for_each(|n| tracing::info!(n, "{}", "x".repeat(200))),
        _ => {}
    }
    Ok(response)
}

fn block_every_worker() {
    for _ in 0..64 {
        tokio::spawn(async {
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        });
    }
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}
