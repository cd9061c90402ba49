//! All of the code pressed, and each tree compared with a fresh parse.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::tally::Tally;
use crate::{Outcome, command, root};

/// Indexes the folders into a store of its own under `to`, verifies it deep, and prints what it
/// has of each language. An error if a tree differs or the store is not sound.
pub(crate) fn all(to: &Path, folders: &[PathBuf], program: Option<&Path>) -> Outcome {
    let program = match program {
        Some(program) => program.to_owned(),
        None => built()?,
    };
    let store = to.join("store");
    let _ = fs::remove_dir_all(&store);
    let mut tally = Tally::default();
    for folder in folders {
        let indexed = ask(&program, &["index"], Some(folder), &store)?;
        for (id, row) in indexed["languages"].as_object().into_iter().flatten() {
            let of = |field: &str| row[field].as_u64().unwrap_or_default();
            tally.count(id, of("files"), of("source_bytes"));
        }
    }
    let found = ask(&program, &["verify", "--deep"], None, &store)?;
    print!("{}", tally.table());
    let languages = tally.languages().len();
    let (nodes, differences) = (&found["nodes"], &found["differences"]);
    println!(
        "{languages} languages with real code: {} trees, {} of them compared with a fresh parse \
         ({nodes} nodes), {differences} differences, {} damaged",
        found["trees"], found["compared"], found["damaged"]
    );
    match found["sound"] == Value::Bool(true) {
        true => Ok(()),
        false => Err(format!(
            "the store {} is not sound: `herbarium verify --deep --store {}` names the trees",
            store.display(),
            store.display()
        )
        .into()),
    }
}

/// The program with all languages.
fn built() -> Result<PathBuf, String> {
    let root = root();
    command::run(
        &root,
        "cargo build --release --package herbarium-cli --bin herbarium --features all-langs",
    )?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release").join(format!("herbarium{}", std::env::consts::EXE_SUFFIX)))
}

fn ask(
    program: &Path,
    args: &[&str],
    folder: Option<&Path>,
    store: &Path,
) -> Result<Value, String> {
    let mut command = Command::new(program);
    command.args(args).args(folder).arg("--json").arg("--quiet").arg("--store").arg(store);
    let output = command.output().map_err(|error| format!("{}: {error}", program.display()))?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // What could not be indexed is counted in the answer, and an unsound store told by us.
    serde_json::from_slice(&output.stdout).map_err(|_| format!("{command:?}: {}", said()))
}
