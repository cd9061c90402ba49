//! Several stores on one directory: in one process, in two, and one killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use herbarium_store::{MigrateOptions, Store, StoreError};

use crate::garbage::{manifest, now};
use crate::support::*;

/// Tells the test binary, started again, what to do and where.
const CHILD: &str = "HERBARIUM_TEST_CHILD";

#[test]
fn two_stores_in_one_process_see_each_other() {
    let (_guard, path) = place();
    let (one, two) = (open(&path), open(&path));
    for n in 0..50 {
        put(&one, [n]);
        check(&two, [n]);
        put(&two, [1_000 + n]);
        check(&one, [1_000 + n]);
        if n % 20 == 10 {
            one.seal().unwrap();
        }
    }
    assert!(!two.put_tree(&key(7), GRAMMAR, &bytes(7), None).unwrap().new);
    let rust = grammar("rust");
    one.put_grammar(&rust).unwrap();
    assert_eq!(*two.grammar(&rust.fingerprint()).unwrap().unwrap(), rust);
    assert_eq!(segments(&path, "open").len(), 2, "each has its own");
    drop(one);
    check(&two, (0..50).chain(1_000..1_050));
    drop(two);
    check(&reader(&path), (0..50).chain(1_000..1_050));
}

#[test]
fn a_reader_follows_a_writer_through_seals() {
    let (_guard, path) = place();
    let writer = Store::open(&path, quick().segment_size(8 << 10)).unwrap();
    let reader = reader(&path);
    for n in 0..200 {
        put(&writer, [n]);
        check(&reader, [n, n / 2]);
    }
    assert!(segments(&path, "pack").len() > 3);
}

#[test]
fn two_processes_write_and_read_at_once() {
    let (_guard, path) = place();
    let mut child = spawn(&path, "write 10000 300 4096");
    let store = Store::open(&path, quick().segment_size(4 << 10)).unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 0..300 {
        put(&store, [n]);
        if n % 10 == 0 {
            let theirs: u64 = number(&mut said);
            check(&store, [n / 2, theirs]);
        }
    }
    for _ in said {}
    assert!(child.wait().unwrap().success());
    check(&store, (0..300).chain(10_000..10_300));
    assert!(store.verify().unwrap().findings.is_empty());
}

#[test]
fn what_a_killed_process_put_is_there() {
    let (_guard, path) = place();
    let mut acknowledged = Vec::new();
    for round in 0..10u64 {
        let from = round * 100_000;
        let mut child = spawn(&path, &format!("write {from} 100000 16384"));
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        acknowledged.push(number(&mut said));
        std::thread::sleep(Duration::from_millis(5 + round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(Ok(line)) = said.next() {
            acknowledged.extend(parse(&line));
        }
        let last = *acknowledged.last().unwrap();
        let store = open(&path);
        check(&store, acknowledged.iter().copied());
        // Nothing that is listed is wrong, acknowledged or not.
        let report = store.verify().unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert!(report.trees > last - from);
        put(&store, [50_000_000 + round]);
        acknowledged.push(50_000_000 + round);
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
}

#[test]
fn a_segment_with_a_torn_end_is_cut_and_continued() {
    let (_guard, path) = place();
    let store = open(&path);
    put(&store, 0..10);
    store.close().unwrap();
    let segment = segments(&path, "open").remove(0);
    let good = std::fs::read(&segment).unwrap();
    for tail in [vec![0; 4_096], good[good.len() - 300..].to_vec(), b"HR".repeat(40)] {
        let mut torn = good.clone();
        torn.extend_from_slice(&tail[..tail.len() - 1]);
        std::fs::write(&segment, &torn).unwrap();
        let store = open(&path);
        check(&store, 0..10);
        put(&store, 10..12);
        store.close().unwrap();
        check(&reader(&path), 0..12);
        assert!(reader(&path).verify().unwrap().findings.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_costs_only_what_was_refused() {
    let (_guard, path) = place();
    // The shell ignores the signal that comes with the limit, and so does what
    // it starts: a write beyond 64 KiB fails, after writing what fits.
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$0\" --exact processes::child --nocapture";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, format!("{}|fill 0 1000 1000000", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged: Vec<u64> = said.filter_map(|line| parse(&line.unwrap())).collect();
    assert!(child.wait().unwrap().success());
    assert!((50..1_000).contains(&acknowledged.len()), "{}", acknowledged.len());
    // There is room again.
    let store = open(&path);
    check(&store, acknowledged.iter().copied());
    put(&store, 0..1_000);
    check(&store, 0..1_000);
    assert!(store.verify().unwrap().findings.is_empty());
}

/// Rounds of the loops in which a process is killed.
const ROUNDS: u64 = 12;

#[test]
fn a_collection_that_is_killed_loses_nothing_that_is_needed() {
    let (_guard, path) = place();
    let needed = || (0..300).step_by(3);
    let store = Store::open(&path, quick().segment_size(4 << 10)).unwrap();
    put(&store, needed());
    store.put_manifest(&manifest("/w", 7, needed().map(key))).unwrap();
    store.close().unwrap();
    for round in 0..ROUNDS {
        let mut child = spawn(&path, "collect 0 300 4096");
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        number(&mut said);
        let reader = reader(&path);
        std::thread::sleep(Duration::from_millis(round * 11 % 70));
        check(&reader, needed());
        child.kill().unwrap();
        child.wait().unwrap();
        check(&reader, needed());
        let store = open(&path);
        check(&store, needed());
        let findings = store.verify().unwrap().findings;
        assert!(findings.is_empty(), "{findings:?}");
    }
    let store = open(&path);
    let report = store.gc(&now()).unwrap();
    assert_eq!((report.trees_kept, store.stats().unwrap().trees), (100, 100), "{report:?}");
}

#[test]
fn what_was_put_under_a_hold_is_there_whatever_others_collect() {
    let (_guard, path) = place();
    let mut child = spawn(&path, "collect 10000 300 4096");
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    number(&mut said);
    let store = Store::open(&path, quick().segment_size(4 << 10)).unwrap();
    for n in 0..20u64 {
        let hold = store.hold().unwrap();
        let trees = || n * 10..n * 10 + 25;
        put(&store, trees());
        store.seal().unwrap();
        std::thread::sleep(Duration::from_millis(n % 7));
        store.put_manifest(&manifest("/w", n as i64, trees().map(key))).unwrap();
        drop(hold);
        check(&store, trees());
        std::thread::sleep(Duration::from_millis(n % 5));
        check(&store, trees());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    check(&reader(&path), 190..215);
}

#[test]
fn a_migration_that_is_killed_goes_on_where_it_was() {
    let (_guard, path) = place();
    let backup = path.with_file_name("backup");
    for round in 0..3 {
        let _ = std::fs::remove_dir_all(&path);
        let _ = std::fs::remove_dir_all(&backup);
        crate::migrations::store_of_1_0(&path, 12);
        for kill in 0.. {
            let mut child = spawn(&path, "migrate 0 0 4096");
            let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
            number(&mut said);
            // Later each time, so that it comes to an end.
            std::thread::sleep(Duration::from_millis(round * 5 + kill * 15));
            let ended = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            check(&reader(&path), 0..12);
            if ended {
                break;
            }
        }
        crate::migrations::check_migrated(&path, 12);
        check(&reader(&backup), 0..12);
        assert_eq!(std::fs::read(backup.join("HERBARIUM")).unwrap(), b"herbarium store 1.0\n");
    }
}

/// Makes garbage and collects it until killed.
fn collect(store: &Store, from: u64, count: u64) {
    let mut out = std::io::stdout();
    loop {
        put(store, (from..from + count).filter(|n| n % 3 != 0));
        store.seal().unwrap();
        out.write_all(b"\nput 1;\n").unwrap();
        out.flush().unwrap();
        store.gc(&now().wait(Duration::from_secs(60))).unwrap();
    }
}

/// Not a test of its own: what the test binary does when started as a child.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (path, task) = task.split_once('|').unwrap();
    let words: Vec<&str> = task.split(' ').collect();
    let [verb, from, count, size] = words[..] else { panic!("{task}") };
    let (from, count): (u64, u64) = (from.parse().unwrap(), count.parse().unwrap());
    let options = quick().segment_size(size.parse().unwrap());
    let store = Store::open(path, options).unwrap();
    if verb == "migrate" {
        let backup = Path::new(path).with_file_name("backup");
        drop(store);
        std::io::stdout().write_all(b"\nput 1;\n").unwrap();
        Store::migrate(path, &MigrateOptions::new().backup_to(backup)).unwrap();
        return;
    }
    if verb == "collect" {
        return collect(&store, from, count);
    }
    let mut out = std::io::stdout();
    let mut refused = 0;
    for n in from..from + count {
        match store.put_tree(&key(n), GRAMMAR, &bytes(n), None) {
            Ok(_) => check(&store, [n]),
            Err(StoreError::Io { .. }) if verb == "fill" => {
                refused += 1;
                check(&store, [from]);
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        // One write each: half a line is no acknowledgement.
        out.write_all(format!("\nput {n};\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
    assert_eq!(refused > 0, verb == "fill");
}

fn spawn(path: &Path, task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture"])
        .env(CHILD, format!("{}|{task}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn parse(line: &str) -> Option<u64> {
    line.strip_prefix("put ")?.strip_suffix(';')?.parse().ok()
}

/// The next number that a child says.
fn number(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> u64 {
    lines.find_map(|line| parse(&line.unwrap())).unwrap()
}
