//! The part of a grammar's parse table that says which nodes can stand where.
//!
//! Trees need none of it. A query compiler does: whether a pattern can match
//! at all, and from which step on it is bound to, follows from the rules that
//! only the parse table of the generated parser still holds.

mod bytes;

/// The rules of a grammar, as far as the children of its nodes go.
///
/// Numbers are those of the generated parser: *symbols* are the kinds of the
/// grammar table, hidden ones included, before its map to public kinds is
/// applied; *productions* are the numbers under which aliases and fields of a
/// rule are kept; *states* are those of the LR automaton.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParseTable {
    /// Symbols below this number are tokens, the others are built by reducing.
    pub tokens: u16,
    /// What each symbol shows, aliases included: bits of [`Symbol`].
    pub symbols: Vec<u8>,
    /// Number of symbols that are not only aliases.
    pub symbol_count: u16,
    /// The kind that a symbol is shown as.
    pub public: Vec<u16>,
    /// The symbols under which a symbol may be shown, where an alias adds to
    /// its own: sorted by symbol. Tokens have none here, aliased or not.
    pub aliases: Vec<(u16, Vec<u16>)>,
    /// For each production, the alias of each child; 0 for none.
    pub alias_sequences: Vec<Vec<u16>>,
    /// For each production, the fields of its children.
    pub fields: Vec<Vec<ChildField>>,
    /// The distinct lists of actions on a token.
    pub actions: Vec<Vec<Action>>,
    /// For each state, what may come next: a symbol, and for tokens a list in
    /// `actions`, for other symbols the state that follows.
    pub states: Vec<Vec<(u16, u16)>>,
    /// For each state, the one that stands for all that behave as it does.
    pub primary: Vec<u16>,
}

/// Bits of [`ParseTable::symbols`].
pub struct Symbol;

impl Symbol {
    /// Shown in trees.
    pub const VISIBLE: u8 = 1;
    /// A rule, as against a literal.
    pub const NAMED: u8 = 2;
    /// Stands for other kinds in queries.
    pub const SUPERTYPE: u8 = 4;
}

/// The field of one child in a production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildField {
    /// Number of the field.
    pub field: u16,
    /// Number of the child, extras not counted.
    pub child: u8,
    /// Whether a child of that (hidden) child has the field.
    pub inherited: bool,
}

/// What a parser may do on a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Take it and go on in a state.
    Shift {
        /// The state that follows.
        state: u16,
    },
    /// Take it as an extra, in the same state.
    Extra,
    /// Build a node from the last children.
    Reduce {
        /// Symbol of the node.
        symbol: u16,
        /// Number of its children.
        children: u8,
        /// Its production.
        production: u16,
    },
    /// Anything else: accept, recover.
    Other,
}

impl ParseTable {
    /// Bits of a symbol; those of an error for `ERROR`.
    pub fn symbol(&self, symbol: u16) -> u8 {
        match symbol {
            u16::MAX => Symbol::VISIBLE | Symbol::NAMED,
            symbol => self.symbols.get(usize::from(symbol)).copied().unwrap_or(0),
        }
    }

    /// The symbols under which a symbol may be shown: itself, as its public
    /// kind, unless aliases are listed.
    pub fn shown_as(&self, symbol: u16) -> &[u16] {
        match self.aliases.binary_search_by_key(&symbol, |entry| entry.0) {
            Ok(found) => self.aliases.get(found).map_or(&[], |entry| &entry.1),
            Err(_) => self.public.get(usize::from(symbol)).map_or(&[], std::slice::from_ref),
        }
    }

    /// The alias of a child in a production; 0 for none.
    pub fn alias_at(&self, production: u16, child: usize) -> u16 {
        let sequence = self.alias_sequences.get(usize::from(production));
        sequence.and_then(|sequence| sequence.get(child)).copied().unwrap_or(0)
    }

    /// The fields of a production.
    pub fn fields_of(&self, production: u16) -> &[ChildField] {
        self.fields.get(usize::from(production)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_table_does_not_have_stand_for_nothing() {
        let field = ChildField { field: 1, child: 0, inherited: false };
        let table = ParseTable {
            symbols: vec![0, Symbol::VISIBLE],
            public: vec![0, 1],
            aliases: vec![(0, vec![1])],
            alias_sequences: vec![vec![0, 1]],
            fields: vec![vec![field]],
            ..ParseTable::default()
        };
        assert_eq!([0, 1, 2].map(|symbol| table.symbol(symbol)), [0, Symbol::VISIBLE, 0]);
        assert_eq!(table.symbol(crate::ERROR_KIND), Symbol::VISIBLE | Symbol::NAMED);
        assert_eq!([0, 1].map(|symbol| table.shown_as(symbol)), [[1], [1]]);
        assert!(table.shown_as(2).is_empty());
        let aliases = [(0, 0), (0, 1), (0, 2), (1, 0)];
        assert_eq!(aliases.map(|(rule, child)| table.alias_at(rule, child)), [0, 1, 0, 0]);
        assert_eq!((table.fields_of(0), table.fields_of(1)), (&[field][..], &[][..]));
    }
}
