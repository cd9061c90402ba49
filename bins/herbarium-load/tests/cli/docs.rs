//! The manual says what the program does.

use std::collections::BTreeSet;
use std::path::Path;

use crate::bed::{Bed, UNLIMITED, good};

fn document(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Blocks of a kind.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let start = format!("```{kind}\n");
    let parts = text.split(&start).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// Every command of the manuals is run: those of `console` blocks as they are, the
/// others against servers of the test, for a moment.
#[test]
fn every_command_of_the_manuals_runs() {
    let manual = document("docs/load.md");
    let bed = Bed::new();
    let mut ran = 0;
    for line in blocks(&manual, "console").concat().lines() {
        let words: Vec<&str> = line.strip_prefix("$ herbarium-load ").unwrap().split(' ').collect();
        bed.run(&words, 0);
        ran += 1;
    }
    // Long enough to tell a difference from chance.
    bed.load("short.toml", &good(), &["--json", "report.json", "--length", "7s"], 0);
    for name in ["before.json", "after.json"] {
        std::fs::copy(bed.path("report.json"), bed.path(name)).unwrap();
    }
    bed.write("requests.toml", "[[flow]]\nname = \"all\"\npath = \"/\"\n");
    let places = Places::new();
    for page in [manual, document("docs/deploy/README.md")] {
        for block in blocks(&page, "sh") {
            for line in block.replace("\\\n", " ").lines() {
                let mut words = line.split_whitespace();
                if words.next() == Some("herbarium-load") {
                    places.run(&bed, &words.map(str::to_owned).collect::<Vec<_>>());
                    ran += 1;
                }
            }
        }
    }
    assert!(ran > 11, "{ran}");
}

/// What the names and ports of the manuals stand for here.
struct Places {
    servers: [String; 2],
    workers: [String; 3],
}

/// Programs that wait for others, until this is dropped.
struct Waiting(std::process::Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Places {
    fn new() -> Self {
        Self { servers: [good(), good()], workers: std::array::from_fn(|_| free()) }
    }

    fn here(&self, word: &str) -> String {
        let [old, new] = &self.servers;
        let [first, second, hook] = &self.workers;
        [
            ("http://127.0.0.1:8080", old),
            ("http://127.0.0.1:8081", new),
            ("http://herbarium-stable:7878", old),
            ("http://herbarium-canary:7878", new),
            ("127.0.0.1:9798", first),
            ("127.0.0.1:9799", second),
            ("0.0.0.0:9797", hook),
        ]
        .iter()
        .fold(word.to_owned(), |word, (there, here)| word.replace(there, here))
    }

    fn run(&self, bed: &Bed, words: &[String]) {
        let words: Vec<String> = words.iter().map(|word| self.here(word)).collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if matches!(words[0], "run" | "canary") {
            words.extend(["--length", "1s", "--least-requests", "1"].iter().take(
                // Only canaries count them.
                if words[0] == "canary" { 4 } else { 2 },
            ));
            words.extend(UNLIMITED);
        }
        let waits = matches!(words[0], "worker" | "serve");
        if waits {
            return self.wait_for(bed, &words);
        }
        // The workers that it wants.
        let wants = |worker: &&String| words.iter().any(|word| word.contains(worker.as_str()));
        let workers: Vec<_> = self.workers.iter().filter(wants).collect();
        let _workers: Vec<_> =
            workers.iter().map(|at| start(bed, &["worker", "--listen", at], at)).collect();
        // A gate on times says something of this machine, and is no fault.
        let output = bed.command(&words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0 | 2)),
            "{words:?}: {}: {said}",
            output.status
        );
    }

    /// It listens.
    fn wait_for(&self, bed: &Bed, words: &[&str]) {
        let listens = |at: &&String| words.contains(&at.as_str());
        let at = self.workers.iter().find(listens).expect("an address");
        drop(start(bed, words, at));
    }
}

/// An address where nobody listens.
fn free() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn start(bed: &Bed, words: &[&str], at: &str) -> Waiting {
    let mut waiting = Waiting(bed.command(words).spawn().unwrap());
    for _ in 0..500 {
        if std::net::TcpStream::connect(at).is_ok() {
            return waiting;
        }
        let ended = waiting.0.try_wait().unwrap();
        assert!(ended.is_none(), "{words:?}: {ended:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{words:?} does not listen at {at}");
}

#[test]
fn the_scenario_of_the_manual_is_one() {
    let manual = document("docs/load.md");
    let scenario = blocks(&manual, "toml").remove(0);
    let scenario = herbarium_loadgen::Scenario::from_toml(&scenario).unwrap();
    assert_eq!(scenario.flows.len(), 2);
    assert!(scenario.contradictions().is_empty());
}

#[test]
fn every_option_is_in_the_manual() {
    let manual = document("docs/load.md");
    for command in herbarium_load::program().get_subcommands() {
        assert!(manual.contains(&format!("`{}", command.get_name())), "{}", command.get_name());
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            let is_told =
                manual.contains(&format!("--{option}")) || ["help", "version"].contains(&option);
            assert!(is_told, "--{option}");
        }
    }
}

#[test]
fn every_field_of_the_report_is_in_the_manual() {
    let manual = document("docs/load.md");
    let bed = Bed::new();
    let scenario = format!("{}\n", crate::bed::SCENARIO).replace(
        "stage = [",
        "server = { pid = 1 }\nstage = [{ hold = 9, for = \"200ms\", role = \"climb\" }, \
         { hold = 9, for = \"200ms\", role = \"recovery\" }, ",
    );
    bed.write("all.toml", &scenario);
    bed.load("all.toml", &good(), &["--json", "r.json"], 0);
    let report: serde_json::Value = serde_json::from_str(&bed.read("r.json")).unwrap();
    let mut names = BTreeSet::new();
    fields(&report, &mut names);
    for name in names {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}

/// The scenario has its own section, and errors are named by their class.
fn fields(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| fields(item, names)),
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                if !["scenario", "errors", "faults"].contains(&name.as_str()) {
                    fields(value, names);
                }
            }
        }
        _ => {}
    }
}
