//! The parse table, turned round: from a symbol to the ways of building it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use herbarium_codec::{Action, ParseTable, Symbol};

/// States before a state that are kept; more are dropped, as in tree-sitter.
const MAX_PREDECESSORS: usize = 256;

/// A point in building one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) state: u16,
    /// Children so far.
    pub(crate) child: u8,
    /// No child follows.
    pub(crate) done: bool,
    pub(crate) production: u16,
}

/// The ways of building one symbol.
#[derive(Debug, Default)]
pub(crate) struct Subgraph {
    /// States in which it can start.
    pub(crate) starts: Vec<u16>,
    /// What can be reached from there; sorted.
    pub(crate) positions: Vec<Position>,
}

impl Subgraph {
    /// The positions in a state after a number of children.
    pub(crate) fn at(&self, state: u16, child: u8) -> &[Position] {
        let first = Position { state, child, done: false, production: 0 };
        let from = self.positions.partition_point(|position| *position < first);
        let len = self.positions[from..]
            .partition_point(|position| (position.state, position.child) == (state, child));
        &self.positions[from..from + len]
    }
}

/// A parse table with what every query's analysis asks of it.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) table: Arc<ParseTable>,
    /// Where each symbol starts and ends, for symbols that are ever built.
    ends: HashMap<u16, Subgraph>,
    predecessors: Vec<Vec<u16>>,
    /// Subgraphs by symbol, completed when they are first asked for.
    complete: Vec<OnceLock<Option<Subgraph>>>,
}

impl Rules {
    pub(crate) fn new(table: Arc<ParseTable>) -> Self {
        let mut rules = Self {
            ends: HashMap::new(),
            predecessors: vec![Vec::new(); table.states.len()],
            complete: table.symbols.iter().map(|_| OnceLock::new()).collect(),
            table: table.clone(),
        };
        for state in 1..table.states.len() {
            for &(symbol, value) in &table.states[state] {
                rules.add(state as u16, symbol, value);
            }
        }
        rules
    }

    /// Symbols that are built and not shown: their children seem to be those
    /// of what is built from them.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = u16> + '_ {
        (self.table.tokens..self.table.symbol_count).filter(|symbol| self.is_hidden(*symbol))
    }

    pub(crate) fn is_hidden(&self, symbol: u16) -> bool {
        let is_built = (self.table.tokens..self.table.symbol_count).contains(&symbol);
        is_built && self.table.symbol(symbol) & Symbol::VISIBLE == 0
    }

    /// The ways of building a symbol; none when no rule builds it.
    pub(crate) fn subgraph(&self, symbol: u16) -> Option<&Subgraph> {
        let complete = self.complete.get(usize::from(symbol))?;
        complete.get_or_init(|| self.completed(symbol)).as_ref()
    }

    fn add(&mut self, state: u16, symbol: u16, value: u16) {
        let table = self.table.clone();
        if symbol < table.tokens {
            for action in table.actions.get(usize::from(value)).into_iter().flatten() {
                match *action {
                    Action::Shift { state: next } => self.add_predecessor(next, state),
                    Action::Reduce { symbol, children, production } => {
                        let child = children & 0x7f;
                        for shown in table.shown_as(symbol) {
                            let subgraph = self.ends.entry(*shown).or_default();
                            if subgraph.positions.last().is_none_or(|last| last.state != state) {
                                let end = Position { state, child, done: true, production };
                                subgraph.positions.push(end);
                            }
                        }
                    }
                    Action::Extra | Action::Other => {}
                }
            }
        } else if value != 0 {
            if value != state {
                self.add_predecessor(value, state);
            }
            if table.primary.get(usize::from(state)) == Some(&state) {
                for shown in table.shown_as(symbol) {
                    let subgraph = self.ends.entry(*shown).or_default();
                    if subgraph.starts.last() != Some(&state) {
                        subgraph.starts.push(state);
                    }
                }
            }
        }
    }

    fn add_predecessor(&mut self, state: u16, predecessor: u16) {
        let Some(list) = self.predecessors.get_mut(usize::from(state)) else { return };
        let is_new = list.len() < MAX_PREDECESSORS && list.last() != Some(&predecessor);
        if is_new {
            list.push(predecessor);
        }
    }

    /// Adds to the ends of a symbol all that leads there.
    fn completed(&self, symbol: u16) -> Option<Subgraph> {
        let ends = self.ends.get(&symbol).filter(|ends| !ends.positions.is_empty())?;
        let mut positions = ends.positions.clone();
        let mut next = ends.positions.clone();
        while let Some(position) = next.pop() {
            if position.child <= 1 {
                continue;
            }
            for &state in self.predecessors.get(usize::from(position.state)).into_iter().flatten() {
                let before = Position { state, child: position.child - 1, done: false, ..position };
                if let Err(at) = positions.binary_search(&before) {
                    positions.insert(at, before);
                    next.push(before);
                }
            }
        }
        Some(Subgraph { starts: ends.starts.clone(), positions })
    }
}
