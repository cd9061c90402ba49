//! `herbariumd token`: a new token, and what is kept of it.

use std::io::Write as _;
use std::process::ExitCode;

use herbarium_http::{Scopes, Token, Tokens};

use crate::failure::{Exit, Failure};

pub(crate) fn run(name: &str, scopes: Scopes) -> Result<ExitCode, Failure> {
    let token = Token::make().map_err(|error| {
        Failure::from_error(Exit::Io, &error, "have the system's randomness made available")
    })?;
    let line = format!("{name} {scopes} {}", token.hash());
    // As it will be read.
    line.parse::<Tokens>().map_err(|error| {
        Failure::from_error(Exit::Usage, &error, "take letters, digits and - . _ @ for the name")
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "token, shown this once:  {}", token.reveal())?;
    writeln!(out, "line for tokens_file:    {line}")?;
    Ok(ExitCode::SUCCESS)
}
