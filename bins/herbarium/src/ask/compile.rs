//! Compiling a query for a language: from what was compiled before, else with
//! the tables of the grammar, which need not be built in.

use std::sync::Arc;

use herbarium_capture::parse_table_of;
use herbarium_index::{Engine, TablesError};
use herbarium_languages::{Row, by_id};
use herbarium_query::{Compiler, Query};

pub(crate) use herbarium::NoQuery;

use crate::app::App;
use crate::exit::{Exit, Failure};
use crate::features;
use crate::limits::never_parse;
use crate::store::store_help;

/// A query for a language; without a store there are only the languages that are built
/// in.
pub(crate) fn compile(
    engine: Option<&Engine>,
    row: &'static Row,
    text: &str,
) -> Result<Query, NoQuery> {
    match engine {
        Some(engine) => herbarium::compile(engine, row.id, text),
        None => Ok(compiler_of_built(row)?.compile(text)?),
    }
}

fn compiler_of_built(row: &'static Row) -> Result<Compiler, NoQuery> {
    let may_run = never_parse().is_ok_and(|never| !never.value.contains(row.id));
    let language = by_id(row.id).filter(|_| may_run);
    let not_built = TablesError::NotBuilt { id: row.id, name: row.name };
    let language = language.ok_or(NoQuery::NoTables(not_built))?;
    let table = parse_table_of(&language.tree_sitter());
    Ok(Compiler::new(Arc::clone(language.grammar()), Arc::new(table)))
}

/// What is said of a language that has no tables here, where it was asked for.
pub(crate) fn refusal(error: &TablesError) -> Failure {
    let exit = if matches!(error, TablesError::Store(_)) { Exit::Io } else { Exit::Usage };
    Failure::from_error(exit, error, advice(error))
}

/// What is said of it where its files were only met.
pub(crate) fn warn(app: &App, files: u64, error: &TablesError) {
    let files = crate::numbers::counted(files, "file", "files");
    app.warn(&format!("not asked: {files}: {error}"), &advice(error));
}

fn advice(error: &TablesError) -> String {
    match error {
        TablesError::NotBuilt { id, .. } | TablesError::NoParseTable { id, .. } => {
            features::advice(id)
        }
        TablesError::Store(error) => store_help(error).to_owned(),
        _ => "`herbarium languages --known` lists the languages".to_owned(),
    }
}
