//! A recorder that no label value can fill with series.
//!
//! Whoever records a metric may have taken a label value from a client. So
//! every key is looked at on its way to the recorder: values that are not
//! declared, and series beyond what is sensible, are recorded as `other`, and
//! counted. What is known already costs one look into a set.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError, RwLock};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};

use crate::inventory::{Inventory, OTHER, Values};

/// Values of a label that nobody declared.
const UNDECLARED_VALUES: usize = 100;
/// Series of a metric that nobody declared.
const UNDECLARED_SERIES: usize = 1000;

pub(crate) struct Bounded<R> {
    inner: R,
    /// Keys that go through as they are. Not only their hashes, which are quick
    /// and collide: `l1` with `l11`.
    known: RwLock<HashSet<Key>>,
    rules: Mutex<HashMap<String, Rule>>,
}

/// What is admitted of one metric.
struct Rule {
    declared: &'static [crate::inventory::Label],
    seen: HashMap<String, HashSet<String>>,
    series: usize,
    max_series: usize,
}

impl<R: Recorder> Bounded<R> {
    pub(crate) fn new(inner: R, inventory: &Inventory) -> Self {
        let rules = inventory.metrics().iter().map(|metric| {
            let declared = metric.labels();
            (metric.name().to_owned(), Rule::new(declared, metric.max_series()))
        });
        let rules = Mutex::new(rules.collect());
        Self { inner, known: RwLock::default(), rules }
    }

    /// Whether the key goes through as it is, or else what is recorded instead.
    fn instead(&self, key: &Key, metadata: &Metadata<'_>) -> Option<Key> {
        if key.labels().next().is_none()
            || self.known.read().unwrap_or_else(PoisonError::into_inner).contains(key)
        {
            return None;
        }
        let replaced = self.admit(key);
        match &replaced {
            None => {
                self.known
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key.to_retained());
            }
            Some(_) => self.count(key.name(), metadata),
        }
        replaced
    }

    fn admit(&self, key: &Key) -> Option<Key> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if !rules.contains_key(key.name()) {
            rules.insert(key.name().to_owned(), Rule::new(&[], UNDECLARED_SERIES));
        }
        rules.get_mut(key.name()).and_then(|rule| rule.admit(key))
    }

    fn count(&self, metric: &str, metadata: &Metadata<'_>) {
        let label = Label::new("metric", metric.to_owned());
        let key = Key::from_parts(crate::metrics::LABELS_REPLACED.name(), vec![label]);
        self.inner.register_counter(&key, metadata).increment(1);
    }
}

impl Rule {
    fn new(declared: &'static [crate::inventory::Label], max_series: usize) -> Self {
        Self { declared, seen: HashMap::new(), series: 0, max_series }
    }

    fn admit(&mut self, key: &Key) -> Option<Key> {
        let admitted: Vec<bool> = key.labels().map(|label| self.admits(label)).collect();
        let all = admitted.iter().all(|it| *it);
        if all && self.series < self.max_series {
            self.series += 1;
            return None;
        }
        // With one value too many only that one is lost; with too many series, all.
        let labels = key
            .labels()
            .zip(admitted)
            .map(|(label, admitted)| if admitted && !all { label.clone() } else { other(label) });
        let labels: Vec<Label> = labels.collect();
        Some(Key::from_parts(key.name().to_owned(), labels))
    }

    fn admits(&mut self, label: &Label) -> bool {
        if label.value() == OTHER {
            return true;
        }
        let declared = self.declared.iter().find(|it| it.name() == label.key());
        match declared.map_or(Values::AtMost(UNDECLARED_VALUES), |it| it.values()) {
            Values::OneOf(values) => values.contains(&label.value()),
            Values::AtMost(count) => self.is_among_the_first(label, count),
        }
    }

    fn is_among_the_first(&mut self, label: &Label, count: usize) -> bool {
        let seen = self.seen.entry(label.key().to_owned()).or_default();
        if seen.contains(label.value()) {
            return true;
        }
        seen.len() < count && seen.insert(label.value().to_owned())
    }
}

fn other(label: &Label) -> Label {
    Label::new(label.key().to_owned(), OTHER)
}

impl<R: Recorder> Recorder for Bounded<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let instead = self.instead(key, metadata);
        self.inner.register_counter(instead.as_ref().unwrap_or(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let instead = self.instead(key, metadata);
        self.inner.register_gauge(instead.as_ref().unwrap_or(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let instead = self.instead(key, metadata);
        self.inner.register_histogram(instead.as_ref().unwrap_or(key), metadata)
    }
}
