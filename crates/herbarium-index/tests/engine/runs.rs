//! Runs as a whole: cancelled, at once with others, with dictionaries, again.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::{Ground, check_sums, index, open_store, rust, work};
use herbarium_index::{
    Cancel, Engine, EngineOptions, IndexError, IndexReport, Origin, Phase, Progress, Tick,
};

fn many(files: usize) -> Ground {
    let ground = Ground::new();
    for number in 0..files {
        ground.write(&format!("{}/f{number}.rs", number % 5), rust(number));
    }
    ground.rest();
    ground
}

/// Remembers what it was told, and cancels after so many files.
struct Hearing {
    phases: RefCell<Vec<Phase>>,
    most: Cell<u64>,
    cancel_after: u64,
    cancel: Cancel,
}

impl Hearing {
    fn new(cancel_after: u64) -> Self {
        let (phases, most) = (RefCell::default(), Cell::new(0));
        Self { phases, most, cancel_after, cancel: Cancel::new() }
    }
}

impl Progress for Hearing {
    fn tick(&self, tick: &Tick<'_>) {
        assert!(tick.files_done >= self.most.get(), "progress goes forward");
        assert!(tick.phase == Phase::Walk || tick.files_done <= tick.files_found);
        self.most.set(tick.files_done);
        self.phases.borrow_mut().push(tick.phase);
        let enough = tick.phase == Phase::Train || tick.files_done > self.cancel_after;
        if enough && self.cancel_after < u64::MAX {
            self.cancel.cancel();
        }
    }
}

#[test]
fn progress_tells_all_phases_and_ends_with_all_files() {
    let ground = many(200);
    let hearing = Hearing::new(u64::MAX);
    ground.engine().index(&[ground.root()], &hearing, &hearing.cancel).unwrap();
    assert_eq!(hearing.most.get(), 200);
    let mut phases = hearing.phases.into_inner();
    phases.dedup();
    assert_eq!(phases, [Phase::Walk, Phase::Press, Phase::Train, Phase::Press, Phase::Write]);
}

#[test]
fn a_cancelled_run_says_so_and_the_next_one_goes_on() {
    let ground = many(300);
    let before = Hearing::new(0);
    before.cancel.cancel();
    let report = ground.engine().index(&[ground.root()], &before, &before.cancel).unwrap();
    assert!(report.cancelled);
    assert_eq!(work(&report), (0, 0, 0, 0));

    let amid = Hearing::new(1);
    let report = ground.engine().index(&[ground.root()], &amid, &amid.cancel).unwrap();
    assert!(report.cancelled);
    assert!(report.trees_new < 300, "{}", report.trees_new);
    assert_eq!(ground.store.manifests().unwrap(), []);

    let rest = ground.index();
    assert!(!rest.cancelled);
    assert_eq!((rest.files, rest.trees_reused), (300, report.trees_new));
}

trait Timeless {
    fn timeless(self) -> IndexReport;
}

impl Timeless for IndexReport {
    /// Times differ from run to run, and nothing else.
    fn timeless(mut self) -> IndexReport {
        (self.seconds, self.cpu_seconds, self.parse_cpu_seconds) = (0.0, 0.0, 0.0);
        self
    }
}

#[test]
fn the_report_does_not_depend_on_the_order_of_the_threads() {
    let ground = many(150);
    ground.write("broken.rs", "fn (");
    ground.write("utf16.rs", b"\xff\xfe");
    ground.write("binary.py", b"\0");
    ground.rest();
    let mut reports = Vec::new();
    for workers in [1, 2, 7] {
        let dir = tempfile::tempdir().unwrap();
        let store = open_store(dir.path());
        let options = EngineOptions { workers, ..EngineOptions::default() };
        let engine = Engine::new(store, options);
        reports.push(index(&engine, &ground.root()).timeless());
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

#[test]
fn engines_that_share_a_store_do_each_others_work() {
    let ground = many(200);
    let engines: Vec<Engine> = (0..4)
        .map(|number| {
            // Half of them with a store opened by themselves, as another process would.
            let store = if number % 2 == 0 {
                Arc::clone(&ground.store)
            } else {
                open_store(ground.dir.path())
            };
            Engine::new(store, EngineOptions { workers: 2, ..EngineOptions::default() })
        })
        .collect();
    let root = ground.root();
    thread::scope(|scope| {
        for engine in &engines {
            scope.spawn(|| assert_eq!(index(engine, &root).files, 200));
        }
    });
    for engine in &engines {
        assert_eq!(work(&index(engine, &root)), (0, 200, 0, 0));
    }
    let verified = engines[0].verify(true, &(), &Cancel::new()).unwrap();
    assert!(verified.is_sound(), "{verified:#?}");
}

#[test]
fn a_dictionary_saves_bytes_and_changes_no_tree() {
    let ground = many(120);
    let plain_dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { dictionaries: false, ..EngineOptions::default() };
    let plain = Engine::new(open_store(plain_dir.path()), options);
    let without = index(&plain, &ground.root());
    let engine = ground.engine();
    let with = index(&engine, &ground.root());
    assert_eq!((without.dictionaries, with.dictionaries), (0, 1));
    assert_eq!((without.nodes, work(&without)), (with.nodes, work(&with)));
    assert!(with.stored_bytes * 2 < without.stored_bytes, "{with:?}");
    for number in [0, 7, 119] {
        let path = ground.path(&format!("{}/f{number}.rs", number % 5));
        let (a, b) = (plain.open(&path).unwrap(), engine.open(&path).unwrap());
        assert_eq!((a.from, b.from), (Origin::Store, Origin::Store));
        assert_eq!(a.tree, b.tree);
    }
}

#[test]
fn later_files_use_the_dictionary_that_is_there() {
    let ground = many(100);
    ground.index();
    ground.write("later.rs", rust(1000));
    ground.rest();
    let engine = Engine::new(open_store(ground.dir.path()), EngineOptions::default());
    let report = index(&engine, &ground.root());
    assert_eq!((report.trees_new, report.dictionaries), (1, 0));
    let key = engine.open(&ground.path("later.rs")).unwrap().key;
    let stored = engine.store().get_tree(&key).unwrap().unwrap();
    assert!(stored.info.dictionary.is_some());
}

#[test]
fn a_budget_for_one_file_lets_them_through_one_by_one() {
    let ground = many(60);
    // Each is taken for 64 KiB and something.
    let options = EngineOptions { memory_budget: 100 << 10, ..EngineOptions::default() };
    assert_eq!(index(&ground.engine_with(options), &ground.root()).trees_new, 60);
}

#[test]
fn workspaces_are_told_apart() {
    let (one, other) = (many(3), many(2));
    let engine = one.engine();
    let paths = [one.root(), other.root(), one.root()];
    let report = engine.index(&paths, &(), &Cancel::new()).unwrap();
    check_sums(&report);
    assert_eq!(work(&report), (3, 2, 5, 3));
    let stats = engine.stats().unwrap();
    assert_eq!((stats.workspaces.len(), stats.total.files, stats.trees), (2, 5, 3));
    assert_eq!(stats.total.stored_bytes, report.stored_bytes);
    assert_eq!(stats.languages.keys().collect::<Vec<_>>(), ["rust"]);
}

#[test]
fn a_path_that_cannot_be_indexed_is_an_error_that_names_it() {
    let ground = Ground::new();
    let missing: PathBuf = ground.path("missing");
    let error = ground.engine().index(std::slice::from_ref(&missing), &(), &Cancel::new());
    match error {
        Err(IndexError::Root { path, .. }) => assert_eq!(path, missing),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_path_is_no_work() {
    let report = Ground::new().engine().index(&[], &(), &Cancel::new()).unwrap();
    assert_eq!(report.timeless(), IndexReport::default());
}
