//! The `herbarium` command: presses a code base into stored syntax trees, and
//! opens them again without parsing.
//!
//! It parses arguments, calls the libraries, and prints: to press and open trees
//! from Rust, use `herbarium-index` and what it stands on. What the command
//! prints as JSON, and its exit codes, are described in `docs/cli.md`. This
//! library exists so that manual pages and completions can be made without
//! running the program.
//!
//! ```
//! let program = herbarium_cli::program();
//! assert!(program.get_subcommands().any(|command| command.get_name() == "index"));
//! ```

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod app;
mod args;
mod ask;
mod command;
mod exit;
mod features;
mod interrupt;
mod limits;
mod log;
mod memory;
mod numbers;
mod paint;
mod paths;
mod progress;
mod show;
mod store;
mod table;
mod version;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use app::App;
use args::Cli;
use exit::{Exit, Failure};

/// Runs the program with the arguments of this process.
///
/// Writes to standard output and standard error, installs a log, a panic hook
/// that passes over panics which the store catches, and with `index` and
/// `verify` a handler for Ctrl-C. Usage errors end the process with code 2.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return print_answer(&answer).into(),
    };
    log::install(&cli);
    // They are caught, and the log tells what became of the file.
    herbarium_store::hush_caught_panics();
    let app = App::new(cli.global);
    let ended = command::run(&app, cli.command).and_then(|exit| {
        app.flush()?;
        Ok(exit)
    });
    ended.unwrap_or_else(|failure| app.tell_failure(failure)).into()
}

/// Prints what the parser of arguments answers by itself: help, the version, or
/// what makes no sense.
fn print_answer(answer: &clap::Error) -> Exit {
    let printed = answer.print().and_then(|()| io::stdout().flush());
    match printed.map_err(Failure::from_output) {
        // Nobody may be listening on standard error: the code says it, too.
        _ if answer.use_stderr() => Exit::Usage,
        Ok(()) | Err(Failure::ClosedPipe) => Exit::Fine,
        Err(Failure::Told(trouble)) => {
            app::tell(format_args!("error: {trouble}"));
            trouble.exit()
        }
    }
}

/// Everything that can be typed, for those who render it as something else.
pub fn program() -> clap::Command {
    Cli::command()
}

/// The README's example is a program that compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
