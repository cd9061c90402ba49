//! The scripts that run other generators beside this one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPTS: [&str; 2] = ["stall.sh", "cpu.sh"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn bash(args: &[&str], path: &str) -> Output {
    let bash = Command::new("sh").args(["-c", "command -v bash"]).output().unwrap();
    let bash = String::from_utf8(bash.stdout).unwrap();
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(bash.trim());
    command.args(args).current_dir(folder()).env("PATH", path).env("PORT", port.to_string());
    command.output().unwrap()
}

#[test]
fn what_is_missing_is_named() {
    // What any system has, in a folder that has nothing else.
    let bed = crate::bed::Bed::new();
    let dirname = Command::new("sh").args(["-c", "command -v dirname"]).output().unwrap();
    let dirname = String::from_utf8(dirname.stdout).unwrap();
    std::os::unix::fs::symlink(dirname.trim(), bed.path("dirname")).unwrap();
    for script in SCRIPTS {
        let Output { status, stderr, .. } = bash(&[script], bed.folder.path().to_str().unwrap());
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(1), "{script}: {said}");
        assert!(said.contains("not run: install herbarium-load "), "{script}: {said}");
    }
}

/// A second of each, where wrk and nginx are there.
#[test]
fn the_processor_time_of_both_is_told() {
    let ours = Path::new(env!("CARGO_BIN_EXE_herbarium-load")).parent().unwrap();
    let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap());
    let Output { status, stdout, stderr } = bash(&["cpu.sh", "1", "1"], &path);
    let (said, why) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if why.contains("not run: install") {
        return;
    }
    assert!(status.success(), "{said}{why}");
    assert!(said.contains("round 1: seconds for 100,000 requests: wrk "), "{said}");
}

#[test]
fn the_manual_names_each_script() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/load.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    for script in SCRIPTS {
        assert!(manual.contains(&format!("bins/herbarium-load/peers/{script}")), "{script}");
    }
}
