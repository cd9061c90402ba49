//! Trees in memory above the store.

use std::ops::ControlFlow;
use std::sync::{Arc, Barrier};
use std::thread;

use super::{Ground, index, rust};
use herbarium_index::{
    CacheOptions, Cancel, Compression, Engine, EngineOptions, Missed, OpenError, Origin, Outlet,
    ScanFile, Visitor,
};
use herbarium_store::TreeKey;

fn engine_with(ground: &Ground, cache: CacheOptions) -> Engine {
    ground.engine_with(EngineOptions { cache, ..EngineOptions::default() })
}

/// Hits of a tier.
fn hits(engine: &Engine, tier: &str) -> u64 {
    engine.tiers().tiers.iter().find(|it| it.name == tier).unwrap().hits
}

#[test]
fn what_was_opened_is_hot() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n")]);
    index(&ground.engine(), &ground.root());
    let engine = ground.engine();
    let opened = engine.open(&ground.path("a.rs")).unwrap();
    assert_eq!((opened.from, hits(&engine, "cold"), hits(&engine, "hot")), (Origin::Store, 1, 0));
    let hot = engine.open_hot(&opened.key).unwrap();
    assert!(Arc::ptr_eq(&hot, &opened.tree));
    assert!(Arc::ptr_eq(&hot, &engine.open_key(&opened.key).unwrap()));
    assert!(Arc::ptr_eq(&hot, &engine.open(&ground.path("a.rs")).unwrap().tree));
    assert_eq!((hits(&engine, "cold"), hits(&engine, "hot"), engine.parses()), (1, 3, 0));
}

#[test]
fn many_who_ask_at_a_time_cost_one_parse() {
    let ground = Ground::with(&[("a.rs", &rust(7))]);
    let engine = ground.engine();
    let start = Barrier::new(8);
    let open = || {
        start.wait();
        engine.open(&ground.path("a.rs")).unwrap().tree
    };
    let trees: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(trees.iter().all(|tree| Arc::ptr_eq(tree, &trees[0])));
    assert_eq!(engine.parses(), 1);
    // And it is stored.
    assert_eq!(index(&ground.engine(), &ground.root()).parses, 0);
}

/// However trees are held, they come back as they were.
fn check(cache: CacheOptions, tier: &str) {
    let ground = Ground::new();
    let names: Vec<_> = (0..60).map(|number| format!("f{number}.rs")).collect();
    for (number, name) in names.iter().enumerate() {
        ground.write(name, rust(number).repeat(40));
    }
    index(&ground.engine(), &ground.root());
    let fresh = ground.engine();
    let engine = engine_with(&ground, cache);
    for _ in 0..3 {
        for name in &names {
            let opened = engine.open(&ground.path(name)).unwrap();
            let key: TreeKey = opened.key;
            assert_eq!(opened.tree, fresh.open_key(&key).unwrap(), "{name}");
        }
    }
    assert!(hits(&engine, tier) > 30, "{tier}: {:#?}", engine.tiers());
    assert_eq!(engine.parses(), 0);
    let stats = engine.tiers();
    assert!(stats.memory() <= stats.budget.max(1 << 16), "{stats:#?}");
}

#[test]
fn a_tree_comes_back_from_each_tier_as_it_was() {
    let with =
        |budget, hot_percent, warm| CacheOptions { budget, hot_percent, warm, warm_whole: 0 };
    check(CacheOptions::default(), "hot");
    check(with(32 << 20, 3, Compression::Lz4), "warm");
    check(CacheOptions { warm_whole: 1 << 20, ..with(32 << 20, 3, Compression::Lz4) }, "warm");
    check(with(32 << 20, 3, Compression::None), "warm");
    check(with(32 << 20, 3, Compression::zstd(1)), "warm");
    // No such level: as they are.
    check(with(32 << 20, 3, Compression::zstd(99)), "warm");
    check(with(0, 75, Compression::Lz4), "cold");
    check(with(0, 255, Compression::Lz4), "cold");
}

#[test]
fn what_cannot_be_parsed_fails_for_all_who_ask_with_its_reason() {
    let ground = Ground::with(&[("a.rs", &"fn a() {}\n".repeat(3_000))]);
    let options = EngineOptions { memory_budget: 1, ..EngineOptions::default() };
    let engine = ground.engine_with(options);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                let error = engine.open(&ground.path("a.rs")).unwrap_err();
                assert!(matches!(error, OpenError::TooDense { .. }), "{error}");
            });
        }
    });
}

struct Roots;

impl Visitor for Roots {
    type Tools = ();
    type Item = usize;

    fn tools(&self) {}

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        _: &mut (),
        outlet: &mut Outlet<'_, usize>,
    ) -> Result<(), Missed> {
        outlet.send(file.open()?.0.descendant_count());
        Ok(())
    }
}

#[test]
fn a_scan_uses_what_is_hot_and_moves_nothing() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.rs", "fn b() { b(b) }\n")]);
    let engine = ground.engine();
    let (_, files) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
    let scan = || {
        let mut counts = Vec::new();
        let hear = |count| {
            counts.push(count);
            ControlFlow::Continue(())
        };
        engine.scan(&files, &Roots, hear, &Cancel::new()).unwrap();
        counts
    };
    let from_store = scan();
    assert!(engine.tiers().tiers.iter().all(|tier| tier.hits == 0));
    let opened = engine.open(&ground.path("a.rs")).unwrap();
    assert_eq!(scan(), from_store);
    assert_eq!((hits(&engine, "hot"), hits(&engine, "cold")), (1, 1));
    assert_eq!(from_store[0], opened.tree.descendant_count());
    ground.write("a.rs", "fn x() {}\n");
    // As long as it was: the tree that is hot is another's.
    assert_eq!(scan().len(), 1);
}
