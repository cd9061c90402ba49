//! The files that a run can leave behind.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use herbarium_loadgen::{Report, output};

use crate::args::FileArgs;
use crate::exit::Trouble;

/// Makes a file's text of a report.
type Make = fn(&Report) -> String;

fn all(args: &FileArgs) -> impl Iterator<Item = (&Path, Make)> {
    let files: [(&Option<PathBuf>, Make); 6] = [
        (&args.json, Report::to_json),
        (&args.html, output::html),
        (&args.csv, output::csv),
        (&args.hlog, output::hlog),
        (&args.junit, output::junit),
        (&args.markdown, output::markdown),
    ];
    files.into_iter().filter_map(|(path, make)| Some((path.as_deref()?, make)))
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}; choose another file", path.display())
}

/// Whether they can be written, before a run of hours is made for them.
pub(crate) fn check(args: &FileArgs) -> Result<(), Trouble> {
    for (path, _) in all(args) {
        let is_new = !path.exists();
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| Trouble::usage(cannot(path, &error)))?;
        if is_new {
            // A run that does not come about leaves nothing behind.
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

/// Writes those that were asked for; one that cannot be written does not keep the
/// others from being.
pub(crate) fn write(args: &FileArgs, report: &Report) -> Result<(), Trouble> {
    let failed = all(args).filter_map(|(path, make)| {
        let written = std::fs::write(path, make(report));
        written.err().map(|error| cannot(path, &error))
    });
    match failed.collect::<Vec<_>>() {
        failed if failed.is_empty() => Ok(()),
        failed => Err(Trouble::usage(failed.join("\n"))),
    }
}
