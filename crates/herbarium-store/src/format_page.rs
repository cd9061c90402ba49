//! Holds `docs/format/store-v1.md` against the code.

use crate::export;
use crate::record::{MAX_PAYLOAD, RECORD_HEADER};
use crate::segment::HEADER;
use crate::{STORE_MAJOR, STORE_MINOR};

const PAGE: &str = include_str!("../../../docs/format/store-v1.md");
const EXPORT: &str = include_str!("../../../docs/format/export-v1.md");

/// Rows of the first table after a heading: offset and size, where both are numbers.
fn fields(page: &str, heading: &str) -> Vec<(usize, usize)> {
    let at = page.find(heading).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let table = page[at..].lines().skip_while(|line| !line.starts_with("| offset"));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        Some((cells.next()?.parse().ok()?, cells.next()?.parse().ok()?))
    })
    .collect()
}

/// The fields follow each other without a gap and end at `len`.
fn check(heading: &str, len: usize) {
    check_in(PAGE, heading, len);
}

fn check_in(page: &str, heading: &str, len: usize) {
    let mut end = 0;
    for (offset, size) in fields(page, heading) {
        assert_eq!(offset, end, "{heading}");
        end = offset + size;
    }
    assert_eq!(end, len, "{heading}");
}

#[test]
fn the_page_and_the_constants_agree() {
    check("### Header, 64 bytes", HEADER);
    check("### Record, 56 bytes", RECORD_HEADER);
    check("#### Difference payload", crate::delta::FRONT);
    check("### Contexts, 48 bytes", crate::segment::CONTEXT);
    check("### Trailer, the last 112 bytes", crate::segment::TRAILER);
    check("## Damaged records", crate::quarantine::ENTRY);
    check("### Manifest blob", crate::manifest::HEADER);
    assert!(PAGE.contains(&format!("herbarium store {STORE_MAJOR}.{STORE_MINOR}\\n")));
    assert_eq!(MAX_PAYLOAD, 1 << 30);
    assert!(PAGE.contains("at most 1 GiB (2^30)"));
    assert!(PAGE.contains(&format!("| depth: 1 to {}, more than", crate::delta::MAX_DEPTH)));
    assert!(PAGE.contains(&format!("more than {} MiB", crate::delta::MAX_RAW >> 20)));
    assert!(PAGE.contains(&format!("### Key table, {} bytes", crate::segment::ENTRY)));
}

#[test]
fn the_page_of_exported_trees_and_the_constants_agree() {
    check_in(EXPORT, "## The fixed part", export::FIXED);
    assert!(EXPORT.contains(&format!("## The fixed part, {} bytes", export::FIXED)));
    assert!(EXPORT.contains(&format!("language id, at most {}", export::MAX_TEXT)));
    assert!(EXPORT.contains(&format!("path, at most {} KiB", export::MAX_PATH >> 10)));
    assert_eq!(export::MAX_RANGES, 65_536);
    assert!(EXPORT.contains("included ranges, at most 65,536"));
}

/// A magic of four bytes or fewer, and the versions beside it, in the table after a heading.
fn check_names(page: &str, heading: &str, magic: &[u8], major: u8, minor: &str) {
    let at = page.find(heading).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let table = page[at..].lines().skip_while(|line| !line.starts_with("| offset"));
    let table: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    let magic = String::from_utf8_lossy(magic);
    for expected in [
        format!("magic `{magic}` |"),
        format!("major version: {major} |"),
        format!("minor version{minor}"),
    ] {
        let found = table.iter().any(|row| row.contains(&expected));
        assert!(found, "{heading}: expected `{expected}`, as the code has it, in {table:#?}");
    }
}

#[test]
fn magic_bytes_versions_and_numbers_of_the_pages_are_those_of_the_code() {
    use crate::record::{Kind, codec};
    use crate::{manifest, segment};

    let (header, trailer) = (segment::HEADER_MAGIC, segment::TRAILER_MAGIC);
    check_names(PAGE, "### Header, 64 bytes", &header, segment::MAJOR, ":");
    check_names(PAGE, "### Trailer, the last 112 bytes", &trailer, segment::MAJOR, ", as in");
    let minor = format!(": {};", manifest::MINOR);
    check_names(PAGE, "### Manifest blob", &manifest::MAGIC, manifest::MAJOR, &minor);
    let minor = format!(": {} |", export::MINOR);
    check_names(EXPORT, "## The fixed part", &export::MAGIC, export::MAJOR, &minor);
    let magic = String::from_utf8_lossy(&crate::record::MAGIC).into_owned();
    for row in [
        format!("| {} | 2 | magic `{magic}` |", crate::record::CHECKED_FROM),
        format!("| {} | context |", Kind::CONTEXT.0),
        format!("| {} | tree |", Kind::TREE.0),
        format!("| {} | grammar table |", Kind::GRAMMAR.0),
        format!("| {} | dictionary |", Kind::DICTIONARY.0),
        format!("| {} | parse table |", Kind::PARSE_TABLE.0),
        format!("| {} | as it is; raw ", codec::RAW),
        format!("| {} | one zstd frame with its content size, without", codec::ZSTD),
        format!("| {} | the same, comp", codec::ZSTD_DICTIONARY),
        format!("| {} | since 1.1, of ", codec::DELTA),
    ] {
        assert!(PAGE.contains(&row), "store-v1.md: expected a row `{row}`, as the code has it");
    }
}
