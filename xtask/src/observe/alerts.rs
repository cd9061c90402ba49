//! The alerts: each with what it is raised by, and series by which it is, and is not.
//!
//! `{JOB}` in an expression stands for the job of the service. A counter is not there before
//! it first counts, so that `increase` does not see the first time: see [`rose`].

use super::slo::{Slo, budget};

/// The section of each alert is the anchor.
const RUNBOOK: &str = "https://github.com/herbarium-trees/herbarium/blob/main/docs/operations.md";
const JOB: &str = "job=\"herbariumd\"";

/// Who hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Somebody, now.
    Page,
    /// Somebody, on a working day.
    Ticket,
}

impl Severity {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

pub(crate) struct Alert {
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    pub(crate) expression: String,
    /// How long it has to hold.
    pub(crate) hold: Option<&'static str>,
    /// Labels stand in it as templates.
    pub(crate) summary: &'static str,
    /// The labels that it has in its tests, beside its severity.
    pub(crate) labels: Vec<(&'static str, &'static str)>,
    pub(crate) fires: Case,
    pub(crate) quiet: Case,
}

/// Series of a minute a step, and when they are looked at.
pub(crate) struct Case {
    pub(crate) at: &'static str,
    pub(crate) series: &'static [(&'static str, &'static str)],
}

impl Alert {
    pub(crate) fn annotations(&self) -> [(&'static str, String); 2] {
        let anchor = self.name.to_lowercase();
        [("summary", self.summary.to_owned()), ("runbook_url", format!("{RUNBOOK}#{anchor}"))]
    }
}

/// Puts the job in.
pub(crate) fn for_job(expression: &str) -> String {
    expression.replace("JOB", JOB)
}

/// Whether a counter counted within a quarter of an hour, the first time included: then its
/// series is one that was not there.
fn rose(series: &str, by: &str) -> String {
    for_job(&format!(
        "sum by ({by}) (\n  increase(\n    {series}[15m]\n  ) > 0\n  or (\n    \
         {series}\n    unless {series} offset 15m\n  )\n) > 0"
    ))
}

/// Burns of the budget over a long and a short window, either of two pairs.
fn burns(slo: &str, budget: &str, pairs: [(&str, &str, &str); 2]) -> String {
    let select = format!("sloth_service=\"herbariumd\", sloth_slo=\"{slo}\"");
    let pair = |(factor, short, long): (&str, &str, &str)| {
        format!(
            "(\n  slo:sli_error:ratio_rate{short}{{{select}}} > {factor} * {budget}\n  \
             and slo:sli_error:ratio_rate{long}{{{select}}} > {factor} * {budget}\n)"
        )
    };
    format!("{}\nor {}", pair(pairs[0]), pair(pairs[1]))
}

/// The pairs of the SRE workbook, chapter 5.
const FAST: [(&str, &str, &str); 2] = [("14.4", "5m", "1h"), ("6", "30m", "6h")];
const SLOW: [(&str, &str, &str); 2] = [("3", "2h", "1d"), ("1", "6h", "3d")];

const ONE: [(&str, &str); 2] = [("job", "herbariumd"), ("instance", "one:9464")];

fn one_and(label: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut labels = ONE.to_vec();
    labels.push((label, value));
    labels
}

fn of_slo(slo: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("sloth_service", "herbariumd"), ("sloth_slo", slo)]
}

/// All of them.
pub(crate) fn all(slo: &Slo) -> Vec<Alert> {
    let mut all = promises(slo);
    all.extend(presence());
    all.extend(answers());
    all.extend(saturation(slo));
    all.extend(store());
    all.extend(process());
    all
}

const SERVED: &str = "http_server_requests_total{I, status_class=\"2xx\"}";
const FAILED: &str = "http_server_requests_total{I, status_class=\"5xx\"}";
const IN_TIME: &str =
    "http_server_request_duration_seconds_bucket{I, route=\"/v1/trees\", le=\"0.1\"}";
const ALL: &str = "http_server_request_duration_seconds_count{I, route=\"/v1/trees\"}";

/// The objectives, and the two triggers that stand beside them.
fn promises(slo: &Slo) -> Vec<Alert> {
    let available = budget(slo.availability.objective);
    let fast = budget(slo.latency.objective);
    vec![
        Alert {
            name: "HerbariumAvailabilityBurnsFast",
            severity: Severity::Page,
            expression: burns("availability", &available, FAST),
            hold: Some("2m"),
            summary: "Requests fail so often that the month's budget is gone within days",
            labels: of_slo("availability"),
            fires: Case { at: "100m", series: &[(SERVED, "0+80x120"), (FAILED, "0+20x120")] },
            quiet: Case { at: "100m", series: &[(SERVED, "0+996x120"), (FAILED, "0+4x120")] },
        },
        Alert {
            name: "HerbariumAvailabilityBurnsSlowly",
            severity: Severity::Ticket,
            expression: burns("availability", &available, SLOW),
            hold: Some("15m"),
            summary: "Requests fail so often that the month's budget will not last",
            labels: of_slo("availability"),
            fires: Case { at: "3h", series: &[(SERVED, "0+996x200"), (FAILED, "0+4x200")] },
            quiet: Case { at: "3h", series: &[(SERVED, "0+9995x200"), (FAILED, "0+5x200")] },
        },
        Alert {
            name: "HerbariumLatencyBurnsFast",
            severity: Severity::Page,
            expression: burns("latency", &fast, FAST),
            hold: Some("2m"),
            summary: "Requests are late so often that the month's budget is gone within days",
            labels: of_slo("latency"),
            fires: Case { at: "100m", series: &[(ALL, "0+100x120"), (IN_TIME, "0+80x120")] },
            quiet: Case { at: "100m", series: &[(ALL, "0+100x120"), (IN_TIME, "0+96x120")] },
        },
        Alert {
            name: "HerbariumLatencyBurnsSlowly",
            severity: Severity::Ticket,
            expression: burns("latency", &fast, SLOW),
            hold: Some("15m"),
            summary: "Requests are late so often that the month's budget will not last",
            labels: of_slo("latency"),
            fires: Case { at: "3h", series: &[(ALL, "0+100x200"), (IN_TIME, "0+96x200")] },
            quiet: Case { at: "3h", series: &[(ALL, "0+1000x200"), (IN_TIME, "0+995x200")] },
        },
        Alert {
            name: "HerbariumErrors",
            severity: Severity::Ticket,
            expression: for_job(
                "sum by (job, instance) (\n  \
                 rate(http_server_requests_total{JOB, status_class=\"5xx\"}[5m])\n)\n\
                 / sum by (job, instance) (rate(http_server_requests_total{JOB}[5m])) > 0.01",
            ),
            hold: Some("10m"),
            summary: "{{ $labels.instance }} fails more than one request in a hundred",
            labels: ONE.to_vec(),
            fires: Case { at: "20m", series: &[(SERVED, "0+98x30"), (FAILED, "0+2x30")] },
            quiet: Case { at: "20m", series: &[(SERVED, "0+995x30"), (FAILED, "0+5x30")] },
        },
        Alert {
            name: "HerbariumSlowerThanYesterday",
            severity: Severity::Ticket,
            expression: slower(&slo.latency.streams),
            hold: Some("15m"),
            summary: "One request in a hundred takes over twice as long as a day ago",
            labels: vec![("job", "herbariumd")],
            fires: Case { at: "1490m", series: SLOWER },
            quiet: Case { at: "1490m", series: AS_BEFORE },
        },
    ]
}

fn slower(streams: &str) -> String {
    let quantile = |offset: &str| {
        format!(
            "histogram_quantile(0.99, sum by (job, le) (rate(\n    \
             http_server_request_duration_seconds_bucket{{\n      \
             JOB, route!~\"{streams}\"\n    }}[30m]{offset}\n  )))"
        )
    };
    for_job(&format!("(\n  {}\n) > 2 * (\n  {}\n)", quantile(""), quantile(" offset 1d")))
}

const SLOWER: &[(&str, &str)] = &[
    ("http_server_request_duration_seconds_bucket{I, le=\"0.01\"}", "0+100x1440 144000x60"),
    ("http_server_request_duration_seconds_bucket{I, le=\"1\"}", "0+100x1500"),
    ("http_server_request_duration_seconds_bucket{I, le=\"+Inf\"}", "0+100x1500"),
];
const AS_BEFORE: &[(&str, &str)] = &[
    ("http_server_request_duration_seconds_bucket{I, le=\"0.01\"}", "0+100x1500"),
    ("http_server_request_duration_seconds_bucket{I, le=\"1\"}", "0+100x1500"),
    ("http_server_request_duration_seconds_bucket{I, le=\"+Inf\"}", "0+100x1500"),
];

/// Whether it is there, and ready.
fn presence() -> Vec<Alert> {
    vec![
        Alert {
            name: "HerbariumAbsent",
            severity: Severity::Page,
            expression: for_job("absent(up{JOB})"),
            hold: Some("5m"),
            summary: "Prometheus knows of no instance at all",
            labels: vec![("job", "herbariumd")],
            fires: Case { at: "10m", series: &[("up{job=\"another\"}", "1x20")] },
            quiet: Case { at: "10m", series: &[("up{I}", "1x20")] },
        },
        Alert {
            name: "HerbariumDown",
            severity: Severity::Page,
            expression: for_job("up{JOB} == 0"),
            hold: Some("2m"),
            summary: "{{ $labels.instance }} does not answer Prometheus",
            labels: ONE.to_vec(),
            fires: Case { at: "8m", series: &[("up{I}", "1x2 0x10")] },
            quiet: Case { at: "8m", series: &[("up{I}", "1 0 1x10")] },
        },
        Alert {
            name: "HerbariumNotReady",
            severity: Severity::Page,
            expression: for_job("health_ready{JOB} == 0"),
            hold: Some("5m"),
            summary: "{{ $labels.instance }} runs and takes no requests",
            labels: ONE.to_vec(),
            fires: Case { at: "12m", series: &[("health_ready{I}", "1x2 0x20")] },
            quiet: Case { at: "12m", series: &[("health_ready{I}", "0x3 1x20")] },
        },
        Alert {
            name: "HerbariumReadinessFlaps",
            severity: Severity::Ticket,
            expression: for_job("changes(health_ready{JOB}[15m]) > 4"),
            hold: None,
            summary: "{{ $labels.instance }} is ready and not ready by turns",
            labels: ONE.to_vec(),
            fires: Case { at: "10m", series: &[("health_ready{I}", "1 0 1 0 1 0 1 0 1 0 1 0")] },
            quiet: Case { at: "15m", series: &[("health_ready{I}", "1x5 0x2 1x20")] },
        },
        Alert {
            name: "HerbariumRestarts",
            severity: Severity::Page,
            expression: for_job("changes(process_start_time_seconds{JOB}[30m]) > 2"),
            hold: None,
            summary: "{{ $labels.instance }} was started anew more than twice in half an hour",
            labels: ONE.to_vec(),
            fires: Case {
                at: "15m",
                series: &[("process_start_time_seconds{I}", "100x3 200x3 300x3 400x20")],
            },
            quiet: Case { at: "15m", series: &[("process_start_time_seconds{I}", "100x5 200x30")] },
        },
    ]
}

/// How it answers, beside the objectives.
fn answers() -> Vec<Alert> {
    vec![
        Alert {
            name: "HerbariumPanics",
            severity: Severity::Ticket,
            expression: rose("http_server_panics_total{JOB}", "job, instance"),
            hold: None,
            summary: "{{ $labels.instance }} met a fault of its own while it answered",
            labels: ONE.to_vec(),
            fires: Case { at: "12m", series: &[("http_server_panics_total{I}", "_x10 1x20")] },
            quiet: Case { at: "30m", series: &[("http_server_panics_total{I}", "3x40")] },
        },
        Alert {
            name: "HerbariumCertificateNotReloaded",
            severity: Severity::Ticket,
            expression: rose(
                "http_server_tls_reloads_total{JOB, outcome=\"failed\"}",
                "job, instance",
            ),
            hold: None,
            summary: "{{ $labels.instance }} could not read its new certificate",
            labels: ONE.to_vec(),
            fires: Case {
                at: "12m",
                series: &[("http_server_tls_reloads_total{I, outcome=\"failed\"}", "_x10 1x20")],
            },
            quiet: Case {
                at: "12m",
                series: &[("http_server_tls_reloads_total{I, outcome=\"ok\"}", "_x10 1x20")],
            },
        },
        Alert {
            name: "HerbariumHandshakesFail",
            severity: Severity::Page,
            expression: for_job(
                "sum by (job, instance) (\n  \
                 rate(http_server_tls_handshakes_total{JOB, outcome!=\"ok\"}[5m])\n)\n\
                 / sum by (job, instance) (rate(http_server_tls_handshakes_total{JOB}[5m])) > 0.5",
            ),
            hold: Some("10m"),
            summary: "{{ $labels.instance }}: most TLS handshakes fail",
            labels: ONE.to_vec(),
            fires: Case {
                at: "20m",
                series: &[
                    ("http_server_tls_handshakes_total{I, outcome=\"failed\"}", "0+60x30"),
                    ("http_server_tls_handshakes_total{I, outcome=\"ok\"}", "0+30x30"),
                ],
            },
            quiet: Case {
                at: "20m",
                series: &[
                    ("http_server_tls_handshakes_total{I, outcome=\"failed\"}", "0+6x30"),
                    ("http_server_tls_handshakes_total{I, outcome=\"ok\"}", "0+60x30"),
                ],
            },
        },
    ]
}

/// What is full.
fn saturation(slo: &Slo) -> Vec<Alert> {
    let most = slo.memory.limit_bytes;
    vec![
        Alert {
            name: "HerbariumSheds",
            severity: Severity::Page,
            expression: for_job(
                "sum by (job, instance, reason) (rate(\n  \
                 http_server_shed_total{JOB, reason=~\"requests|bytes_in_flight|timeout\"}[5m]\n\
                 )) > 0.1",
            ),
            hold: Some("5m"),
            summary: "{{ $labels.instance }} turns requests away: {{ $labels.reason }}",
            labels: one_and("reason", "requests"),
            fires: Case {
                at: "15m",
                series: &[("http_server_shed_total{I, reason=\"requests\"}", "0+60x30")],
            },
            quiet: Case {
                at: "15m",
                series: &[
                    ("http_server_shed_total{I, reason=\"requests\"}", "0+3x30"),
                    ("http_server_shed_total{I, reason=\"quota\"}", "0+60x30"),
                ],
            },
        },
        Alert {
            name: "HerbariumBusy",
            severity: Severity::Ticket,
            expression: for_job(
                "sum by (job, instance, pool) (rate(herbarium_work_refused_total{JOB}[5m])) > 0.1",
            ),
            hold: Some("5m"),
            summary: "{{ $labels.instance }} has too much to do for its {{ $labels.pool }}",
            labels: one_and("pool", "streams"),
            fires: Case {
                at: "15m",
                series: &[("herbarium_work_refused_total{I, pool=\"streams\"}", "0+60x30")],
            },
            quiet: Case {
                at: "15m",
                series: &[("herbarium_work_refused_total{I, pool=\"streams\"}", "0+3x30")],
            },
        },
        Alert {
            name: "HerbariumWorkLost",
            severity: Severity::Ticket,
            expression: for_job("sum by (job, instance, pool) (herbarium_work_lost{JOB}) > 0"),
            hold: Some("5m"),
            summary: "{{ $labels.instance }} has work in its pool {{ $labels.pool }} that does not end",
            labels: one_and("pool", "trees"),
            fires: Case {
                at: "15m",
                series: &[("herbarium_work_lost{I, pool=\"trees\"}", "0x2 1x30")],
            },
            quiet: Case {
                at: "15m",
                series: &[("herbarium_work_lost{I, pool=\"trees\"}", "0x12 1x2 0x20")],
            },
        },
        Alert {
            name: "HerbariumConnectionsFull",
            severity: Severity::Ticket,
            expression: for_job("rate(http_server_connections_evicted_total{JOB}[5m]) > 0.1"),
            hold: Some("5m"),
            summary: "{{ $labels.instance }} closes connections to make room for others",
            labels: ONE.to_vec(),
            fires: Case {
                at: "15m",
                series: &[("http_server_connections_evicted_total{I}", "0+60x30")],
            },
            quiet: Case {
                at: "15m",
                series: &[("http_server_connections_evicted_total{I}", "0+3x30")],
            },
        },
        Alert {
            name: "HerbariumCannotAccept",
            severity: Severity::Page,
            expression: rose("http_server_accept_errors_total{JOB}", "job, instance"),
            hold: None,
            summary: "{{ $labels.instance }} could not accept connections",
            labels: ONE.to_vec(),
            fires: Case {
                at: "12m",
                series: &[("http_server_accept_errors_total{I}", "_x10 1x20")],
            },
            quiet: Case { at: "30m", series: &[("http_server_accept_errors_total{I}", "7x40")] },
        },
        Alert {
            name: "HerbariumFileDescriptors",
            severity: Severity::Page,
            expression: for_job("process_open_fds{JOB} / process_max_fds{JOB} > 0.8"),
            hold: Some("5m"),
            summary: "{{ $labels.instance }} has used four fifths of its file descriptors",
            labels: ONE.to_vec(),
            fires: Case {
                at: "10m",
                series: &[("process_open_fds{I}", "900x20"), ("process_max_fds{I}", "1024x20")],
            },
            quiet: Case {
                at: "10m",
                series: &[("process_open_fds{I}", "800x20"), ("process_max_fds{I}", "1024x20")],
            },
        },
        Alert {
            name: "HerbariumMemory",
            severity: Severity::Page,
            expression: for_job(&format!("process_resident_memory_bytes{{JOB}} > 0.8 * {most}")),
            hold: Some("10m"),
            summary: "{{ $labels.instance }} takes over four fifths of its memory",
            labels: ONE.to_vec(),
            fires: Case {
                at: "20m",
                series: &[("process_resident_memory_bytes{I}", "3900000000x30")],
            },
            quiet: Case {
                at: "20m",
                series: &[("process_resident_memory_bytes{I}", "3000000000x30")],
            },
        },
        Alert {
            name: "HerbariumRuntimeBlocked",
            severity: Severity::Ticket,
            expression: for_job(
                "histogram_quantile(0.99, sum by (job, instance, le) (\n  \
                 rate(tokio_timer_lag_seconds_bucket{JOB}[5m])\n)) > 0.25",
            ),
            hold: Some("10m"),
            summary: "{{ $labels.instance }}: timers fire late, something holds its threads",
            labels: ONE.to_vec(),
            fires: Case { at: "20m", series: LATE_TIMERS },
            quiet: Case { at: "20m", series: TIMERS },
        },
    ]
}

const LATE_TIMERS: &[(&str, &str)] = &[
    ("tokio_timer_lag_seconds_bucket{I, le=\"0.1\"}", "0+50x30"),
    ("tokio_timer_lag_seconds_bucket{I, le=\"1\"}", "0+60x30"),
    ("tokio_timer_lag_seconds_bucket{I, le=\"+Inf\"}", "0+60x30"),
];
const TIMERS: &[(&str, &str)] = &[
    ("tokio_timer_lag_seconds_bucket{I, le=\"0.1\"}", "0+60x30"),
    ("tokio_timer_lag_seconds_bucket{I, le=\"1\"}", "0+60x30"),
    ("tokio_timer_lag_seconds_bucket{I, le=\"+Inf\"}", "0+60x30"),
];

/// The store, the tiers before it, and the jobs that fill them.
fn store() -> Vec<Alert> {
    vec![
        Alert {
            name: "HerbariumCannotWrite",
            severity: Severity::Page,
            expression: rose(
                "http_server_problems_total{JOB, kind=~\"not-stored|state-failed|store-failed\"}",
                "job, instance, kind",
            ),
            hold: None,
            summary: "{{ $labels.instance }} cannot use its store or state: {{ $labels.kind }}",
            labels: one_and("kind", "not-stored"),
            fires: Case {
                at: "12m",
                series: &[("http_server_problems_total{I, kind=\"not-stored\"}", "_x10 1x20")],
            },
            quiet: Case {
                at: "12m",
                series: &[("http_server_problems_total{I, kind=\"no-such-tree\"}", "_x10 1x20")],
            },
        },
        Alert {
            name: "HerbariumStoreDamaged",
            severity: Severity::Ticket,
            expression: rose("herbarium_store_damaged_total{JOB}", "job, instance"),
            hold: None,
            summary: "{{ $labels.instance }} met damaged bytes in its store",
            labels: ONE.to_vec(),
            fires: Case { at: "12m", series: &[("herbarium_store_damaged_total{I}", "0x10 1x20")] },
            quiet: Case { at: "30m", series: &[("herbarium_store_damaged_total{I}", "2x40")] },
        },
        Alert {
            name: "HerbariumTierFails",
            severity: Severity::Ticket,
            expression: rose("herbarium_cache_tier_failures_total{JOB}", "job, instance, tier"),
            hold: None,
            summary: "{{ $labels.instance }}: the {{ $labels.tier }} tier could not be read or written",
            labels: one_and("tier", "cold"),
            fires: Case {
                at: "12m",
                series: &[("herbarium_cache_tier_failures_total{I, tier=\"cold\"}", "_x10 1x20")],
            },
            quiet: Case {
                at: "30m",
                series: &[("herbarium_cache_tier_failures_total{I, tier=\"cold\"}", "2x40")],
            },
        },
        Alert {
            name: "HerbariumCacheHitsCollapsed",
            severity: Severity::Ticket,
            expression: for_job(
                "(\n  herbariumd:cache_hits:ratio_rate30m{JOB}\n  \
                 < 0.5 * herbariumd:cache_hits:ratio_rate30m{JOB} offset 1d\n)\n\
                 and on (job, instance) (\n  \
                 sum by (job, instance) (rate(http_server_requests_total{JOB}[30m])) > 1\n)",
            ),
            hold: Some("30m"),
            summary: "{{ $labels.instance }} finds less than half as many trees as a day ago",
            labels: ONE.to_vec(),
            fires: Case { at: "1530m", series: FEWER_HITS },
            quiet: Case { at: "1530m", series: SAME_HITS },
        },
        Alert {
            name: "HerbariumJobsFail",
            severity: Severity::Ticket,
            expression: rose(
                "herbarium_jobs_over_total{JOB, state=\"failed\"}",
                "job, instance, kind",
            ),
            hold: None,
            summary: "{{ $labels.instance }}: a job to {{ $labels.kind }} failed",
            labels: one_and("kind", "index"),
            fires: Case {
                at: "12m",
                series: &[(
                    "herbarium_jobs_over_total{I, kind=\"index\", state=\"failed\"}",
                    "_x10 1x20",
                )],
            },
            quiet: Case {
                at: "12m",
                series: &[(
                    "herbarium_jobs_over_total{I, kind=\"index\", state=\"done\"}",
                    "_x10 1x20",
                )],
            },
        },
        Alert {
            name: "HerbariumJobsStuck",
            severity: Severity::Ticket,
            expression: for_job(
                "sum by (job, instance) (herbarium_jobs{JOB, state=\"queued\"}) > 0\n\
                 unless on (job, instance)\n\
                 sum by (job, instance) (increase(herbarium_jobs_over_total{JOB}[1h])) > 0",
            ),
            hold: Some("1h"),
            summary: "{{ $labels.instance }}: jobs wait, and none came to its end for an hour",
            labels: ONE.to_vec(),
            fires: Case {
                at: "130m",
                series: &[
                    ("herbarium_jobs{I, state=\"queued\"}", "2x200"),
                    ("herbarium_jobs_over_total{I, kind=\"index\", state=\"done\"}", "5x200"),
                ],
            },
            quiet: Case {
                at: "130m",
                series: &[
                    ("herbarium_jobs{I, state=\"queued\"}", "2x200"),
                    ("herbarium_jobs_over_total{I, kind=\"index\", state=\"done\"}", "0+1x200"),
                ],
            },
        },
    ]
}

const FEWER_HITS: &[(&str, &str)] = &[
    ("herbarium_cache_hits_total{I, tier=\"hot\"}", "0+100x1440 144010+10x120"),
    ("herbarium_cache_misses_total{I}", "0+10x1440 14490+90x120"),
    (SERVED, "0+120x1560"),
];
const SAME_HITS: &[(&str, &str)] = &[
    ("herbarium_cache_hits_total{I, tier=\"hot\"}", "0+100x1560"),
    ("herbarium_cache_misses_total{I}", "0+10x1560"),
    (SERVED, "0+120x1560"),
];

/// The process itself.
fn process() -> Vec<Alert> {
    vec![Alert {
        name: "HerbariumLogLinesDropped",
        severity: Severity::Ticket,
        expression: rose("log_lines_dropped_total{JOB}", "job, instance"),
        hold: None,
        summary: "{{ $labels.instance }} dropped lines of its log",
        labels: ONE.to_vec(),
        fires: Case { at: "12m", series: &[("log_lines_dropped_total{I}", "_x10 5x20")] },
        quiet: Case { at: "30m", series: &[("log_lines_dropped_total{I}", "5x40")] },
    }]
}
