//! `herbarium verify`: whether what is stored is whole, and true.

use std::io::{self, Write};

use herbarium_index::{DamagedTree, Difference, VerifyReport};
use serde::Serialize;

use crate::app::App;
use crate::args::VerifyArgs;
use crate::exit::{Exit, Failure};
use crate::interrupt::cancel_on_ctrl_c;
use crate::numbers::{counted, grouped, seconds};
use crate::paint::Ink;
use crate::paths::printable;
use crate::progress::reporter;
use crate::store::{Access, engine, run_failed};

/// Without -v, no more findings of a kind than these are printed.
const NAMED_FINDINGS: usize = 20;

pub(super) fn run(app: &App, args: VerifyArgs) -> Result<Exit, Failure> {
    let engine = engine(app, Access::Note)?;
    let report = {
        let progress = reporter(app);
        engine.verify(args.deep, &progress, &cancel_on_ctrl_c())
    };
    let report = report.map_err(|error| run_failed(&error))?;
    match app.global.json {
        true => app.print_json(&VerifyJson::new(app, args.deep, &report))?,
        false => {
            let is_noted = !engine.store().is_read_only();
            let findings = Findings { app, deep: args.deep, is_noted, report: &report };
            findings.print(&mut *app.out())?;
        }
    }
    Ok(exit_of(&report))
}

fn exit_of(report: &VerifyReport) -> Exit {
    match (report.is_sound(), report.cancelled) {
        (false, _) => Exit::Difference,
        (true, true) => Exit::Interrupted,
        (true, false) => Exit::Fine,
    }
}

/// The report, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct VerifyJson<'a> {
    deep: bool,
    trees: u64,
    compared: u64,
    nodes: u64,
    differences: u64,
    damaged: usize,
    healed: u64,
    missing_tree: u64,
    missing_source: u64,
    changed_source: u64,
    not_built_in: u64,
    not_parsed: u64,
    sound: bool,
    differing_nodes: Vec<DifferenceJson<'a>>,
    damaged_trees: Vec<DamagedJson<'a>>,
    cancelled: bool,
    seconds: f64,
    store: String,
}

#[derive(Serialize)]
struct DifferenceJson<'a> {
    path: String,
    key: String,
    node: u64,
    what: &'a str,
    expected: &'a str,
    found: &'a str,
}

#[derive(Serialize)]
struct DamagedJson<'a> {
    key: Option<String>,
    message: &'a str,
}

impl<'a> VerifyJson<'a> {
    fn new(app: &App, deep: bool, report: &'a VerifyReport) -> Self {
        let difference = |difference: &'a Difference| DifferenceJson {
            path: app.shown.lossy(&difference.path),
            key: difference.key.to_string(),
            node: difference.node,
            what: difference.what,
            expected: &difference.expected,
            found: &difference.found,
        };
        let damaged = |damaged: &'a DamagedTree| DamagedJson {
            key: damaged.key.map(|key| key.to_string()),
            message: &damaged.message,
        };
        Self {
            deep,
            trees: report.trees,
            compared: report.compared,
            nodes: report.nodes,
            differences: report.differing,
            damaged: report.damaged.len(),
            healed: report.healed,
            missing_tree: report.missing_tree,
            missing_source: report.missing_source,
            changed_source: report.changed_source,
            not_built_in: report.not_built,
            not_parsed: report.not_parsed,
            sound: report.is_sound(),
            differing_nodes: report.differences.iter().map(difference).collect(),
            damaged_trees: report.damaged.iter().map(damaged).collect(),
            cancelled: report.cancelled,
            seconds: report.seconds,
            store: app.store_text(),
        }
    }
}

/// The report for people.
struct Findings<'a> {
    app: &'a App,
    deep: bool,
    /// Whether what is damaged was noted in the store.
    is_noted: bool,
    report: &'a VerifyReport,
}

impl Findings<'_> {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.differences(out)?;
        self.damage(out)?;
        self.not_compared(out)?;
        self.figures(out)?;
        self.verdict(out)
    }

    fn most(&self) -> usize {
        if self.app.global.verbose > 0 { usize::MAX } else { NAMED_FINDINGS }
    }

    fn differences(&self, out: &mut impl Write) -> io::Result<()> {
        let word = self.app.paint.ink(Ink::Bad, "differs");
        for difference in self.report.differences.iter().take(self.most()) {
            let Difference { path, node, what, expected, found, .. } = difference;
            let path = self.app.shown.text(path);
            let (expected, found) = (printable(expected), printable(found));
            writeln!(
                out,
                "{path}: {word}: {what} of node {node}: the parser says {expected}, stored is {found}"
            )?;
        }
        self.more(out, self.report.differences.len())
    }

    fn damage(&self, out: &mut impl Write) -> io::Result<()> {
        let word = self.app.paint.ink(Ink::Bad, "damaged");
        for damaged in self.report.damaged.iter().take(self.most()) {
            writeln!(out, "{word}: {}", printable(&damaged.message))?;
        }
        self.more(out, self.report.damaged.len())
    }

    fn more(&self, out: &mut impl Write, all: usize) -> io::Result<()> {
        match all.saturating_sub(self.most()) {
            0 => Ok(()),
            more => writeln!(out, "and {} more: -v names all", grouped(more as u64)),
        }
    }

    /// What the comparison says nothing about.
    fn not_compared(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        let all = [
            (report.missing_tree, "indexed, but the tree is missing or damaged"),
            (report.changed_source, "not compared: changed since the last index"),
            (report.missing_source, "not compared: gone or unreadable since the last index"),
            (report.not_built, "not compared: the language is not built in"),
            (report.not_parsed, "not compared: over a limit of the parser"),
        ];
        for (count, what) in all.iter().filter(|(count, _)| *count > 0) {
            writeln!(out, "{} {what}", counted(*count, "file", "files"))?;
        }
        Ok(())
    }

    fn figures(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        let trees = counted(report.trees, "tree", "trees");
        write!(out, "{trees} read and checked")?;
        if self.deep {
            let (compared, nodes) = (grouped(report.compared), grouped(report.nodes));
            let differing = counted(report.differing, "difference", "differences");
            write!(out, ", {compared} compared with a fresh parse ({nodes} nodes), {differing}")?;
        }
        write!(out, ", {} damaged", report.damaged.len())?;
        if report.healed > 0 {
            write!(out, ", {} healed", grouped(report.healed))?;
        }
        writeln!(out, ", {}", seconds(report.seconds))
    }

    fn verdict(&self, out: &mut impl Write) -> io::Result<()> {
        let paint = self.app.paint;
        match (self.report.is_sound(), self.report.cancelled, self.deep) {
            (false, ..) => {
                writeln!(out, "{}: {}", paint.ink(Ink::Bad, "not sound"), self.advice())
            }
            (_, true, _) => writeln!(out, "stopped before the end: no fault was found until then"),
            (.., true) => writeln!(out, "{}", paint.ink(Ink::Good, "sound")),
            _ => {
                let good = paint.ink(Ink::Good, "sound");
                writeln!(out, "{good}: `herbarium verify --deep` compares with a fresh parse, too")
            }
        }
    }

    fn advice(&self) -> &'static str {
        let report = self.report;
        if report.is_adrift() {
            return "there is nothing to compare the trees with, as no workspace is known: \
                    `herbarium index PATH` makes it known again";
        }
        let whole = report.differing == 0 && report.missing_tree == 0 && report.workspaces > 0;
        match (whole && !report.cancelled, self.is_noted) {
            (false, _) => "`herbarium index` presses again what is damaged or missing",
            (true, true) => {
                "yet every indexed tree is whole: the damage is in bytes that none of them needs, \
                 which is noted and counts as healed from now on, or in what there is a copy of, \
                 which `herbarium index` stores again"
            }
            (true, false) => {
                "yet every indexed tree is whole: the damage is in bytes that none of them needs, \
                 or in what there is a copy of, which `herbarium index` stores again; \
                 run `herbarium verify` as somebody who may write to the store, to have it noted"
            }
        }
    }
}
