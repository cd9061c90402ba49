//! Requests that are not as they should be.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use herbarium_http::Limits;

use crate::client::{PATIENCE, Server, ask, read_reply, say_and_hear};

/// What is said, and what the answer begins with and contains.
fn check(said: &str, begins: &str, contains: &str) {
    let server = Server::with(Limits::default());
    let heard = say_and_hear(&server, said.as_bytes());
    assert!(heard.starts_with(begins), "{said:?}: {heard:?}");
    assert!(heard.contains(contains), "{said:?}: {heard:?}");
    server.is_well();
}

#[test]
fn what_is_no_http_is_a_problem() {
    let problem = "application/problem+json";
    check("hello?\r\n\r\n", "HTTP/1.1 400", problem);
    check("GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 400", problem);
    check("GET /hello HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n", "HTTP/1.1 400", problem);
    check("GET /hello HTTP/1.1\r\nhost : localhost\r\n\r\n", "HTTP/1.1 400", problem);
}

#[test]
fn a_request_has_one_host() {
    check("GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "malformed-request");
    let two = "GET /hello HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n";
    check(two, "HTTP/1.1 400", "malformed-request");
    check("GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.0 200", "hello");
}

#[test]
fn lengths_that_differ_are_refused() {
    let head = "POST /count HTTP/1.1\r\nhost: localhost\r\n";
    let two = format!("{head}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd");
    check(&two, "HTTP/1.1 400", "malformed-request");
    for wrong in ["-1", "+3", "3,4", "0x3", "99999999999999999999", "3 3", ""] {
        check(&format!("{head}content-length: {wrong}\r\n\r\nabc"), "HTTP/1.1 4", "problem+json");
    }
}

#[test]
fn what_hides_behind_two_lengths_is_no_request() {
    let head = "POST /count HTTP/1.1\r\nhost: localhost\r\n";
    let hidden = "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for lengths in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let server = Server::with(Limits::default());
        let said = format!("{head}{lengths}\r\n0\r\n\r\n{hidden}");
        let heard = say_and_hear(&server, said.as_bytes());
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{heard}");
        assert!(heard.to_ascii_lowercase().contains("connection: close"), "{heard}");
    }
}

#[test]
fn other_codings_than_chunked_are_refused() {
    let head = "POST /count HTTP/1.1\r\nhost: localhost\r\n";
    for coding in ["gzip", "chunked, gzip", "xchunked", "identity"] {
        check(
            &format!("{head}transfer-encoding: {coding}\r\n\r\n0\r\n\r\n"),
            "HTTP/1.1 4",
            "problem+json",
        );
    }
    let broken = format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n");
    check(&broken, "HTTP/1.1 400", "malformed-body");
}

#[test]
fn a_head_that_is_too_large_is_a_problem() {
    let server = Server::with(Limits::default());
    let reply = server.get("/hello", &format!("x-long: {}\r\n", "x".repeat(40 << 10)));
    reply.is_problem(431, "header-too-large");
    let huge = say_and_hear(
        &server,
        format!(
            "GET /hello HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n",
            "x".repeat(1 << 20)
        )
        .as_bytes(),
    );
    assert!(huge.starts_with("HTTP/1.1 431") && huge.contains("header-too-large"), "{huge}");
    let many = say_and_hear(
        &server,
        format!("GET /hello HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(500)).as_bytes(),
    );
    assert!(many.starts_with("HTTP/1.1 431") && many.contains("header-too-large"), "{many}");
    server.get(&format!("/hello?{}", "x".repeat(9000)), "").is_problem(414, "uri-too-long");
    server.is_well();
}

#[test]
fn methods_that_are_not_there_are_named() {
    let server = Server::with(Limits::default());
    let reply = server.ask("DELETE /hello HTTP/1.1\r\nhost: localhost\r\n\r\n");
    reply.is_problem(405, "method-not-allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD,OPTIONS"));
    let reply = server.ask("OPTIONS /hello HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!((reply.status, reply.header("allow")), (204, Some("GET,HEAD,OPTIONS")));
    let reply = server.ask("OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(reply.status, 204);
    for method in ["TRACE", "PUT", "PATCH", "POST", "BREW", "PROPFIND", "get"] {
        let reply = server.ask(&format!("{method} /hello HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        reply.is_problem(405, "method-not-allowed");
        assert_eq!(reply.header("allow"), Some("GET,HEAD,OPTIONS"), "{method}");
        let reply = server.ask(&format!("{method} /no HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        reply.is_problem(404, "not-found");
    }
    let reply = server.ask("CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    reply.is_problem(405, "method-not-allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"));
}

#[test]
fn paths_that_are_not_there_are_problems() {
    let server = Server::with(Limits::default());
    for path in ["/", "/nowhere", "/hello/", "//hello", "/%2e%2e/hello", "/../hello", "/%00"] {
        server.get(path, "").is_problem(404, "not-found");
    }
}

#[test]
fn a_head_request_is_answered_without_a_body() {
    let server = Server::with(Limits::default());
    let heard = say_and_hear(&server, b"HEAD /hello HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(heard.starts_with("HTTP/1.1 200") && heard.contains("content-length: 6"), "{heard}");
    assert!(heard.ends_with("\r\n\r\n"), "{heard}");
    let heard = say_and_hear(&server, b"HEAD /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(heard.starts_with("HTTP/1.1 404") && heard.ends_with("\r\n\r\n"), "{heard}");
}

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let server = Server::with(Limits::default());
    let mut stream = server.connect();
    let one = "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let other = "POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc";
    stream.write_all(format!("{one}{other}").repeat(50).as_bytes()).expect("written");
    for _ in 0..50 {
        assert_eq!(read_reply(&mut stream).text(), "hello\n");
        assert_eq!(read_reply(&mut stream).text(), "3");
    }
}

#[test]
fn a_client_that_has_said_all_is_answered() {
    let server = Server::with(Limits { half_closed_time: PATIENCE, ..Limits::default() });
    for path in ["/text", "/nap"] {
        let asked = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let heard = say_and_hear(&server, asked.repeat(2).as_bytes());
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 2, "{heard}");
    }
}

/// Whether the end is read before the body or after it is chance: often enough
/// to have seen both.
#[test]
fn a_client_that_has_said_all_of_a_body_is_answered() {
    let server = Server::with(Limits { half_closed_time: PATIENCE, ..Limits::default() });
    for path in ["/count", "/ignore"] {
        let asked =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc");
        for round in 0..400 {
            let heard = say_and_hear(&server, asked.as_bytes());
            assert!(heard.starts_with("HTTP/1.1 200 OK"), "{path}, round {round}: {heard:?}");
        }
    }
}

#[test]
fn a_client_that_says_half_of_a_body_and_no_more_is_given_up() {
    let short = Duration::from_millis(100);
    let server = Server::with(Limits { half_closed_time: short, ..Limits::default() });
    let said = b"POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc";
    let heard = say_and_hear(&server, said);
    assert!(!heard.contains("200 OK"), "{heard}");
    crate::client::until("given up", || server.shutdown.requests_in_flight() == 0);
}

#[test]
fn what_takes_long_is_given_up_for_a_client_that_may_have_left() {
    let short = Duration::from_millis(100);
    let server = Server::with(Limits { half_closed_time: short, ..Limits::default() });
    let heard = say_and_hear(&server, b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(heard, "");
    crate::client::until("given up", || server.shutdown.requests_in_flight() == 0);
}

#[test]
fn a_client_that_leaves_early_hurts_nobody() {
    let server = Server::with(Limits { requests: 1, ..Limits::default() });
    for said in [
        "GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "POST /count HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc",
    ] {
        let mut stream = server.connect();
        stream.write_all(said.as_bytes()).expect("written");
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        let _ = stream.read(&mut [0; 16]);
        drop(stream);
        // Its place is free as soon as it is seen to be gone.
        crate::client::until("free again", || server.get("/hello", "").status == 200);
    }
}

#[test]
fn a_panic_is_an_answer() {
    let server = Server::with(Limits::default());
    let mut stream = server.connect();
    let reply = ask(&mut stream, "GET /panic HTTP/1.1\r\nhost: localhost\r\n\r\n");
    reply.is_problem(500, "internal");
    let reply = ask(&mut stream, "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(reply.status, 200, "the connection goes on");
}

#[test]
fn noise_is_no_reason_to_stop() {
    let server = Server::with(Limits::default());
    let mut seed = 1_u64;
    for length in 0..200 {
        let noise = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u8
        });
        let noise: Vec<u8> = noise.take(length * 7).collect();
        say_and_hear(&server, &noise);
        let mut h2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        h2.extend(noise);
        say_and_hear(&server, &h2);
    }
    server.is_well();
}
