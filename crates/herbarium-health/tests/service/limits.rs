//! More connections than there is room for, and requests that are none.

use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

use herbarium_health::{Health, Limits};
use proptest::prelude::*;

use crate::client::{PATIENCE, connect, get, read_reply, send, time_to_close};

fn health(connections: usize) -> Health {
    let limits = Limits::default().with_connections(connections);
    let builder = Health::builder().listen(([127, 0, 0, 1], 0).into()).without_metrics();
    builder.limits(limits).start().expect("a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_makes_room_by_closing_on_who_waits_longest() {
    let health = health(3);
    let mut silent: Vec<_> = (0..3)
        .map(|_| {
            sleep(Duration::from_millis(50));
            connect(health.local_addr())
        })
        .collect();
    sleep(Duration::from_millis(100));
    assert_eq!(get(health.local_addr(), "/healthz").status, 200);
    assert!(time_to_close(&mut silent[0], PATIENCE).is_some());
    assert!(time_to_close(&mut silent[2], Duration::from_millis(200)).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_silent_clients_do_not_keep_a_probe_out() {
    let health = health(8);
    let _silent: Vec<_> = (0..100).map(|_| connect(health.local_addr())).collect();
    for _ in 0..10 {
        assert_eq!(get(health.local_addr(), "/healthz").status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_given_back() {
    let health = health(2);
    for _ in 0..50 {
        let mut stream = connect(health.local_addr());
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("written");
        assert_eq!(read_reply(&mut stream).status, 200);
    }
}

fn check(request: &[u8], statuses: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let health = health(8);
    let reply = send(health.local_addr(), request);
    let status = reply.split(' ').nth(1).unwrap_or("");
    let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
    assert!(statuses.contains(&status), "{shown:?}: {reply:?}");
    assert_eq!(get(health.local_addr(), "/healthz").status, 200);
}

#[test]
fn malformed_requests_are_bad_requests() {
    for request in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n: no name\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
        "GET /\0 HTTP/1.1\r\n\r\n",
    ] {
        check(request.as_bytes(), &["400"]);
    }
}

#[test]
fn huge_requests_are_refused() {
    let headers = |count: usize| "x-a: b\r\n".repeat(count);
    check(format!("GET /healthz HTTP/1.1\r\n{}\r\n", headers(65)).as_bytes(), &["431"]);
    let long = "x".repeat(100_000);
    check(format!("GET /healthz HTTP/1.1\r\nx: {long}\r\n\r\n").as_bytes(), &["431", ""]);
    check(format!("GET /{long} HTTP/1.1\r\n\r\n").as_bytes(), &["414", "431", ""]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_stop_the_server(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let _inside = runtime.enter();
        let health = health(8);
        let mut stream = connect(health.local_addr());
        let _ = stream.write_all(&bytes);
        drop(stream);
        prop_assert_eq!(get(health.local_addr(), "/healthz").status, 200);
    }
}
