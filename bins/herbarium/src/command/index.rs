//! `herbarium index`: presses a code base.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use herbarium_index::{IndexError, IndexReport, LanguageFigures, Problem, ProblemKind, check_path};
use herbarium_languages::{Tier, known};
use serde::Serialize;

use crate::app::App;
use crate::args::IndexArgs;
use crate::exit::{Exit, Failure};
use crate::features;
use crate::interrupt::cancel_on_ctrl_c;
use crate::limits;
use crate::numbers::{bytes, bytes_a_node, counted, grouped, percent, seconds};
use crate::paint::Ink;
use crate::progress::reporter;
use crate::store::{Access, engine, run_failed};

/// Without -v, no more problems than these are named: a screenful.
const NAMED_PROBLEMS: usize = 20;

pub(super) fn run(app: &App, args: IndexArgs) -> Result<Exit, Failure> {
    let (paths, refused) = check(&args.paths);
    let exit = if paths.is_empty() { Exit::Io } else { press(app, &paths)? };
    app.flush()?;
    for error in &refused {
        app.tell_failure(run_failed(error));
    }
    Ok(if refused.is_empty() || exit == Exit::Interrupted { exit } else { Exit::Io })
}

/// The paths that can be indexed, and what is wrong with those that cannot:
/// none of these keeps the others from being indexed.
fn check(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<IndexError>) {
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for path in paths {
        match check_path(path) {
            Ok(()) => good.push(path.clone()),
            Err(error) => refused.push(error),
        }
    }
    (good, refused)
}

fn press(app: &App, paths: &[PathBuf]) -> Result<Exit, Failure> {
    let engine = engine(app, Access::Write)?;
    let cancel = cancel_on_ctrl_c();
    let report = {
        let progress = reporter(app);
        engine.index(paths, &progress, &cancel)
    };
    let report = report.map_err(|error| run_failed(&error))?;
    match app.global.json {
        true => app.print_json(&IndexJson::new(app, &report))?,
        false => Summary { app, report: &report }.print(&mut *app.out())?,
    }
    Ok(exit_of(&report))
}

/// A file over a limit is named and is no failure; one that could not be read is.
fn exit_of(report: &IndexReport) -> Exit {
    let unread = |problem: &Problem| {
        matches!(problem.kind, ProblemKind::Unreadable | ProblemKind::UnreadableFolder)
    };
    match report.cancelled {
        true => Exit::Interrupted,
        false if report.problems.iter().any(unread) => Exit::Io,
        false => Exit::Fine,
    }
}

/// The report, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct IndexJson<'a> {
    files: u64,
    lines: u64,
    nodes: u64,
    trees_new: u64,
    trees_reused: u64,
    parses: u64,
    reads: u64,
    source_bytes: u64,
    stored_bytes: u64,
    bytes_per_node: Option<f64>,
    errors: usize,
    found: u64,
    skipped: SkippedJson,
    languages: BTreeMap<&'a str, FiguresJson>,
    problems: Vec<ProblemJson<'a>>,
    dictionaries_new: u64,
    cancelled: bool,
    seconds: f64,
    cpu_seconds: f64,
    parse_cpu_seconds: f64,
    store: String,
}

/// Files that have no tree, and nothing is wrong with that.
#[derive(Serialize)]
struct SkippedJson {
    unknown_language: u64,
    not_built_in: BTreeMap<&'static str, u64>,
    injection_only: u64,
    binary: u64,
    special: u64,
}

/// Figures of one language or of several.
#[derive(Serialize)]
pub(super) struct FiguresJson {
    files: u64,
    lines: u64,
    nodes: u64,
    source_bytes: u64,
    stored_bytes: u64,
    bytes_per_node: Option<f64>,
}

impl From<&LanguageFigures> for FiguresJson {
    fn from(figures: &LanguageFigures) -> Self {
        Self {
            files: figures.files,
            lines: figures.lines,
            nodes: figures.nodes,
            source_bytes: figures.source_bytes,
            stored_bytes: figures.stored_bytes,
            bytes_per_node: bytes_a_node(figures.stored_bytes, figures.nodes),
        }
    }
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    path: String,
    kind: &'a str,
    message: String,
}

impl<'a> IndexJson<'a> {
    fn new(app: &App, report: &'a IndexReport) -> Self {
        let problem = |problem: &'a Problem| ProblemJson {
            path: app.shown.lossy(&problem.path),
            kind: problem.kind.name(),
            message: limits::message(problem),
        };
        Self {
            files: report.files,
            lines: report.lines,
            nodes: report.nodes,
            trees_new: report.trees_new,
            trees_reused: report.trees_reused,
            parses: report.parses,
            reads: report.reads,
            source_bytes: report.source_bytes,
            stored_bytes: report.stored_bytes,
            bytes_per_node: bytes_a_node(report.stored_bytes, report.nodes),
            errors: report.problems.len(),
            found: report.found,
            skipped: SkippedJson {
                unknown_language: report.unknown,
                not_built_in: report.not_built.clone(),
                injection_only: report.injection_only,
                binary: report.skipped_binary,
                special: report.skipped_special,
            },
            languages: report.languages.iter().map(|(&id, of)| (id, of.into())).collect(),
            problems: report.problems.iter().map(problem).collect(),
            dictionaries_new: report.dictionaries,
            cancelled: report.cancelled,
            seconds: report.seconds,
            cpu_seconds: report.cpu_seconds,
            parse_cpu_seconds: report.parse_cpu_seconds,
            store: app.store_text(),
        }
    }
}

/// The report for people.
struct Summary<'a> {
    app: &'a App,
    report: &'a IndexReport,
}

impl Summary<'_> {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.contents(out)?;
        self.work(out)?;
        self.left_out(out)?;
        self.not_built_in(out)?;
        self.problems(out)?;
        self.ending(out)
    }

    fn line(&self, out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
        writeln!(out, "{} {text}", self.app.paint.ink(Ink::Heading, format_args!("{name:<10}")))
    }

    fn contents(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        let mut most: Vec<_> = report.languages.iter().collect();
        most.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.files));
        let named = most.iter().take(5).map(|(id, of)| format!("{id} {}", grouped(of.files)));
        let mut languages = named.collect::<Vec<_>>().join(", ");
        if most.len() > 5 {
            languages += ", ...";
        }
        self.line(out, "files", &grouped(report.files))?;
        let count = grouped(most.len() as u64);
        match languages.is_empty() {
            true => self.line(out, "languages", &count)?,
            false => self.line(out, "languages", &format!("{count} ({languages})"))?,
        }
        self.line(out, "lines", &grouped(report.lines))?;
        self.line(out, "nodes", &grouped(report.nodes))
    }

    fn work(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        let (new, reused) = (grouped(report.trees_new), grouped(report.trees_reused));
        self.line(out, "trees", &format!("{new} new, {reused} reused"))?;
        self.line(out, "parses", &grouped(report.parses))?;
        self.line(out, "source", &bytes(report.source_bytes))?;
        self.line(out, "stored", &self.stored())?;
        let mut time = seconds(report.seconds);
        if report.cpu_seconds > 0.0 {
            time += &format!(" ({} of CPU time)", seconds(report.cpu_seconds));
        }
        self.line(out, "time", &time)
    }

    fn stored(&self) -> String {
        let report = self.report;
        let share = percent(report.stored_bytes, report.source_bytes);
        let share = share.map(|share| format!("{share} of the source"));
        let a_node = bytes_a_node(report.stored_bytes, report.nodes);
        let a_node = a_node.map(|bytes| format!("{bytes:.2} bytes a node"));
        let details: Vec<_> = share.into_iter().chain(a_node).collect();
        match details.is_empty() {
            true => bytes(report.stored_bytes),
            false => format!("{} ({})", bytes(report.stored_bytes), details.join(", ")),
        }
    }

    fn left_out(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        let all = [
            (report.unknown, "of no known language"),
            (report.skipped_binary, "binary"),
            (report.injection_only, "of languages that only occur inside others"),
            (report.skipped_special, "links and other special files"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        let some: Vec<_> =
            some.map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
        match some.is_empty() {
            true => Ok(()),
            false => self.line(out, "left out", &some.join(", ")),
        }
    }

    /// Which languages a larger build would add, and which build that is.
    fn not_built_in(&self, out: &mut impl Write) -> io::Result<()> {
        for tier in [Tier::Core, Tier::Extended, Tier::All] {
            let feature = features::of_tier(tier);
            let of_tier = known().iter().filter(|row| row.tier == tier);
            let files =
                of_tier.filter_map(|row| Some((row.id, self.report.not_built.get(row.id)?)));
            let files: Vec<_> =
                files.map(|(id, count)| format!("{id} {}", grouped(*count))).collect();
            if !files.is_empty() {
                let text = format!("{} (build with `--features {feature}`)", files.join(", "));
                self.line(out, "not built", &text)?;
            }
        }
        Ok(())
    }

    fn problems(&self, out: &mut impl Write) -> io::Result<()> {
        let problems = &self.report.problems;
        if problems.is_empty() {
            return Ok(());
        }
        self.line(out, "problems", &grouped(problems.len() as u64))?;
        let most = if self.app.global.verbose > 0 { usize::MAX } else { NAMED_PROBLEMS };
        for problem in problems.iter().take(most) {
            let path = self.app.shown.text(&problem.path);
            let kind = self.app.paint.ink(Ink::Warning, problem.kind);
            writeln!(
                out,
                "  {path}: {kind}: {}",
                crate::paths::printable(&limits::message(problem))
            )?;
        }
        match problems.len().saturating_sub(most) {
            0 => Ok(()),
            more => writeln!(out, "  and {} more: -v names all", grouped(more as u64)),
        }
    }

    fn ending(&self, out: &mut impl Write) -> io::Result<()> {
        if self.report.cancelled {
            let kept = counted(self.report.trees_new, "new tree stays", "new trees stay");
            return writeln!(
                out,
                "\nstopped before the end: {kept} in the store, the next index goes on from there"
            );
        }
        if self.report.files == 0 || self.app.global.quiet {
            return Ok(());
        }
        writeln!(out, "\nnext: `herbarium tree FILE`, `herbarium stats`, `herbarium verify --deep`")
    }
}
