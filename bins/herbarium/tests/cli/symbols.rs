//! `symbols`: definitions, filters, formats.

use serde_json::{Value, json};

use crate::bed::{Bed, Type, check_shape, check_values};

const SHAPES: &str = "\
/// A place.
pub struct Point {
    x: f64,
}

impl Point {
    pub fn norm(&self) -> f64 {
        abs(self.x)
    }
}
";

fn bed() -> Bed {
    Bed::with(&[
        ("src/point.rs", SHAPES),
        ("tools/run.py", "class Runner:\n    def run(self):\n        return run_all()\n"),
        ("data.json", "{\"a\": 1}\n"),
    ])
}

#[test]
fn definitions_are_listed_by_place() {
    let ran = bed().run(["symbols", "src"]).code(0).silent();
    let expected = "\
src/point.rs:2:12: struct Point: pub struct Point
src/point.rs:3:5: field x: x: f64
src/point.rs:6:6: impl Point: impl Point
src/point.rs:7:12: method norm: pub fn norm(&self) -> f64
";
    assert_eq!(ran.out, expected);
}

#[test]
fn the_shape_of_json_is_that_of_the_manual() {
    use Type::{List, Number, Object, Text};
    let bed = bed();
    let ran = bed.run(["symbols", "--json", "-l", "rust", "--references"]).code(0).silent();
    let symbols: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let method = symbols.iter().find(|it| it["name"] == "norm").unwrap();
    check_shape(
        &json!({ "at": method["range"], "with": method["container"], "and": [] }),
        &[("at", Object), ("with", Object), ("and", List)],
    );
    for range in ["range", "name_range"] {
        let fields =
            [("start_byte", Number), ("end_byte", Number), ("start", Object), ("end", Object)];
        check_shape(&method[range], &fields);
    }
    check_values(
        method,
        &[
            ("path", json!("src/point.rs")),
            ("language", json!("rust")),
            ("role", json!("definition")),
            ("kind", json!("method")),
            ("container", json!({ "kind": "impl", "name": "Point" })),
            ("signature", json!("pub fn norm(&self) -> f64")),
            ("doc", Value::Null),
        ],
    );
    let place = symbols.iter().find(|it| it["kind"] == "struct").unwrap();
    check_values(place, &[("doc", json!("A place.")), ("container", Value::Null)]);
    check_shape(
        &place["doc"].as_str().map_or(json!({}), |it| json!({ "doc": it })),
        &[("doc", Text)],
    );
    assert!(symbols.iter().any(|it| it["role"] == "reference" && it["name"] == "abs"));
}

#[test]
fn kind_name_and_language_narrow_it() {
    let bed = bed();
    let check = |args: &[&str], expected: &[&str]| {
        let ran = bed.run(["symbols"].iter().chain(args)).code(0);
        let places: Vec<_> = ran.out.lines().map(|it| it.split(": ").next().unwrap()).collect();
        assert_eq!(places, expected, "{args:?}");
    };
    check(&["--kind", "method"], &["src/point.rs:7:12", "tools/run.py:2:9"]);
    check(&["--kind", "struct", "--kind", "class"], &["src/point.rs:2:12", "tools/run.py:1:7"]);
    check(&["--name", "run"], &["tools/run.py:2:9"]);
    check(&["--name", "r*"], &["tools/run.py:2:9"]);
    check(&["--name", "/^[rn]/", "-l", "rust"], &["src/point.rs:7:12"]);
    check(&["--name", "nothing"], &[]);
    bed.run(["symbols", "--kind", "thing"]).code(2).says(&["thing", "function, method"]);
    bed.run(["symbols", "--name", "/(/"]).code(2).says(&["regular expression"]);
    bed.run(["symbols", "--format", "ctags", "--json"]).code(2);
}

#[test]
fn a_tags_file_is_sorted_and_says_so() {
    let ran = bed().run(["symbols", "--format", "ctags", "--references"]).code(0).silent();
    let (head, tags): (Vec<_>, Vec<_>) = ran.out.lines().partition(|line| line.starts_with("!_"));
    assert!(head.iter().any(|line| line.starts_with("!_TAG_FILE_SORTED\t1\t")), "{head:?}");
    assert!(head.iter().any(|line| line.starts_with("!_TAG_FILE_FORMAT\t2\t")), "{head:?}");
    assert!(tags.is_sorted_by_key(|line| line.split('\t').next()), "{tags:?}");
    let norm = "norm\tsrc/point.rs\t7;\"\tkind:method\tline:7\tlanguage:rust\tscope:impl:Point";
    assert!(tags.contains(&norm), "{tags:?}");
    assert!(!ran.out.contains("abs"), "references are no tags");
}

#[test]
fn an_emacs_tags_file_has_a_section_for_each_file() {
    let ran = bed().run(["symbols", "--format", "etags", "tools"]).code(0).silent();
    let section = "class Runner\x7fRunner\x011,0\n    def run\x7frun\x012,14\n";
    assert_eq!(ran.out, format!("\x0c\ntools/run.py,{}\n{section}", section.len()));
}

#[test]
fn without_indexing_the_store_is_asked_as_it_is() {
    let bed = bed();
    bed.run(["symbols", "--no-index"]).code(3).says(&["run `herbarium index` first"]);
    bed.run(["symbols"]).code(0);
    bed.write("tools/run.py", "class Walker: pass\n");
    let ran = bed.run(["symbols", "--no-index", "tools"]).code(0).says(&["run.py: changed"]);
    assert_eq!(ran.out, "");
    bed.run(["symbols", "tools"]).code(0).prints(&["class Walker"]).silent();
}

#[test]
fn a_container_in_another_file_has_a_name_and_no_kind() {
    let bed = bed();
    bed.write("src/norm.go", "package a\n\nfunc (p Point) Norm() int { return 0 }\n");
    let ran = bed.run(["symbols", "--json", "-l", "go", "--name", "Norm"]).code(0).silent();
    let norm: Value = serde_json::from_str(&ran.out).unwrap();
    check_values(&norm, &[("container", json!({ "kind": null, "name": "Point" }))]);
    let ran = bed.run(["symbols", "--format", "ctags", "-l", "go"]).code(0).silent();
    assert!(ran.out.contains("type:Point"), "{}", ran.out);
}

#[test]
fn a_name_that_does_not_stand_in_the_text_as_it_is_is_found() {
    let bed = bed();
    bed.write("page.html", "<h1>All <em>of</em> it</h1>\n");
    let ran = bed.run(["symbols", "-l", "html", "--name", "All of it"]).code(0).silent();
    assert_eq!(ran.out, "page.html:1:5: section All of it: <h1>All <em>of</em> it</h1>\n");
}
