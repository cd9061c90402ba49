//! Compiled queries are kept from run to run.

use std::fs;
use std::path::PathBuf;

use crate::bed::Bed;

fn kept(bed: &Bed) -> Vec<PathBuf> {
    let files = fs::read_dir(bed.store().join("queries"));
    files.map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().path()).collect())
}

const QUERY: [&str; 4] = ["query", "(identifier) @id (#match? @id \"^a\")", "-l", "rust"];

#[test]
fn a_query_is_kept_for_each_language_that_it_is_right_for() {
    let bed = Bed::grown();
    assert!(kept(&bed).is_empty());
    let first = bed.run(QUERY).code(0).silent().out;
    assert_eq!(kept(&bed).len(), 1);
    for _ in 0..2 {
        assert_eq!(bed.run(QUERY).code(0).silent().out, first);
    }
    assert_eq!(kept(&bed).len(), 1);
    bed.run(["query", QUERY[1]]).code(0);
    // C, JavaScript and Python have identifiers, too; JSON has none.
    assert_eq!(kept(&bed).len(), 4);
    bed.run(["query", "(wrong", "-l", "rust"]).code(2);
    assert_eq!(kept(&bed).len(), 4);
}

#[test]
fn a_damaged_one_is_compiled_again() {
    let bed = Bed::grown();
    let first = bed.run(QUERY).code(0).silent().out;
    let [file] = &kept(&bed)[..] else { panic!("one file") };
    let good = fs::read(file).unwrap();
    for damaged in [b"".to_vec(), b"no query at all".to_vec(), [&good[..], b"more"].concat()] {
        fs::write(file, damaged).unwrap();
        assert_eq!(bed.run(QUERY).code(0).silent().out, first);
        assert_eq!(fs::read(file).unwrap(), good);
    }
}

#[test]
fn a_store_that_is_only_read_keeps_none() {
    let bed = Bed::grown();
    bed.run(QUERY.iter().chain(&["--no-index"])).code(0).silent();
    assert!(kept(&bed).is_empty());
}
