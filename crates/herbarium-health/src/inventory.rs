//! Metrics declared once: name, unit, help, labels, buckets.
//!
//! A crate declares its metrics as statics, records through them, and hands the
//! list to whoever assembles the program. Nothing here needs a recorder, so a
//! library can depend on this crate with `default-features = false`.
//!
//! ```
//! use herbarium_health::inventory::{Inventory, Label, Metric, SECONDS};
//! use metrics::Unit;
//!
//! static JOBS: Metric = Metric::counter("jobs_total", "Jobs done, by how they ended.")
//!     .with_labels(&[Label::one_of("outcome", &["ok", "failed"])]);
//! static TIME: Metric =
//!     Metric::histogram("job_duration_seconds", Unit::Seconds, "Time a job took.", SECONDS);
//!
//! let inventory = Inventory::new().with(&[&JOBS, &TIME]);
//! inventory.check()?;
//! assert!(inventory.markdown().contains("| `jobs_total` | counter |"));
//!
//! JOBS.as_counter(&["ok"]).increment(1);
//! TIME.as_histogram(&[]).record(0.012);
//! # Ok::<(), herbarium_health::inventory::InventoryError>(())
//! ```

mod check;
mod print;

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Unit};

pub use check::InventoryError;

/// What stands for a label value that is not admitted.
pub const OTHER: &str = "other";

/// Edges for durations of requests, in seconds: 0.5 ms to 10 s, with edges at
/// 10 ms and 30 ms, where objectives usually lie. An objective between two
/// edges can only be guessed at, so add yours if it is not here.
pub const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Edges for sizes, in bytes: 256 B to 64 MiB, by factors of four.
pub const BYTES: &[f64] = &[
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// One metric, as a static. The name is the one that is exposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
    labels: &'static [Label],
    series: &'static [&'static [&'static str]],
    buckets: &'static [f64],
}

/// How the numbers of a metric go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, in buckets.
    Histogram,
}

impl Kind {
    /// `counter`, `gauge` or `histogram`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label and the values it may have: every series costs memory here and in
/// whatever scrapes it, so no label is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    name: &'static str,
    values: Values,
}

/// The values of a label. Any other value is recorded as [`OTHER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Just these.
    OneOf(&'static [&'static str]),
    /// The first so many that are seen.
    AtMost(usize),
}

impl Metric {
    /// Something counted; the name ends in `_total`. A recorder that knows it
    /// shows it from the start, at zero, if each of its labels is
    /// [one of](Label::one_of) few values: only so is its first event seen.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::of_kind(Kind::Counter, name, Unit::Count, help, &[])
    }

    /// Something that goes up and down.
    pub const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::of_kind(Kind::Gauge, name, unit, help, &[])
    }

    /// Something measured again and again, counted into buckets with these
    /// upper edges, ascending. [`SECONDS`] and [`BYTES`] are good ones.
    pub const fn histogram(
        name: &'static str,
        unit: Unit,
        help: &'static str,
        buckets: &'static [f64],
    ) -> Self {
        Self::of_kind(Kind::Histogram, name, unit, help, buckets)
    }

    const fn of_kind(
        kind: Kind,
        name: &'static str,
        unit: Unit,
        help: &'static str,
        buckets: &'static [f64],
    ) -> Self {
        Self { name, kind, unit, help, labels: &[], series: &[], buckets }
    }

    /// With these labels.
    #[must_use]
    pub const fn with_labels(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }

    /// With only these series at zero from the start, each the values of all
    /// labels in their order: for counters whose label values do not all go
    /// together, or are not declared.
    ///
    /// ```
    /// use herbarium_health::inventory::{Label, Metric};
    ///
    /// static MOVES: Metric = Metric::counter("moves_total", "Moves between floors.")
    ///     .with_labels(&[Label::at_most("from", 9), Label::at_most("to", 9)])
    ///     .with_series(&[&["cellar", "attic"], &["attic", "cellar"]]);
    /// assert_eq!(MOVES.series().len(), 2);
    /// ```
    #[must_use]
    pub const fn with_series(self, series: &'static [&'static [&'static str]]) -> Self {
        Self { series, ..self }
    }

    /// Counted in this unit: for counters of seconds or bytes.
    #[must_use]
    pub const fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The name, as exposed.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Counter, gauge or histogram.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What a value of one means.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// What it says, in a sentence.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// The labels, in the order in which values are given.
    pub const fn labels(&self) -> &'static [Label] {
        self.labels
    }

    /// The series given with [`with_series`](Self::with_series); empty unless
    /// they were.
    pub const fn series(&self) -> &'static [&'static [&'static str]] {
        self.series
    }

    /// Upper edges of the buckets; empty unless a histogram.
    pub const fn buckets(&self) -> &'static [f64] {
        self.buckets
    }

    /// How many series it can have at most.
    pub fn max_series(&self) -> usize {
        self.labels.iter().fold(1, |all, label| all.saturating_mul(label.max_values()))
    }

    /// The counter of these label values, in declared order. It can be kept.
    pub fn as_counter(&self, values: &[&str]) -> Counter {
        debug_assert_eq!(self.kind, Kind::Counter, "`{}`", self.name);
        let key = self.key(values);
        metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    /// The gauge of these label values, in declared order. It can be kept.
    pub fn as_gauge(&self, values: &[&str]) -> Gauge {
        debug_assert_eq!(self.kind, Kind::Gauge, "`{}`", self.name);
        let key = self.key(values);
        metrics::with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    /// The histogram of these label values, in declared order. It can be kept.
    pub fn as_histogram(&self, values: &[&str]) -> Histogram {
        debug_assert_eq!(self.kind, Kind::Histogram, "`{}`", self.name);
        let key = self.key(values);
        metrics::with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    /// A value too few is [`OTHER`]; one too many is left out.
    fn key(&self, values: &[&str]) -> Key {
        debug_assert_eq!(self.labels.len(), values.len(), "label values of `{}`", self.name);
        let mut values = values.iter();
        let labels = self.labels.iter().map(|label| {
            let value = values.next().map_or(OTHER, |value| *value);
            metrics::Label::new(label.name, label.static_value(value))
        });
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }
}

/// Where the metrics of this crate say they are recorded.
static METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl Label {
    /// A label with a closed set of values.
    pub const fn one_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::OneOf(values) }
    }

    /// A label whose values are not known when this is written, but few: names
    /// of checks, of languages in a registry, of route templates. Never paths,
    /// addresses, or anything that a client chooses.
    pub const fn at_most(name: &'static str, count: usize) -> Self {
        Self { name, values: Values::AtMost(count) }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it can be.
    pub const fn values(&self) -> Values {
        self.values
    }

    /// [`OTHER`] included.
    fn max_values(&self) -> usize {
        match self.values {
            Values::OneOf(values) => values.len().saturating_add(1),
            Values::AtMost(count) => count.saturating_add(1),
        }
    }

    /// Without an allocation where the value is one of the declared ones.
    fn static_value(&self, value: &str) -> metrics::SharedString {
        match self.values {
            Values::OneOf(values) => values
                .iter()
                .find(|it| **it == value)
                .map_or(metrics::SharedString::const_str(OTHER), |it| {
                    metrics::SharedString::const_str(it)
                }),
            Values::AtMost(_) => value.to_owned().into(),
        }
    }
}

/// The metrics of a program, from all of its crates.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    metrics: Vec<&'static Metric>,
}

impl Inventory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these, too.
    #[must_use]
    pub fn with(mut self, metrics: &[&'static Metric]) -> Self {
        self.metrics.extend_from_slice(metrics);
        self
    }

    /// All of them, in the order in which they were added.
    pub fn metrics(&self) -> &[&'static Metric] {
        &self.metrics
    }

    /// How many series there can be at most.
    pub fn max_series(&self) -> usize {
        self.metrics.iter().fold(0, |all, metric| all.saturating_add(metric.max_series()))
    }
}
