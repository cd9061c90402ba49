//! `herbarium backup` and `herbarium restore`: copies of the store.

use std::io::Write;

use herbarium_store::{BackupReport, RestoreOptions, Store, StoreError};
use serde::Serialize;

use crate::app::App;
use crate::args::{BackupArgs, RestoreArgs};
use crate::exit::{Exit, Failure};
use crate::numbers::{bytes, counted};
use crate::store::{Access, store, store_failed};

pub(super) fn back_up(app: &App, args: &BackupArgs) -> Result<Exit, Failure> {
    let report = store(app, Access::Read)?.backup(&args.dest).map_err(|error| failed(&error))?;
    tell(app, &report, &app.shown.lossy(&args.dest))
}

pub(super) fn restore(app: &App, args: &RestoreArgs) -> Result<Exit, Failure> {
    let options = RestoreOptions::new().overwrite(args.overwrite);
    let report = Store::restore(&args.from, app.store_dir()?, options);
    tell(app, &report.map_err(|error| failed(&error))?, &app.store_text())
}

fn failed(error: &StoreError) -> Failure {
    match error {
        StoreError::Occupied { .. } => {
            let help = "name an empty or a new directory; `restore` takes --overwrite to replace a \
                        store";
            Failure::from_error(Exit::Io, error, help)
        }
        StoreError::NotOnlyAStore { .. } => {
            let help = "move it out of the store's directory, and run the same again: `restore` \
                        removes nothing that is not the store's";
            Failure::from_error(Exit::Io, error, help)
        }
        StoreError::InsideTheStore { .. } => {
            Failure::from_error(Exit::Io, error, "name a directory that is not in the store's")
        }
        StoreError::NotAStore { .. } => {
            let help = "name a directory that `herbarium backup` made";
            Failure::from_error(Exit::Io, error, help)
        }
        _ => store_failed(error),
    }
}

/// The report, as `docs/cli.md` describes it.
#[derive(Serialize)]
pub(super) struct CopyJson {
    trees: u64,
    workspaces: u64,
    segments: u64,
    bytes: u64,
    damaged: u64,
    copy: String,
}

impl CopyJson {
    pub(super) fn new(report: &BackupReport, copy: String) -> Self {
        Self {
            trees: report.trees,
            workspaces: report.manifests,
            segments: report.segments,
            bytes: report.bytes,
            damaged: report.damaged,
            copy,
        }
    }
}

/// Tells what was copied; gives the exit code.
fn tell(app: &App, report: &BackupReport, copy: &str) -> Result<Exit, Failure> {
    match app.global.json {
        true => app.print_json(&CopyJson::new(report, copy.to_owned()))?,
        false => writeln!(app.out(), "{}", line(report, copy))?,
    }
    if report.damaged > 0 {
        let count = counted(report.damaged, "damaged record", "damaged records");
        let help = "`herbarium index` presses again what workspaces need of them";
        app.warn(&format!("{count} in what was copied: missing in the copy, too"), help);
    }
    Ok(Exit::Fine)
}

pub(super) fn line(report: &BackupReport, copy: &str) -> String {
    let trees = counted(report.trees, "tree", "trees");
    let workspaces = counted(report.manifests, "workspace", "workspaces");
    let size = bytes(report.bytes);
    format!("{trees} of {workspaces}, {size}, copied to {}", crate::paths::printable(copy))
}
