//! What the tests share.

use herbarium_faults::{Bench, Deed, Ended, Faults, Loss, Scratch, Work, survey};

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

/// Says that something was not tried.
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
pub(crate) fn not_run(why: &str) {
    eprintln!("NOT RUN: {why}");
}

/// Does the script again and again, with the deed at the first call of these
/// classes, the second, and so on until there are no more. Gives how many there
/// were. After each the store is surveyed, and `check` looks at the child.
pub(crate) fn at_every_call(
    bench: &Bench,
    work: &Work,
    classes: u32,
    deed: Deed,
    loss: Loss,
    check: impl Fn(&Ended) -> Result<(), String>,
) -> u64 {
    for nth in 1.. {
        let scratch = Scratch::new().unwrap();
        let root = scratch.root().unwrap();
        let work = Work { dir: root.join("store"), ..work.clone() };
        let fired = scratch.path().join("fired");
        let faults = Faults::below(&root).at(classes, nth, 1, deed, &fired);
        let ended = bench.run(&work, &faults).unwrap();
        let Some(call) = faults.fired() else {
            assert!(ended.told.closed && ended.told.failed.is_empty(), "{ended:?}");
            return nth - 1;
        };
        let result = check(&ended).and_then(|()| survey(&work, &ended.told, loss).map(drop));
        if let Err(wrong) = result {
            panic!("{deed:?} at call {nth}, {call}: {wrong}\n{ended:?}");
        }
    }
    unreachable!("numbers do not end")
}
