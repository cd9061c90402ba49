//! What is put into stores: everything follows from a number, so that whoever
//! reads it knows what it should be.

use std::sync::Arc;

use herbarium_codec::{Fingerprint, Grammar, GrammarError, GrammarParts, Kind};
use herbarium_store::{Dictionary, KeyParts, Manifest, ManifestRow, NoTree, Outcome, TreeKey};

use crate::Random;

/// The workspace that manifests are of.
pub const WORKSPACE: &str = "/workspace";

/// The grammar that all trees here are of.
pub const FINGERPRINT: Fingerprint = Fingerprint([7; 16]);

/// The key of the `n`th tree.
pub fn key(n: u64) -> TreeKey {
    let source = n.to_le_bytes();
    let parts = KeyParts {
        runtime: "faults",
        language: "numbers",
        grammar: FINGERPRINT,
        options: 0,
        included_ranges: &[],
        source: &source,
    };
    parts.key()
}

/// The bytes of the `n`th tree: some compress well and some not at all, some fill
/// several sectors of a disk, a few are empty, and some are much like another.
pub fn bytes(n: u64) -> Vec<u8> {
    let Some(before) = predecessor(n) else { return noise(n) };
    let mut bytes = bytes(before);
    bytes.extend_from_slice(&n.to_le_bytes());
    bytes
}

/// The tree that the `n`th is much like.
pub fn predecessor(n: u64) -> Option<u64> {
    // After one of those that are long.
    (n % 5 == 1 || n % 5 == 2).then(|| n - 1)
}

fn noise(n: u64) -> Vec<u8> {
    let mut random = Random::new(n);
    let len = match n % 5 {
        0 => 1_500 + random.below(1_000),
        4 => random.below(3),
        _ => random.below(500),
    };
    let kinds = if n.is_multiple_of(3) { 4 } else { 256 };
    (0..len).map(|_| random.below(kinds) as u8).collect()
}

/// The dictionary that every other tree is put with, once it was put itself.
pub fn dictionary() -> Arc<Dictionary> {
    let mut random = Random::new(77);
    let zstd = (0..600).map(|_| random.below(4) as u8).collect();
    Arc::new(Dictionary::new(FINGERPRINT, b"book".to_vec(), zstd))
}

/// The dictionary of the `n`th tree.
pub fn dictionary_of(n: u64) -> Option<Arc<Dictionary>> {
    (n % 4 == 3).then(dictionary)
}

/// A grammar table; not that of the trees, which need none here.
///
/// # Errors
/// None: its parts fit together.
pub fn grammar() -> Result<Grammar, GrammarError> {
    let kind =
        |name: &str| Kind { name: name.into(), named: true, visible: true, supertype: false };
    Grammar::new(GrammarParts {
        name: "numbers".into(),
        version: "1.0.0".into(),
        abi: 15,
        states: 7,
        kinds: vec![kind("end"), kind("number"), kind("sum")],
        fields: vec!["left".into()],
        supertypes: vec![],
    })
}

/// The `n`th manifest: the larger the number, the more rows.
pub fn manifest(n: u64) -> Manifest {
    let row = |at: u64| ManifestRow {
        path: format!("src/file-{at:04}.txt").into_bytes(),
        size: at,
        mtime_ns: (n + at) as i64,
        ctime_ns: 0,
        inode: at,
        language: None,
        outcome: match at % 2 {
            0 => Outcome::Tree(key(at)),
            _ => Outcome::None(NoTree::Binary),
        },
        nodes: 1,
        lines: 1,
        stored_bytes: 1,
        kinds: None,
    };
    Manifest::new(WORKSPACE, n as i64, (0..n % 40).map(row).collect())
}
