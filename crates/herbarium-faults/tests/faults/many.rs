//! Many processes at once, one of them killed now and then.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use herbarium_faults::{
    Bench, Faults, Line, Loss, Random, Scratch, Told, Work, content, survey, survey_range,
};
use herbarium_store::{Store, StoreOptions};

use crate::bench::{bench, endless, scripted};

const TIME: Duration = Duration::from_secs(4);
/// Each process has trees of its own: so many.
const SPAN: u64 = 1_000_000;

/// Trees that somebody has put, until now.
type Acknowledged = Mutex<BTreeSet<u64>>;

/// Works through a child, noting what it puts, for so long; then it is killed.
fn work_and_note(bench: &Bench, work: &Work, all: &Acknowledged, until: Instant) -> Told {
    let mut child = bench.start(work, &Faults::default()).unwrap();
    while Instant::now() < until {
        match child.hear().unwrap() {
            Some(Line::Put(n)) => drop(all.lock().unwrap().insert(n)),
            Some(_) => {}
            None => break,
        }
    }
    child.kill().unwrap().told
}

/// Reads what was put by anyone, as long as there is work.
fn check_along(dir: &Path, all: &Acknowledged, over: &AtomicBool) -> u64 {
    let store = Store::open(dir, StoreOptions::new().read_only(true)).unwrap();
    let (mut random, mut read) = (Random::new(9), 0);
    while !over.load(Ordering::Relaxed) {
        let known = all.lock().unwrap();
        let spans = known.last().map_or(1, |last| last / SPAN + 1);
        let from = random.below(spans) * SPAN + random.below(2_000);
        let chosen = known.range(from..).next().copied();
        drop(known);
        let Some(n) = chosen else { continue };
        let found = store.get_tree(&content::key(n)).unwrap();
        let found = found.unwrap_or_else(|| panic!("tree {n} was put, and is not there"));
        assert_eq!(found.bytes, content::bytes(n), "tree {n}");
        read += 1;
    }
    read
}

#[test]
fn one_that_writes_for_long_and_four_that_come_and_go_see_all_that_was_put() {
    let Some(bench) = bench() else { return };
    let scratch = Scratch::new().unwrap();
    let dir = scratch.root().unwrap().join("store");
    drop(Store::open(&dir, StoreOptions::new()).unwrap());
    let (all, over) = (Acknowledged::default(), AtomicBool::new(false));
    let until = Instant::now() + TIME;
    let told = thread::scope(|scope| {
        let checker = scope.spawn(|| check_along(&dir, &all, &over));
        let long = scope.spawn(|| work_and_note(&bench, &endless(&dir, 0, 1), &all, until));
        let short: Vec<_> = (1..=4)
            .map(|number| {
                let (bench, dir, all) = (&bench, &dir, &all);
                scope.spawn(move || come_and_go(bench, dir, all, number, until))
            })
            .collect();
        let mut told = vec![(0, long.join().unwrap())];
        told.extend(short.into_iter().flat_map(|one| one.join().unwrap()));
        over.store(true, Ordering::Relaxed);
        assert!(checker.join().unwrap() > 20, "the checker hardly read anything");
        told
    });
    // All of them put manifests of one workspace: the last may be anyone's.
    let mut whole = Told::default();
    for (from, told) in told {
        assert_eq!((&told.missing, &told.wrong), (&vec![], &vec![]), "from {from}");
        let is_expected = |it: &&String| it.contains("collecting garbage");
        let failed: Vec<_> = told.failed.iter().filter(|it| !is_expected(it)).collect();
        assert_eq!(failed, Vec::<&String>::new(), "from {from}");
        let end = told.put.last().map_or(from, |last| last + 1);
        whole.tried_manifest = whole.tried_manifest.max(told.tried_manifest);
        look_for_all(&dir, &told, from..end);
    }
    let work = Work::script(&dir);
    survey_range(&work, &whole, Loss::Process, 0..1).unwrap();
}

fn look_for_all(dir: &Path, told: &Told, trees: std::ops::Range<u64>) {
    let store = Store::open(dir, StoreOptions::new().read_only(true)).unwrap();
    for n in trees.filter(|n| told.put.contains(n)) {
        let found = store.get_tree(&content::key(n)).unwrap();
        assert_eq!(found.map(|found| found.bytes), Some(content::bytes(n)), "tree {n}");
    }
}

/// One short-lived process after the other; every second is killed.
fn come_and_go(
    bench: &Bench,
    dir: &Path,
    all: &Acknowledged,
    number: u64,
    until: Instant,
) -> Vec<(u64, Told)> {
    let mut random = Random::new(number);
    let (mut told, mut from) = (Vec::new(), number * SPAN);
    while Instant::now() < until {
        let length = Duration::from_millis(20 + random.below(300));
        let work = Work { batches: 2 + random.below(30), ..endless(dir, from, random.draw()) };
        let end = if random.once_in(2) { Instant::now() + length } else { until };
        let said = work_and_note(bench, &work, all, end.min(until));
        let next = said.put.last().map_or(from, |last| last + 1);
        told.push((from, said));
        from = next;
    }
    told
}

#[test]
fn locks_that_nobody_holds_are_no_hindrance() {
    let Some(bench) = bench() else { return };
    let (_scratch, work, told) = scripted(&bench);
    let segments = work.dir.join("segments");
    let id = "0123456789abcdef0123456789abcdef";
    fs::write(segments.join(format!("seg-{id}.lock")), "").unwrap();
    for lock in ["catalogue.lock", "gc.lock", "hold.lock"] {
        fs::write(work.dir.join(lock), "4711\n").unwrap();
    }
    let next = Work { from: 1_000, ..Work::script(&work.dir) };
    let root = work.dir.parent().unwrap();
    let ended = bench.run(&next, &Faults::below(root)).unwrap();
    assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
    survey(&next, &ended.told, Loss::Process).unwrap();
    survey(&work, &told, Loss::Process).unwrap();
}
