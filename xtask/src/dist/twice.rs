//! Builds twice and compares.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Plan, build, write};
use crate::{Outcome, command};

/// Builds the last commit in two folders whose names differ, also in length. An error
/// names the files that differ.
pub(super) fn check(root: &Path, plan: &Plan) -> Outcome {
    let scratch = build::target_folder(root).join("dist-check");
    let _ = fs::remove_dir_all(&scratch);
    let mut outputs = Vec::new();
    for name in ["a", "and-another"] {
        let folder = scratch.join(name);
        let source = source(root, &folder)?;
        let out = folder.join("out");
        write(&source, &folder.join("target"), plan, &out)?;
        fs::remove_dir_all(folder.join("target"))?;
        outputs.push(out);
    }
    let names = names(&outputs[0])?.union(&names(&outputs[1])?).cloned().collect::<BTreeSet<_>>();
    let read = |out: usize, name: &OsString| fs::read(outputs[out].join(name)).ok();
    let differ = |name: &&OsString| read(0, name) != read(1, name);
    let differ: Vec<_> = names.iter().filter(differ).map(|name| name.to_string_lossy()).collect();
    if !differ.is_empty() {
        return Err(format!(
            "built twice from {}, and not the same: {}; both are in {}",
            plan.commit,
            differ.join(", "),
            scratch.display()
        )
        .into());
    }
    println!("{} files, built twice from {}, are the same", names.len(), plan.commit);
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// The files of the last commit, in a folder of their own.
fn source(root: &Path, folder: &Path) -> Result<PathBuf, String> {
    let source = folder.join("source");
    fs::create_dir_all(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let archive = folder.join("source.tar");
    command::output_in(root, &format!("git archive --output={} HEAD", archive.display()))?;
    command::output_in(&source, &format!("tar xf {}", archive.display()))?;
    fs::remove_file(&archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    Ok(source)
}

fn names(folder: &Path) -> Result<BTreeSet<OsString>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name()).collect())
}
