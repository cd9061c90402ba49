//! Inputs that once broke a promise, and the seeds that fuzzing starts from:
//! each goes through the function that its fuzz target calls.

#[path = "../../../fuzz/src/lib.rs"]
pub mod fuzz;

use std::path::Path;

fn check(target: &str, function: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let folders = ["seeds", "regressions"].map(|folder| fuzz.join(folder).join(target));
    assert!(folders[0].is_dir(), "{} is missing", folders[0].display());
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let files = std::fs::read_dir(folder);
        for file in files.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = file.expect("an entry of the folder").path();
            let input = std::fs::read(&path).expect("a readable file");
            let kept = std::panic::catch_unwind(|| function(&input));
            assert!(kept.is_ok(), "{}", path.display());
        }
    }
}

#[test]
fn decode_keeps_its_promises_for_every_kept_input() {
    check("decode", fuzz::decode_any);
}

#[test]
fn decode_behind_the_checksums_keeps_its_promises_for_every_kept_input() {
    check("decode_sealed", fuzz::decode_sealed);
}

#[test]
fn every_tree_of_a_kept_input_comes_back() {
    check("round_trip", fuzz::round_trip);
}

#[test]
fn a_tree_section_behind_new_checksums_is_the_same_tree() {
    let grammar = fuzz::grow::grammar();
    let mut builder = herbarium_codec::TreeBuilder::new(&grammar);
    let tree = fuzz::grow::grow(b"\0\x08\x09\x05\x0a\x06\x11\x07").build(&mut builder);
    let input = fuzz::sealed_input(&herbarium_codec::encode(&tree)).expect("own container");
    fuzz::decode_sealed(&input);
}
