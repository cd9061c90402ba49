//! Files written by every version so far, opened and compared with the text
//! beside them. `examples/golden.rs` says how they were made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_codec::{
    Decoder, FORMAT_MAJOR, FORMAT_MINOR, Grammar, ShapeBook, Tree, decode_standalone, verify,
};

use crate::dump::dump;

/// What a failure here asks for.
const MEND: &str = "trees that were stored do not open as they did: take the change of the format \
     back, or give it a version of its own, in docs/format/v1.md first";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn folder() -> PathBuf {
    golden().join("v1")
}

fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(name: &str, tree: &Tree) {
    let expected = String::from_utf8(read(&format!("{name}.txt"))).expect("UTF-8");
    assert_eq!(dump(tree), expected, "{name}: {MEND}");
}

#[test]
fn there_is_a_folder_of_the_version_that_is_written() {
    let name = match (FORMAT_MAJOR, FORMAT_MINOR) {
        (major, 0) => format!("v{major}"),
        (major, minor) => format!("v{major}.{minor}"),
    };
    let found = golden().join(&name).is_dir();
    assert!(
        found,
        "tests/golden/{name} is missing: `cargo run --example golden -- tests/golden/{name}` \
         writes it, and the tests of this file read it beside those of older versions"
    );
}

#[test]
fn every_stand_alone_tree_opens_and_shows_what_it_showed() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter_map(|name| Some(name.strip_suffix(".hrbt")?.to_owned()))
        .filter(|name| name != "with-book")
        .collect();
    names.sort();
    let expected = [
        "broken",
        "deep",
        "empty-file",
        "every-step",
        "line-ends-crlf",
        "line-ends-mixed",
        "many-shapes",
        "one-byte",
        "seen-by-queries",
        "sum",
    ];
    assert_eq!(names, expected, "golden files are added, never removed");
    for name in names {
        let bytes = read(&format!("{name}.hrbt"));
        let tree =
            decode_standalone(&bytes).unwrap_or_else(|error| panic!("{name}: {error}; {MEND}"));
        check(&name, &tree);
        assert!(verify(&bytes, tree.grammar()).is_ok(), "{name}");
    }
}

#[test]
fn a_tree_with_a_book_opens_and_shows_what_it_showed() {
    let grammar = Arc::new(Grammar::from_bytes(&read("with-book.hrbg")).expect("a table"));
    let book = ShapeBook::from_bytes(&read("with-book.hrbb"), &grammar).expect("a book");
    let book = Arc::new(book);
    let tree = Decoder::new().decode(&read("with-book.hrbt"), &grammar, Some(&book));
    check("with-book", &tree.expect("a tree"));
}
