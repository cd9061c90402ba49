//! SIGTERM, under load and twice.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::daemon::Daemon;

/// One connection after the other, kept alive, until they are refused. A connection
/// that was accepted is answered, or closed before anything was asked on it.
fn keep_asking(address: &str, stop: &AtomicBool, answered: &AtomicU64) -> Result<(), String> {
    let request =
        format!("GET /v1/workspaces/code/tree?path=main.rs HTTP/1.1\r\nhost: {address}\r\n\r\n");
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address) else { return Ok(()) };
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        for asked in 0..50 {
            let sent = stream.write_all(request.as_bytes());
            match sent.map_err(|error| error.to_string()).and_then(|()| answer(&mut stream)) {
                Ok(Some(closes)) => {
                    answered.fetch_add(1, Ordering::Relaxed);
                    if closes {
                        break;
                    }
                }
                // Closed between two requests, which clients ask again.
                _ if asked > 0 => break,
                Ok(None) => return Err("closed without an answer".to_owned()),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Whether the connection ends with this answer; `None` at its end.
fn answer(stream: &mut TcpStream) -> Result<Option<bool>, String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).map_err(|error| error.to_string())? {
            0 if head.is_empty() => return Ok(None),
            0 => return Err(format!("cut in a head: {}", String::from_utf8_lossy(&head))),
            _ => head.push(byte[0]),
        }
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|it| it.split("\r\n").next());
    let length: usize = length.and_then(|it| it.parse().ok()).ok_or("no length")?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(|error| format!("cut in a body: {error}"))?;
    match head.starts_with("http/1.1 200 ") {
        true => Ok(Some(head.contains("connection: close"))),
        false => Err(head),
    }
}

#[test]
fn every_accepted_request_is_answered_when_it_ends() {
    let mut folder = None;
    for _ in 0..3 {
        let mut daemon = match folder.take() {
            Some(folder) => Daemon::start_in(folder, &[]),
            None => {
                let mut daemon = Daemon::start(&[]);
                daemon.add_code();
                daemon
            }
        };
        let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
        let address = daemon.api.clone();
        std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..8).map(|_| scope.spawn(|| keep_asking(&address, &stop, &answered))).collect();
            std::thread::sleep(Duration::from_millis(300));
            daemon.signal("-TERM");
            let status = daemon.ended();
            stop.store(true, Ordering::Relaxed);
            assert!(status.success(), "{status}: {}", daemon.log());
            for client in clients {
                assert_eq!(client.join().expect("no panic"), Ok(()), "{}", daemon.log());
            }
        });
        let log = daemon.log();
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("stopped by SIGTERM") && last.contains("\"cut\":0"), "{last}");
        assert!(answered.load(Ordering::Relaxed) > 0);
        folder =
            Some(std::mem::replace(&mut daemon.folder, tempfile::tempdir().expect("a folder")));
    }
}

#[test]
fn readiness_ends_first_and_a_second_signal_ends_at_once() {
    let mut daemon = Daemon::start(&["--drain-pre-drain", "1m"]);
    daemon.signal("-INT");
    daemon.until("it is not ready", |daemon| daemon.health("/readyz").0 == 503);
    assert_eq!(daemon.health("/healthz").0, 200);
    assert_eq!(daemon.get("/v1/languages").0, 200);
    daemon.signal("-INT");
    assert_eq!(daemon.ended().code(), Some(130));
}
