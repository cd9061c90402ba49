//! Clients that take their time: none keeps its connection.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use herbarium_http::Limits;

use crate::client::{Server, ask, read_reply, time_to_close};

const SHORT: Duration = Duration::from_millis(500);
const IDLE: Duration = Duration::from_millis(1200);

fn limits() -> Limits {
    Limits {
        head_time: SHORT,
        idle_time: IDLE,
        write_time: SHORT,
        body_pause: SHORT,
        tls_handshake: SHORT,
        ..Limits::default()
    }
}

const GET: &str = "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a client does before it falls silent, and the limit it then runs into.
fn check(limit: Duration, client: impl FnOnce(&mut TcpStream)) {
    let server = Server::with(limits());
    let mut stream = server.connect();
    client(&mut stream);
    let closed = time_to_close(&mut stream);
    // Late, on a machine that is busy, but never early.
    assert!(closed + Duration::from_millis(100) >= limit, "closed after {closed:?}");
    server.is_well();
}

#[test]
fn a_client_that_sends_nothing_is_closed_on() {
    check(SHORT, |_| {});
}

#[test]
fn a_client_that_sends_one_byte_is_closed_on() {
    check(SHORT, |stream| stream.write_all(b"G").expect("written"));
}

#[test]
fn a_client_that_sends_half_a_head_is_closed_on() {
    let half = b"GET /hello HTTP/1.1\r\nhost: localhost\r\nx-a: ";
    check(SHORT, |stream| stream.write_all(half).expect("written"));
}

#[test]
fn a_client_that_is_idle_after_an_answer_is_closed_on_later() {
    check(IDLE, |stream| assert_eq!(ask(stream, GET).status, 200));
}

#[test]
fn a_client_that_begins_http_2_and_falls_silent_is_closed_on() {
    check(SHORT, |stream| stream.write_all(PREFACE).expect("written"));
}

#[test]
fn a_client_that_sends_half_a_preface_is_closed_on() {
    check(SHORT, |stream| stream.write_all(&PREFACE[..12]).expect("written"));
}

#[test]
fn a_client_that_pings_and_asks_for_nothing_is_closed_on() {
    check(Duration::ZERO, |stream| {
        let mut stream = stream.try_clone().expect("a clone");
        spawn(move || {
            let _ = stream.write_all(PREFACE);
            while stream.write_all(b"\0\0\x08\x06\0\0\0\0\0abcdefgh").is_ok() {
                sleep(Duration::from_millis(50));
            }
        });
    });
}

#[test]
fn a_client_that_trickles_a_head_is_closed_on() {
    check(Duration::ZERO, |stream| {
        let mut stream = stream.try_clone().expect("a clone");
        spawn(move || {
            let _ = stream.write_all(b"GET /hello HTTP/1.1\r\nhost: localhost\r\n");
            while stream.write_all(b"x-a: b\r\n").is_ok() {
                sleep(Duration::from_millis(50));
            }
        });
    });
}

#[test]
fn a_client_that_does_not_read_is_closed_on() {
    check(Duration::ZERO, |stream| {
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
        // Longer than the limit: what is read after that is what was buffered.
        sleep(SHORT * 4);
    });
}

#[test]
fn a_body_that_stops_coming_is_answered() {
    let server = Server::with(limits());
    let mut stream = server.connect();
    let head = b"POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf of it";
    stream.write_all(head).expect("written");
    read_reply(&mut stream).is_problem(408, "body-too-slow");
    time_to_close(&mut stream);
    server.is_well();
}

#[test]
fn a_body_that_trickles_is_answered() {
    let server = Server::with(Limits { body_rate: 1 << 20, ..limits() });
    let mut stream = server.connect();
    let head = b"POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
    stream.write_all(head).expect("written");
    let mut writing = stream.try_clone().expect("a clone");
    spawn(move || {
        while writing.write_all(b"x").is_ok() {
            sleep(Duration::from_millis(20));
        }
    });
    read_reply(&mut stream).is_problem(408, "body-too-slow");
    server.is_well();
}

#[test]
fn an_old_connection_is_closed_after_its_request() {
    let server = Server::with(Limits { max_age: SHORT, ..Limits::default() });
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, GET).status, 200);
    time_to_close(&mut stream);
    // One that is busy when it is old gets its answer.
    let mut busy = server.connect();
    let began = Instant::now();
    while began.elapsed() < SHORT / 2 {
        assert_eq!(ask(&mut busy, GET).status, 200);
    }
    let reply = ask(&mut busy, "GET /nap HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(reply.status, 200);
    time_to_close(&mut busy);
}

#[test]
fn a_client_of_http_2_that_takes_in_no_more_is_closed_on() {
    use http_body_util::{BodyExt as _, Empty};
    let server = Server::with(limits());
    let addr = server.addr;
    server.runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(addr).await.expect("a connection");
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let shaken = hyper::client::conn::http2::handshake(executor, io).await;
        let (mut sender, connection) = shaken.expect("a handshake");
        let connection = tokio::spawn(connection);
        let request = http::Request::get(format!("http://{addr}/large"));
        let request = request.body(Empty::<bytes::Bytes>::new()).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        // The connection is read from, and pings are answered; the body is not asked for.
        tokio::time::timeout(crate::client::PATIENCE, connection).await.expect("closed").ok();
        assert!(answer.into_body().collect().await.is_err());
    });
    server.is_well();
}
