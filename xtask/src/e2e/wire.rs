//! curl.

use std::process::Command;

use super::Bench;
use super::daemon::Daemon;

pub(super) fn curl(bench: &Bench) -> Result<String, String> {
    let socket = std::env::temp_dir().join(format!("herbarium-e2e-{}.sock", std::process::id()));
    let path = socket.display().to_string();
    let daemon = Daemon::start(bench, &["--server-unix", &path])?;
    let url = format!("http://{}/v1/workspaces/code/tree?path=src/main.rs", daemon.api);
    let local = "http://localhost/v1/languages";
    let cases: [(&str, &[&str], &str); 4] = [
        ("HTTP/1.1", &["--http1.1", &url], "1.1 200"),
        ("HTTP/2", &["--http2-prior-knowledge", &url], "2 200"),
        ("compressed", &["--compressed", "--http1.1", local, "--unix-socket", &path], "1.1 200"),
        ("a unix socket", &["--http2-prior-knowledge", "--unix-socket", &path, local], "2 200"),
    ];
    for (name, args, expected) in cases {
        let found = ask(args)?;
        if found != expected {
            return Err(format!("{name}: expected {expected}, found {found}"));
        }
    }
    daemon.stop()?;
    Ok(cases.map(|(name, _, _)| name).join(", "))
}

fn ask(args: &[&str]) -> Result<String, String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null"])
        .args(["--write-out", "%{http_version} %{http_code}"])
        .args(args)
        .output()
        .map_err(|error| format!("start curl: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
