//! What an inventory must hold to: the conventions that Prometheus' own linter
//! looks for, and those that keep a program's memory bounded.

use std::collections::HashSet;

use metrics::Unit;

use super::{Inventory, Kind, Label, Metric, Values};

/// More series than this of one metric are a mistake.
const MAX_SERIES: usize = 10_000;

/// A declaration that would be exposed wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("declare metric `{metric}`: {found}; {advice}")]
#[non_exhaustive]
pub struct InventoryError {
    /// Its name.
    pub metric: &'static str,
    /// What is there.
    pub found: String,
    /// What to do.
    pub advice: &'static str,
}

impl Inventory {
    /// Whether all names, units, labels and buckets are as they should be.
    ///
    /// # Errors
    /// The first declaration that is not.
    pub fn check(&self) -> Result<(), InventoryError> {
        let mut names = HashSet::new();
        for metric in self.metrics() {
            if !names.insert(metric.name()) {
                return wrong(metric, "it is there twice", "declare it once, record it anywhere");
            }
            check_name(metric)?;
            check_unit(metric)?;
            check_help(metric)?;
            check_labels(metric)?;
            check_series(metric)?;
            check_buckets(metric)?;
        }
        Ok(())
    }
}

fn wrong(
    metric: &Metric,
    found: impl Into<String>,
    advice: &'static str,
) -> Result<(), InventoryError> {
    Err(InventoryError { metric: metric.name(), found: found.into(), advice })
}

fn check_name(metric: &Metric) -> Result<(), InventoryError> {
    let name = metric.name();
    if !is_name(name) {
        return wrong(metric, "the name is not [a-z][a-z0-9_]*", "spell it in snake case");
    }
    if (metric.kind() == Kind::Counter) != name.ends_with("_total") {
        let found = format!("a {} has this name", metric.kind().name());
        return wrong(metric, found, "let names of counters, and only those, end in `_total`");
    }
    let endings = ["_sum", "_count", "_bucket"];
    match endings.iter().find(|ending| name.ends_with(*ending)) {
        Some(ending) => {
            let found = format!("the name ends in `{ending}`");
            wrong(metric, found, "leave that ending to the series of histograms")
        }
        None => Ok(()),
    }
}

fn check_unit(metric: &Metric) -> Result<(), InventoryError> {
    let unit = match metric.unit() {
        Unit::Count => return Ok(()),
        Unit::Percent => "ratio",
        other => other.as_str(),
    };
    if metric.name().split('_').any(|word| word == unit) {
        return Ok(());
    }
    wrong(metric, format!("the name does not say `{unit}`"), "put the unit into the name")
}

fn check_help(metric: &Metric) -> Result<(), InventoryError> {
    if metric.help().is_empty() || metric.help().contains('\n') {
        return wrong(metric, "the help is empty or has more than a line", "say it in one");
    }
    Ok(())
}

fn check_labels(metric: &Metric) -> Result<(), InventoryError> {
    let mut names = HashSet::new();
    for label in metric.labels() {
        let name = label.name();
        if !is_name(name) || ["le", "quantile"].contains(&name) {
            let found = format!("`{name}` is no name for a label");
            return wrong(metric, found, "use snake case, and neither `le` nor `quantile`");
        }
        if !names.insert(name) {
            return wrong(metric, format!("the label `{name}` is there twice"), "name it once");
        }
        if is_empty(label) {
            let found = format!("the label `{name}` can have no value");
            return wrong(metric, found, "list its values, or leave it out");
        }
    }
    if metric.max_series() > MAX_SERIES {
        let found = format!("{} series are possible, over {MAX_SERIES}", metric.max_series());
        return wrong(metric, found, "leave a label out, or bound it");
    }
    Ok(())
}

fn check_series(metric: &Metric) -> Result<(), InventoryError> {
    let labels = metric.labels();
    let sound = |values: &&[&str]| {
        labels.len() == values.len() && labels.iter().zip(*values).all(|it| admits(it.0, it.1))
    };
    if metric.kind() != Kind::Counter && !metric.series().is_empty() {
        return wrong(metric, "series are given, and it is no counter", "leave them out");
    }
    match metric.series().iter().find(|values| !sound(values)) {
        Some(values) => {
            let found = format!("the series {values:?} does not fit the labels");
            wrong(metric, found, "give a declared value for each label, in their order")
        }
        None => Ok(()),
    }
}

fn admits(label: &Label, value: &str) -> bool {
    match label.values() {
        Values::OneOf(values) => values.contains(&value),
        Values::AtMost(_) => true,
    }
}

fn is_empty(label: &Label) -> bool {
    match label.values() {
        Values::OneOf(values) => values.is_empty(),
        Values::AtMost(count) => count == 0,
    }
}

fn check_buckets(metric: &Metric) -> Result<(), InventoryError> {
    let edges = metric.buckets();
    if (metric.kind() == Kind::Histogram) == edges.is_empty() {
        return wrong(metric, "kind and buckets do not fit", "give edges to histograms alone");
    }
    let ascending = edges.iter().zip(edges.iter().skip(1)).all(|(low, high)| low < high);
    if !ascending || edges.iter().any(|edge| !edge.is_finite()) {
        return wrong(metric, "the edges do not ascend", "sort them; `+Inf` comes by itself");
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
