//! The query files that grammar packages ship.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of the packages that a workspace is built from, by name and
/// version, as `cargo metadata` tells them.
///
/// # Errors
/// Cargo cannot be run, or fails.
pub fn package_folders(workspace: &Path) -> io::Result<HashMap<(String, String), PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--all-features", "--locked"])
        .current_dir(workspace)
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Ok(packages
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
            ((text(&package["name"]), text(&package["version"])), folder)
        })
        .collect())
}

/// All `.scm` files in and under a folder, sorted.
///
/// # Errors
/// A folder cannot be read.
pub fn query_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "scm") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
