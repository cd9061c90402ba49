//! `herbarium tree`: the syntax tree of a file, opened from the store.

use std::io::Write;
use std::path::Path;

use herbarium_index::{Limit, OpenError, Opened, Origin};
use herbarium_languages::ParseError;

use crate::app::App;
use crate::args::TreeArgs;
use crate::exit::{Exit, Failure};
use crate::features;
use crate::limits;
use crate::show::{TreeHead, print_indented, print_json};
use crate::store::{Access, engine, engine_that_never_parses, store_help};

pub(super) fn run(app: &App, args: TreeArgs) -> Result<Exit, Failure> {
    let opened = match args.from_store {
        true => open_stored(app, &args.file)?,
        false => open(app, &args.file)?,
    };
    let Opened { tree, source, .. } = &opened;
    let mut out = app.out();
    match (app.global.json, args.sexp) {
        (true, _) => print_json(&head(app, &args.file, &opened), tree, source, &mut *out)?,
        (_, true) => writeln!(out, "{}", tree.root_node().to_sexp())?,
        _ => print_indented(tree, source, app.paint, &mut *out)?,
    }
    Ok(Exit::Fine)
}

fn open(app: &App, file: &Path) -> Result<Opened, Failure> {
    let opened = engine(app, Access::WriteIfAllowed)?.open(file);
    let opened = opened.map_err(|error| cannot_open(&error))?;
    if opened.from == Origin::Parsed {
        let path = app.shown.text(file);
        app.remark(format_args!("parsed {path}: the store did not have the tree of this content"));
    }
    Ok(opened)
}

fn open_stored(app: &App, file: &Path) -> Result<Opened, Failure> {
    match engine_that_never_parses(app)?.open(file) {
        Ok(opened) if opened.from == Origin::Store => Ok(opened),
        Ok(_) | Err(OpenError::Parse { source: ParseError::TimedOut { .. }, .. }) => {
            let path = app.shown.text(file);
            let message = format!("could not open the tree of {path}: it is not in the store");
            let help = "run `herbarium index` again, or leave --from-store out";
            Err(Failure::new(Exit::Io, message, help))
        }
        Err(error) => Err(cannot_open(&error)),
    }
}

pub(super) fn cannot_open(error: &OpenError) -> Failure {
    let raise = |limit| format!("raise the limit with {}", limits::option(limit));
    let help = match error {
        OpenError::Read { .. } => "check the path, and who may read it".to_owned(),
        OpenError::NotAFile { .. } => "name a file; `herbarium index` takes folders".to_owned(),
        OpenError::Changing { .. } => "run the same again when nobody writes to it".to_owned(),
        OpenError::TooLarge { .. } => raise(Limit::FileBytes),
        OpenError::TooDense { .. } => raise(Limit::Memory),
        OpenError::Parse { source: ParseError::TimedOut { .. }, .. } => raise(Limit::ParseTime),
        OpenError::NotBuilt { id, .. } => features::advice(id),
        OpenError::UnknownLanguage { .. } => {
            "`herbarium languages --known` lists the languages and the names of their files"
                .to_owned()
        }
        OpenError::InjectionOnly { .. } => "name the file that has it inside".to_owned(),
        OpenError::Encoding { .. } => {
            "convert it to UTF-8, with iconv for instance, if it is text".to_owned()
        }
        OpenError::Store(error) => store_help(error).to_owned(),
        OpenError::NoTree { .. } => "run `herbarium index` on its folder".to_owned(),
        _ => "please report the file, with the version of Herbarium".to_owned(),
    };
    Failure::from_error(Exit::Io, error, help)
}

fn head<'a>(app: &App, file: &Path, opened: &'a Opened) -> TreeHead<'a> {
    TreeHead {
        path: app.shown.lossy(file),
        language: opened.language.id,
        key: opened.key.to_string(),
        parsed: opened.from == Origin::Parsed,
        source_bytes: opened.source.len() as u64,
        lines: opened.lines(),
        has_error: opened.tree.root_node().has_error(),
        node_count: opened.tree.descendant_count() as u64,
    }
}
