//! What each page answers to each kind of request.

use herbarium_health::Health;

use crate::client::{Reply, ask, connect, get, parse, read_reply, send};

fn health() -> Health {
    let builder = Health::builder().service("pages", "1.2.3").build_info("commit", "a\"b\\c\n");
    let builder = builder.listen(([127, 0, 0, 1], 0).into());
    let health = builder.metrics(|| "up 1\n".to_owned()).start().expect("a free port");
    health.started();
    health
}

fn check(method: &str, path: &str, status: u16, media_type: &str, body: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let reply = ask(health().local_addr(), method, path);
    let case = format!("{method} {path}: {reply:?}");
    assert_eq!(reply.status, status, "{case}");
    assert_eq!(reply.header("content-type").unwrap_or(""), media_type, "{case}");
    assert!(reply.body.contains(body), "{case}");
    assert_eq!(reply.body.is_empty(), body.is_empty(), "{case}");
    assert_eq!(reply.header("x-request-id").map(str::len), Some(32), "{case}");
    assert_eq!(reply.header("traceparent").map(str::len), Some(55), "{case}");
}

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

#[test]
fn pages_answer_get() {
    check("GET", "/", 200, TEXT, "/healthz");
    check("GET", "/healthz", 200, TEXT, "ok\n");
    check("GET", "/healthz?verbose", 200, TEXT, "ok\n");
    check("GET", "/readyz", 200, TEXT, "ready\n");
    check("GET", "/readyz?a=b&verbose=1", 200, TEXT, "[+]serving ok\nready\n");
    check("GET", "/startupz", 200, TEXT, "started\n");
    check("GET", "/health", 200, "application/json", "{\"status\":\"healthy\",\"uptime\":");
    check("GET", "/metrics", 200, PROMETHEUS, "up 1\n");
    check("GET", "/version", 200, "application/json", "\"version\":\"1.2.3\"");
}

#[test]
fn other_paths_are_not_found() {
    for path in ["/healthz/", "/nothing", "/../etc/passwd", "/%2e%2e/healthz", "//healthz"] {
        check("GET", path, 404, TEXT, "no such page");
        check("DELETE", path, 404, TEXT, "no such page");
    }
}

#[test]
fn other_methods_are_not_allowed() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        check(method, "/readyz", 405, TEXT, "GET or HEAD");
    }
}

#[test]
fn a_405_and_options_say_what_is_allowed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let addr = health().local_addr();
    for (method, path, status) in
        [("POST", "/healthz", 405), ("OPTIONS", "/healthz", 204), ("OPTIONS", "*", 204)]
    {
        let reply = ask(addr, method, path);
        assert_eq!((reply.status, reply.header("allow")), (status, Some("GET, HEAD, OPTIONS")));
    }
}

#[test]
fn head_says_what_get_says_without_its_body() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let addr = health().local_addr();
    for path in ["/", "/healthz", "/readyz?verbose", "/startupz", "/metrics", "/version", "/no"] {
        let (get, head) = (get(addr, path), ask(addr, "HEAD", path));
        let told = |reply: &Reply| {
            let headers = ["content-length", "content-type", "cache-control"];
            (reply.status, headers.map(|name| reply.header(name).map(str::to_owned)))
        };
        assert_eq!(told(&get), told(&head), "{path}");
        assert_eq!(head.body, "", "{path}");
        assert_eq!(get.header("content-length"), Some(&*get.body.len().to_string()), "{path}");
    }
}

#[test]
fn json_is_json_whatever_is_in_it() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let health = health();
    health.latch("a \"name\"\u{1}").close("line\nbreak");
    let version = get(health.local_addr(), "/version").json();
    assert_eq!(version["commit"], "a\"b\\c\n");
    let verbose = get(health.local_addr(), "/health?verbose").json();
    assert_eq!(verbose["checks"][0]["name"], "a \"name\"\u{1}");
    assert_eq!(verbose["checks"][0]["reason"], "line break");
    assert!(verbose["uptime"].as_f64().is_some_and(|uptime| uptime >= 0.0));
}

#[test]
fn a_connection_serves_many_requests_and_pipelined_ones() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let addr = health().local_addr();
    let mut stream = connect(addr);
    use std::io::Write as _;
    stream.write_all(&b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20)).expect("written");
    for _ in 0..20 {
        assert_eq!(read_reply(&mut stream).body, "ok\n");
    }
}

#[test]
fn a_request_id_and_a_trace_are_taken_over_if_they_are_well_formed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let addr = health().local_addr();
    let with = |header: &str| {
        let head = "GET /healthz HTTP/1.0\r\n";
        parse(&send(addr, format!("{head}{header}\r\n\r\n").as_bytes()))
    };
    assert_eq!(with("x-request-id: abc-1.2_3~").header("x-request-id"), Some("abc-1.2_3~"));
    for bad in ["", "a b", "a\"b", "a/b", &"x".repeat(129), "ü"] {
        let reply = with(&format!("x-request-id: {bad}"));
        assert_eq!(reply.header("x-request-id").map(str::len), Some(32), "{bad:?}");
    }
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let reply = with(&format!("traceparent: 00-{trace}-00f067aa0ba902b7-01"));
    assert!(reply.header("traceparent").is_some_and(|it| it.starts_with(&format!("00-{trace}-"))));
    assert!(!reply.header("traceparent").is_some_and(|it| it.contains("00f067aa0ba902b7")));
}
