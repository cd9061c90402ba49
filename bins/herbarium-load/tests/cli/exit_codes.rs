//! Each exit code, by a real run.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::bed::{Bed, UNLIMITED, broken, good, server};

#[test]
fn a_pass_is_0() {
    let out = Bed::new().load("short.toml", &good(), &[], 0);
    assert!(out.contains("PASS") && out.contains("40 requests"), "{out}");
}

#[test]
fn a_broken_gate_is_2() {
    let out = Bed::new().load("short.toml", &broken(), &[], 2);
    assert!(out.contains("gate FAIL: errors, steady below 0.5"), "{out}");
}

#[test]
fn a_generator_that_was_too_slow_is_3() {
    let out = Bed::new().load("short.toml", &good(), &["--max-cpu", "0"], 1);
    assert!(out.contains("cannot be used multiple times"), "{out}");
    let url = good();
    let args = ["run", "short.toml", "--target", &url, "--max-cpu", "0"];
    let out = Bed::new().run(&args, 3);
    assert!(out.contains("INVALID") && out.contains("invalid: cpu"), "{out}");
}

#[test]
fn a_server_that_is_not_there_is_4() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let out = Bed::new().load("short.toml", &format!("http://{gone}"), &[], 4);
    assert!(out.contains("refused"), "{out}");
}

#[test]
fn what_makes_no_sense_is_1() {
    let bed = Bed::new();
    bed.write("wrong.toml", "name = \"x\"\n[[stage]]\nhold = -1\nfor = \"1s\"");
    let url = good();
    let check = |args: &[&str], word: &str| {
        let out = bed.run(args, 1);
        assert!(out.contains(word), "{args:?}: {out}");
    };
    check(&["walk"], "walk");
    check(&["run", "short.toml"], "--target");
    check(&["run", "nobody", "--target", &url], "the profiles are matrix");
    check(&["run", "lost.toml", "--target", &url], "lost.toml");
    check(&["run", "wrong.toml", "--target", &url], "stage 1.hold");
    check(&["run", "short.toml", "--target", "gopher://x"], "scheme");
    check(&["run", "short.toml", "--target", "http://192.0.2.1"], "--i-own-this-target");
    check(&["run", "short.toml", "--target", &url, "--size", "huge"], "huge");
    check(&["run", "short.toml", "--target", &url, "--scale", "0"], "--scale");
    check(&["run", "short.toml", "--target", &url, "--max-requests", "3"], "the cap is 3");
    check(&["compare", "a.json", "b.json"], "a.json");
    check(&["compare", "a.json", "b.json", "--at-most", "nan"], "above 0");
    let canary = ["canary", "short.toml", "--baseline", &url, "--candidate", &url];
    for (option, value) in
        [("--errors", "nan"), ("--times", "nan"), ("--memory", "80"), ("--memory-limit", "0")]
    {
        check(&[&canary[..], &[option, value]].concat(), option);
    }
    let gate = "\n[[gate]]\nmetric = \"response\"\nbelow = \"1s\"\nstage = \"typo\"";
    bed.write("typo.toml", &format!("name = \"x\"\n[[stage]]\nhold = 1\nfor = \"1h\"{gate}"));
    check(&["run", "typo.toml", "--target", &url], "no stage `typo`");
    check(&["run", "endurance", "--target", &url], "--server-pid");
    check(
        &["canary", "short.toml", "--baseline", &url, "--candidate", &url, "--steps", "0"],
        "--steps",
    );
}

#[test]
fn help_and_version_are_0() {
    let bed = Bed::new();
    assert!(bed.run(&["--help"], 0).contains("canary"));
    bed.run(&["--version"], 0);
}

#[test]
fn ctrl_c_is_130_with_the_report_of_what_ran() {
    let bed = Bed::new();
    let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Duration::ZERO);
    let args = ["run", "short.toml", "--length", "1h", "--target", &url, "--json", "r.json"];
    let args = [&args[..], &UNLIMITED].concat();
    let mut child =
        bed.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    // The first line comes when the first interval is over.
    std::io::BufRead::read_line(&mut err, &mut String::new()).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    std::io::Read::read_to_end(&mut err, &mut Vec::new()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: serde_json::Value = serde_json::from_str(&bed.read("r.json")).unwrap();
    assert_eq!(report["verdict"], "interrupted");
    assert!(report["whole"]["requests"].as_u64().unwrap() > 0);
}

#[test]
fn a_canary_is_promoted_rolled_back_or_neither() {
    let bed = Bed::new();
    let baseline = good();
    let check = |candidate: &str, more: &[&str], code| {
        let args = ["canary", "short.toml", "--steps", "50,100", "--times", "1000000", "--quiet"];
        let sides = ["--baseline", &baseline, "--candidate", candidate];
        bed.run(&[&args[..], &sides, &UNLIMITED, more].concat(), code)
    };
    let out = check(&good(), &["--least-requests", "1"], 0);
    assert!(out.contains("Promote"), "{out}");
    let out = check(&broken(), &["--least-requests", "1", "--json"], 2);
    assert!(out.contains("\"rollback\""), "{out}");
    check(&good(), &["--least-requests", "1000"], 3);
}

/// A canary says how far it came; a worker has nothing to say.
#[test]
fn ctrl_c_ends_whatever_runs() {
    let (bed, url) = (Bed::new(), good());
    let canary = ["canary", "short.toml", "--baseline", &url, "--candidate", &url];
    let canary = [&canary[..], &["--length", "1h", "--steps", "100"], &UNLIMITED].concat();
    for (args, code, word) in
        [(canary, 130, "Interrupted"), (vec!["worker", "--listen", "127.0.0.1:0"], 0, "")]
    {
        let mut child =
            bed.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
        // An interval is over; it listens.
        std::io::BufRead::read_line(&mut err, &mut String::new()).unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        std::io::Read::read_to_end(&mut err, &mut Vec::new()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(word), "{said}");
    }
}
