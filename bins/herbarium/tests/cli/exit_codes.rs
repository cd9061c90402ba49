//! Each exit code, and what is said with it.

use std::fs;

use serde_json::{Value, json};

#[cfg(unix)]
use crate::bed::Ran;
use crate::bed::{Bed, Type, check_shape};

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let bed = Bed::sown();
    let check = |args: &[&str], says: &str| {
        bed.run(args).code(2).says(&[says]);
    };
    check(&[], "Usage: herbarium");
    check(&["press"], "unrecognized subcommand");
    check(&["index", "--fast"], "--fast");
    check(&["index", "--workers", "0"], "--workers");
    check(&["index", "--max-file-size", "big"], "such as 32M");
    check(&["index", "--memory", "much"], "such as 32M");
    check(&["index", "--max-parse-time", "0"], "such as 90s");
    check(&["index", "--store", ""], "--store");
    check(&["tree"], "<FILE>");
    check(&["tree", "src/main.rs", "--sexp", "--json"], "--json");
    check(&["languages", "--color", "sometimes"], "auto, always, never");
    check(&["index", "-q", "-v"], "cannot be used with");
    check(&["completions", "csh"], "csh");
    check(&["man", "press"], "name one of index, tree");
    assert!(!bed.store().exists(), "a usage error changes nothing");
}

#[test]
fn a_store_that_cannot_be_used_is_named_with_what_to_do() {
    let bed = Bed::sown();
    fs::write(bed.store(), "a file, no folder").unwrap();
    let store = bed.store().display().to_string();
    for args in [["index", "."].as_slice(), &["tree", "src/main.rs"], &["stats"], &["verify"]] {
        let says = ["error: could not open the store", &store, "what to do: "];
        bed.run(args).code(3).says(&says);
    }
    assert_eq!(fs::read_to_string(bed.store()).unwrap(), "a file, no folder");
}

#[test]
fn a_folder_of_other_things_is_not_taken_for_a_store() {
    let bed = Bed::sown();
    let project = bed.project().into_os_string().into_string().unwrap();
    let before = fs::read_dir(bed.project()).unwrap().count();
    bed.run(["index", ".", "--store", &project]).code(3).says(&["is not a store", "--store"]);
    assert_eq!(fs::read_dir(bed.project()).unwrap().count(), before);
}

#[test]
fn without_a_store_the_reader_is_sent_to_index() {
    let bed = Bed::sown();
    for args in [["stats"].as_slice(), &["verify"], &["tree", "src/main.rs", "--from-store"]] {
        bed.run(args).code(3).says(&["run `herbarium index` first"]);
    }
    assert!(!bed.store().exists(), "a reader makes no store");
}

#[test]
fn a_path_that_is_not_there_cannot_be_read() {
    let bed = Bed::grown();
    bed.run(["index", "nowhere"]).code(3).says(&["could not index", "nowhere", "because: "]);
    bed.run(["tree", "nowhere.rs"]).code(3).says(&["could not read", "nowhere.rs", "because: "]);
    bed.run(["tree", "src"]).code(3).says(&["src"]);
}

#[test]
fn every_path_that_cannot_be_indexed_is_named() {
    let bed = Bed::sown();
    let ran = bed.run(["index", "nowhere", "src", "gone.rs", "web", "lost", "--json"]).code(3);
    assert_eq!(ran.json()["files"], 3, "the others are indexed");
    let lines: Vec<Value> = ran.err.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", ran.err);
    for (line, path) in lines.iter().zip(["nowhere", "gone.rs", "lost"]) {
        assert!(line["error"].as_str().unwrap().contains(path), "{line}");
        check_error(line);
    }
    let none = bed.run(["index", "nowhere", "lost"]).code(3);
    assert_eq!(none.says(&["index nowhere", "index lost"]).out, "");
}

/// Wants the shape of an error, and a word on what to do.
#[track_caller]
fn check_error(error: &Value) {
    let fields = [
        ("error", Type::Text),
        ("causes", Type::List),
        ("help", Type::Text),
        ("exit_code", Type::Number),
    ];
    check_shape(error, &fields);
    assert!(!error["help"].as_str().unwrap().is_empty(), "{error}");
}

#[test]
fn every_error_says_what_to_do() {
    let bed = Bed::grown();
    bed.write("utf16.py", b"\xff\xfea\0");
    bed.write("long.rs", "// long\n".repeat(300));
    bed.write("slow.rs", "fn f() { g(1, 2, 3) }\n".repeat(20_000));
    let check = |args: &[&str], help: &str| {
        let ran = bed.run(args.iter().chain(&["--json"])).code(3);
        assert_eq!(ran.out, "", "{args:?}");
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        check_error(&error);
        let said = error["help"].as_str().unwrap();
        assert!(said.contains(help), "{args:?}: {said}");
    };
    check(&["tree", "nowhere.rs"], "check the path");
    check(&["tree", "src"], "herbarium index");
    check(&["tree", "NOTES"], "languages --known");
    check(&["tree", "utf16.py"], "convert it");
    check(&["tree", "picture.bin"], "if it is text");
    check(&["tree", "long.rs", "--from-store"], "herbarium index");
    check(&["tree", "long.rs", "--max-file-size", "2K"], "--max-file-size");
    check(&["tree", "long.rs", "--memory", "1K"], "--memory");
    check(&["tree", "slow.rs", "--max-parse-time", "1ms"], "--max-parse-time");
    check(&["index", "nowhere"], "check the path");
    #[cfg(unix)]
    check(&["index", "/dev/null"], "name files and folders");
    check(&["stats", "--store", "nowhere"], "herbarium index");
    check(&["index", "--store", "src"], "name an empty or a new directory");
    check(&["index", "--store", "NOTES"], "name another");
}

#[test]
fn a_file_of_no_language_has_no_tree() {
    let bed = Bed::grown();
    bed.run(["tree", "NOTES"]).code(3).says(&["NOTES", "herbarium languages"]);
    bed.run(["tree", "picture.bin"]).code(3).says(&["picture.bin"]);
}

#[test]
fn errors_are_json_for_those_who_asked_for_it() {
    let bed = Bed::grown();
    let ran = bed.run(["tree", "nowhere.rs", "--json"]).code(3);
    assert_eq!(ran.out, "");
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    check_error(&error);
    assert_eq!(error["exit_code"], json!(3));
}

#[test]
fn broken_source_is_no_error() {
    let bed = Bed::with(&[("a.rs", "fn ((( {{{ \u{fffd}"), ("b.py", "def def def\n\t\t  x")]);
    let report = bed.json(["index", "--json"]);
    assert_eq!((&report["files"], &report["errors"]), (&json!(2), &json!(0)));
    bed.run(["verify", "--deep"]).code(0);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_named_and_the_rest_is_pressed() {
    use std::os::unix::fs::PermissionsExt;

    let bed = Bed::sown();
    bed.write("src/secret.rs", "fn secret() {}\n");
    let secret = bed.path("src/secret.rs");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o0)).unwrap();
    let report = Ran::of(&mut bed.unprivileged(["index", "--json"])).code(3).json();
    assert_eq!((&report["files"], &report["errors"]), (&json!(6), &json!(1)));
    assert_eq!(report["problems"][0]["path"], "src/secret.rs");
    assert_eq!(report["problems"][0]["kind"], "unreadable");
    let again = Ran::of(&mut bed.unprivileged(["index"])).code(3);
    again.prints(&["src/secret.rs: unreadable: "]);
}

#[cfg(unix)]
#[test]
fn a_store_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let bed = Bed::grown();
    fs::set_permissions(bed.store(), fs::Permissions::from_mode(0o0)).unwrap();
    for args in [["index", "."].as_slice(), &["tree", "src/main.rs"], &["stats"], &["verify"]] {
        let says = ["error: could not open the store", "what to do: "];
        Ran::of(&mut bed.unprivileged(args)).code(3).says(&says);
    }
    fs::set_permissions(bed.store(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_store_that_may_only_be_read_serves_readers() {
    let bed = Bed::grown();
    bed.may_only_read_the_store();
    let check = |args: &[&str]| Ran::of(&mut bed.unprivileged(args)).code(0);
    check(&["tree", "src/main.rs"]).silent().prints(&["source_file"]);
    check(&["stats"]).prints(&["rust"]);
    check(&["verify", "--deep"]).prints(&["sound"]);
    let says = ["what to do: have the store made writable", "`tree`, `stats`, `verify` and"];
    let ran = Ran::of(&mut bed.unprivileged(["index"])).code(3).says(&says);
    assert!(!ran.err.contains("for reading only"), "that is no option here: {}", ran.err);
}
