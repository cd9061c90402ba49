//! Languages as an engine has them: built in, or known from the store alone.
//!
//! Another program, with more languages built in, may have filled the store. Its
//! trees open with the grammar tables that it left there, and stay those of
//! their files for as long as these do not change; only making new ones takes
//! the grammar itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use herbarium_capture::parse_table_of;
use herbarium_codec::{Fingerprint, Grammar, ParseTable};
use herbarium_languages::{Language, Row, by_id, known};
use herbarium_store::{Manifest, Outcome, Store, StoreError};

use crate::EngineOptions;

/// A language whose trees can be opened.
#[derive(Debug, Clone)]
pub(crate) enum Tongue {
    /// It is built in.
    Built(&'static Language),
    /// It is not, but the store has its grammar table.
    Stored(&'static Row, Arc<Grammar>),
}

impl Tongue {
    pub(crate) fn row(&self) -> &'static Row {
        match self {
            Self::Built(language) => language.row(),
            Self::Stored(row, _) => row,
        }
    }

    pub(crate) fn grammar(&self) -> &Arc<Grammar> {
        match self {
            Self::Built(language) => language.grammar(),
            Self::Stored(_, grammar) => grammar,
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.grammar().fingerprint()
    }
}

/// The row of a language, built in or not.
pub(crate) fn row_of(id: &str) -> Option<&'static Row> {
    let index = known().binary_search_by(|row| row.id.cmp(id)).ok()?;
    known().get(index)
}

/// The language, if it is built in and may be run.
pub(crate) fn built(row: &Row, options: &EngineOptions) -> Option<&'static Language> {
    by_id(row.id).filter(|_| !options.never_parse.contains(row.id))
}

/// Grammars of languages that are not built in, looked up in the store once.
#[derive(Debug)]
pub(crate) struct Foreign {
    store: Arc<Store>,
    known: Mutex<HashMap<&'static str, Option<Arc<Grammar>>>>,
}

impl Foreign {
    pub(crate) fn new(store: &Arc<Store>) -> Self {
        Self { store: Arc::clone(store), known: Mutex::default() }
    }

    /// The language as the engine has it; none if it is not built in and the
    /// store does not know it either.
    pub(crate) fn tongue(&self, row: &'static Row, options: &EngineOptions) -> Option<Tongue> {
        match built(row, options) {
            Some(language) => Some(Tongue::Built(language)),
            None => self.grammar(row).map(|grammar| Tongue::Stored(row, grammar)),
        }
    }

    /// What the store knows of the grammar that this version of the language
    /// has: trees of another version are not those of today's files.
    fn grammar(&self, row: &'static Row) -> Option<Arc<Grammar>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.entry(row.id).or_insert_with(|| {
            let found = self.store.grammar(&row.pin.fingerprint);
            found.unwrap_or_else(|error| {
                tracing::warn!(language = row.id, %error, "a grammar table cannot be read");
                None
            })
        });
        found.clone()
    }
}

/// What compiling queries for a language takes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QueryTables {
    /// Names of kinds and fields.
    pub grammar: Arc<Grammar>,
    /// Which nodes can stand where.
    pub parse_table: Arc<ParseTable>,
}

/// Why queries cannot be compiled for a language.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// There is no such language.
    #[error("there is no language `{id}`: see `herbarium languages --known`")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// It is not built in, and nothing in the store is in it.
    #[error(
        "{name} was not built in, and the store knows nothing of it: build with the feature `lang-{id}` or `all-langs`"
    )]
    NotBuilt {
        /// Id of the language.
        id: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// It is not built in, and its trees were stored before parse tables were.
    #[error(
        "{name} was not built in, and its parse table is not in the store: index once with a program that has {name}"
    )]
    NoParseTable {
        /// Id of the language.
        id: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// The store cannot be read.
    #[error("the store gave up: what was stored before is safe")]
    Store(#[from] StoreError),
}

/// The names of a language's grammar: from the grammar where it is built in,
/// else from the store.
pub(crate) fn grammar(
    store: &Store,
    options: &EngineOptions,
    id: &str,
) -> Result<Arc<Grammar>, TablesError> {
    let row = row_of(id).ok_or_else(|| TablesError::Unknown { id: id.to_owned() })?;
    if let Some(language) = built(row, options) {
        return Ok(Arc::clone(language.grammar()));
    }
    let found = store.grammar(&row.pin.fingerprint)?;
    found.ok_or(TablesError::NotBuilt { id: row.id, name: row.name })
}

/// As [`grammar`], with the parse table: from the store where it is there, as
/// that takes a fifth of the time.
pub(crate) fn query_tables(
    store: &Store,
    options: &EngineOptions,
    id: &str,
) -> Result<QueryTables, TablesError> {
    let grammar = grammar(store, options, id)?;
    let language = row_of(id).and_then(|row| built(row, options));
    let parse_table = match (store.parse_table(&grammar), language) {
        (Ok(Some(table)), _) => table,
        (_, Some(language)) => parse_table_of(&language.tree_sitter()),
        (Ok(None), None) => {
            let row = row_of(id).ok_or_else(|| TablesError::Unknown { id: id.to_owned() })?;
            return Err(TablesError::NoParseTable { id: row.id, name: row.name });
        }
        (Err(error), None) => return Err(error.into()),
    };
    Ok(QueryTables { grammar, parse_table: Arc::new(parse_table) })
}

/// Sees to it that the store has the tables of all languages of a workspace, as
/// far as they are built in: so that programs without them can ask its trees.
pub(crate) fn keep_tables(
    store: &Store,
    options: &EngineOptions,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    store.restore_tables()?;
    let mut seen: Vec<&Arc<str>> = Vec::new();
    for row in manifest.rows() {
        let Some(id) = &row.language else { continue };
        // Rows share their names: comparing these would take longer than all else.
        let is_seen = |known: &&Arc<str>| Arc::ptr_eq(known, id);
        if !matches!(row.outcome, Outcome::Tree(_)) || seen.iter().any(is_seen) {
            continue;
        }
        seen.push(id);
        let Some(row) = row_of(id) else { continue };
        // By the pin: whether the table is there shows without loading the grammar.
        if store.has_parse_table(&row.pin.fingerprint)? {
            continue;
        }
        if let Some(language) = built(row, options) {
            store.put_parse_table(language.grammar(), &parse_table_of(&language.tree_sitter()))?;
        }
    }
    Ok(())
}
