//! Symbols and outlines of one source.

use std::borrow::Cow;

use herbarium::symbols::{Role, Symbol, SymbolFinder, Symbols};

use crate::opening::{Opened, hex};
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{OutlineAnswer, OutlineEntry, Place, RoleName, SymbolView, SymbolsAnswer};

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Definition => Self::Definition,
            Role::Reference => Self::Reference,
        }
    }
}

impl<'a> SymbolView<'a> {
    pub(crate) fn of(symbol: &Symbol, symbols: &Symbols<'a>) -> Self {
        let (start, end) = Place::of(&symbol.range);
        let is_definition = symbol.role == Role::Definition;
        Self {
            role: symbol.role.into(),
            kind: symbol.kind.as_str(),
            name: symbols.name(symbol),
            name_start: Place::of(&symbol.name_range).0,
            start,
            end,
            container: symbols.container_name(symbol),
            signature: is_definition.then(|| symbols.signature(symbol)),
            doc: symbols.doc(symbol),
        }
    }
}

impl Shared {
    /// A finder with its limits.
    pub(crate) fn finder(&self) -> SymbolFinder {
        let mut finder = SymbolFinder::new();
        finder.set_time_limit(Some(self.options.query_time));
        finder.set_match_limit(self.options.max_pending_matches);
        finder
    }

    /// The symbols of a source, as JSON. Blocks.
    pub(crate) fn symbols(
        &self,
        opened: &Opened,
        text: &[u8],
        role: Option<RoleName>,
    ) -> Result<Vec<u8>, Problem> {
        self.find(opened, text, |symbols| {
            let wanted = |it: &&Symbol| role.is_none_or(|role| RoleName::from(it.role) == role);
            let most = usize::try_from(self.options.max_matches).unwrap_or(usize::MAX);
            let mut found = symbols.iter().filter(wanted);
            let listed = found.by_ref().take(most).map(|it| SymbolView::of(it, symbols));
            let listed = listed.collect();
            let (key, language) = (hex(&opened.key), opened.language);
            let complete = found.next().is_none();
            to_json(&SymbolsAnswer { key, language, symbols: listed, complete })
        })
    }

    /// The outline of a source, as JSON. Blocks.
    pub(crate) fn outline(&self, opened: &Opened, text: &[u8]) -> Result<Vec<u8>, Problem> {
        self.find(opened, text, |symbols| {
            let (key, language) = (hex(&opened.key), opened.language);
            to_json(&OutlineAnswer { key, language, outline: nest(symbols), complete: true })
        })
    }

    /// Writes an answer that ends with whether it is complete.
    fn find(
        &self,
        opened: &Opened,
        text: &[u8],
        write: impl FnOnce(&Symbols<'_>) -> Vec<u8>,
    ) -> Result<Vec<u8>, Problem> {
        if self.options.baseline {
            return Err(problem::not_in_baseline());
        }
        let query = self.herbarium.symbol_query(opened.language);
        let query = query.ok_or_else(|| problem::no_symbols(opened.language))?;
        let query = query.map_err(|error| problem::no_query(opened.language, &error))?;
        let mut finder = self.finder();
        let mut out = write(&finder.find(&query, &opened.tree, text));
        // The finder says it when its symbols are no longer borrowed.
        if (finder.did_stop() || finder.did_exceed_match_limit()) && out.ends_with(b"true}") {
            out.truncate(out.len() - b"true}".len());
            out.extend_from_slice(b"false}");
        }
        Ok(out)
    }
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    crate::nested::json(&mut out, value);
    out
}

/// What is deeper is listed on this level: each takes two levels of JSON.
const DEEPEST: usize = 60;

/// Definitions, each with those in it: those whose range is in its own.
fn nest(symbols: &Symbols<'_>) -> Vec<OutlineEntry> {
    // From the outermost inwards.
    let mut open: Vec<OutlineEntry> = Vec::new();
    let mut outline = Vec::new();
    for symbol in symbols.iter().filter(|it| it.role == Role::Definition) {
        let entry = entry(symbol, symbols);
        let ends_before = |last: &OutlineEntry| last.end.byte < entry.end.byte;
        while open.len() >= DEEPEST || open.last().is_some_and(ends_before) {
            close(&mut open, &mut outline);
        }
        open.push(entry);
    }
    while !open.is_empty() {
        close(&mut open, &mut outline);
    }
    outline
}

/// The innermost that is open goes to where it belongs.
fn close(open: &mut Vec<OutlineEntry>, outline: &mut Vec<OutlineEntry>) {
    let Some(entry) = open.pop() else { return };
    match open.last_mut() {
        Some(around) => around.children.push(entry),
        None => outline.push(entry),
    }
}

fn entry(symbol: &Symbol, symbols: &Symbols<'_>) -> OutlineEntry {
    let (start, end) = Place::of(&symbol.range);
    OutlineEntry {
        kind: symbol.kind.as_str(),
        name: Cow::into_owned(symbols.name(symbol)),
        signature: symbols.signature(symbol),
        start,
        end,
        children: Vec::new(),
    }
}
