//! Clients that are silent for a while, and go on: they notice nothing.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use herbarium_http::Limits;

use crate::client::{Server, ask, read_reply, time_to_close};

/// Longer than hyper is kept for a silent client.
const SILENCE: Duration = Duration::from_millis(600);

const GET: &str = "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";
const POST: &str = "POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000\r\n\r\n";

/// Asks once, and falls silent.
fn silent(server: &Server) -> TcpStream {
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, GET).status, 200);
    sleep(SILENCE);
    stream
}

#[test]
fn a_client_can_be_silent_again_and_again() {
    let server = Server::with(Limits::default());
    let mut stream = server.connect();
    for _ in 0..4 {
        sleep(SILENCE);
        assert_eq!(ask(&mut stream, GET).text(), "hello\n");
        assert_eq!(ask(&mut stream, GET).text(), "hello\n");
    }
}

#[test]
fn a_head_after_silence_may_come_in_bits() {
    let server = Server::with(Limits::default());
    for mut stream in [server.connect(), silent(&server)] {
        for byte in GET.as_bytes() {
            stream.write_all(&[*byte]).expect("written");
            sleep(Duration::from_millis(15));
        }
        assert_eq!(read_reply(&mut stream).text(), "hello\n");
    }
}

#[test]
fn a_body_after_silence_is_read() {
    let server = Server::with(Limits::default());
    let mut stream = silent(&server);
    stream.write_all((POST.to_owned() + &"x".repeat(5000)).as_bytes()).expect("written");
    assert_eq!(read_reply(&mut stream).text(), "5000");
    sleep(SILENCE);
    stream.write_all(POST.as_bytes()).expect("written");
    sleep(SILENCE);
    stream.write_all("x".repeat(5000).as_bytes()).expect("written");
    assert_eq!(read_reply(&mut stream).text(), "5000");
}

#[test]
fn half_a_head_that_came_with_a_request_is_kept() {
    let server = Server::with(Limits::default());
    let mut stream = server.connect();
    let (half, rest) = GET.split_at(20);
    stream.write_all((GET.to_owned() + half).as_bytes()).expect("written");
    assert_eq!(read_reply(&mut stream).status, 200);
    sleep(SILENCE);
    stream.write_all(rest.as_bytes()).expect("written");
    assert_eq!(read_reply(&mut stream).text(), "hello\n");
}

#[test]
fn many_requests_after_silence_are_answered_in_order() {
    let server = Server::with(Limits::default());
    let mut stream = silent(&server);
    let both = format!("{GET}{POST}{}", "x".repeat(5000));
    stream.write_all(both.repeat(20).as_bytes()).expect("written");
    for _ in 0..20 {
        assert_eq!(read_reply(&mut stream).text(), "hello\n");
        assert_eq!(read_reply(&mut stream).text(), "5000");
    }
}

#[test]
fn an_answer_that_takes_long_is_no_silence() {
    let server = Server::with(Limits { write_time: SILENCE * 10, ..Limits::default() });
    let mut stream = server.connect();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    sleep(SILENCE);
    assert_eq!(read_reply(&mut stream).body.len(), 32 << 20);
    assert_eq!(ask(&mut stream, "GET /nap HTTP/1.1\r\nhost: localhost\r\n\r\n").status, 200);
    assert_eq!(ask(&mut stream, GET).status, 200);
}

#[test]
fn http_2_after_silence_is_spoken_to_as_such() {
    let server = Server::with(Limits::default());
    let mut stream = server.connect();
    sleep(SILENCE);
    stream.write_all(b"PRI * HTTP/2.0\r\n").expect("written");
    sleep(Duration::from_millis(50));
    stream.write_all(b"\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("written");
    let mut frame = [0; 9];
    std::io::Read::read_exact(&mut stream, &mut frame).expect("a frame");
    assert_eq!(frame[3], 4, "SETTINGS");
    // Nor is it taken for that where it cannot begin.
    let mut stream = silent(&server);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("written");
    time_to_close(&mut stream);
}

#[test]
fn silent_clients_make_room_and_go_with_the_service() {
    let server = Server::with(Limits { connections: 3, ..Limits::default() });
    let mut streams: Vec<_> = (0..3).map(|_| silent(&server)).collect();
    let mut fourth = server.connect();
    assert_eq!(ask(&mut fourth, GET).status, 200);
    time_to_close(&mut streams[0]);
    sleep(SILENCE);
    server.shutdown.begin("the test ends");
    let drained = server.runtime.block_on(server.shutdown.run());
    assert!(drained.in_time && drained.took < SILENCE * 4, "{drained:?}");
    assert_eq!(drained.connections_cut, 0);
    for stream in &mut streams[1..] {
        time_to_close(stream);
    }
}

#[test]
fn silent_clients_grow_old() {
    let server = Server::with(Limits { max_age: SILENCE * 2, ..Limits::default() });
    let mut stream = silent(&server);
    assert!(time_to_close(&mut stream) < SILENCE * 10);
}
