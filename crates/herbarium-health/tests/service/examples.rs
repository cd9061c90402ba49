//! The examples, run as they stand.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::child::signal;
use crate::client::{get, until};

/// An example that was built with this test, or is built now.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let built = test.ancestors().nth(2).expect("target/debug/deps/service").join("examples");
    let path = built.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    if !path.exists() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--all-features", "--example", name, "--manifest-path"]);
        let target = built.ancestors().nth(2).expect("the target folder");
        let status = cargo.arg(manifest).arg("--target-dir").arg(target).status();
        assert!(status.expect("cargo").success(), "cargo build --example {name}");
    }
    path
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

fn start(name: &str, addresses: &[SocketAddr]) -> Child {
    let arguments = addresses.iter().map(SocketAddr::to_string);
    let mut command = Command::new(example(name));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("an example that starts");
    for addr in addresses {
        until("listening", || TcpStream::connect(addr).is_ok());
    }
    child
}

fn stop(child: Child) -> String {
    signal(child.id(), "TERM");
    let output = child.wait_with_output().expect("an end");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    text.lines().last().unwrap_or("").to_owned()
}

#[test]
fn ten_lines_are_a_service_that_can_be_watched_and_stopped() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ten_lines.rs");
    let source = std::fs::read_to_string(source).expect("the example");
    assert!(source.lines().count() <= 10, "ten lines");
    let addr = free_address();
    let child = start("ten_lines", &[addr]);
    until("ready", || get(addr, "/readyz").status == 200);
    for page in ["/healthz", "/startupz", "/health", "/metrics", "/version"] {
        assert_eq!(get(addr, page).status, 200, "{page}");
    }
    assert_eq!(get(addr, "/health").json()["status"], "healthy");
    let last = stop(child);
    assert!(last.starts_with("stopped by SIGTERM: 0 requests completed"), "{last}");
}

#[test]
fn the_full_example_serves_and_drains() {
    let (health, service) = (free_address(), free_address());
    let child = start("full", &[health, service]);
    until("ready", || get(health, "/readyz").status == 200);
    let reply = get(service, "/hello");
    assert_eq!((reply.status, &*reply.body), (200, "hello\n"));
    assert_eq!(reply.header("x-request-id").map(str::len), Some(32));
    assert!(get(health, "/metrics").body.contains("greetings_total{language=\"en\"} 1"));
    assert!(get(health, "/readyz?verbose").body.contains("[+]clock"));
    let last = stop(child);
    assert!(last.contains("stopped by SIGTERM: 1 requests completed"), "{last}");
}
