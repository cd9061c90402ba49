//! Metrics of the crates below, which know no inventory: cache, store and index
//! record through the `metrics` facade alone.

use herbarium_health::inventory::{Inventory, Label, Metric};
use metrics::Unit;

/// Edges for gets and puts of one tree, in seconds.
const TIER_SECONDS: &[f64] = &[
    0.000_000_25,
    0.000_000_5,
    0.000_001,
    0.000_002,
    0.000_005,
    0.000_01,
    0.000_05,
    0.000_1,
    0.000_5,
    0.001,
    0.005,
    0.01,
    0.1,
    1.0,
];

const TIERS: &[&str] = &["hot", "warm", "cold"];
const TIER: &[Label] = &[Label::one_of("tier", TIERS)];
const MOVE: &[Label] = &[Label::one_of("from", TIERS), Label::one_of("to", TIERS)];

/// Ids of the registry.
const LANGUAGE: &[Label] = &[Label::at_most("language", 200)];

/// Moves that there are, of all that the names of tiers would make.
const UP: &[&[&str]] = &[&["warm", "hot"], &["cold", "hot"], &["cold", "warm"]];
const DOWN: &[&[&str]] = &[&["hot", "warm"], &["hot", "cold"], &["warm", "cold"]];

/// Names of [`Rescan`](herbarium_index::Rescan).
const RESCANS: &[&[&str]] = &[&["overflow"], &["flood"], &["rules"], &["unwatched"], &["manifest"]];

/// All of them.
pub(crate) fn metrics() -> Inventory {
    Inventory::new().with(CACHE).with(STORE).with(INDEX)
}

macro_rules! counter {
    ($name:literal, $labels:expr, $help:literal) => {
        counter!($name, $labels, &[], $help)
    };
    ($name:literal, $labels:expr, $series:expr, $help:literal) => {{
        static METRIC: Metric =
            Metric::counter($name, $help).with_labels($labels).with_series($series);
        &METRIC
    }};
}

macro_rules! gauge {
    ($name:literal, $unit:expr, $help:literal) => {{
        static METRIC: Metric = Metric::gauge($name, $unit, $help).with_labels(TIER);
        &METRIC
    }};
}

macro_rules! seconds {
    ($name:literal, $help:literal) => {{
        static METRIC: Metric =
            Metric::histogram($name, Unit::Seconds, $help, TIER_SECONDS).with_labels(TIER);
        &METRIC
    }};
}

const CACHE: &[&Metric] = &[
    counter!("herbarium_cache_hits_total", TIER, "Requests that a tier answered."),
    counter!("herbarium_cache_misses_total", &[], "Requests that no tier answered."),
    counter!(
        "herbarium_tier_promotions_total",
        MOVE,
        UP,
        "Values that moved up because they were used."
    ),
    counter!(
        "herbarium_tier_demotions_total",
        MOVE,
        DOWN,
        "Values that moved down because there was no room."
    ),
    seconds!("herbarium_cache_get_duration_seconds", "Time of a hit; hot hits are sampled."),
    seconds!(
        "herbarium_cache_store_duration_seconds",
        "Time to put a value into a tier, encoding included."
    ),
    gauge!("herbarium_cache_bytes", Unit::Bytes, "Bytes that a tier holds, bookkeeping included."),
    gauge!("herbarium_cache_entries", Unit::Count, "Values that a tier holds."),
    counter!(
        "herbarium_cache_admissions_refused_total",
        TIER,
        "Values that a tier in memory did not take because they are too large for it."
    ),
    counter!(
        "herbarium_cache_tier_failures_total",
        TIER,
        "Reads, writes and removals that failed, damaged records and panics included."
    ),
    gauge!(
        "herbarium_cache_doubted_keys",
        Unit::Count,
        "Keys that a tier is not read for until they are written anew."
    ),
    counter!("herbarium_cache_forgotten_total", &[], "Values that left memory and went nowhere."),
];

const STORE: &[&Metric] = &[
    counter!("herbarium_store_records_written_total", &[], "Records appended to segments."),
    counter!(
        "herbarium_store_revisions_written_total",
        &[],
        "Those of them that hold only what differs from an earlier tree."
    ),
    counter!("herbarium_store_bytes_written_total", &[], "Bytes of records."),
    counter!("herbarium_store_segments_sealed_total", &[], "Segments that were finished."),
    counter!(
        "herbarium_store_damaged_total",
        &[],
        "Damaged records, files and notes that were met; each is a miss."
    ),
    counter!("herbarium_store_trees_collected_total", &[], "Trees that gc removed."),
];

const INDEX: &[&Metric] = &[
    counter!("herbarium_parses_total", LANGUAGE, "Sources that were parsed."),
    counter!("herbarium_reparses_total", LANGUAGE, "Those of them parsed again after an edit."),
    counter!("herbarium_trees_reused_total", &[], "Trees that a run found in the store instead."),
    counter!(
        "herbarium_problems_total",
        &[Label::at_most("kind", 32)],
        "Files that could not be pressed, by why."
    ),
    counter!("herbarium_watch_events_total", &[], "Changes that the system told of."),
    counter!("herbarium_watch_pressed_total", &[], "Files that were pressed as they changed."),
    counter!(
        "herbarium_watch_rescans_total",
        &[Label::at_most("why", 8)],
        RESCANS,
        "Walks over a whole workspace because the system's events did not tell everything."
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, kind and labels.
    type Face = (String, String, Vec<String>);

    #[test]
    fn the_metrics_of_the_cache_are_those_that_it_says_it_has() {
        let of = |metric: &herbarium_cache::Metric| -> Face {
            let labels = metric.labels.iter().map(|it| (*it).to_owned()).collect();
            (metric.name.to_owned(), metric.kind.to_owned(), labels)
        };
        let ours = |metric: &&Metric| -> Face {
            let labels = metric.labels().iter().map(|it| it.name().to_owned()).collect();
            (metric.name().to_owned(), metric.kind().name().to_owned(), labels)
        };
        let (mut declared, mut known): (Vec<_>, Vec<_>) =
            (CACHE.iter().map(ours).collect(), herbarium_cache::METRICS.iter().map(of).collect());
        declared.sort();
        known.sort();
        assert_eq!(declared, known);
    }

    /// What is recorded by name in a crate, as its sources have it.
    fn recorded(sources: &std::path::Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(sources).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                recorded(&path, into);
            } else {
                let text = std::fs::read_to_string(&path).expect("a source");
                let calls = ["counter!(\"", "gauge!(\"", "histogram!(\""];
                for call in calls.map(|kind| format!("metrics::{kind}")) {
                    let names = text.split(&call).skip(1).filter_map(|it| it.split_once('"'));
                    into.extend(names.map(|(name, _)| name.to_owned()));
                }
            }
        }
    }

    #[test]
    fn whatever_store_and_index_record_is_declared() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
        let mut names = Vec::new();
        for name in ["herbarium-store", "herbarium-index"] {
            recorded(&crates.join(name).join("src"), &mut names);
        }
        names.sort();
        names.dedup();
        let declared = |name: &str| STORE.iter().chain(INDEX).any(|metric| metric.name() == name);
        let missing: Vec<_> = names.iter().filter(|name| !declared(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(names.len(), STORE.len() + INDEX.len(), "{names:?}");
    }

    #[test]
    fn reasons_of_rescans_are_those_of_the_index() {
        use herbarium_index::Rescan::{Flood, Manifest, Overflow, Rules, Unwatched};
        let names = [Overflow, Flood, Rules, Unwatched, Manifest].map(|it| [it.name()]);
        assert!(RESCANS.iter().eq(names.iter().map(|it| it.as_slice()).collect::<Vec<_>>().iter()));
    }

    #[test]
    fn every_declaration_is_sound() {
        metrics().check().expect("sound declarations");
        assert!(TIER_SECONDS.is_sorted());
    }
}
