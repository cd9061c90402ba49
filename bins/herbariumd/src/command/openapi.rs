//! `herbariumd openapi`: the description of the API.

use std::io::Write as _;
use std::process::ExitCode;

use crate::failure::Failure;

pub(crate) fn run() -> Result<ExitCode, Failure> {
    write!(std::io::stdout().lock(), "{}", herbarium_server::openapi())?;
    Ok(ExitCode::SUCCESS)
}
