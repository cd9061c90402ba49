//! One language, alone in a process.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use herbarium_languages::Language;
use serde::{Deserialize, Serialize};
use tree_sitter::Parser;

use crate::clock;
use crate::error::BenchError;
use crate::memory::Memory;

/// What one language costs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneLanguage {
    pub(crate) language: String,
    /// What the process had before it touched the language.
    pub(crate) before: Memory,
    /// Gained with a parser that has parsed the sample once; its tree is dropped.
    pub(crate) parser: Memory,
    /// Gained with the grammar's table of names.
    pub(crate) names: Memory,
    /// Private memory of both.
    pub(crate) private_bytes: u64,
    /// Files that the speed was measured on; 0 for the sample repeated.
    pub(crate) real_files: u64,
    pub(crate) text_bytes: u64,
    pub(crate) lines_a_second: f64,
    pub(crate) bytes_a_second: f64,
    /// Whether a tree has ERROR or MISSING nodes.
    pub(crate) broken: bool,
}

/// Length to which a sample is repeated.
const TEXT_BYTES: usize = 200_000;
/// The best of so many rounds counts, or of what fits into this time.
const ROUNDS: usize = 7;
const MOST_TIME: Duration = Duration::from_secs(3);

/// Measures one language in this process, which must have touched no other.
pub(crate) fn measure(
    language: &'static Language,
    sample_path: &Path,
    files: &[PathBuf],
) -> Result<OneLanguage, BenchError> {
    let sample = fs::read(sample_path).map_err(BenchError::read(sample_path))?;
    // Once for nothing: counting allocates, too.
    black_box(Memory::now());
    let before = Memory::now();
    let mut parser = parser(language)?;
    parse(&mut parser, &sample, sample_path)?;
    let with_parser = Memory::now();
    black_box(language.grammar());
    let with_names = Memory::now();

    let texts = texts(sample, files)?;
    let speed = speed(&mut parser, &texts, sample_path)?;
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let lines: usize = texts.iter().map(|text| lines(text)).sum();
    Ok(OneLanguage {
        language: language.id().to_owned(),
        before,
        parser: with_parser.growth_since(&before),
        names: with_names.growth_since(&with_parser),
        private_bytes: with_names.growth_since(&before).private(),
        real_files: files.len() as u64,
        text_bytes: bytes as u64,
        lines_a_second: lines as f64 / speed.seconds,
        bytes_a_second: bytes as f64 / speed.seconds,
        broken: speed.broken,
    })
}

fn parser(language: &'static Language) -> Result<Parser, BenchError> {
    let mut parser = Parser::new();
    parser
        .set_language(&language.tree_sitter())
        .map_err(|source| BenchError::Grammar { language: language.id(), source })?;
    Ok(parser)
}

/// Parses and drops the tree; true if it has errors.
fn parse(parser: &mut Parser, text: &[u8], path: &Path) -> Result<bool, BenchError> {
    let tree = parser.parse(text, None);
    let tree = tree.ok_or_else(|| BenchError::NoTree { path: path.to_owned() })?;
    Ok(tree.root_node().has_error())
}

/// The real files, or the sample repeated.
fn texts(sample: Vec<u8>, files: &[PathBuf]) -> Result<Vec<Vec<u8>>, BenchError> {
    if files.is_empty() {
        let times = TEXT_BYTES.div_ceil(sample.len().max(1));
        return Ok(vec![sample.repeat(times)]);
    }
    files.iter().map(|path| fs::read(path).map_err(BenchError::read(path))).collect()
}

struct Speed {
    seconds: f64,
    broken: bool,
}

fn speed(parser: &mut Parser, texts: &[Vec<u8>], path: &Path) -> Result<Speed, BenchError> {
    let (mut best, mut broken) = (Duration::MAX, false);
    let begun = Instant::now();
    for round in 0..ROUNDS {
        if round > 0 && begun.elapsed() > MOST_TIME {
            break;
        }
        let (time, result) = clock::time(|| {
            texts.iter().try_fold(false, |broken, text| Ok(parse(parser, text, path)? | broken))
        });
        broken = result?;
        best = best.min(time);
    }
    Ok(Speed { seconds: best.as_secs_f64(), broken })
}

/// Lines of a text: one that does not end in a line end counts too.
fn lines(text: &[u8]) -> usize {
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    ends + usize::from(text.last().is_some_and(|last| *last != b'\n'))
}
