//! The end, under load.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use herbarium_http::Limits;

use crate::client::{PATIENCE, Server, connect, read_reply, try_read_reply};

const GET: &[u8] = b"GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";
const NAP: &[u8] = b"GET /nap HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Asks on new connections and on kept ones until nobody accepts; how many
/// were accepted and got no answer.
fn ask_until_closed(addr: SocketAddr, is_over: &AtomicBool) -> usize {
    let mut lost = 0;
    while !is_over.load(Ordering::SeqCst) {
        let Ok(mut stream) = TcpStream::connect(addr) else { return lost };
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        loop {
            // A connection that was kept may be closed between two requests, not in one.
            if stream.write_all(GET).is_err() {
                break;
            }
            match try_read_reply(&mut stream) {
                Ok(reply) if reply.header("connection") == Some("close") => break,
                Ok(reply) => assert_eq!(reply.status, 200),
                Err(error) => {
                    lost += usize::from(error.kind() != std::io::ErrorKind::UnexpectedEof);
                    break;
                }
            }
            if reply_is_last() {
                break;
            }
        }
    }
    lost
}

/// Some clients ask once on each connection.
fn reply_is_last() -> bool {
    std::thread::current().name() == Some("once")
}

#[test]
fn every_request_that_was_accepted_is_answered() {
    for round in 0..10 {
        let server = Server::with(Limits::default());
        let (addr, is_over) = (server.addr, Arc::new(AtomicBool::new(false)));
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let is_over = Arc::clone(&is_over);
                let name = if number % 2 == 0 { "once" } else { "kept" };
                let builder = std::thread::Builder::new().name(name.to_owned());
                builder.spawn(move || ask_until_closed(addr, &is_over)).expect("a thread")
            })
            .collect();
        let mut napping = connect(addr);
        napping.write_all(NAP).expect("written");
        sleep(Duration::from_millis(100));
        server.shutdown.begin("the test ends");
        let drained = server.runtime.block_on(server.shutdown.run());
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(read_reply(&mut napping).status, 200, "round {round}");
        let lost: usize = clients.into_iter().map(|it| it.join().expect("a client")).sum();
        assert_eq!((lost, drained.cut, drained.connections_cut), (0, 0, 0), "round {round}");
        assert!(drained.completed > 0 && drained.in_time, "round {round}");
    }
}

#[test]
fn what_does_not_end_is_told_so() {
    let server = Server::with(Limits { request_time: Duration::ZERO, ..Limits::default() });
    let mut stream = server.connect();
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    crate::client::until("asked", || server.shutdown.requests_in_flight() == 1);
    // As at the end of the deadline.
    server.shutdown.cancel_token().cancel();
    read_reply(&mut stream).is_problem(503, "draining");
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let server = Server::with(Limits::default());
    let mut idle = server.connect();
    idle.write_all(GET).expect("written");
    assert_eq!(read_reply(&mut idle).status, 200);
    let silent = spawn({
        let addr = server.addr;
        move || connect(addr)
    });
    let _silent = silent.join().expect("a connection");
    server.shutdown.begin("the test ends");
    let drained = server.runtime.block_on(server.shutdown.run());
    assert!(drained.in_time, "{drained:?}");
    crate::client::time_to_close(&mut idle);
}
