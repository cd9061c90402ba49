//! Releases of one code base in folders of their own.

use std::fs;
use std::path::Path;

use super::{Ground, rust};
use herbarium_index::Cancel;
use herbarium_store::{GcOptions, Outcome, path_bytes};

const FILES: [&str; 4] = ["src/main.rs", "src/lib.rs", "src/walk/mod.rs", "build.rs"];

/// A release in a folder: each file is another one, and changed by a line in each release.
fn write(ground: &Ground, folder: &str, files: &[&str], release: usize) {
    for (number, file) in files.iter().enumerate() {
        let functions: String = (0..40).map(|at| rust(100 * number + at)).collect();
        ground.write(
            &format!("{folder}/{file}"),
            format!("{functions}fn r() -> [u8; {release}] {{}}\n"),
        );
    }
}

/// How many differences are between the tree of a file and a whole one.
fn differences(ground: &Ground, folder: &str, file: &str) -> u8 {
    let manifest = ground.store.manifest(&ground.path(folder)).unwrap().unwrap();
    let row = manifest.find(&path_bytes(Path::new(file))).unwrap();
    let Outcome::Tree(key) = row.outcome else { panic!("{file} has no tree") };
    ground.store.get_tree(&key).unwrap().unwrap().info.differences
}

/// Indexes a release in one folder and then one in another, and says how many of the trees
/// of the second are differences.
#[track_caller]
fn check(folders: [&str; 2], second: &[&str], expected: usize) {
    let ground = Ground::new();
    write(&ground, folders[0], &FILES, 1);
    super::index(&ground.engine(), &ground.path(folders[0]));
    write(&ground, folders[1], second, 2);
    let report = super::index(&ground.engine(), &ground.path(folders[1]));
    assert_eq!(report.trees_new, second.len() as u64);
    let found = second.iter().filter(|file| differences(&ground, folders[1], file) > 0).count();
    assert_eq!(found, expected, "{folders:?}");
    // They are as good as any, whatever becomes of the first.
    fs::remove_dir_all(ground.path(folders[0])).unwrap();
    assert!(ground.store.remove_manifest(&ground.path(folders[0])).unwrap());
    ground.store.gc(&GcOptions::new()).unwrap();
    let verified = ground.engine().verify(true, &(), &Cancel::new()).unwrap();
    assert!(verified.is_sound(), "{folders:?}: {verified:?}");
}

#[test]
fn the_next_release_beside_the_last_is_stored_as_what_differs() {
    check(["code-1.0", "code-1.1"], &FILES, 4);
}

#[test]
fn a_release_in_a_folder_of_the_same_name_is_stored_as_what_differs() {
    check(["old/code", "new/code"], &FILES, 4);
}

#[test]
fn other_code_beside_it_is_stored_whole() {
    check(["code", "other"], &["src/main.rs", "a.rs", "b.rs", "c.rs"], 0);
}

#[test]
fn what_two_releases_have_in_common_is_in_one_manifest() {
    let ground = Ground::new();
    for release in [1, 2] {
        for number in 0..600 {
            let changed = if number % 100 == 0 { release } else { 0 };
            let text = format!("fn f{number}() -> [u8; {changed}] {{}}\n");
            ground.write(&format!("code-{release}/src/f{number}.rs"), text);
        }
        super::index(&ground.engine(), &ground.path(&format!("code-{release}")));
    }
    let bytes: Vec<u64> = ground.store.manifests().unwrap().iter().map(|it| it.bytes).collect();
    assert!(bytes[1] * 3 < bytes[0], "{bytes:?}");
    // Nothing is done twice, and what comes after the change is as small.
    let report = super::index(&ground.engine(), &ground.path("code-2"));
    assert_eq!(report.trees_new, 0);
    ground.write("code-2/src/f7.rs", "fn other() {}\n");
    super::index(&ground.engine(), &ground.path("code-2"));
    let after = ground.store.manifests().unwrap()[1].bytes;
    assert!(after * 2 < bytes[0], "{after} of {bytes:?}");
}
