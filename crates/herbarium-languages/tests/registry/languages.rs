//! Every language that is built in, against its row and its sample.

use std::collections::HashMap;
use std::path::Path;

use herbarium_languages::{Language, ParseLimits, ParserPool, Tier, all, build_set, by_id, known};
use tree_sitter::Tree;

/// What is wrong with one language; nothing if all is well.
fn check(language: &Language, pool: &ParserPool) -> Vec<String> {
    let mut wrong = Vec::new();
    if !language.matches_pin() {
        wrong.push(format!("pinned {:?}, loaded {:?}", language.row().pin, language.measure()));
    }
    let grammar = language.grammar();
    if (grammar.kind_count(), grammar.field_count())
        != (language.row().pin.kinds as usize, language.row().pin.fields as usize)
    {
        wrong.push(format!("grammar table {grammar:?} has other counts than the pin"));
    }
    match pool.parse(language, &sample(language.id()), None, &ParseLimits::default()) {
        Ok(tree) => wrong.extend(broken_nodes(&tree)),
        Err(error) => wrong.push(error.to_string()),
    }
    wrong.into_iter().map(|text| format!("{}: {text}", language.id())).collect()
}

pub(crate) fn sample(id: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(format!("{id}.txt"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

/// ERROR and MISSING nodes, and a tree that has nothing in it.
fn broken_nodes(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut cursor = tree.walk();
    let mut nodes = 0;
    'walk: loop {
        let node = cursor.node();
        nodes += 1;
        if node.is_error() || node.is_missing() {
            wrong.push(format!("{} at {}", node.to_sexp(), node.start_position()));
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                break 'walk;
            }
        }
    }
    if nodes < 3 {
        wrong.push(format!("the sample's tree has {nodes} nodes"));
    }
    wrong
}

#[test]
fn every_sample_parses_and_every_grammar_is_the_pinned_one() {
    let pool = ParserPool::default();
    let wrong: Vec<String> = all().iter().flat_map(|language| check(language, &pool)).collect();
    println!("{} of {} languages checked ({})", all().len(), known().len(), build_set());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two crates with one C symbol link silently; their parsers are then one.
#[test]
fn no_two_languages_share_a_parser() {
    let mut seen = HashMap::new();
    for language in all() {
        let pointer = language.tree_sitter().into_raw() as usize;
        if let Some(other) = seen.insert(pointer, language.id()) {
            panic!("`{other}` and `{}` are one parser", language.id());
        }
    }
}

#[test]
fn every_row_has_a_sample_and_every_sample_a_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut samples: Vec<String> = std::fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .unwrap_or_else(|error| panic!("reading {}: {error}", folder.display()))
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    samples.sort();
    assert!(samples.iter().eq(known().iter().map(|row| row.id)), "{samples:?}");
}

#[test]
fn the_sets_hold_16_110_and_141_languages() {
    for (tier, expected) in [(Tier::Core, 16), (Tier::Extended, 110), (Tier::All, 141)] {
        let found = known().iter().filter(|row| row.tier <= tier).count();
        assert_eq!(found, expected, "{tier}");
    }
    let copyleft: Vec<_> = known().iter().filter(|row| row.licence.starts_with("MPL")).collect();
    assert!(copyleft.iter().all(|row| row.tier == Tier::All), "{copyleft:?}");
}

#[test]
fn a_built_in_language_is_found_by_its_id() {
    for language in all() {
        assert_eq!(by_id(language.id()), Some(language));
    }
    assert_eq!(by_id("no such language"), None);
}
