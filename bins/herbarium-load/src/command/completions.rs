//! `herbarium-load completions`: a completion script for a shell.

use crate::args::CompletionsArgs;
use crate::exit::{Trouble, print};

pub(crate) fn run(args: &CompletionsArgs) -> Result<u8, Trouble> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::program(), "herbarium-load", &mut script);
    print(String::from_utf8_lossy(&script));
    Ok(0)
}
