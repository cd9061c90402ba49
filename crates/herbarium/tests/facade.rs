//! The crate as another project uses it.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use herbarium::{Cancel, Error, Herbarium, Origin, Role, Scope, SymbolKind, press};
use tempfile::TempDir;

/// A project of some files, and a store beside it.
struct Bed {
    _dir: TempDir,
    project: PathBuf,
    herbarium: Herbarium,
}

const FILES: [(&str, &str); 4] = [
    ("a.rs", "/// Runs.\nfn run() { stop(1); stop(2) }\n"),
    ("b.rs", "fn stop(code: i32) { run() }\n"),
    ("c.py", "def run():\n    stop(3)\n"),
    ("d.json", "{\"run\": true}\n"),
];

fn bed() -> Bed {
    let dir = tempfile::tempdir().expect("a folder");
    let project = dir.path().join("project");
    fs::create_dir(&project).expect("a folder");
    for (name, text) in FILES {
        fs::write(project.join(name), text).expect("a file");
    }
    let herbarium = Herbarium::open(dir.path().join("store")).expect("a store");
    Bed { _dir: dir, project, herbarium }
}

/// `name:line text` of every capture.
fn check(bed: &Bed, scope: &Scope, query: &str, expected: &[&str]) {
    let answer = bed.herbarium.query(scope, query).expect("an answer");
    let found: Vec<String> = answer
        .files
        .iter()
        .flat_map(|file| file.matches.iter().map(move |one| (file, one)))
        .flat_map(|(file, one)| one.captures.iter().map(move |it| (file, it)))
        .map(|(file, it)| {
            let name = file.path.file_name().expect("a name").to_string_lossy();
            format!("{name}:{} {}", it.range.start_point.row + 1, it.text)
        })
        .collect();
    assert_eq!(found, expected, "{query}");
}

const CALLS: &str = "(call_expression function: (identifier) @name)";

#[test]
fn a_query_is_answered_in_the_order_of_the_paths() {
    let bed = bed();
    let scope = Scope::of([&bed.project]).language("rust");
    check(&bed, &scope, CALLS, &["a.rs:2 stop", "a.rs:2 stop", "b.rs:1 run"]);
    check(&bed, &scope, "(integer_literal) @n", &["a.rs:2 1", "a.rs:2 2"]);
    check(&bed, &scope, "(macro_invocation) @n", &[]);
}

#[test]
fn nothing_is_parsed_twice() {
    let bed = bed();
    let scope = Scope::of([&bed.project]);
    bed.herbarium.index([&bed.project]).expect("a report");
    assert_eq!(bed.herbarium.engine().parses(), 4);
    check(&bed, &scope.clone().language("python"), "(call function: (_) @f)", &["c.py:2 stop"]);
    let opened = bed.herbarium.tree(bed.project.join("a.rs")).expect("a tree");
    assert_eq!((opened.from, bed.herbarium.engine().parses()), (Origin::Store, 4));
    fs::write(bed.project.join("b.rs"), "fn b() { c() }\n").expect("a file");
    check(&bed, &scope.language("rust"), CALLS, &["a.rs:2 stop", "a.rs:2 stop", "b.rs:1 c"]);
    assert_eq!(bed.herbarium.engine().parses(), 5);
}

#[test]
fn a_query_that_is_wrong_for_some_languages_is_asked_in_the_others() {
    let bed = bed();
    let answer = bed.herbarium.query(&Scope::of([&bed.project]), CALLS).expect("an answer");
    let wrong: Vec<_> = answer.wrong.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((wrong, answer.files.len()), (vec!["json", "python"], 2));
}

#[test]
fn a_query_that_is_wrong_for_all_languages_is_an_error() {
    let bed = bed();
    let error = bed.herbarium.query(&Scope::of([&bed.project]).language("rust"), "(cal) @x");
    match error {
        Err(Error::Query { language, error }) => {
            assert_eq!(language, "rust");
            assert!(error.to_string().contains("cal"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_changed_is_missed_where_the_store_is_asked_as_it_is() {
    let bed = bed();
    bed.herbarium.index([&bed.project]).expect("a report");
    fs::write(bed.project.join("b.rs"), "fn other() { changed() }\n").expect("a file");
    let scope = Scope::of([&bed.project]).language("rust").as_stored();
    let answer = bed.herbarium.query(&scope, CALLS).expect("an answer");
    assert_eq!((answer.files.len(), answer.missed.len()), (1, 1), "{answer:?}");
}

#[test]
fn symbols_have_their_texts() {
    let bed = bed();
    let scope = Scope::of([&bed.project]).language("rust");
    let answer = bed.herbarium.symbols(&scope).expect("an answer");
    let run = &answer.files[0].symbols[0];
    assert_eq!(
        (run.role, run.kind, run.name.as_str()),
        (Role::Definition, SymbolKind::Function, "run")
    );
    assert_eq!(run.doc.as_deref(), Some("Runs."));
    assert_eq!(run.signature, "fn run()");
    assert_eq!(answer.files.len(), 2);
}

#[test]
fn whoever_hears_can_end_it() {
    let bed = bed();
    let (mut heard, scope) = (0, Scope::of([&bed.project]).language("rust"));
    let answer = bed.herbarium.query_each(&scope, CALLS, |_| {
        heard += 1;
        ControlFlow::Break(())
    });
    assert_eq!((heard, answer.expect("an answer").stopped), (1, true));
}

#[test]
fn a_cancelled_question_stops() {
    let bed = bed();
    bed.herbarium.index([&bed.project]).expect("a report");
    let cancel = Cancel::new();
    cancel.cancel();
    let scope = Scope::of([&bed.project]).as_stored().cancel(&cancel);
    let answer = bed.herbarium.symbols(&scope).expect("an answer");
    assert!(answer.stopped && answer.files.is_empty(), "{answer:?}");
}

#[test]
fn errors_name_what_was_meant() {
    let bed = bed();
    let cases = [
        (press("klingon", b"").map(drop), "klingon"),
        (bed.herbarium.tree(bed.project.join("none.rs")).map(drop), "none.rs"),
        (bed.herbarium.index([bed.project.join("none")]).map(drop), "none"),
        (
            bed.herbarium.query(&Scope::of([&bed.project]).language("klingon"), CALLS).map(drop),
            "klingon",
        ),
    ];
    for (result, expected) in cases {
        let error = result.expect_err("an error").to_string();
        assert!(error.contains(expected), "`{error}` does not name {expected}");
    }
}
