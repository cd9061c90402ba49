//! The manual says what the program does.

use std::collections::BTreeSet;
use std::path::Path;

use crate::bed::{Bed, good};

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

/// Every command of the manual is run: those of `console` blocks as they are,
/// the others against a server of the test.
#[test]
fn every_command_of_the_manual_runs() {
    let manual = document("docs/load.md");
    let bed = Bed::new();
    let mut ran = 0;
    for line in blocks(&manual, "console").concat().lines() {
        let words: Vec<&str> = line.strip_prefix("$ herbarium-load ").unwrap().split(' ').collect();
        bed.run(&words, 0);
        ran += 1;
    }
    let url = good();
    bed.load("short.toml", &url, &["--json", "report.json"], 0);
    for name in ["before.json", "after.json"] {
        std::fs::copy(bed.path("report.json"), bed.path(name)).unwrap();
    }
    for block in
        blocks(&manual, "sh").into_iter().chain(blocks(&document("docs/deploy/README.md"), "sh"))
    {
        for line in block.replace("\\\n", " ").lines().filter(|line| !line.trim().is_empty()) {
            let args = line.split_whitespace().skip(1);
            let parsed = herbarium_load::program()
                .try_get_matches_from(["herbarium-load"].into_iter().chain(args));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            ran += 1;
        }
    }
    assert!(ran > 8, "{ran}");
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
