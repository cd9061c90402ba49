//! Counters that are there before they count.
//!
//! A rate is a difference of two scrapes. A series that appears with its first event has no
//! scrape before it, so the first panic, the first failed reload, would raise no alert.

use metrics::Recorder;

use crate::inventory::{Inventory, Kind, Metric, Values};
use crate::metrics::LABELS_REPLACED;

/// A counter that can have more series than this appears as it counts: most would stay at
/// zero and cost every scrape.
const MOST: usize = 64;

/// Starts every counter whose series are known when the program starts.
pub(crate) fn start(recorder: &impl Recorder, inventory: &Inventory) {
    metrics::with_local_recorder(recorder, || {
        for metric in inventory.metrics().iter().filter(|it| it.kind() == Kind::Counter) {
            for values in series(metric, inventory) {
                metric.as_counter(&values).increment(0);
            }
        }
    });
}

/// The label values of each series to start.
fn series(metric: &Metric, inventory: &Inventory) -> Vec<Vec<&'static str>> {
    if metric.name() == LABELS_REPLACED.name() {
        return labelled(inventory);
    }
    match metric.series() {
        [] => product(metric).unwrap_or_default(),
        given => given.iter().map(|values| values.to_vec()).collect(),
    }
}

/// Those that the values of each label make with those of the others.
fn product(metric: &Metric) -> Option<Vec<Vec<&'static str>>> {
    let mut all = vec![Vec::new()];
    for label in metric.labels() {
        let Values::OneOf(values) = label.values() else { return None };
        let with = |begun: &Vec<&'static str>, value| [begun.as_slice(), &[value]].concat();
        all = all.iter().flat_map(|begun| values.iter().map(|it| with(begun, *it))).collect();
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

/// One for each metric whose label values can be replaced.
fn labelled(inventory: &Inventory) -> Vec<Vec<&'static str>> {
    let labelled = inventory.metrics().iter().filter(|it| !it.labels().is_empty());
    labelled.map(|it| vec![it.name()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Label;

    const JOBS: Metric = Metric::counter("jobs_total", "Jobs.");
    const TIERS: &[&str] = &["hot", "warm"];
    const MOVE: &[Label] = &[Label::one_of("from", TIERS), Label::one_of("to", TIERS)];
    const EIGHT: &[&str] = &["1", "2", "3", "4", "5", "6", "7", "8"];

    fn check(metric: Metric, expected: &[&[&str]]) {
        assert_eq!(series(&metric, &Inventory::new()), expected, "{}", metric.name());
    }

    #[test]
    fn series_that_are_known_are_started() {
        const HOW: &[Label] = &[Label::one_of("how", &["ok", "failed"])];
        check(JOBS, &[&[]]);
        check(JOBS.with_labels(HOW), &[&["ok"], &["failed"]]);
        check(
            JOBS.with_labels(MOVE),
            &[&["hot", "hot"], &["hot", "warm"], &["warm", "hot"], &["warm", "warm"]],
        );
        check(JOBS.with_labels(MOVE).with_series(&[&["warm", "hot"]]), &[&["warm", "hot"]]);
    }

    #[test]
    fn series_that_are_not_known_or_too_many_are_not() {
        const ANY: &[Label] = &[Label::at_most("language", 3)];
        const MANY: &[Label] =
            &[Label::one_of("a", EIGHT), Label::one_of("b", EIGHT), Label::one_of("c", TIERS)];
        check(JOBS.with_labels(ANY), &[]);
        check(JOBS.with_labels(MANY), &[]);
    }
}
