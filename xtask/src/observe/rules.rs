//! Rules: what is recorded, and what is an alert.

use std::fmt::Write as _;

use super::alerts::{self, Alert};
use super::promql::{in_minutes_not_hours, sixtieth};
use super::slo::Slo;

/// Rules that are looked at one after the other.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) rules: Vec<Rule>,
}

pub(crate) struct Rule {
    /// Of the alert, or of what is recorded.
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) labels: Vec<(&'static str, String)>,
    /// None if it is recorded.
    pub(crate) alert: Option<Alert>,
}

/// Windows over which the share of bad requests is recorded.
const WINDOWS: &[&str] = &["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// The labels that sloth gives, so that its dashboards find what is here.
const SERVICE: (&str, &str) = ("sloth_service", "herbariumd");

/// First what is recorded, then the alerts.
pub(crate) fn groups(slo: &Slo) -> Vec<Group> {
    let mut recorded: Vec<Rule> = WINDOWS
        .iter()
        .flat_map(|window| {
            let name = format!("slo:sli_error:ratio_rate{window}");
            [("availability", unavailable(window)), ("latency", late(slo, window))]
                .map(|(slo, expression)| record(&name, expression, slo))
        })
        .collect();
    for (name, objective) in
        [("availability", slo.availability.objective), ("latency", slo.latency.objective)]
    {
        recorded.push(record("slo:objective:ratio", format!("vector({objective})"), name));
    }
    recorded.push(Rule {
        name: "herbariumd:cache_hits:ratio_rate30m".into(),
        expression: alerts::for_job(CACHE_HITS),
        labels: Vec::new(),
        alert: None,
    });
    vec![
        Group { name: "herbariumd-recorded", rules: recorded },
        Group {
            name: "herbariumd-alerts",
            rules: alerts::all(slo).into_iter().map(alert).collect(),
        },
    ]
}

const CACHE_HITS: &str = "\
sum by (job, instance) (rate(herbarium_cache_hits_total{JOB}[30m]))
/ (
  sum by (job, instance) (rate(herbarium_cache_hits_total{JOB}[30m]))
  + (
    sum by (job, instance) (rate(herbarium_cache_misses_total{JOB}[30m]))
    or 0 * sum by (job, instance) (rate(herbarium_cache_hits_total{JOB}[30m]))
  )
)";

fn record(name: &str, expression: String, slo: &str) -> Rule {
    let labels = vec![(SERVICE.0, SERVICE.1.to_owned()), ("sloth_slo", slo.to_owned())];
    Rule { name: name.to_owned(), expression, labels, alert: None }
}

fn alert(alert: Alert) -> Rule {
    let labels = vec![("severity", alert.severity.name().to_owned())];
    let (name, expression) = (alert.name.to_owned(), alert.expression.clone());
    Rule { name, expression, labels, alert: Some(alert) }
}

/// Nothing wrong is a series that is not there: 0 then, as long as there are requests.
fn unavailable(window: &str) -> String {
    alerts::for_job(&format!(
        "(\n  sum(rate(http_server_requests_total{{JOB, status_class=\"5xx\"}}[{window}]))\n  \
         or 0 * sum(rate(http_server_requests_total{{JOB}}[{window}]))\n)\n\
         / sum(rate(http_server_requests_total{{JOB}}[{window}]))"
    ))
}

fn late(slo: &Slo, window: &str) -> String {
    let (seconds, streams) = (slo.latency.seconds, &slo.latency.streams);
    alerts::for_job(&format!(
        "1 - (\n  sum(rate(http_server_request_duration_seconds_bucket{{\n    \
         JOB, le=\"{seconds}\",\n    route!~\"{streams}\"\n  }}[{window}]))\n  \
         / sum(rate(http_server_request_duration_seconds_count{{\n    \
         JOB, route!~\"{streams}\"\n  }}[{window}]))\n)"
    ))
}

/// A file of rules.
pub(crate) fn yaml(groups: &[Group]) -> String {
    let note =
        "# Written by `cargo xtask observe` from xtask/src/observe/alerts.rs and slo.toml.\n";
    format!("{note}{}", body(groups, 0))
}

/// From the key `groups` on, so far to the right.
pub(crate) fn body(groups: &[Group], indent: usize) -> String {
    let mut text = String::from("groups:\n");
    for group in groups {
        let _ = write!(text, "  - name: {}\n    rules:\n", group.name);
        group.rules.iter().for_each(|rule| one(&mut text, rule));
    }
    let margin = " ".repeat(indent);
    text.lines().map(|line| format!("{margin}{line}\n")).collect()
}

fn one(text: &mut String, rule: &Rule) {
    let kind = if rule.alert.is_some() { "alert" } else { "record" };
    let _ = write!(text, "      - {kind}: {}\n        expr: |-\n", rule.name);
    for line in rule.expression.lines() {
        let _ = writeln!(text, "          {line}");
    }
    if let Some(hold) = rule.alert.as_ref().and_then(|alert| alert.hold) {
        let _ = writeln!(text, "        for: {hold}");
    }
    if !rule.labels.is_empty() {
        text.push_str("        labels:\n");
        for (label, value) in &rule.labels {
            let _ = writeln!(text, "          {label}: {value}");
        }
    }
    if let Some(alert) = &rule.alert {
        text.push_str("        annotations:\n");
        for (name, value) in alert.annotations() {
            let _ = writeln!(text, "          {name}: {}", quoted(&value));
        }
    }
}

/// A file of rules whose windows, offsets and patience are a sixtieth: hours are minutes.
pub(crate) fn hurried(yaml: &str) -> String {
    let hold = |line: &str| match line.split_once("for: ") {
        Some((margin, hold)) if margin.trim().is_empty() => {
            format!("{margin}for: {}\n", sixtieth(hold))
        }
        _ => format!("{line}\n"),
    };
    in_minutes_not_hours(yaml).lines().map(hold).collect()
}

/// A text of JSON is one of YAML.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_become_minutes_in_a_file_of_rules() {
        let text = "  - alert: A\n    expr: |-\n      rate(a[1h]) > 1\n    for: 10m\n";
        let expected = "  - alert: A\n    expr: |-\n      rate(a[60s]) > 1\n    for: 10s\n";
        assert_eq!(hurried(text), expected);
    }
}
