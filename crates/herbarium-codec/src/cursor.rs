//! Walking a tree step by step.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::{Node, Point};

/// A place in a tree that moves, with tree-sitter's own method names and
/// meanings. It never leaves the node that it was made for.
///
/// ```
/// # let grammar = std::sync::Arc::new(herbarium_codec::doc::sums());
/// # let tree = herbarium_codec::doc::one_plus_two(&grammar);
/// let mut cursor = tree.walk();
/// assert!(cursor.goto_first_child());
/// assert_eq!(cursor.field_name(), Some("left"));
/// assert!(cursor.goto_next_sibling());
/// assert_eq!(cursor.node().kind(), "+");
/// ```
#[derive(Clone)]
pub struct Cursor<'tree> {
    root: Node<'tree>,
    node: Node<'tree>,
    depth: u32,
}

impl<'tree> Cursor<'tree> {
    pub(crate) fn new(root: Node<'tree>) -> Self {
        Self { root, node: root, depth: 0 }
    }

    /// The node under the cursor.
    pub fn node(&self) -> Node<'tree> {
        self.node
    }

    /// Number of the node's field; none at the node where the walk started.
    pub fn field_id(&self) -> Option<u16> {
        if self.depth == 0 { None } else { self.node.field_id() }
    }

    /// Name of the node's field; none at the node where the walk started.
    pub fn field_name(&self) -> Option<&'tree str> {
        if self.depth == 0 { None } else { self.node.field_name() }
    }

    /// Levels below the node where the walk started.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Number of the node in pre-order, from the node where the walk started.
    pub fn descendant_index(&self) -> usize {
        self.node.id().saturating_sub(self.root.id())
    }

    /// To the first child; false when there is none.
    pub fn goto_first_child(&mut self) -> bool {
        let child = self.node.first_child();
        self.down(child)
    }

    /// To the last child; false when there is none. Cost: linear in the number
    /// of children.
    pub fn goto_last_child(&mut self) -> bool {
        let mut last = self.node.first_child();
        while let Some(next) = last.and_then(|node| node.next_sibling()) {
            last = Some(next);
        }
        self.down(last)
    }

    /// To the parent; false at the node where the walk started.
    pub fn goto_parent(&mut self) -> bool {
        match self.node.parent() {
            Some(parent) if self.depth > 0 => {
                self.node = parent;
                self.depth = self.depth.saturating_sub(1);
                true
            }
            _ => false,
        }
    }

    /// To the next sibling; false when there is none.
    pub fn goto_next_sibling(&mut self) -> bool {
        let next = self.node.next_sibling();
        self.aside(next)
    }

    /// To the previous sibling; false when there is none.
    pub fn goto_previous_sibling(&mut self) -> bool {
        let previous = self.node.prev_sibling();
        self.aside(previous)
    }

    /// To the node with that number in pre-order, counted from the node where
    /// the walk started. Numbers past the last node lead to the last node.
    /// Cost: the depth of the node.
    pub fn goto_descendant(&mut self, descendant_index: usize) {
        let last = self.root.descendant_count().saturating_sub(1);
        let index = self.root.id().saturating_add(descendant_index.min(last));
        self.node = Node::new(self.root.tree(), index as u32);
        let above = std::iter::successors(Some(self.node), Node::parent);
        self.depth = above.take_while(|node| *node != self.root).count() as u32;
    }

    /// To the first child that ends after that byte; its number, or none and
    /// no move. Cost: linear in the number of children before it.
    pub fn goto_first_child_for_byte(&mut self, byte: usize) -> Option<usize> {
        self.goto_first_child_where(|child| child.end_byte() > byte)
    }

    /// To the first child that ends after that point; its number, or none and
    /// no move. Cost: linear in the number of children before it.
    pub fn goto_first_child_for_point(&mut self, point: Point) -> Option<usize> {
        self.goto_first_child_where(|child| child.end_position() > point)
    }

    /// To a node, which becomes the one where the walk starts.
    pub fn reset(&mut self, node: Node<'tree>) {
        *self = Self::new(node);
    }

    /// To where another cursor is.
    pub fn reset_to(&mut self, other: &Self) {
        *self = other.clone();
    }

    fn goto_first_child_where(&mut self, wanted: impl Fn(&Node<'tree>) -> bool) -> Option<usize> {
        let children = std::iter::successors(self.node.first_child(), Node::next_sibling);
        let (index, child) = children.enumerate().find(|(_, child)| wanted(child))?;
        self.down(Some(child));
        Some(index)
    }

    fn down(&mut self, child: Option<Node<'tree>>) -> bool {
        if let Some(child) = child {
            self.node = child;
            self.depth = self.depth.saturating_add(1);
        }
        child.is_some()
    }

    fn aside(&mut self, sibling: Option<Node<'tree>>) -> bool {
        if let Some(sibling) = sibling.filter(|_| self.depth > 0) {
            self.node = sibling;
            return true;
        }
        false
    }
}

impl std::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("node", &self.node).field("depth", &self.depth).finish()
    }
}
