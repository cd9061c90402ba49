//! Which definition stands in which, and what follows from it.

use std::cmp::Reverse;

use herbarium_codec::Tree;
use herbarium_query::QueryMatch;

use crate::kind::{Role, SymbolKind};
use crate::query::{Part, SymbolQuery};
use crate::symbol::Symbol;

/// Memory of the walk along the text.
#[derive(Debug, Default)]
pub(crate) struct Nest {
    /// Functions without a name: start and end.
    scopes: Vec<(usize, Reverse<usize>)>,
    /// What is around the place, outermost first.
    open: Vec<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// The definition, by number among those that are kept; none for a function
    /// without a name.
    symbol: Option<u32>,
    start: usize,
    end: usize,
    /// It is a function, or in one; a type in a function has members of its own.
    in_function: bool,
    /// The pattern and the kind, if the definition goes on up to the next of that.
    rest: Option<(u16, SymbolKind)>,
}

impl Open {
    /// A definition does not contain another one in the same declaration; nor,
    /// where it goes on to the next of its kind, one of that kind.
    fn contains(&self, symbol: &Symbol) -> bool {
        let is_next = |(_, kind)| kind == symbol.kind && symbol.role == Role::Definition;
        if self.rest.is_some_and(is_next) {
            return false;
        }
        let (start, end) = (symbol.range.start_byte, symbol.range.end_byte);
        self.end >= end
            && (symbol.role == Role::Reference || (self.start, self.end) != (start, end))
    }
}

impl Nest {
    pub(crate) fn clear(&mut self) {
        self.scopes.clear();
        self.open.clear();
    }

    /// Keeps the functions without a name that a match captures.
    pub(crate) fn note_scopes(&mut self, query: &SymbolQuery, found: &QueryMatch<'_, '_>) {
        let captures = found.captures();
        let scopes = captures.filter(|it| query.parts.get(it.index as usize) == Some(&Part::Scope));
        self.scopes.extend(scopes.map(|it| (it.node.start_byte(), Reverse(it.node.end_byte()))));
    }

    /// Sets the containers of symbols that are sorted by start, the larger
    /// first; applies what patterns say about the place of definitions.
    pub(crate) fn run(
        &mut self,
        query: &SymbolQuery,
        tree: &Tree,
        source: &[u8],
        symbols: &mut Vec<Symbol>,
    ) {
        let name =
            |symbol: &Symbol| source.get(symbol.name_range.start_byte..symbol.name_range.end_byte);
        let mut last: Option<usize> = None;
        self.scopes.sort_unstable();
        let mut scope = 0;
        let mut kept = 0;
        for at in 0..symbols.len() {
            let mut symbol = symbols[at];
            while let Some((start, Reverse(end))) = self.scopes.get(scope).copied()
                && start < symbol.range.start_byte
            {
                self.leave(start);
                self.open.push(Open { symbol: None, start, end, in_function: true, rest: None });
                scope += 1;
            }
            self.leave(symbol.range.start_byte);
            let rest = rest_of_scope(query, &symbol);
            if rest.is_some() {
                self.end_rest(&symbol, symbols);
                self.extend(&mut symbol, tree);
            }
            let in_function = self.around(&symbol).is_some_and(|open| open.in_function);
            symbol.container = self.container(&symbol, symbols);
            if symbol.role == Role::Definition {
                let pattern = &query.patterns[usize::from(symbol.pattern)];
                if pattern.outside_functions && in_function {
                    continue;
                }
                let around = symbol.container.map(|container| symbols[container as usize].kind);
                if let Some(kind) = pattern.kind_in_type
                    && around.is_some_and(|around| around.is_type())
                {
                    symbol.kind = kind;
                }
                if let Some(number) = last.filter(|_| pattern.clauses)
                    && let first = &mut symbols[number]
                    && (first.kind, first.container) == (symbol.kind, symbol.container)
                    && name(first) == name(&symbol)
                {
                    first.range.end_byte = symbol.range.end_byte;
                    first.range.end_point = symbol.range.end_point;
                    self.enter(&symbol, number as u32, in_function, rest);
                    continue;
                }
                last = Some(kept);
                self.enter(&symbol, kept as u32, in_function, rest);
            }
            symbols[kept] = symbol;
            kept += 1;
        }
        symbols.truncate(kept);
    }

    /// Ends the definition that went on up to this one.
    fn end_rest(&mut self, next: &Symbol, symbols: &mut [Symbol]) {
        let is_last = |open: &Open| open.rest.is_some_and(|(pattern, _)| pattern == next.pattern);
        let Some(at) = self.open.iter().rposition(is_last) else { return };
        if let Some(last) = self.open[at].symbol.and_then(|it| symbols.get_mut(it as usize)) {
            last.range.end_byte = next.range.start_byte;
            last.range.end_point = next.range.start_point;
        }
        self.open.truncate(at);
    }

    /// Lets a definition go on to the end of what it stands in.
    fn extend(&self, symbol: &mut Symbol, tree: &Tree) {
        let end = self.open.last().map_or(tree.root_node().end_byte(), |open| open.end);
        symbol.range.end_byte = end.max(symbol.range.end_byte);
        symbol.range.end_point = tree.point_at(symbol.range.end_byte);
    }

    /// Drops what ends before a place.
    fn leave(&mut self, place: usize) {
        while self.open.last().is_some_and(|open| open.end <= place) {
            self.open.pop();
        }
    }

    fn enter(
        &mut self,
        symbol: &Symbol,
        number: u32,
        in_function: bool,
        rest: Option<(u16, SymbolKind)>,
    ) {
        let (start, end) = (symbol.range.start_byte, symbol.range.end_byte);
        // Of several names in one declaration, the first stands for it.
        if self.open.last().is_none_or(|last| (last.start, last.end) != (start, end)) {
            let in_function = symbol.kind.is_function() || (in_function && !symbol.kind.is_type());
            self.open.push(Open { symbol: Some(number), start, end, in_function, rest });
        }
    }

    /// The innermost of what is around a symbol.
    fn around(&self, symbol: &Symbol) -> Option<&Open> {
        self.open.iter().rev().find(|open| open.contains(symbol))
    }

    /// The innermost definition around a symbol.
    fn container(&self, symbol: &Symbol, before: &[Symbol]) -> Option<u32> {
        let around = self.open.iter().rev().filter(|open| open.contains(symbol));
        let mut definitions = around.filter_map(|open| open.symbol);
        definitions.find(|number| {
            let other = &before[*number as usize];
            !is_declared_with(other, symbol) && !is_passed_over(other, symbol)
        })
    }
}

/// Whether a definition belongs to what is around the other, though it stands in
/// it: a field that a constructor declares, the `b` of `a = b = 1`.
fn is_passed_over(other: &Symbol, symbol: &Symbol) -> bool {
    use SymbolKind as K;
    let inner = (symbol.role == Role::Definition).then_some(symbol.kind);
    match other.kind {
        K::Constructor | K::Method => matches!(inner, Some(K::Field)),
        K::Variable => matches!(inner, Some(K::Variable | K::Constant)),
        _ => false,
    }
}

/// The pattern of a definition that goes on up to the next of it.
fn rest_of_scope(query: &SymbolQuery, symbol: &Symbol) -> Option<(u16, SymbolKind)> {
    let pattern = query.patterns.get(usize::from(symbol.pattern))?;
    (pattern.rest_of_scope && symbol.role == Role::Definition)
        .then_some((symbol.pattern, symbol.kind))
}

/// Whether `symbol` is the type in the declaration of `other`.
fn is_declared_with(other: &Symbol, symbol: &Symbol) -> bool {
    symbol.role == Role::Definition
        && symbol.kind.is_type()
        && other.name_range.start_byte >= symbol.range.end_byte
}
