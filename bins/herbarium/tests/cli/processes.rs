//! Several processes on one store.

use std::process::Stdio;

use serde_json::json;

use crate::bed::{Bed, Ran, check_values};

fn many_sources() -> Vec<(String, String)> {
    let source = |number: usize| format!("fn f{number}(a: u32) -> u32 {{\n    a + {number}\n}}\n");
    (0..200).map(|number| (format!("src/f{number}.rs"), source(number))).collect()
}

#[test]
fn two_processes_may_press_one_project_at_once() {
    let sources = many_sources();
    let sources: Vec<_> =
        sources.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bed = Bed::with(&sources);
    let start = |args: &[&str]| {
        let mut command = bed.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..3).map(|_| start(&["index", "--json"])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let report = Ran::from_output("index".into(), output).code(0).json();
        check_values(&report, &[("files", json!(200)), ("errors", json!(0))]);
        assert_eq!(
            report["trees_new"].as_u64().unwrap() + report["trees_reused"].as_u64().unwrap(),
            200
        );
    }
    check_values(&bed.json(["index", "--json"]), &[("files", json!(200)), ("parses", json!(0))]);
    let stats = bed.json(["stats", "--json"]);
    check_values(&stats, &[("trees", json!(200))]);
    let report = bed.json(["verify", "--deep", "--json"]);
    check_values(
        &report,
        &[("compared", json!(200)), ("differences", json!(0)), ("sound", json!(true))],
    );
}

#[test]
fn readers_read_while_another_process_writes() {
    let sources = many_sources();
    let sources: Vec<_> =
        sources.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bed = Bed::with(&sources);
    bed.run(["index", "src/f0.rs"]).code(0);
    let mut writer = bed.command(["index", "--json"]);
    let writer = writer.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..5 {
        bed.run(["tree", "src/f0.rs", "--from-store"]).code(0).silent();
        bed.run(["stats"]).code(0);
    }
    Ran::from_output("index".into(), writer.wait_with_output().unwrap()).code(0);
}
