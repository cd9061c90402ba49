//! Unix sockets.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener as StdListener, UnixStream};
use std::path::Path;

use herbarium_health::{DrainPlan, Shutdown};
use herbarium_http::{Error, Front, Listener};
use tokio::runtime::Runtime;

use crate::client::{ask, router, runtime};

const GET: &str = "GET /hello HTTP/1.1\r\nhost: anything.example\r\n\r\n";

fn serve(runtime: &Runtime, path: &Path) -> Result<Shutdown, Error> {
    let _inside = runtime.enter();
    let shutdown = Shutdown::new(DrainPlan::immediate());
    let listener = Listener::unix(path)?;
    tokio::spawn(Front::new(shutdown.clone()).serve(listener, router())?);
    Ok(shutdown)
}

#[test]
fn a_socket_is_for_its_user_and_group_and_gone_in_the_end() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("s");
    let shutdown = serve(&runtime, &path).expect("a socket");
    assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o660);
    let mut stream = UnixStream::connect(&path).expect("a connection");
    assert_eq!(ask(&mut stream, GET).text(), "hello\n");
    drop(stream);
    shutdown.begin("the test ends");
    runtime.block_on(shutdown.run());
    assert!(!path.exists());
}

#[test]
fn what_a_dead_process_left_is_replaced() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("s");
    drop(StdListener::bind(&path).expect("a socket"));
    let left = path.metadata().expect("left behind").ino();
    let _shutdown = serve(&runtime, &path).expect("a socket");
    assert_ne!(path.metadata().expect("there").ino(), left);
    assert_eq!(ask(&mut UnixStream::connect(&path).expect("one"), GET).status, 200);
}

#[test]
fn what_somebody_uses_is_not() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("s");
    let theirs = StdListener::bind(&path).expect("a socket");
    assert!(matches!(serve(&runtime, &path), Err(Error::Taken { .. })));
    drop(theirs);
    let file = folder.path().join("f");
    std::fs::write(&file, "precious").expect("written");
    assert!(matches!(serve(&runtime, &file), Err(Error::NotASocket { .. })));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "precious");
}

#[test]
fn who_waits_for_an_answer_gets_it_in_the_end() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("s");
    let inside = runtime.enter();
    let plan = DrainPlan::default().with_pre_drain(std::time::Duration::ZERO);
    let shutdown = Shutdown::new(plan);
    let listener = Listener::unix(&path).expect("a socket");
    tokio::spawn(Front::new(shutdown.clone()).serve(listener, router()).expect("served"));
    drop(inside);
    let mut idle = UnixStream::connect(&path).expect("a connection");
    assert_eq!(ask(&mut idle, GET).status, 200);
    let mut busy = UnixStream::connect(&path).expect("a connection");
    let nap = b"GET /nap HTTP/1.1\r\nhost: localhost\r\n\r\n";
    std::io::Write::write_all(&mut busy, nap).expect("written");
    crate::client::until("asked", || shutdown.requests_in_flight() == 1);
    shutdown.begin("the test ends");
    let drained = runtime.block_on(shutdown.run());
    assert!(drained.in_time && drained.cut == 0 && drained.connections_cut == 0, "{drained:?}");
    assert_eq!(crate::client::read_reply(&mut busy).status, 200);
}
