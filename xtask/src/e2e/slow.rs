//! Clients that are slow on purpose.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Bench;
use super::daemon::{Daemon, Peer};

/// For one kind of slowness.
const TEST: Duration = Duration::from_secs(15);

pub(super) fn slowhttptest(bench: &Bench) -> Result<String, String> {
    let options = ["--limits-head-time", "3s", "--limits-body-pause", "3s"];
    let daemon = Daemon::start(bench, &[&options[..], &["--limits-write-time", "3s"]].concat())?;
    let tree = format!("http://{}/v1/workspaces/code/tree?path=src/main.rs", daemon.api);
    let trees = format!("http://{}/v1/trees?language=rust", daemon.api);
    let kinds: [(&str, Vec<&str>); 3] = [
        ("slow heads", vec!["-H", "-i", "2", "-t", "GET", "-u", &tree]),
        ("slow bodies", vec!["-B", "-i", "2", "-s", "8192", "-t", "POST", "-u", &trees]),
        (
            "slow readers",
            vec!["-X", "-w", "1", "-y", "8", "-n", "2", "-z", "8", "-k", "3", "-u", &tree],
        ),
    ];
    let mut seen = Vec::new();
    for (name, args) in kinds {
        let mut command = Command::new("slowhttptest");
        command.args(["-c", "300", "-r", "150", "-x", "24", "-p", "3", "-l"]);
        command.arg(TEST.as_secs().to_string()).args(args);
        let mut attack = Peer::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let (began, mut worst, mut asked) = (Instant::now(), Duration::ZERO, 0);
        while attack.is_running() && began.elapsed() < TEST * 2 {
            let start = Instant::now();
            if !daemon.is_ready() {
                return Err(format!("{name}: the service was not ready"));
            }
            let (status, text) = daemon.get("/v1/workspaces/code/tree?path=tool.py")?;
            if status != 200 {
                return Err(format!("{name}: a client beside them got {status}: {text}"));
            }
            worst = worst.max(start.elapsed());
            asked += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
        seen.push(format!("{name} ({asked} beside them, at most {} ms)", worst.as_millis()));
    }
    daemon.stop()?;
    Ok(seen.join(", "))
}
