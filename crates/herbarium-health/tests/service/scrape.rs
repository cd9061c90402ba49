//! `/metrics`, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use herbarium_health::inventory::{Inventory, Label, Metric};
use herbarium_health::{Health, Metrics};
use metrics::Unit;

use crate::client::get;

static JOBS: Metric = Metric::counter("test_jobs_total", "Jobs \"done\"\\.")
    .with_labels(&[Label::one_of("outcome", &["ok", "failed"])]);
static LANGUAGES: Metric = Metric::counter("test_files_total", "Files, by language.")
    .with_labels(&[Label::at_most("language", 3)]);
static FAULTS: Metric = Metric::counter("test_faults_total", "Faults, which no test makes.")
    .with_labels(&[Label::one_of("kind", &["bent", "broken"])]);
static TIME: Metric = Metric::histogram(
    "test_time_seconds",
    Unit::Seconds,
    "Time, with an edge at the objective.",
    &[0.01, 0.03, 0.1],
);

static UPKEEP: Metric =
    Metric::histogram("test_upkeep_seconds", Unit::Seconds, "Time, again and again.", &[0.01]);

/// The recorder of this process.
fn metrics() -> Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    let inventory = || Inventory::new().with(&[&JOBS, &LANGUAGES, &FAULTS, &TIME, &UPKEEP]);
    METRICS.get_or_init(|| Metrics::install(inventory()).expect("the only recorder")).clone()
}

/// Series by name and labels, as the text format has them; the types of
/// metrics, and the names that have help.
#[derive(Debug, Default)]
struct Scraped {
    series: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
    helped: BTreeSet<String>,
}

/// Strict, as the real one: each line has to be one of three kinds, no series
/// comes twice, and each is of a type that was told before.
fn parse(text: &str) -> Scraped {
    let mut scraped = Scraped::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            assert!(!help.is_empty() && scraped.helped.insert(name.to_owned()), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(scraped.types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect(line);
            let name = series.split('{').next().expect(line);
            assert!(is_typed(&scraped, name), "{line}");
            let value = value.parse().expect(line);
            assert!(scraped.series.insert(series.to_owned(), value).is_none(), "{line}");
        }
    }
    scraped
}

fn is_typed(scraped: &Scraped, name: &str) -> bool {
    let of = |name: &str| scraped.types.get(name).map(String::as_str);
    of(name).is_some()
        || ["_bucket", "_sum", "_count"]
            .iter()
            .any(|end| name.strip_suffix(end).and_then(of) == Some("histogram"))
}

fn scrape(health: &Health) -> Scraped {
    let reply = get(health.local_addr(), "/metrics");
    assert_eq!(reply.status, 200);
    parse(&reply.body)
}

fn health() -> Health {
    let builder = Health::builder().listen(([127, 0, 0, 1], 0).into()).service("scraped", "0.1.0");
    builder.metrics(metrics()).start().expect("a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_exposed_as_it_was_declared() {
    let health = health();
    JOBS.as_counter(&["ok"]).increment(2);
    for time in [0.01, 0.02, 0.03, 5.0] {
        TIME.as_histogram(&[]).record(time);
    }
    let Scraped { series, types, .. } = scrape(&health);
    assert_eq!(types["test_jobs_total"], "counter");
    assert_eq!(types["test_time_seconds"], "histogram");
    assert_eq!(series["test_jobs_total{outcome=\"ok\"}"], 2.0);
    let buckets = ["0.01", "0.03", "0.1", "+Inf"]
        .map(|edge| series[&format!("test_time_seconds_bucket{{le=\"{edge}\"}}")]);
    assert_eq!(buckets, [1.0, 3.0, 3.0, 4.0]);
    assert_eq!(series["test_time_seconds_count"], 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_at_zero_before_anything_happens() {
    let series = scrape(&health()).series;
    for name in [
        "test_faults_total{kind=\"bent\"}",
        "test_faults_total{kind=\"broken\"}",
        "health_accept_errors_total",
        "log_lines_dropped_total",
        "metrics_label_values_replaced_total{metric=\"test_faults_total\"}",
    ] {
        assert_eq!(series.get(name), Some(&0.0), "{name}: {series:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_and_runtime_and_build_are_there() {
    let health = health();
    scrape(&health);
    let Scraped { series, .. } = scrape(&health);
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
        "tokio_workers",
        "tokio_workers_busy_ratio",
        "tokio_tasks_alive",
        "requests_in_flight",
        "health_ready",
        "health_requests_total{route=\"/metrics\",status_class=\"2xx\"}",
    ] {
        assert!(series.contains_key(name), "{name}: {series:#?}");
    }
    let info = series.keys().find(|key| key.starts_with("build_info{service=\"scraped\""));
    assert!(info.is_some(), "{series:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_exposed_is_declared_and_helped() {
    let health = health();
    scrape(&health);
    let scraped = scrape(&health);
    let metrics = metrics();
    let declared: BTreeMap<_, _> =
        metrics.inventory().metrics().iter().map(|it| (it.name(), it.kind().name())).collect();
    for (name, kind) in &scraped.types {
        // Other tests record what nobody declared, on purpose.
        if !name.starts_with("undeclared") {
            assert_eq!(declared.get(&**name), Some(&&**kind), "{name}");
            assert!(scraped.helped.contains(name), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_makes_no_series() {
    let health = health();
    for n in 0..50 {
        assert_eq!(get(health.local_addr(), &format!("/wp-admin/{n}")).status, 404);
    }
    let routes = scrape(&health).series.into_keys();
    let routes: Vec<_> = routes.filter(|it| it.starts_with("health_requests_total")).collect();
    assert!(routes.iter().any(|it| it.contains("route=\"unmatched\"")), "{routes:?}");
    assert!(!routes.iter().any(|it| it.contains("wp-admin")), "{routes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_not_admitted_are_other_whoever_records_them() {
    let health = health();
    for n in 0..1000 {
        LANGUAGES.as_counter(&[&format!("l{n}")]).increment(1);
        metrics::counter!("test_jobs_total", "outcome" => format!("o{n}")).increment(1);
        metrics::counter!("undeclared_total", "path" => format!("/{n}")).increment(1);
    }
    let series = scrape(&health).series;
    let count = |name: &str| series.keys().filter(|key| key.starts_with(name)).count();
    assert_eq!(count("test_files_total"), 4, "{series:#?}");
    assert_eq!(series["test_files_total{language=\"other\"}"], 997.0);
    assert_eq!(series["test_jobs_total{outcome=\"other\"}"], 1000.0);
    assert_eq!(count("undeclared_total"), 101);
    let replaced = "metrics_label_values_replaced_total{metric=\"undeclared_total\"}";
    assert_eq!(series[replaced], 900.0);
}

/// Resident memory, from the system's own count.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("a number")
}

/// In a process of its own: the tests beside it take memory, too.
#[cfg(target_os = "linux")]
#[test]
fn upkeep_keeps_memory_flat() {
    const CHILD: &str = "HERBARIUM_HEALTH_ALONE";
    if std::env::var_os(CHILD).is_some() {
        return record_millions();
    }
    let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
    let output = child.args(["--exact", "scrape::upkeep_keeps_memory_flat"]).env(CHILD, "1");
    let output = output.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Two million values in a histogram take 16 MB without upkeep.
#[cfg(target_os = "linux")]
fn record_millions() {
    let metrics = metrics();
    let time = UPKEEP.as_histogram(&[]);
    let record = || {
        for _ in 0..20 {
            (0..100_000).for_each(|n| time.record(f64::from(n) * 1e-6));
            metrics.upkeep();
        }
    };
    record();
    let before = resident();
    record();
    record();
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB more after four million values");
}
