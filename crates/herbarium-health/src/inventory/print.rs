//! The inventory as people and programs read it.

use metrics::Unit;

use super::{Inventory, Label, Metric, Values};
use crate::json;

impl Inventory {
    /// Aligned columns, for a terminal.
    pub fn table(&self) -> String {
        let mut rows = vec![["NAME", "KIND", "UNIT", "LABELS", "HELP"].map(str::to_owned)];
        rows.extend(self.metrics().iter().map(|metric| cells(metric)));
        let mut widths = [0; 5];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |row: &[String; 5]| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        rows.iter().map(line).collect()
    }

    /// A table for a page of documentation.
    pub fn markdown(&self) -> String {
        let head = "| name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n";
        let rows = self.metrics().iter().map(|metric| {
            let [name, kind, unit, labels, help] = cells(metric).map(|it| it.replace('|', "\\|"));
            format!("| `{name}` | {kind} | {unit} | {labels} | {help} |\n")
        });
        head.to_owned() + &rows.collect::<String>()
    }

    /// A list of objects: `name`, `kind`, `unit`, `help`, `labels`, `buckets`,
    /// `max_series`.
    pub fn json(&self) -> String {
        json::array(self.metrics().iter().map(|metric| as_json(metric)))
    }
}

fn cells(metric: &Metric) -> [String; 5] {
    let labels = metric.labels().iter().map(label).collect::<Vec<_>>().join(", ");
    [
        metric.name().to_owned(),
        metric.kind().name().to_owned(),
        unit(metric.unit()).to_owned(),
        labels,
        metric.help().to_owned(),
    ]
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "ratio",
        other => other.as_str(),
    }
}

fn label(label: &Label) -> String {
    match label.values() {
        Values::OneOf(values) => format!("{}: {}", label.name(), values.join(" | ")),
        Values::AtMost(count) => format!("{}: at most {count}", label.name()),
    }
}

fn as_json(metric: &Metric) -> String {
    json::object([
        ("name", json::string(metric.name())),
        ("kind", json::string(metric.kind().name())),
        ("unit", json::string(unit(metric.unit()))),
        ("help", json::string(metric.help())),
        ("labels", json::array(metric.labels().iter().map(label_json))),
        ("buckets", json::array(metric.buckets().iter().map(f64::to_string))),
        ("max_series", metric.max_series().to_string()),
    ])
}

fn label_json(label: &Label) -> String {
    let name = ("name", json::string(label.name()));
    match label.values() {
        Values::OneOf(values) => {
            let values = json::array(values.iter().map(|value| json::string(value)));
            json::object([name, ("values", values)])
        }
        Values::AtMost(count) => json::object([name, ("at_most", count.to_string())]),
    }
}
