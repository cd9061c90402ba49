//! A service on loopback, with a store and some code, for one check.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Bench, write};

/// For the service to come up, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// A folder that is gone with this.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn make() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("herbarium-e2e-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("make {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that ends with this.
pub(super) struct Peer(Child);

impl Peer {
    pub(super) fn start(command: &mut Command) -> Result<Self, String> {
        let started = command.stdin(Stdio::null()).spawn();
        started.map(Self).map_err(|error| format!("start {command:?}: {error}"))
    }

    /// Its end, if it comes in time.
    pub(super) fn ended(&mut self, within: Duration) -> Result<ExitStatus, String> {
        until(within, "a process to end", || self.0.try_wait().ok().flatten())
    }

    pub(super) fn signal(&self, signal: &str) -> Result<(), String> {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).stderr(Stdio::null()).status();
        match sent.is_ok_and(|status| status.success()) {
            true => Ok(()),
            false => Err(format!("send {signal} to {id}: it is gone")),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Asked first: some have children of their own.
        let _ = self.signal("-TERM");
        if self.ended(Duration::from_secs(5)).is_err() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// The service.
pub(super) struct Daemon {
    pub(super) peer: Peer,
    pub(super) folder: Folder,
    /// `127.0.0.1:1234`, for the API and for health.
    pub(super) api: String,
    pub(super) health: String,
}

/// What the workspace `code` has.
const CODE: [(&str, &str); 3] = [
    (
        "src/main.rs",
        "fn main() {\n    greet(\"world\");\n}\n\nfn greet(name: &str) {\n    println!(\"hello {name}\");\n}\n",
    ),
    ("tool.py", "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2))\n"),
    ("web/app.js", "export function shout(text) {\n  return text.toUpperCase();\n}\n"),
];

impl Daemon {
    /// Starts one with these options, and waits until it is ready and its
    /// workspace is indexed.
    pub(super) fn start(bench: &Bench, options: &[&str]) -> Result<Self, String> {
        Self::start_with(bench, &CODE, options)
    }

    /// The same, with this code.
    pub(super) fn start_with(
        bench: &Bench,
        code: &[(impl AsRef<Path>, impl AsRef<str>)],
        options: &[&str],
    ) -> Result<Self, String> {
        let folder = Folder::make()?;
        for (name, text) in code {
            write(&folder.0.join("code").join(name), text.as_ref())?;
        }
        let daemon = Self::bare(bench, folder, options)?;
        daemon.index(code.len())?;
        Ok(daemon)
    }

    /// Starts one with these options in a folder, without a workspace.
    pub(super) fn bare(bench: &Bench, folder: Folder, options: &[&str]) -> Result<Self, String> {
        Self::launch(bench, folder, ["127.0.0.1:0", "127.0.0.1:0"], options)
    }

    /// Ends it, unless that was done, and starts it anew: the same store and addresses.
    pub(super) fn again(self, bench: &Bench, options: &[&str]) -> Result<Self, String> {
        let mut ended = self;
        ended.end()?;
        let Self { folder, api, health, .. } = ended;
        Self::launch(bench, folder, [&api, &health], options)
    }

    /// Ends it, if it runs; its folder stays.
    pub(super) fn end(&mut self) -> Result<(), String> {
        if self.peer.is_running() {
            self.peer.signal("-TERM")?;
            self.peer.ended(PATIENCE)?;
        }
        Ok(())
    }

    /// Starts it at these addresses, and waits until it is ready.
    fn launch(
        bench: &Bench,
        folder: Folder,
        [listen, health_listen]: [&str; 2],
        options: &[&str],
    ) -> Result<Self, String> {
        let log = folder.0.join("log");
        let lines = File::create(&log).map_err(|error| format!("make a log: {error}"))?;
        let errors = lines.try_clone().map_err(|error| format!("make a log: {error}"))?;
        let mut command = Command::new(bench.bin.join("herbariumd"));
        command
            .env("HERBARIUM_STORE", folder.0.join("store"))
            .env("HERBARIUM_WORKSPACES_ROOTS", &folder.0)
            .args(["--listen", listen, "--health-listen", health_listen])
            .args(["--drain-pre-drain", "200ms", "--log-format", "json"])
            .args(options)
            .stdout(lines)
            .stderr(errors);
        let mut peer = Peer::start(&mut command)?;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let up = until(PATIENCE, "the service", || {
            let text = said();
            let (api, health) = (after(&text, "\"url\":\"http"), after(&text, "\"address\":\""));
            // `://` or `s://` comes before it.
            let api = api.and_then(|it| it.split_once("://").map(|(_, it)| it.to_owned()));
            let gone = !peer.is_running();
            gone.then_some(None).or_else(|| Some(Some((api?, health?))))
        })?;
        let (api, health) = up.ok_or_else(|| format!("the service ended: {}", said()))?;
        let daemon = Self { peer, folder, api, health };
        until(PATIENCE, "readiness", || daemon.is_ready().then_some(()))?;
        Ok(daemon)
    }

    /// Adds the workspace `code`, and waits until its trees are there.
    fn index(&self, trees: usize) -> Result<(), String> {
        let path = self.folder.0.join("code");
        let body = format!("{{\"name\":\"code\",\"path\":\"{}\"}}", path.display());
        let (status, text) = self.ask("POST", "/v1/workspaces", &body)?;
        if !(200..300).contains(&status) {
            return Err(format!("add a workspace: {status}: {text}"));
        }
        self.ask("POST", "/v1/workspaces/code/index", "{}")?;
        until(PATIENCE, "trees", || {
            let (_, text) = self.get("/v1/workspaces/code").ok()?;
            text.contains(&format!("\"trees\":{trees}")).then_some(())
        })
    }

    pub(super) fn is_ready(&self) -> bool {
        ask(&self.health, "GET", "/readyz", "").is_ok_and(|(status, _)| status == 200)
    }

    /// Status and body.
    pub(super) fn get(&self, path: &str) -> Result<(u16, String), String> {
        self.ask("GET", path, "")
    }

    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<(u16, String), String> {
        ask(&self.api, method, path, body)
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }

    /// Asks it to end, and waits for that; says what its last line was.
    pub(super) fn stop(mut self) -> Result<String, String> {
        self.peer.signal("-TERM")?;
        let status = self.peer.ended(PATIENCE)?;
        let log = self.log();
        let last = log.lines().last().unwrap_or_default().to_owned();
        match status.success() {
            true => Ok(last),
            false => Err(format!("the service ended with {status}: {last}")),
        }
    }
}

/// One request on a connection of its own.
pub(super) fn ask(
    address: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String), String> {
    let fail = |error: std::io::Error| format!("{method} http://{address}{path}: {error}");
    let mut stream = TcpStream::connect(address).map_err(fail)?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(fail)?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).map_err(fail)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(fail)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    status
        .map(|status| (status, body))
        .ok_or_else(|| format!("{method} http://{address}{path}: expected HTTP, found {answer:?}"))
}

/// Looks again and again until there is something.
pub(super) fn until<T>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, String> {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("waited {} s for {what}", within.as_secs()));
        }
        sleep(STEP);
    }
}

/// A port that was free a moment ago, for peers that cannot choose one.
pub(super) fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0");
    let port = listener.and_then(|listener| listener.local_addr()).map(|address| address.port());
    port.map_err(|error| format!("find a free port: {error}"))
}

/// What comes after a text, up to a quote.
fn after(text: &str, start: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}
