//! Any bytes as a compiled query, as they are and behind a header and checksum
//! that fit: an error, or a query that runs.

use std::sync::LazyLock;
use std::time::Duration;

use herbarium_capture::Capturer;
use herbarium_codec::{Tree, source_hash};
use herbarium_languages::by_id;
use herbarium_query::{Query, QueryCursor};

const SOURCE: &[u8] = include_bytes!("../../crates/herbarium-languages/tests/samples/json.txt");

static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let json = by_id("json").expect("built in");
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&json.tree_sitter()).expect("a grammar of this runtime");
    let live = parser.parse(SOURCE, None).expect("no limit is set");
    Capturer::new(json.grammar()).capture(&live, SOURCE).expect("a tree of this source")
});

/// See above.
pub fn query_bytes(data: &[u8]) {
    load(data);
    let mut sealed = b"HRBQ\x01".to_vec();
    sealed.extend_from_slice(&TREE.grammar().fingerprint().0);
    sealed.extend_from_slice(data);
    let checksum = source_hash(&sealed);
    sealed.extend_from_slice(&checksum.to_le_bytes());
    load(&sealed);
}

fn load(bytes: &[u8]) {
    let Ok(query) = Query::from_bytes(bytes, TREE.grammar()) else { return };
    for pattern in 0..query.pattern_count() {
        let _ = (query.capture_quantifiers(pattern), query.general_predicates(pattern));
        let _ = query.is_pattern_rooted(pattern);
    }
    let demands = query.demands();
    let _ = (demands.allow_kinds(|kind| kind % 2 == 0), demands.allow_text(SOURCE));
    for match_limit in [u32::MAX, 3] {
        let mut cursor = QueryCursor::new();
        cursor.set_time_limit(Some(Duration::from_millis(50)));
        cursor.set_match_limit(match_limit);
        let mut matches = cursor.matches(&query, TREE.root_node(), SOURCE);
        while let Some(one) = matches.next_match() {
            one.captures().for_each(|capture| assert!(!capture.node.kind().is_empty()));
        }
        drop(matches);
        let mut captures = cursor.captures(&query, TREE.root_node(), SOURCE);
        while captures.next_capture().is_some() {}
    }
    let again = Query::from_bytes(&query.to_bytes(), TREE.grammar());
    assert!(again.is_ok(), "what was loaded is not loaded again: {:?}", again.err());
}
