//! What reaches the `metrics` facade.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use herbarium_cache::{Bytes, Cache, METRICS, MemoryTier, Write};

use crate::{value, with_cold};

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<BTreeMap<String, f64>>>);

/// One metric with its labels, as `name{label=value}`.
struct Series(String, Heard);

impl Series {
    fn change(&self, change: impl FnOnce(&mut f64)) {
        change(self.1.0.lock().expect("no panic").entry(self.0.clone()).or_default());
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.change(|it| *it += by as f64);
    }
    fn absolute(&self, to: u64) {
        self.change(|it| *it = to as f64);
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        self.change(|it| *it += by);
    }
    fn decrement(&self, by: f64) {
        self.change(|it| *it -= by);
    }
    fn set(&self, to: f64) {
        self.change(|it| *it = to);
    }
}

impl HistogramFn for Series {
    fn record(&self, _: f64) {
        self.change(|it| *it += 1.0);
    }
}

impl Heard {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        Arc::new(Series(format!("{}{{{labels}}}", key.name()), self.clone()))
    }

    fn get(&self, series: &str) -> f64 {
        self.0.lock().expect("no panic").get(series).copied().unwrap_or_default()
    }
}

impl Recorder for Heard {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.0.lock().expect("no panic").insert(format!("described {}", name.as_str()), 1.0);
    }
    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe_counter(name, unit, help);
    }
    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe_counter(name, unit, help);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[test]
fn the_facade_hears_what_stats_say() {
    let heard = Heard::default();
    ::metrics::with_local_recorder(&heard, || {
        let tier = Arc::new(MemoryTier::new());
        let cache: Cache<u64, Bytes> = with_cold(1 << 20, tier, Write::OnEviction);
        for key in 0..600 {
            cache.insert(key, value(key, 4096));
        }
        for _ in 0..3 {
            (0..700).for_each(|key| drop(cache.get(&key)));
        }
        (0..10_000).for_each(|_| drop(cache.get(&599)));
        cache.publish_metrics();
        let stats = cache.stats();
        for tier in &stats.tiers {
            let of =
                |name: &str| heard.get(&format!("herbarium_cache_{name}{{tier={}}}", tier.name));
            assert_eq!(of("hits_total"), tier.hits as f64, "{}", tier.name);
            assert_eq!(of("bytes"), tier.bytes.expect("known") as f64, "{}", tier.name);
            assert_eq!(of("entries"), tier.entries.expect("known") as f64, "{}", tier.name);
            assert!(of("get_duration_seconds") > 0.0, "{}", tier.name);
            assert!(of("store_duration_seconds") > 0.0, "{}", tier.name);
        }
        assert_eq!(heard.get("herbarium_cache_misses_total{}"), stats.misses as f64);
        for moves in &stats.moves {
            let labels = format!("{{from={},to={}}}", moves.from, moves.to);
            let of = |name: &str| heard.get(&format!("herbarium_tier_{name}_total{labels}"));
            assert_eq!(of("promotions"), moves.promotions as f64, "{labels}");
            assert_eq!(of("demotions"), moves.demotions as f64, "{labels}");
        }
        // Timed hits are a sample.
        let timed = heard.get("herbarium_cache_get_duration_seconds{tier=hot}");
        assert!(timed < stats.tiers[0].hits as f64 / 100.0, "{timed} timed");
    });
}

#[test]
fn the_facade_hears_of_hits_without_being_told_to_listen() {
    let heard = Heard::default();
    ::metrics::with_local_recorder(&heard, || {
        let cache: Cache<u64, Bytes> = crate::cache(1 << 20);
        cache.insert(1, vec![1]);
        (0..10_000).for_each(|_| drop(cache.get(&1)));
        let hits = heard.get("herbarium_cache_hits_total{tier=hot}");
        assert!((9_500.0..=10_000.0).contains(&hits), "{hits}");
    });
}

#[test]
fn every_metric_is_described_once() {
    let heard = Heard::default();
    ::metrics::with_local_recorder(&heard, herbarium_cache::describe_metrics);
    for metric in METRICS {
        assert_eq!(heard.get(&format!("described {}", metric.name)), 1.0, "{}", metric.name);
        assert!(metric.name.starts_with("herbarium_"), "{}", metric.name);
    }
}
