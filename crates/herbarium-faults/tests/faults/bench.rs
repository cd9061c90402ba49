//! What the tests share.

use std::io::Write;
use std::path::{Path, PathBuf};

use herbarium_faults::{Bench, Deed, Ended, Faults, Kind, Loss, Scratch, Told, Work, survey};

/// The bench to work on. Where faults cannot be injected the test says so and is
/// not run; on Linux it fails.
pub(crate) fn bench() -> Option<Bench> {
    match Bench::new(env!("CARGO_BIN_EXE_herbarium-faults")) {
        Ok(bench) => Some(bench),
        Err(why) if cfg!(target_os = "linux") => panic!("{why}"),
        Err(why) => {
            not_run(&why);
            None
        }
    }
}

/// Says that something was not tried, past what captures the words of tests that
/// pass.
pub(crate) fn not_run(why: &str) {
    let thread = std::thread::current();
    let line = format!("NOT RUN: {}: {why}\n", thread.name().unwrap_or_default());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Does the work again and again, with the deed at the first call of these
/// classes, the second, and so on until there are no more. Gives how many there
/// were. After each, `check` looks at the child and at what is left.
pub(crate) fn at_every_call(
    bench: &Bench,
    work: &Work,
    classes: u32,
    deed: Deed,
    check: impl Fn(&Work, &Ended) -> Result<(), String>,
) -> u64 {
    at_every_call_on(bench, work, classes, deed, |_| {}, check)
}

/// As [`at_every_call`], on a store that is made ready first.
pub(crate) fn at_every_call_on(
    bench: &Bench,
    work: &Work,
    classes: u32,
    deed: Deed,
    prepare: impl Fn(&Path),
    check: impl Fn(&Work, &Ended) -> Result<(), String>,
) -> u64 {
    for nth in 1.. {
        let scratch = Scratch::new().unwrap();
        let root = scratch.root().unwrap();
        let work = Work { dir: root.join("store"), ..work.clone() };
        prepare(&work.dir);
        let fired = scratch.path().join("fired");
        let faults = Faults::below(&root).at(classes, nth, 1, deed, &fired);
        let ended = bench.run(&work, &faults).unwrap();
        let Some(call) = faults.fired() else {
            assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
            return nth - 1;
        };
        if let Err(wrong) = check(&work, &ended) {
            panic!("{deed:?} at call {nth}, {call}: {wrong}\n{ended:?}");
        }
    }
    unreachable!("numbers do not end")
}

/// That a child was killed, and all that it put is there.
pub(crate) fn survives_a_kill(work: &Work, ended: &Ended) -> Result<(), String> {
    if !ended.was_killed() {
        return Err("it was not killed".into());
    }
    survey(work, &ended.told, Loss::Process).map(drop)
}

/// A store on which the script was done.
pub(crate) fn scripted(bench: &Bench) -> (Scratch, Work, Told) {
    let scratch = Scratch::new().unwrap();
    let root = scratch.root().unwrap();
    let work = Work::script(root.join("store"));
    let ended = bench.run(&work, &Faults::below(&root)).unwrap();
    assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
    (scratch, work, ended.told)
}

/// Endless work on a store in this folder, from this tree on.
pub(crate) fn endless(dir: impl Into<PathBuf>, from: u64, seed: u64) -> Work {
    Work { kind: Kind::Mixed, from, seed, batches: herbarium_faults::ENDLESS, ..Work::script(dir) }
}
