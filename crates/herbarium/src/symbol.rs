//! Symbols of files.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use herbarium_codec::Range;
use herbarium_index::{Missed, Outlet, ScanFile, Visitor};
use herbarium_symbols::{Role, Symbol, SymbolFinder, SymbolKind, SymbolQuery, Symbols};

use crate::{Answer, Error, Herbarium, Scope, ask};

/// The symbols of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSymbols {
    /// The file.
    pub path: PathBuf,
    /// The id of its language.
    pub language: &'static str,
    /// The symbols, in the order of the text.
    pub symbols: Vec<SymbolEntry>,
    /// Whether these are all: the time limit was not met.
    pub complete: bool,
}

/// A definition or a reference, with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SymbolEntry {
    /// Definition or reference.
    pub role: Role,
    /// What is defined, or how the name is used.
    pub kind: SymbolKind,
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub name_range: Range,
    /// Where all of it stands.
    pub range: Range,
    /// The name of what it belongs to.
    pub container: Option<String>,
    /// The definition without its body, on one line.
    pub signature: String,
    /// The documentation of a definition.
    pub doc: Option<String>,
}

pub(crate) fn run(
    herbarium: &Herbarium,
    scope: &Scope,
    hear: impl FnMut(FileSymbols) -> ControlFlow<()>,
) -> Result<Answer<FileSymbols>, Error> {
    let engine = herbarium.engine();
    let mut questions = ask::prepare(engine, scope, |id| herbarium.symbol_query(id))?;
    let asker = Asker { of_language: questions.take(), scope };
    questions.run(engine, scope, &asker, hear)
}

struct Asker<'a> {
    of_language: HashMap<&'static str, Arc<SymbolQuery>>,
    scope: &'a Scope,
}

impl Visitor for Asker<'_> {
    type Tools = SymbolFinder;
    type Item = FileSymbols;

    fn tools(&self) -> SymbolFinder {
        let mut finder = SymbolFinder::new();
        finder.set_time_limit(Some(self.scope.time_limit));
        finder
    }

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        finder: &mut SymbolFinder,
        outlet: &mut Outlet<'_, FileSymbols>,
    ) -> Result<(), Missed> {
        let Some(query) = self.of_language.get(file.language().id) else { return Ok(()) };
        let (path, language) = (file.path().to_owned(), file.language().id);
        let (tree, source) = file.open()?;
        let found = finder.find(query, tree, source);
        let symbols: Vec<_> = found.iter().map(|symbol| entry(symbol, &found)).collect();
        let complete = !finder.did_stop();
        if !symbols.is_empty() || !complete {
            outlet.send(FileSymbols { path, language, symbols, complete });
        }
        Ok(())
    }
}

fn entry(symbol: &Symbol, symbols: &Symbols<'_>) -> SymbolEntry {
    SymbolEntry {
        role: symbol.role,
        kind: symbol.kind,
        name: symbols.name(symbol).into_owned(),
        name_range: symbol.name_range,
        range: symbol.range,
        container: symbols.container_name(symbol).map(|name| name.into_owned()),
        signature: symbols.signature(symbol),
        doc: symbols.doc(symbol),
    }
}
