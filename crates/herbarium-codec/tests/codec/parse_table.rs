//! Parse tables: to bytes and back, what is refused, and that their page says
//! what the code writes.

use std::path::Path;

use herbarium_codec::{
    Action, ChildField, DecodeError, Grammar, GrammarParts, Kind, ParseTable, Symbol, doc,
};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// The table of the grammar of sums, as the page has it.
fn sums() -> ParseTable {
    const SHOWN: u8 = Symbol::VISIBLE | Symbol::NAMED;
    let field = |field, child| ChildField { field, child, inherited: false };
    let shift = |state| vec![Action::Shift { state }];
    ParseTable {
        tokens: 3,
        symbols: vec![0, SHOWN, Symbol::VISIBLE, SHOWN],
        symbol_count: 4,
        public: vec![0, 1, 2, 3],
        aliases: vec![],
        alias_sequences: vec![vec![], vec![]],
        fields: vec![vec![], vec![field(1, 0), field(2, 2)]],
        actions: vec![
            shift(3),
            vec![Action::Other],
            shift(4),
            shift(5),
            vec![Action::Reduce { symbol: 3, children: 3, production: 1 }],
        ],
        states: vec![
            vec![],
            vec![(1, 0), (3, 2)],
            vec![(0, 1)],
            vec![(2, 2)],
            vec![(1, 3)],
            vec![(0, 4), (2, 4)],
            vec![],
        ],
        primary: vec![0, 1, 2, 3, 4, 5, 5],
    }
}

/// Puts the right checksum behind bytes that were changed.
fn seal(bytes: &mut [u8]) {
    let body = bytes.len().saturating_sub(8);
    let checksum = xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
}

/// What a table takes besides itself, roughly as an allocator counts.
fn memory(table: &ParseTable) -> usize {
    fn of<T>(list: &Vec<T>) -> usize {
        list.capacity() * size_of::<T>()
    }
    let sum = |sizes: &mut dyn Iterator<Item = usize>| sizes.sum::<usize>();
    of(&table.symbols)
        + of(&table.public)
        + of(&table.primary)
        + of(&table.aliases)
        + of(&table.alias_sequences)
        + of(&table.fields)
        + of(&table.actions)
        + of(&table.states)
        + sum(&mut table.aliases.iter().map(|entry| of(&entry.1)))
        + sum(&mut table.alias_sequences.iter().map(of))
        + sum(&mut table.fields.iter().map(of))
        + sum(&mut table.actions.iter().map(of))
        + sum(&mut table.states.iter().map(of))
}

#[test]
fn the_table_of_the_page_is_what_to_bytes_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/parse-table-v1.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let dump = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut bytes = Vec::new();
    for line in dump.expect("a dump").lines() {
        let (offset, rest) = line.split_once("  ").expect("an offset");
        assert_eq!(usize::from_str_radix(offset, 16), Ok(bytes.len()), "offset of `{line}`");
        let row = rest.split("  ").next().unwrap_or_default();
        bytes.extend(row.split(' ').map(|hex| u8::from_str_radix(hex, 16).expect("a byte")));
    }
    let written = sums().to_bytes(doc::sums().fingerprint());
    assert_eq!(bytes, written, "the code writes {written:02x?}");
}

#[test]
fn a_table_comes_back() {
    let bytes = sums().to_bytes(doc::sums().fingerprint());
    assert_eq!(ParseTable::from_bytes(&bytes, &doc::sums()), Ok(sums()));
}

#[test]
fn every_single_bit_flip_and_every_cut_is_an_error() {
    let (grammar, bytes) = (doc::sums(), sums().to_bytes(doc::sums().fingerprint()));
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A newer minor version is read as this one; but the checksum is wrong.
        assert!(ParseTable::from_bytes(&bytes, &grammar).is_err(), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(ParseTable::from_bytes(&bytes[..len], &grammar).is_err(), "{len} bytes");
    }
    let more = [&bytes[..], &[0]].concat();
    assert!(ParseTable::from_bytes(&more, &grammar).is_err(), "one byte more");
}

fn check_refused(change: impl Fn(&mut Vec<u8>), expected: &str) {
    let mut bytes = sums().to_bytes(doc::sums().fingerprint());
    change(&mut bytes);
    seal(&mut bytes);
    let error = ParseTable::from_bytes(&bytes, &doc::sums()).expect_err(expected);
    assert!(error.to_string().contains(expected), "{expected}: {error}");
}

#[test]
fn what_is_no_table_of_the_grammar_is_refused_by_name() {
    check_refused(|bytes| bytes[0] = b'X', "magic bytes");
    check_refused(|bytes| bytes[4] = 2, "parse table has format version 2.0");
    check_refused(|bytes| bytes[22] = 5, "invalid number of tokens");
    check_refused(|bytes| bytes[24] = 3, "4 as in the grammar table");
    check_refused(|bytes| bytes[25] = 8, "invalid bits of a symbol");
    check_refused(|bytes| bytes[29] = 1, "invalid public kind");
    let other = GrammarParts { version: "1.0.1".into(), ..doc::sums().parts().clone() };
    let other = Grammar::new(other).expect("a grammar");
    let bytes = sums().to_bytes(doc::sums().fingerprint());
    let refused = ParseTable::from_bytes(&bytes, &other);
    assert!(matches!(refused, Err(DecodeError::Grammar { .. })), "{refused:?}");
}

#[test]
fn a_newer_minor_version_is_read() {
    let mut bytes = sums().to_bytes(doc::sums().fingerprint());
    bytes[5] = 9;
    seal(&mut bytes);
    assert_eq!(ParseTable::from_bytes(&bytes, &doc::sums()), Ok(sums()));
}

const SYMBOLS: u16 = 40;
const STATES: u16 = 300;
const FIELDS: u16 = 5;

/// A grammar of as many symbols, states and fields.
fn grammar() -> Grammar {
    let kind = |number| Kind {
        name: format!("kind_{number}"),
        named: true,
        visible: true,
        supertype: false,
    };
    Grammar::new(GrammarParts {
        name: "any".into(),
        states: STATES.into(),
        kinds: (0..SYMBOLS).map(kind).collect(),
        fields: (0..FIELDS).map(|number| format!("field_{number}")).collect(),
        ..GrammarParts::default()
    })
    .expect("a grammar")
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0..STATES).prop_map(|state| Action::Shift { state }),
        Just(Action::Extra),
        (0..SYMBOLS, any::<u8>(), 0..900_u16).prop_map(|(symbol, children, production)| {
            Action::Reduce { symbol, children, production }
        }),
        Just(Action::Other),
    ]
}

fn lists<T: std::fmt::Debug>(
    item: impl Strategy<Value = T>,
    most: usize,
) -> impl Strategy<Value = Vec<Vec<T>>> {
    prop::collection::vec(prop::collection::vec(item, 0..6), 1..most)
}

prop_compose! {
    /// Any table of that grammar.
    fn any_table()(
        tokens in 0..=SYMBOLS,
        symbols in prop::collection::vec(0..8_u8, usize::from(SYMBOLS)),
        public in prop::collection::vec(0..SYMBOLS, usize::from(SYMBOLS)),
        aliases in prop::collection::btree_map(
            0..SYMBOLS, prop::collection::vec(0..SYMBOLS, 0..4), 0..9),
        alias_sequences in lists(0..SYMBOLS, 9),
        fields in lists((0..=FIELDS, any::<u8>(), any::<bool>()), 9),
        actions in lists(any_action(), 30),
        rows in prop::collection::vec(
            prop::collection::vec((0..SYMBOLS, any::<u16>()), 0..12), usize::from(STATES)),
        primary in prop::collection::vec(0..STATES, usize::from(STATES)),
    ) -> ParseTable {
        let field = |(field, child, inherited)| ChildField { field, child, inherited };
        let follows = |(symbol, value): (u16, u16)| {
            let of = if symbol < tokens { actions.len() as u16 } else { STATES };
            (symbol, value % of)
        };
        ParseTable {
            tokens,
            symbol_count: SYMBOLS,
            symbols,
            public,
            aliases: aliases.into_iter().collect(),
            alias_sequences,
            fields: fields.into_iter().map(|of| of.into_iter().map(field).collect()).collect(),
            states: rows.into_iter().map(|row| row.into_iter().map(follows).collect()).collect(),
            actions,
            primary,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_table_comes_back(table in any_table()) {
        let grammar = grammar();
        let bytes = table.to_bytes(grammar.fingerprint());
        let again = ParseTable::from_bytes(&bytes, &grammar);
        prop_assert_eq!(&again, &Ok(table));
        prop_assert!(memory(&again.unwrap_or_default()) <= 32 * bytes.len());
    }

    /// Under a right checksum: the checks behind it are what is tried.
    #[test]
    fn changed_bytes_give_an_error_or_a_small_table(
        table in any_table(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let grammar = grammar();
        let mut bytes = table.to_bytes(grammar.fingerprint());
        for (place, byte) in changes {
            let body = 22..bytes.len() - 8;
            bytes[body.start + place.index(body.len())] = byte;
        }
        if cuts {
            bytes.truncate(30 + cut.index(bytes.len() - 30));
        }
        seal(&mut bytes);
        if let Ok(table) = ParseTable::from_bytes(&bytes, &grammar) {
            prop_assert!(memory(&table) <= 32 * bytes.len());
        }
    }

    #[test]
    fn any_bytes_give_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(ParseTable::from_bytes(&bytes, &grammar()).is_err());
    }
}
