//! `herbariumd`: settings, start and end of the service. What it serves is in
//! `herbarium-server`, how in `herbarium-http`, and how it is watched in
//! `herbarium-health`.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod args;
mod borrowed;
mod command;
mod failure;
mod notify;
mod parts;
mod reload;
mod serve;
mod settings;
mod values;

use std::process::ExitCode;

use args::Asked;
use failure::Failure;

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let asked = match args::read() {
        Ok(asked) => asked,
        Err(help) => return help.into_exit_code(),
    };
    match obey(asked) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn obey(asked: Asked) -> Result<ExitCode, Failure> {
    match asked {
        Asked::Serve(sources) => serve::serve(&sources),
        Asked::Config(what, sources) => command::config::run(what, &sources),
        Asked::Metrics(form) => command::metrics::run(form),
        Asked::OpenApi => command::openapi::run(),
        Asked::Token { name, scopes } => command::token::run(&name, scopes),
        Asked::Healthcheck { alive, sources } => command::healthcheck::run(alive, &sources),
        Asked::Completions(shell) => command::manual::completions(shell),
        Asked::Man => command::manual::man(),
    }
}
