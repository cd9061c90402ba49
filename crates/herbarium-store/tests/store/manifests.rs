//! Manifests: replaced whole, read whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use herbarium_store::{Manifest, ManifestRow, NoTree, Outcome, Store, path_bytes, path_from_bytes};
use proptest::prelude::*;
use redb::{ReadableDatabase, ReadableTableMetadata, TableDefinition};

use crate::support::*;

fn row(n: u64) -> ManifestRow {
    let outcome =
        if n.is_multiple_of(7) { Outcome::None(NoTree::Binary) } else { Outcome::Tree(key(n)) };
    ManifestRow {
        path: format!("src/part{}/module{}/file{n}.rs", n / 1_000, n / 30).into_bytes(),
        size: n * 31,
        mtime_ns: 1_700_000_000_000_000_000 + n as i64 * 1_234_567,
        ctime_ns: 1_700_000_000_000_000_000 - n as i64,
        inode: n.wrapping_mul(7_919),
        language: (!n.is_multiple_of(5)).then(|| Arc::from(["rust", "c", "go"][(n % 3) as usize])),
        outcome,
        nodes: n as u32 * 3,
        lines: n as u32,
        stored_bytes: n as u32 + 56,
        kinds: kinds(n).filter(|_| matches!(outcome, Outcome::Tree(_))),
    }
}

/// Some unknown, some empty, some alike, of different lengths.
fn kinds(n: u64) -> Option<Arc<[u8]>> {
    (!n.is_multiple_of(11)).then(|| (0..n % 13).map(|at| ((n / 3) >> at) as u8).collect())
}

fn manifest(root: &str, rows: std::ops::Range<u64>) -> Manifest {
    Manifest::new(root, 1_700_000_000_000_000_000, rows.map(row).collect())
}

#[test]
fn a_manifest_comes_back_as_it_was_put() {
    let (_guard, path) = place();
    let store = open(&path);
    for rows in [0..0, 0..1, 0..500, 3..20_000, 0..2] {
        let put = manifest("/home/me/space", rows);
        store.put_manifest(&put).unwrap();
        assert_eq!(store.manifest(Path::new("/home/me/space")).unwrap().unwrap(), put);
        assert_eq!(open(&path).manifest(Path::new("/home/me/space")).unwrap().unwrap(), put);
    }
    assert!(store.manifest(Path::new("/work")).unwrap().is_none());
}

#[test]
fn workspaces_are_listed_and_removed_one_by_one() {
    let (_guard, path) = place();
    let store = open(&path);
    store.put_manifest(&manifest("/a", 0..10)).unwrap();
    store.put_manifest(&manifest("/a/b", 0..20)).unwrap();
    let listed = store.manifests().unwrap();
    let roots: Vec<_> =
        listed.iter().map(|info| (info.root.to_str().unwrap(), info.rows)).collect();
    assert_eq!(roots, [("/a", 10), ("/a/b", 20)]);
    assert!(store.remove_manifest(Path::new("/a")).unwrap());
    assert!(!store.remove_manifest(Path::new("/a")).unwrap());
    assert!(store.manifest(Path::new("/a")).unwrap().is_none());
    assert_eq!(store.manifest(Path::new("/a/b")).unwrap().unwrap().rows().len(), 20);
    assert_eq!(store.manifests().unwrap().len(), 1);
}

#[test]
fn rows_are_sorted_and_found_by_path() {
    let put = Manifest::new("/a", 0, (0..100).rev().map(row).collect());
    for n in 0..100 {
        assert_eq!(put.find(&row(n).path), Some(&row(n)));
    }
    assert_eq!(put.find(b"src/other"), None);
}

#[test]
fn a_hundred_thousand_rows_come_back() {
    let (_guard, path) = place();
    let store = open(&path);
    let put = manifest("/big", 0..100_000);
    store.put_manifest(&put).unwrap();
    let store = open(&path);
    let found = store.manifest(Path::new("/big")).unwrap().unwrap();
    assert!(found.rows() == put.rows(), "rows differ, or there are {}", found.rows().len());
}

/// A release: of so many files, those from a number on newer ones.
fn release(root: &str, files: u64, newer: u64) -> Manifest {
    let row = |n: u64| ManifestRow {
        outcome: match row(n).outcome {
            Outcome::Tree(_) if n >= newer => Outcome::Tree(key(1 << 20 | n)),
            outcome => outcome,
        },
        ..row(n)
    };
    Manifest::new(root, 1_700_000_000_000_000_000, (0..files).map(row).collect())
}

#[test]
fn what_manifests_of_releases_have_in_common_takes_room_once() {
    let (_guard, path) = place();
    let first = bytes_after_put(&path, &release("/w-0", 3_000, 3_000));
    for number in 1..10 {
        let store = open(&path);
        let (root, before) = (format!("/w-{number}"), format!("/w-{}", number - 1));
        let put = release(&root, 3_000 + number, 2_995 - number);
        store.put_manifest_beside(&put, Path::new(&before)).unwrap();
        store.close().unwrap();
        assert!(reader(&path).manifest(put.root()).unwrap() == Some(put), "{number}");
    }
    let after = std::fs::metadata(path.join("catalogue.redb")).unwrap().len();
    assert!(after * 100 <= first * 150, "{after} of {first}");
    // The last that is left takes what it takes by itself.
    let store = open(&path);
    for number in 0..9 {
        assert!(store.remove_manifest(Path::new(&format!("/w-{number}"))).unwrap());
    }
    let last = release("/w-9", 3_009, 2_986);
    assert!(store.manifest(last.root()).unwrap().as_ref() == Some(&last));
    store.close().unwrap();
    let after = bytes_after_put(&path, &last);
    assert!(after * 100 <= first * 105, "{after} of {first}");
}

#[test]
fn a_backup_has_manifests_and_what_they_have_in_common() {
    let (guard, path) = place();
    let store = open(&path);
    let puts = [0, 1, 2].map(|n| release(&format!("/w-{n}"), 900 + n, 900 - n));
    store.put_manifest(&puts[0]).unwrap();
    store.put_manifest_beside(&puts[1], puts[0].root()).unwrap();
    store.put_manifest_beside(&puts[2], puts[1].root()).unwrap();
    let copy = guard.path().join("copy");
    assert_eq!(store.backup(&copy).unwrap().manifests, 3);
    // The copy stands by itself.
    for put in &puts {
        store.remove_manifest(put.root()).unwrap();
    }
    let copy = reader(&copy);
    for put in &puts {
        assert!(copy.manifest(put.root()).unwrap().as_ref() == Some(put), "{:?}", put.root());
    }
}

#[test]
fn a_backup_of_many_manifests_is_no_larger_than_the_store() {
    let (guard, path) = place();
    for number in 0..10 {
        bytes_after_put(&path, &manifest(&format!("/{number}"), 0..3_000));
    }
    let copy = guard.path().join("copy");
    open(&path).backup(&copy).unwrap();
    let [copied, bytes] =
        [&copy, &path].map(|dir| std::fs::metadata(dir.join("catalogue.redb")).unwrap().len());
    assert!(copied <= bytes + bytes / 20, "{copied} of {bytes}");
}

/// What happens to manifests of releases, of which there are four.
#[derive(Clone, Debug)]
enum Step {
    Put { root: u8, files: u64, newer: u64 },
    PutBeside { root: u8, files: u64, newer: u64, other: u8 },
    Remove(u8),
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    let release = || (0..4u8, 500..520u64, 0..520u64);
    prop_oneof![
        release().prop_map(|(root, files, newer)| Step::Put { root, files, newer }),
        (release(), 0..4u8).prop_map(|((root, files, newer), other)| Step::PutBeside {
            root,
            files,
            newer: newer.max(400),
            other,
        }),
        (release(), 0..4u8).prop_map(|((root, files, newer), other)| Step::PutBeside {
            root,
            files,
            newer: newer.max(490),
            other,
        }),
        (0..4u8).prop_map(Step::Remove),
        Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn manifests_with_something_in_common_come_and_go_and_are_what_was_put(
        steps in prop::collection::vec(any_step(), 1..24),
    ) {
        let (_guard, path) = place();
        let root = |number: u8| format!("/w-{number}");
        let (mut store, mut expected) = (open(&path), BTreeMap::new());
        for step in steps {
            match step {
                Step::Put { root: at, files, newer } => {
                    let put = release(&root(at), files, newer);
                    store.put_manifest(&put).unwrap();
                    expected.insert(at, put);
                }
                Step::PutBeside { root: at, files, newer, other } => {
                    let put = release(&root(at), files, newer);
                    store.put_manifest_beside(&put, Path::new(&root(other))).unwrap();
                    expected.insert(at, put);
                }
                Step::Remove(at) => {
                    let was_there = store.remove_manifest(Path::new(&root(at))).unwrap();
                    prop_assert_eq!(was_there, expected.remove(&at).is_some());
                }
                Step::Reopen => {
                    store.close().unwrap();
                    store = open(&path);
                }
            }
            for at in 0..4 {
                let found = store.manifest(Path::new(&root(at))).unwrap();
                prop_assert!(found.as_ref() == expected.get(&at), "{}", root(at));
            }
        }
        for at in 0..4 {
            store.remove_manifest(Path::new(&root(at))).unwrap();
        }
        prop_assert_eq!(parts(store, &path), 0);
    }
}

/// Parts of manifests and of what they have in common that the catalogue has.
fn parts(store: Store, path: &Path) -> u64 {
    store.close().unwrap();
    let chunks = TableDefinition::<(&[u8], u32), &[u8]>::new("manifest_chunks");
    let catalogue = redb::Builder::new()
        .set_concurrency_mode(redb::ConcurrencyMode::MultiWriter)
        .open_read_only(path.join("catalogue.redb"))
        .unwrap();
    catalogue.begin_read().unwrap().open_table(chunks).unwrap().len().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_come_back(rows in prop::collection::vec(any_row(), 0..40), root in "/[a-zé ]{0,12}") {
        let (_guard, path) = place();
        let store = open(&path);
        let put = Manifest::new(&root, -5, rows);
        store.put_manifest(&put).unwrap();
        prop_assert_eq!(store.manifest(Path::new(&root)).unwrap(), Some(put));
    }
}

fn any_row() -> impl Strategy<Value = ManifestRow> {
    let numbers = (any::<u64>(), any::<i64>(), any::<i64>(), any::<u64>());
    let figures = (any::<u32>(), any::<u32>(), any::<u32>());
    let outcome = prop_oneof![
        any::<[u8; 32]>().prop_map(|key| Outcome::Tree(herbarium_store::TreeKey(key))),
        Just(Outcome::None(NoTree::TooLarge)),
        Just(Outcome::None(NoTree::Other)),
    ];
    let language = prop::option::of("[a-z]{1,4}");
    (prop::collection::vec(any::<u8>(), 0..12), numbers, language, outcome, figures).prop_map(
        |(
            path,
            (size, mtime_ns, ctime_ns, inode),
            language,
            outcome,
            (nodes, lines, stored_bytes),
        )| {
            ManifestRow {
                path,
                size,
                mtime_ns,
                ctime_ns,
                inode,
                language: language.map(Arc::from),
                outcome,
                nodes,
                lines,
                stored_bytes,
                kinds: kinds(inode).filter(|_| matches!(outcome, Outcome::Tree(_))),
            }
        },
    )
}

/// Windows knows other beginnings of a path than Unix, and other ends of its parts.
#[test]
fn a_path_in_a_manifest_is_the_path_that_was_put() {
    let (guard, _) = place();
    let root = guard.path().canonicalize().unwrap();
    for path in [root.join("a b"), root, "a/b.rs".into(), "/a".into()] {
        assert_eq!(path_from_bytes(&path_bytes(&path)), path);
    }
}

/// Bytes of the catalogue after the manifest was put by a process of its own.
fn bytes_after_put(path: &Path, put: &Manifest) -> u64 {
    let store = open(path);
    store.put_manifest(put).unwrap();
    store.close().unwrap();
    assert_eq!(&reader(path).manifest(put.root()).unwrap().unwrap(), put);
    std::fs::metadata(path.join("catalogue.redb")).unwrap().len()
}

#[test]
fn a_manifest_that_is_replaced_again_and_again_takes_no_more_room() {
    let (_guard, path) = place();
    for rows in [100, 3_000, 20_000] {
        let first = bytes_after_put(&path, &manifest("/w", 0..rows));
        for revision in 1..10 {
            let after = bytes_after_put(&path, &manifest("/w", revision..rows + revision));
            assert!(after * 100 <= first * 112, "{rows}, {revision}: {after} of {first}");
        }
    }
}

#[test]
fn a_manifest_takes_little_more_than_its_bytes() {
    let (_guard, path) = place();
    let none = bytes_after_put(&path, &manifest("/w", 0..0));
    let with = bytes_after_put(&path, &manifest("/w", 0..3_000));
    let bytes = open(&path).manifests().unwrap()[0].bytes;
    assert!(with - none < bytes + bytes / 8 + 16_384, "{bytes} bytes took {with} - {none}");
}

#[test]
fn what_others_have_open_is_not_lost_when_the_catalogue_is_made_smaller() {
    let (_guard, path) = place();
    let (other, reading) = (open(&path), reader(&path));
    for revision in 0..10 {
        let (a, b) = (manifest("/a", revision..3_000), manifest("/b", 0..revision));
        other.put_manifest(&b).unwrap();
        bytes_after_put(&path, &a);
        for store in [&other, &reading] {
            assert_eq!(store.manifest(a.root()).unwrap().unwrap(), a);
            assert_eq!(store.manifest(b.root()).unwrap().unwrap(), b);
        }
    }
}
