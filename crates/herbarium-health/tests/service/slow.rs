//! Clients that take their time: none keeps its connection.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::{sleep, spawn};
use std::time::Duration;

use herbarium_health::{Health, Limits, PaceLimits};

use crate::client::{PATIENCE, connect, get, read_reply, time_to_close};

const HEAD: Duration = Duration::from_millis(600);
const IDLE: Duration = Duration::from_millis(1500);

fn limits() -> Limits {
    let pace = PaceLimits::default().with_head(HEAD).with_idle(IDLE).with_write(HEAD);
    Limits::default().with_pace(pace)
}

/// What a client does before it falls silent, and the limit it then runs into.
fn check(what: &str, limit: Duration, client: impl FnOnce(&mut TcpStream)) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let builder = Health::builder().listen(([127, 0, 0, 1], 0).into()).limits(limits());
    let health = builder.metrics(|| "x".repeat(64 << 20)).start().expect("a free port");
    let mut stream = connect(health.local_addr());
    client(&mut stream);
    let closed = time_to_close(&mut stream, PATIENCE);
    let closed = closed.unwrap_or_else(|| panic!("{what}: open after {PATIENCE:?}"));
    // Late, on a machine that is busy, but never early.
    assert!(closed + Duration::from_millis(100) >= limit, "{what}: closed after {closed:?}");
    assert_eq!(get(health.local_addr(), "/healthz").status, 200, "{what}");
}

#[test]
fn a_client_that_sends_nothing_is_closed_on() {
    check("nothing", HEAD, |_| {});
}

#[test]
fn a_client_that_sends_one_byte_is_closed_on() {
    check("one byte", HEAD, |stream| stream.write_all(b"G").expect("written"));
}

#[test]
fn a_client_that_sends_half_a_head_is_closed_on() {
    let half = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ";
    check("half a head", HEAD, |stream| stream.write_all(half).expect("written"));
}

#[test]
fn a_client_that_is_idle_after_an_answer_is_closed_on_later() {
    check("idle", IDLE, |stream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("written");
        assert_eq!(read_reply(stream).status, 200);
    });
}

#[test]
fn a_client_that_sends_half_a_second_head_is_closed_on_as_with_the_first() {
    check("half a second head", HEAD, |stream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("written");
        assert_eq!(read_reply(stream).status, 200);
        sleep(Duration::from_millis(100));
        stream.write_all(b"GET /he").expect("written");
    });
}

#[test]
fn an_http_2_preface_is_closed_on_at_once() {
    check("preface", Duration::ZERO, |stream| {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(preface).expect("written");
    });
}

#[test]
fn a_client_that_trickles_a_head_is_closed_on() {
    check("trickle", Duration::ZERO, |stream| {
        let mut stream = stream.try_clone().expect("a clone");
        spawn(move || {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\n");
            while stream.write_all(b"x-a: b\r\n").is_ok() {
                sleep(Duration::from_millis(50));
            }
        });
    });
}

#[test]
fn a_client_that_trickles_a_body_is_answered_and_closed_on() {
    check("slow body", Duration::ZERO, |stream| {
        let head = b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
        stream.write_all(head).expect("written");
        assert_eq!(read_reply(stream).status, 405);
    });
}

#[test]
fn a_client_that_does_not_read_is_closed_on() {
    check("slow read", Duration::ZERO, |stream| {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").expect("written");
        // Longer than the limit: what is read after that is what was buffered.
        sleep(HEAD * 4);
    });
}
