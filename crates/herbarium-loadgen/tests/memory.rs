//! Memory has an end.

use std::time::Duration;

use herbarium_loadgen::Random;
use herbarium_loadgen::host::usage_of;
use herbarium_loadgen::record::{Recorder, Sample, Tally};
use herbarium_loadgen::timeline::{Slot, Timeline};

fn resident() -> f64 {
    usage_of(std::process::id()).and_then(|usage| usage.memory).unwrap()
}

/// Requests as a run of that many would account for them, a tenth of them in
/// each interval of a second.
fn account(requests: u64, each: u64, timeline: &mut Timeline, whole: &mut Tally) {
    let mut recorder = Recorder::new(Duration::from_millis(50));
    let mut random = Random::new(requests);
    let mut spare = None;
    for interval in 0..requests / each {
        for _ in 0..each {
            let nanos = 1_000_000 + random.below(20_000_000);
            let time = Duration::from_nanos(nanos);
            recorder.record(&Sample {
                stage: 0,
                flow: 0,
                response: time,
                service: Some(time),
                wait: Duration::ZERO,
                lag: Duration::ZERO,
                status: 200,
                fault: None,
                bytes: 1024,
            });
        }
        let tally = recorder.take(interval, spare.take());
        whole.merge(&tally);
        timeline.push(Slot::of(&tally));
        spare = Some(tally);
    }
}

#[test]
fn ten_million_requests_need_no_more_memory_than_one() {
    let mut timeline = Timeline::new(Duration::from_secs(1));
    let mut whole = Tally::default();
    account(1_000_000, 500, &mut timeline, &mut whole);
    let after_one = resident();
    account(10_000_000, 5_000, &mut timeline, &mut whole);
    let growth = resident() - after_one;
    assert_eq!(whole.requests(), 11_000_000);
    assert!(growth < 16.0 * 1024.0 * 1024.0, "{growth} bytes more");
}

#[test]
fn a_long_run_has_no_more_points_than_a_page_can_show() {
    let mut timeline = Timeline::new(Duration::from_secs(1));
    for first in 0..86_400 {
        timeline.push(Slot { first, width: 1, due: 1, requests: 1, ..Slot::default() });
    }
    let slots = timeline.slots();
    assert!((300..=600).contains(&slots.len()), "{}", slots.len());
    assert_eq!(slots.iter().map(|slot| slot.requests).sum::<u64>(), 86_400);
    assert_eq!(slots.iter().map(|slot| slot.width).sum::<u64>(), 86_400);
    assert_eq!(timeline.slot_length(), Duration::from_secs(256));
}
