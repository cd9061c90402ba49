//! The engine on real files and a real store.

mod changes;
mod documents;
mod foreign;
mod golden;
#[cfg(feature = "all-langs")]
mod hanging;
mod mending;
mod opening;
mod racy;
mod releases;
mod runs;
mod scanning;
mod sources;
mod strange_files;
mod tiers;
mod verifying;
mod watching;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use herbarium_index::{Cancel, Engine, EngineOptions, IndexReport, ProblemKind};
use herbarium_store::{Store, StoreOptions};
use tempfile::TempDir;

/// A project and a store, in a folder that is removed afterwards.
struct Ground {
    dir: TempDir,
    store: Arc<Store>,
}

impl Ground {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        let store = open_store(dir.path());
        Self { dir, store }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let ground = Self::new();
        files.iter().for_each(|(path, text)| ground.write(path, text));
        ground.rest();
        ground
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Waits until a file written before and one written after have times that
    /// tell them apart.
    fn rest(&self) {
        thread::sleep(Duration::from_millis(60));
    }

    fn engine(&self) -> Engine {
        self.engine_with(EngineOptions::default())
    }

    fn engine_with(&self, options: EngineOptions) -> Engine {
        Engine::new(Arc::clone(&self.store), EngineOptions { workers: 3, ..options })
    }

    fn index(&self) -> IndexReport {
        index(&self.engine(), &self.root())
    }
}

fn open_store(dir: &Path) -> Arc<Store> {
    Arc::new(Store::open(dir.join("store"), StoreOptions::new()).unwrap())
}

/// Indexes, and checks what holds of every report.
fn index(engine: &Engine, path: &Path) -> IndexReport {
    let report = engine.index(&[path.to_owned()], &(), &Cancel::new()).unwrap();
    check_sums(&report);
    report
}

/// Nothing is lost silently.
fn check_sums(report: &IndexReport) {
    let problems = report.problems.iter().filter(|problem| problem.kind.is_of_a_file()).count();
    let sum = report.files
        + report.unknown
        + report.not_built.values().sum::<u64>()
        + report.injection_only
        + report.filtered
        + report.skipped_binary
        + problems as u64;
    assert_eq!(report.found, sum, "{report:#?}");
    assert_eq!(report.files, report.trees_new + report.trees_reused, "{report:#?}");
    let of_languages: u64 = report.languages.values().map(|figures| figures.files).sum();
    assert_eq!(report.files, of_languages, "{report:#?}");
}

/// Trees new and reused, files read, parses.
fn work(report: &IndexReport) -> (u64, u64, u64, u64) {
    (report.trees_new, report.trees_reused, report.reads, report.parses)
}

/// Kind of each problem, and the end of its path.
fn problems(report: &IndexReport) -> Vec<(ProblemKind, String)> {
    let name = |path: &Path| path.file_name().map(|it| it.to_string_lossy().into_owned());
    report.problems.iter().map(|it| (it.kind, name(&it.path).unwrap_or_default())).collect()
}

/// Rust functions, each another one.
fn rust(number: usize) -> String {
    let lines = 5 + number % 7;
    let line = |at: usize| format!("    let value_{at} = compute({at}, {number}, \"text\");\n");
    let body: String = (0..lines).map(line).collect();
    format!(
        "/// Number {number}.\npub fn function_{number}(a: u32) -> u32 {{\n{body}    a + {number}\n}}\n"
    )
}
