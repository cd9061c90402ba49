//! Bodies: too large, packed, and worse.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use herbarium_http::Limits;

use crate::client::{Server, read_reply};

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("packed");
    encoder.finish().expect("packed")
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("packed");
    encoder.finish().expect("packed")
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 19).expect("packed")
}

type Packer = fn(&[u8]) -> Vec<u8>;

const PACKERS: [(&str, Packer); 3] = [("gzip", gzip), ("deflate", deflate), ("zstd", zstd)];

#[test]
fn a_body_is_bounded() {
    let server = Server::with(Limits { body_bytes: 1000, ..Limits::default() });
    assert_eq!(server.post("/count", "", &[b'x'; 1000]).text(), "1000");
    server.post("/count", "", &[b'x'; 1001]).is_problem(413, "body-too-large");
    // Far more than fits between the two: the answer arrives all the same.
    server.post("/count", "", &vec![b'x'; 8 << 20]).is_problem(413, "body-too-large");
}

#[test]
fn a_body_of_unknown_length_is_bounded() {
    let server = Server::with(Limits { body_bytes: 1000, ..Limits::default() });
    let mut stream = server.connect();
    let head = "POST /count HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("written");
    let chunk = format!("100\r\n{}\r\n", "x".repeat(256));
    let _ = stream.write_all(chunk.repeat(64).as_bytes());
    read_reply(&mut stream).is_problem(413, "body-too-large");
}

#[test]
fn a_body_that_is_expected_is_refused_before_it_is_sent() {
    let server = Server::with(Limits { body_bytes: 1000, ..Limits::default() });
    let head = "POST /count HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n";
    let reply = server.ask(&format!("{head}content-length: 1001\r\n\r\n"));
    reply.is_problem(413, "body-too-large");
    let reply = server.ask(&format!("{head}content-length: 10\r\n\r\n"));
    assert_eq!(reply.status, 100);
}

#[test]
fn a_handler_that_reads_no_body_answers() {
    let server = Server::with(Limits::default());
    assert_eq!(server.post("/ignore", "", &vec![b'x'; 4 << 20]).text(), "ignored");
}

#[test]
fn packed_bodies_are_unpacked() {
    let server = Server::with(Limits::default());
    let text = "fn main() { println!(\"hello\"); }\n".repeat(5000);
    for (coding, pack) in PACKERS {
        for data in [text.as_bytes(), b"x", b""] {
            let headers = format!("content-encoding: {coding}\r\n");
            let reply = server.post("/count", &headers, &pack(data));
            assert_eq!(reply.text(), data.len().to_string(), "{coding}");
        }
        let twice = [pack(b"one"), pack(b"more")].concat();
        let reply = server.post("/count", &format!("content-encoding: {coding}\r\n"), &twice);
        if coding != "deflate" {
            assert_eq!(reply.text(), "7", "{coding}");
        }
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let limits = Limits { body_bytes: 1 << 30, bytes_in_flight: 1 << 30, ..Limits::default() };
    let server = Server::with(limits);
    let nothing = vec![0; 64 << 20];
    for (coding, pack) in PACKERS {
        let headers = format!("content-encoding: {coding}\r\n");
        let problem = server.post("/count", &headers, &pack(&nothing));
        problem.is_problem(413, "body-too-large");
    }
    server.is_well();
}

#[test]
fn what_is_unpacked_is_bounded() {
    let server = Server::with(Limits { body_bytes: 1000, ..Limits::default() });
    for (coding, pack) in PACKERS {
        let headers = format!("content-encoding: {coding}\r\n");
        let reply = server.post("/count", &headers, &pack(&[b'x'; 1001]));
        reply.is_problem(413, "body-too-large");
        assert_eq!(server.post("/count", &headers, &pack(&[b'x'; 1000])).text(), "1000");
    }
}

#[test]
fn what_is_packed_badly_is_refused() {
    let server = Server::with(Limits::default());
    for (coding, pack) in PACKERS {
        let headers = format!("content-encoding: {coding}\r\n");
        let whole = pack(b"some text that is long enough to be cut");
        let half = &whole[..whole.len() / 2];
        server.post("/count", &headers, half).is_problem(400, "malformed-body");
        server.post("/count", &headers, b"not packed at all").is_problem(400, "malformed-body");
        let trailed = [whole, b"and more".to_vec()].concat();
        if coding != "deflate" {
            server.post("/count", &headers, &trailed).is_problem(400, "malformed-body");
        }
    }
}

#[test]
fn other_codings_are_refused() {
    let server = Server::with(Limits::default());
    for coding in ["br", "compress", "gzip, gzip", "aes128gcm"] {
        let reply = server.post("/count", &format!("content-encoding: {coding}\r\n"), b"x");
        reply.is_problem(415, "unsupported-encoding");
        assert_eq!(reply.header("accept-encoding"), Some("gzip, zstd, deflate"));
    }
    assert_eq!(server.post("/count", "content-encoding: identity\r\n", b"x").text(), "1");
}

#[test]
fn bytes_of_all_bodies_are_bounded() {
    let server = Server::with(Limits { bytes_in_flight: 1500, ..Limits::default() });
    let mut first = server.connect();
    let head = "POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n";
    first.write_all(head.as_bytes()).expect("written");
    crate::client::until("begun", || server.shutdown.requests_in_flight() == 1);
    let mut second = None;
    crate::client::until("held", || {
        let reply = server.post("/count", "", &[b'x'; 1000]);
        let is_shed = reply.status == 503;
        second = Some(reply);
        is_shed
    });
    let second = second.expect("an answer");
    second.is_problem(503, "overloaded");
    assert_eq!(second.header("retry-after"), Some("1"));
    first.write_all(&[b'x'; 1000]).expect("written");
    assert_eq!(read_reply(&mut first).text(), "1000");
    assert_eq!(server.post("/count", "", &[b'x'; 1000]).text(), "1000");
}
