//! `herbarium stats`: what the store holds.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use herbarium_index::{LanguageFigures, StatsReport, WorkspaceFigures};
use serde::Serialize;

use super::FiguresJson;
use crate::app::App;
use crate::exit::{Exit, Failure};
use crate::numbers::{bytes, bytes_a_node, counted, duration, grouped, percent};
use crate::paint::Ink;
use crate::store::{Access, engine, run_failed};
use crate::table::Table;

pub(super) fn run(app: &App) -> Result<Exit, Failure> {
    let report = engine(app, Access::Read)?.stats().map_err(|error| run_failed(&error))?;
    match app.global.json {
        true => app.print_json(&StatsJson::new(app, &report))?,
        false => print(app, &report)?,
    }
    Ok(Exit::Fine)
}

/// What the store holds, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct StatsJson<'a> {
    store: String,
    trees: u64,
    tree_bytes: u64,
    total: FiguresJson,
    languages: BTreeMap<&'a str, FiguresJson>,
    workspaces: Vec<WorkspaceJson>,
}

#[derive(Serialize)]
struct WorkspaceJson {
    root: String,
    indexed_unix_ms: i64,
    without_tree: u64,
    #[serde(flatten)]
    figures: FiguresJson,
}

impl<'a> StatsJson<'a> {
    fn new(app: &App, report: &'a StatsReport) -> Self {
        let workspace = |workspace: &WorkspaceFigures| WorkspaceJson {
            root: workspace.root.to_string_lossy().into_owned(),
            indexed_unix_ms: workspace.indexed_ns / 1_000_000,
            without_tree: workspace.without_tree,
            figures: (&workspace.figures).into(),
        };
        Self {
            store: app.store_text(),
            trees: report.trees,
            tree_bytes: report.tree_bytes,
            total: (&report.total).into(),
            languages: report.languages.iter().map(|(id, of)| (id.as_str(), of.into())).collect(),
            workspaces: report.workspaces.iter().map(workspace).collect(),
        }
    }
}

fn print(app: &App, report: &StatsReport) -> Result<(), Failure> {
    let mut out = app.out();
    if report.workspaces.is_empty() {
        writeln!(out, "nothing is indexed yet: run `herbarium index`")?;
    } else {
        table(report).print(&mut *out, app.paint)?;
        writeln!(out, "\n{}", app.paint.ink(Ink::Heading, "workspaces"))?;
    }
    for workspace in &report.workspaces {
        let root = crate::paths::printable(&workspace.root.to_string_lossy());
        let files = counted(workspace.figures.files, "file", "files");
        let others = grouped(workspace.without_tree);
        let age = age(workspace.indexed_ns);
        writeln!(out, "{root}  {files}, {others} without a tree, indexed {age}")?;
    }
    let trees = counted(report.trees, "tree", "trees");
    let store = crate::paths::printable(&app.store_text());
    Ok(writeln!(out, "\nthe store {store} has {trees}, {}", bytes(report.tree_bytes))?)
}

fn table(report: &StatsReport) -> Table {
    let header =
        ["language", "files", "lines", "nodes", "source", "stored", "of source", "bytes/node"];
    let mut table = Table::new(1, header);
    let mut languages: Vec<_> = report.languages.iter().collect();
    languages.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.source_bytes));
    for (id, figures) in languages {
        table.row(cells(id, figures));
    }
    table.row(cells("all", &report.total));
    table
}

fn cells(name: &str, figures: &LanguageFigures) -> [String; 8] {
    let a_node = bytes_a_node(figures.stored_bytes, figures.nodes);
    [
        name.to_owned(),
        grouped(figures.files),
        grouped(figures.lines),
        grouped(figures.nodes),
        bytes(figures.source_bytes),
        bytes(figures.stored_bytes),
        percent(figures.stored_bytes, figures.source_bytes).unwrap_or_default(),
        a_node.map(|bytes| format!("{bytes:.2}")).unwrap_or_default(),
    ]
}

/// How long ago something was, by this machine's clock.
fn age(then_ns: i64) -> String {
    let then = UNIX_EPOCH + Duration::from_nanos(u64::try_from(then_ns).unwrap_or(0));
    match SystemTime::now().duration_since(then) {
        Ok(passed) if passed < Duration::from_secs(1) => "just now".to_owned(),
        Ok(passed) => format!("{} ago", duration(passed)),
        Err(_) => "in the future, says the clock".to_owned(),
    }
}
