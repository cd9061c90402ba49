//! Grammar tables and dictionaries: stored once, kept twice.

use std::fs;
use std::sync::Arc;

use herbarium_codec::ParseTable;
use herbarium_store::{Dictionary, StoreError, train_zstd};

use crate::support::*;

#[test]
fn a_grammar_table_is_stored_once_and_comes_back_whole() {
    let (_guard, path) = place();
    let rust = grammar("rust");
    let store = open(&path);
    assert!(store.put_grammar(&rust).unwrap().new);
    assert!(!store.put_grammar(&rust).unwrap().new);
    drop(store);
    for store in [open(&path), reader(&path)] {
        let found = store.grammar(&rust.fingerprint()).unwrap().unwrap();
        assert_eq!(*found, rust);
        assert_eq!(store.stats().unwrap().grammars, 1);
    }
}

#[test]
fn a_tree_comes_back_with_the_dictionary_it_was_put_with() {
    let (_guard, path) = place();
    let shapes = dictionary(GRAMMAR, b"shapes");
    let tree = phrases(5_000, 1_500);
    let store = open(&path);
    let plain = store.put_tree(&key(1), GRAMMAR, &tree, None).unwrap();
    let with = store.put_tree(&key(2), GRAMMAR, &tree, Some(&shapes)).unwrap();
    assert!(with.stored_bytes < plain.stored_bytes, "{with:?} {plain:?}");
    store.seal().unwrap();
    drop(store);
    for store in [open(&path), reader(&path)] {
        let found = store.get_tree(&key(2)).unwrap().unwrap();
        assert_eq!(found.bytes, tree);
        assert_eq!(found.info.dictionary.unwrap().book(), b"shapes");
        assert!(store.get_tree(&key(1)).unwrap().unwrap().info.dictionary.is_none());
    }
}

#[test]
fn the_dictionary_put_last_is_the_one_for_new_trees() {
    let (_guard, path) = place();
    let (first, second) = (dictionary(GRAMMAR, b"first"), dictionary(GRAMMAR, b"second"));
    let store = open(&path);
    store.put_dictionary(&first).unwrap();
    assert_eq!(store.dictionary_for(&GRAMMAR).unwrap().unwrap(), first);
    store.put_dictionary(&second).unwrap();
    assert_eq!(store.dictionary_for(&GRAMMAR).unwrap().unwrap(), second);
    drop(store);
    let store = open(&path);
    assert_eq!(store.dictionary_for(&GRAMMAR).unwrap().unwrap(), second);
    assert!(!store.put_dictionary(&first).unwrap().new);
    drop(store);
    assert_eq!(reader(&path).dictionary_for(&GRAMMAR).unwrap().unwrap(), first);
}

#[test]
fn a_dictionary_or_table_damaged_in_its_segment_is_read_from_the_catalogue() {
    let (_guard, path) = place();
    let shapes = dictionary(GRAMMAR, b"shapes");
    let rust = grammar("rust");
    let store = open(&path);
    store.put_grammar(&rust).unwrap();
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
    store.put_dictionary(&shapes).unwrap();
    store.close().unwrap();
    let segment = segments(&path, "open").remove(0);
    let mut content = fs::read(&segment).unwrap();
    let tree_at = find(&content, &key(1).0);
    // Everything but the tree: both special records lie before it.
    for at in [find(&content, &rust.fingerprint().0), tree_at - 2_000] {
        content[at + 60] ^= 0xff;
    }
    fs::write(&segment, content).unwrap();
    let store = open(&path);
    assert_eq!(*store.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    assert_eq!(store.get_tree(&key(1)).unwrap().unwrap().bytes, phrases(1, 900));
}

/// Alters the dictionary's record, which lies before tree 1 and nothing else does.
fn damage_dictionary(path: &std::path::Path) {
    let segment = segments(path, "open").remove(0);
    let mut content = fs::read(&segment).unwrap();
    let tree_at = find(&content, &key(1).0);
    content[tree_at - 2_000] ^= 0xff;
    fs::write(&segment, content).unwrap();
}

#[test]
fn a_damaged_dictionary_is_stored_again_from_its_copy() {
    let (_guard, path) = place();
    let shapes = dictionary(GRAMMAR, b"shapes");
    let store = open(&path);
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
    store.put_dictionary(&shapes).unwrap();
    assert_eq!(store.restore_tables().unwrap(), 0, "nothing is damaged");
    store.close().unwrap();
    damage_dictionary(&path);
    let store = open(&path);
    for _ in 0..2 {
        let found = store.verify().unwrap().findings;
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert!(finding.to_string().contains("dictionary of 1 stored trees: they are opened"));
        assert!(!finding.noted && !store.is_replaced(finding), "it is still to be healed");
    }
    assert_eq!(store.restore_tables().unwrap(), 1);
    assert_eq!(store.restore_tables().unwrap(), 0);
    let found = store.verify().unwrap().findings;
    assert!(store.is_replaced(&found[0]), "{found:?}");
    store.close().unwrap();
    // The copy is no longer needed.
    fs::remove_file(path.join("catalogue.redb")).unwrap();
    assert_eq!(open(&path).get_tree(&key(1)).unwrap().unwrap().bytes, phrases(1, 900));
}

#[test]
fn a_dictionary_without_a_copy_is_said_to_be_lost() {
    let (_guard, path) = place();
    let shapes = dictionary(GRAMMAR, b"shapes");
    let store = open(&path);
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
    store.close().unwrap();
    let _ = fs::remove_file(path.join("catalogue.redb"));
    damage_dictionary(&path);
    let store = open(&path);
    let texts: Vec<String> =
        store.verify().unwrap().findings.iter().map(ToString::to_string).collect();
    assert!(texts.iter().any(|text| text.contains("there is no copy")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("its dictionary is missing")), "{texts:?}");
    assert_eq!(store.restore_tables().unwrap(), 0);
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
    let found = store.verify().unwrap().findings;
    assert!(found.iter().all(|finding| store.is_replaced(finding)), "{found:?}");
}

#[test]
fn a_tree_whose_dictionary_is_nowhere_is_a_miss_that_can_be_put_again() {
    let (_guard, path) = place();
    let shapes = dictionary(GRAMMAR, b"shapes");
    let store = open(&path);
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
    store.close().unwrap();
    let _ = fs::remove_file(path.join("catalogue.redb"));
    let segment = segments(&path, "open").remove(0);
    let mut content = fs::read(&segment).unwrap();
    let tree_at = find(&content, &key(1).0);
    content[tree_at - 2_000] ^= 0xff;
    fs::write(&segment, content).unwrap();
    let store = open(&path);
    assert!(store.get_tree(&key(1)).unwrap().is_none());
    store.put_tree(&key(1), GRAMMAR, &phrases(1, 900), Some(&shapes)).unwrap();
    drop(store);
    assert_eq!(open(&path).get_tree(&key(1)).unwrap().unwrap().bytes, phrases(1, 900));
}

/// Offset of the last occurrence.
fn find(content: &[u8], what: &[u8]) -> usize {
    content.windows(what.len()).rposition(|window| window == what).unwrap()
}

#[test]
fn dictionaries_are_known_by_their_content() {
    let make = |book: &[u8], zstd: &[u8]| Dictionary::new(GRAMMAR, book.to_vec(), zstd.to_vec());
    assert_eq!(make(b"ab", b"c").id(), make(b"ab", b"c").id());
    assert_ne!(make(b"ab", b"c").id(), make(b"a", b"bc").id());
    // Bytes that are no zstd dictionary still compress and come back.
    let odd = Arc::new(make(b"book", b"no dictionary at all, only some bytes"));
    let (_guard, path) = place();
    let store = open(&path);
    store.put_tree(&key(1), GRAMMAR, b"only some bytes, only some bytes", Some(&odd)).unwrap();
    let found = reader(&path).get_tree(&key(1)).unwrap().unwrap();
    assert_eq!(found.bytes, b"only some bytes, only some bytes");
}

#[test]
fn training_on_too_little_gives_nothing() {
    let check = |samples: &[Vec<u8>], size, expected: bool| {
        assert_eq!(train_zstd(samples, size).is_some(), expected);
    };
    check(&[], 8 << 10, false);
    check(&vec![vec![]; 100], 8 << 10, false);
    check(&vec![vec![1]; 100], 8 << 10, false);
    check(&vec![phrases(1, 4_000); 3], 8 << 10, false);
    let samples: Vec<Vec<u8>> = (0..200).map(|n| phrases(n, 2_000)).collect();
    check(&samples, 0, false);
    check(&samples, 8 << 10, true);
}

/// A parse table that fits the grammars of the tests.
fn parse_table() -> ParseTable {
    ParseTable {
        tokens: 2,
        symbols: vec![0, 3, 3],
        symbol_count: 3,
        public: vec![0, 1, 2],
        states: vec![vec![(2, 6)]; 7],
        primary: vec![0; 7],
        ..ParseTable::default()
    }
}

#[test]
fn a_parse_table_lies_beside_its_grammar_table() {
    let (_guard, path) = place();
    let (rust, other) = (grammar("rust"), grammar("other"));
    let store = open(&path);
    store.put_grammar(&rust).unwrap();
    assert!(!store.has_parse_table(&rust.fingerprint()).unwrap());
    assert_eq!(store.parse_table(&rust).unwrap(), None);
    assert!(store.put_parse_table(&rust, &parse_table()).unwrap().new);
    assert!(!store.put_parse_table(&rust, &parse_table()).unwrap().new);
    store.seal().unwrap();
    drop(store);
    let store = reader(&path);
    assert!(store.has_parse_table(&rust.fingerprint()).unwrap());
    assert_eq!(store.parse_table(&rust).unwrap(), Some(parse_table()));
    assert_eq!(store.parse_table(&other).unwrap(), None);
    assert_eq!(*store.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    let refused = store.put_parse_table(&other, &parse_table());
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    assert!(open(&path).verify().unwrap().findings.is_empty());
}

#[test]
fn a_damaged_parse_table_is_a_miss_and_can_be_put_again() {
    let (_guard, path) = place();
    let rust = grammar("rust");
    let store = open(&path);
    store.put_grammar(&rust).unwrap();
    store.put_parse_table(&rust, &parse_table()).unwrap();
    store.close().unwrap();
    let segment = segments(&path, "open").remove(0);
    let mut content = fs::read(&segment).unwrap();
    let last = content.len() - 1;
    content[last] ^= 0xff;
    fs::write(&segment, content).unwrap();
    let store = open(&path);
    assert_eq!(store.parse_table(&rust).unwrap(), None);
    assert!(store.put_parse_table(&rust, &parse_table()).unwrap().new);
    assert_eq!(store.parse_table(&rust).unwrap(), Some(parse_table()));
}
