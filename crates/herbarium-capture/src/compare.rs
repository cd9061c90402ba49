//! A tree beside a live one, node for node.
//!
//! Deliberately not [`Tree`]'s own `==`, and without the code that takes live
//! trees over: both trees are walked through their public cursors, and what
//! tree-sitter says is right.

use herbarium_codec::{Node, Tree};

/// A place where a tree is not what the live tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Number of the node in pre-order.
    pub node: u64,
    /// The method that differs, in tree-sitter's name for it.
    pub what: &'static str,
    /// What tree-sitter says.
    pub expected: String,
    /// What the tree says.
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { node, what, expected, found } = self;
        write!(f, "node {node}, {what}: expected {expected}, found {found}")
    }
}

/// One wrong byte can shift all that follows: so many say enough.
const MOST: usize = 8;

/// The first places where a tree is not what the live one is: every method that
/// both have is called on every node of both. Empty when they are equal.
///
/// Cost: about two walks with tree-sitter's cursor.
pub fn differences(live: &tree_sitter::Tree, stored: &Tree) -> Vec<Difference> {
    let mut comparison = Comparison { node: 0, differences: Vec::new() };
    let (mut left, mut right) = (live.walk(), stored.walk());
    comparison.note(
        "descendant_count",
        &live.root_node().descendant_count(),
        &stored.root_node().descendant_count(),
    );
    while comparison.differences.len() < MOST {
        comparison.node(&left.node(), &right.node());
        comparison.note("field_name", &left.field_name(), &right.field_name());
        comparison.note("field_id", &left.field_id().map(u16::from), &right.field_id());
        if !comparison.step(&mut left, &mut right) {
            break;
        }
    }
    comparison.differences
}

struct Comparison {
    node: u64,
    differences: Vec<Difference>,
}

impl Comparison {
    /// To the next node in pre-order; false at the end, or where the trees part.
    fn step(
        &mut self,
        left: &mut tree_sitter::TreeCursor<'_>,
        right: &mut herbarium_codec::Cursor<'_>,
    ) -> bool {
        let down = (left.goto_first_child(), right.goto_first_child());
        if down.0 != down.1 {
            return self.note("has a child", &down.0, &down.1);
        }
        let mut moved = down.0;
        while !moved {
            let aside = (left.goto_next_sibling(), right.goto_next_sibling());
            if aside.0 != aside.1 {
                return self.note("has a next sibling", &aside.0, &aside.1);
            }
            moved = aside.0;
            if !moved {
                let up = (left.goto_parent(), right.goto_parent());
                if up.0 != up.1 {
                    return self.note("has a parent", &up.0, &up.1);
                }
                if !up.0 {
                    return false;
                }
            }
        }
        self.node += 1;
        true
    }

    fn node(&mut self, live: &tree_sitter::Node<'_>, stored: &Node<'_>) {
        self.note("kind_id", &live.kind_id(), &stored.kind_id());
        self.note("kind", &live.kind(), &stored.kind());
        self.note("start_byte", &live.start_byte(), &stored.start_byte());
        self.note("end_byte", &live.end_byte(), &stored.end_byte());
        self.note("is_named", &live.is_named(), &stored.is_named());
        self.note("is_extra", &live.is_extra(), &stored.is_extra());
        self.note("is_missing", &live.is_missing(), &stored.is_missing());
        self.note("is_error", &live.is_error(), &stored.is_error());
        self.note("has_error", &live.has_error(), &stored.has_error());
        let (start, end) = (live.start_position(), live.end_position());
        let (found_start, found_end) = (stored.start_position(), stored.end_position());
        let start_found = (found_start.row, found_start.column);
        self.note("start_position", &(start.row, start.column), &start_found);
        self.note("end_position", &(end.row, end.column), &(found_end.row, found_end.column));
    }

    /// Notes a difference, if it is one; says whether it is none.
    fn note<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &'static str,
        expected: &T,
        found: &T,
    ) -> bool {
        if expected == found {
            return true;
        }
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        self.differences.push(Difference { node: self.node, what, expected, found });
        false
    }
}
