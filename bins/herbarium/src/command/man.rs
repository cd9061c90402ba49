//! `herbarium man`: a manual page.

use std::io::Write;

use serde::Serialize;

use crate::app::App;
use crate::args::ManArgs;
use crate::exit::{Exit, Failure};

#[derive(Serialize)]
struct ManJson {
    name: String,
    page: String,
}

pub(super) fn run(app: &App, args: ManArgs) -> Result<Exit, Failure> {
    let command = find(args.command.as_deref())?;
    let name = command.get_display_name().unwrap_or("herbarium").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    match app.global.json {
        true => {
            let page = String::from_utf8_lossy(&page).into_owned();
            app.print_json(&ManJson { name, page })?;
        }
        false => app.out().write_all(&page)?,
    }
    Ok(Exit::Fine)
}

/// The program or one of its commands, with the names that `build` fills in.
fn find(name: Option<&str>) -> Result<clap::Command, Failure> {
    let mut program = crate::program();
    program.build();
    let Some(name) = name else { return Ok(program) };
    match program.find_subcommand(name) {
        Some(command) => Ok(command.clone()),
        None => {
            let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
            let message = format!("there is no manual page for `{name}`: no such command");
            Err(Failure::new(Exit::Usage, message, format!("name one of {}", names.join(", "))))
        }
    }
}
