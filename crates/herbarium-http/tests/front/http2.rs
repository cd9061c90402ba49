//! HTTP/2, with hyper's client and with frames by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::Bytes;
use herbarium_http::Limits;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::client::{Server, time_to_close, until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn get(server: &Server, path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{}{path}", server.addr)).body(Empty::new()).expect("a request")
}

async fn client(server: &Server) -> SendRequest<Empty<Bytes>> {
    let stream = tokio::net::TcpStream::connect(server.addr).await.expect("a connection");
    let shaken = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = shaken.expect("a handshake");
    tokio::spawn(connection);
    sender
}

#[test]
fn what_was_asked_is_answered_in_the_end() {
    let server = Server::with(Limits::default());
    let mut sender = server.runtime.block_on(client(&server));
    let answers: Vec<_> = (0..5).map(|_| sender.send_request(get(&server, "/nap"))).collect();
    let answers: Vec<_> = answers.into_iter().map(|it| server.runtime.spawn(it)).collect();
    until("asked", || server.shutdown.requests_in_flight() == 5);
    server.shutdown.begin("the test ends");
    let drained = server.runtime.block_on(server.shutdown.run());
    assert!(drained.in_time && drained.cut == 0 && drained.connections_cut == 0, "{drained:?}");
    for answer in answers {
        let answer = server.runtime.block_on(answer).expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

#[test]
fn one_connection_has_so_many_requests_at_a_time() {
    let server = Server::with(Limits { streams: 3, ..Limits::default() });
    let mut sender = server.runtime.block_on(client(&server));
    // With its answer the client has read how many there may be.
    let first = server.runtime.block_on(sender.send_request(get(&server, "/hello")));
    assert_eq!(first.expect("an answer").status(), 200);
    let answers: Vec<_> = (0..9).map(|_| sender.send_request(get(&server, "/nap"))).collect();
    let answers: Vec<_> = answers.into_iter().map(|it| server.runtime.spawn(it)).collect();
    let mut most = 0;
    until("answered", || {
        most = most.max(server.shutdown.requests_in_flight());
        answers.iter().all(|it| it.is_finished())
    });
    assert!(most <= 3, "{most}");
    for answer in answers {
        let answer = server.runtime.block_on(answer).expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

/// Headers of a GET of `/slow`, and a reset, on one stream.
fn asked_and_given_up(stream: u32) -> Vec<u8> {
    let host = b"localhost";
    let mut block = vec![0x82, 0x86, 0x04, 5];
    block.extend(b"/slow");
    block.extend([0x01, host.len() as u8]);
    block.extend(host);
    let mut frames = vec![0, 0, block.len() as u8, 1, 5];
    frames.extend(stream.to_be_bytes());
    frames.extend(block);
    frames.extend([0, 0, 4, 3, 0]);
    frames.extend(stream.to_be_bytes());
    frames.extend([0, 0, 0, 8]);
    frames
}

#[test]
fn requests_given_up_in_a_hurry_end_the_connection() {
    let server = Server::with(Limits::default());
    let mut stream: TcpStream = server.connect();
    let all: Vec<u8> = (0..5000).flat_map(|it| asked_and_given_up(it * 2 + 1)).collect();
    stream.write_all(PREFACE).expect("written");
    stream.read_exact(&mut [0; 9]).expect("SETTINGS");
    let _ = stream.write_all(&all);
    time_to_close(&mut stream);
    until("forgotten", || server.shutdown.requests_in_flight() == 0);
    server.is_well();
}

#[test]
fn a_listener_of_ipv6_is_one_like_others() {
    let server = Server::with(Limits::default());
    let inside = server.runtime.enter();
    let Ok(listener) = herbarium_http::Listener::tcp("[::1]:0".parse().expect("one")) else {
        return; // This machine has no IPv6.
    };
    let addr = listener.local_addr().expect("an address");
    let serving = server.front.serve(listener, crate::client::router());
    tokio::spawn(serving.expect("loopback"));
    drop(inside);
    let host = format!("GET /hello HTTP/1.1\r\nhost: [::1]:{}\r\n\r\n", addr.port());
    let mut stream = crate::client::connect(addr);
    assert_eq!(crate::client::ask(&mut stream, &host).text(), "hello\n");
}
