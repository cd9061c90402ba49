//! Texts and nodes at the edges: each source with its tokens gives a tree that
//! says the right places and comes back; what cannot be a tree is refused.

use std::sync::Arc;

use herbarium_codec::{
    BuildError, MAX_SOURCE_LEN, NewNode, Tree, TreeBuilder, check_len, check_source, decode, doc,
    encode,
};

use crate::grow::Grown;
use crate::model::{check_nodes, check_round_trip};

fn node(kind: u16, depth: u32, start: u32, end: u32) -> NewNode {
    NewNode { kind, depth, start, end, ..NewNode::default() }
}

/// A root over `root` with these tokens, and back; gives the bytes of the tree.
#[track_caller]
fn check(source: &[u8], root: (u32, u32), tokens: &[(u32, u32)]) -> Vec<u8> {
    let tokens = tokens.iter().map(|&(start, end)| node(2, 1, start, end));
    let nodes = std::iter::once(node(4, 0, root.0, root.1)).chain(tokens).collect();
    let grown = Grown { source: source.to_vec(), nodes, ..Grown::default() };
    let tree = grown.build(&mut TreeBuilder::new(&crate::grow::grammar()));
    check_nodes(&tree, &grown);
    check_nodes(&check_round_trip(&tree), &grown);
    encode(&tree)
}

#[test]
fn an_empty_file_has_an_empty_root() {
    check(b"", (0, 0), &[]);
    check(b"", (0, 0), &[(0, 0), (0, 0)]);
}

#[test]
fn a_file_of_one_byte() {
    check(b"x", (0, 1), &[]);
    check(b"x", (0, 1), &[(0, 1)]);
    check(b"\n", (0, 1), &[]);
    check(b"\n", (1, 1), &[]);
    check(b"\0", (0, 1), &[(0, 0), (0, 1), (1, 1)]);
}

#[test]
fn a_file_of_nothing_but_blanks() {
    check(b"   ", (0, 0), &[]);
    check(b"\n\n\n", (3, 3), &[]);
    check(b"\r\n\r\n  ", (4, 6), &[]);
    check(b" \t\n ", (4, 4), &[(4, 4)]);
}

#[test]
fn a_file_with_and_without_a_last_line_end() {
    check(b"a\nb", (0, 3), &[(0, 1), (2, 3)]);
    check(b"a\nb\n", (0, 4), &[(0, 1), (2, 3)]);
    check(b"a\nb\n", (0, 3), &[(0, 1), (2, 3)]);
    check(b"a\nb\n\n\n\n\n\n", (0, 3), &[(0, 1), (2, 3)]);
}

#[test]
fn line_ends_of_two_bytes_cost_what_line_ends_of_one_byte_cost() {
    let unix = check(b"a\nb\n\n  c\n", (0, 9), &[(0, 1), (2, 3), (7, 8)]);
    let dos = check(b"a\r\nb\r\n\r\n  c\r\n", (0, 13), &[(0, 1), (3, 4), (10, 11)]);
    assert_eq!(unix.len(), dos.len());
}

#[test]
fn line_ends_of_both_kinds_and_lone_returns() {
    check(b"a\r\nb\nc\r\n\nd\re", (0, 12), &[(0, 1), (3, 4), (5, 6), (9, 10), (11, 12)]);
    check(b"a\nb\nc\r\n\r\nd", (0, 10), &[(0, 1), (2, 3), (4, 5), (9, 10)]);
    check(b"a\r\r\nb", (0, 5), &[(0, 1), (4, 5)]);
    // A node that starts between CR and LF.
    check(b"a\r\nb", (0, 4), &[(0, 1), (2, 4)]);
}

#[test]
fn a_token_that_ends_with_its_line_end_as_a_heredoc_does() {
    check(b"a\nb\n", (0, 4), &[(0, 2), (2, 4)]);
    check(b"a\r\nb\r\n", (0, 6), &[(0, 3), (3, 6)]);
    check(b"a\n  \nb", (0, 6), &[(0, 5), (5, 5), (5, 6)]);
}

#[test]
fn tabs_count_as_one_byte() {
    check(b"\ta\n\t\tb\n\tc", (1, 9), &[(1, 2), (5, 6), (8, 9)]);
}

#[test]
fn a_byte_order_mark_before_the_root_or_in_it() {
    check(b"\xef\xbb\xbfa b", (3, 6), &[(3, 4), (5, 6)]);
    check(b"\xef\xbb\xbfa b", (0, 6), &[(3, 4), (5, 6)]);
    check(b"\xef\xbb\xbf", (3, 3), &[]);
}

#[test]
fn nul_bytes_and_bytes_that_are_no_utf_8() {
    check(b"\0a\0\n\0b", (0, 6), &[(1, 2), (2, 4), (5, 6)]);
    check(b"a\xff\xfe\n\x80b\xc3", (0, 7), &[(0, 3), (4, 6), (6, 7)]);
    check(b"\xff", (0, 1), &[(0, 1)]);
    check(b"\xfe", (0, 1), &[(0, 1)]);
}

#[test]
fn indentations_at_the_edge_of_every_gap_code() {
    for ends in 1..=6usize {
        for first in [0, 1, 8, 9, 24, 25, 40, 41, 63, 64, 100] {
            for second in [0, 1, 8, 9, 24, 25, 40, 41, 63, 64, 100, 127, 128, 300] {
                let gap = |indent| ["\n".repeat(ends), " ".repeat(indent)].concat();
                let source = ["a", &gap(first), "b", &gap(second), "c"].concat();
                let b = (1 + ends + first) as u32;
                let c = b + 1 + (ends + second) as u32;
                check(source.as_bytes(), (0, c + 1), &[(0, 1), (b, b + 1), (c, c + 1)]);
            }
        }
    }
}

#[test]
fn gaps_and_tokens_at_the_edge_of_every_width() {
    let short = [0u32, 1, 2, 15, 16, 63, 64, 127, 128, 191, 192, 254, 255, 256, 257];
    let long = [2048, 4095, 4096, 4097, 4351, 4352, 16_383, 16_384, 65_279, 65_280, 65_536];
    for len in short.into_iter().chain(long) {
        let source = vec![b'x'; 2 * len as usize + 2];
        check(&source, (0, 2 * len + 2), &[(0, 1), (len + 1, len + 1), (len + 1, 2 * len + 1)]);
        check(&source, (len, 2 * len + 2), &[(len, len), (len + 1, 2 * len + 2)]);
    }
}

#[test]
fn long_tokens_one_behind_the_other() {
    for len in [127u32, 128, 254, 255, 256, 4352, 9000] {
        for between in [0, 1] {
            let tokens: Vec<_> = (0..20).map(|token| token * (len + between)).collect();
            let tokens: Vec<_> = tokens.into_iter().map(|start| (start, start + len)).collect();
            let end = 20 * (len + between);
            check(&vec![b'x'; end as usize], (0, end), &tokens);
        }
    }
}

#[test]
fn as_many_nodes_as_fewer_than_16_bits_number_and_one_more() {
    for nodes in [4094, 4095, 4096, 4097, 65_279, 65_280, 65_281, 65_536, 65_537] {
        let tokens = (0..nodes - 1).map(|at| node(2, 1, at, at + 1));
        let nodes: Vec<_> = std::iter::once(node(4, 0, 0, nodes - 1)).chain(tokens).collect();
        let source = vec![b'x'; nodes.len() - 1];
        let grown = Grown { source, nodes, ..Grown::default() };
        let tree = grown.build(&mut TreeBuilder::new(&crate::grow::grammar()));
        check_round_trip(&tree);
    }
}

#[test]
fn a_line_for_each_of_many_tokens() {
    for (count, line) in [(254, "\nx"), (255, "\nx"), (256, "\n  x"), (257, "\n x"), (1000, "\nx")]
    {
        let len = line.len() as u32;
        let tokens: Vec<_> = (1..=count).map(|token| (token * len - 1, token * len)).collect();
        check(line.repeat(count as usize).as_bytes(), (len - 1, len * count), &tokens);
    }
}

#[test]
fn an_indentation_wider_than_any_in_the_straight_path() {
    let indent = " ".repeat(1 << 22);
    let source = format!("a\n{indent}b\n {indent}c\nd e");
    let place = |token: char| source.find(token).map(|at| (at as u32, at as u32 + 1)).unwrap();
    let tokens: Vec<_> = "abcde".chars().map(place).collect();
    check(source.as_bytes(), (0, source.len() as u32), &tokens);
}

#[test]
fn nodes_that_start_before_their_first_child_or_end_after_their_last() {
    let nodes = vec![
        node(4, 0, 1, 12),
        node(6, 1, 2, 8),
        node(8, 2, 3, 7),
        node(2, 3, 4, 5),
        node(6, 1, 8, 11),
        node(8, 2, 8, 11),
        node(2, 3, 9, 10),
    ];
    let grown = Grown { source: b"\n(\n( a)\n)( )\n".to_vec(), nodes, ..Grown::default() };
    let tree = crate::model::tree_of(&grown);
    check_nodes(&check_round_trip(&tree), &grown);
}

#[test]
fn extras_and_empty_nodes_at_both_edges_of_a_node() {
    let extra = |depth, start, end| NewNode { extra: true, ..node(10, depth, start, end) };
    let nodes = vec![
        node(4, 0, 0, 9),
        extra(1, 0, 2),
        node(6, 1, 2, 7),
        extra(2, 2, 4),
        node(2, 2, 4, 4),
        node(8, 2, 4, 5),
        node(2, 3, 5, 5),
        extra(2, 5, 7),
        node(8, 1, 7, 7),
        node(8, 2, 7, 7),
        extra(1, 7, 9),
        node(2, 1, 9, 9),
    ];
    let grown = Grown { source: b"##\n#x#\n##".to_vec(), nodes, ..Grown::default() };
    let tree = crate::model::tree_of(&grown);
    check_nodes(&check_round_trip(&tree), &grown);
}

#[test]
fn faults_of_every_sort_come_back() {
    let error = herbarium_codec::ERROR_KIND;
    let missing = |depth, at| NewNode { missing: true, ..node(2, depth, at, at) };
    let nodes = vec![
        node(error, 0, 0, 6),
        node(error, 1, 0, 1),
        missing(1, 1),
        node(4, 1, 2, 4),
        node(2, 2, 2, 3),
        node(error, 2, 3, 3),
        node(2, 1, 4, 5),
        node(error, 1, 5, 6),
    ];
    let grown = Grown {
        source: b"@\nab\n\xff".to_vec(),
        nodes,
        unexpected: vec![(1, '@' as i32), (5, 0), (7, -1)],
        hidden: vec![(3, 0, 17), (3, 2, 0), (3, 2, 34)],
        marks: vec![4, 6],
        quirks: vec![],
    };
    let tree = crate::model::tree_of(&grown);
    let back = check_round_trip(&tree);
    check_nodes(&back, &grown);
    assert_eq!(back.root_node().to_sexp(), tree.root_node().to_sexp());
}

#[test]
fn utf_16_is_refused_in_words() {
    let check = |source: &[u8], mark: &str| {
        let error = check_source(source).expect_err("refused").to_string();
        assert!(error.contains(mark) && error.contains("UTF-8"), "{error}");
        let started = TreeBuilder::new(&Arc::new(doc::sums())).start(source);
        assert!(matches!(started, Err(BuildError::Utf16 { .. })));
    };
    check(b"\xff\xfea\0", "UTF-16 little-endian");
    check(b"\xfe\xff\0a", "UTF-16 big-endian");
}

#[test]
fn four_gibibytes_are_refused_in_words() {
    assert_eq!(MAX_SOURCE_LEN, u64::from(u32::MAX) - 1);
    assert_eq!(check_len(MAX_SOURCE_LEN), Ok(()));
    for len in [MAX_SOURCE_LEN + 1, 1 << 32, u64::MAX] {
        let error = check_len(len).expect_err("refused").to_string();
        let words = [len.to_string(), MAX_SOURCE_LEN.to_string()];
        words.iter().for_each(|word| assert!(error.contains(word), "{error}"));
    }
}

/// What the builder says to these nodes over `1 + 2`.
fn build(nodes: &[NewNode]) -> Result<Tree, BuildError> {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    builder.start(b"1 + 2")?;
    nodes.iter().try_for_each(|&node| builder.push(node))?;
    builder.finish()
}

#[test]
fn nodes_that_are_no_tree_are_refused_in_words() {
    let check = |nodes: &[NewNode], words: &[&str]| {
        let error = build(nodes).expect_err("refused").to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "`{word}` is not in: {error}"));
    };
    let root = node(3, 0, 1, 4);
    check(&[], &["at least a root"]);
    check(&[node(4, 0, 0, 5)], &["node 0", "kind 4", "`sums`", "4 kinds"]);
    check(&[NewNode { field: 3, ..root }], &["node 0", "field 3", "`sums`", "2 fields"]);
    check(&[node(3, 1, 0, 5)], &["node 0", "depth 1", "from 0 to 0"]);
    check(&[root, node(1, 0, 4, 4)], &["node 1", "depth 0", "from 1 to 1"]);
    check(&[root, node(1, 2, 1, 1)], &["node 1", "depth 2", "from 1 to 1"]);
    check(&[root, node(1, 1, 0, 1)], &["node 1", "0..1", "within 1..4"]);
    check(&[root, node(1, 1, 1, 5)], &["node 1", "1..5", "within 1..4"]);
    check(&[root, node(1, 1, 3, 2)], &["node 1", "3..2"]);
    check(&[root, node(1, 1, 1, 3), node(1, 1, 2, 4)], &["node 2", "2..4", "within 3..4"]);
    check(&[node(3, 0, 0, 6)], &["node 0", "0..6", "within 0..5"]);
}

#[test]
fn a_hidden_missing_token_of_an_unknown_kind_is_refused() {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    assert!(matches!(builder.hidden_missing(0, 0, 4, false), Err(BuildError::UnknownKind { .. })));
}

#[test]
fn marks_of_nodes_that_do_not_exist_are_forgotten() {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    builder.start(b"").expect("a source");
    builder.push(node(3, 0, 0, 0)).expect("the root");
    builder.mark_error(1);
    builder.hidden_missing(1, 0, 0, false).expect("a kind of the grammar");
    let tree = builder.finish().expect("a tree");
    assert!(!tree.root_node().has_error());
    assert_eq!(decode(&encode(&tree), tree.grammar()).as_ref(), Ok(&tree));
}
