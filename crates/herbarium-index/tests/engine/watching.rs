//! What a watcher makes of files that change under its eyes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use herbarium_index::{Rescan, WatchError, WatchEvent, WatchOptions, Watcher};
use herbarium_store::{Outcome, Store, StoreOptions};

use super::{Ground, index, rust};

/// A machine that is busy may take long; nothing here takes half a second if not.
const LONG: Duration = Duration::from_secs(60);

/// A project that is watched.
struct Watched {
    ground: Ground,
    root: PathBuf,
    watcher: Option<Watcher>,
    events: Receiver<WatchEvent>,
    seen: Vec<WatchEvent>,
}

impl Watched {
    fn new(files: &[(&str, &str)], options: WatchOptions) -> Self {
        let ground = Ground::with(files);
        let root = ground.root();
        Self::at(ground, root, options)
    }

    /// Watches a folder of a project alone.
    fn at(ground: Ground, root: PathBuf, options: WatchOptions) -> Self {
        let (sender, events) = channel();
        let tell = move |event| drop(sender.send(event));
        let watcher = ground.engine().watch(std::slice::from_ref(&root), options, tell).unwrap();
        let (watcher, seen) = (Some(watcher), Vec::new());
        let mut watched = Self { ground, root, watcher, events, seen };
        watched.wait("started", |event| matches!(event, WatchEvent::Started { .. }));
        watched.idle();
        watched
    }

    /// Waits for an event.
    fn wait(&mut self, what: &str, is_it: impl Fn(&WatchEvent) -> bool) -> WatchEvent {
        let until = Instant::now() + LONG;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if is_it(&event) {
                        return event;
                    }
                }
                Err(_) => panic!("never {what}: {:#?}", self.seen),
            }
        }
    }

    /// Waits until it is idle, unless that was the last thing it said.
    fn idle(&mut self) {
        if matches!(self.seen.last(), Some(WatchEvent::Idle)) {
            return;
        }
        self.wait("idle", |event| matches!(event, WatchEvent::Idle));
    }

    fn pressed(&mut self, path: &str) {
        let path = fs::canonicalize(&self.root).unwrap().join(path);
        let is_it = |event: &WatchEvent| matches!(event, WatchEvent::Pressed { path: at, .. } if *at == path);
        self.wait("pressed", is_it);
    }

    /// What a run would say now, with a store of its own.
    fn expected(&self) -> BTreeMap<PathBuf, Outcome> {
        let dir = tempfile::tempdir().unwrap();
        let fresh = Ground { dir, store: store_beside(&self.ground) };
        index(&fresh.engine(), &self.root);
        rows(&fresh.store, &self.root)
    }

    /// Waits until the store says of the workspace what a run would say.
    fn settle(&mut self) {
        let (until, expected) = (Instant::now() + LONG, self.expected());
        while rows(&self.ground.store, &self.root) != expected {
            assert!(
                Instant::now() < until,
                "the store says {:#?}, expected {expected:#?}; {:#?}",
                rows(&self.ground.store, &self.root),
                self.seen
            );
            thread::sleep(Duration::from_millis(20));
        }
        self.seen.extend(self.events.try_iter());
    }

    /// Stops, and checks that nothing is left to do.
    fn finish(mut self) {
        self.settle();
        self.watcher.take().unwrap().stop();
        let report = index(&self.ground.engine(), &self.root);
        assert_eq!((report.trees_new, report.parses), (0, 0), "{:#?}", self.seen);
    }
}

fn store_beside(ground: &Ground) -> std::sync::Arc<Store> {
    let dir = tempfile::tempdir_in(ground.dir.path()).unwrap().keep();
    std::sync::Arc::new(Store::open(dir.join("store"), StoreOptions::new()).unwrap())
}

/// The files of a workspace that have a tree, with these.
fn rows(store: &Store, root: &Path) -> BTreeMap<PathBuf, Outcome> {
    let root = fs::canonicalize(root).unwrap();
    let manifest = store.manifest(&root).unwrap().expect("a manifest");
    let path = |row: &[u8]| root.join(herbarium_store::path_from_bytes(row));
    let rows = manifest.rows().iter().filter(|row| !row.path.is_empty());
    rows.map(|row| (path(&row.path), row.outcome)).collect()
}

const FILES: [(&str, &str); 4] = [
    ("src/main.rs", "fn main() {}\n"),
    ("src/deep/lib.rs", "pub fn lib() {}\n"),
    ("tools/run.py", "print('run')\n"),
    (".gitignore", "target\n"),
];

/// Something happens to a watched project: in the end the store says what a run
/// would say.
fn check(happens: impl FnOnce(&Ground)) {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    happens(&watched.ground);
    watched.settle();
    watched.finish();
}

#[test]
fn a_written_file_is_pressed() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    watched.ground.write("src/main.rs", "fn changed() {}\n");
    watched.pressed("src/main.rs");
    watched.ground.write("src/new.rs", "fn new() {}\n");
    watched.pressed("src/new.rs");
    watched.idle();
    watched.finish();
}

#[test]
fn a_file_that_is_replaced_is_pressed() {
    check(|it| {
        it.write("src/main.rs.tmp", "fn replaced() {}\n");
        fs::rename(it.path("src/main.rs.tmp"), it.path("src/main.rs")).unwrap();
    });
}

#[test]
fn a_deleted_file_and_a_deleted_folder_are_forgotten() {
    check(|it| fs::remove_file(it.path("src/main.rs")).unwrap());
    check(|it| fs::remove_dir_all(it.path("src")).unwrap());
}

#[test]
fn a_new_folder_is_followed_into_its_depths() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    watched.ground.write("a/b/c/d/first.rs", "fn first() {}\n");
    watched.pressed("a/b/c/d/first.rs");
    watched.ground.write("a/b/c/d/second.rs", "fn second() {}\n");
    watched.pressed("a/b/c/d/second.rs");
    watched.finish();
}

#[test]
fn a_renamed_folder_is_followed() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    fs::rename(watched.ground.path("src"), watched.ground.path("source")).unwrap();
    watched.settle();
    watched.ground.write("source/deep/lib.rs", "pub fn later() {}\n");
    watched.pressed("source/deep/lib.rs");
    watched.finish();
}

#[test]
fn a_folder_that_takes_the_name_of_another_is_followed() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    watched.ground.write("other/deep/lib.rs", "pub fn other() {}\n");
    fs::remove_dir_all(watched.ground.path("src")).unwrap();
    fs::rename(watched.ground.path("other"), watched.ground.path("src")).unwrap();
    watched.settle();
    watched.ground.write("src/deep/lib.rs", "pub fn later() {}\n");
    watched.pressed("src/deep/lib.rs");
    watched.finish();
}

#[test]
fn a_file_in_the_place_of_a_folder_and_the_other_way_round() {
    check(|it| {
        fs::remove_dir_all(it.path("src")).unwrap();
        it.write("src", "text");
        fs::remove_file(it.path("tools/run.py")).unwrap();
        it.write("tools/run.py/in.rs", "fn within() {}\n");
    });
}

#[test]
fn ignore_rules_are_followed_when_they_change() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    watched.ground.write("target/made.rs", "fn made() {}\n");
    watched.ground.write(".gitignore", "tools\n");
    watched.wait("rescanned", |event| {
        matches!(event, WatchEvent::Rescanned { why: Rescan::Rules, .. })
    });
    watched.settle();
    // What is no longer left out is watched.
    watched.ground.write("target/made.rs", "fn made_again() {}\n");
    watched.pressed("target/made.rs");
    watched.ground.write("src/.gitignore", "deep\n");
    watched.settle();
    fs::remove_file(watched.ground.path("src/.gitignore")).unwrap();
    watched.settle();
    watched.finish();
}

#[test]
fn what_is_left_out_is_not_pressed() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    watched.ground.write("target/debug/made.rs", "fn made() {}\n");
    watched.ground.write(".hidden/made.rs", "fn made() {}\n");
    watched.ground.write("src/main.rs", "fn last() {}\n");
    watched.pressed("src/main.rs");
    watched.idle();
    let pressed = watched.seen.iter().filter(|it| matches!(it, WatchEvent::Pressed { .. }));
    assert_eq!(pressed.count(), 1, "{:#?}", watched.seen);
    watched.finish();
}

#[test]
fn a_flood_is_one_walk() {
    // A busy machine writes them slowly: what comes within two seconds comes at once.
    let quiet = Duration::from_secs(2);
    let options = WatchOptions { flood: 50, quiet, patience: LONG, ..WatchOptions::default() };
    let mut watched = Watched::new(&FILES, options);
    (0..400).for_each(|at| watched.ground.write(&format!("src/f{at}.rs"), rust(at)));
    watched.wait("rescanned", |event| {
        matches!(event, WatchEvent::Rescanned { why: Rescan::Flood, .. })
    });
    watched.settle();
    let rescans = watched
        .seen
        .iter()
        .filter(|event| matches!(event, WatchEvent::Rescanned { why: Rescan::Flood, .. }));
    let rescans = rescans.count();
    assert!((1..20).contains(&rescans), "{rescans} rescans");
    watched.finish();
}

#[test]
fn many_files_at_once_are_pressed_in_batches() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    (0..1_500).for_each(|at| watched.ground.write(&format!("src/f{at}.rs"), rust(at % 90)));
    watched.settle();
    watched.finish();
}

#[test]
fn what_nobody_told_is_found_by_a_walk() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    watched.watcher.as_ref().unwrap().rescan();
    let event = watched.wait("rescanned", |event| {
        matches!(event, WatchEvent::Rescanned { why: Rescan::Overflow, .. })
    });
    let WatchEvent::Rescanned { report, .. } = event else { unreachable!() };
    assert_eq!((report.files, report.parses), (3, 0));
    watched.finish();
}

#[test]
fn a_manifest_that_is_gone_is_made_again() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    let root = fs::canonicalize(watched.ground.root()).unwrap();
    assert!(watched.ground.store.remove_manifest(&root).unwrap());
    watched.ground.write("src/main.rs", "fn changed() {}\n");
    watched.wait("rescanned", |event| {
        matches!(event, WatchEvent::Rescanned { why: Rescan::Manifest, .. })
    });
    watched.finish();
}

#[test]
fn a_workspace_that_goes_is_told_and_found_again() {
    let options =
        WatchOptions { rescan_every: Duration::from_millis(50), ..WatchOptions::default() };
    let mut watched = Watched::new(&FILES, options);
    let (root, aside) = (watched.ground.root(), watched.ground.dir.path().join("aside"));
    fs::rename(&root, &aside).unwrap();
    fs::write(aside.join("src/main.rs"), "fn meanwhile() {}\n").unwrap();
    watched.wait("failed", |event| matches!(event, WatchEvent::Failed { .. }));
    fs::rename(&aside, &root).unwrap();
    watched.wait("rescanned", |event| matches!(event, WatchEvent::Rescanned { .. }));
    watched.settle();
    watched.ground.write("src/main.rs", "fn afterwards() {}\n");
    watched.pressed("src/main.rs");
    watched.finish();
}

/// Another folder takes the name of the watched one: it is watched from then on,
/// and the former one no more.
fn check_replaced(replace: impl FnOnce(&Ground)) {
    // Found long before a walk from time to time would find it.
    let options = WatchOptions { rescan_every: Duration::from_secs(3), ..WatchOptions::default() };
    let watched = Watched::new(&FILES, options);
    let other = beside(&watched.ground, "other");
    copy(&watched.root, &other);
    fs::write(other.join("src/main.rs"), "fn other() {}\n").unwrap();
    replace(&watched.ground);
    check_followed(watched);
}

/// Edits in a replaced workspace are heard, those at its former place are not.
fn check_followed(mut watched: Watched) {
    watched.wait("rescanned", |event| {
        matches!(event, WatchEvent::Rescanned { why: Rescan::Unwatched, .. })
    });
    watched.settle();
    watched.idle();
    let begin = watched.seen.len();
    let former = beside(&watched.ground, "former");
    for deep in ["src/deep", "work/deep"].map(|it| former.join(it)).iter().filter(|it| it.is_dir())
    {
        fs::write(deep.join("former.rs"), "fn former() {}\n").unwrap();
    }
    for (path, text) in [("deep/lib.rs", "pub fn later() {}\n"), ("new/q.rs", "fn q() {}\n")] {
        let path =
            if watched.root.join("src").is_dir() { format!("src/{path}") } else { path.to_owned() };
        fs::create_dir_all(watched.root.join(&path).parent().unwrap()).unwrap();
        fs::write(watched.root.join(&path), text).unwrap();
        watched.pressed(&path);
    }
    watched.settle();
    let removed = watched.seen.get(begin..).unwrap_or_default().iter();
    let removed = removed.filter(|event| matches!(event, WatchEvent::Removed { .. }));
    assert_eq!(removed.count(), 0, "{:#?}", watched.seen);
    watched.finish();
}

fn beside(ground: &Ground, name: &str) -> PathBuf {
    ground.dir.path().join(name)
}

/// Copies a folder into one that is there or not.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_workspace_that_is_deleted_and_copied_anew_is_followed() {
    check_replaced(|it| {
        fs::remove_dir_all(it.root()).unwrap();
        copy(&beside(it, "other"), &it.root());
    });
}

#[test]
fn a_folder_that_takes_the_name_of_a_deleted_workspace_is_followed() {
    check_replaced(|it| {
        fs::remove_dir_all(it.root()).unwrap();
        fs::rename(beside(it, "other"), it.root()).unwrap();
    });
}

#[test]
fn a_folder_that_takes_the_name_of_a_renamed_workspace_is_followed() {
    check_replaced(|it| {
        fs::rename(it.root(), beside(it, "former")).unwrap();
        fs::rename(beside(it, "other"), it.root()).unwrap();
    });
}

#[test]
fn a_workspace_that_is_made_anew_step_by_step_is_followed() {
    for pause in [0, 5, 10, 14, 18, 25] {
        check_replaced(|it| {
            fs::remove_dir_all(it.root()).unwrap();
            fs::create_dir(it.root()).unwrap();
            thread::sleep(Duration::from_millis(pause));
            copy(&beside(it, "other"), &it.root());
        });
    }
}

#[test]
fn a_workspace_of_which_a_folder_above_is_replaced_is_followed() {
    let options =
        WatchOptions { rescan_every: Duration::from_millis(300), ..WatchOptions::default() };
    let ground = Ground::with(&[("above/base/deep/lib.rs", "pub fn lib() {}\n")]);
    let root = ground.path("above/base");
    let watched = Watched::at(ground, root, options);
    let ground = &watched.ground;
    fs::rename(ground.path("above"), beside(ground, "former")).unwrap();
    ground.write("above/base/deep/lib.rs", "pub fn replaced() {}\n");
    check_followed(watched);
}

#[test]
fn a_stop_is_quick_and_loses_nothing() {
    let mut watched = Watched::new(&FILES, WatchOptions::default());
    for at in 0..600 {
        watched.ground.write(&format!("src/f{at}.rs"), rust(at));
    }
    watched.pressed("src/f0.rs");
    let begun = Instant::now();
    watched.watcher.take().unwrap().stop();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let expected = watched.expected();
    watched.ground.index();
    assert_eq!(rows(&watched.ground.store, &watched.ground.root()), expected);
}

/// With no more than three watches, by a limit of a namespace of its own.
#[test]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "a test that could not be run says so")]
fn folders_beyond_the_limit_of_the_system_are_found_by_walks() {
    const SET: &str = "echo 3 > /proc/sys/user/max_inotify_watches || exit 77; exec \"$@\"";
    let this = std::env::current_exe().unwrap();
    let child = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", SET, "sh"])
        .arg(this)
        .args(["watching::child_with_few_watches", "--exact", "--nocapture"])
        .env("HERBARIUM_TEST_FEW_WATCHES", "1")
        .output();
    match child {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains("1 passed"), "{said}");
        }
        Ok(output) if output.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        }
        other => eprintln!("not run: no namespace with a limit of its own: {other:?}"),
    }
}

#[test]
fn child_with_few_watches() {
    if std::env::var_os("HERBARIUM_TEST_FEW_WATCHES").is_none() {
        return;
    }
    let options =
        WatchOptions { rescan_every: Duration::from_millis(200), ..WatchOptions::default() };
    let mut watched = Watched::new(&FILES, options);
    let limited = watched.seen.iter().find_map(|event| match event {
        WatchEvent::Limited { watched, folders, .. } => Some((*watched, *folders)),
        _ => None,
    });
    assert_eq!(limited, Some((3, 4)), "{:#?}", watched.seen);
    watched.ground.write("tools/run.py", "print('changed')\n");
    watched.ground.write("src/deep/lib.rs", "pub fn changed() {}\n");
    watched.settle();
    watched.finish();
}

#[test]
fn a_file_is_no_workspace_to_watch() {
    let ground = Ground::with(&FILES);
    let watched =
        ground.engine().watch(&[ground.path("src/main.rs")], WatchOptions::default(), |_| {});
    assert!(matches!(watched, Err(WatchError::NotAFolder { .. })));
}

/// Deeds at random, some of them against each other.
#[test]
fn whatever_happens_the_store_says_in_the_end_what_a_run_would_say() {
    let options = WatchOptions { flood: 60, ..WatchOptions::default() };
    let mut watched = Watched::new(&FILES, options);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..6 {
        for _ in 0..60 {
            let folder = ["src", "src/deep", "a", "a/b", "a/b/c", "tools"][random(6) as usize];
            let file = format!("{folder}/f{}.rs", random(5));
            let other = ["src", "a", "a/b", "x", "tools"][random(5) as usize];
            let path = |name: &str| watched.ground.path(name);
            match random(12) {
                0 => drop(fs::remove_dir_all(path(folder))),
                1 => drop(fs::rename(path(folder), path(other))),
                2 => drop(fs::remove_file(path(&file))),
                3 => drop(fs::rename(path(&file), path(&format!("{other}.rs")))),
                4 => drop(fs::write(
                    path(".gitignore"),
                    ["", "a/b\n", "f1.rs\n"][random(3) as usize],
                )),
                _ => {
                    let _ = fs::create_dir_all(path(folder));
                    let _ = fs::write(path(&file), rust(random(50) as usize));
                }
            }
            thread::sleep(Duration::from_millis(random(4)));
        }
        watched.settle();
        assert!(round < 6);
    }
    watched.finish();
}
