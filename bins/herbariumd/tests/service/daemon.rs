//! A running service, and one request to it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// The command, with nothing of this process's environment that is ours.
pub(crate) fn herbariumd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herbariumd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HERBARIUM") {
            command.env_remove(name);
        }
    }
    command
}

/// What a command prints and how it ends.
pub(crate) fn run(args: &[&str]) -> Output {
    herbariumd().args(args).output().expect("the program starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) struct Daemon {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) api: String,
    pub(crate) health: String,
}

impl Daemon {
    /// With a store and the file `code/main.rs` in a folder of its own, on ports of its own.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), options)
    }

    pub(crate) fn start_in(folder: TempDir, options: &[&str]) -> Self {
        Self::start_as(herbariumd(), folder, options)
    }

    /// Where no file may grow beyond some 20 KiB: as on a disk that is full.
    pub(crate) fn start_without_room(options: &[&str]) -> Self {
        let mut command = herbariumd();
        let program = command.get_program().to_owned();
        command = Command::new("sh");
        command.arg("-c").arg("trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"").arg(program);
        Self::start_as(command, tempfile::tempdir().expect("a folder"), options)
    }

    fn start_as(mut command: Command, folder: TempDir, options: &[&str]) -> Self {
        let code = folder.path().join("code");
        std::fs::create_dir_all(&code).expect("a folder");
        std::fs::write(code.join("main.rs"), "fn main() { run(); }\nfn run() {}\n")
            .expect("a file");
        let log = File::create(folder.path().join("log")).expect("a log");
        let child = command
            .env("HERBARIUM_STORE", folder.path().join("store"))
            .env("HERBARIUM_WORKSPACES_ROOTS", folder.path())
            .args(["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"])
            .args(["--log-format", "json", "--drain-pre-drain", "50ms"])
            .args(options)
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut daemon = Self { child, folder, api: String::new(), health: String::new() };
        daemon.until("it serves", |daemon| {
            let log = daemon.log();
            let (api, health) = (after(&log, "://"), after(&log, "\"address\":\""));
            let (Some(api), Some(health)) = (api, health) else { return false };
            (daemon.api, daemon.health) = (api, health);
            true
        });
        daemon.until("it is ready", |daemon| daemon.health("/readyz").0 == 200);
        daemon
    }

    pub(crate) fn until(&mut self, what: &str, mut there: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !there(self) {
            let ended = self.child.try_wait().expect("a process");
            assert!(
                ended.is_none() && Instant::now() < end,
                "until {what}: {ended:?} {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        ask(&self.api, "GET", path, &[], "")
    }

    pub(crate) fn health(&self, path: &str) -> (u16, String) {
        ask(&self.health, "GET", path, &[], "")
    }

    /// Adds the folder `code` as a workspace, and waits for its trees.
    pub(crate) fn add_code(&mut self) {
        let body = format!("{{\"name\":\"code\",\"path\":\"{}\"}}", self.path("code").display());
        let (status, text) = ask(&self.api, "POST", "/v1/workspaces", &[JSON], &body);
        assert_eq!(status, 201, "{text}");
        let (status, text) = ask(&self.api, "POST", "/v1/workspaces/code/index", &[], "");
        assert_eq!(status, 202, "{text}");
        self.until("the workspace is indexed", |daemon| {
            daemon.get("/v1/workspaces/code").1.contains("\"trees\":1")
        });
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end, and looks how it does; gives its folder for another.
    pub(crate) fn stop(mut self) -> TempDir {
        self.signal("-TERM");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Status and body of one request on a connection of its own.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    (status.unwrap_or_else(|| panic!("no status in {answer:?}")), body)
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn after(text: &str, start: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}
