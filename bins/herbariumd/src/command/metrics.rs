//! `herbariumd metrics`: every metric that the service has.

use std::io::Write as _;
use std::process::ExitCode;

use crate::args::Form;
use crate::failure::Failure;
use crate::parts;

pub(crate) fn run(form: Form) -> Result<ExitCode, Failure> {
    // Those of the pages themselves are added by the recorder where it runs.
    let own = herbarium_health::own_metrics();
    let inventory = parts::inventory().with(own.metrics());
    let text = match form {
        Form::Table => inventory.table(),
        Form::Json => inventory.json(),
        Form::Markdown => page(&inventory.markdown()),
    };
    write!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn page(table: &str) -> String {
    format!(
        "# Metrics of the service\n\n`herbariumd metrics --markdown` prints this page. They are at \
         `/metrics` of the health address,\n`127.0.0.1:9464` unless set.\n\n{table}"
    )
}
