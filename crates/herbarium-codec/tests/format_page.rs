//! `docs/format/v1.md` says what the code does: its constants are the code's
//! constants, its dumps are what the code writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use herbarium_codec::{BookTrainer, doc, encode};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/v1.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a part of the page: from the line `from` to the next line that
/// starts with `until`.
fn part<'p>(page: &'p str, from: &'p str, until: &'p str) -> impl Iterator<Item = &'p str> {
    let mut lines = page.lines().skip_while(move |line| *line != from).skip(1).peekable();
    assert!(lines.peek().is_some(), "the page has no line `{from}`");
    lines.take_while(move |line| !line.starts_with(until))
}

#[test]
fn constants_of_the_page_are_those_of_the_code() {
    let page = page();
    let of_page: BTreeMap<&str, u64> = part(&page, "## Constants", "## ")
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(name, rest)| {
            let value = rest.split_once(" |").expect("a table row").0;
            (name, value.parse().unwrap_or_else(|error| panic!("{name}: `{value}`: {error}")))
        })
        .collect();
    assert_eq!(of_page, doc::constants().into_iter().collect());
}

/// The bytes of a dump in the page: offset, two spaces, bytes, two spaces,
/// meaning.
fn dump(page: &str, name: &str) -> Vec<u8> {
    let heading = format!("<!-- dump: {name} -->");
    let lines = part(page, &heading, "```text").chain(part(page, &heading, "## ").skip(1));
    let mut bytes = Vec::new();
    for line in lines.take_while(|line| *line != "```") {
        let (offset, rest) = line.split_once("  ").expect("an offset");
        let hex = |text| usize::from_str_radix(text, 16).expect("a hexadecimal number");
        assert_eq!(hex(offset), bytes.len(), "offset of `{line}`");
        let row = rest.split("  ").next().unwrap_or_default();
        bytes.extend(row.split(' ').map(|byte| hex(byte) as u8));
    }
    bytes
}

fn check_dump(name: &str, written: &[u8]) {
    let of_page = dump(&page(), name);
    assert_eq!(of_page, written, "dump `{name}`; the code writes {written:02x?}");
}

#[test]
fn the_tree_of_the_page_is_what_encode_writes() {
    check_dump("tree", &encode(&doc::one_plus_two(&Arc::new(doc::sums()))));
}

#[test]
fn the_grammar_table_of_the_page_is_what_to_bytes_writes() {
    check_dump("grammar", &doc::sums().to_bytes());
}

#[test]
fn the_shape_book_of_the_page_is_what_to_bytes_writes() {
    let grammar = Arc::new(doc::sums());
    let mut trainer = BookTrainer::new(&grammar);
    trainer.add(&doc::one_plus_two(&grammar));
    check_dump("book", &trainer.finish().to_bytes());
}
