//! The commands, one file each.

mod completions;
mod config;
mod index;
mod languages;
mod man;
mod query;
mod stats;
mod symbols;
mod tree;
mod verify;

use index::FiguresJson;

use crate::app::App;
use crate::args::Command;
use crate::exit::{Exit, Failure};

/// Runs a command to its exit code.
pub(crate) fn run(app: &App, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Index(args) => index::run(app, args),
        Command::Tree(args) => tree::run(app, args),
        Command::Query(args) => query::run(app, args),
        Command::Symbols(args) => symbols::run(app, args),
        Command::Stats => stats::run(app),
        Command::Verify(args) => verify::run(app, args),
        Command::Languages(args) => languages::run(app, args),
        Command::Config(args) => config::run(app, args),
        Command::Completions(args) => completions::run(app, args),
        Command::Man(args) => man::run(app, args),
    }
}
