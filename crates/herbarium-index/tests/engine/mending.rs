//! Trees that the store lost, met by who asks many files.

use std::ops::ControlFlow;
use std::sync::Arc;

use herbarium_codec::{Tree, encode};
use herbarium_index::{
    Cancel, Engine, EngineOptions, Missed, Outlet, ProblemKind, ScanFile, ScanReport, Visitor,
};
use herbarium_store::{Store, StoreOptions, TreeKey};

use super::{Ground, index, rust};

struct Trees;

impl Visitor for Trees {
    type Tools = ();
    type Item = Tree;

    fn tools(&self) {}

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        (): &mut (),
        outlet: &mut Outlet<'_, Tree>,
    ) -> Result<(), Missed> {
        outlet.send(file.open()?.0.clone());
        Ok(())
    }
}

/// As the store is: no file is looked at before.
fn scan(engine: &Engine, ground: &Ground) -> (Vec<Tree>, ScanReport) {
    let snapshot = engine.snapshot(&[ground.root()]).unwrap();
    let mut trees = Vec::new();
    let hear = |tree| {
        trees.push(tree);
        ControlFlow::Continue(())
    };
    let report = engine.scan(&snapshot, &Trees, hear, &Cancel::new()).unwrap();
    (trees, report)
}

/// Files of which the second is in Rust, and the key of its tree.
fn ground() -> (Ground, TreeKey) {
    let ground = Ground::with(&[("a.py", "a()\n"), ("b.rs", &rust(3)), ("c.rs", "fn c() {}\n")]);
    let engine = ground.engine();
    index(&engine, &ground.root());
    let key = engine.open(&ground.path("b.rs")).unwrap().key;
    (ground, key)
}

/// Wants the tree to be pressed again, and the answer to be what it was.
fn check(lose: impl Fn(&Ground, &TreeKey), why: &str) {
    let (ground, key) = ground();
    let (before, _) = scan(&ground.engine(), &ground);
    lose(&ground, &key);
    let engine = ground.engine();
    let (trees, report) = scan(&engine, &ground);
    assert_eq!(trees, before);
    assert_eq!((report.files, report.missed.len(), engine.parses()), (3, 0, 1));
    let [mended] = &report.mended[..] else { panic!("{report:?}") };
    assert!(mended.path.ends_with("b.rs") && mended.key == key && mended.stored, "{mended:?}");
    assert!(mended.why.contains(why), "{mended:?}");
    let engine = ground.engine();
    let (trees, report) = scan(&engine, &ground);
    assert_eq!((trees, report.mended.len(), engine.parses()), (before, 0, 0));
    assert_eq!(index(&engine, &ground.root()).parses, 0);
}

#[test]
fn a_lost_tree_is_pressed_again_and_the_answer_is_whole() {
    let put = |ground: &Ground, key: &TreeKey, tree: &Tree, bytes: &[u8]| {
        ground.store.condemn_tree(key).unwrap();
        let fingerprint = tree.grammar().fingerprint();
        assert!(ground.store.put_tree(key, fingerprint, bytes, None).unwrap().new);
    };
    let other = |ground: &Ground| ground.engine().open(&ground.path("c.rs")).unwrap().tree;
    check(|ground, key| assert!(ground.store.condemn_tree(key).unwrap()), "damaged or not there");
    check(|ground, key| put(ground, key, &other(ground), b"no tree"), "");
    let wrong = |ground: &Ground, key: &TreeKey| {
        let tree = other(ground);
        put(ground, key, &tree, &encode(&tree));
    };
    check(wrong, "another source");
}

#[test]
fn a_tree_that_is_not_that_of_the_file_any_more_is_not_pressed_again() {
    let (ground, key) = ground();
    ground.store.condemn_tree(&key).unwrap();
    // As long as it was.
    ground.write("b.rs", rust(3).replace("compute", "c0mpute"));
    let engine = ground.engine();
    let (trees, report) = scan(&engine, &ground);
    assert_eq!((trees.len(), report.mended.len(), engine.parses()), (2, 0, 0));
    assert_eq!(report.missed[0].kind, ProblemKind::MissingTree);
}

#[test]
fn what_cannot_be_pressed_again_is_missed() {
    let (ground, key) = ground();
    ground.store.condemn_tree(&key).unwrap();
    let never_parse = ["rust".to_owned()].into();
    let foreign = EngineOptions { never_parse, ..EngineOptions::default() };
    let tight = EngineOptions { memory_budget: 1, ..EngineOptions::default() };
    for (options, why) in [(foreign, "index again"), (tight, "nor could it be pressed again")] {
        let engine = ground.engine_with(options);
        let (trees, report) = scan(&engine, &ground);
        assert_eq!((trees.len(), report.mended.len(), engine.parses()), (2, 0, 0));
        assert!(report.missed[0].message.contains(why), "{report:?}");
    }
}

#[test]
fn of_a_store_that_may_only_be_read_the_answer_is_whole_too() {
    let (ground, key) = ground();
    let (before, _) = scan(&ground.engine(), &ground);
    ground.store.condemn_tree(&key).unwrap();
    let options = StoreOptions::new().read_only(true);
    let store = Arc::new(Store::open(ground.dir.path().join("store"), options).unwrap());
    let engine = Engine::new(store, EngineOptions::default());
    for _ in 0..2 {
        let (trees, report) = scan(&engine, &ground);
        assert_eq!((&trees, report.missed.len()), (&before, 0));
        assert!(!report.mended[0].stored);
    }
    // What was noted is pressed by the next run.
    assert_eq!(index(&ground.engine(), &ground.root()).parses, 1);
}
