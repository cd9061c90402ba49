//! Files written by every version so far, opened and compared with the text
//! beside them. `examples/golden.rs` says how they were made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_codec::{Decoder, Grammar, ShapeBook, Tree, decode_standalone, verify};

use crate::dump::dump;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(name: &str, tree: &Tree) {
    let expected = String::from_utf8(read(&format!("{name}.txt"))).expect("UTF-8");
    assert_eq!(dump(tree), expected, "{name}");
}

#[test]
fn every_stand_alone_tree_opens_and_shows_what_it_showed() {
    let names: Vec<String> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter_map(|name| Some(name.strip_suffix(".hrbt")?.to_owned()))
        .filter(|name| name != "with-book")
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let bytes = read(&format!("{name}.hrbt"));
        let tree = decode_standalone(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
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
