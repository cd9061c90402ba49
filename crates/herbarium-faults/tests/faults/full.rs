//! The disk is full, and then it is not.

use std::fs;
use std::path::Path;
use std::process::Command;

use herbarium_faults::{Faults, Line, Loss, Scratch, Told, Work, survey, survey_range};

use crate::bench::{bench, endless, not_run};

fn is_refusal(line: &Line) -> bool {
    matches!(line, Line::Failed(_))
}

fn is_put(line: &Line) -> bool {
    matches!(line, Line::Put(_))
}

/// What was refused says that space is missing, and what to do.
fn check_advice(told: &Told) {
    let refused = told.failed.iter().find(|it| it.starts_with("put ")).unwrap();
    assert!(refused.contains("free some space; what was stored before is safe"), "{refused}");
}

fn trees(told: &Told, work: &Work) -> std::ops::Range<u64> {
    work.from..told.put.last().map_or(work.from, |last| last + 1)
}

#[test]
fn a_store_whose_disk_was_full_goes_on_by_itself_once_it_is_not() {
    let Some(bench) = bench() else { return };
    // Full before there is a store, while it is made, in the catalogue, in a segment.
    for space in [10, 2_000, 20_000, 400_000, 1_200_000] {
        let scratch = Scratch::new().unwrap();
        let (root, freed) = (scratch.root().unwrap(), scratch.path().join("freed"));
        let work = endless(root.join("store"), 0, space);
        let mut child = bench.start(&work, &Faults::below(&root).space(space, &freed)).unwrap();
        child.hear_until(is_refusal).unwrap();
        fs::write(&freed, "").unwrap();
        child.hear_until(is_put).unwrap();
        child.hear_until(|line| matches!(line, Line::Manifest(_))).unwrap();
        let ended = child.kill().unwrap();
        survey_range(&work, &ended.told, Loss::Process, trees(&ended.told, &work)).unwrap();
    }
}

#[test]
fn what_was_put_before_the_disk_was_full_is_there() {
    let Some(bench) = bench() else { return };
    for space in [0, 10, 100, 1_000, 5_000, 10_000, 50_000, 100_000, 200_000] {
        let scratch = Scratch::new().unwrap();
        let root = scratch.root().unwrap();
        let work = Work::script(root.join("store"));
        let never = scratch.path().join("never");
        let ended = bench.run(&work, &Faults::below(&root).space(space, &never)).unwrap();
        assert!(!ended.told.failed.is_empty(), "{space} bytes are enough: {ended:?}");
        survey(&work, &ended.told, Loss::Process)
            .unwrap_or_else(|wrong| panic!("{space}: {wrong}"));
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_survived() {
    let Some(bench) = bench() else { return };
    for most in [0, 50, 100, 1_000, 4_000, 100_000] {
        let scratch = Scratch::new().unwrap();
        let root = scratch.root().unwrap();
        let work = Work::script(root.join("store"));
        let ended = bench.run(&work, &Faults::below(&root).file_size(most)).unwrap();
        assert!(!ended.told.failed.is_empty() || most >= 4_000, "{most}: {ended:?}");
        survey(&work, &ended.told, Loss::Process).unwrap_or_else(|wrong| panic!("{most}: {wrong}"));
    }
}

#[test]
fn a_file_system_that_is_full_is_survived_and_used_again_once_it_is_not() {
    let Some(bench) = bench() else { return };
    let scratch = Scratch::new().unwrap();
    let root = scratch.root().unwrap();
    let Some(_mounted) = Mounted::new(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &root) else {
        return not_run("a file system of 4 MiB cannot be mounted here");
    };
    let ballast = root.join("ballast");
    fs::write(&ballast, vec![1; 5 << 19]).unwrap();
    let work = endless(root.join("store"), 0, 5);
    let mut child = bench.start(&work, &Faults::default()).unwrap();
    child.hear_until(is_refusal).unwrap();
    child.hear_until(|line| line.to_string().contains("failed put ")).unwrap();
    fs::remove_file(&ballast).unwrap();
    child.hear_until(is_put).unwrap();
    let ended = child.kill().unwrap();
    check_advice(&ended.told);
    survey_range(&work, &ended.told, Loss::Process, trees(&ended.told, &work)).unwrap();
}

/// Something mounted until it is dropped.
pub(crate) struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    pub(crate) fn new(args: &[&str], at: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(args).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: a child that is ending may still be in it.
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}
