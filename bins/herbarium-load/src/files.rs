//! The files that a run can leave behind.

use herbarium_loadgen::Report;

use crate::args::FileArgs;
use crate::exit::Trouble;

/// Writes those that were asked for.
pub(crate) fn write(args: &FileArgs, report: &Report) -> Result<(), Trouble> {
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    Ok(())
}
