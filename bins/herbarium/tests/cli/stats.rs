//! What the store holds.

use std::fs;

use serde_json::json;

use crate::bed::{Bed, Type, check_shape, check_values};

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
    let bed = Bed::grown();
    let stats = bed.json(["stats", "--json"]);
    let fields = [
        ("store", Type::Text),
        ("trees", Type::Number),
        ("tree_bytes", Type::Number),
        ("total", Type::Object),
        ("languages", Type::Object),
        ("workspaces", Type::List),
    ];
    check_shape(&stats, &fields);
    check_shape(&stats["total"], &FIGURES);
    check_shape(&stats["languages"]["rust"], &FIGURES);
    let mut fields = FIGURES.to_vec();
    let own =
        [("root", Type::Text), ("indexed_unix_ms", Type::Number), ("without_tree", Type::Number)];
    fields.extend(own);
    check_shape(&stats["workspaces"][0], &fields);
}

#[test]
fn the_tiers_are_told_from_memory_down_to_the_disk() {
    let bed = Bed::grown();
    let stats = bed.json(["stats", "--tiers", "--json", "--cache", "64M"]);
    let fields = [
        ("tiers", Type::List),
        ("raw_bytes", Type::Number),
        ("file_bytes", Type::Number),
        ("segments", Type::Number),
        ("sealed_segments", Type::Number),
        ("grammars", Type::Number),
        ("dictionaries", Type::Number),
        ("store", Type::Text),
    ];
    check_shape(&stats, &fields);
    let tiers = stats["tiers"].as_array().unwrap();
    let names: Vec<_> = tiers.iter().map(|tier| tier["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hot", "warm", "cold"]);
    for tier in tiers {
        let fields = [("entries", Type::Number), ("bytes", Type::Number), ("form", Type::Text)];
        let more = [("name", Type::Text), ("capacity", Type::NumberOrNull)];
        check_shape(tier, &[&fields[..], &more].concat());
    }
    assert_eq!((&tiers[2]["entries"], &tiers[0]["entries"]), (&6.into(), &0.into()));
    let room = tiers[0]["capacity"].as_u64().unwrap() + tiers[1]["capacity"].as_u64().unwrap();
    assert!((60 << 20..=64 << 20).contains(&room), "{room}");
    bed.run(["stats", "--tiers"]).code(0).silent().prints(&["hot", "decoded", "the disk"]);
}

#[test]
fn the_figures_are_those_of_the_index() {
    let bed = Bed::sown();
    let index = bed.json(["index", "--json"]);
    let stats = bed.json(["stats", "--json"]);
    assert_eq!(stats["trees"], 6);
    for figure in ["files", "lines", "nodes", "source_bytes", "stored_bytes", "bytes_per_node"] {
        assert_eq!(stats["total"][figure], index[figure], "{figure}");
    }
    assert_eq!(stats["languages"], index["languages"]);
    let root = fs::canonicalize(bed.project()).unwrap();
    check_values(
        &stats["workspaces"][0],
        &[("root", json!(root.to_str().unwrap())), ("files", json!(6)), ("without_tree", json!(2))],
    );
}

#[test]
fn every_language_has_a_row_and_all_have_one_together() {
    let ran = Bed::grown().run(["stats"]).code(0).silent();
    ran.prints(&[
        "language ",
        "bytes/node",
        "\nrust ",
        "\npython ",
        "\nall ",
        "workspaces",
        "6 trees",
    ]);
}

#[test]
fn a_store_with_no_workspace_says_what_to_do() {
    let bed = Bed::sown();
    bed.run(["tree", "src/lib.rs"]).code(0);
    bed.run(["stats"]).code(0).prints(&["nothing is indexed yet: run `herbarium index`"]);
}
