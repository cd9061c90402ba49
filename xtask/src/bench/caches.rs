//! The cache beside quick_cache, moka and foyer, by the program that compares them.

use std::path::Path;
use std::process::Command;

/// A workspace of its own: the rivals bring in more crates than all of ours.
const MANIFEST: &str = "crates/herbarium-cache-rivals/Cargo.toml";

/// For the page: what the program prints, as it stands.
pub(super) fn measure(root: &Path) -> Result<String, String> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["run", "--release", "--quiet", "--manifest-path", MANIFEST]);
    // Built beside the others, and not in the folder of the crate.
    command.args(["--target-dir", "target/bench/cache-rivals", "--", "hits"]);
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("comparing caches: {}", said.trim()));
    }
    Ok(section(&String::from_utf8_lossy(&output.stdout)))
}

fn section(printed: &str) -> String {
    format!(
        "\n### Caches\n\nHot hits of threads that do nothing else, by `cargo run --release --manifest-path \
         {MANIFEST} -- hits`; `times` and `ratios` in its place tell how long single hits take, and which share of \
         requests is answered.\n\n```text\n{}\n```\n",
        printed.trim_matches('\n')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_stands_in_a_block() {
        assert!(section("\na 1\nb 2\n").ends_with("```text\na 1\nb 2\n```\n"));
    }
}
