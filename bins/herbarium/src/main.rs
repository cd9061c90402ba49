//! The `herbarium` command. See `herbarium --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    herbarium_cli::run()
}
