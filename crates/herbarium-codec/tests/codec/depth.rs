//! Depth costs no stack and no more time than width: every step below is made
//! at every one of 100,000 levels, on a thread with little stack.

use std::sync::Arc;

use herbarium_codec::{ERROR_KIND, NewNode, Tree, TreeBuilder, decode, doc, encode};

const LEVELS: u32 = 100_000;
const STACK: usize = 256 * 1024;

/// Sums in sums, each with a plus sign behind the inner one; an error at the
/// bottom.
fn deep(levels: u32) -> Tree {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    let source: Vec<u8> = b"1".iter().copied().chain((0..levels).map(|_| b'+')).collect();
    builder.start(&source).expect("a source");
    for depth in 0..levels {
        let end = levels + 1 - depth;
        builder.push(NewNode { kind: 3, depth, end, ..NewNode::default() }).expect("a sum");
    }
    let bottom = NewNode { kind: ERROR_KIND, depth: levels, end: 1, ..NewNode::default() };
    builder.push(bottom).expect("the bottom");
    builder.mark_error(levels);
    for depth in (1..=levels).rev() {
        let start = levels + 1 - depth;
        let end = start + 1;
        builder.push(NewNode { kind: 2, depth, start, end, ..NewNode::default() }).expect("a plus");
    }
    builder.finish().expect("a tree")
}

fn check(deed: fn(&Tree)) {
    let run = move || {
        let tree = deep(LEVELS);
        let back = decode(&encode(&tree), tree.grammar()).expect("own bytes open");
        assert_eq!(back, tree);
        deed(&tree);
        deed(&back);
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread");
    thread.join().expect("no overflow");
}

#[test]
fn a_deep_tree_goes_to_bytes_and_back_and_is_dropped() {
    check(|tree| assert_eq!(tree.descendant_count(), 2 * LEVELS as usize + 1));
}

#[test]
fn any_number_of_levels_comes_back() {
    for levels in (1..300).chain([3000, 33_000]) {
        let tree = deep(levels);
        assert_eq!(decode(&encode(&tree), tree.grammar()), Ok(tree), "{levels} levels");
    }
}

#[test]
fn a_cursor_goes_to_the_bottom_and_back() {
    check(|tree| {
        let mut cursor = tree.walk();
        while cursor.goto_first_child() {}
        assert_eq!(cursor.depth(), LEVELS);
        while cursor.goto_parent() {}
        assert_eq!(cursor.node(), tree.root_node());
        cursor.goto_descendant(LEVELS as usize);
        assert_eq!(cursor.depth(), LEVELS);
    });
}

#[test]
fn every_level_knows_its_parent_children_and_end() {
    check(|tree| {
        let mut node = tree.root_node();
        for level in 0..LEVELS as usize {
            assert_eq!(node.end_byte(), LEVELS as usize + 1 - level);
            assert_eq!(node.child_count(), 2);
            let plus = node.child(1).expect("a plus sign");
            assert_eq!(plus.parent(), Some(node));
            assert_eq!(plus.next_sibling(), None);
            node = node.child(0).expect("the next level");
        }
        assert_eq!(std::iter::successors(Some(node), |node| node.parent()).count(), 100_001);
    });
}

#[test]
fn every_level_has_the_error_at_the_bottom() {
    check(|tree| {
        let with_error = tree.nodes().filter(|node| node.has_error()).count();
        assert_eq!(with_error, LEVELS as usize + 1);
    });
}

#[test]
fn the_smallest_node_at_a_byte_is_found_at_the_bottom() {
    check(|tree| {
        let root = tree.root_node();
        let bottom = root.descendant_for_byte_range(0, 1).expect("the bottom");
        assert!(bottom.is_error());
        assert_eq!(root.child_with_descendant(bottom), root.child(0));
    });
}

#[test]
fn an_s_expression_closes_every_level() {
    check(|tree| {
        let text = tree.root_node().to_sexp();
        assert!(text.starts_with("(sum (sum (sum "), "{}", &text[..40]);
        assert!(text.ends_with(")))"));
        assert_eq!(text.matches('(').count(), LEVELS as usize + 1);
    });
}
