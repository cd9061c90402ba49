//! The time of day jumps: nothing depends on it.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use herbarium_faults::{Faults, Kind, Loss, Scratch, Work, content, indexing, survey};
use herbarium_index::Cancel;
use herbarium_store::{Store, StoreOptions};

use crate::bench::bench;

const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;

#[test]
fn a_clock_that_jumps_both_ways_at_every_look_changes_nothing() {
    let Some(bench) = bench() else { return };
    for seconds in [1, 3600, TEN_YEARS] {
        let scratch = Scratch::new().unwrap();
        let root = scratch.root().unwrap();
        let script = Work::script(root.join("script"));
        let mixed = Work {
            kind: Kind::Mixed,
            batches: 60,
            seed: seconds,
            ..Work::script(root.join("mixed"))
        };
        for work in [script, mixed] {
            let ended = bench.run(&work, &Faults::below(&root).clock(seconds)).unwrap();
            let told = &ended.told;
            assert!(told.closed && told.failed.is_empty() && told.missing.is_empty(), "{ended:?}");
            survey(&work, told, Loss::Process).unwrap();
        }
    }
}

#[test]
fn a_reader_sees_what_others_put_whatever_time_the_directory_has() {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().join("store");
    let writer = Store::open(&dir, StoreOptions::new().segment_size(4096)).unwrap();
    let reader = Store::open(&dir, StoreOptions::new().read_only(true)).unwrap();
    let (now, far) = (SystemTime::now(), Duration::from_secs(TEN_YEARS));
    for (n, time) in (0..).zip([now + far, now - far, now, SystemTime::UNIX_EPOCH].repeat(10)) {
        File::open(dir.join("segments")).unwrap().set_modified(time).unwrap();
        writer.put_tree(&content::key(n), content::FINGERPRINT, &content::bytes(n), None).unwrap();
        let found = reader.get_tree(&content::key(n)).unwrap();
        assert_eq!(found.map(|tree| tree.bytes), Some(content::bytes(n)), "tree {n}");
    }
}

#[test]
fn changed_files_are_found_whatever_the_clock_said_when_they_were_indexed() {
    let Some(bench) = bench() else { return };
    let scratch = Scratch::new().unwrap();
    let root = scratch.root().unwrap();
    let code = scratch.path().join("code");
    indexing::write_code(&code).unwrap();
    let work = Work { kind: Kind::Index, code: code.clone(), ..Work::script(root.join("store")) };
    for round in 0..6 {
        let ended = bench.run(&work, &Faults::below(&root).clock(TEN_YEARS)).unwrap();
        assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
        // From the second round on as long as before, so that the size tells nothing.
        fs::write(code.join("unit2.c"), format!("int changed_{round};\n")).unwrap();
        let ended = bench.run(&work, &Faults::below(&root).clock(TEN_YEARS)).unwrap();
        assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
        let engine = indexing::engine(Store::open(&work.dir, StoreOptions::new()).unwrap());
        let report = engine.verify(true, &(), &Cancel::new()).unwrap();
        assert!(report.is_sound() && report.changed_source == 0, "{report:?}");
    }
}
