//! Adding up a report, file by file.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use herbarium_languages::{ParseError, Row};
use herbarium_store::{ManifestRow, NoTree, Outcome, TreeKey};

use crate::outcome::{Failure, FileDone, Pressed};
use crate::press::Press;
use crate::problem::{explain, limit, no_tree};
use crate::read::Unfit;
use crate::walk::Walked;
use crate::{EngineOptions, IndexReport, Problem, rows};

/// A report in the making.
pub(crate) struct Tally<'a> {
    options: &'a EngineOptions,
    report: IndexReport,
    /// Trees whose stored bytes are counted.
    seen: HashSet<TreeKey, BuildHasherDefault<KeyHasher>>,
    /// The language of the last row: that of the next one as a rule.
    language: Option<(Arc<str>, Option<&'static Row>)>,
    parse_cpu: Duration,
}

/// Keys are hashes themselves.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {
        // The length, which is that of every key.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<'a> Tally<'a> {
    pub(crate) fn new(options: &'a EngineOptions) -> Self {
        let (report, seen) = (IndexReport::default(), HashSet::default());
        Self { options, report, seen, language: None, parse_cpu: Duration::ZERO }
    }

    /// The report; times and cancellation are for the caller to add.
    pub(crate) fn finish(mut self) -> IndexReport {
        self.report.problems.sort_by(|a, b| (&a.path, a.kind).cmp(&(&b.path, b.kind)));
        metrics::counter!("herbarium_trees_reused_total").increment(self.report.trees_reused);
        self.report.parse_cpu_seconds = self.parse_cpu.as_secs_f64();
        self.report
    }

    /// What a walk found; takes its problems.
    pub(crate) fn walked(&mut self, walked: &mut Walked) {
        let gone = walked.problems.iter().filter(|problem| problem.kind.is_of_a_file()).count();
        self.report.found += (walked.files.len() + gone) as u64;
        self.report.skipped_special += walked.special;
        for problem in std::mem::take(&mut walked.problems) {
            self.problem(problem);
        }
    }

    /// A file that was named, not found.
    pub(crate) fn named(&mut self) {
        self.report.found += 1;
    }

    pub(crate) fn dictionaries(&mut self, made: u64) {
        self.report.dictionaries += made;
    }

    /// A file whose row still holds.
    pub(crate) fn kept(&mut self, press: &Press, file: u32, row: &ManifestRow) {
        if self.is_filtered(row) {
            self.report.filtered += 1;
            return;
        }
        match row.outcome {
            Outcome::Tree(_) => {
                self.report.trees_reused += 1;
                self.tree(row);
            }
            Outcome::None(why) => {
                let failure = as_failure(why, row, self.options);
                self.fail(press, file, &failure);
            }
        }
    }

    /// A file that was looked at; gives its new row, if it is to have one.
    pub(crate) fn done(&mut self, press: &Press, done: FileDone) -> Option<ManifestRow> {
        self.report.reads += 1;
        self.report.parses += u64::from(done.parsed);
        self.parse_cpu += done.parse_cpu;
        let found = press.files.get(done.file as usize)?;
        let mut row = rows::row(found.path.clone(), done.stat.unwrap_or(found.stat));
        row.language = done.row.map(|language| rows::language_name(language.id));
        match &done.verdict {
            Ok(pressed) => self.pressed(&mut row, pressed),
            Err(failure) => {
                self.fail(press, done.file, failure);
                row.outcome = Outcome::None(no_tree(failure)?);
                match failure {
                    Failure::Parse(ParseError::TimedOut { limit }) => {
                        rows::set_time_limit(&mut row, *limit);
                    }
                    Failure::TooDense { needed, .. } => {
                        rows::set_memory_needed(&mut row, *needed);
                    }
                    Failure::Unfit(Unfit::Encoding(found)) => rows::set_encoding(&mut row, found),
                    _ => {}
                }
            }
        }
        Some(row)
    }

    fn pressed(&mut self, row: &mut ManifestRow, pressed: &Pressed) {
        row.outcome = Outcome::Tree(pressed.key);
        row.nodes = pressed.nodes;
        row.lines = pressed.lines;
        row.stored_bytes = pressed.stored_bytes;
        row.kinds = Some(Arc::clone(&pressed.kinds));
        if pressed.new {
            self.report.trees_new += 1;
        } else {
            self.report.trees_reused += 1;
        }
        self.tree(row);
    }

    fn tree(&mut self, row: &ManifestRow) {
        let Outcome::Tree(key) = row.outcome else { return };
        let stored_bytes = if self.seen.insert(key) { u64::from(row.stored_bytes) } else { 0 };
        let report = &mut self.report;
        report.files += 1;
        report.lines += u64::from(row.lines);
        report.nodes += u64::from(row.nodes);
        report.source_bytes += row.size;
        report.stored_bytes += stored_bytes;
        if let Some(language) = self.language(row) {
            let report = &mut self.report;
            report.languages.entry(language.id).or_default().add(row, stored_bytes);
        }
    }

    fn language(&mut self, row: &ManifestRow) -> Option<&'static Row> {
        let name = row.language.as_ref()?;
        match &self.language {
            Some((known, language)) if Arc::ptr_eq(known, name) => *language,
            _ => {
                let language = rows::language(row);
                self.language = Some((Arc::clone(name), language));
                language
            }
        }
    }

    fn is_filtered(&self, row: &ManifestRow) -> bool {
        let (wanted, language) = (self.options.languages.as_ref(), row.language.as_deref());
        wanted.zip(language).is_some_and(|(wanted, language)| !wanted.contains(language))
    }

    fn fail(&mut self, press: &Press, file: u32, failure: &Failure) {
        let report = &mut self.report;
        match failure {
            Failure::Unfit(Unfit::Unknown) => report.unknown += 1,
            Failure::Unfit(Unfit::NotBuilt(language)) => {
                *report.not_built.entry(language.id).or_default() += 1;
            }
            Failure::Unfit(Unfit::Filtered) => report.filtered += 1,
            Failure::Unfit(Unfit::InjectionOnly) => report.injection_only += 1,
            Failure::Unfit(Unfit::Binary) => report.skipped_binary += 1,
            _ => {
                let (kind, message) = explain(failure);
                self.problem(Problem {
                    path: press.path(file),
                    kind,
                    message,
                    limit: limit(failure),
                });
            }
        }
    }

    fn problem(&mut self, problem: Problem) {
        let kind = problem.kind.name();
        metrics::counter!("herbarium_problems_total", "kind" => kind).increment(1);
        self.report.problems.push(problem);
    }
}

/// What a row without a tree stands for. Only reasons that last are kept, see
/// [`rows::belief`].
fn as_failure(why: NoTree, row: &ManifestRow, options: &EngineOptions) -> Failure {
    let limit = options.max_file_bytes;
    Failure::Unfit(match (why, rows::language(row)) {
        (NoTree::UnknownLanguage, Some(language)) => Unfit::NotBuilt(language),
        (NoTree::UnknownLanguage, None) => Unfit::Unknown,
        (NoTree::Binary, _) => Unfit::Binary,
        (NoTree::InjectionOnly, _) => Unfit::InjectionOnly,
        (NoTree::Encoding, _) => Unfit::Encoding(rows::encoding(row)),
        (NoTree::TooLarge, _) if row.size > limit => Unfit::TooLarge { len: row.size, limit },
        (NoTree::TooLarge, _) => {
            let (needed, limit) = (rows::memory_needed(row), options.memory_budget);
            return Failure::TooDense { needed, limit };
        }
        _ => return Failure::Parse(ParseError::TimedOut { limit: rows::time_limit(row) }),
    })
}
