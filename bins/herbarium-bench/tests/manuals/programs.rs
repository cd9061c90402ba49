//! The programs that the pages use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with `herbarium` and `herbariumd`. They are built here where a run of all tests
/// did not do so: cargo hands a test the programs of its own package only.
pub(crate) fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let own = Path::new(env!("CARGO_BIN_EXE_herbarium-bench"));
        let folder = own.parent().expect("a folder").to_owned();
        let there = |name: &str| folder.join(name).is_file();
        if !(there("herbarium") && there("herbariumd")) {
            let target = folder.parent().expect("the folder of all profiles");
            let status = Command::new(env!("CARGO"))
                .args(["build", "--package", "herbarium-cli", "--package", "herbariumd"])
                .arg("--target-dir")
                .arg(target)
                .current_dir(root())
                .status();
            assert!(status.expect("cargo starts").success(), "building the programs");
        }
        folder
    })
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
