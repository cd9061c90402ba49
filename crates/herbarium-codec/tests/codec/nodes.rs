//! What nodes, cursors and trees say, held against `f(a, b) + 1` and its tree
//! as tree-sitter shows such trees.

use std::sync::Arc;

use herbarium_codec::{
    Grammar, GrammarParts, Kind, NewNode, Node, Point, Range, Tree, TreeBuilder, decode, encode,
};

const SOURCE: &[u8] = b"f(a,\n  b) + 1\n";

/// ```text
///  0 sum                  0..13
///  1   left: call         0..9
///  2     function: name   0..1
///  3     arguments: list  1..9
///  4       (              1..2
///  5       item: name     2..3
///  6       ,              3..4
///  7       item: name     7..8
///  8       )              8..9
///  9   +                  10..11
/// 10   right: number      12..13
/// ```
fn tree() -> Tree {
    let names = ["end", "name", "number", "call", "list", "sum", "+", "(", ")", ","];
    let kind = |&name: &&str| Kind {
        name: name.into(),
        named: name.len() > 1 && name != "end",
        visible: name != "end",
        supertype: false,
    };
    let fields = ["left", "right", "function", "arguments", "item"];
    let grammar = Grammar::new(GrammarParts {
        name: "calls".into(),
        kinds: names.iter().map(kind).collect(),
        fields: fields.map(String::from).to_vec(),
        ..GrammarParts::default()
    });
    let nodes: [(u16, u16, u32, u32, u32); 11] = [
        (5, 0, 0, 0, 13),
        (3, 1, 1, 0, 9),
        (1, 3, 2, 0, 1),
        (4, 4, 2, 1, 9),
        (7, 0, 3, 1, 2),
        (1, 5, 3, 2, 3),
        (9, 0, 3, 3, 4),
        (1, 5, 3, 7, 8),
        (8, 0, 3, 8, 9),
        (6, 0, 1, 10, 11),
        (2, 2, 1, 12, 13),
    ];
    let mut builder = TreeBuilder::new(&Arc::new(grammar.expect("a grammar")));
    builder.start(SOURCE).expect("a source");
    for (kind, field, depth, start, end) in nodes {
        let node = NewNode { kind, field, depth, start, end, ..NewNode::default() };
        builder.push(node).expect("a node");
    }
    builder.finish().expect("a tree")
}

/// Asserts on the tree as built and as it comes back.
fn check(deed: impl Fn(&Tree)) {
    let tree = tree();
    deed(&tree);
    deed(&decode(&encode(&tree), tree.grammar()).expect("own bytes open"));
}

fn id(node: Option<Node<'_>>) -> Option<usize> {
    node.map(|node| node.id())
}

fn ids<'tree>(nodes: impl Iterator<Item = Node<'tree>>) -> Vec<usize> {
    nodes.map(|node| node.id()).collect()
}

fn node(tree: &Tree, index: usize) -> Node<'_> {
    tree.node(index).expect("a node")
}

#[test]
fn a_tree_says_what_it_is_over() {
    check(|tree| {
        assert_eq!((tree.source_len(), tree.line_count()), (14, 3));
        assert_eq!([0, 1, 2, 3].map(|row| tree.line_range(row)), [0..5, 5..14, 14..14, 14..14]);
        assert_eq!(tree.point_at(4), Point::new(0, 4));
        assert_eq!(tree.point_at(5), Point::new(1, 0));
        assert_eq!(tree.point_at(14), Point::new(2, 0));
        assert_eq!(tree.descendant_count(), 11);
        assert_eq!(tree.node(11), None);
        assert_eq!(ids(tree.nodes()), (0..11).collect::<Vec<_>>());
        assert!(tree.heap_bytes() > 0);
        assert_eq!(
            format!("{tree:?}"),
            "Tree { grammar: \"calls\", nodes: 11, source_len: 14, .. }"
        );
    });
}

#[test]
fn a_node_says_its_kind_and_place() {
    check(|tree| {
        let list = node(tree, 3);
        assert_eq!((list.kind(), list.kind_id(), list.is_named()), ("list", 4, true));
        assert_eq!((node(tree, 9).kind(), node(tree, 9).is_named()), ("+", false));
        let (start_point, end_point) = (Point::new(0, 1), Point::new(1, 4));
        assert_eq!((list.start_position(), list.end_position()), (start_point, end_point));
        assert_eq!(list.range(), Range { start_byte: 1, end_byte: 9, start_point, end_point });
        assert_eq!(list.utf8_text(SOURCE), Ok("(a,\n  b)"));
        assert_eq!(format!("{list:?}"), "{Node list (0, 1) - (1, 4)}");
        assert_eq!((list.field_id(), list.field_name()), (Some(4), Some("arguments")));
        assert_eq!((node(tree, 4).field_id(), node(tree, 4).field_name()), (None, None));
        assert!(std::ptr::eq(list.tree(), tree));
    });
}

#[test]
fn text_that_is_no_utf_8_is_an_error() {
    let source = SOURCE.iter().map(|byte| byte | 0x80).collect::<Vec<_>>();
    assert!(tree().root_node().utf8_text(&source).is_err());
}

#[test]
fn nodes_are_equal_within_one_tree() {
    let (one, other) = (tree(), tree());
    let set: std::collections::HashSet<Node<'_>> = one.nodes().chain(one.nodes()).collect();
    assert_eq!(set.len(), 11);
    assert_eq!(one.root_node(), node(&one, 0));
    assert_ne!(node(&one, 1), node(&one, 2));
    assert_ne!(one.root_node(), other.root_node());
}

#[test]
fn children_by_number() {
    check(|tree| {
        let list = node(tree, 3);
        assert_eq!((list.child_count(), list.named_child_count()), (5, 2));
        assert_eq!([0, 1, 4, 5].map(|i| id(list.child(i))), [Some(4), Some(5), Some(8), None]);
        assert_eq!([0, 1, 2].map(|i| id(list.named_child(i))), [Some(5), Some(7), None]);
        assert_eq!((node(tree, 2).child_count(), id(node(tree, 2).child(0))), (0, None));
        let mut cursor = tree.walk();
        assert_eq!(list.children(&mut cursor).len(), 5);
        assert_eq!(ids(list.children(&mut cursor)), [4, 5, 6, 7, 8]);
        assert_eq!(list.named_children(&mut cursor).len(), 2);
        assert_eq!(ids(list.named_children(&mut cursor)), [5, 7]);
        assert_eq!(list.descendant_count(), 6);
    });
}

#[test]
fn children_by_field() {
    check(|tree| {
        let (root, list) = (tree.root_node(), node(tree, 3));
        assert_eq!(id(root.child_by_field_name("left")), Some(1));
        assert_eq!(id(root.child_by_field_name(b"right")), Some(10));
        assert_eq!(id(root.child_by_field_id(2)), Some(10));
        for name in ["item", "no such field"] {
            assert_eq!(id(root.child_by_field_name(name)), None);
        }
        assert_eq!(id(root.child_by_field_name(b"\xff")), None);
        assert_eq!((id(root.child_by_field_id(0)), id(root.child_by_field_id(99))), (None, None));
        let mut cursor = tree.walk();
        assert_eq!(ids(list.children_by_field_name("item", &mut cursor)), [5, 7]);
        assert_eq!(ids(list.children_by_field_name("nothing", &mut cursor)), []);
        assert_eq!(ids(list.children_by_field_id(5, &mut cursor)), [5, 7]);
        assert_eq!(ids(list.children_by_field_id(0, &mut cursor)), []);
        let names = [0, 1, 2, 5].map(|i| list.field_name_for_child(i));
        assert_eq!(names, [None, Some("item"), None, None]);
        let names = [0, 1, 2].map(|i| list.field_name_for_named_child(i));
        assert_eq!(names, [Some("item"), Some("item"), None]);
    });
}

#[test]
fn relatives() {
    check(|tree| {
        let all = |step: fn(&Node<'_>) -> Option<usize>| {
            tree.nodes().map(|node| step(&node)).collect::<Vec<_>>()
        };
        let some = |ids: [i32; 11]| ids.map(|id| usize::try_from(id).ok()).to_vec();
        let parents = all(|node| id(node.parent()));
        assert_eq!(parents, some([-1, 0, 1, 1, 3, 3, 3, 3, 3, 0, 0]));
        let next = all(|node| id(node.next_sibling()));
        assert_eq!(next, some([-1, 9, 3, -1, 5, 6, 7, 8, -1, 10, -1]));
        let previous = all(|node| id(node.prev_sibling()));
        assert_eq!(previous, some([-1, -1, -1, 2, -1, 4, 5, 6, 7, 1, 9]));
        let next_named = all(|node| id(node.next_named_sibling()));
        assert_eq!(next_named, some([-1, 10, 3, -1, 5, 7, 7, -1, -1, 10, -1]));
        let previous_named = all(|node| id(node.prev_named_sibling()));
        assert_eq!(previous_named, some([-1, -1, -1, 2, -1, -1, 5, 5, 7, 1, 1]));
    });
}

#[test]
fn the_child_with_a_descendant() {
    check(|tree| {
        let root = tree.root_node();
        assert_eq!(id(root.child_with_descendant(node(tree, 7))), Some(1));
        assert_eq!(id(node(tree, 1).child_with_descendant(node(tree, 7))), Some(3));
        assert_eq!(id(node(tree, 3).child_with_descendant(node(tree, 7))), Some(7));
        assert_eq!(id(root.child_with_descendant(root)), None);
        assert_eq!(id(node(tree, 3).child_with_descendant(node(tree, 10))), None);
    });
}

#[test]
fn the_first_child_behind_a_byte() {
    check(|tree| {
        let list = node(tree, 3);
        let found = [0, 1, 2, 3, 4, 7, 8, 9].map(|byte| id(list.first_child_for_byte(byte)));
        assert_eq!(found, [4, 4, 5, 6, 7, 7, 8, -1].map(|id| usize::try_from(id).ok()));
        let named = [0, 3, 8].map(|byte| id(list.first_named_child_for_byte(byte)));
        assert_eq!(named, [Some(5), Some(7), None]);
    });
}

#[test]
fn the_smallest_node_over_a_range() {
    check(|tree| {
        let root = tree.root_node();
        let bytes = |start, end| id(root.descendant_for_byte_range(start, end));
        let named = |start, end| id(root.named_descendant_for_byte_range(start, end));
        for (start, end, all, only_named) in [
            (0, 0, 2, 2),
            (0, 1, 2, 2),
            (0, 2, 1, 1),
            (1, 1, 4, 3),
            (1, 2, 4, 3),
            (2, 3, 5, 5),
            (2, 4, 3, 3),
            (5, 5, 3, 3),
            (9, 10, 0, 0),
            (9, 9, 0, 0),
            (10, 11, 9, 0),
            (13, 13, 0, 0),
            (0, 100, 0, 0),
        ] {
            assert_eq!(bytes(start, end), Some(all), "{start}..{end}");
            assert_eq!(named(start, end), Some(only_named), "named {start}..{end}");
        }
        assert_eq!((bytes(2, 1), named(2, 1)), (None, None));
        let point = |row, column| Point::new(row, column);
        let found = root.descendant_for_point_range(point(1, 2), point(1, 3));
        assert_eq!(id(found), Some(7));
        let found = root.named_descendant_for_point_range(point(0, 3), point(1, 2));
        assert_eq!(id(found), Some(3));
        let found = root.named_descendant_for_point_range(point(1, 5), point(1, 6));
        assert_eq!(id(found), Some(0));
    });
}

#[test]
fn an_s_expression_has_the_named_nodes_and_their_fields() {
    check(|tree| {
        let text = "(sum left: (call function: (name) arguments: (list item: (name) item: (name))) \
                    right: (number))";
        assert_eq!(tree.root_node().to_sexp(), text);
        assert_eq!(node(tree, 3).to_sexp(), "(list item: (name) item: (name))");
        assert_eq!(node(tree, 4).to_sexp(), "(\"(\")");
    });
}

#[test]
fn a_cursor_stays_under_the_node_it_was_made_for() {
    check(|tree| {
        let mut cursor = node(tree, 3).walk();
        assert!(!cursor.goto_parent() && !cursor.goto_next_sibling());
        assert!(!cursor.goto_previous_sibling());
        assert_eq!((cursor.field_id(), cursor.field_name(), cursor.depth()), (None, None, 0));
        assert!(cursor.goto_last_child() && !cursor.goto_next_sibling());
        assert_eq!((cursor.node().id(), cursor.depth(), cursor.descendant_index()), (8, 1, 5));
        assert!(cursor.goto_previous_sibling() && !cursor.goto_first_child());
        assert_eq!((cursor.field_id(), cursor.field_name()), (Some(5), Some("item")));
        assert!(cursor.goto_parent() && !cursor.goto_parent());
        cursor.goto_descendant(1);
        assert_eq!((cursor.node().id(), cursor.depth()), (4, 1));
        cursor.goto_descendant(99);
        assert_eq!((cursor.node().id(), cursor.depth()), (8, 1));
        cursor.goto_descendant(0);
        assert_eq!((cursor.node().id(), cursor.depth()), (3, 0));
    });
}

#[test]
fn a_cursor_goes_to_the_first_child_behind_a_place() {
    check(|tree| {
        let mut cursor = node(tree, 3).walk();
        assert_eq!(cursor.goto_first_child_for_byte(3), Some(2));
        assert_eq!((cursor.node().id(), cursor.depth()), (6, 1));
        assert_eq!(cursor.goto_first_child_for_byte(0), None);
        assert_eq!(cursor.node().id(), 6);
        cursor.reset(tree.root_node());
        assert_eq!(cursor.goto_first_child_for_point(Point::new(1, 5)), Some(1));
        assert_eq!(cursor.node().id(), 9);
        assert_eq!(cursor.goto_first_child_for_point(Point::new(9, 0)), None);
    });
}

#[test]
fn a_cursor_is_put_elsewhere() {
    let tree = tree();
    let (mut one, mut other) = (tree.walk(), node(&tree, 1).walk());
    assert!(other.goto_first_child());
    one.reset_to(&other);
    assert_eq!((one.node().id(), one.depth()), (2, 1));
    assert!(one.goto_parent() && !one.goto_parent());
    one.reset(node(&tree, 3));
    assert_eq!((one.node().id(), one.depth(), one.descendant_index()), (3, 0, 0));
    assert!(format!("{one:?}").contains("list"));
}

#[test]
fn a_scan_over_the_shape_column_finds_the_nodes_of_a_kind() {
    check(|tree| {
        let name = tree.grammar().kind_id("name", true).expect("a kind");
        let kinds: Vec<u16> = tree.shape_kinds().map(|(kind, _)| kind).collect();
        let column = tree.shape_column().iter();
        let found: Vec<usize> = column
            .enumerate()
            .filter(|(_, shape)| kinds[usize::from(**shape)] == name)
            .map(|(index, _)| index)
            .collect();
        assert_eq!(found, [2, 5, 7]);
    });
}
