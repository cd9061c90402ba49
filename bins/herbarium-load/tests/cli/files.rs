//! What a run leaves behind, and what is made of it.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::bed::{Bed, UNLIMITED, broken, good};

#[test]
fn all_files_are_written() {
    let bed = Bed::new();
    let files = [
        ("--json", "r.json", "\"schema\": 1"),
        ("--html", "r.html", "<!doctype html>"),
        ("--csv", "r.csv", "at,seconds,due"),
        ("--hlog", "r.hlog", "#[Histogram log format version 1.3]"),
        ("--junit", "r.xml", "<testsuite"),
        ("--markdown", "r.md", "## short: PASS"),
    ];
    let args: Vec<&str> = files.iter().flat_map(|(option, name, _)| [*option, *name]).collect();
    bed.load("short.toml", &good(), &args, 0);
    for (_, name, start) in files {
        assert!(bed.read(name).contains(start), "{name}");
    }
    bed.load("short.toml", &good(), &["--json", "no/folder/r.json"], 1);
}

#[test]
fn two_reports_are_compared() {
    let bed = Bed::new();
    let url = good();
    for (name, seed) in [("a.json", "1"), ("b.json", "1"), ("c.json", "2")] {
        bed.load("short.toml", &url, &["--json", name, "--seed", seed], 0);
    }
    assert!(bed.run(&["compare", "a.json", "b.json"], 0).contains("p99"));
    assert!(bed.run(&["compare", "a.json", "c.json"], 1).contains("--force"));
    let forced = ["compare", "a.json", "c.json", "--force", "--json", "--at-most", "1000000"];
    // Shorter than what chance could be told from.
    assert!(bed.run(&forced, 3).contains("\"differences\""));
    bed.write("d.json", "{}");
    assert!(bed.run(&["compare", "a.json", "d.json"], 1).contains("no report"));
}

#[test]
fn a_run_is_seen_as_metrics_while_it_goes_on() {
    let bed = Bed::new();
    let url = good();
    let args =
        ["run", "short.toml", "--length", "4s", "--target", &url, "--prometheus", "127.0.0.1:0"];
    let args = [&args[..], &UNLIMITED].concat();
    let mut child =
        bed.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("metrics: http://").unwrap().strip_suffix("/metrics").unwrap();
    lines.next().unwrap().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("herbarium_load_requests_total "), "{text}");
    assert!(text.contains("herbarium_load_response_seconds{quantile=\"0.99\"}"), "{text}");
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
}

#[test]
fn files_that_cannot_be_written_are_known_before_the_run() {
    let bed = Bed::new();
    let out = bed.load("short.toml", &good(), &["--html", "no/folder/r.html"], 1);
    assert!(out.contains("no/folder/r.html") && !out.contains("requests in"), "{out}");
    // A run that does not come about leaves nothing behind.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bed.load("short.toml", &format!("http://{gone}"), &["--json", "r.json"], 4);
    assert!(!bed.path("r.json").exists());
}

/// As with a full disk.
#[cfg(target_os = "linux")]
#[test]
fn one_file_that_cannot_be_written_does_not_keep_the_others_from_being() {
    let bed = Bed::new();
    let out = bed.load("short.toml", &good(), &["--json", "/dev/full", "--junit", "r.xml"], 1);
    assert!(out.contains("/dev/full") && out.contains("PASS"), "{out}");
    assert!(bed.read("r.xml").ends_with("</testsuite>\n"));
    // What the run has to say weighs more.
    bed.load("short.toml", &broken(), &["--json", "/dev/full"], 2);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let bed = Bed::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bed.command(&["profiles"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}
