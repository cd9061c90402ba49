//! Pressing a code base.

use std::fs;

use serde_json::{Value, json};

use crate::bed::{Bed, Ran, Type, check_shape, check_values};

const FIGURES: [(&str, Type); 6] = [
    ("files", Type::Number),
    ("lines", Type::Number),
    ("nodes", Type::Number),
    ("source_bytes", Type::Number),
    ("stored_bytes", Type::Number),
    ("bytes_per_node", Type::NumberOrNull),
];

#[test]
fn the_json_report_has_the_documented_shape() {
    let report = Bed::sown().json(["index", ".", "--json"]);
    let mut fields = FIGURES.to_vec();
    fields.extend([
        ("trees_new", Type::Number),
        ("trees_reused", Type::Number),
        ("parses", Type::Number),
        ("reads", Type::Number),
        ("errors", Type::Number),
        ("found", Type::Number),
        ("skipped", Type::Object),
        ("languages", Type::Object),
        ("problems", Type::List),
        ("dictionaries_new", Type::Number),
        ("cancelled", Type::Flag),
        ("seconds", Type::Number),
        ("cpu_seconds", Type::Number),
        ("parse_cpu_seconds", Type::Number),
        ("store", Type::Text),
    ]);
    check_shape(&report, &fields);
    check_shape(&report["languages"]["rust"], &FIGURES);
    let skipped = [
        ("unknown_language", Type::Number),
        ("not_built_in", Type::Object),
        ("injection_only", Type::Number),
        ("binary", Type::Number),
        ("special", Type::Number),
    ];
    check_shape(&report["skipped"], &skipped);
}

#[test]
fn every_file_is_counted_once() {
    let report = Bed::sown().json(["index", "--json"]);
    let expected = [
        ("found", json!(8)),
        ("files", json!(6)),
        ("trees_new", json!(6)),
        ("trees_reused", json!(0)),
        ("parses", json!(6)),
        ("errors", json!(0)),
        ("problems", json!([])),
        ("cancelled", json!(false)),
    ];
    check_values(&report, &expected);
    let skipped = json!({
        "unknown_language": 1, "not_built_in": {},
        "injection_only": 0, "binary": 1, "special": 0,
    });
    assert_eq!(report["skipped"], skipped);
    let languages: Vec<_> = report["languages"].as_object().unwrap().keys().collect();
    assert_eq!(languages, ["c", "javascript", "json", "python", "rust"]);
    assert_eq!(report["languages"]["rust"]["files"], 2);
}

#[test]
fn a_second_run_parses_nothing() {
    let bed = Bed::grown();
    let again = bed.json(["index", "--json"]);
    check_values(
        &again,
        &[
            ("files", json!(6)),
            ("parses", json!(0)),
            ("trees_new", json!(0)),
            ("trees_reused", json!(6)),
        ],
    );
}

#[test]
fn what_moved_or_was_copied_is_not_parsed_again() {
    let bed = Bed::grown();
    fs::rename(bed.path("src"), bed.path("source")).unwrap();
    fs::copy(bed.path("tools/run.py"), bed.path("tools/copy.py")).unwrap();
    let again = bed.json(["index", "--json"]);
    check_values(&again, &[("files", json!(7)), ("parses", json!(0)), ("trees_new", json!(0))]);
}

#[test]
fn only_what_changed_is_parsed_again() {
    let bed = Bed::grown();
    bed.write("tools/run.py", "def run(x):\n    return x\n");
    let again = bed.json(["index", "--json"]);
    check_values(
        &again,
        &[("parses", json!(1)), ("trees_new", json!(1)), ("trees_reused", json!(5))],
    );
}

#[test]
fn the_summary_names_every_figure() {
    let ran = Bed::sown().run(["index", "."]).code(0).silent();
    ran.prints(&[
        "files      6\n",
        "languages  5 (rust 2, ",
        "lines      ",
        "nodes      ",
        "trees      6 new, 0 reused\n",
        "parses     6\n",
        "source     ",
        "stored     ",
        " bytes a node",
        "time       ",
        "left out   1 of no known language, 1 binary\n",
        "next: `herbarium tree FILE`",
    ]);
}

#[test]
fn a_language_that_was_not_built_in_is_named_with_the_set_that_has_it() {
    let bed = Bed::with(&[("main.zig", "pub fn main() void {}\n")]);
    let (report, text) = (bed.json(["index", "--json"]), bed.run(["index"]).code(0).out);
    let named = "not built  zig 1 (build with `--features extended-langs`)";
    let built_in = herbarium_languages::by_id("zig").is_some();
    assert_eq!(report["files"], json!(u64::from(built_in)));
    assert_eq!(report["skipped"]["not_built_in"] == json!({"zig": 1}), !built_in, "{report}");
    assert_eq!(text.contains(named), !built_in, "{text}");
}

#[test]
fn a_file_over_the_limit_is_named_and_no_failure() {
    let bed = Bed::sown();
    bed.write("src/long.rs", "// long\n".repeat(300));
    let report = bed.json(["index", "--json", "--max-file-size", "2K"]);
    check_values(&report, &[("files", json!(6)), ("errors", json!(1))]);
    let problem = &report["problems"][0];
    check_shape(problem, &[("path", Type::Text), ("kind", Type::Text), ("message", Type::Text)]);
    check_values(problem, &[("path", json!("src/long.rs")), ("kind", json!("too_large"))]);
    bed.run(["index", "--max-file-size", "2K"]).code(0).prints(&["problems   1\n", "src/long.rs"]);
    check_values(&bed.json(["index", "--json"]), &[("files", json!(7)), ("errors", json!(0))]);
}

#[test]
fn the_advice_on_a_limit_names_the_option_that_raises_it() {
    let bed = Bed::with(&[("a.rs", "fn a() {}\n")]);
    bed.write("dense.json", format!("[{}1]", "1,".repeat(100_000)));
    let over = |args: &[&str], kind: &str, option: &str| {
        let report = bed.json(["index", "--json"].iter().chain(args));
        check_values(&report, &[("files", json!(1)), ("errors", json!(1))]);
        let problem = &report["problems"][0];
        check_values(problem, &[("path", json!("dense.json")), ("kind", json!(kind))]);
        let message = problem["message"].as_str().unwrap();
        assert!(message.contains(&format!("({option} sets the limit)")), "{message}");
        bed.run(["index"].iter().chain(args)).code(0).prints(&[option]);
    };
    over(&["--max-file-size", "100K"], "too_large", "--max-file-size");
    over(&["--memory", "10MiB"], "too_large", "--memory");
    over(&["--max-parse-time", "1ms"], "timed_out", "--max-parse-time");
    let raised = ["index", "--json", "--memory", "512MiB", "--max-parse-time", "2m"];
    check_values(&bed.json(raised), &[("files", json!(2)), ("errors", json!(0))]);
}

#[test]
fn limits_are_taken_from_the_environment_unless_typed() {
    let bed = Bed::with(&[("a.rs", "fn a() {}\n")]);
    bed.write("dense.json", format!("[{}1]", "1,".repeat(100_000)));
    let files = |variable: &str, value: &str, args: &[&str]| {
        let mut command = bed.command(["index", "--json"].iter().chain(args));
        let ran = Ran::of(command.env(variable, value));
        ran.code(0).json()["files"].clone()
    };
    for (variable, low, option, high) in [
        ("HERBARIUM_MEMORY", "10MiB", "--memory", "1G"),
        ("HERBARIUM_MAX_FILE_SIZE", "100K", "--max-file-size", "1M"),
        ("HERBARIUM_MAX_PARSE_TIME", "1ms", "--max-parse-time", "60"),
    ] {
        fs::remove_dir_all(bed.store()).ok();
        assert_eq!(files(variable, low, &[]), 1, "{variable}");
        assert_eq!(files(variable, low, &[option, high]), 2, "{variable}");
        assert_eq!(files(variable, "", &[]), 2, "an empty {variable} is none");
        let mut command = bed.command(["index"]);
        let wrong = Ran::of(command.env(variable, "lots")).code(2);
        wrong.says(&[variable, "lots", "what to do: unset"]);
    }
}

#[test]
fn an_empty_variable_names_no_store() {
    let bed = Bed::sown();
    let cache = bed.path("cache");
    let mut command = bed.command(["index", "src", "--json"]);
    command.env("HERBARIUM_STORE", "").env("XDG_CACHE_HOME", &cache).env("HOME", bed.project());
    command.env("LOCALAPPDATA", &cache);
    let report = Ran::of(&mut command).code(0).json();
    let store = report["store"].as_str().unwrap();
    assert!(store.ends_with("herbarium"), "the default: {store}");
    assert!(!bed.store().exists());
}

#[test]
fn many_problems_are_counted_and_all_named_on_request() {
    let bed = Bed::new();
    for number in 0..30 {
        bed.write(format!("{number:02}.rs"), "// long\n".repeat(30));
    }
    let args = ["index", "--max-file-size", "100"];
    let short = bed.run(args).code(0).prints(&["problems   30\n", "and 10 more: -v names all"]);
    assert!(!short.out.contains("29.rs"));
    let long = bed.run(args.iter().chain(&["-v"])).code(0).prints(&["29.rs"]);
    assert!(!long.out.contains("more: -v"));
}

#[test]
fn folders_and_files_can_be_named() {
    let bed = Bed::sown();
    check_values(&bed.json(["index", "src", "--json"]), &[("files", json!(2))]);
    let some = bed.json(["index", "tools", "web/app.js", "--json"]);
    check_values(&some, &[("files", json!(2)), ("parses", json!(2))]);
    let all = bed.json(["index", "--json"]);
    check_values(&all, &[("files", json!(6)), ("parses", json!(2)), ("trees_reused", json!(4))]);
}

#[test]
fn ignored_files_are_left_out() {
    let bed = Bed::sown();
    bed.write(".ignore", "src/\n*.js\n");
    let report = bed.json(["index", "--json"]);
    assert_eq!(report["files"], 3);
}

#[test]
fn an_empty_project_is_fine() {
    let bed = Bed::new();
    let report = bed.json(["index", "--json"]);
    check_values(&report, &[("files", json!(0)), ("bytes_per_node", Value::Null)]);
    bed.run(["index"]).code(0).silent().prints(&["files      0\n"]);
}

#[test]
fn the_number_of_workers_changes_nothing_but_time() {
    let (one, four) = (Bed::sown(), Bed::sown());
    let one = one.json(["index", "--json", "--workers", "1"]);
    let four = four.json(["index", "--json", "--workers", "4"]);
    for figure in ["files", "lines", "nodes", "parses", "source_bytes"] {
        assert_eq!(one[figure], four[figure], "{figure}");
    }
}

#[test]
fn the_store_can_be_named_before_and_after_the_command() {
    let bed = Bed::sown();
    let other = bed.project().parent().unwrap().join("other");
    let other = other.to_str().unwrap();
    bed.json(["--store", other, "index", "--json"]);
    let again = bed.json(["index", "--store", other, "--json"]);
    check_values(&again, &[("parses", json!(0)), ("store", json!(other))]);
    assert!(!bed.store().exists(), "the variable gives way to the option");
}
