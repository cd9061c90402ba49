//! The commands, one file each.

mod backup;
mod completions;
mod config;
mod export;
mod gc;
mod import;
mod index;
mod languages;
mod man;
mod migrate;
mod query;
mod stats;
mod symbols;
mod tiers;
mod tree;
mod verify;
mod watch;

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
        Command::Watch(args) => watch::run(app, &args),
        Command::Stats(args) if args.tiers => tiers::run(app),
        Command::Stats(_) => stats::run(app),
        Command::Verify(args) => verify::run(app, args),
        Command::Gc(args) => gc::run(app, &args),
        Command::Backup(args) => backup::back_up(app, &args),
        Command::Restore(args) => backup::restore(app, &args),
        Command::Export(args) => export::run(app, &args),
        Command::Import(args) => import::run(app, &args),
        Command::Migrate(args) => migrate::run(app, &args),
        Command::Languages(args) => languages::run(app, args),
        Command::Config(args) => config::run(app, args),
        Command::Completions(args) => completions::run(app, args),
        Command::Man(args) => man::run(app, args),
    }
}
