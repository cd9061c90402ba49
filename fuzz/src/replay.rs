//! For the tests that replay what fuzzing once found.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Gives a target's function every seed and every input that was kept; says which of them
/// breaks it.
pub fn check(target: &str, function: impl Fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let folders = ["seeds", "regressions"].map(|folder| fuzz.join(folder).join(target));
    assert!(folders[0].is_dir(), "{} is missing", folders[0].display());
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let files = fs::read_dir(folder);
        for file in files.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = file.expect("an entry of the folder").path();
            let input = fs::read(&path).expect("a readable file");
            let kept = catch_unwind(AssertUnwindSafe(|| function(&input)));
            assert!(kept.is_ok(), "{}", path.display());
        }
    }
}
