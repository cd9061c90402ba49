//! Compiled queries: each text is compiled once for a language, and found again by the
//! next program that asks.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, UNIX_EPOCH};

use herbarium_codec::Grammar;
use herbarium_index::{Engine, TablesError};
use herbarium_languages::known;
use herbarium_query::{Compiler, Query, QueryError};
use herbarium_store::QueryParts;
use herbarium_symbols::{SymbolQuery, SymbolQueryError};

/// Why there is no query for a language.
#[derive(Debug, thiserror::Error)]
pub enum NoQuery {
    /// It is wrong.
    #[error(transparent)]
    Wrong(#[from] QueryError),
    /// The language has no tables here.
    #[error(transparent)]
    NoTables(#[from] TablesError),
}

/// Compiles a query for a language: takes what was compiled before, if the store has
/// it, and leaves there what was not. The language need not be built in.
///
/// What is kept is under a name that the program itself is part of, as another build may
/// compile otherwise. [`Herbarium::compile`](crate::Herbarium::compile) keeps it in
/// memory, too.
///
/// # Errors
/// The text is no query of the language, or the language has no tables here.
pub fn compile(engine: &Engine, language: &str, text: &str) -> Result<Query, NoQuery> {
    compile_until(engine, language, text, None)
}

/// As [`compile`](compile()), given up at a time; see [`Compiler::compile_until`].
pub(crate) fn compile_until(
    engine: &Engine,
    language: &str,
    text: &str,
    deadline: Option<Instant>,
) -> Result<Query, NoQuery> {
    let grammar = engine.grammar(language)?;
    let store = engine.store();
    let parts =
        build().map(|build| QueryParts { engine: build, grammar: grammar.fingerprint(), text });
    if let Some(query) = parts.and_then(|parts| kept(store.kept_query(&parts), &grammar)) {
        return Ok(query);
    }
    let tables = engine.query_tables(language)?;
    let compiler = Compiler::new(tables.grammar, tables.parse_table);
    let query = compiler.compile_until(text, deadline)?;
    if let Some(parts) = parts {
        store.keep_query(&parts, &query.to_bytes());
    }
    Ok(query)
}

fn kept(bytes: Option<Vec<u8>>, grammar: &Arc<Grammar>) -> Option<Query> {
    // One that cannot be read is compiled again: nothing is lost.
    Query::from_bytes(&bytes?, grammar).ok()
}

/// What tells this build of the program from others; none where that cannot be told.
fn build() -> Option<&'static str> {
    static BUILD: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let program = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
        let written = program.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        Some(format!("{} {} {written}", env!("CARGO_PKG_VERSION"), program.len()))
    };
    BUILD.get_or_init(find).as_deref()
}

/// Queries that were compiled lately, in memory.
#[derive(Default)]
pub(crate) struct Queries {
    recent: Mutex<Recent>,
    /// By id. There are no more of these than languages.
    symbols: Mutex<HashMap<&'static str, Arc<SymbolQuery>>>,
}

/// Texts that are kept; those of editors and services repeat themselves.
const MOST: usize = 256;
/// Longer ones are compiled each time: what is kept takes a few MiB at most.
const LONGEST: usize = 64 << 10;

#[derive(Default)]
struct Recent {
    queries: HashMap<(&'static str, Arc<str>), Use>,
    /// Counts what was asked for.
    now: u64,
}

struct Use {
    query: Arc<Query>,
    last: u64,
}

impl Queries {
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        language: &str,
        text: &str,
        deadline: Option<Instant>,
    ) -> Result<Arc<Query>, NoQuery> {
        let id = id_of(language)?;
        let name = (id, Arc::from(text));
        if let Some(query) = lock(&self.recent).get(&name) {
            return Ok(query);
        }
        let query = Arc::new(compile_until(engine, id, text, deadline)?);
        if text.len() <= LONGEST {
            lock(&self.recent).put(name, &query);
        }
        Ok(query)
    }

    pub(crate) fn symbols(
        &self,
        engine: &Engine,
        language: &str,
    ) -> Option<Result<Arc<SymbolQuery>, NoQuery>> {
        let text = SymbolQuery::text_for_language(language)?;
        let id = id_of(language).ok()?;
        if let Some(query) = lock(&self.symbols).get(id) {
            return Some(Ok(Arc::clone(query)));
        }
        let made = compile(engine, id, text).map(SymbolQuery::from_query);
        let query = match made {
            Ok(Ok(query)) => Arc::new(query),
            Ok(Err(SymbolQueryError::Query(error))) => return Some(Err(error.into())),
            // A query that names no symbols is none; those that are built in do.
            Ok(Err(_)) => return None,
            Err(error) => return Some(Err(error)),
        };
        lock(&self.symbols).insert(id, Arc::clone(&query));
        Some(Ok(query))
    }
}

fn id_of(language: &str) -> Result<&'static str, TablesError> {
    let found = known().iter().find(|row| row.id == language);
    found.map(|row| row.id).ok_or_else(|| TablesError::Unknown { id: language.to_owned() })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recent {
    fn get(&mut self, name: &(&'static str, Arc<str>)) -> Option<Arc<Query>> {
        self.now += 1;
        let kept = self.queries.get_mut(name)?;
        kept.last = self.now;
        Some(Arc::clone(&kept.query))
    }

    fn put(&mut self, name: (&'static str, Arc<str>), query: &Arc<Query>) {
        if self.queries.len() >= MOST {
            let oldest = self.queries.iter().min_by_key(|(_, kept)| kept.last);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.queries.remove(&oldest);
            }
        }
        self.now += 1;
        self.queries.insert(name, Use { query: Arc::clone(query), last: self.now });
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recent, symbols) = (lock(&self.recent).queries.len(), lock(&self.symbols).len());
        f.debug_struct("Queries").field("recent", &recent).field("symbols", &symbols).finish()
    }
}

#[cfg(test)]
mod tests {
    use herbarium_index::EngineOptions;
    use herbarium_store::{Store, StoreOptions};

    use super::*;

    #[test]
    fn a_text_is_compiled_once_and_the_oldest_is_forgotten_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::new()).unwrap();
        let engine = Engine::new(Arc::new(store), EngineOptions::default());
        let queries = Queries::default();
        let compile = |text: &str| queries.compile(&engine, "json", text, None).unwrap();
        let first = compile("(number) @n");
        assert!(Arc::ptr_eq(&first, &compile("(number) @n")));
        for number in 0..MOST {
            compile(&format!("(number) @n{number}"));
        }
        assert_eq!(lock(&queries.recent).queries.len(), MOST);
        assert!(!Arc::ptr_eq(&first, &compile("(number) @n")));
        assert!(matches!(
            queries.compile(&engine, "json", "(no) @n", None),
            Err(NoQuery::Wrong(_))
        ));
        assert!(matches!(
            queries.compile(&engine, "no", "(_) @n", None),
            Err(NoQuery::NoTables(_))
        ));
    }

    #[test]
    fn symbol_queries_are_there_for_languages_that_have_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::new()).unwrap();
        let engine = Engine::new(Arc::new(store), EngineOptions::default());
        let queries = Queries::default();
        let first = queries.symbols(&engine, "rust").unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &queries.symbols(&engine, "rust").unwrap().unwrap()));
        assert!(queries.symbols(&engine, "no such language").is_none());
    }
}
