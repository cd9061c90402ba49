//! `herbarium-load man`: a manual page.

use crate::args::ManArgs;
use crate::exit::{Trouble, print};

pub(crate) fn run(args: &ManArgs) -> Result<u8, Trouble> {
    let mut page = Vec::new();
    clap_mangen::Man::new(find(args.command.as_deref())?).render(&mut page)?;
    print(String::from_utf8_lossy(&page));
    Ok(0)
}

/// The program or one of its commands, with the names that `build` fills in.
fn find(name: Option<&str>) -> Result<clap::Command, Trouble> {
    let mut program = crate::program();
    program.build();
    let Some(name) = name else { return Ok(program) };
    if let Some(command) = program.find_subcommand(name) {
        return Ok(command.clone());
    }
    let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
    Err(Trouble::usage(format!(
        "there is no manual page for `{name}`: no such command; name one of {}",
        names.join(", ")
    )))
}
