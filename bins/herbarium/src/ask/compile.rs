//! Compiling a query for a language: from what was compiled before, else with
//! the tables of the grammar, which need not be built in.

use std::sync::{Arc, OnceLock};
use std::time::UNIX_EPOCH;

use herbarium_capture::parse_table_of;
use herbarium_codec::Grammar;
use herbarium_index::{Engine, TablesError};
use herbarium_languages::{Row, by_id};
use herbarium_query::{Compiler, Query, QueryError};
use herbarium_store::QueryParts;

use crate::app::App;
use crate::exit::{Exit, Failure};
use crate::features;
use crate::limits::never_parse;
use crate::store::store_help;

/// Why there is no query for a language.
#[derive(Debug)]
pub(crate) enum NoQuery {
    /// It is wrong.
    Wrong(QueryError),
    /// The language has no tables here.
    NoTables(TablesError),
}

/// A query for a language: one that was compiled before, if the store has it.
///
/// What is kept is under a name that the program itself is part of, as another
/// build may compile otherwise.
pub(crate) fn compile(
    engine: Option<&Engine>,
    row: &'static Row,
    text: &str,
) -> Result<Query, NoQuery> {
    let Some(engine) = engine else {
        return compiler_of_built(row)?.compile(text).map_err(NoQuery::Wrong);
    };
    let grammar = engine.grammar(row.id).map_err(NoQuery::NoTables)?;
    let store = engine.store();
    let parts =
        build().map(|build| QueryParts { engine: build, grammar: grammar.fingerprint(), text });
    if let Some(query) = parts.and_then(|parts| kept(store.kept_query(&parts), &grammar)) {
        return Ok(query);
    }
    let tables = engine.query_tables(row.id).map_err(NoQuery::NoTables)?;
    let compiler = Compiler::new(tables.grammar, tables.parse_table);
    let query = compiler.compile(text).map_err(NoQuery::Wrong)?;
    if let Some(parts) = parts {
        store.keep_query(&parts, &query.to_bytes());
    }
    Ok(query)
}

fn kept(bytes: Option<Vec<u8>>, grammar: &Arc<Grammar>) -> Option<Query> {
    let query = Query::from_bytes(&bytes?, grammar);
    query.inspect_err(|error| tracing::debug!(%error, "a kept query is compiled again")).ok()
}

/// Without a store there are only the languages that are built in.
fn compiler_of_built(row: &'static Row) -> Result<Compiler, NoQuery> {
    let may_run = never_parse().is_ok_and(|never| !never.value.contains(row.id));
    let language = by_id(row.id).filter(|_| may_run);
    let not_built = TablesError::NotBuilt { id: row.id, name: row.name };
    let language = language.ok_or(NoQuery::NoTables(not_built))?;
    let table = parse_table_of(&language.tree_sitter());
    Ok(Compiler::new(Arc::clone(language.grammar()), Arc::new(table)))
}

/// What tells this build of the program from others; none where that cannot be
/// told.
fn build() -> Option<&'static str> {
    static BUILD: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let program = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
        let written = program.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        Some(format!("{} {} {written}", env!("CARGO_PKG_VERSION"), program.len()))
    };
    BUILD.get_or_init(find).as_deref()
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
