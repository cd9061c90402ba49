//! The slow and obvious way to answer what a tree answers, and the ways in
//! which a tree goes to bytes and back.

use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, Decoder, ERROR_KIND, Encoder, NewNode, Node, Point, Quirk, Tree, TreeBuilder,
    decode, decode_standalone, encode, encode_standalone, source_hash,
};

use crate::grow::Grown;

/// The tree of what was grown, checked node by node.
pub(crate) fn tree_of(grown: &Grown) -> Tree {
    let tree = grown.build(&mut TreeBuilder::new(&crate::grow::grammar()));
    check_nodes(&tree, grown);
    tree
}

/// The tree comes back from its bytes in every way of pressing it; gives the
/// tree that came back from the plainest.
pub(crate) fn check_round_trip(tree: &Tree) -> Tree {
    let grammar = tree.grammar();
    let back = decode(&encode(tree), grammar).expect("own bytes open");
    assert_eq!(&back, tree, "plain");
    assert_eq!(decode_standalone(&encode_standalone(tree)).as_ref(), Ok(tree), "stand-alone");
    let mut trainer = BookTrainer::new(grammar);
    trainer.add(tree);
    let book = Arc::new(trainer.finish());
    let mut bytes = Vec::new();
    Encoder::new().encode_into(tree, Some(&book), &mut bytes);
    let with_book = Decoder::new().decode(&bytes, grammar, Some(&book));
    assert_eq!(with_book.as_ref(), Ok(tree), "with a book");
    assert_eq!(
        encode(&with_book.expect("opened above")),
        encode(&back),
        "the book leaves no trace"
    );
    back
}

/// Every node says what the list of nodes says.
pub(crate) fn check_nodes(tree: &Tree, grown: &Grown) {
    let model = Model::new(grown);
    assert_eq!(tree.source_len() as usize, grown.source.len());
    assert_eq!(tree.source_hash(), source_hash(&grown.source));
    assert_eq!(tree.descendant_count(), grown.nodes.len());
    assert_eq!(tree.line_count(), model.lines.len());
    assert_eq!(tree.nodes().len(), grown.nodes.len());
    for (index, node) in tree.nodes().enumerate() {
        model.check(index, node);
    }
    model.check_walk(tree);
}

struct Model<'g> {
    grown: &'g Grown,
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    /// Number after the last node under each.
    after: Vec<usize>,
    has_error: Vec<bool>,
    lines: Vec<usize>,
}

impl<'g> Model<'g> {
    fn new(grown: &'g Grown) -> Self {
        let count = grown.nodes.len();
        let mut path: Vec<usize> = Vec::new();
        let mut parents = Vec::new();
        let mut children = vec![Vec::new(); count];
        for (index, node) in grown.nodes.iter().enumerate() {
            path.truncate(node.depth as usize);
            if let Some(&parent) = path.last() {
                children[parent].push(index);
            }
            parents.push(path.last().copied());
            path.push(index);
        }
        let mut after: Vec<usize> = (1..=count).collect();
        // An error without children has one only if it is marked.
        let own = |(node, below): (&NewNode, &Vec<usize>)| {
            node.missing || (node.kind == ERROR_KIND && !below.is_empty())
        };
        let mut has_error: Vec<bool> = grown.nodes.iter().zip(&children).map(own).collect();
        grown.hidden.iter().for_each(|hidden| has_error[hidden.0 as usize] = true);
        grown.marks.iter().for_each(|&mark| has_error[mark as usize] = true);
        for index in (0..count).rev() {
            if let Some(parent) = parents[index] {
                after[parent] = after[parent].max(after[index]);
                has_error[parent] |= has_error[index];
            }
        }
        let ends = grown.source.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { grown, parents, children, after, has_error, lines }
    }

    fn point(&self, byte: usize) -> Point {
        let row = self.lines.partition_point(|&start| start <= byte) - 1;
        Point::new(row, byte - self.lines[row])
    }

    fn check(&self, index: usize, node: Node<'_>) {
        let new = &self.grown.nodes[index];
        let children = &self.children[index];
        let id = |node: Option<Node<'_>>| node.map(|node| node.id());
        assert_eq!(node.id(), index);
        assert_eq!(node.kind_id(), new.kind, "kind of node {index}");
        assert_eq!(node.kind(), node.tree().grammar().kind_name(new.kind).expect("a kind"));
        assert_eq!(node.is_named(), new.kind == ERROR_KIND || new.kind.is_multiple_of(2));
        assert_eq!(node.field_id().unwrap_or(0), new.field, "field of node {index}");
        assert_eq!(node.field_name().is_some(), new.field != 0);
        assert_eq!(
            (node.is_extra(), node.is_missing(), node.is_error(), node.has_error()),
            (new.extra, new.missing, new.kind == ERROR_KIND, self.has_error[index]),
            "flags of node {index}"
        );
        let (start, end) = (new.start as usize, new.end as usize);
        assert_eq!(node.byte_range(), start..end, "range of node {index}");
        assert_eq!(node.start_position(), self.point(start), "start of node {index}");
        assert_eq!(node.end_position(), self.point(end), "end of node {index}");
        assert_eq!(id(node.parent()), self.parents[index], "parent of node {index}");
        assert_eq!(node.child_count() as usize, children.len(), "children of node {index}");
        assert_eq!(node.descendant_count(), self.after[index] - index);
        assert_eq!(id(node.child(0)), children.first().copied());
        assert_eq!(node.child(children.len() as u32), None);
        self.check_siblings(index, node);
        self.check_for_queries(index as u32, node.tree());
    }

    /// What queries see beyond the node.
    fn check_for_queries(&self, index: u32, tree: &Tree) {
        let new = &self.grown.nodes[index as usize];
        let supertypes = tree.shape_supertypes(tree.shape_of(index));
        assert_eq!(supertypes, new.supertypes, "supertypes of node {index}");
        let quirks = self.grown.quirks.iter().filter(|(node, _)| *node == index);
        let quirks: Vec<Quirk> = quirks.map(|(_, quirk)| *quirk).collect();
        assert_eq!(tree.quirks_of(index).collect::<Vec<_>>(), quirks, "quirks of node {index}");
        assert_eq!(tree.has_quirks(), !self.grown.quirks.is_empty());
    }

    fn check_siblings(&self, index: usize, node: Node<'_>) {
        let all: &[usize] = self.parents[index].map_or(&[], |parent| &self.children[parent]);
        let place = all.binary_search(&index).unwrap_or(0);
        let id = |node: Option<Node<'_>>| node.map(|node| node.id());
        let next = all.get(place + 1).copied();
        let previous = place.checked_sub(1).map(|place| all[place]);
        assert_eq!(id(node.next_sibling()), next, "next sibling of node {index}");
        assert_eq!(id(node.prev_sibling()), previous, "previous sibling of node {index}");
    }

    /// A cursor passes every node, in order, at its depth.
    fn check_walk(&self, tree: &Tree) {
        let mut cursor = tree.walk();
        for (index, new) in self.grown.nodes.iter().enumerate() {
            assert_eq!((cursor.node().id(), cursor.descendant_index()), (index, index));
            assert_eq!(cursor.depth(), new.depth);
            let field = if index == 0 { 0 } else { new.field };
            assert_eq!(cursor.field_id().unwrap_or(0), field);
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    assert_eq!(index + 1, self.grown.nodes.len(), "the walk ended early");
                    return;
                }
            }
        }
        panic!("the walk goes on behind the last node");
    }
}
