//! The files that a run can leave behind.

use std::path::PathBuf;

use herbarium_loadgen::{Report, output};

use crate::args::FileArgs;
use crate::exit::Trouble;

/// Writes those that were asked for.
pub(crate) fn write(args: &FileArgs, report: &Report) -> Result<(), Trouble> {
    type Make = fn(&Report) -> String;
    let files: [(&Option<PathBuf>, Make); 6] = [
        (&args.json, Report::to_json),
        (&args.html, output::html),
        (&args.csv, output::csv),
        (&args.hlog, output::hlog),
        (&args.junit, output::junit),
        (&args.markdown, output::markdown),
    ];
    for (path, make) in files {
        let Some(path) = path else { continue };
        std::fs::write(path, make(report)).map_err(|error| {
            Trouble::usage(format!("cannot write {}: {error}; choose another file", path.display()))
        })?;
    }
    Ok(())
}
