//! The handle.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use herbarium_index::{Cancel, Engine, EngineOptions, IndexReport, Opened};
use herbarium_query::Query;
use herbarium_store::{Store, StoreOptions, default_dir};
use herbarium_symbols::SymbolQuery;

use crate::compile::Queries;
use crate::{Answer, Error, FileMatches, FileSymbols, NoQuery, Scope, matches, symbol};

/// A store of trees, and what can be asked of it.
///
/// All methods take `&self` and may be called from many threads. Several handles, in
/// one process or in many, may share one store.
#[derive(Debug)]
pub struct Herbarium {
    engine: Engine,
    queries: Queries,
}

impl Herbarium {
    /// Opens the store in that folder, or makes one there.
    ///
    /// # Errors
    /// The folder cannot be written, or has a store of a newer version.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let store = Store::open(folder.as_ref(), StoreOptions::new())?;
        Ok(Self::with_engine(Engine::new(Arc::new(store), EngineOptions::default())))
    }

    /// Opens the store that the `herbarium` command uses: in the folder that
    /// `HERBARIUM_STORE` names, else in the user's cache folder.
    ///
    /// # Errors
    /// As [`Herbarium::open`]; and where no such folder is known.
    pub fn open_default() -> Result<Self, Error> {
        Self::open(default_dir()?)
    }

    /// A handle with options of one's own.
    pub fn with_engine(engine: Engine) -> Self {
        Self { engine, queries: Queries::default() }
    }

    /// The engine, for progress, verification and scans of one's own.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A query, compiled for a language: the one that was, if it was lately, or if the
    /// store has it; see [`compile`](crate::compile()).
    ///
    /// ```
    /// # use herbarium::Herbarium;
    /// # let dir = tempfile::tempdir()?;
    /// let herbarium = Herbarium::open(dir.path())?;
    /// let query = herbarium.compile("rust", "(function_item name: (_) @name)")?;
    /// assert_eq!(query.capture_names(), ["name"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The text is no query of the language, or the language has no tables here.
    pub fn compile(&self, language: &str, query: &str) -> Result<Arc<Query>, NoQuery> {
        self.queries.compile(&self.engine, language, query, None)
    }

    /// As [`compile`](Herbarium::compile), given up at a time: for the queries of others,
    /// of which some that are short take minutes.
    ///
    /// # Errors
    /// As [`compile`](Herbarium::compile), and
    /// [`TooSlow`](herbarium_query::QueryErrorKind::TooSlow).
    pub fn compile_until(
        &self,
        language: &str,
        query: &str,
        deadline: Instant,
    ) -> Result<Arc<Query>, NoQuery> {
        self.queries.compile(&self.engine, language, query, Some(deadline))
    }

    /// The query for the symbols of a language; none if no symbols are known of it.
    ///
    /// # Errors
    /// The language has no tables here.
    pub fn symbol_query(&self, language: &str) -> Option<Result<Arc<SymbolQuery>, NoQuery>> {
        self.queries.symbols(&self.engine, language)
    }

    /// Brings the store up to date with these folders and files. Queries and symbols
    /// do that by themselves.
    ///
    /// # Errors
    /// A path is not there, or the store cannot be written. What concerns one file
    /// alone is in the report.
    pub fn index<P: AsRef<Path>>(
        &self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<IndexReport, Error> {
        let paths: Vec<PathBuf> = paths.into_iter().map(|path| path.as_ref().to_owned()).collect();
        Ok(self.engine.index(&paths, &(), &Cancel::new())?)
    }

    /// The tree of a file: from the store, or, if the store does not have it yet,
    /// from the parser.
    ///
    /// # Errors
    /// The file cannot be read, or is in no known language.
    pub fn tree(&self, path: impl AsRef<Path>) -> Result<Opened, Error> {
        Ok(self.engine.open(path.as_ref())?)
    }

    /// Everything that a tree-sitter query matches, in the order of the paths.
    ///
    /// All of it is held in memory: [`Herbarium::query_each`] hands it on file by
    /// file.
    ///
    /// # Errors
    /// The query is wrong in every language it is asked in; a path is not there, or
    /// the store cannot be read or written.
    pub fn query(&self, scope: &Scope, query: &str) -> Result<Answer<FileMatches>, Error> {
        let mut files = Vec::new();
        let mut answer = self.query_each(scope, query, |file| {
            files.push(file);
            ControlFlow::Continue(())
        })?;
        answer.files = files;
        Ok(answer)
    }

    /// As [`Herbarium::query`]; hands on each file that has a match, in the order of
    /// the paths, on the thread of the caller, who may end it. The answer has no
    /// files.
    ///
    /// # Errors
    /// As [`Herbarium::query`].
    pub fn query_each(
        &self,
        scope: &Scope,
        query: &str,
        hear: impl FnMut(FileMatches) -> ControlFlow<()>,
    ) -> Result<Answer<FileMatches>, Error> {
        matches::run(self, scope, query, hear)
    }

    /// The definitions and references in the scope, in languages that have a
    /// [symbol query](herbarium_symbols::SymbolQuery::languages).
    ///
    /// # Errors
    /// A path is not there, or the store cannot be read or written.
    pub fn symbols(&self, scope: &Scope) -> Result<Answer<FileSymbols>, Error> {
        let mut files = Vec::new();
        let mut answer = self.symbols_each(scope, |file| {
            files.push(file);
            ControlFlow::Continue(())
        })?;
        answer.files = files;
        Ok(answer)
    }

    /// As [`Herbarium::symbols`], handed on as by [`Herbarium::query_each`].
    ///
    /// # Errors
    /// As [`Herbarium::symbols`].
    pub fn symbols_each(
        &self,
        scope: &Scope,
        hear: impl FnMut(FileSymbols) -> ControlFlow<()>,
    ) -> Result<Answer<FileSymbols>, Error> {
        symbol::run(self, scope, hear)
    }
}
