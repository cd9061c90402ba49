//! `report`: whole code bases, beside parsing, and beside an earlier report.

mod page;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use herbarium::{Herbarium, Scope};
use herbarium_index::EngineOptions;
use serde::{Deserialize, Serialize};

use crate::args::{OneCorpusArgs, ReportArgs};
use crate::bar::{self, Bar};
use crate::clock::{process_cpu, time};
use crate::error::BenchError;
use crate::index::{self, plain};
use crate::memory::Memory;
use crate::report::{self, Report};
use crate::table::{Table, grouped, megabytes};

/// Of the JSON; a change of what a field means makes another one.
const SCHEMA: u32 = 1;
/// A ratio may be so many times that of the baseline: so much they differ from run to run on a
/// busy machine.
const TOLERANCE: f64 = 1.2;
/// Files that are opened, spread over the code base.
const OPENED: usize = 400;
/// Asked of each code base in those of these languages that it has.
const CALLS: &[(&str, &str)] = &[
    ("c", "(call_expression function: (identifier) @name)"),
    ("go", "(call_expression function: (identifier) @name)"),
    ("java", "(method_invocation name: (identifier) @name)"),
    ("javascript", "(call_expression function: (identifier) @name)"),
    ("python", "(call function: (identifier) @name)"),
    ("rust", "(call_expression function: (identifier) @name)"),
];

/// Measures each code base in a process of its own, so that memory is that of one.
pub(crate) fn run(args: &ReportArgs) -> Result<CorporaReport, BenchError> {
    let corpora = args.corpora.iter().map(|path| in_a_process(path, args.scratch.as_deref()));
    let figures = Figures {
        schema: SCHEMA,
        commit: commit(),
        machine: Machine::this(),
        corpora: corpora.collect::<Result<_, _>>()?,
    };
    let baseline = args.baseline.as_deref().map(read).transpose()?;
    let bars = bars(&figures, baseline.as_ref());
    Ok(CorporaReport { figures, bars })
}

/// What was measured.
pub(crate) struct CorporaReport {
    figures: Figures,
    bars: Vec<Bar>,
}

#[derive(Serialize, Deserialize)]
struct Figures {
    schema: u32,
    commit: Option<String>,
    machine: Machine,
    corpora: Vec<Corpus>,
}

#[derive(Serialize, Deserialize)]
struct Machine {
    system: String,
    architecture: String,
    cores: usize,
    memory_bytes: u64,
    tree_sitter_abi: usize,
}

/// One code base.
#[derive(Serialize, Deserialize)]
struct Corpus {
    name: String,
    files: u64,
    lines: u64,
    nodes: u64,
    source_bytes: u64,
    stored_bytes: u64,
    /// Peak of the first index, and what no file backs after it.
    peak_bytes: u64,
    anonymous_bytes: Option<u64>,
    parse_cpu_seconds: f64,
    index: Work,
    reindex: Work,
    open: Work,
    query: Work,
    symbols: Work,
    /// Trees as stored, by the sources at zstd -3.
    stored_share: f64,
}

/// A piece of work.
#[derive(Serialize, Deserialize, Default)]
struct Work {
    seconds: f64,
    cpu_seconds: Option<f64>,
    /// Files that were parsed for it.
    parses: u64,
    /// Trees opened, matches, or symbols.
    found: u64,
    /// Its CPU time by that of parsing the same files.
    of_parsing: Option<f64>,
}

/// One code base, as JSON for the process that asked.
pub(crate) fn run_one(args: &OneCorpusArgs) -> Result<String, BenchError> {
    let root = fs::canonicalize(&args.path).map_err(BenchError::read(&args.path))?;
    let scratch = match &args.scratch {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let scratch = scratch.map_err(BenchError::read(args.scratch.clone().unwrap_or_default()))?;
    let corpus = measure(&root, &scratch.path().join("store"))?;
    serde_json::to_string(&corpus).map_err(BenchError::Json)
}

fn measure(root: &Path, store: &Path) -> Result<Corpus, BenchError> {
    let options = EngineOptions::default();
    let indexed = index::measure(root, store, &options)?;
    let anonymous_bytes = Memory::now().anonymous;
    let parsing = indexed.plain.parse_cpu_seconds;
    let run = |run: &index::Run| Work {
        seconds: run.seconds,
        cpu_seconds: run.cpu_seconds,
        parses: run.parses,
        found: run.trees_new + run.trees_reused,
        of_parsing: run.cpu_seconds.map(|cpu| cpu / parsing),
    };
    eprintln!("opening, asking");
    let herbarium = Herbarium::open(store).map_err(ask)?;
    Ok(Corpus {
        name: root.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        files: indexed.files,
        lines: indexed.lines,
        nodes: indexed.nodes,
        source_bytes: indexed.source_bytes,
        stored_bytes: indexed.first.stored_bytes,
        peak_bytes: indexed.first.peak_resident_bytes,
        anonymous_bytes,
        parse_cpu_seconds: parsing,
        index: run(&indexed.first),
        reindex: run(&indexed.second),
        open: open(&herbarium, root, store, &options)?,
        query: asked(&herbarium, parsing, || query(&herbarium, root))?,
        symbols: asked(&herbarium, parsing, || symbols(&herbarium, root))?,
        stored_share: indexed.stored_share,
    })
}

/// Opens files, each once, from the store, and parses the same ones.
fn open(
    herbarium: &Herbarium,
    root: &Path,
    store: &Path,
    options: &EngineOptions,
) -> Result<Work, BenchError> {
    let mut rows = index::indexed_files(root, store)?;
    let step = rows.len().div_ceil(OPENED).max(1);
    let mut at = 0..;
    rows.retain(|_| at.next().is_some_and(|at: usize| at.is_multiple_of(step)));
    let (begun, parses) = (Instant::now(), herbarium.engine().parses());
    let mut cpu = 0.0;
    for row in &rows {
        let (taken, opened) = time(|| herbarium.tree(&row.path));
        opened.map_err(ask)?;
        cpu += taken.as_secs_f64();
    }
    let seconds = begun.elapsed().as_secs_f64();
    let plain = plain::parse_all(&rows, options)?;
    Ok(Work {
        seconds,
        cpu_seconds: Some(cpu),
        parses: herbarium.engine().parses() - parses,
        found: rows.len() as u64,
        of_parsing: Some(cpu / plain.parse_cpu_seconds),
    })
}

/// Times a question to all files.
fn asked(
    herbarium: &Herbarium,
    parsing: f64,
    question: impl FnOnce() -> Result<u64, BenchError>,
) -> Result<Work, BenchError> {
    let (begun, cpu, parses) = (Instant::now(), process_cpu(), herbarium.engine().parses());
    let found = question()?;
    let cpu_seconds = process_cpu().zip(cpu).map(|(now, then)| (now - then).as_secs_f64());
    Ok(Work {
        seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds,
        parses: herbarium.engine().parses() - parses,
        found,
        of_parsing: cpu_seconds.map(|cpu| cpu / parsing),
    })
}

fn query(herbarium: &Herbarium, root: &Path) -> Result<u64, BenchError> {
    let mut found = 0;
    for (language, calls) in CALLS {
        let scope = Scope::of([root]).language(*language).as_stored();
        let hear = |file: herbarium::FileMatches| {
            found += file.matches.len() as u64;
            std::ops::ControlFlow::Continue(())
        };
        herbarium.query_each(&scope, calls, hear).map_err(ask)?;
    }
    Ok(found)
}

fn symbols(herbarium: &Herbarium, root: &Path) -> Result<u64, BenchError> {
    let mut found = 0;
    let hear = |file: herbarium::FileSymbols| {
        found += file.symbols.len() as u64;
        std::ops::ControlFlow::Continue(())
    };
    herbarium.symbols_each(&Scope::of([root]).as_stored(), hear).map_err(ask)?;
    Ok(found)
}

fn ask(source: herbarium::Error) -> BenchError {
    BenchError::Ask { source: Box::new(source) }
}

fn in_a_process(path: &Path, scratch: Option<&Path>) -> Result<Corpus, BenchError> {
    let failed = |said: String| BenchError::Corpus { path: path.to_owned(), said };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg("one-corpus").arg(path).stderr(Stdio::inherit());
    if let Some(dir) = scratch {
        command.arg("--scratch").arg(dir);
    }
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("it ended with {}; its own message is above", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

fn read(path: &Path) -> Result<Figures, BenchError> {
    let bytes = fs::read(path).map_err(BenchError::read(path))?;
    let baseline = |source| BenchError::Baseline { path: path.to_owned(), source };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(baseline)?;
    let found = value["schema"].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or_default();
    if found != SCHEMA {
        return Err(BenchError::Schema { path: path.to_owned(), expected: SCHEMA, found });
    }
    serde_json::from_value(value).map_err(baseline)
}

/// What must hold anywhere, and what an earlier report has.
fn bars(figures: &Figures, baseline: Option<&Figures>) -> Vec<Bar> {
    let mut bars = Vec::new();
    for corpus in &figures.corpora {
        let parses = [&corpus.reindex, &corpus.open, &corpus.query, &corpus.symbols];
        let parses: u64 = parses.iter().map(|work| work.parses).sum();
        let name = format!("{}: parses after the first index", corpus.name);
        bars.push(Bar::one(name, 0.0, Some(parses as f64)));
        let of = |it: &&Corpus| it.name == corpus.name;
        let Some(before) = baseline.and_then(|it| it.corpora.iter().find(of)) else { continue };
        for ((name, now), (_, then)) in corpus.ratios().into_iter().zip(before.ratios()) {
            let Some(then) = then else { continue };
            bars.push(Bar::one(format!("{}: {name}", corpus.name), then * TOLERANCE, now));
        }
    }
    bars
}

impl Corpus {
    /// What carries over to other machines.
    fn ratios(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("index / parsing", self.index.of_parsing),
            ("re-index / parsing", self.reindex.of_parsing),
            ("open / parsing", self.open.of_parsing),
            ("query / parsing", self.query.of_parsing),
            ("symbols / parsing", self.symbols.of_parsing),
            ("trees / sources, both at zstd -3", Some(self.stored_share)),
        ]
    }
}

impl Machine {
    fn this() -> Self {
        let mut memory_bytes = 0;
        if let Ok(mut system) = sysinfo::System::new() {
            system.refresh_memory();
            memory_bytes = system.total_memory();
        }
        Self {
            system: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes,
            tree_sitter_abi: tree_sitter::LANGUAGE_VERSION,
        }
    }
}

/// Of the checkout that we are in, if it is one.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}

impl Report for CorporaReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        let header = [
            "code base",
            "files",
            "MB",
            "index",
            "re-index",
            "open",
            "query",
            "symbols",
            "peak MB",
        ];
        let mut table = Table::new(1, header);
        for corpus in &self.figures.corpora {
            let [index, again, open, query, symbols, _] = corpus.ratios().map(|(_, it)| ratio(it));
            table.row([
                corpus.name.clone(),
                grouped(corpus.files),
                megabytes(corpus.source_bytes),
                index,
                again,
                open,
                query,
                symbols,
                megabytes(corpus.peak_bytes),
            ]);
        }
        format!(
            "CPU time by that of parsing the same files:\n{}\n{}",
            table.text(),
            bar::show(&self.bars)
        )
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("report", &self.figures, &self.bars)
    }
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "?".to_owned(), |it| format!("{it:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(of_parsing: f64, parses: u64) -> Figures {
        let work = || Work { parses, of_parsing: Some(of_parsing), ..Work::default() };
        let corpus = Corpus {
            name: "a".into(),
            files: 1,
            lines: 1,
            nodes: 1,
            source_bytes: 1,
            stored_bytes: 1,
            peak_bytes: 1,
            anonymous_bytes: None,
            parse_cpu_seconds: 1.0,
            index: work(),
            reindex: work(),
            open: work(),
            query: work(),
            symbols: work(),
            stored_share: 0.5,
        };
        Figures { schema: SCHEMA, commit: None, machine: Machine::this(), corpora: vec![corpus] }
    }

    fn check(now: (f64, u64), before: Option<f64>, missed: usize) {
        let before = before.map(|it| corpus(it, 0));
        let bars = bars(&corpus(now.0, now.1), before.as_ref());
        assert_eq!(bars.iter().filter(|bar| bar.is_missed()).count(), missed, "{bars:?}");
    }

    #[test]
    fn a_ratio_that_grew_and_a_second_parse_are_missed_bars() {
        check((1.0, 0), None, 0);
        check((1.0, 1), None, 1);
        check((1.1, 0), Some(1.0), 0);
        check((1.3, 0), Some(1.0), 5);
    }

    #[test]
    fn the_page_has_a_plot_for_every_ratio() {
        let bars = Vec::new();
        let page = CorporaReport { figures: corpus(0.5, 0), bars }.markdown();
        assert_eq!(page.matches("<svg").count(), 6, "{page}");
        assert!(!page.contains("\n\n<rect"), "an empty line would end the plot: {page}");
    }
}
