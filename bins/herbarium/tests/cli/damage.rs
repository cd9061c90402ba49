//! Damage in the store: found by `verify`, a miss for all others, healed by `index`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bed::{Bed, Type, check_shape, check_values, each};

/// The files that hold trees.
fn segments(store: &Path) -> Vec<PathBuf> {
    let found = std::cell::RefCell::new(Vec::new());
    each(&store.join("segments"), &|path| {
        if path.is_file() && path.extension().is_some_and(|of| of == "open" || of == "pack") {
            found.borrow_mut().push(path.to_owned());
        }
    });
    found.into_inner()
}

/// Flips a bit in every record, behind the header of the segment.
fn damage(bed: &Bed) {
    let segments = segments(&bed.store());
    assert!(!segments.is_empty(), "trees lie in segments");
    for segment in segments {
        let mut bytes = fs::read(&segment).unwrap();
        for byte in bytes.iter_mut().skip(100).step_by(97) {
            *byte ^= 0x10;
        }
        fs::write(&segment, bytes).unwrap();
    }
}

#[test]
fn a_damaged_tree_is_found_by_verify_and_healed_by_the_next_index() {
    let bed = Bed::grown();
    damage(&bed);
    let ran = bed.run(["verify", "--json"]).code(1);
    let report = ran.json();
    check_values(&report, &[("trees", json!(0)), ("sound", json!(false))]);
    let damaged = report["damaged_trees"].as_array().unwrap();
    assert!(!damaged.is_empty(), "{report}");
    for damaged in damaged {
        assert!(damaged["message"].is_string() && damaged.get("key").is_some(), "{damaged}");
    }
    bed.run(["verify"]).code(1).prints(&["not sound", "`herbarium index` presses again"]);

    let healed = bed.json(["index", "--json"]);
    check_values(&healed, &[("files", json!(6)), ("errors", json!(0))]);
    assert!(healed["parses"].as_u64().unwrap() > 0, "what was damaged is parsed: {healed}");
    let report = bed.run(["verify", "--deep", "--json"]).json();
    check_values(
        &report,
        &[("compared", json!(6)), ("differences", json!(0)), ("missing_tree", json!(0))],
    );
    bed.run(["verify", "--deep"]).prints(&["every indexed tree is whole"]);
}

fn length_of_segments() -> usize {
    let bed = Bed::grown();
    let lengths = segments(&bed.store()).into_iter().map(|path| fs::read(path).unwrap().len());
    lengths.sum()
}

#[test]
fn one_damaged_bit_anywhere_is_found_and_healed() {
    let length = length_of_segments();
    for place in (80..length - 80).step_by(length / 6) {
        let bed = Bed::grown();
        let segment = segments(&bed.store()).remove(0);
        let mut bytes = fs::read(&segment).unwrap();
        let place = place.min(bytes.len() - 1);
        bytes[place] ^= 0x10;
        fs::write(&segment, bytes).unwrap();
        bed.run(["verify"]).code(1);
        check_values(&bed.json(["index", "--json"]), &[("files", json!(6)), ("errors", json!(0))]);
        let report = bed.run(["verify", "--deep", "--json"]).json();
        let healed =
            [("compared", json!(6)), ("differences", json!(0)), ("missing_tree", json!(0))];
        check_values(&report, &healed);
    }
}

#[test]
fn a_damaged_tree_is_a_miss_and_never_a_wrong_tree() {
    let bed = Bed::grown();
    let before = bed.run(["tree", "src/main.rs"]).code(0).out;
    damage(&bed);
    assert_eq!(bed.run(["tree", "src/main.rs"]).code(0).out, before);
}

#[test]
fn a_lost_catalogue_costs_nothing_but_time() {
    let bed = Bed::grown();
    let catalogues = fs::read_dir(bed.store()).unwrap().map(|entry| entry.unwrap().path());
    for path in catalogues.filter(|path| path.is_file() && !path.ends_with("HERBARIUM")) {
        fs::remove_file(path).unwrap();
    }
    bed.run(["tree", "src/main.rs", "--from-store"]).code(0);
    check_values(&bed.json(["index", "--json"]), &[("files", json!(6)), ("parses", json!(0))]);
    bed.run(["verify", "--deep"]).code(0);
}

#[test]
fn a_damaged_marker_says_what_to_do() {
    let bed = Bed::grown();
    fs::write(bed.store().join("HERBARIUM"), "something else").unwrap();
    bed.run(["index"]).code(3).says(&["is damaged", "delete this file"]);
    let error = bed.run(["stats", "--json"]).code(3).err;
    let error = serde_json::from_str(&error).unwrap();
    check_shape(
        &error,
        &[
            ("error", Type::Text),
            ("causes", Type::List),
            ("help", Type::Text),
            ("exit_code", Type::Number),
        ],
    );
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let bed = Bed::grown();
    let marker = bed.store().join("HERBARIUM");
    fs::write(&marker, "herbarium store 99.0\n").unwrap();
    bed.run(["index"]).code(3).says(&["99.0", "update Herbarium"]);
    assert_eq!(fs::read_to_string(marker).unwrap(), "herbarium store 99.0\n");
}
