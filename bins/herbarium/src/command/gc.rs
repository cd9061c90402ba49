//! `herbarium gc`: removes from the store what nothing needs.

use std::io::Write;
use std::path::{Path, PathBuf};

use herbarium_store::{GcOptions, GcReport, ManifestInfo, Store};
use serde::Serialize;

use crate::app::App;
use crate::args::GcArgs;
use crate::exit::{Exit, Failure};
use crate::numbers::{bytes, counted, grouped};
use crate::store::{Access, store, store_failed};

pub(super) fn run(app: &App, args: &GcArgs) -> Result<Exit, Failure> {
    let store = store(app, if args.dry_run { Access::Read } else { Access::Maintain })?;
    let forgotten = forget(app, args, &store)?;
    let mut options = GcOptions::new().grace(args.grace).dry_run(args.dry_run);
    if let Some(size) = args.max_size {
        options = options.max_size(size);
    }
    let report = store.gc(&options).map_err(|error| store_failed(&error))?;
    match app.global.json {
        true => app.print_json(&GcJson::new(app, &report, &forgotten))?,
        false => print(app, args, &report, &forgotten)?,
    }
    Ok(Exit::Fine)
}

/// Forgets the workspaces that were named and those that are gone. Gives their
/// folders.
fn forget(app: &App, args: &GcArgs, store: &Store) -> Result<Vec<PathBuf>, Failure> {
    let known = store.manifests().map_err(|error| store_failed(&error))?;
    let mut forgotten = Vec::new();
    for path in &args.forget {
        let root = root_of(path, &known).ok_or_else(|| {
            let path = app.shown.text(path);
            let message = format!("could not forget the workspace {path}: the store has none");
            Failure::new(Exit::Usage, message, "`herbarium stats` lists the workspaces")
        })?;
        forgotten.push(root);
    }
    if args.forget_gone {
        let gone = known.iter().map(|info| info.root.clone()).filter(|root| is_gone(root));
        forgotten.extend(gone);
    }
    forgotten.sort();
    forgotten.dedup();
    for root in forgotten.iter().filter(|_| !args.dry_run) {
        store.remove_manifest(root).map_err(|error| store_failed(&error))?;
    }
    Ok(forgotten)
}

/// The workspace of a folder, which may be gone.
fn root_of(path: &Path, known: &[ManifestInfo]) -> Option<PathBuf> {
    let whole = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok()?;
    known.iter().map(|info| info.root.clone()).find(|root| *root == whole)
}

/// Only what is surely gone: a folder that cannot be looked at may come back.
fn is_gone(root: &Path) -> bool {
    matches!(root.try_exists(), Ok(false))
}

/// The report, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct GcJson {
    dry_run: bool,
    forgotten: Vec<String>,
    workspaces: u64,
    unreadable_workspaces: u64,
    removed_workspaces: u64,
    trees_kept: u64,
    trees_removed: u64,
    needed_removed: u64,
    unneeded_kept: u64,
    damaged_removed: u64,
    copies_removed: u64,
    segments_before: u64,
    segments_after: u64,
    bytes_before: u64,
    bytes_after: u64,
    file_bytes_after: u64,
    store: String,
}

impl GcJson {
    fn new(app: &App, report: &GcReport, forgotten: &[PathBuf]) -> Self {
        Self {
            dry_run: report.dry_run,
            forgotten: forgotten.iter().map(|root| app.shown.lossy(root)).collect(),
            workspaces: report.manifests,
            unreadable_workspaces: report.unreadable_manifests,
            removed_workspaces: report.manifests_removed,
            trees_kept: report.trees_kept,
            trees_removed: report.trees_removed,
            needed_removed: report.needed_removed,
            unneeded_kept: report.unneeded_kept,
            damaged_removed: report.damaged_removed,
            copies_removed: report.copies_removed,
            segments_before: report.segments_before,
            segments_after: report.segments_after,
            bytes_before: report.bytes_before,
            bytes_after: report.bytes_after,
            file_bytes_after: report.file_bytes_after,
            store: app.store_text(),
        }
    }
}

fn print(
    app: &App,
    args: &GcArgs,
    report: &GcReport,
    forgotten: &[PathBuf],
) -> Result<(), Failure> {
    let mut out = app.out();
    let (would, forgot) = if args.dry_run { ("would be ", "would forget") } else { ("", "forgot") };
    for root in forgotten {
        writeln!(out, "{forgot} the workspace {}", app.shown.text(root))?;
    }
    let removed = counted(report.trees_removed, "tree", "trees");
    let kept = counted(report.trees_kept, "tree", "trees");
    writeln!(out, "{removed} {would}removed, {kept} kept")?;
    let others = [
        (
            report.needed_removed,
            "of those removed are of indexed files: there was no room for them",
        ),
        (
            report.unneeded_kept,
            "of those kept are needed by no workspace: they are new, or too few to be worth it",
        ),
        (report.damaged_removed, "damaged records removed"),
        (report.copies_removed, "copies removed"),
    ];
    for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "{} {what}", grouped(*count))?;
    }
    let (before, after) = (bytes(report.bytes_before), bytes(report.bytes_after));
    let segments = counted(report.segments_after, "segment", "segments");
    writeln!(out, "{before} before, {after} after, in {segments}")?;
    drop(out);
    if args.dry_run && !forgotten.is_empty() {
        app.remark("what only the workspaces to be forgotten need is counted as kept here");
    }
    if args.max_size.is_some_and(|size| report.file_bytes_after > size) {
        let (size, would) =
            (bytes(report.file_bytes_after), if args.dry_run { "would take" } else { "takes" });
        app.remark(format_args!(
            "the store {would} {size} with all its files, more than --max-size: what others write \
             to stays, and so do the grammar tables and dictionaries in the catalogue"
        ));
    }
    if report.manifests_removed > 0 {
        let count = counted(report.manifests_removed, "workspace", "workspaces");
        let would = if args.dry_run { "would be" } else { "was" };
        app.remark(format_args!(
            "what is known of {count} {would} removed, as --max-size left no room for it: the \
             next `herbarium index` reads all its files"
        ));
    }
    if report.unreadable_manifests > 0 {
        let count = counted(report.unreadable_manifests, "workspace", "workspaces");
        let message = format!("what {count} needs cannot be read: no tree was removed for that");
        app.warn(&message, "run `herbarium index` on it, then gc again");
    }
    Ok(())
}
