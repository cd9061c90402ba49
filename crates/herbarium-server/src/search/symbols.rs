//! Symbols of a workspace.

use std::collections::HashMap;
use std::sync::Arc;

use herbarium::index::{Missed, Outlet, ScanFile, Snapshot, Visitor};
use herbarium::symbols::{Symbol, SymbolFinder, SymbolKind, SymbolQuery, Symbols};

use super::{Field, Item, Visit, compile_for, head, is_cut, languages_of, member};
use crate::lines::Lines;
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{RoleName, SearchEnd, SearchHead, SymbolView};

/// Which symbols are handed out.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    name: Option<String>,
    /// In lower case.
    name_contains: Option<String>,
    kinds: Vec<SymbolKind>,
    role: Option<RoleName>,
}

impl Wanted {
    pub(crate) fn new(
        name: Option<String>,
        name_contains: Option<String>,
        kinds: &[String],
        role: Option<RoleName>,
    ) -> Result<Self, Problem> {
        let kind = |word: &String| {
            let found = SymbolKind::ALL.iter().find(|kind| kind.as_str() == word);
            found.copied().ok_or_else(|| {
                problem::bad_word(
                    "kinds",
                    word,
                    "kinds of symbols: `function`, `struct`, `call`, …",
                )
            })
        };
        let kinds = kinds.iter().map(kind).collect::<Result<_, _>>()?;
        let name_contains = name_contains.map(|it| it.to_lowercase());
        Ok(Self { name, name_contains, kinds, role })
    }

    fn has(&self, symbol: &Symbol, symbols: &Symbols<'_>) -> bool {
        if self.role.is_some_and(|role| role != symbol.role.into())
            || !(self.kinds.is_empty() || self.kinds.contains(&symbol.kind))
        {
            return false;
        }
        let by_name = self.name.is_some() || self.name_contains.is_some();
        let name = if by_name { symbols.name(symbol) } else { "".into() };
        self.name.as_ref().is_none_or(|wanted| *wanted == name)
            && self.name_contains.as_ref().is_none_or(|part| name.to_lowercase().contains(part))
    }
}

/// Symbols of a workspace, ready to be looked for.
pub(crate) struct SymbolSearch {
    field: Field,
    wanted: Wanted,
    snapshot: Snapshot,
    queries: HashMap<&'static str, Arc<SymbolQuery>>,
    head: SearchHead,
}

impl Shared {
    /// Finds the files, and the queries of their languages. Blocks.
    pub(crate) fn prepare_symbols(
        &self,
        field: Field,
        wanted: Wanted,
    ) -> Result<SymbolSearch, Problem> {
        let mut snapshot = self.snapshot(&field)?;
        let compile = |id: &'static str| self.herbarium.symbol_query(id);
        let (queries, left_out) = compile_for(languages_of(&snapshot), compile)?;
        snapshot.retain_languages(|id| queries.contains_key(id));
        let head = head(snapshot.len(), &queries, left_out);
        Ok(SymbolSearch { field, wanted, snapshot, queries, head })
    }

    /// Looks for them; the last line.
    pub(crate) fn run_symbols(
        &self,
        search: &SymbolSearch,
        lines: &Lines,
    ) -> Result<SearchEnd, Problem> {
        let lister = Lister { search, shared: self };
        self.scan(&search.field, &search.snapshot, &search.head, &lister, lines)
    }
}

struct Lister<'a> {
    search: &'a SymbolSearch,
    shared: &'a Shared,
}

impl Visitor for Lister<'_> {
    type Tools = SymbolFinder;
    type Item = Item;

    fn tools(&self) -> SymbolFinder {
        self.shared.finder()
    }

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        finder: &mut SymbolFinder,
        outlet: &mut Outlet<'_, Item>,
    ) -> Result<(), Missed> {
        let SymbolSearch { field, wanted, queries, .. } = self.search;
        let Some(query) = queries.get(file.language().id) else { return Ok(()) };
        let Some(visit) = Visit::new(field, file, "symbol") else { return Ok(()) };
        let (tree, source) = file.open()?;
        // A name that is not in the source is no symbol of it.
        if wanted.name.as_ref().is_some_and(|name| !contains(source, name.as_bytes())) {
            return Ok(());
        }
        let mut entries = 0;
        let symbols = finder.find(query, tree, source);
        for symbol in symbols.iter().filter(|symbol| wanted.has(symbol, &symbols)) {
            entries += 1;
            let write = |out: &mut Vec<u8>| {
                member(out, "symbol", &SymbolView::of(symbol, &symbols));
            };
            if let Some(item) = visit.entry(entries, write) {
                outlet.send(item);
            }
        }
        let is_cut = is_cut(finder.did_stop(), finder.did_exceed_match_limit());
        if entries > 0 || is_cut {
            outlet.send(visit.end(entries, is_cut));
        }
        Ok(())
    }
}

fn contains(source: &[u8], name: &[u8]) -> bool {
    !name.is_empty() && source.windows(name.len()).any(|it| it == name)
}
