//! Builds a program so that its bytes tell nothing of where it was built.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Binary, Plan};

/// Where cargo builds, if nothing else is said.
pub(crate) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Builds it, stripped; returns where it is.
pub(super) fn program(
    root: &Path,
    target: &Path,
    plan: &Plan,
    binary: &Binary,
) -> Result<PathBuf, String> {
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    std::fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
    let target = target.canonicalize().map_err(|error| format!("{}: {error}", target.display()))?;
    println!("+ building {} for {} in {}", binary.name, plan.target, root.display());
    let status = command(&root, &target, plan, binary)
        .status()
        .map_err(|error| format!("starting cargo to build {}: {error}", binary.name))?;
    if !status.success() {
        return Err(format!("{} was not built; cargo's own message is above", binary.name));
    }
    let suffix = if plan.target.contains("windows") { ".exe" } else { "" };
    Ok(target.join(&plan.target).join("release").join(format!("{}{suffix}", binary.name)))
}

fn command(root: &Path, target: &Path, plan: &Plan, binary: &Binary) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["build", "--release", "--locked", "--quiet"]);
    command.args(["--package", &binary.package, "--bin", &binary.name]);
    command.args(["--target", &plan.target]).arg("--target-dir").arg(target);
    if !binary.features.is_empty() {
        command.args(["--features", &binary.features.join(",")]);
    }
    // Paths of this machine, and what stands for them in the program.
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = std::env::home_dir().unwrap_or_default();
    let cargo = cargo.unwrap_or_else(|| home.join(".cargo"));
    let places = [(target, "/target"), (root, "/herbarium"), (&cargo, "/cargo")];
    let rust = places.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let c = places.map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display()));
    command.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\u{1f}"));
    command.env_remove("RUSTFLAGS").env("CFLAGS", c.join(" "));
    command.env("SOURCE_DATE_EPOCH", plan.epoch.to_string());
    command.env("CARGO_INCREMENTAL", "0");
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    command
}
