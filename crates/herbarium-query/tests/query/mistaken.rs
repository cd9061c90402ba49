//! Shipped queries with mistakes: the same error at the same place.

use std::path::Path;

use herbarium_conformance::{Generator, Settings, package_folders, query_files};

use crate::common::Bench;

/// Texts made from each shipped query; HERBARIUM_QUERY_ROUNDS times as many.
const TEXTS: u64 = 24;

fn rounds() -> u64 {
    let asked = std::env::var("HERBARIUM_QUERY_ROUNDS");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn shipped_queries_with_mistakes_give_the_same_error_at_the_same_place() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = package_folders(&workspace).expect("cargo knows the packages");
    let (mut texts, mut wrong) = (0, 0);
    let mut kinds = std::collections::BTreeMap::new();
    for language in herbarium_languages::all() {
        let key = (language.crate_name().to_owned(), language.version().to_owned());
        let Some(folder) = folders.get(&key) else { continue };
        let bench = Bench::new(language);
        for file in query_files(folder).expect("readable") {
            let query = std::fs::read_to_string(&file).expect("readable");
            for seed in 0..TEXTS * rounds() {
                let text = Generator::new(seed).mistaken(&query, &bench.grammar);
                if has_nul_in_literal(&text) {
                    continue;
                }
                texts += 1;
                if let Err(error) = bench.compiler.compile(&text) {
                    wrong += 1;
                    *kinds.entry(format!("{:?}", error.kind)).or_insert(0) += 1;
                }
                if let Err(difference) = bench.compare(&text, &[], &Settings::default()) {
                    panic!("{} seed {seed}\n{text:?}\n{text}\n{difference}", file.display());
                }
            }
        }
    }
    assert!(wrong > texts / 2 && kinds.len() > 4, "{wrong} of {texts} are wrong: {kinds:?}");
}

/// Whether tree-sitter may read behind the end of a kind's name for it, and find
/// there what happens to be in memory: the crate's documentation says how. A
/// literal ends with its line.
fn has_nul_in_literal(text: &str) -> bool {
    text.lines().any(|line| {
        let nul = line.find('\0').into_iter().chain(line.find("\\0")).max();
        nul.is_some_and(|nul| line.find('"').is_some_and(|quote| quote < nul))
    })
}
