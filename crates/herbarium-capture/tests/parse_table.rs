//! Parse tables read off the core languages, against what tree-sitter's public
//! interface says of the same grammars: state by state, symbol by symbol.
#![cfg(feature = "direct")]

use std::collections::BTreeSet;

use herbarium_capture::{grammar_of, parse_table_of};
use herbarium_codec::{Action, ParseTable, Symbol};
use herbarium_languages::{all, by_id};

/// Calls `look` with every core language and its table.
fn check(look: impl Fn(&tree_sitter::Language, &ParseTable, &str)) {
    assert!(all().len() >= 16);
    for language in all() {
        let live = language.tree_sitter();
        look(&live, &parse_table_of(&live), language.id());
    }
}

#[test]
fn symbols_show_what_the_kinds_of_the_grammar_show() {
    check(|live, table, id| {
        assert_eq!(table.symbols.len(), live.node_kind_count(), "{id}");
        assert_eq!(table.public.len(), live.node_kind_count(), "{id}");
        assert!(table.tokens < table.symbol_count, "{id}");
        for symbol in 0..live.node_kind_count() as u16 {
            let bits = table.symbol(symbol);
            let visible = bits & Symbol::VISIBLE != 0;
            assert_eq!(visible, live.node_kind_is_visible(symbol), "{id} {symbol}");
            let named = visible && bits & Symbol::NAMED != 0;
            assert_eq!(named, live.node_kind_is_named(symbol), "{id} {symbol}");
            let supertype = bits & Symbol::SUPERTYPE != 0 && !visible;
            assert_eq!(supertype, live.node_kind_is_supertype(symbol), "{id} {symbol}");
            let public = table.public[usize::from(symbol)];
            let name = |symbol| live.node_kind_for_id(symbol);
            assert_eq!(name(public), name(symbol), "{id} {symbol}");
        }
    });
}

/// Says how many kinds count as one of another name.
fn check_public_kinds(live: &tree_sitter::Language, id: &str) -> usize {
    let table = parse_table_of(live);
    let grammar = grammar_of(live, id, "test").expect("a grammar table");
    let name = |kind| (grammar.kind_name(kind), grammar.is_named(kind));
    let mut others = 0;
    for kind in (0..).take(grammar.kind_count()).filter(|&kind| live.node_kind_is_visible(kind)) {
        let public = table.public[usize::from(kind)];
        let is_other = name(public) != name(kind);
        others += usize::from(is_other);
        let expected = if is_other { public } else { kind };
        assert_eq!(grammar.public_kind(kind), expected, "{id} {kind} {:?}", name(kind));
    }
    others
}

#[test]
fn a_kind_counts_as_another_only_where_the_parse_table_says_so() {
    for language in all() {
        check_public_kinds(&language.tree_sitter(), language.id());
    }
    assert_eq!(check_public_kinds(&arborium_vim::language().into(), "vim"), 2);
}

#[test]
fn every_state_goes_where_the_grammar_goes() {
    check(|live, table, id| {
        assert_eq!(table.states.len(), live.parse_state_count(), "{id}");
        assert_eq!(table.primary.len(), live.parse_state_count(), "{id}");
        for (state, row) in (0u16..).zip(&table.states) {
            for &(symbol, value) in row {
                let expected = live.next_state(state, symbol);
                assert_eq!(next(table, state, symbol, value), expected, "{id} {state} {symbol}");
            }
        }
    });
}

/// The state that follows, as tree-sitter's public interface counts: by the
/// last action on a token.
fn next(table: &ParseTable, state: u16, symbol: u16, value: u16) -> u16 {
    if symbol >= table.tokens {
        return value;
    }
    match table.actions[usize::from(value)].last() {
        Some(Action::Shift { state }) => *state,
        Some(Action::Extra) => state,
        _ => 0,
    }
}

#[test]
fn every_state_takes_the_symbols_that_may_come() {
    check(|live, table, id| {
        for (state, row) in (0u16..).zip(&table.states) {
            let Some(expected) = live.lookahead_iterator(state) else { continue };
            let expected: BTreeSet<u16> = expected.collect();
            let found: BTreeSet<u16> = row.iter().map(|entry| entry.0).collect();
            assert_eq!(found, expected, "{id} state {state}");
            assert_eq!(found.len(), row.len(), "{id} state {state}: each symbol once");
        }
    });
}

#[test]
fn every_number_in_a_table_is_one_of_it() {
    check(|live, table, id| {
        let (symbols, states) = (table.symbols.len() as u16, table.states.len() as u16);
        assert_eq!(table.alias_sequences.len(), table.fields.len(), "{id}");
        for production in 0..table.fields.len() as u16 {
            let fields = table.fields_of(production);
            let known = |field: u16| 1 <= field && usize::from(field) <= live.field_count();
            assert!(fields.iter().all(|entry| known(entry.field)), "{id} {production}");
            let aliases = &table.alias_sequences[usize::from(production)];
            assert!(aliases.iter().all(|alias| *alias < symbols), "{id} {production}");
        }
        for action in table.actions.iter().flatten() {
            match *action {
                Action::Shift { state } => assert!(state < states, "{id} {action:?}"),
                Action::Reduce { symbol, production, .. } => {
                    assert!(table.tokens <= symbol && symbol < symbols, "{id} {action:?}");
                    assert!(usize::from(production) < table.fields.len(), "{id} {action:?}");
                }
                Action::Extra | Action::Other => {}
            }
        }
        assert!(table.primary.iter().all(|primary| *primary < states), "{id}");
        assert!(table.aliases.is_sorted_by_key(|entry| entry.0), "{id}");
        let shown = table.aliases.iter().flat_map(|entry| &entry.1);
        assert!(shown.copied().all(|symbol| symbol < symbols), "{id}");
    });
}

#[test]
fn a_symbol_is_shown_as_its_aliases_or_its_public_kind() {
    check(|_, table, id| {
        for symbol in 0..table.symbols.len() as u16 {
            let listed = table.aliases.iter().find(|entry| entry.0 == symbol);
            let expected = match listed {
                Some((_, aliases)) => aliases.clone(),
                None => vec![table.public[usize::from(symbol)]],
            };
            assert_eq!(table.shown_as(symbol), expected, "{id} {symbol}");
            assert!(listed.is_none() || symbol >= table.tokens, "{id} {symbol}: a token");
        }
    });
}

#[test]
fn an_alias_is_found_at_its_child() {
    let live = by_id("javascript").expect("a core language").tree_sitter();
    let table = parse_table_of(&live);
    let property = live.id_for_node_kind("shorthand_property_identifier", true);
    let aliased = (0..table.alias_sequences.len() as u16)
        .any(|production| (0..9).any(|child| table.alias_at(production, child) == property));
    assert!(aliased, "a rule shows a child as `shorthand_property_identifier`");
}
