//! Indexing real code, in a child.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use herbarium_index::{Cancel, Engine, EngineOptions};
use herbarium_store::Store;

use crate::work::say;
use crate::{Line, Work};

/// Files of the code that is indexed.
pub const FILES: u64 = 8;

/// Writes the code: small files of two languages, the same each time, and one
/// that is of none.
///
/// # Errors
/// It cannot be written.
pub fn write_code(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for n in 0..FILES {
        let (name, text) = match n % 4 {
            0 => (format!("data{n}.json"), format!("{{\"n\": [{n}, true, null]}}\n")),
            1 => (format!("other{n}.txt"), "no code\n".to_owned()),
            _ => (format!("unit{n}.c"), unit(n)),
        };
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// Files of the code that have a tree.
pub fn trees() -> u64 {
    (0..FILES).filter(|n| n % 4 != 1).count() as u64
}

fn unit(n: u64) -> String {
    let function = |at| format!("static int f{n}_{at}(int x) {{\n\treturn x * {at} + {n};\n}}\n\n");
    (0..n % 7 + 1).map(function).collect()
}

/// The engine that everyone here indexes with.
pub fn engine(store: Store) -> Engine {
    // One thread: then the calls come in the same order each time.
    let options = EngineOptions { workers: 1, ..EngineOptions::default() };
    Engine::new(Arc::new(store), options)
}

/// Indexes, says so, and indexes once more if it was refused.
pub(crate) fn run(work: &Work) -> ExitCode {
    for _ in 0..2 {
        match attempt(work) {
            Ok(()) => {
                say(&Line::Closed);
                return ExitCode::SUCCESS;
            }
            Err(error) => say(&Line::Failed(error)),
        }
    }
    ExitCode::from(3)
}

fn attempt(work: &Work) -> Result<(), String> {
    let store = Store::open(&work.dir, work.options()).map_err(|error| error.to_string())?;
    say(&Line::Opened);
    let engine = engine(store);
    let report = engine.index(std::slice::from_ref(&work.code), &(), &Cancel::new());
    let report = report.map_err(|error| error.to_string())?;
    match report.trees_new + report.trees_reused {
        count if count == trees() => Ok(()),
        count => Err(format!("{count} trees of {}: {:?}", trees(), report.problems)),
    }
}
