//! The metrics and labels of rules and dashboards, looked for in what a running service shows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::daemon::{Daemon, Folder, ask, until};
use super::{Bench, write};
use crate::observe::{Sources, Use, uses};
use crate::root;

const PATIENCE: Duration = Duration::from_secs(30);

/// Counters that are not there before something happens, which nothing here makes happen. The
/// inventory of the service has them; each has to be missing, so that this list stays short.
/// All others start at zero.
const NOT_MET: &[&str] = &[
    // One series a language, and of use to those that keep documents open: the service does not.
    "herbarium_reparses_total",
];

pub(super) fn names(bench: &Bench) -> Result<String, String> {
    let sources = Sources::read(&root())?;
    let seen = seen(bench)?;
    let wanted = wanted(&sources);
    let mut faults = Vec::new();
    for name in &wanted {
        let Some(metric) = sources.inventory.get(name) else {
            faults.push(format!("{name} is not in docs/metrics.md"));
            continue;
        };
        let expected: BTreeSet<_> = metric.labels.iter().map(|it| it.name.clone()).collect();
        match (seen.get(name), NOT_MET.contains(&name.as_str())) {
            (None, true) => {}
            (None, false) => faults.push(format!("{name} is in no scrape")),
            (Some(_), true) => faults.push(format!("{name} is in a scrape: take it off NOT_MET")),
            (Some(found), false) if *found == expected => {}
            (Some(found), false) => {
                faults.push(format!("{name}: expected labels {expected:?}, found {found:?}"));
            }
        }
    }
    match faults.is_empty() {
        true => Ok(format!("{} metrics, {} of them not met", wanted.len(), NOT_MET.len())),
        false => Err(faults.join("\n")),
    }
}

/// Metrics that any expression is about.
fn wanted(sources: &Sources) -> BTreeSet<String> {
    let expressions = sources.expressions();
    let used = expressions.iter().flat_map(|(_, expression)| uses(expression));
    let series = used.filter_map(|used| match used {
        Use::Metric(name, _) => Some(name),
        Use::Labels(_) => None,
    });
    let metric = |series: String| sources.inventory.of_series(&series).map(|it| it.name.clone());
    series.filter_map(metric).collect()
}

type Seen = BTreeMap<String, BTreeSet<String>>;

/// Metrics with their labels, after requests of many kinds and some faults.
fn seen(bench: &Bench) -> Result<Seen, String> {
    let mut seen = BTreeMap::new();
    for scrape in [at_work(bench)?, narrow(bench)?, encrypted(bench)?] {
        for (name, labels) in families(&scrape) {
            seen.entry(name).or_insert_with(BTreeSet::new).extend(labels);
        }
    }
    Ok(seen)
}

/// Scrapes again and again until these are there, and not at zero, where counters start.
fn scraped(daemon: &Daemon, wanted: &[&str]) -> Result<String, String> {
    let mut text = String::new();
    let found = until(PATIENCE, "metrics", || {
        text = ask(&daemon.health, "GET", "/metrics", "").ok()?.1;
        wanted.iter().all(|it| has_moved(&text, it)).then_some(())
    });
    let missing = || wanted.iter().filter(|it| !has_moved(&text, it)).copied().collect::<Vec<_>>();
    found.map_err(|error| format!("{error}: {}", missing().join(", ")))?;
    Ok(text)
}

/// Whether a series of that name has a value other than zero.
fn has_moved(text: &str, name: &str) -> bool {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    });
    values.into_iter().any(|value| value != 0.0)
}

/// Reads, queries, jobs; a store with damaged bytes at the end.
fn at_work(bench: &Bench) -> Result<String, String> {
    let daemon = Daemon::start(bench, &["--engine-max-file-size", "1K"])?;
    write(&daemon.folder.0.join("code/large.rs"), &"fn f() {}\n".repeat(200))?;
    // A job that is at its end takes no more files in: another one is asked for.
    until(PATIENCE, "a job that meets the large file", || {
        daemon.ask("POST", "/v1/workspaces/code/index", "{}").ok()?;
        let (_, metrics) = ask(&daemon.health, "GET", "/metrics", "").ok()?;
        metrics.contains("herbarium_problems_total{").then_some(())
    })?;
    for path in [
        "/v1/workspaces/code/tree?path=src/main.rs",
        "/v1/workspaces/code/outline?path=tool.py",
        "/v1/no-such-path",
        "/v1/trees/0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        daemon.get(path)?;
    }
    let query = "{\"workspace\":\"code\",\"query\":\"(_) @any\",\"max_matches\":3}";
    daemon.ask("POST", "/v1/query", query)?;
    let query = "{\"query\":\"(_) @any\",\"max_matches\":1}";
    daemon.ask("POST", "/v1/workspaces/code/query?path=src/main.rs", query)?;
    daemon.ask("POST", "/v1/symbols", "{\"workspace\":\"code\"}")?;
    daemon.ask("POST", "/v1/trees?path=new.rs", "fn new() {}")?;
    daemon.ask("POST", "/v1/verify", "{}")?;
    // The tiers tell what they did every five seconds; a share of time needs two scrapes.
    let wanted = [
        "herbarium_cache_hits_total",
        "herbarium_cache_misses_total",
        "herbarium_tier_promotions_total",
        "tokio_workers_busy_ratio",
    ];
    let first = scraped(&daemon, &wanted)?;
    let mut daemon = daemon;
    daemon.end()?;
    damage(&daemon)?;
    let daemon = daemon.again(bench, &[])?;
    for name in ["src/main.rs", "tool.py", "web/app.js"] {
        daemon.get(&format!("/v1/workspaces/code/tree?path={name}"))?;
    }
    let second = scraped(&daemon, &["herbarium_store_damaged_total"])?;
    daemon.stop()?;
    Ok(first + &second)
}

/// Turns bytes in the middle of each segment over.
fn damage(daemon: &Daemon) -> Result<(), String> {
    let folder = daemon.folder.0.join("store/segments");
    let fail = |error: std::io::Error| format!("damage {}: {error}", folder.display());
    for entry in std::fs::read_dir(&folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let mut bytes = std::fs::read(&path).map_err(fail)?;
        let length = bytes.len();
        // Beyond the head of the file; a lock has nothing there.
        bytes.iter_mut().skip(256).take(length / 2).for_each(|byte| *byte = !*byte);
        std::fs::write(&path, bytes).map_err(fail)?;
    }
    Ok(())
}

/// Few connections, one request, little time for a head.
fn narrow(bench: &Bench) -> Result<String, String> {
    let options = ["--limits-requests", "1", "--limits-connections", "4"];
    let patience = ["--limits-head-time", "1s", "--health-connections", "2"];
    let daemon = Daemon::start(bench, &[options.as_slice(), &patience].concat())?;
    let connect = || TcpStream::connect(&daemon.api).map_err(|error| format!("connect: {error}"));
    let head =
        "POST /v1/trees?path=a.rs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\nfn";
    let mut held = None;
    // Held anew each time: whichever request comes first has the only place.
    until(PATIENCE, "a request that is turned away", || {
        let mut stream = connect().ok()?;
        stream.write_all(head.as_bytes()).ok()?;
        held = Some(stream);
        daemon.get("/v1/languages").is_ok_and(|(status, _)| status == 503).then_some(())
    })?;
    drop(held);
    let silent = (0..6).map(|_| connect()).collect::<Result<Vec<_>, _>>()?;
    let watching = (0..4).map(|_| TcpStream::connect(&daemon.health)).collect::<Vec<_>>();
    let wanted = [
        "health_connections_evicted_total",
        "http_server_shed_total",
        "http_server_connections_evicted_total",
        "http_server_connections_closed_total",
    ];
    let text = scraped(&daemon, &wanted)?;
    drop((silent, watching));
    daemon.stop()?;
    Ok(text)
}

/// TLS, and a certificate that cannot be read any more.
fn encrypted(bench: &Bench) -> Result<String, String> {
    let folder = Folder::make()?;
    let (certificate, key) = (folder.0.join("tls.crt"), folder.0.join("tls.key"));
    let paths = [certificate.display().to_string(), key.display().to_string()];
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-out", &paths[0], "-keyout", &paths[1]])
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return Err("openssl made no certificate".into());
    }
    let options = ["--tls-certificate", &paths[0], "--tls-key", &paths[1], "--tls-watch", "1s"];
    let daemon = Daemon::bare(bench, folder, &options)?;
    // Neither a handshake nor HTTP.
    let _ = ask(&daemon.api, "GET", "/", "");
    write(&certificate, "no certificate")?;
    let wanted = ["http_server_tls_handshakes_total", "http_server_tls_reloads_total"];
    let text = scraped(&daemon, &wanted)?;
    daemon.stop()?;
    Ok(text)
}

/// Names of metrics, histograms by their own, with the labels of their series.
fn families(text: &str) -> Seen {
    let mut found: Seen = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            name = rest.split(' ').next().unwrap_or_default().to_owned();
        } else if line.starts_with(&name) && !line.starts_with('#') && !name.is_empty() {
            let labels = found.entry(name.clone()).or_default();
            for used in uses(line) {
                if let Use::Metric(_, matchers) = used {
                    labels.extend(matchers.into_iter().map(|it| it.0).filter(|it| it != "le"));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_moved_when_it_is_not_at_zero() {
        let text = "# TYPE a_total counter\na_total{b=\"c\"} 0\na_total{b=\"d e\"} 2\nf_total 0\n";
        assert!(has_moved(text, "a_total") && !has_moved(text, "f_total"));
        assert!(!has_moved(text, "a") && !has_moved(text, "g_total"));
    }

    #[test]
    fn metrics_and_labels_are_read_from_a_scrape() {
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"/v1/{x}\",c=\"2\"} 1\n\n\
            # TYPE d_seconds histogram\nd_seconds_bucket{e=\"f\",le=\"+Inf\"} 1\nd_seconds_sum{e=\"f\"} 2\n\
            # TYPE g gauge\ng 1\n";
        let found = families(text);
        let check = |name: &str, labels: &[&str]| {
            let found: Vec<_> = found[name].iter().map(String::as_str).collect();
            assert_eq!(found, labels, "{name}");
        };
        check("a_total", &["b", "c"]);
        check("d_seconds", &["e"]);
        check("g", &[]);
    }
}
