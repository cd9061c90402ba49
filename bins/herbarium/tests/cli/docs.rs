//! The documents say what the program does.

use std::path::{Path, PathBuf};

use crate::bed::Bed;

fn document(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path: PathBuf = root.join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines that start with `$ ` in blocks of that kind.
fn commands(text: &str, kind: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(of) => inside = !inside && of == kind,
            None if inside => found.extend(line.strip_prefix("$ ").map(str::to_owned)),
            None => {}
        }
    }
    found
}

/// What a shell makes of a line: words, and single quotes around some.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in line.split('\'').enumerate() {
        let mut pieces = if at % 2 == 0 { part.split(' ').collect() } else { vec![part] };
        words.last_mut().unwrap().push_str(pieces.remove(0));
        words.extend(pieces.into_iter().map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_manual_runs() {
    let bed = Bed::grown();
    let commands = commands(&document("docs/cli.md"), "console");
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let words = words(&command);
        let (program, args) = words.split_first().unwrap();
        assert_eq!(*program, "herbarium", "{command}");
        bed.run(args).code(0);
    }
}

#[test]
fn every_field_of_the_json_is_in_the_manual() {
    let bed = Bed::grown();
    bed.write("src/long.rs", "// long\n".repeat(300));
    let manual = document("docs/cli.md");
    let runs: [&[&str]; 5] = [
        &["index", "--json", "--max-file-size", "2K"],
        &["tree", "c/broken.c", "--json"],
        &["stats", "--json"],
        &["verify", "--deep", "--json"],
        &["completions", "bash", "--json"],
    ];
    let of_lines: [&[&str]; 5] = [
        &["query", "(identifier) @id", "--json", "-l", "rust"],
        &["query", "(identifier) @id", "--json", "-l", "rust", "--count"],
        &["query", "(identifier) @id", "--json", "-l", "rust", "--files-with-matches"],
        &["symbols", "--json", "--references", "-l", "rust"],
        &["languages", "--json"],
    ];
    let of_lines = of_lines.map(|args| {
        let ran = bed.run(args).code(0);
        let lines = ran.out.lines().map(|line| serde_json::from_str(line).unwrap());
        (args, serde_json::Value::Array(lines.collect()))
    });
    for (args, json) in runs.map(|args| (args, bed.json(args))).into_iter().chain(of_lines) {
        let mut fields = Vec::new();
        fields_of(&json, &mut fields);
        fields.sort();
        fields.dedup();
        for field in fields {
            assert!(manual.contains(&format!("`{field}`")), "{field} of {args:?}");
        }
    }
}

/// Names of fields, but not those that are ids of languages.
fn fields_of(value: &serde_json::Value, fields: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| fields_of(item, fields)),
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                if herbarium_languages::known().iter().all(|row| row.id != name) {
                    fields.push(name.clone());
                }
                fields_of(value, fields);
            }
        }
        _ => {}
    }
}

#[test]
fn every_option_is_in_the_manual() {
    let manual = document("docs/cli.md");
    let program = herbarium_cli::program();
    let commands = program.get_subcommands().chain([&program]);
    for command in commands {
        let name = command.get_name();
        assert!(manual.contains(name), "{name}");
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(manual.contains(&format!("--{option}")), "--{option} of {name}");
        }
    }
}

#[test]
fn the_readme_names_commands_that_exist() {
    let readme = document("README.md");
    let program = herbarium_cli::program();
    let typed: Vec<_> = commands(&readme, "console");
    assert!(typed.iter().any(|line| line == "cargo run --release --bin herbarium -- index ."));
    assert!(typed.iter().any(|line| line == "cargo test --workspace"));
    for line in typed {
        let Some((_, args)) = line.split_once(" -- ") else { continue };
        // The service has a test of its own for its commands.
        if line.contains("--bin herbariumd ") {
            continue;
        }
        let words = ["herbarium".to_owned()].into_iter().chain(words(args));
        let parsed = program.clone().try_get_matches_from(words);
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}
