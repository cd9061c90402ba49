//! `herbarium import`: exported trees into the store.

use std::fs;
use std::io::Write;
use std::path::Path;

use herbarium_store::ExportedTree;
use serde::Serialize;

use crate::app::App;
use crate::args::ImportArgs;
use crate::exit::{Exit, Failure};
use crate::store::{Access, store, store_failed};

pub(super) fn run(app: &App, args: &ImportArgs) -> Result<Exit, Failure> {
    if args.source.is_some() && args.files.len() > 1 {
        let help = "import them one by one, each with its source";
        return Err(Failure::new(Exit::Usage, "--source is that of one tree", help));
    }
    let source = args.source.as_deref().map(|path| read(app, path)).transpose()?;
    // All are read before the first is stored.
    let trees: Vec<_> =
        args.files.iter().map(|path| exported(app, path)).collect::<Result<_, _>>()?;
    if let (Some(source), [tree]) = (&source, &trees[..])
        && !tree.is_of(source)
    {
        let message = "could not import the tree: it is not of this source";
        return Err(Failure::new(Exit::Io, message, "export it again, of this source"));
    }
    let store = store(app, Access::Write)?;
    let mut rows = Vec::new();
    for (path, tree) in args.files.iter().zip(&trees) {
        let put = store.import_tree(tree).map_err(|error| store_failed(&error))?;
        let row = Row::new(app, path, tree, put.new);
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

fn exported(app: &App, path: &Path) -> Result<ExportedTree, Failure> {
    ExportedTree::from_bytes(&read(app, path)?).map_err(|error| {
        let message = format!("could not import {}", app.shown.text(path));
        let help = "name files that `herbarium export` wrote";
        Failure::new(Exit::Io, message, help).because(Some(&error))
    })
}

fn read(app: &App, path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let message = format!("could not read {}", app.shown.text(path));
        Failure::new(Exit::Io, message, "check the path, and who may read it").because(Some(&error))
    })
}
