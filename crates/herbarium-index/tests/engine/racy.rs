//! Files that changed and do not show it: same size, same times.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use herbarium_index::Origin;
use herbarium_store::{Manifest, ManifestRow};

use super::{Ground, work};

const OLD: &str = "fn old() {}\n";
const NEW: &str = "fn new() {}\n";

/// The time of the last change of content.
fn mtime(ground: &Ground) -> SystemTime {
    fs::metadata(ground.path("a.rs")).unwrap().modified().unwrap()
}

/// Writes text of the same length, and puts the time back.
fn rewrite(ground: &Ground) {
    let before = mtime(ground);
    ground.write("a.rs", NEW);
    File::options().write(true).open(ground.path("a.rs")).unwrap().set_modified(before).unwrap();
    assert_eq!(mtime(ground), before);
}

/// What the next run makes of it, and that the tree is the new one.
fn check_noticed(ground: &Ground) {
    assert_eq!(work(&ground.index()), (1, 0, 1, 1), "the change was not noticed");
    let opened = ground.engine().open(&ground.path("a.rs")).unwrap();
    assert_eq!((opened.source.as_slice(), opened.from), (NEW.as_bytes(), Origin::Store));
}

/// Says of the file that it looks as it looks now, and that this was noted so
/// long after its last change; a negative time is before it.
fn pretend(ground: &Ground, taken_after: i64) {
    let root = fs::canonicalize(ground.root()).unwrap();
    let looks = fs::metadata(ground.path("a.rs")).unwrap();
    let manifest = ground.store.manifest(&root).unwrap().unwrap();
    let mut rows: Vec<ManifestRow> = manifest.into_rows();
    let row = rows.iter_mut().find(|row| row.path == b"a.rs").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        row.inode = looks.ino();
        row.ctime_ns = looks.ctime() * 1_000_000_000 + looks.ctime_nsec();
    }
    let since = looks.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    row.mtime_ns = since.as_nanos() as i64;
    assert_eq!(row.size, looks.len());
    let last = row.mtime_ns.max(row.ctime_ns);
    ground.store.put_manifest(&Manifest::new(root, last + taken_after, rows)).unwrap();
}

#[test]
fn a_rewrite_right_after_the_run_is_noticed() {
    let ground = Ground::new();
    for _ in 0..20 {
        ground.write("a.rs", OLD);
        ground.index();
        // No rest: within the granularity of the times, as far as there is one.
        rewrite(&ground);
        let opened = ground.engine().index(&[ground.root()], &(), &Default::default()).unwrap();
        assert_eq!(opened.reads, 1);
        let root = fs::canonicalize(ground.root()).unwrap();
        let manifest = ground.store.manifest(&root).unwrap().unwrap();
        let key = manifest.find(b"a.rs").unwrap().outcome;
        let now = ground.engine().open(&ground.path("a.rs")).unwrap();
        assert_eq!(key, herbarium_store::Outcome::Tree(now.key));
    }
}

#[test]
fn a_rewrite_that_puts_the_time_back_is_noticed_later_too() {
    let ground = Ground::with(&[("a.rs", OLD)]);
    ground.index();
    ground.rest();
    rewrite(&ground);
    check_noticed(&ground);
}

#[test]
fn a_coarse_clock_is_no_excuse() {
    let ground = Ground::with(&[("a.rs", OLD)]);
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let file = File::options().write(true).open(ground.path("a.rs")).unwrap();
    file.set_modified(second).unwrap();
    ground.index();
    rewrite(&ground);
    check_noticed(&ground);
}

/// A file whose every figure is as it was noted, but not its content.
fn check_disguised(taken_after: i64) {
    let ground = Ground::with(&[("a.rs", OLD)]);
    ground.index();
    ground.write("a.rs", NEW);
    pretend(&ground, taken_after);
    check_noticed(&ground);
}

#[test]
fn a_time_that_is_not_before_the_run_is_not_believed() {
    check_disguised(0);
    check_disguised(-5_000_000_000);
    check_disguised(10_000_000);
}

#[test]
fn nothing_is_believed_that_was_noted_in_the_future() {
    // The clock was set back by an hour since.
    check_disguised(3_600_000_000_000);
}

#[test]
fn a_time_in_the_future_is_read_each_time_and_parsed_once() {
    let ground = Ground::with(&[("a.rs", OLD)]);
    let future = SystemTime::now() + Duration::from_secs(3600);
    let file = File::options().write(true).open(ground.path("a.rs")).unwrap();
    file.set_modified(future).unwrap();
    assert_eq!(work(&ground.index()), (1, 0, 1, 1));
    ground.rest();
    assert_eq!(work(&ground.index()), (0, 1, 1, 0));
    rewrite(&ground);
    check_noticed(&ground);
    ground.rest();
    assert_eq!(work(&ground.index()), (0, 1, 1, 0));
}
