//! What the program can do: one module for each command.

mod canary;
mod compare;
mod completions;
mod man;
mod run;
mod serve;
mod what;
mod worker;

use crate::args::{Command, ProfilesArgs};
use crate::exit::{Trouble, print};
use crate::profiles;

/// Does what was asked for; gives the exit code.
pub(crate) fn run(command: Command) -> Result<u8, Trouble> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Profiles(args) => list(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Canary(args) => canary::run(&args),
        Command::Worker(args) => worker::run(args),
        Command::Serve(args) => serve::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

fn list(args: &ProfilesArgs) -> Result<u8, Trouble> {
    match &args.name {
        Some(name) => print(profiles::text(name).ok_or_else(|| profiles::unknown(name))?),
        None => print(profiles::table()?),
    }
    Ok(0)
}
