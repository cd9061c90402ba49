//! Texts that are being edited, and what the store has of them.

use std::sync::Arc;

use herbarium_capture::differences;
use herbarium_index::{Cancel, Document, DocumentError, Engine, EngineOptions};
use herbarium_languages::{ParseLimits, ParserPool, by_id};
use proptest::prelude::*;

use super::{Ground, open_store};

const TEXTS: [(&str, &str); 5] = [
    ("rust", "fn main() {\n    let a = (1 + 2) * 3;\n    println!(\"{a}\");\n}\n"),
    (
        "python",
        "class A:\n    def f(self, x):\n        if x:\n            return 1\n        return 'ä'\n",
    ),
    ("javascript", "const f = (a) => `${a + 1}`;\nfunction g() { return f(/x/g); }\n"),
    ("c", "#include <a.h>\nint main(void) {\n#ifdef A\n    f(1);\n#endif\n    return 0;\n}\n"),
    ("go", "package a\n\nfunc f(x int) (int, error) {\n\treturn x, nil\n}\n"),
];

/// That a tree is the one that a parse of the whole text makes.
fn check_fresh(document: &Document) {
    let language = by_id(document.language().id).unwrap();
    let fresh =
        ParserPool::new(1).parse(language, document.source(), None, &ParseLimits::none()).unwrap();
    assert_eq!(differences(&fresh, document.tree()), []);
}

/// Whatever an edit leads to, the store has trees of whole parses alone.
fn check(engine: &Engine, language: &str, text: &str, edits: &[(usize, usize, String)]) {
    let mut document = engine.document(language, text.as_bytes().to_vec()).unwrap();
    check_fresh(&document);
    let mut expected = text.as_bytes().to_vec();
    for (start, len, text) in edits {
        let start = start % (expected.len() + 1);
        let end = (start + len).min(expected.len());
        expected.splice(start..end, text.bytes());
        document.edit(start..end, text.as_bytes()).unwrap();
        assert_eq!(document.source(), expected);
        assert_eq!(document.tree().root_node().end_byte(), expected.len());
        assert!(!document.is_fresh());
    }
    assert_eq!(engine.stats().unwrap().trees, 0, "nothing is stored of what edits lead to");
    let settled = document.settle().unwrap();
    assert!(document.is_fresh());
    check_fresh(&document);
    assert_eq!(settled.key, document.key());
    assert_eq!(engine.stats().unwrap().trees, 1);
    // Without what is in memory.
    let other = Engine::new(Arc::clone(engine.store()), EngineOptions::default());
    let stored = other.open_key(&settled.key).unwrap();
    assert_eq!(stored.source_hash(), document.tree().source_hash());
    assert_eq!(stored.descendant_count(), document.tree().descendant_count());
    assert_eq!(engine.verify(false, &(), &Cancel::new()).unwrap().damaged, []);
}

fn edit() -> impl Strategy<Value = (usize, usize, String)> {
    let words = prop::sample::select(vec![
        "", "x", "\n", "(", ")", "{", "}", "\"", "'", "`", "/*", "#", " ", "ä", "    ", "=>", ":",
        "return",
    ]);
    (0usize..200, prop::sample::select(vec![0usize, 0, 1, 2, 7]), words)
        .prop_map(|(start, len, text)| (start, len, text.to_owned()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn what_is_stored_is_what_a_parse_of_the_whole_makes(
        text in prop::sample::select(TEXTS.to_vec()),
        edits in prop::collection::vec(edit(), 1..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::new(open_store(dir.path()), EngineOptions::default());
        check(&engine, text.0, text.1, &edits);
    }
}

#[test]
fn a_text_that_was_not_edited_is_stored_without_another_parse() {
    let ground = Ground::new();
    let engine = ground.engine();
    let mut document = engine.document("rust", b"fn main() {}\n".to_vec()).unwrap();
    assert_eq!(engine.parses(), 1);
    let settled = document.settle().unwrap();
    assert!(!settled.parsed && !settled.differed);
    assert_eq!(engine.parses(), 1);
    assert!(engine.store().contains(&settled.key).unwrap());
}

#[test]
fn a_text_that_the_store_has_is_not_parsed_again() {
    let ground = Ground::new();
    let engine = ground.engine();
    let mut document = engine.document("rust", b"fn main() {}\n".to_vec()).unwrap();
    document.settle().unwrap();
    document.edit(3..7, b"start").unwrap();
    document.update(b"fn main() {}\n").unwrap();
    let parses = engine.parses();
    assert!(!document.settle().unwrap().parsed);
    assert_eq!(engine.parses(), parses);
    check_fresh(&document);
}

#[test]
fn an_edit_tells_where_the_tree_is_another_one() {
    let ground = Ground::new();
    let engine = ground.engine();
    let text = b"fn a() {}\nfn b() {}\n".to_vec();
    let mut document = engine.document("rust", text.clone()).unwrap();
    assert!(document.update(&text).unwrap().changed.is_empty());
    let edited = document.edit(17..18, b"{ 1 ").unwrap();
    assert!(!edited.changed.is_empty());
    assert!(edited.changed.iter().all(|range| range.start >= 10), "{edited:?}");
}

#[test]
fn an_edit_that_cannot_be_leaves_the_document_as_it_was() {
    let options = EngineOptions { max_file_bytes: 20, ..EngineOptions::default() };
    let ground = Ground::new();
    let engine = ground.engine_with(options);
    let mut document = engine.document("rust", b"fn main() {}\n".to_vec()).unwrap();
    let nodes = document.tree().descendant_count();
    let reversed = std::ops::Range { start: 3, end: 2 };
    for range in [0..14, 14..14, reversed] {
        assert!(matches!(document.edit(range, b""), Err(DocumentError::Range { len: 13, .. })));
    }
    let long = document.edit(0..0, b"// too long\n");
    assert!(matches!(long, Err(DocumentError::TooLarge { len: 25, limit: 20 })));
    let utf16 = document.edit(0..0, b"\xff\xfe");
    assert!(matches!(utf16, Err(DocumentError::Encoding { .. })), "{utf16:?}");
    assert_eq!(document.source(), b"fn main() {}\n");
    assert_eq!(document.tree().descendant_count(), nodes);
    check_fresh(&document);
}

#[test]
fn a_language_that_is_not_there_is_an_error() {
    let ground = Ground::new();
    let engine = ground.engine();
    let none = engine.document("klingon", Vec::new());
    assert!(matches!(none, Err(DocumentError::UnknownLanguage { .. })));
    let options = EngineOptions { never_parse: ["rust".to_owned()].into(), ..Default::default() };
    let none = Ground::new().engine_with(options).document("rust", Vec::new());
    assert!(matches!(none, Err(DocumentError::NotBuilt { id: "rust", .. })));
}
