//! `herbarium completions`: a completion script for a shell.

use std::io::Write;

use serde::Serialize;

use crate::app::App;
use crate::args::CompletionsArgs;
use crate::exit::{Exit, Failure};

#[derive(Serialize)]
struct CompletionsJson {
    shell: String,
    script: String,
}

pub(super) fn run(app: &App, args: CompletionsArgs) -> Result<Exit, Failure> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::program(), "herbarium", &mut script);
    match app.global.json {
        true => app.print_json(&CompletionsJson {
            shell: args.shell.to_string(),
            script: String::from_utf8_lossy(&script).into_owned(),
        })?,
        false => app.out().write_all(&script)?,
    }
    Ok(Exit::Fine)
}
