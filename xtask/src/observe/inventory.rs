//! The metrics that the service says it has, and what is wrong with an expression.

use super::promql::{Use, uses};

/// Labels that Prometheus gives, or a recording rule.
const GIVEN: &[&str] =
    &["job", "instance", "le", "sloth_service", "sloth_slo", "alertname", "alertstate"];
/// Metrics that Prometheus makes of a target.
const OF_PROMETHEUS: &[&str] = &["up", "ALERTS", "scrape_samples_scraped"];
/// What Prometheus has of a histogram.
const OF_HISTOGRAMS: &[&str] = &["_bucket", "_sum", "_count"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) unit: String,
    pub(crate) labels: Vec<Label>,
    pub(crate) help: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) name: String,
    /// None where only their number is bounded.
    pub(crate) values: Vec<String>,
}

/// All metrics, as `docs/metrics.md` has them.
#[derive(Debug)]
pub(crate) struct Inventory {
    pub(crate) metrics: Vec<Metric>,
}

impl Inventory {
    /// Reads the table of the page.
    pub(crate) fn of_page(page: &str) -> Result<Self, String> {
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let metrics = rows.map(row).collect::<Result<Vec<_>, _>>()?;
        match metrics.is_empty() {
            true => Err("the page of metrics has no row that begins with a name".into()),
            false => Ok(Self { metrics }),
        }
    }

    /// Says which values a label has, where the page only says how many.
    pub(crate) fn tell(&mut self, metric: &str, label: &str, values: Vec<String>) {
        let metric = self.metrics.iter_mut().find(|it| it.name == metric);
        let label = metric.and_then(|it| it.labels.iter_mut().find(|it| it.name == label));
        if let Some(label) = label {
            label.values = values;
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// The metric that a series is of: that of a histogram ends otherwise.
    pub(crate) fn of_series(&self, name: &str) -> Option<&Metric> {
        let base = OF_HISTOGRAMS.iter().find_map(|end| name.strip_suffix(end));
        let histogram = base.and_then(|base| self.get(base));
        match histogram {
            Some(metric) if metric.kind == Kind::Histogram => Some(metric),
            _ => self.get(name).filter(|metric| metric.kind != Kind::Histogram),
        }
    }

    /// What an expression names that there is not; `recorded` are names that rules give.
    pub(crate) fn faults(&self, expression: &str, recorded: &[&str]) -> Vec<String> {
        let uses = uses(expression);
        let mut found = Vec::new();
        for used in &uses {
            match used {
                Use::Metric(name, matchers) => match self.of_series(name) {
                    Some(metric) => found.extend(metric.mismatches(matchers)),
                    None if OF_PROMETHEUS.contains(&name.as_str()) => {}
                    None if recorded.contains(&name.as_str()) => {}
                    None => found.push(format!("no metric is called {name}")),
                },
                Use::Labels(labels) => {
                    let unknown = labels.iter().filter(|it| !self.any_has(&uses, it));
                    found.extend(unknown.map(|it| format!("no metric in it has a label {it}")));
                }
            }
        }
        found
    }

    fn any_has(&self, uses: &[Use], label: &str) -> bool {
        let names = uses.iter().filter_map(|used| match used {
            Use::Metric(name, _) => self.of_series(name),
            Use::Labels(_) => None,
        });
        GIVEN.contains(&label) || names.into_iter().any(|metric| metric.label(label).is_some())
    }
}

impl Metric {
    pub(crate) fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.name == name)
    }

    fn mismatches(&self, matchers: &[(String, String)]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, text) in matchers {
            let Some(label) = self.label(name) else {
                if !GIVEN.contains(&name.as_str()) {
                    found.push(format!("{} has no label {name}", self.name));
                }
                continue;
            };
            // Parts of a regular expression that is more than alternatives match nothing here.
            let parts = text.split('|').filter(|_| !label.values.is_empty());
            let unknown = parts.filter(|part| !label.values.iter().any(|value| value == part));
            found.extend(
                unknown
                    .filter(|part| !part.starts_with('$'))
                    .map(|part| format!("{}: its label {name} is never {part:?}", self.name)),
            );
        }
        found
    }
}

/// One line of the table.
fn row(line: &str) -> Result<Metric, String> {
    let line = line.replace("\\|", "\u{0}");
    let cells: Vec<_> = line.split('|').map(|it| it.trim().replace('\u{0}', "|")).collect();
    let [_, name, kind, unit, labels, help, _] = &cells[..] else {
        return Err(format!("expected five columns, found `{line}`"));
    };
    let kind = match kind.as_str() {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        other => return Err(format!("{name}: expected a kind of metric, found `{other}`")),
    };
    let name = name.trim_matches('`').to_owned();
    let labels = labels.split(", ").filter_map(label).collect();
    Ok(Metric { name, kind, unit: unit.clone(), labels, help: help.clone() })
}

/// `kind: query | symbols`, or `language: at most 200`.
fn label(text: &str) -> Option<Label> {
    let (name, values) = text.split_once(": ")?;
    let all = values.split(" | ").map(str::to_owned);
    let values = if values.starts_with("at most ") { Vec::new() } else { all.collect() };
    Some(Label { name: name.to_owned(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Metrics\n\n| name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n\
        | `a_total` | counter | count | way: in \\| out, why: at most 8 | Comings. |\n\
        | `b_seconds` | histogram | seconds |  | Time. |\n";

    fn check(expression: &str, expected: &[&str]) {
        let inventory = Inventory::of_page(PAGE).expect("a page");
        assert_eq!(inventory.faults(expression, &["r:sum"]), expected, "{expression}");
    }

    #[test]
    fn what_there_is_passes() {
        check("sum by (way) (rate(a_total{way=\"in\", why=~\"x|y\", job=\"j\"}[5m])) + r:sum", &[]);
        check("histogram_quantile(0.9, sum by (le) (rate(b_seconds_bucket[5m])))", &[]);
        check("up{job=\"j\"} == 0", &[]);
    }

    #[test]
    fn what_there_is_not_is_named() {
        check("a_totl", &["no metric is called a_totl"]);
        check("b_seconds", &["no metric is called b_seconds"]);
        check("a_total_bucket", &["no metric is called a_total_bucket"]);
        check("a_total{wy=\"in\"}", &["a_total has no label wy"]);
        check("a_total{way=~\"in|ot\"}", &["a_total: its label way is never \"ot\""]);
        check("sum by (wy) (a_total)", &["no metric in it has a label wy"]);
    }

    #[test]
    fn a_page_without_metrics_is_refused() {
        assert!(Inventory::of_page("# Metrics\n").is_err());
        assert!(Inventory::of_page("| `a` | counter |\n").is_err());
        assert!(Inventory::of_page("| `a` | count |  |  | b |\n").is_err());
    }
}
