//! All comparisons of one language.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium_capture::parse_table_of;
use herbarium_conformance::{Compiled, Difference, Engines, Generator, Pair, Settings};

use super::shrink::shrink;
use super::specimen::{Presser, Source, Specimen};
use super::{Job, LanguageFigures, Shown};
use crate::args::ConformanceArgs;
use crate::error::BenchError;

/// Differences of a language that are shown and made small.
const SHOWN: usize = 5;
/// Made-up queries run over texts of this length at most: some of them take
/// time and memory that grow with its square, or worse.
const MADE_UP_BYTES: usize = 3 << 10;

/// How long a run may take; nested quantifiers over many siblings take hours.
const PATIENCE: Duration = Duration::from_secs(30);
const MADE_UP_PATIENCE: Duration = Duration::from_millis(500);

/// Compares all queries of a language over all its sources.
pub(super) fn compare_language(
    job: &Job,
    args: &ConformanceArgs,
) -> Result<LanguageFigures, BenchError> {
    let mut comparison = Comparison::new(job);
    let pairs = comparison.compile(job);
    for (number, source) in job.sources.iter().enumerate() {
        match comparison.presser.press(&source.path, &source.bytes) {
            Ok(specimen) => comparison.shipped(source, &specimen, &pairs),
            // Longer than a parse may take: any real files will do.
            Err(error @ BenchError::Parse { .. }) => {
                eprintln!("left out: {}", crate::error::with_causes(&error));
                continue;
            }
            Err(error) => return Err(error),
        }
        for seed in (number..args.made_up).step_by(job.sources.len()) {
            comparison.made_up(source, args.seed.wrapping_add(seed as u64))?;
        }
    }
    Ok(comparison.figures)
}

/// A language with what was found so far.
pub(super) struct Comparison {
    pub(super) engines: Engines,
    pub(super) presser: Presser,
    figures: LanguageFigures,
}

impl Comparison {
    fn new(job: &Job) -> Self {
        let live = job.language.tree_sitter();
        let table = Arc::new(parse_table_of(&live));
        let engines = Engines::new(live, job.language.grammar().clone(), table);
        let figures = LanguageFigures {
            language: job.language.id(),
            queries: job.queries.len() as u64,
            ..LanguageFigures::default()
        };
        Self { engines, presser: Presser::new(job.language), figures }
    }

    /// What is a query, with its path and text.
    fn compile<'a>(&mut self, job: &'a Job) -> Vec<(String, &'a str, Box<Pair>)> {
        let mut pairs = Vec::new();
        for query in &job.queries {
            let name = query.path.display().to_string();
            match self.engines.compile(&query.text) {
                Ok(Compiled::Pair(pair)) => pairs.push((name, &*query.text, pair)),
                Ok(Compiled::Refused) => self.figures.refused += 1,
                Ok(Compiled::Circular) => self.figures.circular += 1,
                Err(difference) => self.differs((&name, &query.text), None, &difference),
            }
        }
        pairs
    }

    fn shipped(
        &mut self,
        source: &Source,
        specimen: &Specimen,
        pairs: &[(String, &str, Box<Pair>)],
    ) {
        self.figures.files += 1;
        let settings = Settings { time_limit: Some(PATIENCE), ..Settings::default() };
        for (name, text, pair) in pairs {
            self.run((name, text), pair, (&source.path, &source.bytes), specimen, &settings);
        }
    }

    /// A made-up query over a part of a source, which may be broken.
    fn made_up(&mut self, source: &Source, seed: u64) -> Result<(), BenchError> {
        let mut generator = Generator::new(seed);
        let part = part(&mut generator, &source.bytes);
        let part = if seed % 3 == 2 { generator.broken(part) } else { part.to_vec() };
        let specimen = self.presser.press(&source.path, &part)?;
        let settings = settings(&mut generator, &specimen, part.len());
        let text = generator.query(&specimen.tree, &part);
        let name = format!("made-up query, seed {seed}");
        match self.engines.compile(&text) {
            Ok(Compiled::Pair(pair)) => {
                self.figures.made_up += 1;
                self.run((&name, &text), &pair, (&source.path, &part), &specimen, &settings);
            }
            Ok(Compiled::Refused | Compiled::Circular) => {}
            Err(difference) => self.differs((&name, &text), None, &difference),
        }
        Ok(())
    }

    fn run(
        &mut self,
        query: (&str, &str),
        pair: &Pair,
        (path, source): (&Path, &[u8]),
        specimen: &Specimen,
        settings: &Settings,
    ) {
        match compare(pair, specimen, source, settings) {
            Ok((tally, differences)) => {
                self.figures.matches += tally.matches;
                self.figures.captures += tally.captures;
                self.figures.unfinished += tally.unfinished;
                for difference in &differences {
                    self.differs(query, Some((path, source, settings)), difference);
                }
            }
            Err(difference) => self.differs(query, Some((path, source, settings)), &difference),
        }
    }

    fn differs(
        &mut self,
        (name, text): (&str, &str),
        over: Option<(&Path, &[u8], &Settings)>,
        difference: &Difference,
    ) {
        self.figures.differences += 1;
        if self.figures.first.len() >= SHOWN {
            return;
        }
        let (source, settings) =
            over.map_or((&[][..], Settings::default()), |(_, bytes, set)| (bytes, set.clone()));
        let smallest = shrink(self, text, source, &settings);
        self.figures.first.push(Shown {
            query: name.to_owned(),
            file: over.map(|(path, ..)| path.display().to_string()),
            what: format!("{} {}", difference.what, difference.at),
            expected: difference.expected.clone(),
            found: difference.found.clone(),
            smallest,
        });
    }
}

/// Runs both engines. One that panics differs.
pub(super) fn compare(
    pair: &Pair,
    specimen: &Specimen,
    source: &[u8],
    settings: &Settings,
) -> Result<(herbarium_conformance::Tally, Vec<Difference>), Difference> {
    let run = || pair.compare((&specimen.live, &specimen.tree), source, settings);
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Difference {
        what: "run",
        at: 0,
        expected: "an answer".to_owned(),
        found: format!("a panic: {}", message(&*panic)),
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of another kind")
}

/// Some lines of a source.
fn part<'a>(generator: &mut Generator, source: &'a [u8]) -> &'a [u8] {
    if source.len() <= MADE_UP_BYTES {
        return source;
    }
    let start = generator.below(source.len() - MADE_UP_BYTES);
    let part = &source[start..start + MADE_UP_BYTES];
    let line = part.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &part[line..]
}

/// Every third run has none; the others have one of each kind.
fn settings(generator: &mut Generator, specimen: &Specimen, len: usize) -> Settings {
    let start = generator.below(len);
    let end = start + generator.below(len - start);
    let point = |byte: usize| {
        let point = specimen.tree.point_at(byte);
        (point.row, point.column)
    };
    let none = Settings { time_limit: Some(MADE_UP_PATIENCE), ..Settings::default() };
    match generator.below(6) {
        0 => Settings { bytes: Some(start..end), ..none },
        1 => Settings { points: Some(point(start)..point(end)), ..none },
        2 => Settings { max_start_depth: Some(generator.below(5) as u32), ..none },
        3 => Settings { match_limit: Some(1 + generator.below(8) as u32), ..none },
        _ => none,
    }
}
