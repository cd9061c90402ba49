//! Too much at a time, or too often.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use herbarium_http::{ForwardedHeader, Front, Limits, Principal, Rate, TrustedProxies};

use crate::client::{PATIENCE, Server, ask, read_reply, router, time_to_close, until};

const GET: &str = "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[test]
fn more_requests_than_may_run_are_shed() {
    let server = Server::with(Limits { requests: 2, ..Limits::default() });
    let mut busy: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut busy {
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    }
    // Before others ask: they would take the place.
    until("busy", || server.shutdown.requests_in_flight() == 2);
    until("full", || server.get("/hello", "").status == 503);
    let reply = server.get("/hello", "");
    reply.is_problem(503, "overloaded");
    assert_eq!(reply.header("retry-after"), Some("1"));
    drop(busy);
    until("free again", || server.get("/hello", "").status == 200);
}

#[test]
fn idle_connections_hold_no_place_of_a_request() {
    let server = Server::with(Limits { requests: 1, ..Limits::default() });
    let mut idle: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for stream in &mut idle {
        until("answered", || ask(stream, GET).status == 200);
    }
}

#[test]
fn an_answer_is_a_request_until_its_last_byte() {
    let server = Server::with(Limits { requests: 1, write_time: PATIENCE, ..Limits::default() });
    let mut reader = server.connect();
    reader.write_all(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    let mut begun = [0; 12];
    reader.read_exact(&mut begun).expect("the first of an answer");
    server.get("/hello", "").is_problem(503, "overloaded");
    assert_eq!(read_reply(&mut begun.chain(reader)).body.len(), 32 << 20);
    until("free again", || server.get("/hello", "").status == 200);
}

#[test]
fn large_answers_that_nobody_reads_leave_no_room_for_more() {
    let bytes_in_flight = 33 << 20;
    let server =
        Server::with(Limits { bytes_in_flight, write_time: PATIENCE, ..Limits::default() });
    let mut reader = server.connect();
    reader.write_all(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    let mut begun = [0; 12];
    reader.read_exact(&mut begun).expect("the first of an answer");
    server.get("/large", "").is_problem(503, "overloaded");
    server.is_well();
    assert_eq!(read_reply(&mut begun.chain(reader)).body.len(), 32 << 20);
    until("free again", || server.get("/large", "").status == 200);
}

#[test]
fn a_request_that_takes_too_long_is_answered() {
    let request_time = Duration::from_millis(300);
    let server = Server::with(Limits { request_time, ..Limits::default() });
    server.get("/slow", "").is_problem(504, "timeout");
    server.is_well();
}

#[test]
fn limits_change_while_it_runs() {
    let server = Server::with(Limits { body_bytes: 10, ..Limits::default() });
    let mut stream = server.connect();
    let request =
        "POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 11\r\n\r\n12345678901";
    ask(&mut stream, GET);
    server.front.reload(Limits { body_bytes: 11, ..Limits::default() });
    assert_eq!(ask(&mut stream, request).text(), "11");
}

#[test]
fn with_all_places_taken_the_one_that_waited_longest_goes() {
    let server = Server::with(Limits { connections: 3, ..Limits::default() });
    let mut streams: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut streams {
        assert_eq!(ask(stream, GET).status, 200);
    }
    let mut fourth = server.connect();
    assert_eq!(ask(&mut fourth, GET).status, 200);
    time_to_close(&mut streams[0]);
    for stream in &mut streams[1..] {
        assert_eq!(ask(stream, GET).status, 200);
    }
}

#[test]
fn busy_connections_are_not_closed_for_others() {
    let server = Server::with(Limits { connections: 1, ..Limits::default() });
    let mut busy = server.connect();
    busy.write_all(b"GET /nap HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    std::thread::sleep(Duration::from_millis(100));
    // Waits for the place.
    assert_eq!(server.get("/hello", "").status, 200);
    assert_eq!(read_reply(&mut busy).status, 200);
}

#[test]
fn one_address_has_so_many_connections() {
    let limits = Limits { connections_per_address: 2, limit_loopback: true, ..Limits::default() };
    let server = Server::with(limits);
    let mut busy: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut busy {
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    }
    until("busy", || server.shutdown.requests_in_flight() == 2);
    until("refused", || {
        let mut third = server.connect();
        let _ = third.write_all(GET.as_bytes());
        crate::client::try_read_reply(&mut third).is_err()
    });
    drop(busy);
    until("free again", || {
        let mut third = server.connect();
        let _ = third.write_all(GET.as_bytes());
        crate::client::try_read_reply(&mut third).is_ok_and(|reply| reply.status == 200)
    });
}

#[test]
fn loopback_is_exempt_unless_it_is_not() {
    let rate = Some(Rate { requests: 1, window: PATIENCE * 100 });
    let server = Server::with(Limits { rate_per_address: rate, ..Limits::default() });
    (0..5).for_each(|_| server.is_well());
    server.front.reload(Limits {
        rate_per_address: rate,
        limit_loopback: true,
        ..Limits::default()
    });
    server.is_well();
    let reply = server.get("/hello", "");
    reply.is_problem(429, "rate-limited");
    let wait: u64 = reply.header("retry-after").and_then(|it| it.parse().ok()).expect("seconds");
    assert!((1..=3000).contains(&wait), "{wait}");
}

fn behind_a_proxy(front: Front, header: ForwardedHeader) -> Front {
    let rate = Some(Rate { requests: 2, window: PATIENCE * 100 });
    let networks = vec!["127.0.0.0/8".parse().expect("a network")];
    front
        .limits(Limits { rate_per_address: rate, ..Limits::default() })
        .trusted_proxies(TrustedProxies { networks, unix: false, header })
}

#[test]
fn clients_behind_a_trusted_proxy_have_a_rate_each() {
    let header = ForwardedHeader::XForwardedFor;
    let server = Server::new(|front| behind_a_proxy(front, header), router());
    // What stands before the last is the client's own invention.
    for invented in ["1.1.1.1", "2.2.2.2"] {
        let reply = server.get("/hello", &format!("x-forwarded-for: {invented}, 9.9.9.9\r\n"));
        assert_eq!(reply.status, 200);
    }
    let third = server.get("/hello", "x-forwarded-for: 3.3.3.3, 9.9.9.9, 127.0.0.2\r\n");
    third.is_problem(429, "rate-limited");
    assert_eq!(server.get("/hello", "x-forwarded-for: 8.8.8.8\r\n").status, 200);
    // The other header is the client's, too.
    server
        .get("/hello", "x-forwarded-for: 9.9.9.9\r\nforwarded: for=7.7.7.7\r\n")
        .is_problem(429, "rate-limited");
}

#[test]
fn a_customer_of_ipv6_is_one_client() {
    let header = ForwardedHeader::Forwarded;
    let server = Server::new(|front| behind_a_proxy(front, header), router());
    let from = |address: &str| server.get("/hello", &format!("forwarded: for=\"[{address}]\"\r\n"));
    assert_eq!(from("2001:db8::1").status, 200);
    assert_eq!(from("2001:db8::2").status, 200);
    from("2001:db8::ffff").is_problem(429, "rate-limited");
    assert_eq!(from("2001:db8:0:1::1").status, 200);
}

#[test]
fn a_key_has_a_quota_and_every_answer_tells_what_is_left() {
    let quota = Some(Rate { requests: 3, window: Duration::from_secs(600) });
    let server = Server::with(Limits { quota, ..Limits::default() });
    assert_eq!(Principal::anonymous().name(), "anonymous");
    for left in [2, 1, 0] {
        let reply = server.get("/hello", "");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"quota\";q=3;w=600"));
        let limit = reply.header("ratelimit").expect("the header");
        assert!(limit.starts_with(&format!("\"quota\";r={left};t=")), "{limit}");
    }
    let reply = server.get("/hello", "");
    reply.is_problem(429, "quota-exceeded");
    assert!(reply.header("retry-after").is_some() && reply.header("ratelimit").is_some());
}
