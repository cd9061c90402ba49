//! `herbarium migrate`: the store in the newest version of its format.

use std::io::Write;

use herbarium_store::{MigrateOptions, MigrateReport, Store, StoreError};
use serde::Serialize;

use super::backup::{CopyJson, line};
use crate::app::App;
use crate::args::MigrateArgs;
use crate::exit::{Exit, Failure};
use crate::numbers::counted;
use crate::store::store_failed;

pub(super) fn run(app: &App, args: &MigrateArgs) -> Result<Exit, Failure> {
    let mut options = MigrateOptions::new().dry_run(args.dry_run);
    if let Some(dest) = &args.backup {
        options = options.backup_to(dest);
    }
    let report = Store::migrate(app.store_dir()?, &options).map_err(|error| failed(&error))?;
    let copy = args.backup.as_ref().map(|dest| app.shown.lossy(dest)).unwrap_or_default();
    match app.global.json {
        true => app.print_json(&MigrateJson::new(app, &report, copy))?,
        false => print(app, &report, &copy)?,
    }
    Ok(Exit::Fine)
}

fn failed(error: &StoreError) -> Failure {
    match error {
        StoreError::NotAStore { .. } => {
            let help = "name the directory of a store with --store or HERBARIUM_STORE";
            Failure::from_error(Exit::Io, error, help)
        }
        _ => store_failed(error),
    }
}

/// The report, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct MigrateJson {
    dry_run: bool,
    from: String,
    to: String,
    resumed: bool,
    steps: Vec<StepJson>,
    backup: Option<CopyJson>,
    store: String,
}

#[derive(Serialize)]
struct StepJson {
    from: String,
    to: String,
    what: &'static str,
    segments: u64,
}

impl MigrateJson {
    fn new(app: &App, report: &MigrateReport, copy: String) -> Self {
        let steps = report.steps.iter().map(|step| StepJson {
            from: step.from.to_string(),
            to: step.to.to_string(),
            what: step.what,
            segments: step.segments,
        });
        Self {
            dry_run: report.dry_run,
            from: report.from.to_string(),
            to: report.to.to_string(),
            resumed: report.resumed,
            steps: steps.collect(),
            backup: report.backup.as_ref().map(|backup| CopyJson::new(backup, copy)),
            store: app.store_text(),
        }
    }
}

fn print(app: &App, report: &MigrateReport, copy: &str) -> Result<(), Failure> {
    let mut out = app.out();
    if let Some(backup) = &report.backup {
        writeln!(out, "{}", line(backup, copy))?;
    }
    if report.steps.is_empty() {
        return Ok(writeln!(out, "the store is up to date: version {}", report.to)?);
    }
    for step in &report.steps {
        let segments = counted(step.segments, "segment", "segments");
        writeln!(out, "{} to {}: {}, {segments}", step.from, step.to, step.what)?;
    }
    let again = if report.resumed { ", going on where it was broken off" } else { "" };
    match report.dry_run {
        true => writeln!(out, "nothing was changed")?,
        false => writeln!(out, "the store has version {} now{again}", report.to)?,
    }
    Ok(())
}
