//! The service under load, and stopped while it is.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::daemon::{Daemon, Peer};
use super::{Bench, write};
use crate::root;

/// What clients ask of the service.
const EXAMPLE: &str = "docs/examples/load/requests.toml";
/// Requests a second.
const RATE: u32 = 200;
/// When the signal comes, and what comes after it.
const BEFORE: Duration = Duration::from_millis(1500);
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn sigterm(bench: &Bench) -> Result<String, String> {
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    for round in 1..=bench.rounds {
        let (requests, took) = one(bench).map_err(|error| format!("round {round}: {error}"))?;
        answered += requests;
        slowest = slowest.max(took);
    }
    let rounds = bench.rounds;
    Ok(format!(
        "{rounds} times, {answered} requests answered, none cut or reset; at most {:.2} s to the end",
        slowest.as_secs_f64()
    ))
}

/// The requests of docs/examples, on the files that they name.
pub(super) fn requests(bench: &Bench) -> Result<String, String> {
    let root = root();
    let (requests, paths) = (root.join(EXAMPLE), root.join(EXAMPLE).with_file_name("paths.csv"));
    let paths = std::fs::read_to_string(&paths)
        .map_err(|error| format!("read {}: {error}", paths.display()))?;
    let text = |path: &str| {
        let text = std::fs::read_to_string(root.join(path));
        Ok((path.to_owned(), text.map_err(|error| format!("read {path}: {error}"))?))
    };
    let code = paths.lines().skip(1).map(text).collect::<Result<Vec<_>, String>>()?;
    let daemon = Daemon::start_with(bench, &code, &[])?;
    let report = daemon.folder.0.join("report.json");
    let mut command = Command::new(bench.bin.join("herbarium-load"));
    command.args(["run", "normal", "--length", "5s", "--scale", "1", "--max-pressure", "1"]);
    command.args(["--max-lag", "10s", "--max-late", "1", "--quiet", "--requests"]).arg(requests);
    command.arg("--target").arg(format!("http://{}", daemon.api)).arg("--json").arg(&report);
    let mut load = Peer::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    load.ended(Duration::from_secs(60))?;
    let whole = &read(&report)?["whole"];
    let (good, all) = (&whole["good"], &whole["requests"]);
    match good == all && good.as_u64() > Some(0) {
        true => Ok(format!("{good} requests on {} files, all answered as they check", code.len())),
        false => Err(format!("{good} of {all} requests were answered: {}", whole["errors"])),
    }
}

/// Answers, and the time to the end.
fn one(bench: &Bench) -> Result<(u64, Duration), String> {
    let mut daemon = Daemon::start(bench, &[])?;
    let scenario = format!(
        "schema = 1\nname = \"drain\"\n[load]\nspacing = \"poisson\"\n[connections]\ncount = 20\n\
         [[stage]]\nname = \"steady\"\nhold = {RATE}\nfor = \"3s\"\n\
         [[flow]]\nname = \"tree\"\npath = \"/v1/workspaces/code/tree?path=src/main.rs\"\n\
         check = {{ status = [\"200\"] }}\n"
    );
    let (file, report) = (daemon.folder.0.join("drain.toml"), daemon.folder.0.join("report.json"));
    write(&file, &scenario)?;
    let mut command = Command::new(bench.bin.join("herbarium-load"));
    command.arg("run").arg(&file).arg("--target").arg(format!("http://{}", daemon.api));
    command.args(["--quiet", "--json"]).arg(&report);
    let mut load = Peer::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    std::thread::sleep(BEFORE);
    daemon.peer.signal("-TERM")?;
    let began = Instant::now();
    let status = daemon.peer.ended(DEADLINE)?;
    let took = began.elapsed();
    load.ended(Duration::from_secs(30))?;
    let log = daemon.log();
    let last = log.lines().last().unwrap_or_default();
    if !status.success() || !last.contains("\"cut\":0") {
        return Err(format!("expected exit code 0 and nothing cut, found {status}: {last}"));
    }
    judge(&read(&report)?["whole"]).map(|answered| (answered, took))
}

fn read(report: &Path) -> Result<serde_json::Value, String> {
    let text =
        std::fs::read_to_string(report).map_err(|error| format!("read a report: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("read a report: {error}"))
}

/// Once it is gone, connections are refused; nothing else may go wrong.
fn judge(whole: &serde_json::Value) -> Result<u64, String> {
    let errors = whole["errors"].as_object().cloned().unwrap_or_default();
    let allowed = |class: &str| matches!(class, "refused" | "connect");
    let wrong = errors.iter().find(|(class, count)| !allowed(class) && count.as_u64() != Some(0));
    match wrong {
        Some((class, count)) => Err(format!("{count} requests ended with `{class}`")),
        None => Ok(whole["good"].as_u64().unwrap_or_default()),
    }
}
