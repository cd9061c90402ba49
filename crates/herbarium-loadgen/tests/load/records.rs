//! Percentiles are those of a direct sort.

use std::time::Duration;

use herbarium_loadgen::outcome::Fault;
use herbarium_loadgen::record::{Recorder, Sample, Times};
use herbarium_loadgen::timeline::Buckets;
use proptest::prelude::*;

/// The smallest value that so many percent do not exceed.
fn sorted_percentile(sorted: &[u64], percent: f64) -> u64 {
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Upwards: a bucket is named by its highest value.
fn close(found: Duration, expected: u64, precision: f64) -> bool {
    let found = found.as_nanos() as f64;
    found >= expected as f64 && found <= expected as f64 * (1.0 + precision) + 1.0
}

/// Three digits.
const FINE: f64 = 0.001;
/// Two, in intervals.
const COARSE: f64 = 0.01;

proptest! {
    #[test]
    fn percentiles_are_those_of_a_sort(
        mut nanos in prop::collection::vec(1..3_000_000_000_u64, 1..2_000),
        percents in prop::collection::vec(0.1..100.0_f64, 1..8),
        workers in 1..5_usize,
    ) {
        let mut parts = vec![Times::new(); workers];
        for (at, nanos) in nanos.iter().enumerate() {
            parts[at % workers].record_nanos(*nanos);
        }
        let mut times = Times::new();
        parts.iter().for_each(|part| times.merge(part));
        nanos.sort_unstable();
        let read = Times::from_base64(&times.to_base64()).unwrap();
        prop_assert_eq!(&read, &times);
        let buckets = Buckets::of(&times);
        prop_assert_eq!(buckets.count(), times.count());
        prop_assert_eq!(&Buckets::of(&buckets.to_times()), &buckets);
        for percent in percents.into_iter().chain([50.0, 99.0]) {
            let expected = sorted_percentile(&nanos, percent);
            prop_assert!(close(times.percentile(percent).unwrap(), expected, FINE));
            prop_assert!(close(buckets.percentile(percent).unwrap(), expected, COARSE));
        }
        prop_assert!(close(times.max().unwrap(), *nanos.last().unwrap(), FINE));
        let mean = nanos.iter().sum::<u64>() as f64 / nanos.len() as f64;
        prop_assert!((times.mean().unwrap().as_nanos() as f64 / mean - 1.0).abs() < 0.002);
    }

    #[test]
    fn text_that_is_no_histogram_is_refused_or_read(text in "[A-Za-z0-9+/=]{0,200}") {
        let _ = Times::from_base64(&text);
    }
}

fn sample(fault: Option<Fault>, lag: u64) -> Sample {
    Sample {
        stage: 0,
        flow: 0,
        response: Duration::from_millis(8),
        service: Some(Duration::from_millis(5)),
        wait: Duration::from_millis(3),
        lag: Duration::from_millis(lag),
        status: if fault.is_none_or(Fault::is_answer) { 200 } else { 0 },
        fault,
        bytes: 10,
    }
}

#[test]
fn every_request_has_one_entry_whatever_became_of_it() {
    let mut recorder = Recorder::new(Duration::from_millis(50));
    let faults = Fault::ALL.into_iter().map(Some).chain([None]);
    faults.clone().for_each(|fault| recorder.record(&sample(fault, 1)));
    let tally = recorder.take(3, None);
    assert_eq!(tally.index, 3);
    assert_eq!(tally.requests(), faults.count() as u64);
    assert_eq!(tally.faults().sum(), Fault::ALL.len() as u64);
    // Four kinds of answers, both kinds of waiting in vain, and the good one.
    assert_eq!(tally.cells[0].response.count(), 7);
}

#[test]
fn lag_makes_late_and_used_memory_is_empty() {
    let mut recorder = Recorder::new(Duration::from_millis(50));
    recorder.record(&sample(None, 51));
    recorder.record(&sample(None, 50));
    let tally = recorder.take(0, None);
    assert_eq!(tally.late, 1);
    assert_eq!(recorder.take(1, Some(tally)).requests(), 0);
    recorder.record(&sample(None, 0));
    let next = recorder.take(2, None);
    assert_eq!((next.requests(), next.late, next.lag.count()), (1, 0, 1));
}
