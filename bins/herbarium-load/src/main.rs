//! The `herbarium-load` command. See `herbarium-load --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    herbarium_load::run()
}
