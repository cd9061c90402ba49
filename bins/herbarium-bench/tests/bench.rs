//! The program as it is used: exit codes, tables, and the JSON that
//! `docs/bench.md` describes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A code base with files of two languages, long and short.
fn code_base() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..40 {
        let function =
            format!("/// Number {index}.\nfn f{index}(a: u8) -> u8 {{ a + g({index}) }}\n");
        fs::write(dir.path().join(format!("long{index}.rs")), function.repeat(100)).unwrap();
        fs::write(dir.path().join(format!("short{index}.rs")), function).unwrap();
    }
    fs::write(dir.path().join("one.py"), "def f():\n    return 1\n").unwrap();
    dir
}

fn bench(args: &[&str], path: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herbarium-bench"));
    command.args(args).args(path).current_dir(root()).output().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn json(args: &[&str], path: Option<&Path>) -> Value {
    let output = bench(args, path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Path and type of every field, items of a list as `[]`.
fn fields(value: &Value) -> BTreeMap<String, &'static str> {
    fn add(path: &str, value: &Value, fields: &mut BTreeMap<String, &'static str>) {
        let name =
            |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(items) => {
                let items = items.iter().filter(|item| item.is_object());
                items.for_each(|item| add(&format!("{path}[]"), item, fields));
                "list"
            }
            Value::Object(object) => {
                object.iter().for_each(|(key, value)| add(&name(key), value, fields));
                "object"
            }
        };
        if !path.is_empty() && !path.ends_with("[]") {
            fields.insert(path.to_owned(), kind);
        }
    }
    let mut found = BTreeMap::new();
    add("", value, &mut found);
    found
}

/// Fields on the page: those of every command, and those of one.
fn documented(command: &str) -> BTreeMap<String, String> {
    let page = fs::read_to_string(root().join("docs/bench.md")).unwrap();
    let mut fields = BTreeMap::new();
    for section in page.split("\n## ") {
        let heading = section.lines().next().unwrap_or_default();
        if heading != "Every command" && heading != command {
            continue;
        }
        let (_, rows) = section.split_once("| field | type | |\n").expect("a table of fields");
        for row in rows.lines().skip(1).take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            for name in cells[1].split(", ") {
                fields.insert(name.trim_matches('`').to_owned(), cells[2].to_owned());
            }
        }
    }
    fields
}

/// What the page says of a command's JSON is what it prints.
fn check_json(command: &str, value: &Value) {
    let (real, page) = (fields(value), documented(command));
    let names = |fields: Vec<&String>| fields.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(names(real.keys().collect()), names(page.keys().collect()), "{command}");
    for (name, kind) in real {
        let said = &page[&name];
        assert!(said.split(" or ").any(|it| it.starts_with(kind)), "{name}: {kind}, not {said}");
    }
    assert_eq!(value["command"], command);
}

#[test]
fn codec_prints_what_the_page_describes_and_finds_no_difference() {
    let dir = code_base();
    let value = json(&["codec", "--json", "--passes", "1"], Some(dir.path()));
    check_json("codec", &value);
    let rust = &value["languages"][0];
    assert_eq!((&rust["language"], &rust["differences"]), (&"rust".into(), &0.into()));
    assert!(rust["small"]["files"].as_u64() > Some(0));
    assert_eq!(value["left_out"], serde_json::json!(["python"]));
}

#[test]
fn languages_prints_what_the_page_describes() {
    let value = json(&["languages", "--json", "--language", "rust"], None);
    check_json("languages", &value);
    assert!(value["languages"][0]["lines_a_second"].as_f64() > Some(0.0));
}

#[test]
fn languages_takes_real_files_where_they_are_given() {
    let dir = code_base();
    let value = json(&["languages", "--json", "--language", "rust"], Some(dir.path()));
    assert_eq!(value["languages"][0]["real_files"], 40);
}

#[test]
fn a_second_index_parses_nothing() {
    let dir = code_base();
    let value = json(&["index", "--json", "--workers", "2"], Some(dir.path()));
    check_json("index", &value);
    assert_eq!((&value["files"], &value["first"]["parses"]), (&81.into(), &81.into()));
    assert_eq!(
        (&value["second"]["parses"], &value["second"]["trees_reused"]),
        (&0.into(), &81.into())
    );
}

#[test]
fn a_report_is_a_baseline_for_the_next_and_parses_once() {
    let dir = code_base();
    let args = ["report", "--json", "--corpus"];
    let value = json(&args, Some(dir.path()));
    check_json("report", &value);
    let corpus = &value["corpora"][0];
    assert_eq!((&corpus["files"], &corpus["index"]["parses"]), (&81.into(), &81.into()));
    assert_eq!(corpus["query"]["found"], 40 * 101, "{corpus}");
    assert_eq!(value["passed"], true, "{value}");
    let files = tempfile::tempdir().unwrap();
    let (baseline, page) = (files.path().join("baseline.json"), files.path().join("page.md"));
    let compared = |report: &Value| {
        fs::write(&baseline, report.to_string()).unwrap();
        let paths = [baseline.to_str().unwrap(), page.to_str().unwrap()];
        let args = ["report", "--json", "--baseline", paths[0], "--markdown", paths[1], "--corpus"];
        bench(&args, Some(dir.path()))
    };
    let bars = serde_json::from_slice::<Value>(&compared(&value).stdout).unwrap();
    assert_eq!(bars["bars"].as_array().map(Vec::len), Some(7), "{bars}");
    assert!(fs::read_to_string(&page).unwrap().contains("<svg"));
    let mut other = value;
    other["schema"] = 99.into();
    let refused = compared(&other);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("expected a report of schema 1"));
}

#[test]
fn hot_work_is_done_on_a_file_of_a_known_language() {
    let dir = code_base();
    for work in ["parse", "capture", "encode", "decode"] {
        let args =
            ["hot", work, dir.path().join("short1.rs").to_str().unwrap(), "2"].map(String::from);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        assert!(bench(&args, None).status.success(), "{work}");
    }
    check_exit(&["hot", "parse", "Cargo.lock.none", "1"], None, 3, "Cargo.lock.none");
}

#[test]
fn tiers_prints_what_the_page_describes() {
    let dir = code_base();
    let value = json(&["tiers", "--json", "--passes", "2"], Some(dir.path()));
    check_json("tiers", &value);
    let rust = &value["languages"][0];
    assert_eq!(rust["language"], "rust");
    assert!(rust["files"].as_u64() >= Some(12), "{rust}");
    assert!(rust["cold_share"]["p99"].as_f64() > Some(0.0), "{rust}");
    check_exit(&["tiers", "--language", "klingon"], Some(dir.path()), 3, "klingon");
    check_exit(&["tiers", "--min-files", "99"], Some(dir.path()), 3, "give a larger code base");
}

#[test]
fn query_prints_what_the_page_describes_and_finds_no_difference() {
    let dir = code_base();
    let value = json(&["query", "--json", "--passes", "1"], Some(dir.path()));
    check_json("query", &value);
    let rust = &value["languages"][0];
    assert_eq!(rust["language"], "rust");
    let bars = value["bars"].as_array().unwrap();
    let differences = bars.iter().find(|bar| bar["name"] == "files with differences").unwrap();
    assert_eq!(differences["verdict"], "pass");
}

#[test]
fn conformance_finds_no_difference_in_samples_code_and_made_up_queries() {
    let dir = code_base();
    let args = ["conformance", "--json", "--made-up", "20", "-l", "rust", "--code"];
    let value = json(&args, Some(dir.path()));
    check_json("conformance", &value);
    let rust = &value["languages"][0];
    assert_eq!((&rust["language"], &rust["differences"]), (&"rust".into(), &0.into()));
    assert!(rust["matches"].as_u64() > Some(1000), "{rust}");
    assert!(rust["files"].as_u64() > Some(2), "{rust}");
}

#[test]
fn conformance_takes_queries_of_ones_own() {
    let (code, queries) = (code_base(), tempfile::tempdir().unwrap());
    let folder = queries.path().join("rust");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("functions.scm"), "(function_item name: (_) @name)").unwrap();
    fs::write(folder.join("wrong.scm"), "(no_such_kind)").unwrap();
    fs::write(folder.join("circular.scm"), "((identifier)*)+").unwrap();
    fs::write(queries.path().join("klingon.scm"), "(identifier)").unwrap();
    let queries = queries.path().to_str().unwrap();
    let args = ["conformance", "--json", "--queries", queries, "--code"];
    let value = json(&args, Some(code.path()));
    let [rust] = &value["languages"].as_array().unwrap()[..] else { panic!("{value}") };
    let counts = ["queries", "refused", "circular", "differences"].map(|name| &rust[name]);
    assert_eq!(counts, [3, 1, 1, 0]);
    assert!(rust["matches"].as_u64() > Some(0));
}

fn check_exit(args: &[&str], path: Option<&Path>, code: i32, says: &str) {
    let output = bench(args, path);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(said.contains(says), "{args:?}: {said}");
}

#[test]
fn what_went_wrong_is_said_with_an_exit_code() {
    let empty = tempfile::tempdir().unwrap();
    let missing = empty.path().join("missing");
    check_exit(&["codec"], None, 2, "<PATH>");
    check_exit(&["codec"], Some(&missing), 3, "missing");
    check_exit(&["codec"], Some(empty.path()), 3, "give a larger code base");
    check_exit(&["codec", "--language", "klingon"], Some(empty.path()), 3, "klingon");
    check_exit(&["index"], Some(empty.path()), 3, "none of a language that is built in");
    check_exit(&["query"], Some(empty.path()), 3, "give a larger code base");
    check_exit(&["conformance", "-l", "klingon"], None, 3, "klingon");
    check_exit(&["conformance", "--queries"], Some(empty.path()), 3, "--code");
    check_exit(&["languages", "--samples"], Some(&missing), 3, "reading");
}

#[test]
fn tables_fit_a_terminal_of_100_columns() {
    let dir = code_base();
    for args in [&["codec", "--passes", "1"][..], &["index"], &["languages", "--language", "rust"]]
    {
        let output = bench(args, Some(dir.path()));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("PASS"), "{text}");
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{longest:?}: {text}");
    }
}
