//! Prometheus, and promtool.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::{Daemon, Folder, Peer, ask, free_port, until};
use super::{Bench, write};

pub(super) fn prometheus(bench: &Bench) -> Result<String, String> {
    let daemon = Daemon::start(bench, &[])?;
    daemon.get("/v1/languages")?;
    let (_, metrics) = ask(&daemon.health, "GET", "/metrics", "")?;
    promtool(&metrics)?;
    let (folder, port) = (Folder::make()?, free_port()?);
    let configuration = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n\
         - job_name: herbarium\n  static_configs: [ {{ targets: [ '{}' ] }} ]\n",
        daemon.health
    );
    write(&folder.0.join("prometheus.yml"), &configuration)?;
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.0.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _prometheus = Peer::start(&mut command)?;
    let server = format!("127.0.0.1:{port}");
    let value = |query: &str| {
        let (_, text) = ask(&server, "GET", &format!("/api/v1/query?query={query}"), "").ok()?;
        text.contains("\"value\"").then_some(text)
    };
    for query in [
        "up%7Bjob%3D%22herbarium%22%7D%3D%3D1",
        "http_server_requests_total",
        "process_resident_memory_bytes",
    ] {
        until(Duration::from_secs(30), query, || value(query))?;
    }
    let families = metrics.lines().filter(|line| line.starts_with("# TYPE")).count();
    daemon.stop()?;
    Ok(format!("{families} metrics, {} lines", metrics.lines().count()))
}

fn promtool(metrics: &str) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("run promtool: {error}");
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    if let Some(mut input) = tool.stdin.take() {
        input.write_all(metrics.as_bytes()).map_err(fail)?;
    }
    let output = tool.wait_with_output().map_err(fail)?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    match output.status.success() && said.trim().is_empty() {
        true => Ok(()),
        false => Err(format!("promtool does not accept the metrics: {said}")),
    }
}
