//! Memory stays within its bound, whichever threads take it.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fs;
use std::process::Stdio;

use serde_json::json;

use crate::bed::{Bed, Ran, check_values};

/// The most memory that a process had so far, in MiB; `None` once it is gone.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? >> 10)
}

#[test]
fn what_one_thread_had_is_free_for_another() {
    let bed = Bed::new();
    for file in 0..6 {
        let numbers: Vec<_> = (0..250_000).map(|n| (n * 17 + file).to_string()).collect();
        bed.write(format!("{file}.json"), format!("[{}]", numbers.join(",")));
    }
    // One file at a time: each is taken for some 95 MiB.
    let mut command = bed.command(["index", "--json", "--workers", "4", "--memory", "120M"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (process, mut most) = (child.id(), 0);
    let ended = std::thread::spawn(|| child.wait_with_output().unwrap());
    while let Some(now) = peak(process) {
        most = most.max(now);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let report = Ran::from_output("index".into(), ended.join().unwrap()).code(0).json();
    check_values(&report, &[("files", json!(6)), ("errors", json!(0))]);
    assert!((50..200).contains(&most), "{most} MiB");
}
