//! Trees on their own: they come back as they were, and nothing else does.

use std::sync::Arc;

use herbarium_codec::{BookTrainer, Encoder, Grammar, ShapeBook, Tree, doc};
use herbarium_store::{Dictionary, ExportError, ExportedTree, KeyParts, Provenance, TreeKey};
use proptest::prelude::*;

use crate::support::*;

const SOURCE: &[u8] = b"1 + 2";

fn sum() -> (Arc<Grammar>, Tree) {
    let grammar = Arc::new(doc::sums());
    let tree = doc::one_plus_two(&grammar);
    (grammar, tree)
}

fn provenance() -> Provenance {
    Provenance {
        language: "sums".into(),
        runtime: "0.27.1".into(),
        options: 7,
        included_ranges: vec![(0, 5)],
        path: b"src/one.sum".to_vec(),
    }
}

fn key_of(grammar: &Grammar, of: &Provenance) -> TreeKey {
    KeyParts {
        runtime: &of.runtime,
        language: &of.language,
        grammar: grammar.fingerprint(),
        options: of.options,
        included_ranges: &of.included_ranges,
        source: SOURCE,
    }
    .key()
}

fn exported() -> ExportedTree {
    let (grammar, tree) = sum();
    let key = key_of(&grammar, &provenance());
    ExportedTree::new(key, provenance(), grammar, herbarium_codec::encode(&tree)).unwrap()
}

#[test]
fn a_tree_goes_from_one_store_to_another_without_its_book() {
    let (grammar, tree) = sum();
    let key = key_of(&grammar, &provenance());
    let mut trainer = BookTrainer::new(&grammar);
    (0..50).for_each(|_| trainer.add(&tree));
    let book: Arc<ShapeBook> = Arc::new(trainer.finish());
    let shapes = Dictionary::new(grammar.fingerprint(), book.to_bytes(), Vec::new());
    for book in [None, Some((&book, Arc::new(shapes)))] {
        let (_guard, path) = place();
        let here = open(&path);
        let mut bytes = Vec::new();
        Encoder::new().encode_into(&tree, book.as_ref().map(|it| it.0), &mut bytes);
        here.put_grammar(&grammar).unwrap();
        let shapes = book.as_ref().map(|it| &it.1);
        here.put_tree(&key, grammar.fingerprint(), &bytes, shapes).unwrap();
        let out = here.export_tree(&key, provenance()).unwrap().unwrap();
        let file = out.to_bytes();
        let read = ExportedTree::from_bytes(&file).unwrap();
        assert_eq!(read, out);
        assert!(read.is_of(SOURCE) && !read.is_of(b"1 + 3"));
        assert_eq!((read.tree().unwrap(), read.provenance()), (tree.clone(), &provenance()));
        let (_guard, path) = place();
        let there = open(&path);
        assert!(there.import_tree(&read).unwrap().new);
        assert!(!there.import_tree(&read).unwrap().new);
        drop(there);
        let there = reader(&path);
        let found = there.get_tree(&key).unwrap().unwrap();
        let table = there.grammar(&grammar.fingerprint()).unwrap().unwrap();
        assert_eq!(herbarium_codec::decode(&found.bytes, &table).unwrap(), tree);
        assert_eq!(there.verify().unwrap().findings, []);
    }
}

/// Written by version 1.0, and never again. zstd may find other bytes for the same tree:
/// what counts is that these are read.
#[test]
fn an_exported_tree_of_version_1_0_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/export-v1.0.tree");
    if std::env::var_os("HERBARIUM_WRITE_GOLDEN").is_some_and(|wanted| wanted == "export-v1.0") {
        std::fs::write(path, exported().to_bytes()).unwrap();
    }
    assert_eq!(ExportedTree::from_bytes(&std::fs::read(path).unwrap()).unwrap(), exported());
}

#[test]
fn what_is_longer_than_the_reader_allows_is_not_unpacked() {
    let bytes = exported().to_bytes();
    let ExportError::OverLimit { len, limit: 0 } =
        ExportedTree::from_bytes_within(&bytes, 0).unwrap_err()
    else {
        panic!("read")
    };
    assert_eq!(ExportedTree::from_bytes_within(&bytes, len).unwrap(), exported());
    let error = ExportedTree::from_bytes_within(&bytes, len - 1).unwrap_err();
    assert!(matches!(error, ExportError::OverLimit { .. }), "{error}");
    // Before anything is unpacked: one that states a gigabyte is not looked into.
    let mut bomb = bytes;
    bomb[100..104].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    seal(&mut bomb);
    let error = ExportedTree::from_bytes_within(&bomb, 1 << 20).unwrap_err();
    assert!(matches!(error, ExportError::OverLimit { .. }), "{error}");
}

#[test]
fn what_is_not_there_is_not_exported() {
    let (_guard, path) = place();
    let store = open(&path);
    assert!(store.export_tree(&key(1), provenance()).unwrap().is_none());
    // No grammar table; then no tree.
    put(&store, [1]);
    assert!(store.export_tree(&key(1), provenance()).unwrap().is_none());
    let table = grammar("rust");
    store.put_grammar(&table).unwrap();
    store.put_tree(&key(2), table.fingerprint(), b"not a tree", None).unwrap();
    assert!(store.export_tree(&key(2), provenance()).unwrap().is_none());
    let error = reader(&path).import_tree(&exported()).unwrap_err();
    assert!(error.to_string().contains("import a tree"), "{error}");
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let good = exported().to_bytes();
    for at in 0..good.len() {
        assert!(ExportedTree::from_bytes(&good[..at]).is_err(), "cut at {at}");
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(ExportedTree::from_bytes(&bad).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(ExportedTree::from_bytes(&[&good[..], b"x"].concat()).is_err());
}

/// Sets the checksum right.
fn seal(bytes: &mut [u8]) {
    let end = bytes.len() - 8;
    let sum = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn versions_are_told_apart() {
    let good = exported().to_bytes();
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        seal(&mut bytes);
        ExportedTree::from_bytes(&bytes)
    };
    assert!(with(5, 9).is_ok(), "a later minor version is read");
    for (at, value) in [(4, 2), (6, 1)] {
        let error = with(at, value).unwrap_err();
        assert!(matches!(error, ExportError::Version { .. }), "{error:?}");
        assert!(error.to_string().contains("1.0") && error.to_string().contains("update"));
    }
    assert!(matches!(with(0, b'X'), Err(ExportError::Magic { .. })));
    // Whole by its checksum, and of other things all the same.
    for at in [40, 64, 72] {
        assert!(with(at, good[at] ^ 1).is_err(), "{at}");
    }
    assert!(!with(8, good[8] ^ 1).unwrap().is_of(SOURCE), "another key");
}

#[test]
fn what_the_format_has_no_room_for_is_refused() {
    let (grammar, tree) = sum();
    let bytes = herbarium_codec::encode(&tree);
    for of in [
        Provenance { language: "x".repeat(256), ..provenance() },
        Provenance { runtime: "x".repeat(256), ..provenance() },
        Provenance { path: vec![b'x'; 65_537], ..provenance() },
        Provenance { included_ranges: vec![(0, 1); 65_537], ..provenance() },
    ] {
        let made = ExportedTree::new(key(1), of, Arc::clone(&grammar), bytes.clone());
        assert!(matches!(made, Err(ExportError::TooLarge { .. })), "{made:?}");
    }
    let made = ExportedTree::new(key(1), provenance(), grammar, b"no tree".to_vec());
    assert!(matches!(made, Err(ExportError::Content { .. })), "{made:?}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_quietly(
        start in 0..40usize,
        noise in prop::collection::vec(any::<u8>(), 0..400),
        right in any::<bool>(),
    ) {
        let good = exported().to_bytes();
        // Pure noise, noise behind a good beginning, and both under a right checksum.
        let mut bytes = [&good[..(start * 4).min(good.len())], &noise[..]].concat();
        if right && bytes.len() >= 8 {
            seal(&mut bytes);
        }
        prop_assert!(ExportedTree::from_bytes(&bytes).is_err());
    }

    #[test]
    fn changed_bytes_under_a_right_checksum_give_a_tree_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = exported().to_bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        seal(&mut bytes);
        if let Ok(read) = ExportedTree::from_bytes(&bytes) {
            prop_assert!(read.tree().is_ok());
            prop_assert_eq!(ExportedTree::from_bytes(&read.to_bytes()).unwrap(), read);
        }
    }
}
