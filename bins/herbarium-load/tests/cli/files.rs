//! What a run leaves behind, and what is made of it.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::bed::{Bed, UNLIMITED, good};

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
    assert!(bed.run(&forced, 0).contains("\"differences\""));
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
