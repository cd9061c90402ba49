//! A query, as text or made up, over a source with edits: tree-sitter's engine
//! on the live tree and ours on the stored one must say the same.
//!
//! Bytes: language, kind of settings, a number for them, number of edits, three
//! bytes for each edit, then the query: text, or eight bytes to make one from.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use herbarium_capture::{Capturer, parse_table_of};
use herbarium_codec::{Tree, decode, encode};
use herbarium_conformance::{Compiled, Engines, Generator, Settings};
use herbarium_languages::{Language, by_id};

/// See above; bytes that are too few say nothing.
pub fn query(data: &[u8]) {
    let _ = run(data);
}

struct Fixture {
    language: &'static Language,
    engines: Engines,
    source: &'static [u8],
}

static FIXTURES: LazyLock<Vec<Fixture>> = LazyLock::new(|| {
    let sample = |id: &str, source: &'static [u8]| {
        let language = by_id(id).expect("built in");
        let live = language.tree_sitter();
        let table = Arc::new(parse_table_of(&live));
        let engines = Engines::new(live, language.grammar().clone(), table);
        Fixture { language, engines, source: &source[..source.len().min(2000)] }
    };
    vec![
        sample("json", include_bytes!("../../crates/herbarium-languages/tests/samples/json.txt")),
        sample(
            "javascript",
            include_bytes!("../../crates/herbarium-languages/tests/samples/javascript.txt"),
        ),
        sample("rust", include_bytes!("../../crates/herbarium-languages/tests/samples/rust.txt")),
    ]
});

/// Nothing where the bytes are too few.
fn run(data: &[u8]) -> Option<()> {
    let (&[language, kind, number, edits], data) = data.split_first_chunk()?;
    let fixture = &FIXTURES[usize::from(language) % FIXTURES.len()];
    let (edits, data) = data.split_at_checked(usize::from(edits % 16) * 3)?;
    let source = edited(fixture.source, edits);
    let (live, tree) = trees(fixture.language, &source);
    let settings = settings(kind, usize::from(number), source.len());
    let text = match kind & 1 {
        0 => String::from_utf8_lossy(&data[..data.len().min(400)]).into_owned(),
        _ => {
            let (seed, _) = data.split_first_chunk()?;
            Generator::new(u64::from_le_bytes(*seed)).query(&tree, &source)
        }
    };
    match fixture.engines.compile(&text) {
        Ok(Compiled::Pair(pair)) => {
            let (_, differences) = pair.compare((&live, &tree), &source, &settings);
            let shown: String = differences.iter().map(|one| format!("\n{one}")).collect();
            assert!(
                differences.is_empty(),
                "{text:?} over {:?} with {settings:?}:{shown}",
                String::from_utf8_lossy(&source)
            );
        }
        Ok(Compiled::Refused | Compiled::Circular) => {}
        Err(difference) => panic!("{text:?}: {difference}"),
    }
    Some(())
}

/// Places count in 256ths of the source: edits stay where they are as the
/// source grows.
fn edited(source: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut source = source.to_vec();
    for edit in edits.chunks_exact(3) {
        let at = source.len() * usize::from(edit[0]) / 256;
        let end = (at + usize::from(edit[1] % 24)).min(source.len());
        match edit[1] / 64 {
            0 => drop(source.drain(at..end)),
            1 => source.insert(at, edit[2]),
            2 => {
                let part = source[at..end].to_vec();
                source.splice(at..at, part);
            }
            _ => {
                let part: Vec<u8> = source.drain(at..end).collect();
                let to = source.len() * usize::from(edit[2]) / 256;
                source.splice(to..to, part);
            }
        }
    }
    source
}

fn trees(language: &Language, source: &[u8]) -> (tree_sitter::Tree, Tree) {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&language.tree_sitter()).expect("a grammar of this runtime");
    let live = parser.parse(source, None).expect("no limit is set");
    let captured = Capturer::new(language.grammar()).capture(&live, source);
    let captured = captured.expect("a tree of this source");
    let stored = decode(&encode(&captured), language.grammar()).expect("pressed just now");
    (live, stored)
}

fn settings(kind: u8, number: usize, len: usize) -> Settings {
    let none = Settings { time_limit: Some(Duration::from_millis(200)), ..Settings::default() };
    let (start, end) = ((number >> 4) * len / 16, ((number & 15) + 1) * len / 16);
    match kind >> 1 & 7 {
        0 => Settings { bytes: Some(start.min(end)..end), ..none },
        1 => {
            Settings { points: Some((number >> 4, 0)..((number >> 4) + (number & 15), 3)), ..none }
        }
        2 => Settings { max_start_depth: Some(number as u32 & 7), ..none },
        3 => Settings { match_limit: Some(1 + (number as u32 & 15)), ..none },
        _ => none,
    }
}
