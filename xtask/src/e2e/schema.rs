//! schemathesis: requests made of the description of the API.

use std::process::Command;

use super::Bench;
use super::daemon::Daemon;

pub(super) fn schemathesis(bench: &Bench) -> Result<String, String> {
    let daemon = Daemon::start(bench, &[])?;
    let url = format!("http://{}/v1/openapi.json", daemon.api);
    let output = Command::new("schemathesis")
        .args(["run", &url, "--checks", "not_a_server_error,status_code_conformance"])
        .args(["--max-examples", "40", "--request-timeout", "20", "--seed", "1", "--no-color"])
        .current_dir(&daemon.folder.0)
        .output()
        .map_err(|error| format!("start schemathesis: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{said}\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let last = daemon.stop()?;
    if last.contains("panicked") {
        return Err(last);
    }
    let summary =
        said.lines().rev().find(|line| line.contains("generated") || line.contains("passed"));
    Ok(summary.unwrap_or("no 5xx").trim().trim_matches('=').trim().to_owned())
}
