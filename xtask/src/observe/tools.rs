//! The files, held against the programs that will read them: promtool and amtool.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{LONG_TESTS, Sources, TESTS};
use crate::{Outcome, command};

const COMMANDS: &[&str] = &[
    "promtool check config docs/deploy/prometheus/prometheus.yml",
    "amtool check-config docs/deploy/alertmanager/alertmanager.yml",
];

pub(super) fn check(root: &Path) -> Outcome {
    for line in COMMANDS {
        println!("+ {line}");
        command::run(root, line)?;
    }
    let line = format!("promtool test rules {TESTS} {LONG_TESTS}");
    println!("+ {line}");
    command::run(root, &line)?;
    expressions(root)
}

/// Every expression of the dashboards, as rules of a file that is gone afterwards.
fn expressions(root: &Path) -> Outcome {
    let sources = Sources::read(root)?;
    let mut rules = String::from("groups:\n- name: dashboards\n  rules:\n");
    let all = super::dashboards::expressions(&sources.inventory);
    for (number, (_, expression)) in all.iter().enumerate() {
        let expression = super::rules::quoted(&filled(expression));
        let _ = writeln!(rules, "  - {{ record: 'panel:{number}', expr: {expression} }}");
    }
    let file = std::env::temp_dir().join(format!("herbarium-panels-{}.yml", std::process::id()));
    fs::write(&file, rules)?;
    let line = format!("promtool check rules {}", file.display());
    println!("+ {line}");
    let checked = command::run(root, &line);
    fs::remove_file(&file)?;
    Ok(checked?)
}

/// What Grafana would put in.
pub(crate) fn filled(expression: &str) -> String {
    expression
        .replace("$__rate_interval", "5m")
        .replace("$job", "herbariumd")
        .replace("$instance", ".*")
}
