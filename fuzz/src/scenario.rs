//! Bytes as a scenario file of the load generator.

use std::time::Duration;

use herbarium_loadgen::Scenario;

/// So many arrivals of a schedule are looked at.
const MOST_ARRIVALS: usize = 2000;

/// An error, or a scenario of which everything can be asked that is asked before a run:
/// in its own size and in others, and with arrivals in order.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(scenario) = Scenario::from_toml(text) else { return };
    look_at(&scenario);
    for name in scenario.sizes.keys() {
        look_at(&scenario.in_size(name).expect("one of its own sizes"));
    }
    look_at(&scenario.sized(0.5, Some(Duration::from_secs(7).into())));
}

fn look_at(scenario: &Scenario) {
    let _ = (scenario.length(), scenario.connections(), scenario.most_connections());
    assert_eq!(scenario.fingerprint().len(), 16);
    let _ = scenario.contradictions();
    // A trace is another file, of whatever name stands there.
    if scenario.stages.iter().any(|stage| stage.replay.is_some()) {
        return;
    }
    let _ = scenario.unmeasurable();
    let Ok(schedule) = scenario.schedule() else { return };
    let _ = (schedule.length(), schedule.expected(), schedule.rate_at(Duration::from_secs(1)));
    let mut before = Duration::ZERO;
    for (number, arrival) in (0..).zip(schedule.arrivals().take(MOST_ARRIVALS)) {
        assert!(arrival.at >= before, "{:?} after {before:?}", arrival.at);
        assert_eq!(arrival.index, number);
        before = arrival.at;
    }
}
