//! Bytes go bad: what is damaged is a miss, the rest is there.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use herbarium_store::Store;
use herbarium_store::{StoreError, StoreOptions};

use crate::support::*;

const TREES: u64 = 6;

/// A small store with one segment, and the segment's path.
fn small(sealed: bool) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (guard, path) = place();
    let store = open(&path);
    put(&store, 1..=TREES);
    if sealed {
        store.seal().unwrap();
    }
    store.close().unwrap();
    // Without a catalogue everything rests on the segment.
    let _ = fs::remove_file(path.join("catalogue.redb"));
    let segment = segments(&path, if sealed { "pack" } else { "open" }).remove(0);
    (guard, path, segment)
}

/// Opens the store afresh; gives how many trees are missing. A wrong one fails.
fn missing(path: &Path) -> usize {
    let store = reader(path);
    let wrong = |n: &u64| match store.get_tree(&key(*n)).unwrap() {
        Some(found) => {
            assert_eq!(found.bytes, bytes(*n), "a wrong tree");
            assert_eq!(found.info.fingerprint, GRAMMAR);
            false
        }
        None => true,
    };
    (1..=TREES).filter(wrong).count()
}

/// Flips every bit of the file in turn; gives the most trees lost to one flip.
fn flip_every_bit(path: &Path, segment: &Path, skip: std::ops::Range<u64>) -> usize {
    let mut file = OpenOptions::new().write(true).open(segment).unwrap();
    let good = fs::read(segment).unwrap();
    let mut worst = 0;
    for (at, byte) in (0..).zip(&good) {
        for bit in 0..8 {
            overwrite(&mut file, at, byte ^ (1 << bit));
            let lost = missing(path);
            if !skip.contains(&at) {
                worst = worst.max(lost);
            }
        }
        overwrite(&mut file, at, *byte);
    }
    assert_eq!(missing(path), 0);
    worst
}

fn overwrite(file: &mut File, at: u64, byte: u8) {
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte]).unwrap();
}

#[test]
fn every_flipped_bit_of_a_sealed_segment_costs_at_most_one_tree() {
    let (_guard, path, segment) = small(true);
    assert!(flip_every_bit(&path, &segment, 0..0) <= 1);
}

#[test]
fn every_flipped_bit_of_an_open_segment_costs_at_most_one_tree() {
    let (_guard, path, segment) = small(false);
    // The record of the context, which all trees here share, follows the header.
    assert!(flip_every_bit(&path, &segment, 64..120) <= 1);
}

#[test]
fn a_segment_cut_anywhere_gives_the_trees_before_the_cut() {
    for sealed in [true, false] {
        let (_guard, path, segment) = small(sealed);
        let good = fs::read(&segment).unwrap();
        let mut before = TREES as usize;
        for len in 0..good.len() {
            fs::write(&segment, &good[..len]).unwrap();
            let lost = missing(&path);
            assert!(lost <= before, "{len}: {lost} after {before}");
            before = lost;
            // Open for writing too: what is left is put in order, nothing fails.
            if len % 16 == 0 {
                let copy = tempfile::tempdir().unwrap();
                copy_store(&path, copy.path());
                drop(open(copy.path()));
                put(&open(copy.path()), 1..=TREES);
                check(&reader(copy.path()), 1..=TREES);
            }
        }
        // The last byte of an open segment is a record's, of a sealed one it is not.
        assert_eq!(before, usize::from(!sealed));
    }
}

fn copy_store(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("segments")).unwrap();
    fs::copy(from.join("HERBARIUM"), to.join("HERBARIUM")).unwrap();
    for entry in fs::read_dir(from.join("segments")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("segments").join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_damaged_tree_can_be_put_again_and_stays_healed() {
    for sealed in [true, false] {
        let (_guard, path, segment) = small(sealed);
        damage_tree(&segment, 3);
        let store = open(&path);
        assert!(store.get_tree(&key(3)).unwrap().is_none());
        assert!(!store.contains(&key(3)).unwrap(), "known to be damaged");
        drop(store);
        let store = open(&path);
        assert!(!store.contains(&key(3)).unwrap(), "still known in the next process");
        put(&store, [3]);
        check(&store, 1..=TREES);
        drop(store);
        check(&open(&path), 1..=TREES);
    }
}

/// Overwrites a byte in the payload of a tree.
fn damage_tree(segment: &Path, n: u64) {
    let content = fs::read(segment).unwrap();
    let at = content.windows(32).position(|window| window == key(n).0).unwrap();
    let mut file = OpenOptions::new().write(true).open(segment).unwrap();
    overwrite(&mut file, at as u64 + 40, content[at + 40] ^ 0x55);
}

#[test]
fn verify_names_what_is_damaged() {
    for sealed in [true, false] {
        let (_guard, path, segment) = small(sealed);
        let report = open(&path).verify().unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!((report.trees, report.segments), (TREES, 1));
        damage_tree(&segment, 4);
        let store = open(&path);
        let report = store.verify().unwrap();
        assert!(
            report.findings.iter().any(|finding| finding.key == Some(key(4))
                && finding.path == segment
                && finding.to_string().contains("damaged record"))
                || !sealed,
            "{report:?}"
        );
        assert!(!store.contains(&key(4)).unwrap());
        assert!(!report.findings.is_empty(), "{report:?}");
    }
}

#[test]
fn damage_whose_tree_is_put_again_is_replaced() {
    for sealed in [true, false] {
        let (_guard, path, segment) = small(sealed);
        damage_tree(&segment, 4);
        let store = open(&path);
        let findings = store.verify().unwrap().findings;
        assert_eq!(findings.len(), 1, "one place, told once: {findings:?}");
        assert!(!findings[0].noted && !store.is_replaced(&findings[0]), "{findings:?}");
        put(&store, [4]);
        drop(store);
        let store = open(&path);
        let findings = store.verify().unwrap().findings;
        assert_eq!(findings.len(), 1, "the bytes stay where they are: {findings:?}");
        assert!(findings[0].noted && store.is_replaced(&findings[0]), "{findings:?}");
    }
}

#[test]
fn verify_finds_a_segment_that_is_gone() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..5);
    store.seal().unwrap();
    fs::remove_file(segments(&path, "pack").remove(0)).unwrap();
    let report = open(&path).verify().unwrap();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].to_string().contains("gone"), "{report:?}");
    assert!(!report.findings[0].noted && open(&path).verify().unwrap().findings[0].noted);
}

#[test]
fn garbage_in_the_segment_directory_is_passed_over() {
    let (_guard, path, _) = small(true);
    let dir = path.join("segments");
    let id = "0".repeat(32);
    for (name, content) in [
        (format!("seg-{id}.pack"), &b""[..]),
        (format!("seg-{}.pack", "1".repeat(32)), &[0x48; 5_000]),
        (format!("seg-{}.open", "2".repeat(32)), b"HR"),
        (format!("seg-{}.open", "3".repeat(32)), &[0xff; 70_000]),
        (format!("seg-{}.bad", "4".repeat(32)), b"not an entry"),
        ("seg-xyz.pack".into(), b"x"),
        ("README".into(), b"x"),
    ] {
        fs::write(dir.join(name), content).unwrap();
    }
    fs::create_dir(dir.join(format!("seg-{}.pack", "5".repeat(32)))).unwrap();
    assert_eq!(missing(&path), 0);
    let store = open(&path);
    put(&store, 10..20);
    check(&store, (1..=TREES).chain(10..20));
}

#[test]
fn bytes_that_look_like_many_records_do_not_take_long() {
    let (_guard, path, segment) = small(false);
    // A header every 16 bytes that claims a long payload, in a file of 1 MiB.
    let mut content = fs::read(&segment).unwrap();
    let mut claim = vec![0; 8];
    claim.extend_from_slice(b"HR\x02\x00\x00\x00\x00\x00");
    claim.extend_from_slice(&(1u32 << 19).to_le_bytes());
    claim.extend_from_slice(&(1u32 << 19).to_le_bytes());
    while content.len() < 1 << 20 {
        content.extend_from_slice(&claim);
    }
    fs::write(&segment, &content).unwrap();
    let payload = content.get(..1 << 19).unwrap();
    let timed = |work: &dyn Fn()| {
        let started = std::time::Instant::now();
        work();
        started.elapsed()
    };
    let hash = || assert_ne!(xxhash_rust::xxh3::xxh3_64(std::hint::black_box(payload)), 0);
    let checksums = timed(&|| (0..1 << 10).for_each(|_| hash()));
    let opened = timed(&|| assert_eq!(missing(&path), 0));
    // One checksum for each header would be 64 times that.
    assert!(opened < 24 * checksums, "{opened:?}, and {checksums:?} for 1024 checksums");
}

/// To open a pipe is to wait for who writes to it.
#[cfg(unix)]
#[test]
fn pipes_in_the_place_of_files_make_nobody_wait() {
    let pipe = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..3);
    store.close().unwrap();
    let id = "0123456789abcdef0123456789abcdef";
    for ending in ["pack", "open", "bad"] {
        pipe(&path.join(format!("segments/seg-{id}.{ending}")));
    }
    check(&open(&path), 0..3);
    fs::remove_file(path.join("HERBARIUM")).unwrap();
    check(&open(&path), 0..3);
    fs::remove_file(path.join("HERBARIUM")).unwrap();
    pipe(&path.join("HERBARIUM"));
    let error = Store::open(&path, StoreOptions::new()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

/// Something that is no file stands in the place of each of the store's files: it opens, or
/// the error says what to delete, and then nothing is lost.
#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_is_named_with_what_to_do() {
    let directory = |path: &Path| fs::create_dir(path).unwrap();
    let link = |path: &Path| std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap();
    let ways: [fn(&Path); 2] = [directory, link];
    for name in ["HERBARIUM", "hold.lock", "catalogue.lock", "catalogue.redb"] {
        for way in ways {
            let (_guard, path) = place();
            let store = open(&path);
            put(&store, 0..3);
            store.close().unwrap();
            let file = path.join(name);
            let _ = fs::remove_file(&file);
            way(&file);
            match Store::open(&path, StoreOptions::new()).and_then(|store| store.hold().map(drop)) {
                Ok(()) => {}
                Err(error) => {
                    let said = error.to_string();
                    assert!(said.contains(name) && said.contains("delete it"), "{name}: {said}");
                    fs::remove_dir(&file).or_else(|_| fs::remove_file(&file)).unwrap();
                }
            }
            check(&open(&path), 0..3);
        }
    }
}
