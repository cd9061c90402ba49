//! Verifying, and what is found when something is wrong.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Ground, index, open_store, rust};
use herbarium_index::{Cancel, Engine, EngineOptions, Opened, Origin, VerifyReport};
use herbarium_store::Compression;
use herbarium_store::{Store, StoreOptions};

fn verify(engine: &Engine, deep: bool) -> VerifyReport {
    engine.verify(deep, &(), &Cancel::new()).unwrap()
}

#[test]
fn a_deep_look_compares_every_tree_once_and_finds_nothing() {
    let ground = Ground::with(&[
        ("a.rs", "fn a() {}\n"),
        ("same.rs", "fn a() {}\n"),
        ("broken.rs", "fn (\n"),
        ("b.py", "def b():\n    return 'é'\n"),
        ("c.js", "c(1, 2)\r\nd()\r\n"),
        ("empty.c", ""),
    ]);
    let indexed = ground.index();
    let engine = ground.engine();
    let shallow = verify(&engine, false);
    assert_eq!((shallow.trees, shallow.compared), (5, 0));
    let deep = verify(&engine, true);
    assert_eq!((deep.trees, deep.compared, deep.differing), (5, 5, 0), "{deep:#?}");
    assert!(deep.is_sound() && shallow.is_sound());
    assert!(deep.nodes > 0 && deep.nodes <= indexed.nodes);
}

#[test]
fn files_that_are_gone_or_changed_are_counted_and_not_compared() {
    let ground =
        Ground::with(&[("a.rs", "fn a() {}\n"), ("b.rs", "fn b() {}\n"), ("c.rs", "c!();\n")]);
    ground.index();
    fs::remove_file(ground.path("a.rs")).unwrap();
    ground.write("b.rs", "fn changed() {}\n");
    let deep = verify(&ground.engine(), true);
    assert_eq!((deep.missing_source, deep.changed_source, deep.compared), (1, 1, 1));
    assert!(deep.is_sound());
}

/// A store in which the tree of `a.rs` stands under the key of `b.rs`; and what `b.rs` is.
fn swapped() -> (Ground, Opened) {
    let ground = Ground::with(&[("a.rs", "fn a() { f(1) }\n"), ("b.rs", "fn b() { f(x) }\n")]);
    // The bytes of one tree, planted under the key of the other.
    let elsewhere = Ground::new();
    let engine = elsewhere.engine();
    let (a, b) =
        (engine.open(&ground.path("a.rs")).unwrap(), engine.open(&ground.path("b.rs")).unwrap());
    let bytes = elsewhere.store.get_tree(&a.key).unwrap().unwrap().bytes;
    ground.store.put_grammar(b.tree.grammar()).unwrap();
    ground.store.put_tree(&b.key, b.tree.grammar().fingerprint(), &bytes, None).unwrap();

    (ground, b)
}

#[test]
fn a_wrong_tree_under_a_right_key_is_never_given_out_and_replaced() {
    let (ground, b) = swapped();
    for (engine, from) in [(ground.engine(), Origin::Parsed), (ground.engine(), Origin::Store)] {
        let opened = engine.open(&ground.path("b.rs")).unwrap();
        assert_eq!((opened.from, opened.tree), (from, Arc::clone(&b.tree)));
    }
}

#[test]
fn a_wrong_tree_under_a_right_key_is_found() {
    let (ground, b) = swapped();
    let engine = ground.engine();
    index(&engine, &ground.root());
    let deep = verify(&engine, true);
    assert_eq!((deep.compared, deep.differing), (2, 1));
    assert!(!deep.is_sound());
    let path: PathBuf = fs::canonicalize(ground.path("b.rs")).unwrap();
    let first = deep.differences.first().unwrap();
    assert_eq!((&first.path, first.key), (&path, b.key));
    let argument = deep.differences.iter().find(|it| it.what == "kind").unwrap();
    assert_eq!(
        (argument.expected.as_str(), argument.found.as_str()),
        ("\"identifier\"", "\"integer_literal\"")
    );
}

#[test]
fn a_damaged_tree_is_found_and_pressed_again() {
    let ground = Ground::new();
    for number in 0..20 {
        ground.write(&format!("f{number}.rs"), rust(number));
    }
    ground.rest();
    // Uncompressed, so that a flipped bit is a wrong byte of one tree.
    let dir = ground.dir.path().join("plain");
    let options = || StoreOptions::new().compression(Compression::None);
    let engine_on = |store| Engine::new(Arc::new(store), EngineOptions::default());
    let engine = engine_on(Store::open(&dir, options()).unwrap());
    index(&engine, &ground.root());
    let key = engine.open(&ground.path("f7.rs")).unwrap().key;
    drop(engine);
    let segments = fs::read_dir(dir.join("segments")).unwrap().map(|it| it.unwrap().path());
    for segment in segments.filter(|path| fs::metadata(path).unwrap().len() > 4096) {
        let mut bytes = fs::read(&segment).unwrap();
        let at = bytes.windows(32).position(|window| window == key.0).unwrap();
        bytes[at + 64] ^= 0x40;
        fs::write(&segment, bytes).unwrap();
    }
    let engine = engine_on(Store::open(&dir, options()).unwrap());
    let found = verify(&engine, true);
    assert!(!found.is_sound());
    assert!(!found.damaged.is_empty(), "{found:#?}");
    assert_eq!(found.differing, 0, "damage is a miss, never another tree");
    let healed = index(&engine, &ground.root());
    assert!((1..20).contains(&healed.parses), "{healed:#?}");
    let deep = verify(&engine, true);
    assert_eq!((deep.compared, deep.missing_tree, deep.differing), (20, 0, 0), "{deep:#?}");
    assert!(deep.is_sound() && deep.healed > 0, "{deep:#?}");
}

#[test]
fn verifying_can_be_cancelled() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n")]);
    ground.index();
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(ground.engine().verify(true, &(), &cancel).unwrap().cancelled);
}

#[test]
fn nothing_stored_is_nothing_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(open_store(dir.path()), EngineOptions::default());
    let deep = verify(&engine, true);
    assert!(deep.is_sound());
    assert_eq!((deep.trees, deep.compared), (0, 0));
}

/// The first node and property in which the tree of one text is not that of another.
fn check_difference(live: &str, stored: &str, first: Option<(u64, &str)>) {
    let rust = herbarium_languages::by_id("rust").unwrap();
    let parse = |source: &str| {
        let limits = herbarium_languages::ParseLimits::default();
        let pool = herbarium_languages::ParserPool::new(1);
        pool.parse(rust, source.as_bytes(), None, &limits).unwrap()
    };
    let mut capturer = herbarium_capture::Capturer::new(rust.grammar());
    let tree = capturer.capture(&parse(stored), stored.as_bytes()).unwrap();
    let found = herbarium_capture::differences(&parse(live), &tree);
    let found = found.iter().find(|it| it.what != "descendant_count");
    assert_eq!(found.map(|it| (it.node, it.what)), first, "{live:?} {stored:?}");
}

#[test]
fn a_difference_is_told_at_its_node() {
    for source in ["fn main() {}\n", "", "\n\n", "fn (", "struct A { b: C }", "é = 'ö' ❤"] {
        check_difference(source, source, None);
    }
    check_difference("fn a() {}", "fn ab() {}", Some((0, "end_byte")));
    check_difference("fn a() {}\n", "fn a() {}", Some((0, "end_byte")));
    check_difference("let a = 1;", "let a = x;", Some((5, "kind_id")));
    check_difference("f(1, 2)", "f(1)   ", Some((1, "end_byte")));
    check_difference("\na", " a", Some((0, "start_position")));
}

#[test]
fn what_is_stored_whole_and_is_no_tree_is_pressed_again() {
    const FILE: [(&str, &str); 1] = [("a.rs", "fn a() {}\n")];
    let elsewhere = Ground::with(&FILE);
    let right = elsewhere.engine().open(&elsewhere.path("a.rs")).unwrap();
    let ground = Ground::with(&FILE);
    let grammar = right.tree.grammar();
    ground.store.put_grammar(grammar).unwrap();
    ground.store.put_tree(&right.key, grammar.fingerprint(), b"no tree at all", None).unwrap();
    let report = ground.index();
    assert_eq!((report.trees_new, report.parses), (1, 1));
    let report = ground.index();
    assert_eq!((report.trees_reused, report.parses), (1, 0));
    assert_eq!(ground.engine().open(&ground.path("a.rs")).unwrap().from, Origin::Store);
    let deep = verify(&ground.engine(), true);
    assert_eq!((deep.compared, deep.differing, deep.missing_tree), (1, 0, 0), "{deep:#?}");
}
