//! `cargo xtask kubernetes`: the manifests, put together and held against the schemas.

use std::fs;

use crate::{Outcome, command, root};

pub(crate) const USAGE: &str = "kubernetes   put base and overlays of docs/deploy/kubernetes together, and hold them against the schemas (needs kubectl and kubernetes-validate)";

const FOLDER: &str = "docs/deploy/kubernetes";
const VARIANTS: &[&str] = &["base", "overlays/development", "overlays/production"];

/// What overlays may add: kinds of others, which the schemas do not know.
const COMPONENTS: &[&str] = &["components/prometheus"];

/// Checks each variant; nothing is asked of a cluster.
pub(crate) fn run(args: &[String]) -> Outcome {
    if !args.is_empty() {
        return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into());
    }
    let root = root();
    let scratch = std::env::temp_dir().join(format!("herbarium-{}.yaml", std::process::id()));
    for variant in VARIANTS {
        let line = format!("kubectl kustomize {FOLDER}/{variant}");
        println!("+ {line}");
        fs::write(&scratch, command::output_in(&root, &line)?)?;
        let line = format!("kubernetes-validate --strict {}", scratch.display());
        let checked = command::run(&root, &line);
        fs::remove_file(&scratch)?;
        checked.map_err(|error| format!("{FOLDER}/{variant}: {error}"))?;
    }
    for component in COMPONENTS {
        let line = format!("kubectl kustomize {FOLDER}/{component}");
        println!("+ {line}");
        command::output_in(&root, &line)?;
    }
    Ok(())
}
