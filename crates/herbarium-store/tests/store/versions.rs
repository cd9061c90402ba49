//! Stores of other versions, and directories that are no stores.

use std::fs;

use herbarium_store::{Manifest, RestoreOptions, Store, StoreError};

use crate::support::*;

#[test]
fn the_version_is_there_from_the_first_byte() {
    let (_guard, path) = place();
    open(&path);
    assert_eq!(fs::read(path.join("HERBARIUM")).unwrap(), b"herbarium store 1.1\n");
}

#[test]
fn a_store_of_another_major_version_is_refused_with_both_named() {
    for (found, advice) in [
        ("2.3", "update Herbarium"),
        ("0.9", "index again"),
        ("999999999999.0", "update Herbarium"),
        ("2.99999999999999999999999", "update Herbarium"),
    ] {
        let (_guard, path) = place();
        open(&path);
        fs::write(path.join("HERBARIUM"), format!("herbarium store {found}\n")).unwrap();
        for options in [quick(), quick().read_only(true)] {
            let error = Store::open(&path, options).unwrap_err();
            assert!(matches!(error, StoreError::Version { .. }), "{error:?}");
            let text = error.to_string();
            assert!(
                text.contains(found) && text.contains("1.1") && text.contains(advice),
                "{text}"
            );
        }
    }
}

#[test]
fn a_newer_minor_version_is_read() {
    let (_guard, path) = place();
    put(&open(&path), 0..5);
    make_later(&path, 7);
    for store in [reader(&path), open(&path)] {
        check(&store, 0..5);
        assert_eq!(store.version().unwrap().to_string(), "1.7");
    }
    // Its segments say so as well.
    fs::write(path.join("HERBARIUM"), "herbarium store 1.3\n").unwrap();
    assert_eq!(open(&path).version().unwrap().to_string(), "1.7");
}

#[test]
fn a_newer_major_version_with_a_segment_of_its_own_is_refused() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..5);
    store.seal().unwrap();
    put(&store, 5..10);
    store.close().unwrap();
    // That of a store of 2.0 that was made of one of this version.
    let segment = segments(&path, "open").remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    rewrite(&mut bytes, 0, 64, (4, 2));
    fs::write(segment, bytes).unwrap();
    fs::write(path.join("HERBARIUM"), "herbarium store 2.0\n").unwrap();
    for options in [quick(), quick().read_only(true)] {
        let error = Store::open(&path, options).unwrap_err();
        assert!(matches!(error, StoreError::Version { newer: true, .. }), "{error:?}");
        assert!(error.to_string().contains("2.0") && error.to_string().contains("1.1"), "{error}");
    }
}

/// Whatever bit of the marker is another one, all trees are there, and the marker is
/// right once the store was opened for writing.
#[test]
fn a_marker_with_any_bit_flipped_hides_nothing() {
    for (sealed, strange) in [(true, false), (false, false), (false, true)] {
        let (_guard, path) = place();
        let store = open(&path);
        put(&store, 0..5);
        if sealed {
            store.seal().unwrap();
        }
        store.close().unwrap();
        let marker = path.join("HERBARIUM");
        let good = fs::read(&marker).unwrap();
        if strange {
            fs::write(path.join("letter.txt"), "x").unwrap();
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&marker, &bad).unwrap();
            // Amid other things only a file that names a version is one of ours.
            if strange && !names_a_version(&bad) {
                continue;
            }
            let shown = String::from_utf8_lossy(&bad).into_owned();
            let read = reader(&path);
            check(&read, 0..5);
            assert_eq!(read.version().unwrap().to_string(), "1.1", "{shown:?}");
            assert_eq!(fs::read(&marker).unwrap(), bad, "a reader changes nothing");
            let store = open(&path);
            check(&store, 0..5);
            store.gc(&herbarium_store::GcOptions::new()).unwrap();
            check(&store, 0..5);
            assert_eq!(fs::read(&marker).unwrap(), good, "{shown:?}");
        }
    }
}

fn names_a_version(marker: &[u8]) -> bool {
    let version = marker.strip_prefix(b"herbarium store ");
    matches!(version, Some([major, b'.', minor, b'\n'])
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

const NO_MARKERS: [&str; 6] =
    ["", "herbarium store", "herbarium store 1.0", "herbarium store +1.0\n", "\u{0}", "HERBARIUM"];

#[test]
fn a_damaged_marker_is_written_anew_where_the_rest_is_a_store() {
    for content in NO_MARKERS {
        for sealed in [true, false] {
            let (_guard, path) = place();
            let store = open(&path);
            put(&store, 0..5);
            if sealed {
                store.seal().unwrap();
            }
            store.close().unwrap();
            let marker = path.join("HERBARIUM");
            fs::write(&marker, content).unwrap();
            check(&reader(&path), 0..5);
            assert_eq!(fs::read_to_string(&marker).unwrap(), content, "a reader changes nothing");
            check(&open(&path), 0..5);
            assert_eq!(fs::read_to_string(&marker).unwrap(), "herbarium store 1.1\n");
        }
    }
}

#[test]
fn a_lost_marker_is_written_anew_where_the_rest_is_a_store() {
    for minor in [0, 1] {
        let (_guard, path) = place();
        let marker = path.join("HERBARIUM");
        open(&path).close().unwrap();
        let text = format!("herbarium store 1.{minor}\n");
        fs::write(&marker, &text).unwrap();
        let store = open(&path);
        put(&store, 0..5);
        store.close().unwrap();
        fs::remove_file(&marker).unwrap();
        check(&reader(&path), 0..5);
        assert!(!marker.exists(), "a reader changes nothing");
        // It is copied and replaced as other stores are.
        let copy = path.with_file_name("copy");
        reader(&path).backup(&copy).unwrap();
        assert_eq!(fs::read_to_string(copy.join("HERBARIUM")).unwrap(), text);
        Store::restore(&copy, &path, RestoreOptions::new().overwrite(true)).unwrap();
        fs::remove_file(&marker).unwrap();
        check(&open(&path), 0..5);
        assert_eq!(fs::read_to_string(&marker).unwrap(), text);
    }
}

#[test]
fn a_lost_marker_amid_other_things_is_refused() {
    for newer in [false, true] {
        let (_guard, path) = place();
        let store = open(&path);
        put(&store, 0..5);
        store.close().unwrap();
        fs::remove_file(path.join("HERBARIUM")).unwrap();
        if newer {
            let segment = segments(&path, "open").remove(0);
            let mut bytes = fs::read(&segment).unwrap();
            rewrite(&mut bytes, 0, 64, (4, 2));
            fs::write(segment, bytes).unwrap();
        } else {
            fs::write(path.join("letter.txt"), "x").unwrap();
        }
        for options in [quick(), quick().read_only(true)] {
            let error = Store::open(&path, options).unwrap_err();
            assert!(matches!(error, StoreError::NotAStore { .. }), "{newer}: {error:?}");
        }
        assert!(!path.join("HERBARIUM").exists());
    }
}

#[test]
fn a_catalogue_alone_shows_a_store_too() {
    let (_guard, path) = place();
    open(&path).put_manifest(&Manifest::new("/w", 7, vec![])).unwrap();
    fs::write(path.join("HERBARIUM"), "").unwrap();
    assert_eq!(open(&path).manifests().unwrap().len(), 1);
}

#[test]
fn a_damaged_marker_amid_other_things_is_refused() {
    for content in NO_MARKERS {
        // Nothing else; something else; a segment of a later version.
        for beside in [None, Some("letter.txt"), Some("segments/newer")] {
            let (_guard, path) = place();
            let store = open(&path);
            if beside.is_some() {
                put(&store, 0..5);
            }
            store.close().unwrap();
            match beside {
                Some("segments/newer") => {
                    let segment = segments(&path, "open").remove(0);
                    let mut bytes = fs::read(&segment).unwrap();
                    rewrite(&mut bytes, 0, 64, (4, 2));
                    fs::write(segment, bytes).unwrap();
                }
                Some(name) => fs::write(path.join(name), "x").unwrap(),
                None => {}
            }
            let marker = path.join("HERBARIUM");
            fs::write(&marker, content).unwrap();
            for options in [quick(), quick().read_only(true)] {
                let error = Store::open(&path, options).unwrap_err();
                assert!(matches!(error, StoreError::Damaged { .. }), "{content:?}: {error:?}");
                assert!(error.to_string().contains("or name another directory"), "{error}");
            }
            assert_eq!(fs::read_to_string(marker).unwrap(), content);
        }
    }
}

#[test]
fn a_directory_with_other_things_is_not_made_a_store() {
    let (guard, path) = place();
    fs::write(guard.path().join("letter.txt"), "x").unwrap();
    let error = Store::open(guard.path(), quick()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    let error = Store::open(&path, quick().read_only(true)).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    assert!(!path.exists());
}

#[test]
fn a_segment_of_a_newer_version_is_left_alone() {
    for (extension, at) in [("open", 4), ("pack", 4)] {
        let (_guard, path) = place();
        let store = open(&path);
        put(&store, 0..5);
        if extension == "pack" {
            store.seal().unwrap();
        }
        store.close().unwrap();
        let segment = segments(&path, extension).remove(0);
        let mut content = fs::read(&segment).unwrap();
        rewrite(&mut content, 0, 64, (at, 2));
        let trailer = content.len() - 112;
        if extension == "pack" {
            rewrite(&mut content, trailer, 112, (at, 2));
        }
        fs::write(&segment, &content).unwrap();
        let store = open(&path);
        assert!(store.get_tree(&key(1)).unwrap().is_none());
        put(&store, 0..5);
        check(&store, 0..5);
        drop(store);
        assert_eq!(fs::read(&segment).unwrap(), content, "left alone");
    }
}
