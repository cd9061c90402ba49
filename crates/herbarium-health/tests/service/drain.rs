//! Signals sent to a service, with requests on it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::child::{Service, Times};
use crate::client::{Reply, connect, get, read_reply, send, until};

const TIMES: Times = Times { pre_drain: 300, deadline: 5_000, grace: 500 };

/// Asks, and gives what comes back as text: nothing, if the server resets.
fn in_background(addr: SocketAddr, path: &'static str) -> JoinHandle<String> {
    spawn(move || send(addr, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()))
}

fn status(reply: &str) -> &str {
    reply.split(' ').nth(1).unwrap_or("reset")
}

fn check(signal: &str, times: Times, path: &'static str, answer: &str, last_line: [&str; 2]) {
    let mut service = Service::start(times);
    let asked = in_background(service.addr, path);
    sleep(Duration::from_millis(300));
    service.signal(signal);
    assert_eq!(status(&asked.join().expect("an answer")), answer, "{signal} {path}");
    let (code, last) = service.end();
    assert_eq!(code, Some(0), "{signal} {path}: {last}");
    for part in last_line {
        assert!(last.contains(part), "{signal} {path}: {last}");
    }
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    for signal in ["TERM", "INT"] {
        let by = format!("stopped by SIG{signal}: 1 requests completed");
        check(signal, TIMES, "/slow?1500", "200", [&by, "0 cut"]);
    }
}

#[test]
fn a_request_that_takes_too_long_is_cancelled_and_can_still_answer() {
    let times = Times { pre_drain: 0, deadline: 300, grace: 5_000 };
    check("TERM", times, "/slow?60000", "503", ["0 requests completed", "1 cut"]);
}

#[test]
fn a_request_that_takes_no_notice_is_cut() {
    let times = Times { pre_drain: 0, deadline: 300, grace: 300 };
    check("TERM", times, "/deaf?60000", "reset", ["0 requests completed", "1 cut"]);
}

#[test]
fn an_idle_service_ends_as_soon_as_the_pause_is_over() {
    let mut service = Service::start(TIMES);
    let _idle = {
        let mut stream = connect(service.addr);
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("written");
        assert_eq!(read_reply(&mut stream).status, 200);
        stream
    };
    let began = Instant::now();
    service.signal("TERM");
    let (code, last) = service.end();
    assert_eq!(code, Some(0), "{last}");
    assert!(began.elapsed() >= Duration::from_millis(TIMES.pre_drain));
    assert!(began.elapsed() < Duration::from_millis(TIMES.deadline), "{:?}", began.elapsed());
}

#[test]
fn readiness_ends_at_once_and_liveness_does_not() {
    let service = Service::start(Times { pre_drain: 3_000, ..TIMES });
    service.signal("TERM");
    until("not ready", || get(service.health, "/readyz").status == 503);
    assert_eq!(get(service.health, "/healthz").status, 200);
    assert!(get(service.health, "/readyz?verbose").body.contains("because of SIGTERM"));
    // Still accepting, and telling clients to come back elsewhere.
    let reply: Reply = get(service.addr, "/");
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut service = Service::start(Times { pre_drain: 60_000, ..TIMES });
        service.signal(first);
        until("draining", || get(service.health, "/readyz").status == 503);
        service.signal(second);
        assert_eq!(service.end().0, Some(130), "{first} {second}");
    }
}

#[test]
fn a_second_signal_ends_even_a_service_that_hangs() {
    let mut service = Service::start_as("stuck", TIMES);
    let _asked = in_background(service.addr, "/");
    sleep(Duration::from_millis(500));
    service.signal("TERM");
    sleep(Duration::from_millis(300));
    assert!(service.child.try_wait().expect("a status").is_none(), "it hangs");
    service.signal("TERM");
    assert_eq!(service.end().0, Some(130));
}

/// Clients that begin anew for every request, before and during the drain: what
/// was accepted is answered.
#[test]
fn under_load_no_request_is_reset() {
    for round in 0..3 {
        let mut service = Service::start(Times { pre_drain: 400, ..TIMES });
        let clients: Vec<_> = (0..4).map(|_| spawn_client(service.addr)).collect();
        sleep(Duration::from_millis(300));
        service.signal("TERM");
        let clients: Vec<_> = clients.into_iter().flat_map(|it| it.join()).collect();
        let (code, last) = service.end();
        assert_eq!(code, Some(0), "round {round}: {last}");
        let answered: usize = clients.iter().map(|(answered, _)| answered).sum();
        let reset: Vec<_> = clients.iter().flat_map(|(_, reset)| reset).collect();
        assert!(reset.is_empty(), "round {round} of {answered}: {reset:?}, {last}");
        assert!(last.contains(&format!(": {answered} requests completed")), "{answered}: {last}");
        assert!(last.contains("0 cut, 0 abandoned"), "{last}");
    }
}

/// Asks until nobody listens any more; how often it was answered, and what
/// became of the others.
fn spawn_client(addr: SocketAddr) -> JoinHandle<(usize, Vec<String>)> {
    spawn(move || {
        let (mut answered, mut reset) = (0, Vec::new());
        while let Ok(mut stream) = TcpStream::connect(addr) {
            let request = b"GET /slow?2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let (began, mut reply) = (Instant::now(), String::new());
            let asked = stream.write_all(request);
            match asked.and_then(|()| stream.read_to_string(&mut reply)) {
                Ok(_) if status(&reply) == "200" => answered += 1,
                other => reset.push(format!("{other:?} {reply:?} after {:?}", began.elapsed())),
            }
            sleep(Duration::from_millis(2));
        }
        (answered, reset)
    })
}
