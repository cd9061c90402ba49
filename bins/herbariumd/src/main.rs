//! The Herbarium service. See `herbariumd --help`.

use std::process::ExitCode;

/// musl's own allocator lets threads wait for each other.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    herbariumd::run()
}
