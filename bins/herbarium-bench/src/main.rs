//! Measures Herbarium on real code bases, beside what it is compared with, in
//! one run, and holds the figures against stated bars. What each figure means,
//! and the shape of the JSON, is described in `docs/bench.md`.
#![expect(clippy::print_stderr, reason = "it tells on a terminal how far it is")]

mod args;
mod bar;
mod clock;
mod codec;
mod conformance;
mod corpora;
mod corpus;
mod error;
mod hot;
mod index;
mod languages;
mod memory;
mod queries;
mod query;
mod report;
mod table;
mod tiers;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use bar::Bar;
use error::BenchError;
use report::Report;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("herbarium-bench: {}", error::with_causes(&error));
            ExitCode::from(3)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, BenchError> {
    match &cli.command {
        Command::Codec(args) => tell(cli, &codec::run(args)?),
        Command::Languages(args) => tell(cli, &languages::run(args)?),
        Command::Index(args) => tell(cli, &index::run(args)?),
        Command::Tiers(args) => tell(cli, &tiers::run(&args.files)?),
        Command::Query(args) => tell(cli, &query::run(args)?),
        Command::Conformance(args) => {
            let report = conformance::run(args)?;
            tell(cli, &report)?;
            let differs = report.bars().iter().any(Bar::is_missed);
            Ok(if differs { ExitCode::from(1) } else { ExitCode::SUCCESS })
        }
        Command::Report(args) => {
            let report = corpora::run(args)?;
            if let Some(file) = &args.markdown {
                std::fs::write(file, report.markdown()).map_err(BenchError::Write)?;
            }
            tell(cli, &report)
        }
        Command::OneCorpus(args) => print(&corpora::run_one(args)?),
        Command::Hot(args) => hot::run(args).map(|()| ExitCode::SUCCESS),
        Command::OneLanguage(args) => print(&languages::run_one(args)?),
    }
}

/// Prints a report; with `--gate`, a bar that is not met is told by the exit code.
fn tell(cli: &Cli, report: &dyn Report) -> Result<ExitCode, BenchError> {
    let missed = report.bars().iter().any(|bar| bar.is_missed());
    print(&if cli.json { report.json()? } else { report.text() })?;
    Ok(if cli.gate && missed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A reader that closes the pipe, as `head` does, has what it wanted.
fn print(text: &str) -> Result<ExitCode, BenchError> {
    match writeln!(io::stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(BenchError::Write(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
