//! A tree as nested JSON, written node by node: neither its depth nor its size is a
//! matter of the stack.

use herbarium::codec::{Node, Tree};
use serde::Serialize;

use crate::types::Place;

/// How much of a tree is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Levels below the root.
    pub(crate) depth: usize,
    /// Nodes, counted in pre-order.
    pub(crate) nodes: usize,
}

/// What is written of a node before its children.
#[derive(Serialize)]
struct Head<'t> {
    id: usize,
    kind: &'t str,
    named: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'t str>,
    start: Place,
    end: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<bool>,
}

impl<'t> Head<'t> {
    fn of(node: Node<'t>) -> Self {
        let (start, end) = Place::of(&node.range());
        Self {
            id: node.id(),
            kind: node.kind(),
            named: node.is_named(),
            field: node.field_name(),
            start,
            end,
            error: node.is_error().then_some(true),
            missing: node.is_missing().then_some(true),
        }
    }
}

/// What is written before the root.
#[derive(Serialize)]
struct Front<'a> {
    key: &'a str,
    language: &'a str,
    nodes: usize,
    source_bytes: u32,
    truncated: bool,
}

/// Writes a tree.
pub(crate) fn write(tree: &Tree, key: &str, language: &str, reach: Reach) -> Vec<u8> {
    let mut nodes = Vec::new();
    let truncated = write_nodes(tree, reach, &mut nodes);
    let (count, source_bytes) = (tree.descendant_count(), tree.source_len());
    let front = Front { key, language, nodes: count, source_bytes, truncated };
    let mut out = Vec::with_capacity(nodes.len() + 256);
    open_object(&mut out, &front);
    out.extend_from_slice(b",\"root\":");
    out.append(&mut nodes);
    out.push(b'}');
    out
}

/// Says whether some were left out.
fn write_nodes(tree: &Tree, reach: Reach, out: &mut Vec<u8>) -> bool {
    let mut left = reach.nodes.max(1);
    let mut truncated = false;
    let mut depth = 0;
    let mut node = tree.root_node();
    loop {
        left -= 1;
        open_object(out, &Head::of(node));
        match first_child(node) {
            Some(child) if depth < reach.depth && left > 0 => {
                out.extend_from_slice(b",\"children\":[");
                depth += 1;
                node = child;
                continue;
            }
            Some(_) => {
                truncated = true;
                leave_out(out, node.child_count());
            }
            None => {}
        }
        out.push(b'}');
        // Up, until there is one beside.
        loop {
            if depth == 0 {
                return truncated;
            }
            match node.next_sibling() {
                Some(next) if left > 0 => {
                    out.push(b',');
                    node = next;
                    break;
                }
                Some(next) => {
                    truncated = true;
                    let more = std::iter::successors(Some(next), Node::next_sibling).count();
                    out.push(b']');
                    leave_out(out, more as u32);
                }
                None => out.push(b']'),
            }
            out.push(b'}');
            depth -= 1;
            let Some(parent) = node.parent() else { return truncated };
            node = parent;
        }
    }
}

fn leave_out(out: &mut Vec<u8>, children: u32) {
    out.extend_from_slice(b",\"left_out\":");
    out.extend_from_slice(children.to_string().as_bytes());
}

/// The first child: the node after its parent in pre-order.
fn first_child(node: Node<'_>) -> Option<Node<'_>> {
    (node.descendant_count() > 1).then(|| node.tree().node(node.id() + 1)).flatten()
}

/// Writes an object that is still to be closed.
pub(crate) fn open_object(out: &mut Vec<u8>, value: &impl Serialize) {
    json(out, value);
    out.pop();
}

/// Writes a value of our own types, which have no keys that are not texts.
pub(crate) fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    // A vector takes all that is written.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Nodes of what was written, and whether it says that some are missing.
    fn written(source: &str, reach: Reach) -> (Vec<Value>, bool) {
        let tree = herbarium::press("json", source.as_bytes()).unwrap();
        let text = write(&tree, "k", "json", reach);
        let value: Value = serde_json::from_slice(&text).unwrap();
        let (mut found, mut stack) = (Vec::new(), vec![value["root"].clone()]);
        while let Some(mut node) = stack.pop() {
            if let Some(Value::Array(children)) = node.get_mut("children").map(Value::take) {
                stack.extend(children.into_iter().rev());
            }
            found.push(node);
        }
        (found, value["truncated"].as_bool().unwrap())
    }

    fn check(source: &str, reach: Reach) {
        let tree = herbarium::press("json", source.as_bytes()).unwrap();
        let (found, truncated) = written(source, reach);
        let depth = |node: Node<'_>| std::iter::successors(node.parent(), Node::parent).count();
        let within = tree.nodes().filter(|node| depth(*node) <= reach.depth);
        let expected: Vec<_> = within.take(reach.nodes.max(1)).collect();
        assert_eq!(found.len(), expected.len(), "{source} {reach:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found["id"], expected.id());
            assert_eq!(found["kind"], expected.kind());
            assert_eq!(found["end"]["byte"], expected.end_byte());
        }
        assert_eq!(truncated, expected.len() < tree.descendant_count(), "{source} {reach:?}");
    }

    #[test]
    fn what_is_in_reach_is_written_and_the_rest_is_said_to_be_missing() {
        let sources = ["", "1", "[1, [2, {\"a\": [3]}], 4]", "[[[[", "[1,,2]", "{\"a\": nul}"];
        for source in sources {
            for depth in [0, 1, 2, 3, 100] {
                for nodes in [0, 1, 2, 5, 9, 1000] {
                    check(source, Reach { depth, nodes });
                }
            }
        }
    }

    #[test]
    fn a_tree_may_be_as_deep_as_it_likes() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        let all = Reach { depth: usize::MAX, nodes: usize::MAX };
        let tree = herbarium::press("json", deep.as_bytes()).unwrap();
        let text = write(&tree, "k", "json", all);
        assert!(text.ends_with(b"}}"));
        let braces = |which| text.iter().filter(|byte| **byte == which).count();
        assert_eq!(braces(b'{'), braces(b'}'));
    }
}
