//! Checking what is stored.

use std::fs;

use serde_json::json;

use crate::bed::{Bed, Type, check_shape, check_values};

#[test]
fn the_json_report_has_the_documented_shape() {
    let bed = Bed::grown();
    let fields = [
        ("deep", Type::Flag),
        ("trees", Type::Number),
        ("compared", Type::Number),
        ("nodes", Type::Number),
        ("differences", Type::Number),
        ("damaged", Type::Number),
        ("healed", Type::Number),
        ("missing_tree", Type::Number),
        ("missing_source", Type::Number),
        ("changed_source", Type::Number),
        ("not_built_in", Type::Number),
        ("not_parsed", Type::Number),
        ("sound", Type::Flag),
        ("differing_nodes", Type::List),
        ("damaged_trees", Type::List),
        ("cancelled", Type::Flag),
        ("seconds", Type::Number),
        ("store", Type::Text),
    ];
    check_shape(&bed.json(["verify", "--json"]), &fields);
    check_shape(&bed.json(["verify", "--deep", "--json"]), &fields);
}

#[test]
fn every_tree_equals_a_fresh_parse() {
    let bed = Bed::sown();
    let index = bed.json(["index", "--json"]);
    let report = bed.json(["verify", "--deep", "--json"]);
    check_values(
        &report,
        &[
            ("deep", json!(true)),
            ("trees", json!(6)),
            ("compared", json!(6)),
            ("nodes", index["nodes"].clone()),
            ("differences", json!(0)),
            ("damaged", json!(0)),
            ("sound", json!(true)),
        ],
    );
    let ran = bed.run(["verify", "--deep"]).code(0).silent();
    ran.prints(&["6 trees read and checked, 6 compared with a fresh parse", "sound"]);
}

#[test]
fn without_deep_nothing_is_parsed() {
    let bed = Bed::grown();
    let report = bed.json(["verify", "--json"]);
    check_values(&report, &[("trees", json!(6)), ("compared", json!(0)), ("sound", json!(true))]);
    bed.run(["verify"]).code(0).silent().prints(&["6 trees read and checked", "verify --deep"]);
}

#[test]
fn what_changed_or_went_since_the_index_is_no_difference() {
    let bed = Bed::grown();
    bed.write("src/lib.rs", "fn other() {}\n");
    fs::remove_file(bed.path("src/main.rs")).unwrap();
    let report = bed.json(["verify", "--deep", "--json"]);
    check_values(
        &report,
        &[
            ("compared", json!(4)),
            ("differences", json!(0)),
            ("changed_source", json!(1)),
            ("missing_source", json!(1)),
            ("sound", json!(true)),
        ],
    );
    bed.run(["verify", "--deep"]).code(0).prints(&["1 file not compared: changed since"]);
}
