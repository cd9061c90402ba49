//! `cargo xtask observe`: rules, their tests and dashboards, made from the list of alerts,
//! the objectives and the inventory of metrics, and held against it.

mod alerts;
mod dashboards;
mod inventory;
mod kubernetes;
mod mentions;
mod promql;
mod rules;
mod runbook;
mod slo;
mod tools;
mod unit;

use std::fs;
use std::path::Path;

use crate::{Outcome, read, root};
pub(crate) use inventory::Inventory;
pub(crate) use promql::{Use, uses};
pub(crate) use rules::hurried;
pub(crate) use runbook::commands;

pub(crate) use rules::Group;
use slo::Slo;
use unit::Length;

pub(crate) const USAGE: &str = "observe [--check | --tools]   write Prometheus rules, their tests and Grafana dashboards from the alerts, docs/deploy/prometheus/slo.toml and docs/metrics.md
  observe --check   compare them with what is there; every name against the inventory, every alert against the runbook
  observe --tools   run the tests of the rules, and check all files with promtool and amtool";

/// The page that `herbariumd metrics --markdown` prints; a test of that program holds it to it.
const METRICS: &str = "docs/metrics.md";
/// Where the kinds of problems are declared, a line each that begins with `NAME = "slug"`.
const PROBLEMS: &[&str] =
    &["crates/herbarium-http/src/kinds.rs", "crates/herbarium-server/src/kinds.rs"];
const OBJECTIVES: &str = "docs/deploy/prometheus/slo.toml";
pub(crate) const RULES: &str = "docs/deploy/prometheus/herbarium.rules.yml";
const TESTS: &str = "docs/deploy/prometheus/herbarium.rules.test.yml";
/// Those that take more than a day: looked at every five minutes, because every minute takes long.
const LONG_TESTS: &str = "docs/deploy/prometheus/herbarium.rules.long.test.yml";
pub(crate) const PAGE: &str = "docs/operations.md";

/// Writes, compares, or has the files checked by the tools they are for.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write(&root),
        ["--check"] => check(&root),
        ["--tools"] => tools::check(&root),
        _ => Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    }
}

/// All that is generated is generated from this.
pub(crate) struct Sources {
    pub(crate) inventory: Inventory,
    pub(crate) groups: Vec<Group>,
}

impl Sources {
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut inventory = Inventory::of_page(&read(root, METRICS)?)?;
        let kinds = PROBLEMS.iter().map(|path| read(root, path)).collect::<Result<String, _>>()?;
        inventory.tell("http_server_problems_total", "kind", slugs(&kinds));
        let slo = Slo::read(&read(root, OBJECTIVES)?)?;
        Ok(Self { inventory, groups: rules::groups(&slo) })
    }

    /// Every expression there is, with where it is from.
    pub(crate) fn expressions(&self) -> Vec<(String, String)> {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        let rules = rules.map(|rule| (rule.name.clone(), rule.expression.clone()));
        rules.chain(dashboards::expressions(&self.inventory)).collect()
    }
}

fn slugs(code: &str) -> Vec<String> {
    let declared = code.lines().filter_map(|line| line.trim().split_once(" = \""));
    let slug = declared.filter_map(|(_, rest)| rest.split_once('"'));
    slug.map(|(slug, _)| slug.to_owned()).collect()
}

/// Path and text of every generated file.
fn generated(sources: &Sources) -> Vec<(String, String)> {
    let mut files = vec![
        (RULES.to_owned(), rules::yaml(&sources.groups)),
        (TESTS.to_owned(), unit::yaml(&sources.groups, Length::Short)),
        (LONG_TESTS.to_owned(), unit::yaml(&sources.groups, Length::Long)),
        (kubernetes::RULE.to_owned(), kubernetes::yaml(&sources.groups)),
    ];
    files.extend(dashboards::files(&sources.inventory));
    files
}

fn write(root: &Path) -> Outcome {
    for (path, text) in generated(&Sources::read(root)?) {
        let file = root.join(&path);
        if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            fs::write(&file, text).map_err(|error| format!("writing {path}: {error}"))?;
            println!("wrote {path}");
        }
    }
    Ok(())
}

fn check(root: &Path) -> Outcome {
    let sources = Sources::read(root)?;
    let mut found = strangers(&sources);
    for (path, expected) in generated(&sources) {
        if read(root, &path).ok().as_deref() != Some(&expected) {
            found.push(format!(
                "{path} is not what is generated; run `cargo xtask observe` and commit what it writes"
            ));
        }
    }
    let page = read(root, PAGE)?;
    found.extend(runbook::faults(&page, &sources.groups));
    for line in runbook::queries(&page) {
        let faults = sources.inventory.faults(&line, &recorded(&sources.groups));
        found.extend(faults.into_iter().map(|it| format!("{PAGE}: {it}")));
    }
    let crates = names(root, "crates")?;
    for name in names(root, "docs")?.iter().filter(|name| name.ends_with(".md")) {
        let path = format!("docs/{name}");
        let faults = mentions::metrics(&read(root, &path)?, &sources.inventory, &crates);
        found.extend(faults.into_iter().map(|it| format!("{path}: {it}; see {METRICS}")));
    }
    let faults = mentions::alerts(&read(root, mentions::ROUTES)?, &alerts(&sources.groups));
    found.extend(faults.into_iter().map(|it| format!("{}: {it}; see {RULES}", mentions::ROUTES)));
    match found.is_empty() {
        true => Ok(()),
        false => Err(found.join("\n").into()),
    }
}

/// What is in a folder.
fn names(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let mut names: Vec<_> =
        entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Names of all alerts.
fn alerts(groups: &[Group]) -> Vec<&str> {
    let rules = groups.iter().flat_map(|group| &group.rules);
    rules.filter(|rule| rule.alert.is_some()).map(|rule| rule.name.as_str()).collect()
}

/// Names and labels that no metric has.
fn strangers(sources: &Sources) -> Vec<String> {
    let recorded = recorded(&sources.groups);
    let all = sources.expressions();
    let faults = all.iter().flat_map(|(from, expression)| {
        let faults = sources.inventory.faults(expression, &recorded);
        faults.into_iter().map(move |it| format!("{from}: {it}"))
    });
    faults.collect()
}

/// Names that recording rules give.
fn recorded(groups: &[Group]) -> Vec<&str> {
    let rules = groups.iter().flat_map(|group| &group.rules);
    rules.filter(|rule| rule.alert.is_none()).map(|rule| rule.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_names_and_runbook_agree() {
        if let Err(error) = check(&root()) {
            panic!("{error}");
        }
    }

    #[test]
    fn one_wrong_letter_in_a_metric_is_found() {
        let mut sources = Sources::read(&root()).expect("sources");
        assert_eq!(strangers(&sources), Vec::<String>::new());
        let mut rules = sources.groups.iter_mut().flat_map(|group| &mut group.rules);
        let rule = rules.find(|rule| rule.expression.contains("_lag_")).expect("a rule");
        rule.expression = rule.expression.replacen("_lag_", "_lagg_", 1);
        let found = strangers(&sources);
        assert!(found.iter().any(|it| it.contains("tokio_timer_lagg_seconds")), "{found:?}");
    }

    #[test]
    fn a_metric_that_goes_takes_no_alert_with_it_unseen() {
        let mut sources = Sources::read(&root()).expect("sources");
        let page = read(&root(), METRICS).expect("a page").replace("health_ready", "health_readi");
        sources.inventory = Inventory::of_page(&page).expect("an inventory");
        let found = strangers(&sources);
        assert!(found.iter().any(|it| it.contains("health_ready")), "{found:?}");
    }
}
