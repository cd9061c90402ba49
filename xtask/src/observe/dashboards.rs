//! Grafana dashboards: one to begin with, and one an area with every metric of the inventory.

use serde_json::{Map, Value, json};

use super::inventory::{Inventory, Kind, Metric};

const FOLDER: &str = "docs/deploy/grafana";
/// What every panel is about.
const SELECT: &str = "job=\"$job\", instance=~\"$instance\"";

/// One dashboard; its name is that of its file, and its uid.
struct Dashboard {
    name: &'static str,
    title: &'static str,
    panels: Vec<Panel>,
}

struct Panel {
    title: String,
    about: String,
    unit: &'static str,
    /// Expressions, each with how its lines are called.
    targets: Vec<(String, String)>,
}

/// Path and text of each.
pub(crate) fn files(inventory: &Inventory) -> Vec<(String, String)> {
    let text = |it: &Dashboard| format!("{:#}\n", sorted(dashboard(it)));
    all(inventory).iter().map(|it| (format!("{FOLDER}/{}.json", it.name), text(it))).collect()
}

/// Every expression, with its dashboard and panel.
pub(crate) fn expressions(inventory: &Inventory) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dashboard in all(inventory) {
        for panel in dashboard.panels {
            let from = format!("{}: {}", dashboard.name, panel.title);
            found.extend(panel.targets.into_iter().map(|(it, _)| (from.clone(), it)));
        }
    }
    found.push(("variables".into(), format!("{OF_VARIABLES}{{job=\"$job\"}}")));
    found
}

fn all(inventory: &Inventory) -> Vec<Dashboard> {
    let area = |name, title, is_of: fn(&str) -> bool| {
        let metrics = inventory.metrics.iter().filter(|metric| is_of(&metric.name));
        Dashboard { name, title, panels: metrics.map(panel).collect() }
    };
    vec![
        Dashboard { name: "herbariumd-overview", title: "Herbarium: overview", panels: overview() },
        area("herbariumd-http", "Herbarium: HTTP", is_http),
        area("herbariumd-trees", "Herbarium: trees and store", is_trees),
        area("herbariumd-process", "Herbarium: process and health", |name| {
            !is_http(name) && !is_trees(name)
        }),
    ]
}

fn is_http(name: &str) -> bool {
    name.starts_with("http_server_")
}

fn is_trees(name: &str) -> bool {
    name.starts_with("herbarium_")
}

/// What one looks at first.
fn overview() -> Vec<Panel> {
    let select = |expression: &str| expression.replace("SELECT", SELECT);
    let one = |title: &str, about: &str, unit, expression: &str, legend: &str| Panel {
        title: title.to_owned(),
        about: about.to_owned(),
        unit,
        targets: vec![(select(expression), legend.to_owned())],
    };
    vec![
        one(
            "Alerts",
            "Those that fire.",
            "short",
            "sum by (alertname) (ALERTS{job=\"$job\", alertstate=\"firing\"})",
            "{{alertname}}",
        ),
        one(
            "Ready",
            "1 while the service is ready.",
            "short",
            "health_ready{SELECT}",
            "{{instance}}",
        ),
        one(
            "Bad requests",
            "Shares over an hour, of each objective.",
            "percentunit",
            "slo:sli_error:ratio_rate1h{sloth_service=\"herbariumd\"}",
            "{{sloth_slo}}",
        ),
        one(
            "Requests",
            "By class of status.",
            "reqps",
            "sum by (status_class) (rate(http_server_requests_total{SELECT}[$__rate_interval]))",
            "{{status_class}}",
        ),
        one(
            "Slowest in a hundred",
            "By route.",
            "s",
            "histogram_quantile(0.99, sum by (route, le) (rate(http_server_request_duration_seconds_bucket{SELECT}[$__rate_interval])))",
            "{{route}}",
        ),
        one(
            "Turned away",
            "By limit.",
            "reqps",
            "sum by (reason) (rate(http_server_shed_total{SELECT}[$__rate_interval]))",
            "{{reason}}",
        ),
        one(
            "Trees opened",
            "By where they came from.",
            "ops",
            "sum by (from) (rate(herbarium_trees_opened_total{SELECT}[$__rate_interval]))",
            "{{from}}",
        ),
        one(
            "Cache hits",
            "Share of all that was asked for.",
            "percentunit",
            "herbariumd:cache_hits:ratio_rate30m{SELECT}",
            "{{instance}}",
        ),
        one(
            "Jobs",
            "That wait or run.",
            "short",
            "sum by (state) (herbarium_jobs{SELECT})",
            "{{state}}",
        ),
        one(
            "Memory",
            "Resident.",
            "bytes",
            "process_resident_memory_bytes{SELECT}",
            "{{instance}}",
        ),
        one(
            "File descriptors",
            "Share of those that may be open.",
            "percentunit",
            "process_open_fds{SELECT} / process_max_fds{SELECT}",
            "{{instance}}",
        ),
        one(
            "Processor",
            "Cores in use.",
            "short",
            "rate(process_cpu_seconds_total{SELECT}[$__rate_interval])",
            "{{instance}}",
        ),
    ]
}

/// The panel of a metric follows from its declaration.
fn panel(metric: &Metric) -> Panel {
    let name = &metric.name;
    let labels: Vec<_> = metric.labels.iter().map(|label| label.name.as_str()).collect();
    let by = if labels.is_empty() { "instance".to_owned() } else { labels.join(", ") };
    let legend =
        by.split(", ").map(|label| format!("{{{{{label}}}}}")).collect::<Vec<_>>().join(" ");
    let targets = match metric.kind {
        Kind::Counter => {
            let rate = format!("sum by ({by}) (rate({name}{{{SELECT}}}[$__rate_interval]))");
            vec![(rate, legend)]
        }
        Kind::Gauge if name.ends_with("_start_time_seconds") => {
            vec![(format!("time() - {name}{{{SELECT}}}"), "{{instance}}".into())]
        }
        Kind::Gauge => vec![(format!("sum by ({by}) ({name}{{{SELECT}}})"), legend)],
        Kind::Histogram => ["0.5", "0.95", "0.99"].map(|part| quantile(part, name, &labels)).into(),
    };
    let about = metric.help.clone();
    Panel { title: name.clone(), about, unit: unit(metric), targets }
}

fn quantile(part: &str, name: &str, labels: &[&str]) -> (String, String) {
    let by = [labels, &["le"]].concat().join(", ");
    let each: String = labels.iter().map(|label| format!("{{{{{label}}}}} ")).collect();
    let rate = format!("rate({name}_bucket{{{SELECT}}}[$__rate_interval])");
    (format!("histogram_quantile({part}, sum by ({by}) ({rate}))"), format!("{each}{part}"))
}

/// In Grafana's words.
fn unit(metric: &Metric) -> &'static str {
    match (metric.kind, metric.unit.as_str()) {
        (Kind::Counter, _) if metric.name.contains("bytes") => "Bps",
        (Kind::Counter, "seconds") => "short",
        (Kind::Counter, _) => "ops",
        (_, "seconds") => "s",
        (_, "bytes") => "bytes",
        (_, "ratio") => "percentunit",
        _ => "short",
    }
}

/// The metric whose labels the choices on top are made of.
const OF_VARIABLES: &str = "health_ready";

fn dashboard(of: &Dashboard) -> Value {
    let panels: Vec<_> = of.panels.iter().enumerate().map(|(at, it)| drawn(at, it)).collect();
    json!({
        "uid": of.name,
        "title": of.title,
        "tags": ["herbarium"],
        "schemaVersion": 39,
        "version": 1,
        "editable": false,
        "refresh": "30s",
        "time": { "from": "now-3h", "to": "now" },
        "timezone": "browser",
        "annotations": { "list": [] },
        "links": [],
        "templating": { "list": [
            { "name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source" },
            variable("job", "Job", &format!("label_values({OF_VARIABLES}, job)"), false),
            variable("instance", "Instance", &format!("label_values({OF_VARIABLES}{{job=\"$job\"}}, instance)"), true),
        ] },
        "panels": panels,
    })
}

fn variable(name: &str, label: &str, query: &str, many: bool) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "query": query, "definition": query,
        "datasource": source(), "refresh": 2, "sort": 1, "multi": many, "includeAll": many,
        "allValue": if many { json!(".*") } else { Value::Null },
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// Three in a row of 24 columns.
fn drawn(at: usize, panel: &Panel) -> Value {
    let targets = panel.targets.iter().zip('A'..).map(|((expression, legend), name)| {
        json!({ "refId": name, "expr": expression, "legendFormat": legend, "datasource": source() })
    });
    json!({
        "id": at + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": source(),
        "gridPos": { "x": at % 3 * 8, "y": at / 3 * 8, "w": 8, "h": 8 },
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "options": { "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true } },
        "targets": targets.collect::<Vec<_>>(),
    })
}

/// The same keys in the order of the alphabet, however maps are built.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().map(|(key, it)| (key, sorted(it))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn inventory() -> Inventory {
        let page = crate::read(&crate::root(), super::super::METRICS).expect("a page");
        Inventory::of_page(&page).expect("an inventory")
    }

    #[test]
    fn every_metric_has_a_panel_of_its_own() {
        let inventory = inventory();
        let titles: Vec<_> = all(&inventory)
            .into_iter()
            .skip(1)
            .flat_map(|it| it.panels)
            .map(|it| it.title)
            .collect();
        let expected: BTreeSet<_> = inventory.metrics.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(titles.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        assert_eq!(titles.len(), expected.len(), "none twice");
    }

    #[test]
    fn panels_do_not_cover_each_other_and_names_are_unique() {
        let mut names = BTreeSet::new();
        for dashboard in all(&inventory()) {
            assert!(names.insert(dashboard.name), "{}", dashboard.name);
            let value = super::dashboard(&dashboard);
            let panels = value["panels"].as_array().expect("panels");
            let places: BTreeSet<_> = panels
                .iter()
                .map(|it| (it["gridPos"]["x"].as_u64(), it["gridPos"]["y"].as_u64()))
                .collect();
            let ids: BTreeSet<_> = panels.iter().map(|it| it["id"].as_u64()).collect();
            assert_eq!((places.len(), ids.len()), (panels.len(), panels.len()));
        }
    }
}
