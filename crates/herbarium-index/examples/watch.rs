//! How long it takes from a change of a file to its tree in the store.
//!
//! `cargo run --release --example watch -- FOLDER [CHANGES [FLOOD]]` watches a folder,
//! which should be a copy, changes files of it one by one, tells how long each took to
//! be pressed, then touches many at once, and tells how long it took until all was in
//! the store. The store is a new one, in the system's folder for temporary files.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use herbarium_index::{Engine, EngineOptions, WatchEvent, WatchOptions};
use herbarium_store::{Outcome, Store, StoreOptions, path_from_bytes};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let changes: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let flood: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;

    let dir = std::env::temp_dir().join(format!("herbarium-watch-{}", std::process::id()));
    let store = Arc::new(Store::open(&dir, StoreOptions::new())?);
    let engine = Engine::new(Arc::clone(&store), EngineOptions::default());
    let (sender, events) = channel();
    let tell = move |event| drop(sender.send(event));
    let begun = Instant::now();
    let watcher = engine.watch(std::slice::from_ref(&folder), WatchOptions::default(), tell)?;
    wait(&events, |event| matches!(event, WatchEvent::Started { .. }))?;
    say(format_args!("started after {:.1?}, {} MiB", begun.elapsed(), resident()));

    let files = files(&store, watcher.roots())?;
    one_by_one(&events, &files, changes)?;
    all_at_once(&events, &files, flood)?;
    let begun = Instant::now();
    watcher.stop();
    say(format_args!("stopped after {:.1?}", begun.elapsed()));
    drop(engine);
    drop(store);
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Changes files, one after the other.
fn one_by_one(
    events: &Receiver<WatchEvent>,
    files: &[PathBuf],
    changes: usize,
) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    for (number, file) in spread(files, changes).enumerate() {
        let text = fs::read(file)?;
        let begun = Instant::now();
        fs::write(file, [&text[..], format!("\n\n{number}\n").as_bytes()].concat())?;
        wait(events, |event| matches!(event, WatchEvent::Pressed { path, .. } if path == file))?;
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    say(format_args!(
        "{} changes: least {:.1?}, median {:.1?}, 90% {:.1?}, 99% {:.1?}, most {:.1?}; {} MiB",
        times.len(),
        at(0),
        at(50),
        at(90),
        at(99),
        times.last().copied().unwrap_or_default(),
        resident(),
    ));
    Ok(())
}

/// Changes many files, as a switch of branches does.
fn all_at_once(
    events: &Receiver<WatchEvent>,
    files: &[PathBuf],
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    for file in spread(files, count) {
        fs::OpenOptions::new().append(true).open(file)?.write_all(b"\n\n")?;
    }
    let written = begun.elapsed();
    let (mut pressed, mut parses, mut rescans) = (0, 0, 0);
    loop {
        match events.recv_timeout(Duration::from_secs(600))? {
            WatchEvent::Pressed { .. } => pressed += 1,
            WatchEvent::Rescanned { report, .. } => {
                rescans += 1;
                parses += report.parses;
            }
            WatchEvent::Idle => break,
            _ => {}
        }
    }
    say(format_args!(
        "{count} at once, written in {written:.1?}: in the store and idle after {:.1?}; {pressed} \
         pressed one by one, {parses} in {rescans} walks; {} MiB",
        begun.elapsed(),
        resident()
    ));
    Ok(())
}

/// So many files, from all over.
fn spread(files: &[PathBuf], count: usize) -> impl Iterator<Item = &PathBuf> {
    let step = (files.len() / count.max(1)).max(1);
    files.iter().step_by(step).take(count)
}

fn files(store: &Store, roots: &[PathBuf]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for root in roots {
        let manifest = store.manifest(root)?.ok_or("no manifest")?;
        let trees = manifest.rows().iter().filter(|row| matches!(row.outcome, Outcome::Tree(_)));
        files.extend(trees.map(|row| root.join(path_from_bytes(&row.path))));
    }
    Ok(files)
}

fn wait(
    events: &Receiver<WatchEvent>,
    is_it: impl Fn(&WatchEvent) -> bool,
) -> Result<(), Box<dyn Error>> {
    while !is_it(&events.recv_timeout(Duration::from_secs(600))?) {}
    Ok(())
}

/// Memory of the process, in MiB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn say(text: std::fmt::Arguments<'_>) {
    // The reader may have had enough.
    let _ = writeln!(std::io::stdout(), "{text}");
}
