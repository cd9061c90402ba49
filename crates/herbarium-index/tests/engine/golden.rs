//! Stores of real code, of every released format, stay readable: trees, also those stored
//! as differences, dictionaries, grammar tables and manifests.
//!
//! Their grammars are those of their time: nothing here asks today's. What the trees are
//! was written beside them, from fresh parses.
//!
//! To add one of a new version: add a test for it and run
//! `HERBARIUM_WRITE_GOLDEN=v1.1 cargo test -p herbarium-index golden`. Those that are
//! there are never written again.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_codec::Tree;
use herbarium_index::{Engine, EngineOptions};
use herbarium_store::{
    GcOptions, Manifest, ManifestRow, MigrateOptions, Outcome, Store, StoreOptions, StoreVersion,
    TreeKey, path_bytes, path_from_bytes,
};

use super::{Ground, index, rust};

#[test]
fn real_code_in_a_store_of_version_1_0_is_read() {
    check_golden("v1.0", 0);
}

#[test]
fn real_code_in_a_store_of_version_1_1_is_read() {
    check_golden("v1.1", 2);
}

/// Opens the golden store of this name, in which the deepest chain has so many differences.
fn check_golden(name: &str, deepest: u8) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("HERBARIUM_WRITE_GOLDEN").is_some_and(|wanted| wanted == name) {
        write(&golden);
    }
    let expected = fs::read_to_string(golden.join("trees.txt")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    copy(&golden.join("store"), &path);
    for read_only in [true, false] {
        let store = Arc::new(Store::open(&path, StoreOptions::new().read_only(read_only)).unwrap());
        check(&store, &expected);
        let info = |(_, key)| store.get_tree(&key).unwrap().unwrap().info;
        let infos: Vec<_> = keys(&store).into_iter().map(info).collect();
        // JSON has too few trees for a dictionary.
        let without = infos.iter().filter(|info| info.dictionary.is_none()).count();
        assert_eq!((infos.len(), without), (64, 1));
        assert_eq!(infos.iter().map(|info| info.differences).max(), Some(deepest));
        assert_eq!(store.verify().unwrap().findings, []);
    }
    // It is worked on as any other, and brought to the version of today.
    let migrated = Store::migrate(&path, &MigrateOptions::new()).unwrap();
    assert_eq!(migrated.to, StoreVersion::CURRENT);
    let store = Arc::new(Store::open(&path, StoreOptions::new()).unwrap());
    store.gc(&GcOptions::new()).unwrap();
    check(&store, &expected);
}

fn check(store: &Arc<Store>, expected: &str) {
    let engine = Engine::new(Arc::clone(store), EngineOptions::default());
    let open = |(path, key): (PathBuf, TreeKey)| {
        let tree = engine.open_key(&key).unwrap();
        told(&path, &tree)
    };
    let found: String = keys(store).into_iter().map(open).collect();
    assert!(found == expected, "other trees:\n{found}");
    assert_eq!(engine.parses(), 0);
}

/// The paths and keys of the one manifest in the store.
fn keys(store: &Store) -> Vec<(PathBuf, TreeKey)> {
    let infos = store.manifests().unwrap();
    assert_eq!(infos.len(), 1);
    let manifest: Manifest = store.manifest(&infos[0].root).unwrap().unwrap();
    let key = |row: &ManifestRow| match row.outcome {
        Outcome::Tree(key) => key,
        Outcome::None(_) => panic!("no tree: {row:?}"),
    };
    // The row without a path is the engine's own.
    let rows = manifest.rows().iter().filter(|row| !row.path.is_empty());
    rows.map(|row| (path_from_bytes(&row.path), key(row))).collect()
}

/// A file and its tree: all nodes by name, and a hash of where they begin and end.
fn told(path: &Path, tree: &Tree) -> String {
    let mut places: u64 = 0xcbf2_9ce4_8422_2325;
    for node in tree.nodes() {
        let (start, end) = (node.start_position(), node.end_position());
        let points = [start.row, start.column, end.row, end.column].map(|it| it as u64);
        for number in [node.start_byte() as u64, node.end_byte() as u64].into_iter().chain(points) {
            places = (places ^ number).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let path = String::from_utf8(path_bytes(path)).unwrap();
    let mut told = String::new();
    writeln!(told, "{path} {places:016x} {}", tree.root_node().to_sexp()).unwrap();
    told
}

fn write(golden: &Path) {
    let version = golden.file_name().unwrap().to_str().unwrap().trim_start_matches('v');
    fs::remove_dir_all(golden).ok();
    let files: Vec<(String, String)> =
        (0..60).map(|number| (format!("src/f{number:02}.rs"), rust(number))).collect();
    let ground = Ground::new();
    files.iter().for_each(|(path, text)| ground.write(path, text));
    let large: String = (0..12).map(rust).collect();
    ground.write("src/large.rs", &large);
    ground.write("src/broken.rs", "fn broken( { let = 1;\n");
    ground.write("data/list.json", "{\"a\": [1, 2.5, null, \"\u{e4}\"]}\n");
    ground.rest();
    let path = ground.dir.path().join("golden");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("HERBARIUM"), format!("herbarium store {version}\n")).unwrap();
    let store = Arc::new(Store::open(&path, StoreOptions::new()).unwrap());
    let engine = Engine::new(Arc::clone(&store), EngineOptions::default());
    let run = || drop(index(&engine, &ground.root()));
    run();
    store.seal().unwrap();
    // A revision of a revision, in other segments than what they differ from.
    for (number, changed) in ["compute(1, 3,", "compute(2, 5,"].into_iter().enumerate() {
        let text = large.replace(changed, "calculate(&[1],");
        ground.write("src/large.rs", &text);
        ground.write(&format!("src/f0{number}.rs"), rust(100 + number));
        if number == 1 {
            ground.write("src/large2.rs", text.replace("value_1", "other_1"));
        }
        ground.rest();
        run();
    }
    drop(engine);
    let told = |(path, _): (PathBuf, TreeKey)| {
        let fresh = Ground::new();
        let text = fs::read(ground.root().join(&path)).unwrap();
        fresh.write(path.to_str().unwrap(), text);
        let opened = fresh.engine().open(&fresh.path(path.to_str().unwrap())).unwrap();
        told(&path, &opened.tree)
    };
    let trees: String = keys(&store).into_iter().map(told).collect();
    Arc::into_inner(store).unwrap().close().unwrap();
    copy(&path, &golden.join("store"));
    fs::write(golden.join("trees.txt"), trees).unwrap();
}

/// What a store is; not what only guards it while it is used.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&path, &to);
        } else if path.extension().is_none_or(|extension| extension != "lock") {
            fs::copy(path, to).unwrap();
        }
    }
}
