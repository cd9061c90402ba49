//! `serve`: web hooks, and whoever asks how it goes.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::bed::{Bed, UNLIMITED, broken, good};

/// The program, until it is ended.
struct Serving {
    child: Child,
    address: String,
    _bed: Bed,
}

impl Serving {
    fn start(target: &str, more: &[&str]) -> Self {
        let bed = Bed::new();
        let args = ["serve", "short.toml", "--target", target, "--listen", "127.0.0.1:0"];
        let args = [&args[..], &UNLIMITED, more].concat();
        let mut child = bed.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").unwrap().1.to_owned();
        Self { child, address, _bed: bed }
    }

    fn call(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn post(&self) -> TcpStream {
        self.call("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    }

    fn get(&self) -> serde_json::Value {
        let (status, body) = answer(self.call("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
        assert_eq!(status, "200", "{body}");
        body
    }

    /// Asks until what is told is so.
    fn get_until(&self, is_so: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        loop {
            let told = self.get();
            if is_so(&told) {
                return told;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    fn end(self) {
        self.interrupt();
        self.ended();
    }

    fn ended(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(mut stream: TcpStream) -> (String, serde_json::Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
    (status, serde_json::from_str(body).unwrap())
}

#[test]
fn web_hooks_are_answered_by_the_verdict() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, expected, verdict, code) in [
        (good(), "200", "pass", 0),
        (broken(), "412", "fail", 2),
        (format!("http://{gone}"), "503", "unreachable", 4),
    ] {
        let serving = Serving::start(&url, &[]);
        let (status, body) = answer(serving.post());
        assert_eq!(status, expected, "{body}");
        assert_eq!((&body["verdict"], &body["exit_code"]), (&verdict.into(), &code.into()));
        assert_eq!(body["gates"].is_array(), status != "503", "{body}");
        assert_eq!(serving.get()["last"], body);
        serving.end();
    }
}

#[test]
fn a_run_that_goes_on_keeps_nobody_from_asking_how_it_goes() {
    let serving = Serving::start(&good(), &["--length", "1h"]);
    let before = serving.get();
    assert_eq!(before["ready"], true);
    assert!(before["running"].is_null() && before["last"].is_null(), "{before}");
    let hook = serving.post();
    let told = serving.get_until(|it| it["running"]["requests"].as_u64() > Some(0));
    assert_eq!((&told["ready"], &told["running"]["of"]), (&true.into(), &3600.0.into()), "{told}");
    // Ctrl-C ends the run, and its caller is told so.
    serving.interrupt();
    let (status, body) = answer(hook);
    assert_eq!((status.as_str(), &body["verdict"]), ("503", &"interrupted".into()), "{body}");
    serving.ended();
}

#[test]
fn one_run_follows_the_other_and_none_is_made_for_a_caller_who_went() {
    let serving = Serving::start(&good(), &["--length", "2s"]);
    let first = serving.post();
    serving.get_until(|it| it["runs"] == 1);
    drop(serving.post());
    let second = serving.post();
    assert_eq!(answer(first).0, "200");
    assert_eq!(answer(second).0, "200");
    let told = serving.get_until(|it| it["running"].is_null());
    assert_eq!(told["runs"], 2, "{told}");
    serving.end();
}

#[test]
fn a_caller_who_says_nothing_keeps_nobody_up() {
    let serving = Serving::start(&good(), &[]);
    let silent = serving.call("");
    let halfway = serving.call("POST / HTTP/1.1\r\ncontent-le");
    assert_eq!(answer(serving.post()).0, "200");
    assert_eq!(answer(serving.call("PUT / HTTP/1.1\r\n\r\n")).0, "405");
    serving.end();
    drop((silent, halfway));
}
