//! `conformance`: every query through this engine on stored trees and through
//! tree-sitter's on live ones. tree-sitter is right by definition.

mod one;
mod shrink;
mod specimen;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use herbarium_languages::{Language, all};
use serde::Serialize;

use crate::args::ConformanceArgs;
use crate::bar::{self, Bar};
use crate::corpus::{self, Files};
use crate::error::BenchError;
use crate::queries::{self, QueryFile};
use crate::report::{self, Report};
use crate::table::{Table, grouped};

use one::compare_language;
use specimen::Source;

/// Compares the engines, language by language.
pub(crate) fn run(args: &ConformanceArgs) -> Result<ConformanceReport, BenchError> {
    corpus::check_languages(&args.languages)?;
    let jobs = jobs(args)?;
    if jobs.is_empty() {
        return Err(BenchError::NothingToCompare);
    }
    let mut languages = in_parallel(jobs, args)?;
    languages.sort_by_key(|of| of.language);
    let figures = ConformanceFigures { languages };
    let total = figures.total().differences as f64;
    Ok(ConformanceReport { figures, bars: vec![Bar::one("differences", 0.0, Some(total))] })
}

/// What was compared.
pub(crate) struct ConformanceReport {
    figures: ConformanceFigures,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct ConformanceFigures {
    languages: Vec<LanguageFigures>,
}

/// What was compared for one language.
#[derive(Serialize, Default)]
struct LanguageFigures {
    language: &'static str,
    /// Texts given to both compilers, made-up ones aside.
    queries: u64,
    /// Of these, no queries for either: the same error at the same place.
    refused: u64,
    /// Of these, not given to tree-sitter, which would not come to an end.
    circular: u64,
    /// Made-up queries that both took.
    made_up: u64,
    files: u64,
    matches: u64,
    captures: u64,
    /// Runs that took tree-sitter longer than the time limit, and are not compared.
    unfinished: u64,
    differences: u64,
    /// The first of them.
    first: Vec<Shown>,
}

/// One difference, in full and made small.
#[derive(Serialize, Debug)]
struct Shown {
    query: String,
    file: Option<String>,
    what: String,
    expected: String,
    found: String,
    /// The smallest query and source that were found to differ, too.
    smallest: Option<Smallest>,
}

#[derive(Serialize, Debug)]
struct Smallest {
    query: String,
    source: String,
    settings: String,
    what: String,
    expected: String,
    found: String,
}

/// What is compared for one language.
struct Job {
    language: &'static Language,
    queries: Vec<QueryFile>,
    sources: Vec<Source>,
}

fn jobs(args: &ConformanceArgs) -> Result<Vec<Job>, BenchError> {
    let workspace = queries::workspace();
    let mut queries = match &args.queries {
        Some(folder) => queries::own(folder, &args.languages)?,
        None => {
            workspace.as_deref().map(queries::shipped).transpose()?.ok_or(BenchError::NoQueries)?
        }
    };
    let mut code: BTreeMap<&'static str, Files> = BTreeMap::new();
    for files in corpus::gather(&args.code, &args.languages)? {
        code.insert(files.language.id(), files);
    }
    let chosen = |language: &&Language| {
        args.languages.is_empty() || args.languages.iter().any(|id| id == language.id())
    };
    let mut jobs = Vec::new();
    for language in all().iter().filter(chosen) {
        let queries = queries.remove(language.id()).unwrap_or_default();
        let sample = workspace.as_deref().map(|root| specimen::sample(root, language));
        let mut sources: Vec<Source> = sample.transpose()?.into_iter().collect();
        if let Some(files) = code.get(language.id()) {
            sources.extend(specimen::read(files, args));
        }
        if !sources.is_empty() && (!queries.is_empty() || args.made_up > 0) {
            jobs.push(Job { language, queries, sources });
        }
    }
    // Those that take longest begin first: the last one decides when all is done.
    jobs.sort_by_key(|job| {
        job.queries.len() * job.sources.iter().map(|source| source.bytes.len()).sum::<usize>()
    });
    Ok(jobs)
}

fn in_parallel(jobs: Vec<Job>, args: &ConformanceArgs) -> Result<Vec<LanguageFigures>, BenchError> {
    let workers = args.workers.map_or_else(
        || thread::available_parallelism().map_or(1, std::num::NonZero::get),
        std::num::NonZero::get,
    );
    let (waiting, done) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    // In a function of its own, or the list would stay locked while its job is done.
    let next = || lock(&waiting).pop();
    thread::scope(|scope| {
        let work = || -> Result<(), BenchError> {
            while let Some(job) = next() {
                eprintln!("comparing {}", job.language.name());
                let figures = compare_language(&job, args)?;
                let LanguageFigures { files, matches, differences, .. } = figures;
                eprintln!(
                    "compared {}: {files} files, {matches} matches, {differences} differences",
                    job.language.name()
                );
                lock(&done).push(figures);
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| BenchError::Thread)?)
    })?;
    Ok(done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Lists are only pushed to and popped from: a poisoned one is whole.
fn lock<T>(list: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl ConformanceFigures {
    fn total(&self) -> LanguageFigures {
        let mut total = LanguageFigures { language: "all", ..LanguageFigures::default() };
        for of in &self.languages {
            total.queries += of.queries;
            total.refused += of.refused;
            total.circular += of.circular;
            total.made_up += of.made_up;
            total.files += of.files;
            total.matches += of.matches;
            total.captures += of.captures;
            total.unfinished += of.unfinished;
            total.differences += of.differences;
        }
        total
    }
}

impl Report for ConformanceReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        let mut table = Table::new(
            1,
            [
                "language",
                "queries",
                "refused",
                "made up",
                "files",
                "matches",
                "captures",
                "too long",
                "differences",
            ],
        );
        for of in self.figures.languages.iter().chain([&self.figures.total()]) {
            table.row([
                of.language.to_owned(),
                grouped(of.queries),
                grouped(of.refused),
                grouped(of.made_up),
                grouped(of.files),
                grouped(of.matches),
                grouped(of.captures),
                grouped(of.unfinished),
                grouped(of.differences),
            ]);
        }
        let mut text = table.text();
        text.push_str(
            "\nRefused: no query of the language for either engine, the same error at the same place.\n\
             Too long: runs that tree-sitter did not finish within the time limit; not compared.\n\n",
        );
        text.push_str(&bar::show(&self.bars));
        for of in &self.figures.languages {
            of.first.iter().for_each(|shown| text.push_str(&shown.text(of.language)));
        }
        text
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("conformance", &self.figures, &self.bars)
    }
}

impl Shown {
    fn text(&self, language: &str) -> String {
        let Self { query, file, what, expected, found, smallest } = self;
        let file = file.as_deref().unwrap_or("no file");
        let mut text = format!(
            "\n{language}: {query}\n  over {file}\n  {what}\n  expected {expected}\n  found    {found}\n"
        );
        if let Some(Smallest { query, source, settings, what, expected, found }) = smallest {
            text.push_str(&format!(
                "  smallest query  {query:?}\n  smallest source {source:?}\n  settings {settings}\n  \
                 {what}\n  expected {expected}\n  found    {found}\n"
            ));
        }
        text
    }
}
