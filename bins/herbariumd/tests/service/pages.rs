//! Files in `docs` that the program prints.

use super::daemon::{root, run, stdout};

/// Set to write them instead of comparing them.
const WRITE: &str = "HERBARIUMD_WRITE_DOCS";

fn check(file: &str, args: &[&str]) {
    let (path, printed) = (root().join(file), stdout(&run(args)));
    assert!(printed.len() > 200, "{args:?} printed {printed:?}");
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(&path, printed).expect("a page");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let help = format!("write it anew: {WRITE}=1 cargo test -p herbariumd --test service pages");
    assert!(kept == printed, "{file} is not what `herbariumd {}` prints; {help}", args.join(" "));
}

#[test]
fn the_example_is_what_the_program_prints() {
    check("docs/examples/herbariumd.toml", &["config", "--example"]);
}

#[test]
fn the_page_of_settings_is_what_the_program_prints() {
    check("docs/configuration.md", &["config", "--page"]);
}

#[test]
fn the_page_of_metrics_is_what_the_program_prints() {
    check("docs/metrics.md", &["metrics", "--markdown"]);
}

#[test]
fn the_description_of_the_api_is_what_the_program_prints() {
    let kept = std::fs::read_to_string(root().join("docs/openapi.json")).unwrap_or_default();
    let printed = stdout(&run(&["openapi"]));
    assert!(
        kept.trim() == printed.trim(),
        "docs/openapi.json is not what `herbariumd openapi` prints"
    );
}

#[test]
fn completions_and_a_manual_page_are_printed() {
    for (args, expected) in [
        (&["completions", "bash"][..], "_herbariumd"),
        (&["completions", "zsh"], "#compdef herbariumd"),
        (&["man"], ".TH herbariumd"),
        (&["metrics", "--json"], "herbarium_cache_hits_total"),
        (&["metrics"], "http_server_requests_total"),
    ] {
        let output = run(args);
        assert!(output.status.success() && stdout(&output).contains(expected), "{args:?}");
    }
}
