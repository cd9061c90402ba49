//! Files of other versions, with other sections, for other grammars and
//! books: what is read, what is refused, and in which words.

use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, DecodeError, Decoder, Encoder, Grammar, Header, ShapeBook, decode,
    decode_standalone, doc, encode, encode_standalone,
};

use crate::parts::{Part, Parts};

fn grammar() -> Arc<Grammar> {
    Arc::new(doc::sums())
}

/// A container with the tree of `1 + 2`, changed and sealed.
fn changed(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = Parts::of(&encode(&doc::one_plus_two(&grammar()))).expect("own container");
    change(&mut parts);
    parts.seal()
}

fn part(id: u8, bytes: &[u8]) -> Part {
    Part { id, style: [0; 3], bytes: bytes.to_vec() }
}

#[track_caller]
fn check_read(bytes: &[u8]) {
    let tree = doc::one_plus_two(&grammar());
    assert_eq!(decode(bytes, &grammar()).as_ref(), Ok(&tree));
}

/// The error has each of these words.
#[track_caller]
fn check_words(error: &DecodeError, words: &[&str]) {
    let error = error.to_string();
    words.iter().for_each(|word| assert!(error.contains(word), "`{word}` is not in: {error}"));
}

#[track_caller]
fn check_refused(bytes: &[u8], words: &[&str]) {
    check_words(&decode(bytes, &grammar()).expect_err("refused"), words);
}

#[test]
fn parts_of_a_container_seal_to_the_same_container() {
    let bytes = encode_standalone(&doc::one_plus_two(&grammar()));
    assert_eq!(Parts::of(&bytes).expect("own container").seal(), bytes);
}

#[test]
fn a_newer_major_is_refused_naming_both_versions() {
    let bytes = changed(|parts| (parts.header[4], parts.header[5]) = (2, 7));
    let words = ["pressed tree", "2.7", "major version 1", "update Herbarium"];
    check_refused(&bytes, &words);
    check_words(&Header::read(&bytes).expect_err("refused"), &words);
}

#[test]
fn an_older_major_is_refused_naming_both_versions() {
    let bytes = changed(|parts| parts.header[4] = 0);
    check_refused(&bytes, &["0.0", "major version 1", "press the source again"]);
}

#[test]
fn a_newer_minor_is_read_with_its_flags_and_reserved_bytes() {
    check_read(&changed(|parts| parts.header[5] = 1));
    check_read(&changed(|parts| (parts.header[5], parts.header[6]) = (255, 255)));
    check_read(&changed(|parts| {
        parts.header[5] = 1;
        parts.sections[0].style = [0, 1, 2];
    }));
}

#[test]
fn flags_and_reserved_bytes_of_this_version_are_refused() {
    check_refused(&changed(|parts| parts.header[6] = 1), &["flags", "offset 6", "0x01"]);
    for style in [[0, 1, 0], [0, 0, 1]] {
        let bytes = changed(|parts| parts.sections[0].style = style);
        check_refused(&bytes, &["reserved bytes", "offset 50"]);
        let bytes = changed(|parts| {
            parts.sections.push(Part { id: 200, style, bytes: vec![] });
        });
        check_refused(&bytes, &["reserved bytes", "offset 66"]);
    }
}

#[test]
fn a_section_that_may_be_skipped_is_skipped_wherever_it_stands_and_however_it_is_encoded() {
    for id in [128, 129, 131, 255] {
        check_read(&changed(|parts| parts.sections.push(part(id, b"later"))));
        check_read(&changed(|parts| parts.sections.insert(0, part(id, b""))));
        check_read(&changed(|parts| {
            let unknown = Part { id, style: [9, 0, 0], bytes: b"packed".to_vec() };
            parts.sections.extend([unknown.clone(), unknown]);
        }));
    }
    check_read(&changed(|parts| parts.sections.extend((0..254).map(|_| part(200, b"x")))));
}

#[test]
fn damage_in_a_skipped_section_is_still_damage() {
    let mut bytes = changed(|parts| parts.sections.push(part(200, b"later")));
    *bytes.last_mut().expect("a byte") ^= 1;
    check_refused(&bytes, &["damaged section", "expected checksum"]);
}

#[test]
fn a_required_section_that_is_unknown_is_refused_naming_both_versions() {
    for id in [0, 2, 127] {
        let bytes = changed(|parts| {
            parts.header[5] = 3;
            parts.sections.push(part(id, b"must be understood"));
        });
        let words = [&format!("section {id} "), "offset 64", "1.0", "1.3", "update Herbarium"];
        check_refused(&bytes, &words.map(|word: &str| word));
    }
}

#[test]
fn a_container_needs_one_tree_in_plain_encoding() {
    let no_tree = changed(|parts| parts.sections[0].id = 200);
    check_refused(&no_tree, &["section table", "a tree section", "none"]);
    check_refused(&changed(|parts| parts.sections.clear()), &["a tree section"]);
    let twice = changed(|parts| parts.sections.push(parts.sections[0].clone()));
    check_refused(&twice, &["each section once", "section 1 twice", "offset 64"]);
    let packed = changed(|parts| parts.sections[0].style[0] = 1);
    check_refused(&packed, &["section encoding", "offset 49", "expected 0", "found 1"]);
}

#[test]
fn bytes_behind_the_last_section_are_damage() {
    let mut bytes = changed(|_| {});
    bytes.push(0);
    check_refused(&bytes, &["damaged section", "offset 64", "expected checksum"]);
}

#[test]
fn a_section_has_its_own_length_and_the_last_has_none() {
    let with_length = |length: u32| {
        let mut bytes = changed(|parts| parts.sections.push(part(200, b"later")));
        bytes[52..56].copy_from_slice(&length.to_le_bytes());
        bytes
    };
    check_read(&with_length(32));
    [0, 31, 33, 37].into_iter().for_each(|length| {
        check_refused(&with_length(length), &["damaged section", "offset 80", "expected checksum"]);
    });
    check_refused(&with_length(38), &["truncated section", "expected 38", "found 37"]);
    check_refused(&with_length(u32::MAX), &["truncated section", "4294967295", "found 37"]);
    let mut bytes = changed(|_| {});
    bytes[52..56].copy_from_slice(&32u32.to_le_bytes());
    let words = ["length of the last section", "offset 52", "expected 0", "found 32"];
    check_refused(&bytes, &words);
}

#[test]
fn a_shape_number_may_be_spelled_out_and_must_exist() {
    // The second of four codes, and the length of the long codes.
    let spelled = |code: u8, long: &[u8]| {
        changed(|parts| {
            let bytes = &mut parts.sections[0].bytes;
            (bytes[2], bytes[26]) = (long.len() as u8, code);
            bytes.splice(29..29, long.iter().copied());
        })
    };
    check_read(&spelled(0, &[]));
    check_read(&spelled(255, &[0, 0, 0, 0]));
    check_refused(&spelled(255, &[4, 0, 0, 0]), &["shape code", "a number below 4", "found 4"]);
    check_refused(&spelled(4, &[]), &["shape code", "a number below 4", "found 4"]);
    check_refused(&spelled(223, &[]), &["shape code", "a number below 4", "found 223"]);
    check_refused(&spelled(224, &[0]), &["shape code", "a number below 4", "found 224"]);
    check_refused(&spelled(255, &[0, 0, 0]), &["truncated"]);
    check_refused(&spelled(0, &[0, 0, 0, 0]), &["long shape codes", "4 bytes more"]);
}

#[test]
fn a_source_length_that_no_writer_produces_is_refused() {
    let bytes = changed(|parts| parts.header[40..44].fill(0xff));
    check_refused(&bytes, &["source length", "offset 40", "4294967294", "4294967295"]);
}

#[test]
fn a_node_count_that_the_codes_do_not_have_is_refused() {
    for count in [0u32, 3, 5, u32::MAX] {
        let bytes = changed(|parts| parts.header[44..].copy_from_slice(&count.to_le_bytes()));
        assert!(decode(&bytes, &grammar()).is_err(), "{count} nodes");
    }
}

#[test]
fn other_bytes_are_not_a_pressed_tree() {
    for bytes in [&b""[..], b"H", b"HRB", b"HRBG", b"PK\x03\x04 and so on"] {
        check_refused(bytes, &["not a pressed tree", "[48, 52, 42, 54]"]);
    }
}

#[test]
fn another_grammar_is_refused_naming_both() {
    let other = crate::grow::grammar();
    let error = decode(&changed(|_| {}), &other).expect_err("refused");
    let names = [grammar().fingerprint().to_string(), other.fingerprint().to_string()];
    check_words(&error, &[&names[0], &names[1], "grammar"]);
    assert!(matches!(error, DecodeError::Grammar { .. }));
}

#[test]
fn a_stand_alone_file_opens_with_nothing_else_and_its_grammar() {
    let tree = doc::one_plus_two(&grammar());
    let bytes = encode_standalone(&tree);
    assert_eq!(decode_standalone(&bytes).as_ref(), Ok(&tree));
    check_read(&bytes);
    let error = decode_standalone(&encode(&tree)).expect_err("no table inside");
    check_words(&error, &["stand-alone", "an inline grammar table"]);
}

#[test]
fn a_stand_alone_file_with_the_table_of_another_grammar_is_refused() {
    let table = crate::grow::grammar().to_bytes();
    let bytes = changed(|parts| parts.sections.push(part(130, &table)));
    let error = decode_standalone(&bytes).expect_err("refused");
    assert!(matches!(error, DecodeError::Grammar { .. }), "{error}");
    let twice = changed(|parts| parts.sections.extend([part(130, &table), part(130, &table)]));
    check_refused(&twice, &["section 130 twice"]);
}

/// `1 + 2` pressed with a book, and that book.
fn with_book() -> (Vec<u8>, Arc<ShapeBook>) {
    let tree = doc::one_plus_two(&grammar());
    let mut trainer = BookTrainer::new(tree.grammar());
    trainer.add(&tree);
    let (mut bytes, book) = (Vec::new(), Arc::new(trainer.finish()));
    Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
    (bytes, book)
}

#[test]
fn a_tree_without_its_book_is_refused_naming_the_book() {
    let (bytes, book) = with_book();
    check_refused(&bytes, &[&book.id().to_string(), "none was given"]);
    let other = Arc::new(BookTrainer::new(&grammar()).finish());
    let error = Decoder::new().decode(&bytes, &grammar(), Some(&other)).expect_err("refused");
    check_words(&error, &[&book.id().to_string(), &other.id().to_string()]);
}

#[test]
fn a_book_given_to_a_tree_that_needs_none_is_not_used() {
    let (_, book) = with_book();
    let tree = Decoder::new().decode(&changed(|_| {}), &grammar(), Some(&book));
    assert_eq!(tree.as_ref(), Ok(&doc::one_plus_two(&grammar())));
}
