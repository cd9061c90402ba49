//! `languages`: what the parser of each language costs. Each language is
//! measured in a process of its own, so that memory is its and nobody else's.

mod one;

use std::path::{Path, PathBuf};
use std::process::Command;

use herbarium_languages::{Language, all, by_id};
use serde::Serialize;

use crate::args::{LanguagesArgs, OneLanguageArgs};
use crate::bar::{self, Bar};
use crate::corpus::{self, Files};
use crate::error::BenchError;
use crate::report::{self, Report};
use crate::table::{Table, grouped};

use one::OneLanguage;

/// The most private memory that a parser may take.
const MOST_PRIVATE: f64 = 5e6;
/// Real files given to one process.
const MOST_FILES: usize = 40;
const LONGEST_FILE: u64 = 1 << 20;

/// Measures every language of the build, or those named.
pub(crate) fn run(args: &LanguagesArgs) -> Result<LanguagesReport, BenchError> {
    corpus::check_languages(&args.languages)?;
    let found = corpus::gather(&args.paths, &args.languages)?;
    let mut languages = Vec::new();
    for language in all() {
        if args.languages.is_empty() || args.languages.iter().any(|id| id == language.id()) {
            eprintln!("measuring {}", language.name());
            let files = real_files(&found, language);
            languages.push(in_a_process(language, &args.samples, &files)?);
        }
    }
    let private = languages.iter().map(|of| (of.language.as_str(), of.private_bytes as f64));
    let bars = vec![Bar::each("private memory of a parser, bytes", MOST_PRIVATE, private)];
    Ok(LanguagesReport { figures: LanguagesFigures { languages }, bars })
}

/// What the hidden command `one-language` does: measures one, gives JSON.
pub(crate) fn run_one(args: &OneLanguageArgs) -> Result<String, BenchError> {
    let language = by_id(&args.language);
    let language = language.ok_or_else(|| BenchError::UnknownLanguage(args.language.clone()))?;
    serde_json::to_string(&one::measure(language, &args.sample, &args.files)?)
        .map_err(BenchError::Json)
}

/// What was measured.
pub(crate) struct LanguagesReport {
    figures: LanguagesFigures,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct LanguagesFigures {
    languages: Vec<OneLanguage>,
}

fn real_files(found: &[Files], language: &Language) -> Vec<PathBuf> {
    let files = found.iter().filter(|files| files.language == language);
    let files = files.flat_map(|files| &files.files).filter(|file| file.len <= LONGEST_FILE);
    files.take(MOST_FILES).map(|file| file.path.clone()).collect()
}

fn in_a_process(
    language: &'static Language,
    samples: &Path,
    files: &[PathBuf],
) -> Result<OneLanguage, BenchError> {
    let sample = samples.join(format!("{}.txt", language.id()));
    std::fs::metadata(&sample).map_err(BenchError::read(&sample))?;
    let failed = |said: String| BenchError::Child { language: language.id(), said };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg("one-language").arg(language.id()).arg(sample).args(files);
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}, {}", output.status, said.trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

impl Report for LanguagesReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        let languages = &self.figures.languages;
        let mut text = format!(
            "Memory that a process gains with a parser that has parsed its sample once, and with\n\
             the grammar's table of names; speed on {}.\n\n",
            if languages.iter().any(|of| of.real_files > 0) {
                "real files where there are any, else on the sample repeated"
            } else {
                "the sample repeated"
            }
        );
        text.push_str(&table(languages));
        let total = |figure: fn(&OneLanguage) -> u64| {
            grouped(languages.iter().map(figure).sum::<u64>() / 1000)
        };
        text.push_str(&format!(
            "\nSum: {} KB private, {} KB resident.\n\n",
            total(|of| of.private_bytes),
            total(|of| of.parser.resident)
        ));
        text.push_str(&bar::show(&self.bars));
        text
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("languages", &self.figures, &self.bars)
    }
}

fn table(languages: &[OneLanguage]) -> String {
    let mut table = Table::new(
        1,
        [
            "language",
            "private KB",
            "of it names",
            "resident KB",
            "files",
            "KB",
            "lines/s",
            "MB/s",
            "broken",
        ],
    );
    for of in languages {
        table.row([
            of.language.clone(),
            grouped(of.private_bytes / 1000),
            grouped(of.names.private() / 1000),
            grouped(of.parser.resident / 1000),
            grouped(of.real_files),
            grouped(of.text_bytes / 1000),
            grouped(of.lines_a_second as u64),
            format!("{:.2}", of.bytes_a_second / 1e6),
            if of.broken { "yes".to_owned() } else { String::new() },
        ]);
    }
    table.text()
}
