//! Plain parsing and plain compressing of the files that were indexed, on as
//! many threads.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use herbarium_index::EngineOptions;
use herbarium_languages::{Language, ParseLimits, ParserPool};
use serde::Serialize;
use zstd::bulk::Compressor;

use crate::clock;
use crate::error::BenchError;

/// A file that was indexed.
pub(crate) struct SourceRow {
    pub(crate) path: PathBuf,
    pub(crate) language: &'static Language,
}

/// What plain parsing took.
#[derive(Serialize)]
pub(crate) struct Plain {
    pub(crate) files: u64,
    pub(crate) seconds: f64,
    /// Reading, parsing and dropping; time on the clock of each thread where
    /// the system tells no CPU time.
    pub(crate) cpu_seconds: f64,
    /// Parsing and dropping alone.
    pub(crate) parse_cpu_seconds: f64,
}

/// Reads and parses every file and drops the tree.
pub(crate) fn parse_all(rows: &[SourceRow], options: &EngineOptions) -> Result<Plain, BenchError> {
    let pool = ParserPool::new(options.workers);
    let limits = ParseLimits::none();
    let begun = Instant::now();
    let times = on_all_threads(
        rows,
        options.workers,
        || (),
        |(), row: &SourceRow| {
            let (reading, source) = clock::time(|| fs::read(&row.path));
            let source = source.map_err(BenchError::read(&row.path))?;
            let (parsing, parsed) =
                clock::time(|| pool.parse(row.language, &source, None, &limits).map(drop));
            parsed.map_err(|source| BenchError::Parse { path: row.path.clone(), source })?;
            Ok((reading, parsing))
        },
    )?;
    let seconds = begun.elapsed().as_secs_f64();
    let sum = |time: fn(&(Duration, Duration)) -> Duration| -> f64 {
        times.iter().map(time).sum::<Duration>().as_secs_f64()
    };
    let (reading, parse_cpu_seconds) = (sum(|times| times.0), sum(|times| times.1));
    let cpu_seconds = reading + parse_cpu_seconds;
    Ok(Plain { files: rows.len() as u64, seconds, cpu_seconds, parse_cpu_seconds })
}

/// Sum of the lengths of all files, each compressed by itself at zstd -3.
pub(crate) fn zstd_all(rows: &[SourceRow], workers: usize) -> Result<u64, BenchError> {
    let lens = on_all_threads(
        rows,
        workers,
        || Compressor::new(3),
        |compressor, row| {
            let source = fs::read(&row.path).map_err(BenchError::read(&row.path))?;
            let compressor =
                compressor.as_mut().map_err(|error| std::io::Error::from(error.kind()));
            let compressed = compressor.and_then(|compressor| compressor.compress(&source));
            Ok(compressed.map_err(BenchError::Compress)?.len() as u64)
        },
    )?;
    Ok(lens.into_iter().sum())
}

/// Does something with every file, on so many threads that each take the next
/// file when they are done with one. The order of the results is any.
fn on_all_threads<T: Send, Tools>(
    rows: &[SourceRow],
    workers: usize,
    tools: impl Fn() -> Tools + Sync,
    work: impl Fn(&mut Tools, &SourceRow) -> Result<T, BenchError> + Sync,
) -> Result<Vec<T>, BenchError> {
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let (mut tools, mut results) = (tools(), Vec::new());
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(work(&mut tools, row)?);
        }
        Ok(results)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(one_thread)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.append(&mut thread.join().map_err(|_| BenchError::Thread)??);
        }
        Ok(all)
    })
}
