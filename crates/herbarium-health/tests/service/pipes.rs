//! Output that nobody reads.

use std::time::Instant;

use crate::child::{Service, Times};
use crate::client::{PATIENCE, get};

const TIMES: Times = Times { pre_drain: 0, deadline: 2_000, grace: 500 };

/// The pipe of standard output takes 64 KiB, the buffer 256 KiB; each of these
/// requests logs four times as much as both.
#[test]
fn a_blocked_stdout_holds_up_no_request_and_its_lines_are_counted() {
    let mut service = Service::start_as("logs", TIMES);
    for _ in 0..8 {
        let began = Instant::now();
        assert_eq!(get(service.addr, "/log").status, 200);
        assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
        assert_eq!(get(service.health, "/healthz").status, 200);
    }
    let metrics = get(service.health, "/metrics").body;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("log_lines_dropped_total "));
    let dropped: u64 = dropped.and_then(|it| it.parse().ok()).expect("a count of lines");
    assert!(dropped > 2_000, "{dropped}");
    service.signal("TERM");
    assert_eq!(service.end().0, Some(0));
}

/// Nobody reads standard error, either: the last line is tried, and given up.
#[test]
fn a_blocked_stderr_does_not_keep_a_service_from_ending() {
    let mut service = Service::start_as("plain", TIMES);
    service.signal("TERM");
    let began = Instant::now();
    while service.child.try_wait().expect("a status").is_none() {
        assert!(began.elapsed() < PATIENCE, "still there");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(service.end().0, Some(0));
}
