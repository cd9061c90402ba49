//! `herbarium watch`, while files change.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::bed::Bed;

struct Watching {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Watching {
    fn start(bed: &Bed, args: &[&str]) -> Self {
        let mut command = bed.command([&["watch", "--json"], args].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, out }
    }

    /// The next event of a kind; others are passed over. The test runner's limit on
    /// time is the limit on waiting.
    fn event(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "ended without `{kind}`");
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == kind {
                return event;
            }
        }
    }

    fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

#[test]
fn what_changes_is_pressed_and_known_to_the_next_run() {
    let bed = Bed::sown();
    let mut watching = Watching::start(&bed, &["."]);
    let started = watching.event("started");
    assert_eq!((&started["files"], &started["parses"]), (&6.into(), &6.into()));

    bed.write("src/lib.rs", "pub fn changed() {}\n");
    let pressed = watching.event("pressed");
    assert_eq!((&pressed["path"], &pressed["parsed"]), (&"src/lib.rs".into(), &true.into()));
    assert!(pressed["ms"].as_f64().unwrap() > 0.0 && pressed["key"].is_string(), "{pressed}");
    bed.run(["tree", "src/lib.rs", "--from-store"]).code(0).prints(&["changed"]);

    fs::remove_file(bed.path("tools/run.py")).unwrap();
    assert_eq!(watching.event("removed")["path"], "tools/run.py");
    watching.event("idle");
    assert_eq!(watching.interrupt(), Some(0));
    let next = bed.json(["index", ".", "--json"]);
    assert_eq!((&next["parses"], &next["files"]), (&0.into(), &5.into()), "{next}");
}

#[test]
fn people_get_lines_and_it_ends_by_itself_when_told_to() {
    let bed = Bed::sown();
    let ran = bed.run(["watch", "--for", "1s"]).code(0).silent();
    ran.prints(&[".: watching 6 folders, 6 files, 6 parses"]);
    bed.run(["watch", "src/main.rs", "--for", "1s"]).code(3).says(&["found a file"]);
    bed.run(["watch", "nowhere", "--for", "1s"]).code(3).says(&["nowhere"]);
}
