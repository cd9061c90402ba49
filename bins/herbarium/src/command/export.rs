//! `herbarium export`: trees as files of their own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use herbarium_store::ExportedTree;
use serde::Serialize;

use super::tree::cannot_open;
use crate::app::App;
use crate::args::ExportArgs;
use crate::exit::{Exit, Failure};
use crate::numbers::bytes;
use crate::store::{Access, engine};

pub(super) fn run(app: &App, args: &ExportArgs) -> Result<Exit, Failure> {
    let names = names(app, args)?;
    let engine = engine(app, Access::WriteIfAllowed)?;
    fs::create_dir_all(&args.output).map_err(|error| cannot_write(app, &args.output, &error))?;
    let mut rows = Vec::new();
    for (file, name) in args.files.iter().zip(names) {
        let exported = engine.export(file).map_err(|error| cannot_open(&error))?;
        let (path, content) = (args.output.join(name), exported.to_bytes());
        write(&path, &content, args.overwrite).map_err(|error| cannot_write(app, &path, &error))?;
        let row = Row::new(app, file, &path, &exported, content.len());
        if !app.global.json {
            writeln!(app.out(), "{}: {}, {}", row.path, row.file, bytes(row.bytes))?;
        }
        rows.push(row);
    }
    if app.global.json {
        app.print_json(&rows)?;
    }
    Ok(Exit::Fine)
}

/// One tree, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct Row {
    path: String,
    file: String,
    language: String,
    key: String,
    bytes: u64,
}

impl Row {
    fn new(app: &App, path: &Path, file: &Path, exported: &ExportedTree, len: usize) -> Self {
        Self {
            path: app.shown.lossy(path),
            file: app.shown.lossy(file),
            language: exported.provenance().language.clone(),
            key: exported.key().to_string(),
            bytes: len as u64,
        }
    }
}

/// The name of each file's tree: no two may be the same.
fn names(app: &App, args: &ExportArgs) -> Result<Vec<OsString>, Failure> {
    let mut taken: HashMap<OsString, PathBuf> = HashMap::new();
    let name = |file: &PathBuf| {
        let mut name = file.file_name().unwrap_or(file.as_os_str()).to_owned();
        name.push(".tree");
        if let Some(other) = taken.insert(name.clone(), file.clone()) {
            let (file, other) = (app.shown.text(file), app.shown.text(&other));
            let message = format!("could not export {file} and {other}: their trees have one name");
            return Err(Failure::new(
                Exit::Usage,
                message,
                "export them one by one, with --output",
            ));
        }
        Ok(name)
    };
    args.files.iter().map(name).collect()
}

/// Whole or not at all.
fn write(path: &Path, content: &[u8], overwrite: bool) -> io::Result<()> {
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(name);
    let written = OpenOptions::new().write(true).create_new(true).open(&beside);
    let written = written.and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // The error that counts is the first.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn cannot_write(app: &App, path: &Path, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::AlreadyExists => "--overwrite replaces it; --output names another directory",
        _ => "name a directory that can be written to, with --output",
    };
    let message = format!("could not write {}", app.shown.text(path));
    Failure::new(Exit::Io, message, help).because(Some(error))
}
