//! Prometheus and Alertmanager around a service, set up as the examples of `docs/deploy` are, and
//! a web hook that hears what they say.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::daemon::{Folder, Peer, ask, free_port, until};
use super::write;
use crate::{observe, read, root};

const PROMETHEUS: &str = "docs/deploy/prometheus/prometheus.yml";
const ALERTMANAGER: &str = "docs/deploy/alertmanager/alertmanager.yml";
/// For either of them to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both, ended with this. Their addresses are `127.0.0.1:1234`.
pub(super) struct Watchers {
    pub(super) prometheus: String,
    pub(super) alertmanager: String,
    _peers: [Peer; 2],
    _folder: Folder,
}

impl Watchers {
    /// Watches the health address with the rules that are given, every second; the hook hears
    /// of alerts.
    pub(super) fn start(health: &str, rules: &str, hook: &str) -> Result<Self, String> {
        let folder = Folder::make()?;
        let prometheus = format!("127.0.0.1:{}", free_port()?);
        let alertmanager = format!("127.0.0.1:{}", free_port()?);
        let of_prometheus = read(&root(), PROMETHEUS)?
            .replace("15s", "1s")
            .replace("127.0.0.1:9093", &alertmanager)
            .replace("127.0.0.1:9464", health);
        let of_alertmanager = read(&root(), ALERTMANAGER)?
            .replace("30s", "1s")
            .replace("10s", "1s")
            .replace("group_interval: 5m", "group_interval: 1s")
            .replace("127.0.0.1:9095", hook);
        write(&folder.0.join("prometheus.yml"), &of_prometheus)?;
        write(&folder.0.join("herbarium.rules.yml"), rules)?;
        write(&folder.0.join("alertmanager.yml"), &of_alertmanager)?;
        let first = quiet(
            Command::new("prometheus-alertmanager")
                .arg(format!("--config.file={}", folder.0.join("alertmanager.yml").display()))
                .arg(format!("--storage.path={}", folder.0.join("alerts").display()))
                .arg(format!("--web.listen-address={alertmanager}"))
                .arg("--cluster.listen-address="),
        )?;
        let second = quiet(
            Command::new("prometheus")
                .arg(format!("--config.file={}", folder.0.join("prometheus.yml").display()))
                .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
                .arg(format!("--web.listen-address={prometheus}")),
        )?;
        let watchers = Self { prometheus, alertmanager, _peers: [first, second], _folder: folder };
        for address in [&watchers.prometheus, &watchers.alertmanager] {
            until(PATIENCE, address, || is_ready(address).then_some(()))?;
        }
        until(PATIENCE, "a scrape", || {
            let path = "/api/v1/query?query=up%3D%3D1";
            let (_, text) = ask(&watchers.prometheus, "GET", path, "").ok()?;
            text.contains("\"value\"").then_some(())
        })?;
        Ok(watchers)
    }
}

fn is_ready(address: &str) -> bool {
    ask(address, "GET", "/-/ready", "").is_ok_and(|(status, _)| status == 200)
}

fn quiet(command: &mut Command) -> Result<Peer, String> {
    Peer::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// The rules of the repository, those of hours within minutes.
pub(super) fn hurried_rules() -> Result<String, String> {
    Ok(observe::hurried(&read(&root(), observe::RULES)?))
}

/// Takes what Alertmanager sends, until it is dropped.
pub(super) struct Hook {
    pub(super) address: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One alert of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// `firing` or `resolved`.
    pub(super) status: String,
    pub(super) alert: String,
    /// Where it was sent to: `/page` or `/ticket`.
    pub(super) path: String,
}

impl Hook {
    pub(super) fn open() -> Result<Self, String> {
        let fail = |error: std::io::Error| format!("open a web hook: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?.to_string();
        let (heard, stop) = (Arc::default(), Arc::<AtomicBool>::default());
        let (of_thread, ends) = (Arc::clone(&heard), Arc::clone(&stop));
        let thread = std::thread::spawn(move || listen(&listener, &of_thread, &ends));
        Ok(Self { address, heard, stop, thread: Some(thread) })
    }

    /// Everything so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this was the last that was said of the alert.
    pub(super) fn last_of(&self, alert: &str) -> Option<Heard> {
        self.heard().into_iter().rev().find(|it| it.alert == alert)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(listener: &TcpListener, heard: &Mutex<Vec<Heard>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                let new = message(stream).unwrap_or_default();
                heard.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Reads one request, and answers it.
fn message(mut stream: TcpStream) -> std::io::Result<Vec<Heard>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_whole(&text) {
        match stream.read(&mut buffer)? {
            0 => break,
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
    Ok(alerts(&String::from_utf8_lossy(&text)))
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|it| it.lines().next());
    length.and_then(|it| it.trim().parse::<usize>().ok()).is_none_or(|it| body.len() >= it)
}

fn alerts(request: &str) -> Vec<Heard> {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let list = value["alerts"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let one = |alert: &serde_json::Value| Heard {
        status: text(&alert["status"]),
        alert: text(&alert["labels"]["alertname"]),
        path: path.to_owned(),
    };
    list.iter().map(one).collect()
}
