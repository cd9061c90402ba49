//! What servers do wrong is called by its name.

use std::time::Duration;

use herbarium_loadgen::outcome::Fault;

use crate::servers::{GOOD, Manner, Server, report, scenario};

const FEW: &str = "
    target = { timeout = \"300ms\" }
    load = { spacing = \"even\" }
    stage = [{ hold = 100, for = \"200ms\" }]
";

/// All requests to such a server end with that fault.
fn check(manner: Manner, fault: Fault) {
    let server = Server::start(manner.clone());
    let report = report(&scenario(FEW), &server.url);
    assert_eq!(report.due, 20, "{manner:?}");
    assert_eq!(report.whole.requests, 20, "{manner:?}");
    assert_eq!(report.whole.errors.get(fault), 20, "{manner:?}: {:?}", report.whole.errors);
    assert!(server.requests() > 0);
}

#[test]
fn a_server_that_speaks_no_http_is_malformed() {
    check(Manner::Says(b"220 smtp.example.com ready\r\n\r\n"), Fault::Malformed);
    check(Manner::Says(b"HTTP/1.1 2000 OK\r\n\r\n"), Fault::Malformed);
    check(Manner::Says(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), Fault::Malformed);
}

#[test]
fn a_server_that_contradicts_itself_is_malformed() {
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    check(Manner::Says(two), Fault::Malformed);
    let both = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\na";
    check(Manner::Says(both), Fault::Malformed);
    check(Manner::Says(b"HTTP/1.1 101 Switching\r\n\r\n"), Fault::Malformed);
}

#[test]
fn more_than_the_head_says_is_malformed() {
    check(Manner::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello"), Fault::Malformed);
    let bad_chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n";
    check(Manner::Says(bad_chunk), Fault::Malformed);
}

#[test]
fn a_head_without_end_is_malformed() {
    static LONG: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(40_000, b'x');
        head
    });
    check(Manner::Says(LONG.as_slice()), Fault::Malformed);
}

#[test]
fn a_server_that_closes_early_is_told_from_one_that_resets() {
    check(Manner::SaysAndCloses(b""), Fault::Closed);
    check(Manner::SaysAndCloses(b"HTTP/1.1 200 OK\r\ncontent-le"), Fault::Closed);
    check(
        Manner::SaysAndCloses(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"),
        Fault::Closed,
    );
    check(Manner::Resets, Fault::Reset);
}

#[test]
fn no_answer_is_a_timeout() {
    check(Manner::Silent, Fault::Timeout);
    check(Manner::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"), Fault::Timeout);
}

#[test]
fn statuses_are_told_apart() {
    let empty = "content-length: 0\r\n\r\n";
    for (line, fault) in [
        ("HTTP/1.1 404 No\r\n", Fault::Status4xx),
        ("HTTP/1.1 503 No\r\n", Fault::Status5xx),
        ("HTTP/1.1 700 No\r\n", Fault::Status5xx),
    ] {
        check(Manner::Says(format!("{line}{empty}").leak().as_bytes()), fault);
    }
}

#[test]
fn answers_that_are_framed_in_any_way_are_read() {
    for answer in [
        GOOD,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: v\r\n\r\n",
    ] {
        let server = Server::start(Manner::Says(answer));
        let report = report(&scenario(FEW), &server.url);
        assert_eq!(report.whole.good, 20, "{:?}", String::from_utf8_lossy(answer));
        assert_eq!(report.closed_idle, 0);
    }
    let until_closed = Server::start(Manner::SaysAndCloses(b"HTTP/1.1 200 OK\r\n\r\nhello"));
    let report = report(&scenario(FEW), &until_closed.url);
    assert_eq!((report.whole.good, report.whole.bytes), (20, 100));
}

#[test]
fn a_good_status_with_a_wrong_answer_is_found_by_its_check() {
    let check = |check: &str, good: u64| {
        let server = Server::start(Manner::Says(GOOD));
        let toml = format!("{FEW}\nflow = [{{ check = {check} }}]");
        let report = report(&scenario(&toml), &server.url);
        assert_eq!(report.whole.good, good, "{check}");
        let faults = report.whole.errors;
        assert_eq!(faults.get(Fault::Check) + faults.get(Fault::StatusOther), 20 - good, "{check}");
    };
    check("{ body_contains = \"ell\" }", 20);
    check("{ body_contains = \"bye\" }", 0);
    check("{ headers = { Content-Type = \"plain\" } }", 20);
    check("{ headers = { content-type = \"json\" } }", 0);
    check("{ headers = { etag = \"\" } }", 0);
    check("{ body_at_least = 5 }", 20);
    check("{ body_at_least = 6 }", 0);
    check("{ status = [\"201\", \"3xx\"] }", 0);
    check("{ status = [\"2xx\"] }", 20);
}

#[test]
fn when_all_connections_are_busy_requests_wait_and_then_go_unserved() {
    let server = Server::start(Manner::Silent);
    let toml = "
        target = { timeout = \"300ms\" }
        connections = { count = 2, max = 2 }
        stage = [{ burst = { size = 20, every = \"1s\" }, for = \"200ms\" }]
    ";
    let report = report(&scenario(toml), &server.url);
    let errors = report.whole.errors;
    assert_eq!((errors.get(Fault::Timeout), errors.get(Fault::Unserved)), (2, 18), "{errors:?}");
    let gone = report.whole.response.min.unwrap();
    assert!(gone >= Duration::from_millis(299).as_secs_f64(), "{gone}");
}
