//! A tree as JSON: a flat list in pre-order, each node with its depth. Nested
//! objects would be deeper than most readers of JSON go.

use std::io::{self, Write};

use herbarium_codec::{Node, Point, Tree};
use serde::Serialize;

use super::{token_bytes, with_depth};

/// What is said of a tree before its nodes.
#[derive(Serialize, Debug)]
pub(crate) struct TreeHead<'a> {
    pub(crate) path: String,
    pub(crate) language: &'a str,
    pub(crate) key: String,
    pub(crate) parsed: bool,
    pub(crate) source_bytes: u64,
    pub(crate) lines: u64,
    pub(crate) has_error: bool,
    pub(crate) node_count: u64,
}

/// Prints head and nodes as one object, a line for each node. No node is kept
/// in memory.
pub(crate) fn print_json(
    head: &TreeHead<'_>,
    tree: &Tree,
    source: &[u8],
    out: &mut impl Write,
) -> io::Result<()> {
    let head = serde_json::to_string(head)?;
    write!(out, "{},\"nodes\":[", head.strip_suffix('}').unwrap_or(&head))?;
    for (index, (node, depth)) in with_depth(tree).enumerate() {
        out.write_all(if index > 0 { b",\n" } else { b"\n" })?;
        serde_json::to_writer(&mut *out, &NodeJson::new(node, depth, source))?;
    }
    out.write_all(b"\n]}\n")
}

#[derive(Serialize)]
struct NodeJson<'a> {
    depth: u32,
    kind: &'a str,
    named: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    start_byte: usize,
    end_byte: usize,
    start: PointJson,
    end: PointJson,
    #[serde(skip_serializing_if = "is_false")]
    extra: bool,
    #[serde(skip_serializing_if = "is_false")]
    missing: bool,
    #[serde(skip_serializing_if = "is_false")]
    error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Serialize)]
struct PointJson {
    row: usize,
    column: usize,
}

impl From<Point> for PointJson {
    fn from(point: Point) -> Self {
        Self { row: point.row, column: point.column }
    }
}

impl<'a> NodeJson<'a> {
    fn new(node: Node<'a>, depth: u32, source: &'a [u8]) -> Self {
        Self {
            depth,
            kind: node.kind(),
            named: node.is_named(),
            field: node.field_name().filter(|_| depth > 0),
            start_byte: node.start_byte(),
            end_byte: node.end_byte(),
            start: node.start_position().into(),
            end: node.end_position().into(),
            extra: node.is_extra(),
            missing: node.is_missing(),
            error: node.is_error(),
            text: token_bytes(node, source).map(String::from_utf8_lossy),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}
