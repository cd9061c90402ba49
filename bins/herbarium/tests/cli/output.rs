//! Pipes, colour, quietness, and names that are no text.

use std::io::Read;
use std::process::Stdio;

use serde_json::json;

use crate::bed::{Bed, check_values};

/// More than a pipe holds, so that the program meets its end while writing.
fn long_source() -> String {
    (0..20_000).map(|number| format!("let a{number} = {number};\n")).collect()
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_program_quietly() {
    let bed = Bed::with(&[("long.js", &long_source())]);
    bed.run(["index"]).code(0);
    for args in [
        ["tree", "long.js"].as_slice(),
        &["tree", "long.js", "--json"],
        &["tree", "long.js", "--sexp"],
    ] {
        let mut command = bed.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut start = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{args:?}");
    }
}

#[test]
fn nobody_listening_at_all_is_fine_too() {
    let bed = Bed::grown();
    for args in ANSWERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (reader, errors) = std::io::pipe().unwrap();
        drop(reader);
        let status = bed.command(args).stdout(writer).stderr(errors).status().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}");
    }
}

/// Everything that prints an answer.
const ANSWERS: [&[&str]; 18] = [
    &["--help"],
    &["--version"],
    &["help", "index"],
    &["index", "--help"],
    &["index"],
    &["index", "--json"],
    &["tree", "src/main.rs"],
    &["tree", "src/main.rs", "--sexp"],
    &["tree", "src/main.rs", "--json"],
    &["stats"],
    &["stats", "--json"],
    &["verify"],
    &["verify", "--deep", "--json"],
    &["languages"],
    &["languages", "--json"],
    &["completions", "bash"],
    &["man"],
    &["man", "index", "--json"],
];

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_answer_is_an_error() {
    let bed = Bed::grown();
    for args in ANSWERS {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = bed.command(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("could not write the answer"), "{args:?}: {said}");
    }
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let bed = Bed::grown();
    let is_coloured = |args: &[&str]| bed.run(args).code(0).out.contains('\u{1b}');
    assert!(!is_coloured(&["tree", "src/lib.rs"]));
    assert!(!is_coloured(&["tree", "src/lib.rs", "--color", "auto"]));
    assert!(is_coloured(&["tree", "src/lib.rs", "--color", "always"]));
    assert!(!is_coloured(&["tree", "src/lib.rs", "--color", "never"]));
    assert!(!is_coloured(&["tree", "src/lib.rs", "--color", "always", "--json"]));
    assert!(is_coloured(&["stats", "--color=always"]));
    let uncoloured = bed.run(["tree", "src/lib.rs"]).out;
    let coloured = bed.run(["tree", "src/lib.rs", "--color", "always"]).out;
    assert_eq!(without_colour(&coloured), uncoloured);
}

fn without_colour(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}

#[test]
fn quiet_leaves_the_answer_alone() {
    let bed = Bed::sown();
    let ran = bed.run(["index", "--quiet"]).code(0).silent().prints(&["files      6\n"]);
    assert!(!ran.out.contains("next:"));
}

#[test]
fn where_there_is_no_terminal_there_is_no_bar() {
    let bed = Bed::sown();
    bed.run(["index"]).code(0).silent();
    bed.run(["verify", "--deep"]).code(0).silent();
}

#[test]
fn paths_are_shown_relative_to_the_current_directory() {
    let bed = Bed::sown();
    bed.write("src/deep/long.rs", "// long\n".repeat(300));
    let args = ["index", "..", "--json", "--max-file-size", "2K"];
    let mut inside = bed.command(args);
    inside.current_dir(bed.path("src"));
    let ran = crate::bed::Ran::of(&mut inside).code(0);
    assert_eq!(ran.json()["problems"][0]["path"], "deep/long.rs");
    let absolute = bed.path("src/deep/long.rs");
    let ran = bed.run(["tree", absolute.to_str().unwrap(), "--json"]).code(0);
    check_values(&ran.json(), &[("language", json!("rust"))]);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_do_not_break_json() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let bed = Bed::sown();
    let name = OsStr::from_bytes(b"caf\xe9.rs");
    bed.write(name, "// long\n".repeat(300));
    let report = bed.run(["index", "--json", "--max-file-size", "2K"]).code(0).json();
    check_values(&report, &[("files", json!(6)), ("errors", json!(1))]);
    assert_eq!(report["problems"][0]["path"], "caf\u{fffd}.rs");
    bed.json(["index", "--json"]);
    let tree = bed.json([OsStr::new("tree"), name, OsStr::new("--json")]);
    check_values(&tree, &[("path", json!("caf\u{fffd}.rs")), ("parsed", json!(false))]);
}
