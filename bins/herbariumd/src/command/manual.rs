//! `herbariumd completions` and `herbariumd man`.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::args;
use crate::failure::Failure;

pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    clap_complete::generate(shell, &mut args::command(), "herbariumd", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man() -> Result<ExitCode, Failure> {
    clap_mangen::Man::new(args::command()).render(&mut std::io::stdout())?;
    Ok(ExitCode::SUCCESS)
}
