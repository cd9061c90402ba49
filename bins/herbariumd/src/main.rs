//! The Herbarium service. See `herbariumd --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    herbariumd::run()
}
