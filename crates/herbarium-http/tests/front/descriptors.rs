//! A process that has no more file descriptors.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use herbarium_http::Limits;

use crate::client::{Server, ask, connect};

const GET: &str = "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Set for the process that serves.
const SERVES: &str = "HERBARIUM_TEST_SERVES";

/// Does something only in a process of its own: serves until its input ends.
#[test]
fn served_with_few_descriptors() {
    if std::env::var_os(SERVES).is_some() {
        let server = Server::with(Limits::default());
        writeln!(std::io::stderr(), "at {}", server.addr).expect("written");
        let _ = std::io::stdin().read(&mut [0]);
    }
}

/// This program again, with so many file descriptors.
fn start(descriptors: u32) -> (Child, SocketAddr) {
    let program = std::env::current_exe().expect("a program");
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .args(["--exact", "descriptors::served_with_few_descriptors", "--nocapture"])
        .env(SERVES, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    let addr = lines.find_map(|line| line.strip_prefix("at ")?.parse().ok());
    // What else it says must not hold it up.
    std::thread::spawn(move || lines.for_each(drop));
    (child, addr.expect("an address"))
}

#[test]
fn those_that_wait_make_room_when_descriptors_are_wanting() {
    let (mut child, addr) = start(32);
    let mut kept = Vec::new();
    for place in 0..60 {
        let mut stream = connect(addr);
        assert_eq!(ask(&mut stream, GET).status, 200, "connection {place}");
        kept.push(stream);
    }
    drop(child.stdin.take());
    assert!(child.wait().expect("an end").success());
}
