//! Indexes folders into a store, twice, and shows what that took.
//!
//! ```sh
//! cargo run --release --example index -- STORE FOLDER...
//! ```
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::path::PathBuf;
use std::sync::Arc;

use herbarium_index::{Cancel, Engine, EngineOptions, IndexReport};
use herbarium_store::{Store, StoreOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let store = arguments.next().ok_or("usage: index STORE FOLDER...")?;
    let folders: Vec<PathBuf> = arguments.collect();
    let store = Arc::new(Store::open(store, StoreOptions::new())?);
    let engine = Engine::new(store, EngineOptions::default());
    for run in ["first", "second"] {
        let report = engine.index(&folders, &(), &Cancel::new())?;
        show(run, &report);
    }
    if std::env::var_os("DEEP").is_some() {
        let verified = engine.verify(true, &(), &Cancel::new())?;
        println!("{verified:#?}");
    }
    Ok(())
}

fn show(run: &str, report: &IndexReport) {
    println!(
        "{run}: {} files, {} lines, {} nodes; {} new, {} reused, {} read, {} parsed; \
         {} source bytes, {} stored ({:.3} a node); {} unknown, {} binary, {} special, \
         {} dictionaries; {:.2} s, CPU {:.2} s, parsing {:.2} s, ratio {:.3}",
        report.files,
        report.lines,
        report.nodes,
        report.trees_new,
        report.trees_reused,
        report.reads,
        report.parses,
        report.source_bytes,
        report.stored_bytes,
        report.stored_bytes as f64 / report.nodes.max(1) as f64,
        report.unknown,
        report.skipped_binary,
        report.skipped_special,
        report.dictionaries,
        report.seconds,
        report.cpu_seconds,
        report.parse_cpu_seconds,
        report.cpu_seconds / report.parse_cpu_seconds,
    );
    println!("not built in: {:?}", report.not_built);
    for problem in report.problems.iter().take(20) {
        println!("{} {}: {}", problem.kind, problem.path.display(), problem.message);
    }
}
