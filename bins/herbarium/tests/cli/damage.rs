//! Damage in the store: found by `verify`, a miss for all others, healed by `index`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bed::{Bed, Ran, Type, check_shape, check_values, each};

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
    check_healed(&bed);
}

/// Wants the store to be sound, and what was damaged to be counted as healed.
#[track_caller]
fn check_healed(bed: &Bed) {
    let report = bed.json(["verify", "--deep", "--json"]);
    let sound = [
        ("compared", json!(6)),
        ("differences", json!(0)),
        ("missing_tree", json!(0)),
        ("damaged", json!(0)),
        ("damaged_trees", json!([])),
        ("sound", json!(true)),
    ];
    check_values(&report, &sound);
    let healed = report["healed"].as_u64().unwrap();
    assert!(healed > 0, "{report}");
    let words = [format!(", 0 damaged, {healed} healed, "), "\nsound".to_owned()];
    for args in [["verify"].as_slice(), &["verify", "--deep"]] {
        bed.run(args).code(0).silent().prints(&words.each_ref().map(String::as_str));
    }
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
        check_healed(&bed);
    }
}

#[test]
fn a_damaged_tree_that_was_met_by_a_reader_is_healed_without_an_index() {
    let bed = Bed::grown();
    let place = place_of(&bed, "src/main.rs");
    flip(place);
    bed.run(["tree", "src/main.rs"]).code(0);
    check_healed(&bed);
}

#[test]
fn damage_that_no_file_needs_is_told_once_and_then_counts_as_healed() {
    let bed = Bed::grown();
    let place = place_of(&bed, "tools/run.py");
    bed.write("tools/run.py", "def run(x):\n    return x\n");
    bed.run(["index"]).code(0);
    flip(place);
    bed.run(["verify"]).code(1).prints(&["every indexed tree is whole", "counts as healed"]);
    check_healed(&bed);
}

/// The index of a sealed segment: readers do without it, and only `verify` tells of it.
#[test]
fn damage_that_an_index_has_seen_to_is_told_once() {
    let bed = Bed::grown();
    bed.run(["gc"]).code(0);
    let segment = segments(&bed.store()).remove(0);
    let bytes = fs::read(&segment).unwrap();
    // Without its end, and with it some of the trees.
    fs::write(&segment, &bytes[..bytes.len() / 2]).unwrap();
    check_values(&bed.json(["index", "--json"]), &[("files", json!(6)), ("errors", json!(0))]);
    bed.run(["verify"]).code(1).prints(&["every indexed tree is whole", "counts as healed"]);
    check_healed(&bed);
}

/// A place in the payload of a file's tree.
fn place_of(bed: &Bed, path: &str) -> (PathBuf, usize) {
    let key = bed.json(["tree", path, "--json"])["key"].as_str().unwrap().to_owned();
    let key: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect();
    let found = segments(&bed.store()).into_iter().find_map(|segment| {
        let bytes = fs::read(&segment).unwrap();
        let at = bytes.windows(key.len()).position(|window| window == key)?;
        Some((segment, at + key.len() + 1))
    });
    found.expect("the record of the tree")
}

fn flip((segment, place): (PathBuf, usize)) {
    let mut bytes = fs::read(&segment).unwrap();
    bytes[place] ^= 0x10;
    fs::write(&segment, bytes).unwrap();
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
fn a_damaged_catalogue_is_rebuilt_and_nobody_sees_a_panic() {
    let bed = Bed::grown();
    let file = bed.store().join("catalogue.redb");
    let good = fs::read(&file).unwrap();
    let mut gave_up = 0;
    for page in (0..good.len()).step_by(4096) {
        let mut bad = good.clone();
        let used: Vec<_> =
            (page..(page + 4096).min(good.len())).filter(|at| bad[*at] != 0).collect();
        if used.is_empty() {
            continue;
        }
        used.iter().step_by(3).for_each(|at| bad[*at] ^= 0x41);
        fs::write(&file, &bad).unwrap();
        bed.run(["stats"]).code(0);
        let ran = bed.run(["index"]).code(0);
        gave_up += usize::from(ran.err.contains("the engine gave up"));
        check_values(&bed.json(["index", "--json"]), &[("files", json!(6)), ("parses", json!(0))]);
    }
    assert!(gave_up > 0, "some damage makes the engine panic, which is caught");
}

#[test]
fn a_damaged_or_lost_marker_is_healed_where_the_rest_is_a_store() {
    for content in [None, Some(""), Some("something else"), Some("herbarium store x\n")] {
        let bed = Bed::grown();
        let marker = bed.store().join("HERBARIUM");
        match content {
            Some(content) => fs::write(&marker, content).unwrap(),
            None => fs::remove_file(&marker).unwrap(),
        }
        bed.run(["stats"]).code(0).says(&["passed over"]);
        check_values(&bed.json(["index", "--json"]), &[("files", json!(6)), ("parses", json!(0))]);
        assert_eq!(fs::read_to_string(marker).unwrap(), "herbarium store 1.1\n");
        bed.run(["stats"]).code(0).silent();
    }
}

#[test]
fn a_damaged_marker_without_a_store_says_what_to_do() {
    let bed = Bed::sown();
    fs::create_dir(bed.store()).unwrap();
    fs::write(bed.store().join("HERBARIUM"), "something else").unwrap();
    bed.run(["index"]).code(3).says(&["is damaged", "something else", "delete this file"]);
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
    for version in ["99.0", "999999999999.0"] {
        let bed = Bed::grown();
        let marker = bed.store().join("HERBARIUM");
        let content = format!("herbarium store {version}\n");
        fs::write(&marker, &content).unwrap();
        bed.run(["index"]).code(3).says(&[version, "reads 1.1", "update Herbarium"]);
        assert_eq!(fs::read_to_string(marker).unwrap(), content);
    }
}

/// What is asked, and what is answered, of a tree that is damaged: all of it.
#[track_caller]
fn check_whole(args: &[&str]) {
    let bed = Bed::grown();
    // A segment that may still be written to is read through when it is opened.
    bed.run(["gc"]).code(0);
    let place = place_of(&bed, "src/lib.rs");
    let before = bed.run(args).code(0).silent().out;
    flip(place);
    let no_index: Vec<&str> = args.iter().copied().chain(["--no-index"]).collect();
    // Stats of files are all that it looks at.
    check_values(&bed.json(["index", "--json"]), &[("parses", json!(0))]);
    let ran = bed.run(args).code(0).says(&["1 file with a damaged", "lib.rs", "stored again"]);
    assert_eq!(ran.out, before, "{args:?}");
    assert_eq!(bed.run(args).code(0).silent().out, before, "{args:?}");
    check_healed(&bed);

    // Noted by who only reads, healed by `index`.
    flip(place_of(&bed, "src/main.rs"));
    let ran = bed.run(&no_index).code(0).says(&["main.rs", "run `herbarium index`"]);
    assert_eq!(ran.out, before, "{args:?}");
    check_values(&bed.json(["index", "--json"]), &[("parses", json!(1))]);
    assert_eq!(bed.run(&no_index).code(0).silent().out, before, "{args:?}");
    check_healed(&bed);
}

#[test]
fn a_question_that_meets_a_damaged_tree_is_answered_whole() {
    check_whole(&["query", "-l", "rust", "(function_item name: (identifier) @name)", "."]);
    check_whole(&["query", "-l", "rust", "(function_item) @item", ".", "--count"]);
    check_whole(&[
        "query",
        "-l",
        "rust",
        "(function_item) @item",
        ".",
        "--files-with-matches",
        "--json",
    ]);
    check_whole(&["symbols", "."]);
}

#[cfg(unix)]
#[test]
fn a_damaged_tree_of_a_store_that_may_only_be_read_is_answered_whole() {
    let bed = Bed::grown();
    bed.run(["gc"]).code(0);
    let args = ["query", "-l", "rust", "(function_item) @item", ".", "--no-index"];
    let before = bed.run(args).code(0).out;
    flip(place_of(&bed, "src/main.rs"));
    bed.may_only_read_the_store();
    for _ in 0..2 {
        let ran = Ran::of(&mut bed.unprivileged(args)).code(0).says(&["main.rs", "index"]);
        assert_eq!(ran.out, before);
    }
}
