//! Memory has an end.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use herbarium_loadgen::host::usage_of;
use herbarium_loadgen::record::{Recorder, Sample, Tally};
use herbarium_loadgen::scenario::HonestySpec;
use herbarium_loadgen::timeline::{Slot, Timeline};
use herbarium_loadgen::{Options, Random, Scenario, Span, Stop, Target, run};

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

fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                }
            });
        }
    });
    url
}

/// The same over a network: what is kept of a request anywhere would be seen. A
/// hundred bytes for each would be twice what is allowed.
#[test]
fn ten_times_the_requests_over_connections_need_no_more_memory() {
    let target = Target::parse(&server()).unwrap().allow(false).unwrap();
    let toml = "name = \"x\"\nload = { mode = \"closed\" }\nstage = [{ users = 8, for = \"1h\" }]";
    let mut scenario = Scenario::from_toml(toml).unwrap();
    scenario.honesty = HonestySpec::UNLIMITED;
    let send = |requests| {
        let mut options = Options { workers: Some(1), ..Options::default() };
        options.interval = Span::millis(200);
        options.caps.requests = requests;
        let outcome = run(&scenario, &target, &options, &Stop::new(), &mut ()).unwrap();
        assert_eq!(outcome.whole.requests(), requests);
    };
    send(16_000);
    let before = resident();
    send(160_000);
    let growth = resident() - before;
    assert!(growth < 8.0 * 1024.0 * 1024.0, "{growth} bytes more");
}
