//! `cargo xtask image`: the image, built from a program that is there, without network.
//!
//! The first stage of the Dockerfile needs a base image, which a closed network does not
//! have. What is in the image, who it runs as and how it is asked are said by the last
//! stage, and that is built from nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Outcome, command, dist, read, root};

pub(crate) const USAGE: &str = "image [--program FILE] [--out FILE]   the last stage of docs/deploy/Dockerfile around a static herbariumd (that of `dist --target x86_64-unknown-linux-musl`), looked at afterwards (needs buildah)";

const DOCKERFILE: &str = "docs/deploy/Dockerfile";

/// The target whose programs need no library of the system.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// Where a container is built without rights: files are copied, and nothing is mounted.
const BUILDAH: &str = "STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot buildah";

/// Builds the image and looks at it.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (program, out) = asked(args)?;
    let root = root();
    let program = program.unwrap_or_else(|| dist::program_of(&root, STATIC, "herbariumd"));
    let scratch = std::env::temp_dir().join(format!("herbarium-image-{}", std::process::id()));
    let built = build(&root, &scratch, &program, out.as_deref());
    fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    built
}

fn asked(args: &[String]) -> Result<(Option<PathBuf>, Option<PathBuf>), String> {
    let value = |option: &str| {
        let at = args.iter().position(|arg| arg == option);
        at.and_then(|at| args.get(at + 1)).map(PathBuf::from)
    };
    let (program, out) = (value("--program"), value("--out"));
    let known = 2 * (usize::from(program.is_some()) + usize::from(out.is_some()));
    if args.len() != known {
        return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}"));
    }
    Ok((program, out))
}

fn build(root: &Path, scratch: &Path, program: &Path, out: Option<&Path>) -> Outcome {
    let stage = last_stage(&read(root, DOCKERFILE)?)?;
    lay_out(root, scratch, program)?;
    let file = scratch.join("Dockerfile");
    fs::write(&file, stage).map_err(|error| format!("{}: {error}", file.display()))?;
    // Docker's format: that of OCI knows no health check.
    let (file, folder) = (file.display(), scratch.display());
    command::run(
        root,
        &format!(
            "{BUILDAH} build --format docker --timestamp 0 --tag herbariumd --file {file} {folder}"
        ),
    )?;
    let image = command::output(&format!("{BUILDAH} inspect --type image herbariumd"))?;
    let image: Value = serde_json::from_str(&image)?;
    let found = faults(&image["Docker"]["config"]);
    if let Some(out) = out {
        command::run(root, &format!("{BUILDAH} push herbariumd docker-archive:{}", out.display()))?;
        println!("wrote {}", out.display());
    }
    command::run(root, &format!("{BUILDAH} rmi herbariumd"))?;
    if found.is_empty() {
        println!("the image runs as nobody, asks itself how it is, and holds one program");
        return Ok(());
    }
    Err(format!("{}; change {DOCKERFILE}", found.join("; ")).into())
}

/// The stage that stays, taking its files from a folder beside it.
fn last_stage(dockerfile: &str) -> Result<String, String> {
    let (_, stage) = dockerfile
        .rsplit_once("\nFROM ")
        .ok_or_else(|| format!("{DOCKERFILE}: expected a second stage"))?;
    let copied = stage.replace("COPY --from=build ", "COPY ");
    if copied == stage {
        return Err(format!("{DOCKERFILE}: expected 'COPY --from=build …'"));
    }
    Ok(format!("FROM {copied}"))
}

/// What the first stage leaves.
fn lay_out(root: &Path, scratch: &Path, program: &Path) -> Result<(), String> {
    let image = scratch.join("image");
    let said = |path: &Path, error| format!("{}: {error}", path.display());
    let folders = ["usr/bin", "usr/share/doc/herbarium", "etc/herbarium"];
    for folder in folders.map(|it| image.join(it)).into_iter().chain([scratch.join("store")]) {
        fs::create_dir_all(&folder).map_err(|error| said(&folder, error))?;
    }
    fs::copy(program, image.join("usr/bin/herbariumd")).map_err(|error| {
        let dist = format!("cargo xtask dist herbariumd --target {STATIC}");
        format!("{}; `{dist}` builds the program", said(program, error))
    })?;
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "NOTICES"] {
        let from = root.join(name);
        let to = image.join("usr/share/doc/herbarium").join(name);
        fs::copy(&from, to).map_err(|error| said(&from, error))?;
    }
    Ok(())
}

/// What of an image's configuration is not as it is promised.
fn faults(config: &Value) -> Vec<String> {
    let expected = [
        ("User", Value::from("65532:65532")),
        ("Entrypoint", Value::from(vec!["/usr/bin/herbariumd"])),
        ("StopSignal", Value::from("SIGTERM")),
    ];
    let fault = |name: &str, expected: &Value, found: &Value| {
        (expected != found).then(|| format!("{name}: expected {expected}, found {found}"))
    };
    let health = &config["Healthcheck"]["Test"];
    let asks = Value::from(vec!["CMD", "/usr/bin/herbariumd", "healthcheck"]);
    let of_config = expected.iter().filter_map(|(name, it)| fault(name, it, &config[*name]));
    of_config.chain(fault("Healthcheck", &asks, health)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_is_built_from_nothing() {
        let stage = last_stage(&read(&root(), DOCKERFILE).unwrap()).unwrap();
        assert!(stage.starts_with("FROM scratch\n"), "{stage}");
        assert!(stage.contains("COPY /image/ /\n") && !stage.contains("--from"), "{stage}");
        assert!(last_stage("FROM scratch").is_err());
    }

    #[test]
    fn what_is_promised_of_the_image_is_looked_at() {
        let good = serde_json::json!({
            "User": "65532:65532",
            "Entrypoint": ["/usr/bin/herbariumd"],
            "StopSignal": "SIGTERM",
            "Healthcheck": { "Test": ["CMD", "/usr/bin/herbariumd", "healthcheck"] },
        });
        assert_eq!(faults(&good), Vec::<String>::new());
        let mut root = good.clone();
        root["User"] = Value::from("root");
        assert_eq!(faults(&root), ["User: expected \"65532:65532\", found \"root\""]);
        assert_eq!(faults(&Value::Null).len(), 4);
    }

    #[test]
    fn arguments_name_a_program_or_none() {
        let words = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        assert_eq!(asked(&words(&["--program", "a"])), Ok((Some("a".into()), None)));
        assert_eq!(asked(&[]), Ok((None, None)));
        for args in [&["--program"][..], &["--program", "a", "b"], &["a"]] {
            assert!(asked(&words(args)).is_err(), "{args:?}");
        }
    }
}
