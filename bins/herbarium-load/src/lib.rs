//! The program around `herbarium-loadgen`: arguments, what is shown, files,
//! exit codes. `docs/load.md` is its manual.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod args;
mod command;
mod draw;
mod exit;
mod files;
mod interrupt;
mod profiles;
mod show;
mod view;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::of_clap(&error),
    };
    match command::run(args.command) {
        Ok(code) => exit::of(code),
        Err(trouble) => exit::tell(&trouble),
    }
}

/// The command line, for tests of the manual.
pub fn program() -> clap::Command {
    args::Args::command()
}
