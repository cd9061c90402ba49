//! Reading a parse table off a linked grammar.
//!
//! Calls `table.c` and turns the numbers it writes into a table.

use std::collections::HashMap;
use std::ffi::c_void;

use herbarium_codec::{Action, ChildField, ParseTable};

unsafe extern "C" {
    fn herbarium_parse_table(language: *const c_void, out: *mut u16, capacity: usize) -> usize;
}

/// The parse table of a linked grammar, as far as it says which nodes can
/// stand where: what compiling a query takes besides the grammar table.
///
/// Cost: some milliseconds, and megabytes for the largest grammars.
pub fn parse_table_of(language: &tree_sitter::Language) -> ParseTable {
    Words(words_of(language).into_iter()).table()
}

fn words_of(language: &tree_sitter::Language) -> Vec<u16> {
    let raw = language.clone().into_raw();
    // SAFETY: `raw` is a language that `language` keeps alive; with no
    // capacity nothing is written, only counted.
    let size = unsafe { herbarium_parse_table(raw.cast(), std::ptr::null_mut(), 0) };
    let mut words = vec![0; size];
    // SAFETY: as above, and `words` has room for `size` numbers.
    unsafe { herbarium_parse_table(raw.cast(), words.as_mut_ptr(), size) };
    // SAFETY: `raw` came from `into_raw` and is used no more.
    drop(unsafe { tree_sitter::Language::from_raw(raw) });
    words
}

/// The numbers, in the order of `table.c`.
struct Words(std::vec::IntoIter<u16>);

impl Words {
    fn next(&mut self) -> u16 {
        self.0.next().unwrap_or(0)
    }

    fn list<T>(&mut self, len: u16, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..len).map(|_| item(self)).collect()
    }

    fn table(mut self) -> ParseTable {
        let mut table = ParseTable { tokens: self.next(), ..ParseTable::default() };
        table.symbol_count = self.next();
        let symbols = self.next();
        for _ in 0..symbols {
            table.symbols.push(self.next() as u8);
            table.public.push(self.next());
        }
        table.aliases = self.aliases();
        self.productions(&mut table);
        self.states(&mut table);
        table
    }

    fn aliases(&mut self) -> Vec<(u16, Vec<u16>)> {
        let mut aliases = Vec::new();
        loop {
            let symbol = self.next();
            if symbol == 0 {
                return aliases;
            }
            let count = self.next();
            aliases.push((symbol, self.list(count, Self::next)));
        }
    }

    fn productions(&mut self, table: &mut ParseTable) {
        let (count, children) = (self.next(), self.next());
        for _ in 0..count {
            table.alias_sequences.push(self.list(children, Self::next));
            let fields = self.next();
            table.fields.push(self.list(fields, Self::field));
        }
    }

    fn field(&mut self) -> ChildField {
        let (field, child) = (self.next(), self.next());
        ChildField { field, child: child as u8, inherited: child >> 8 != 0 }
    }

    fn states(&mut self, table: &mut ParseTable) {
        let mut known = HashMap::new();
        for _ in 0..self.next() {
            table.primary.push(self.next());
            let mut row = Vec::new();
            loop {
                let symbol = self.next();
                if symbol == u16::MAX {
                    break;
                }
                let mut value = self.next();
                if symbol < table.tokens {
                    let list = self.list(value, Self::action);
                    value = *known.entry(list).or_insert_with_key(|list| {
                        table.actions.push(list.clone());
                        (table.actions.len() - 1) as u16
                    });
                }
                row.push((symbol, value));
            }
            table.states.push(row);
        }
    }

    fn action(&mut self) -> Action {
        match self.next() {
            0 => Action::Shift { state: self.next() },
            1 => {
                self.next();
                Action::Extra
            }
            2 => Action::Reduce {
                symbol: self.next(),
                children: self.next() as u8,
                production: self.next(),
            },
            _ => Action::Other,
        }
    }
}
