//! Grammar tables and shape books: names by number, numbers by name, to bytes
//! and back, and what is refused.

use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, DecodeError, ERROR_KIND, Grammar, GrammarError, GrammarParts, Kind, NewNode, Node,
    ShapeBook, Supertype, TreeBuilder, decode, doc, encode,
};
use proptest::prelude::*;

fn kind(name: &str, named: bool, visible: bool, supertype: bool) -> Kind {
    Kind { name: name.into(), named, visible, supertype }
}

fn parts() -> GrammarParts {
    GrammarParts {
        name: "test".into(),
        version: "0.1.0".into(),
        abi: 15,
        states: 300,
        kinds: vec![
            kind("end", false, false, false),
            kind("word", true, true, false),
            kind("word", false, true, false),
            kind("word", true, true, false),
            kind("_thing", true, false, true),
            kind("_hidden", true, false, false),
            kind("müsli", true, true, false),
        ],
        fields: vec!["name".into(), "value".into(), "name".into()],
        supertypes: vec![Supertype { kind: 4, subtypes: vec![1, 3] }],
    }
}

#[test]
fn names_and_numbers_find_each_other() {
    let grammar = Grammar::new(parts()).expect("a grammar");
    let kinds = [("word", true, Some(1)), ("word", false, Some(2)), ("_thing", true, Some(4))];
    let none = [("_hidden", true, None), ("end", false, None), ("nothing", true, None)];
    let error = [("ERROR", true, Some(ERROR_KIND)), ("ERROR", false, None)];
    for (name, named, id) in kinds.into_iter().chain(none).chain(error) {
        assert_eq!(grammar.kind_id(name, named), id, "{name}");
    }
    assert_eq!(grammar.kind_name(5), Some("_hidden"));
    assert_eq!(grammar.kind_name(7), None);
    assert_eq!(grammar.kind_name(ERROR_KIND), Some("ERROR"));
    assert!(grammar.is_named(ERROR_KIND) && grammar.is_named(1) && !grammar.is_named(2));
    assert!(!grammar.is_named(7));
    assert_eq!((grammar.field_id("name"), grammar.field_id("value")), (Some(1), Some(2)));
    assert_eq!((grammar.field_name(0), grammar.field_name(3)), (None, Some("name")));
    assert_eq!((grammar.field_name(4), grammar.field_id("nothing")), (None, None));
    assert_eq!(grammar.subtypes(4), [1, 3]);
    assert!(grammar.subtypes(1).is_empty());
    assert_eq!((grammar.kind_count(), grammar.field_count(), grammar.name()), (7, 3, "test"));
    assert_eq!(grammar.parts(), &parts());
}

#[test]
fn every_part_is_in_the_fingerprint() {
    let changes: [fn(&mut GrammarParts); 10] = [
        |parts| parts.name.push('x'),
        |parts| parts.version.push('x'),
        |parts| parts.abi += 1,
        |parts| parts.states += 1,
        |parts| parts.kinds[1].name.push('x'),
        |parts| parts.kinds[1].named = false,
        |parts| parts.kinds[1].visible = false,
        |parts| parts.kinds[1].supertype = true,
        |parts| parts.fields[0].push('x'),
        |parts| parts.supertypes[0].subtypes.swap(0, 1),
    ];
    let own = Grammar::new(parts()).expect("a grammar").fingerprint();
    for (index, change) in changes.iter().enumerate() {
        let mut other = parts();
        change(&mut other);
        let other = Grammar::new(other).expect("a grammar").fingerprint();
        assert_ne!(own, other, "change {index}");
    }
}

/// [`parts`], of which the token `word` counts as the first node of that name.
fn with_public_kinds() -> Grammar {
    let grammar = Grammar::new(parts()).expect("a grammar");
    grammar.with_public_kinds([(2, 1), (3, 3)]).expect("kinds that exist")
}

#[test]
fn a_kind_counts_as_itself_or_what_the_grammar_says() {
    let grammar = with_public_kinds();
    let kinds: Vec<u16> = [0, 1, 2, 3, 7, ERROR_KIND].map(|kind| grammar.public_kind(kind)).into();
    assert_eq!(kinds, [0, 1, 1, 3, 7, ERROR_KIND]);
    let plain = Grammar::new(parts()).expect("a grammar");
    assert_eq!(plain.public_kind(2), 2);
    assert!(grammar.is_shared(1) && !grammar.is_shared(2) && !plain.is_shared(1));
    assert_ne!(plain.fingerprint(), grammar.fingerprint());
    assert_eq!(plain.clone().with_public_kinds([(2, 2)]), Ok(plain.clone()));
    let error = plain.with_public_kinds([(2, 7)]).expect_err("refused").to_string();
    assert!(error.contains("kind 7") && error.contains("`test`"), "{error}");
}

#[test]
fn what_kinds_count_as_is_in_the_bytes() {
    let (grammar, bytes) = (with_public_kinds(), with_public_kinds().to_bytes());
    assert_eq!(Grammar::from_bytes(&bytes), Ok(grammar));
    (0..bytes.len()).for_each(|len| assert!(open(&bytes[..len]).is_err(), "{len} bytes"));
}

#[test]
fn a_node_has_the_name_of_its_kind_and_the_number_of_what_it_counts_as() {
    let grammar = Arc::new(with_public_kinds());
    let mut builder = TreeBuilder::new(&grammar);
    builder.start(b"a").expect("a source");
    let node = |kind, depth| NewNode { kind, depth, end: 1, ..NewNode::default() };
    builder.push(node(1, 0)).expect("a root");
    builder.push(node(2, 1)).expect("a child");
    let tree = decode(&encode(&builder.finish().expect("a tree")), &grammar).expect("opens");
    let seen = |node: Node<'_>| (node.kind_id(), node.is_named());
    let child = tree.root_node().child(0).expect("a child");
    assert_eq!((seen(tree.root_node()), seen(child)), ((1, true), (1, false)));
    assert_eq!(tree.root_node().to_sexp(), "(word)");
    let infos: Vec<_> = (0..2).filter_map(|node| tree.shape_info(tree.shape_of(node))).collect();
    assert_eq!(infos.iter().map(|info| info.is_named).collect::<Vec<_>>(), [true, false]);
    let kinds = infos.iter().map(|info| info.kind);
    assert!(kinds.chain(tree.shape_kinds().map(|(kind, _)| kind)).all(|kind| kind == 1));
}

#[test]
fn a_grammar_beyond_16_bits_is_refused() {
    let check = |change: fn(&mut GrammarParts), word: &str| {
        let mut parts = parts();
        change(&mut parts);
        let error = Grammar::new(parts).expect_err("refused").to_string();
        assert!(error.contains(word) && error.contains("`test`"), "`{word}` is not in: {error}");
    };
    check(|parts| parts.kinds = vec![kind("k", true, true, false); 65_535], "65535 kinds");
    check(|parts| parts.fields = vec!["f".into(); 65_536], "65536 fields");
    check(|parts| parts.supertypes[0].kind = 7, "kind 7");
    check(|parts| parts.supertypes[0].subtypes.push(ERROR_KIND), "kind 65535");
    let unknown = GrammarError::UnknownKind { grammar: "test".into(), kind: 7, kinds: 7 };
    let mut other = parts();
    other.supertypes[0].kind = 7;
    assert_eq!(Grammar::new(other), Err(unknown));
}

/// Bytes as a table or a book of [`doc::sums`]; the first error.
fn open(bytes: &[u8]) -> Result<(), DecodeError> {
    match bytes.starts_with(b"HRBB") {
        true => ShapeBook::from_bytes(bytes, &doc::sums()).map(drop),
        false => Grammar::from_bytes(bytes).map(drop),
    }
}

fn table() -> Vec<u8> {
    doc::sums().to_bytes()
}

fn book() -> Vec<u8> {
    let grammar = Arc::new(doc::sums());
    let mut trainer = BookTrainer::new(&grammar);
    trainer.add(&doc::one_plus_two(&grammar));
    trainer.finish().to_bytes()
}

#[test]
fn a_changed_table_or_book_is_refused_in_words() {
    let check = |bytes: Vec<u8>, change: fn(&mut Vec<u8>), words: &[&str]| {
        let mut changed = bytes;
        change(&mut changed);
        let error = open(&changed).expect_err("refused").to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "`{word}` is not in: {error}"));
    };
    check(table(), |table| table[0] = b'X', &["not a grammar table"]);
    check(table(), |table| table[4] = 2, &["grammar table", "2.0", "major version 1"]);
    check(table(), |table| table[6] ^= 1, &["fingerprint"]);
    check(table(), |table| table[60] ^= 1, &["fingerprint"]);
    check(table(), |table| table.push(0), &["1 bytes after the table"]);
    check(table(), |table| table.truncate(50), &["truncated", "offset"]);
    check(table(), |table| table[36] = 8, &["kind flags", "offset 36", "0x08"]);
    check(book(), |book| book[4] = 2, &["shape book", "2.0", "major version 1"]);
    check(book(), |book| book[6] ^= 1, &["grammar"]);
    check(book(), |book| book.push(0), &["shape book", "its end", "1 bytes more"]);
    check(book(), |book| book.truncate(30), &["truncated", "offset"]);
    check(book(), |book| book[23] = 8, &["shape", "kinds below 4"]);
    check(book(), |book| book[31] = 3, &["shape", "fields up to 2"]);
    check(book(), |book| book[35] = 228, &["shape", "gap code", "228"]);
    check(book(), |book| book[30] = 0x2c, &["shape", "no token flags"]);
    check(book(), |book| book[27] = 0xa0, &["shape", "no tail on a token"]);
}

#[test]
fn every_truncation_of_a_table_or_book_is_refused() {
    for bytes in [table(), book()] {
        (0..bytes.len()).for_each(|len| assert!(open(&bytes[..len]).is_err(), "{len} bytes"));
    }
}

#[test]
fn a_newer_minor_of_a_table_or_book_is_read() {
    for mut bytes in [table(), book()] {
        bytes[5] = 9;
        assert_eq!(open(&bytes), Ok(()));
    }
}

#[test]
fn a_damaged_book_is_another_book() {
    let own = book();
    let id = |bytes: &[u8]| ShapeBook::from_bytes(bytes, &doc::sums()).ok().map(|book| book.id());
    // The minor version says nothing about the shapes.
    for at in (0..own.len()).filter(|at| *at != 5) {
        let mut damaged = own.clone();
        damaged[at] ^= 1;
        assert_ne!(id(&damaged), id(&own), "byte {at}");
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    (".{0,6}", any::<[bool; 3]>()).prop_map(|(name, [named, visible, supertype])| Kind {
        name,
        named,
        visible,
        supertype,
    })
}

proptest! {
    #[test]
    fn any_table_comes_back_from_its_bytes(
        name in ".{0,9}",
        version in ".{0,9}",
        numbers in any::<[u32; 2]>(),
        kinds in prop::collection::vec(any_kind(), 1..300),
        fields in prop::collection::vec(".{0,9}", 0..300),
        subtypes in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let id = |index: &prop::sample::Index| index.index(kinds.len()) as u16;
        let supertypes = subtypes.chunks(4)
            .map(|some| Supertype { kind: id(&some[0]), subtypes: some[1..].iter().map(id).collect() })
            .collect();
        let [abi, states] = numbers;
        let parts = GrammarParts { name, version, abi, states, kinds, fields, supertypes };
        let grammar = Grammar::new(parts).expect("not too many");
        let bytes = grammar.to_bytes();
        prop_assert_eq!(Grammar::from_bytes(&bytes), Ok(grammar));
    }

    #[test]
    fn any_change_of_a_table_or_book_is_an_error_or_harmless(
        which in any::<bool>(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let mut bytes = if which { table() } else { book() };
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = open(&bytes);
    }
}
