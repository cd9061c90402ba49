//! A stored tree beside a live one, node for node.
//!
//! Deliberately not [`Tree`]'s own `==`, and without the code that takes live
//! trees over: both trees are walked through their public cursors, and what
//! tree-sitter says is right.

use herbarium_codec::{Node, Tree};

/// A place where two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Differs {
    /// Number of the node in pre-order.
    pub(crate) node: u64,
    pub(crate) what: &'static str,
    /// What tree-sitter says.
    pub(crate) expected: String,
    /// What was stored.
    pub(crate) found: String,
}

/// One wrong byte can shift all that follows: so many say enough.
const MOST: usize = 8;

/// The first places where the stored tree is not what the live one is.
pub(crate) fn compare(live: &tree_sitter::Tree, stored: &Tree) -> Vec<Differs> {
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
    differences: Vec<Differs>,
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
        self.differences.push(Differs { node: self.node, what, expected, found });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use herbarium_capture::Capturer;
    use herbarium_languages::{ParseLimits, ParserPool, by_id};

    fn differences(live: &str, stored: &str) -> Vec<Differs> {
        let rust = by_id("rust").unwrap();
        let parse = |source: &str| {
            let pool = ParserPool::new(1);
            pool.parse(rust, source.as_bytes(), None, &ParseLimits::default()).unwrap()
        };
        let mut capturer = Capturer::new(rust.grammar());
        let stored = capturer.capture(&parse(stored), stored.as_bytes()).unwrap();
        compare(&parse(live), &stored)
    }

    fn check(live: &str, stored: &str, first: Option<(u64, &str)>) {
        let found = differences(live, stored);
        let found = found.iter().find(|it| it.what != "descendant_count");
        assert_eq!(found.map(|it| (it.node, it.what)), first, "{live:?} {stored:?} {found:?}");
    }

    #[test]
    fn a_tree_is_equal_to_itself() {
        for source in ["fn main() {}\n", "", "\n\n", "fn (", "struct A { b: C }", "é = 'ö' ❤"] {
            check(source, source, None);
        }
    }

    #[test]
    fn each_kind_of_difference_is_found_at_its_node() {
        check("fn a() {}", "fn ab() {}", Some((0, "end_byte")));
        check("fn a() {}\n", "fn a() {}", Some((0, "end_byte")));
        check("let a = 1;", "let a = x;", Some((5, "kind_id")));
        check("f(1, 2)", "f(1)   ", Some((1, "end_byte")));
        check("\na", " a", Some((0, "start_position")));
    }

    #[test]
    fn one_difference_does_not_make_a_thousand() {
        let live: String = "fn a() {}\n".repeat(500);
        let stored: String = "fn a() { }".repeat(500);
        assert!((1..=MOST + 16).contains(&differences(&live, &stored).len()));
    }
}
