//! Any sequence of operations, against a map in memory. What no manifest names may
//! go with a collection; nothing else, and nothing is ever another.

use std::collections::HashMap;

use herbarium_store::{Store, StoreOptions};
use proptest::prelude::*;

use crate::garbage::{manifest, now};
use crate::revisions::{revision, revision_key};
use crate::support::*;

/// Revisions have numbers from here on.
const REVISIONS: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Op {
    Put(u64),
    PutFromAnother(u64),
    Get(u64),
    GetFromAnother(u64),
    /// A revision of a tree, after the one before.
    Revise(u64),
    /// These are needed, all others may go.
    Collect {
        needed: u64,
    },
    Seal,
    Flush,
    Reopen,
    /// The process ends without closing: what is in memory is gone, the lock too.
    Crash {
        torn: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..40u64).prop_map(Op::Put),
        2 => (0..40u64).prop_map(Op::PutFromAnother),
        4 => (0..40u64).prop_map(Op::Get),
        2 => (0..40u64).prop_map(Op::GetFromAnother),
        4 => (1..12u64).prop_map(Op::Revise),
        1 => (1..8u64).prop_map(|needed| Op::Collect { needed }),
        1 => Just(Op::Seal),
        1 => Just(Op::Flush),
        1 => Just(Op::Reopen),
        1 => (0..200usize).prop_map(|torn| Op::Crash { torn }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_store_is_a_map_that_survives(ops in prop::collection::vec(op(), 1..60)) {
        let (_guard, path) = place();
        let options: StoreOptions = quick().segment_size(4 << 10);
        let mut store = Store::open(&path, options.clone()).unwrap();
        let mut other = Store::open(&path, options.clone()).unwrap();
        let mut model: HashMap<u64, Vec<u8>> = HashMap::new();
        for op in ops {
            match op {
                Op::Put(n) | Op::PutFromAnother(n) => {
                    let to = if matches!(op, Op::Put(_)) { &store } else { &other };
                    let put = to.put_tree(&key(n), GRAMMAR, &bytes(n), None).unwrap();
                    prop_assert_eq!(put.new, model.insert(n, bytes(n)).is_none());
                }
                Op::Get(n) | Op::GetFromAnother(n) => {
                    let from = if matches!(op, Op::Get(_)) { &store } else { &other };
                    let found = from.get_tree(&key(n)).unwrap().map(|found| found.bytes);
                    prop_assert_eq!(found.as_ref(), model.get(&n));
                    prop_assert_eq!(from.contains(&key(n)).unwrap(), model.contains_key(&n));
                }
                Op::Revise(n) => {
                    let (bytes, before) = (revision(n), revision_key(n - 1));
                    let put = store.put_revision(&revision_key(n), GRAMMAR, &bytes, None, &before);
                    let new = model.insert(REVISIONS + n, bytes).is_none();
                    prop_assert_eq!(put.unwrap().new, new);
                }
                Op::Collect { needed } => {
                    // What another store is writing to is not collected.
                    other.seal().unwrap();
                    let keys = model.keys().filter(|n| **n % needed == 0);
                    let manifest = manifest("/w", 7, keys.map(|n| key(*n)));
                    store.put_manifest(&manifest).unwrap();
                    store.gc(&now()).unwrap();
                    for n in (0..40).chain(REVISIONS..REVISIONS + 12) {
                        let found = store.get_tree(&key(n)).unwrap().map(|found| found.bytes);
                        if let Some(bytes) = &found {
                            prop_assert_eq!(model.get(&n), Some(bytes));
                        } else {
                            prop_assert!(n % needed != 0 || !model.contains_key(&n));
                            model.remove(&n);
                        }
                    }
                    // It may go on reading what it has open: that is not wrong, but gone.
                    other.refresh().unwrap();
                    let findings = store.verify().unwrap().findings;
                    prop_assert!(findings.is_empty(), "{:?}", findings);
                }
                Op::Seal => store.seal().unwrap(),
                Op::Flush => store.flush().unwrap(),
                Op::Reopen => {
                    store.close().unwrap();
                    store = Store::open(&path, options.clone()).unwrap();
                }
                Op::Crash { torn } => {
                    // Closing lays the pen down without sealing; a crash in the
                    // middle of a write leaves the beginning of a record behind.
                    drop(other);
                    drop(store);
                    for segment in segments(&path, "open") {
                        let mut content = std::fs::read(&segment).unwrap();
                        let tail: Vec<u8> = content[64..].iter().copied().take(torn).collect();
                        content.extend_from_slice(&tail[..tail.len().min(55)]);
                        std::fs::write(&segment, content).unwrap();
                    }
                    store = Store::open(&path, options.clone()).unwrap();
                    other = Store::open(&path, options.clone()).unwrap();
                }
            }
        }
        drop(store);
        let report = other.verify().unwrap();
        prop_assert!(report.findings.is_empty(), "{:?}", report.findings);
        prop_assert_eq!(report.trees, model.len() as u64);
        for (n, bytes) in &model {
            prop_assert_eq!(&other.get_tree(&key(*n)).unwrap().unwrap().bytes, bytes);
        }
    }
}
