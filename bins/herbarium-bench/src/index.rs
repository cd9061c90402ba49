//! `index`: a first and a second index of a code base, beside plain parsing of
//! the same files.

pub(crate) mod plain;

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use herbarium_index::{Cancel, Engine, EngineOptions, IndexReport, Progress, Tick};
use herbarium_store::{Outcome, Store, StoreError, StoreOptions, path_from_bytes};
use serde::Serialize;

use crate::args::IndexArgs;
use crate::bar::{self, Bar};
use crate::clock::process_cpu;
use crate::corpus::regular_files;
use crate::error::BenchError;
use crate::memory;
use crate::report::{self, Report};
use crate::table::{Table, grouped, megabytes};

use plain::{Plain, SourceRow};

/// Indexes into a store that is thrown away.
pub(crate) fn run(args: &IndexArgs) -> Result<IndexBenchReport, BenchError> {
    let root = fs::canonicalize(&args.path).map_err(BenchError::read(&args.path))?;
    let scratch = match &args.scratch {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let scratch = scratch.map_err(BenchError::read(args.scratch.clone().unwrap_or_default()))?;
    let store_dir = scratch.path().join("store");
    let figures = measure(&root, &store_dir, &options(args))?;
    let bars = bars(&figures);
    Ok(IndexBenchReport { figures, bars })
}

/// A first and a second index into that store, which stays, and plain parsing between them.
pub(crate) fn measure(
    root: &Path,
    store_dir: &Path,
    options: &EngineOptions,
) -> Result<IndexFigures, BenchError> {
    eprintln!("reading every file once, so that both find them in memory");
    warm_up(root);
    eprintln!("indexing");
    let first = indexed(root, store_dir, options)?;
    eprintln!("parsing the same files, without keeping anything");
    let rows = indexed_files(root, store_dir)?;
    let plain = plain::parse_all(&rows, options)?;
    eprintln!("indexing again");
    let second = indexed(root, store_dir, options)?;
    eprintln!("compressing every file");
    let source_zstd = plain::zstd_all(&rows, options.workers)?;
    Ok(IndexFigures::new(options.workers, first, second.0, plain, source_zstd))
}

/// What was measured.
pub(crate) struct IndexBenchReport {
    figures: IndexFigures,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
pub(crate) struct IndexFigures {
    pub(crate) workers: usize,
    pub(crate) files: u64,
    pub(crate) lines: u64,
    pub(crate) nodes: u64,
    pub(crate) source_bytes: u64,
    pub(crate) problems: u64,
    pub(crate) first: Run,
    pub(crate) plain: Plain,
    pub(crate) second: Run,
    /// CPU time of the first index by that of parsing and dropping alone.
    pub(crate) cpu_ratio: Option<f64>,
    /// The same, by what the engine's own parses took during the run.
    pub(crate) cpu_ratio_within: Option<f64>,
    /// Sum of every source file at zstd -3.
    pub(crate) source_zstd_bytes: u64,
    pub(crate) stored_share: f64,
    /// With all that the store keeps besides trees.
    pub(crate) store_files_share: f64,
}

/// One run of the engine.
#[derive(Serialize)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: Option<f64>,
    /// What parsing and dropping took of it.
    pub(crate) parse_cpu_seconds: f64,
    pub(crate) parses: u64,
    pub(crate) reads: u64,
    pub(crate) trees_new: u64,
    pub(crate) trees_reused: u64,
    pub(crate) stored_bytes: u64,
    /// All files of the store.
    pub(crate) store_files_bytes: u64,
    pub(crate) peak_resident_bytes: u64,
}

fn options(args: &IndexArgs) -> EngineOptions {
    let default = EngineOptions::default();
    EngineOptions { workers: args.workers.map_or(default.workers, NonZero::get), ..default }
}

/// What is read from a disk costs more than what is in memory, and only once.
fn warm_up(root: &Path) {
    for (path, _) in regular_files(root) {
        // A file that cannot be read is the index's to report.
        let copied = fs::File::open(path)
            .and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()));
        drop(copied);
    }
}

/// One run, by an engine that knows nothing of an earlier one.
fn indexed(
    root: &Path,
    store_dir: &Path,
    options: &EngineOptions,
) -> Result<(Run, IndexReport), BenchError> {
    let cpu = process_cpu();
    let peak = Peak::default();
    let store = Arc::new(open(store_dir)?);
    let engine = Engine::new(Arc::clone(&store), options.clone());
    let report = engine.index(&[root.to_owned()], &peak, &Cancel::new());
    let report = report.map_err(|source| BenchError::Index { path: root.to_owned(), source })?;
    drop(engine);
    store.flush().map_err(in_store(store_dir))?;
    let cpu_seconds = process_cpu().zip(cpu).map(|(now, then)| (now - then).as_secs_f64());
    let stats = store.stats().map_err(in_store(store_dir))?;
    let run = Run {
        seconds: report.seconds,
        cpu_seconds,
        parse_cpu_seconds: report.parse_cpu_seconds,
        parses: report.parses,
        reads: report.reads,
        trees_new: report.trees_new,
        trees_reused: report.trees_reused,
        stored_bytes: report.stored_bytes,
        store_files_bytes: stats.file_bytes,
        peak_resident_bytes: peak.bytes(),
    };
    Ok((run, report))
}

/// The most memory seen during a run. Linux keeps the exact figure, for the
/// process as a whole: it holds for the first run, which is the largest.
#[derive(Default)]
struct Peak(AtomicU64);

impl Peak {
    fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Progress for Peak {
    fn tick(&self, _: &Tick<'_>) {
        self.0.fetch_max(memory::peak().unwrap_or_else(memory::resident), Ordering::Relaxed);
    }
}

fn open(dir: &Path) -> Result<Store, BenchError> {
    Store::open(dir, StoreOptions::new()).map_err(in_store(dir))
}

fn in_store(dir: &Path) -> impl FnOnce(StoreError) -> BenchError {
    |source| BenchError::Store { path: dir.to_owned(), source }
}

/// The files that have a tree now.
pub(crate) fn indexed_files(root: &Path, store_dir: &Path) -> Result<Vec<SourceRow>, BenchError> {
    let store = open(store_dir)?;
    let manifest = store.manifest(root).map_err(in_store(store_dir))?;
    let rows = manifest.iter().flat_map(|manifest| manifest.rows());
    let rows = rows.filter(|row| matches!(row.outcome, Outcome::Tree(_))).filter_map(|row| {
        let language = herbarium_languages::by_id(row.language.as_deref()?)?;
        Some(SourceRow { path: root.join(path_from_bytes(&row.path)), language })
    });
    let rows: Vec<SourceRow> = rows.collect();
    if rows.is_empty() {
        return Err(BenchError::NothingIndexed { path: root.to_owned() });
    }
    Ok(rows)
}

impl IndexFigures {
    fn new(
        workers: usize,
        (first, report): (Run, IndexReport),
        second: Run,
        plain: Plain,
        source_zstd_bytes: u64,
    ) -> Self {
        let share = |bytes: u64| bytes as f64 / source_zstd_bytes as f64;
        let ratio = |cpu: f64| first.cpu_seconds.filter(|_| cpu > 0.0).map(|all| all / cpu);
        Self {
            workers,
            files: report.files,
            lines: report.lines,
            nodes: report.nodes,
            source_bytes: report.source_bytes,
            problems: report.problems.len() as u64,
            cpu_ratio: ratio(plain.parse_cpu_seconds),
            cpu_ratio_within: ratio(first.parse_cpu_seconds),
            source_zstd_bytes,
            stored_share: share(first.stored_bytes),
            store_files_share: share(first.store_files_bytes),
            first,
            plain,
            second,
        }
    }
}

fn bars(figures: &IndexFigures) -> Vec<Bar> {
    let peak = Some(figures.first.peak_resident_bytes as f64).filter(|peak| *peak > 0.0);
    vec![
        Bar::one(
            "CPU time of the first index, by parsing and dropping alone",
            1.6,
            figures.cpu_ratio,
        ),
        Bar::one("stored bytes, by the sources at zstd -3", 0.6, Some(figures.stored_share)),
        Bar::one("parses of the second index", 0.0, Some(figures.second.parses as f64)),
        Bar::one(
            "peak memory of the first index, MB",
            1024.0 * 1.048_576,
            peak.map(|peak| peak / 1e6),
        ),
    ]
}

impl Report for IndexBenchReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        let figures = &self.figures;
        let mut text = format!(
            "{} files, {} lines, {} nodes, {} MB; {} problems; {} threads.\n\n",
            grouped(figures.files),
            grouped(figures.lines),
            grouped(figures.nodes),
            megabytes(figures.source_bytes),
            grouped(figures.problems),
            figures.workers
        );
        text.push_str(&runs(figures));
        text.push_str(&sizes(figures));
        text.push_str(&bar::show(&self.bars));
        text
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("index", &self.figures, &self.bars)
    }
}

fn runs(figures: &IndexFigures) -> String {
    let mut table = Table::new(
        1,
        ["", "seconds", "CPU s", "of it parsing", "read", "parsed", "new", "reused", "peak MB"],
    );
    let seconds = |seconds: f64| format!("{seconds:.2}");
    for (name, run) in [("first index", &figures.first), ("second index", &figures.second)] {
        table.row([
            name.to_owned(),
            seconds(run.seconds),
            run.cpu_seconds.map_or_else(String::new, seconds),
            seconds(run.parse_cpu_seconds),
            grouped(run.reads),
            grouped(run.parses),
            grouped(run.trees_new),
            grouped(run.trees_reused),
            megabytes(run.peak_resident_bytes),
        ]);
    }
    let plain = &figures.plain;
    table.row([
        "parse, drop".to_owned(),
        seconds(plain.seconds),
        seconds(plain.cpu_seconds),
        seconds(plain.parse_cpu_seconds),
        grouped(plain.files),
        grouped(plain.files),
        String::new(),
        String::new(),
        String::new(),
    ]);
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "?".to_owned(), |it| format!("{it:.3}"));
    format!(
        "{}\nCPU time of the first index: {} of parsing and dropping the same files alone, {} of the\n\
         parsing and dropping within it.\n\n",
        table.text(),
        ratio(figures.cpu_ratio),
        ratio(figures.cpu_ratio_within)
    )
}

fn sizes(figures: &IndexFigures) -> String {
    let mut table = Table::new(1, ["", "MB", "bytes a node", "of the sources at zstd -3"]);
    let mut row = |name: &str, bytes: u64| {
        table.row([
            name.to_owned(),
            megabytes(bytes),
            format!("{:.3}", bytes as f64 / figures.nodes.max(1) as f64),
            format!("{:.3}", bytes as f64 / figures.source_zstd_bytes as f64),
        ]);
    };
    row("sources", figures.source_bytes);
    row("sources, each at zstd -3", figures.source_zstd_bytes);
    row("trees as stored", figures.first.stored_bytes);
    row("all files of the store", figures.first.store_files_bytes);
    format!("{}\n", table.text())
}
