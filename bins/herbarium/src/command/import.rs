//! `herbarium import`: exported trees into the store.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use herbarium_index::Limit;
use herbarium_store::{ExportError, ExportedTree};
use serde::Serialize;

use crate::app::App;
use crate::args::ImportArgs;
use crate::exit::{Exit, Failure};
use crate::limits::{Settings, option};
use crate::store::{Access, store, store_failed};

pub(super) fn run(app: &App, args: &ImportArgs) -> Result<Exit, Failure> {
    if args.source.is_some() && args.files.len() > 1 {
        let help = "import them one by one, each with its source";
        return Err(Failure::new(Exit::Usage, "--source is that of one tree", help));
    }
    let limits = Limits::of(app)?;
    let source = args.source.as_deref().map(|path| limits.source(app, path)).transpose()?;
    // All are read before the first is stored: to be read again where they are too many to
    // be kept.
    let (mut trees, mut kept) = (Vec::new(), 0);
    for path in &args.files {
        let tree = limits.exported(app, path)?;
        kept += tree.bytes().len() as u64;
        trees.push((kept <= limits.unpacked).then_some(tree));
    }
    if let (Some(source), [Some(tree)]) = (&source, &trees[..])
        && !tree.is_of(source)
    {
        let message = "could not import the tree: it is not of this source";
        return Err(Failure::new(Exit::Io, message, "export it again, of this source"));
    }
    let store = store(app, Access::Write)?;
    let mut rows = Vec::new();
    for (path, tree) in args.files.iter().zip(trees) {
        let tree = tree.map_or_else(|| limits.exported(app, path), Ok)?;
        let put = store.import_tree(&tree).map_err(|error| store_failed(&error))?;
        let row = Row::new(app, path, &tree, put.new);
        if !app.global.json {
            let what = if row.new { "imported" } else { "there already" };
            let of = crate::paths::printable(&row.path);
            writeln!(app.out(), "{}: {} of {of}, {what}", row.file, row.language)?;
        }
        rows.push(row);
    }
    store.close().map_err(|error| store_failed(&error))?;
    if app.global.json {
        app.print_json(&rows)?;
    }
    Ok(Exit::Fine)
}

/// One tree, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct Row {
    file: String,
    path: String,
    language: String,
    key: String,
    new: bool,
}

impl Row {
    fn new(app: &App, file: &Path, tree: &ExportedTree, new: bool) -> Self {
        let of = tree.provenance();
        Self {
            file: app.shown.lossy(file),
            path: String::from_utf8_lossy(&of.path).into_owned(),
            language: of.language.clone(),
            key: tree.key().to_string(),
            new,
        }
    }
}

/// What may be read: a file may have been made to harm.
struct Limits {
    /// Bytes of a source.
    source: u64,
    /// Bytes that grammar table and tree take when they are unpacked.
    unpacked: u64,
}

/// A tree takes less than this many times its bytes while it is checked: itself, and what it is
/// opened to. Parsing takes far more: one that was parsed within 573 MiB, of a list of zeroes and
/// commas in JSON, has 4.5 MB.
const MEMORY_A_BYTE: u64 = 16;
/// What is in a file besides the two that are unpacked: names, path, ranges.
const BESIDES: u64 = 1 << 20;

impl Limits {
    fn of(app: &App) -> Result<Self, Failure> {
        let settings = Settings::read(&app.global)?;
        let unpacked = settings.memory.value / MEMORY_A_BYTE;
        Ok(Self { source: settings.max_file_bytes.value, unpacked })
    }

    fn source(&self, app: &App, path: &Path) -> Result<Vec<u8>, Failure> {
        read(app, path, self.source, option(Limit::FileBytes))
    }

    fn exported(&self, app: &App, path: &Path) -> Result<ExportedTree, Failure> {
        let memory = option(Limit::Memory);
        let bytes = read(app, path, self.unpacked.saturating_add(BESIDES), memory)?;
        ExportedTree::from_bytes_within(&bytes, self.unpacked).map_err(|error| {
            let message = format!("could not import {}", app.shown.text(path));
            let help = match error {
                ExportError::OverLimit { .. } => format!("raise the limit with {memory}"),
                _ => "name files that `herbarium export` wrote".to_owned(),
            };
            Failure::new(Exit::Io, message, help).because(Some(&error))
        })
    }
}

/// A regular file of no more bytes than this: a pipe may have no end, or none who writes to it.
fn read(app: &App, path: &Path, most: u64, option: &str) -> Result<Vec<u8>, Failure> {
    let message = || format!("could not read {}", app.shown.text(path));
    let failed = |error: &io::Error| {
        let help = "check the path, and who may read it";
        Failure::new(Exit::Io, message(), help).because(Some(error))
    };
    let metadata = std::fs::metadata(path).map_err(|error| failed(&error))?;
    if !metadata.is_file() {
        let help = "name regular files: what comes through a pipe is to be put into one first";
        return Err(Failure::new(Exit::Io, format!("{}: it is no regular file", message()), help));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| failed(&error))?;
    if bytes.len() as u64 > most {
        let help = format!("raise the limit with {option}");
        let message = format!("{}: it is longer than {most} bytes", message());
        return Err(Failure::new(Exit::Io, message, help));
    }
    Ok(bytes)
}
