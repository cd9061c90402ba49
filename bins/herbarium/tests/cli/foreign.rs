//! Languages that the program has not got, in a store that another one filled.

use crate::bed::{Bed, Ran};

/// Runs as a program that was built without these languages.
fn run_without(bed: &Bed, languages: &str, args: &[&str]) -> Ran {
    Ran::of(bed.command(args).env("HERBARIUM_NEVER_PARSE", languages))
}

const NAMES: &str = "(function_definition name: (identifier) @n)";
const EXPECTED: &str = "tools/run.py:1:5:@n: def run(x):\n";

#[test]
fn what_is_stored_is_asked() {
    let bed = Bed::grown();
    for more in [&["--no-index"][..], &[], &["-l", "python"], &["-l", "python", "--no-index"]] {
        let args = [&["query", NAMES, "tools"], more].concat();
        assert_eq!(run_without(&bed, "python", &args).code(0).silent().out, EXPECTED, "{more:?}");
        let args = [&["symbols", "tools"], more].concat();
        let ran = run_without(&bed, "python", &args).code(0).silent();
        assert_eq!(ran.out, "tools/run.py:1:5: function run: def run(x)\n", "{more:?}");
    }
    let tree = run_without(&bed, "python", &["tree", "tools/run.py", "--sexp"]).code(0).silent();
    assert_eq!(tree.out, bed.run(["tree", "tools/run.py", "--sexp"]).out);
    let index = run_without(&bed, "python", &["index", "--json"]).code(0).json();
    assert_eq!((&index["parses"], &index["trees_reused"]), (&0.into(), &6.into()));
}

#[test]
fn what_is_not_stored_is_named() {
    let bed = Bed::sown();
    run_without(&bed, "python", &["query", NAMES, "-l", "python"])
        .code(2)
        .says(&["Python was not built in", "--features"]);
    run_without(&bed, "python", &["index"]).code(0);
    run_without(&bed, "python", &["query", NAMES, "-l", "python"])
        .code(2)
        .says(&["Python was not built in, and the store knows nothing of it"]);
    run_without(&bed, "python", &["symbols", "-l", "python"])
        .code(2)
        .says(&["Python was not built in"]);
    bed.run(["index"]).code(0);
    bed.write("tools/run.py", "def walk(x):\n    return x\n");
    let ran = run_without(&bed, "python", &["query", NAMES, "-l", "python"]).code(0);
    assert_eq!(ran.out, "");
}

#[test]
fn a_language_of_no_tables_is_left_out_and_the_others_are_asked() {
    let bed = Bed::grown();
    // As a store from before there were any.
    let segments = std::fs::read_dir(bed.store().join("segments")).unwrap();
    for path in segments.map(|entry| entry.unwrap().path()) {
        let mut bytes = std::fs::read(&path).unwrap();
        // The type of the records that are parse tables: now one that nobody knows.
        for at in 0..bytes.len().saturating_sub(3) {
            if bytes[at..].starts_with(b"HR\x05") {
                bytes[at + 2] = 99;
            }
        }
        std::fs::write(path, bytes).unwrap();
    }
    let ran = run_without(&bed, "python", &["query", "(identifier) @i", "--no-index"]).code(0);
    let ran =
        ran.says(&["not asked: 1 file: Python was not built in", "index once with a program"]);
    assert!(ran.out.contains("src/lib.rs") && !ran.out.contains("run.py"), "{}", ran.out);
}

#[test]
fn the_variable_is_checked() {
    let bed = Bed::sown();
    run_without(&bed, "python,klingon", &["index"])
        .code(2)
        .says(&["HERBARIUM_NEVER_PARSE", "klingon"]);
}
