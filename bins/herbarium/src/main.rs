//! The `herbarium` command. See `herbarium --help`.

use std::process::ExitCode;

/// musl's own allocator lets threads wait for each other.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    herbarium_cli::run()
}
