//! The load generator beside wrk: what a request costs the one that asks.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command;
use crate::e2e::Service;

/// What both ask, again and again, on as many connections, with one thread.
const PATH: &str = "/v1/workspaces";
const CONNECTIONS: usize = 16;
const SECONDS: usize = 4;
/// They take turns; the cheapest run of each counts.
const ROUNDS: usize = 3;

const WRK: &str = "wrk";
const OURS: &str = "herbarium-load";

/// A run: requests that were answered, and CPU seconds of the generator.
#[derive(Clone, Copy)]
struct Run {
    requests: f64,
    cpu: f64,
}

impl Run {
    fn microseconds_a_request(self) -> f64 {
        1e6 * self.cpu / self.requests.max(1.0)
    }
}

/// The table for the page; what is not installed is said to be missing.
pub(super) fn measure(programs: &Path, scratch: &Path) -> Result<String, String> {
    let mut text = format!(
        "\n### Load generators\n\n`herbariumd` is asked for `{PATH}` on {CONNECTIONS} connections by one thread, \
         in a closed loop, for {SECONDS} seconds; {ROUNDS} runs of each, in turns, of which the cheapest counts. \
         wrk keeps no time from when a request was due, checks no answer, and judges nothing.\n\n\
         | | CPU of the generator, microseconds a request | requests a second |\n|---|---|---|\n"
    );
    if !command::succeeds("which wrk") {
        return Ok(text + "| wrk | not installed here | |\n");
    }
    let service = Service::start(programs)?;
    let scenario = scratch.join("generators.toml");
    super::write(&scenario, &scenario_text())?;
    let mut runs: [Vec<Run>; 2] = Default::default();
    for _ in 0..ROUNDS {
        runs[0].push(wrk(service.address())?);
        runs[1].push(ours(programs, service.address(), &scenario, scratch)?);
    }
    for (name, runs) in [WRK, OURS].iter().zip(runs) {
        let cost = |run: &Run| run.microseconds_a_request();
        let best = runs.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let Some(best) = best else { continue };
        let rate = best.requests / SECONDS as f64;
        let _ = writeln!(text, "| {name} | {:.1} | {rate:.0} |", best.microseconds_a_request());
    }
    Ok(text)
}

fn scenario_text() -> String {
    format!(
        "schema = 1\nname = \"generators\"\ndescription = \"One cheap request, as often as the connections can ask.\"\n\n\
         [load]\nmode = \"closed\"\n\n# Full speed is what is asked for, on a machine that the server shares.\n\
         [honesty]\ncpu = 1.1\nhost_pressure = 1.1\n\n\
         [[stage]]\nname = \"full speed\"\nusers = {CONNECTIONS}\nfor = \"{SECONDS}s\"\n\n\
         [[flow]]\nname = \"cheap\"\npath = \"{PATH}\"\n"
    )
}

fn wrk(address: &str) -> Result<Run, String> {
    let line = format!("wrk -t1 -c{CONNECTIONS} -d{SECONDS}s http://{address}{PATH}");
    let (said, cpu) = timed(&line)?;
    if said.contains("Non-2xx") {
        return Err(format!("`{line}`: expected good answers, found {said}"));
    }
    let requests = requests_of_wrk(&said);
    let requests = requests.ok_or_else(|| format!("`{line}`: expected a count, found {said}"))?;
    Ok(Run { requests, cpu })
}

/// `  165626 requests in 4.03s, 48.65MB read`.
fn requests_of_wrk(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.split_once(" requests in ")?.0.trim().parse().ok())
}

fn ours(programs: &Path, address: &str, scenario: &Path, scratch: &Path) -> Result<Run, String> {
    let report = scratch.join("generators.json");
    let line = format!(
        "{} run {} --target http://{address} --json {}",
        programs.join(OURS).display(),
        scenario.display(),
        report.display()
    );
    let (_, cpu) = timed(&line)?;
    let text = fs::read_to_string(&report)
        .map_err(|error| format!("`{line}`: {}: {error}", report.display()))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| format!("{line}: {error}"))?;
    let (requests, good) = (&report["whole"]["requests"], &report["whole"]["good"]);
    match (requests.as_f64(), good.as_f64()) {
        (Some(requests), Some(good)) if good == requests => Ok(Run { requests, cpu }),
        _ => Err(format!("`{line}`: expected good answers, found {good} of {requests}")),
    }
}

/// What a command prints, and its CPU seconds. Words are as they stand: no shell reads them.
fn timed(line: &str) -> Result<(String, f64), String> {
    let output = Command::new("bash")
        .args(["-c", "TIMEFORMAT='%U %S'; time \"$@\" 2>/dev/null", "bash"])
        .args(line.split(' '))
        .output()
        .map_err(|error| format!("starting bash: {error}"))?;
    let times = String::from_utf8_lossy(&output.stderr);
    let times: Vec<f64> = times.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    match times[..] {
        [user, system] => Ok((String::from_utf8_lossy(&output.stdout).into_owned(), user + system)),
        _ => Err(format!("timing `{line}`: expected two times, found {times:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_wrk_is_read() {
        let said =
            "Running 4s test\n  165626 requests in 4.03s, 48.65MB read\nRequests/sec: 41065.92\n";
        assert_eq!(requests_of_wrk(said), Some(165_626.0));
        assert_eq!(requests_of_wrk("nothing"), None);
    }

    #[test]
    fn a_request_costs_its_share_of_the_time() {
        let run = Run { requests: 200_000.0, cpu: 2.0 };
        assert_eq!(run.microseconds_a_request(), 10.0);
    }

    #[test]
    fn the_scenario_is_toml() {
        assert!(scenario_text().parse::<toml::Table>().is_ok(), "{}", scenario_text());
    }

    #[cfg(unix)]
    #[test]
    fn a_command_is_timed() {
        if !command::succeeds("bash --version") {
            return;
        }
        let (said, cpu) = timed("printf a").expect("times");
        assert!(said == "a" && cpu >= 0.0);
    }
}
