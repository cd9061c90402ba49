//! Every method of `Node` and `Cursor` against the method of tree-sitter that
//! has its name, at every node.
//!
//! A few of tree-sitter's answers go by hidden nodes: it stops at one that is
//! empty, and looks behind one only once. Where a method differs for that, it
//! must find what the visible nodes say: what tree-sitter's own lists of
//! children lead to.
//!
//! With `HERBARIUM_REAL_CODE` set to folders (separated as in `PATH`), some
//! files of each are compared, too.

mod support;

use std::collections::BTreeMap;

use herbarium_capture::Capturer;
use herbarium_codec::{Cursor, Node, Point, decode, encode};
use herbarium_languages::{Language, all};
use tree_sitter::{Node as Live, Parser, TreeCursor};

use support::{real_files, real_folders, sample};

/// What tells nodes of one tree apart, as far as users can see.
type Face = (u16, usize, usize, u32, usize);

fn live_face(node: Option<Live<'_>>) -> Option<Face> {
    node.map(|node| {
        let bytes = node.byte_range();
        let children = node.child_count();
        (node.kind_id(), bytes.start, bytes.end, children, node.descendant_count())
    })
}

fn face(node: Option<Node<'_>>) -> Option<Face> {
    node.map(|node| {
        let bytes = node.byte_range();
        (node.kind_id(), bytes.start, bytes.end, node.child_count(), node.descendant_count())
    })
}

fn live_point(point: Point) -> tree_sitter::Point {
    tree_sitter::Point { row: point.row, column: point.column }
}

/// The differences found, by method: how often, and the first.
#[derive(Default)]
struct Report {
    compared: usize,
    /// Answers of tree-sitter that its visible nodes do not explain.
    unexplained: usize,
    differ: BTreeMap<&'static str, (usize, String)>,
}

impl Report {
    /// As [`Report::compare`], where tree-sitter's answer may go by hidden nodes.
    fn compare_visible<T: PartialEq + std::fmt::Debug>(
        &mut self,
        method: &'static str,
        expected: T,
        found: T,
        by_visible: impl FnOnce() -> T,
        place: impl FnOnce() -> String,
    ) {
        if expected != found && by_visible() == found {
            self.unexplained += 1;
        } else {
            self.compare(method, expected, found, place);
        }
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        method: &'static str,
        expected: T,
        found: T,
        place: impl FnOnce() -> String,
    ) {
        self.compared += 1;
        if expected != found {
            let (count, _) = self.differ.entry(method).or_insert_with(|| {
                (0, format!("{}\n  expected {expected:?}\n  found    {found:?}", place()))
            });
            *count += 1;
        }
    }
}

/// Children that are asked for by number: the first, and the last.
const FIRST: u32 = 12;

fn compare_node(live: Live<'_>, node: Node<'_>, place: &str, report: &mut Report) {
    let fields = node.tree().grammar().field_count() as u16;
    let at =
        |what: String| move || format!("{place}: {} {:?}, {what}", node.kind(), node.byte_range());
    let (mut live_cursor, mut cursor) = (live.walk(), node.walk());
    report.compare("child_count", live.child_count(), node.child_count(), at("".into()));
    report.compare(
        "named_child_count",
        live.named_child_count(),
        node.named_child_count(),
        at("".into()),
    );
    let count = node.child_count();
    for i in (0..=count).filter(|i| *i < FIRST || *i + 2 > count) {
        let n = i as _;
        report.compare("child", live_face(live.child(n)), face(node.child(i)), at(format!("{i}")));
        report.compare(
            "named_child",
            live_face(live.named_child(n)),
            face(node.named_child(i)),
            at(format!("{i}")),
        );
        report.compare(
            "field_name_for_child",
            live.field_name_for_child(n),
            node.field_name_for_child(i),
            at(format!("{i}")),
        );
        report.compare(
            "field_name_for_named_child",
            live.field_name_for_named_child(n),
            node.field_name_for_named_child(i),
            at(format!("{i}")),
        );
    }
    for field in 0..=fields {
        report.compare(
            "child_by_field_id",
            live_face(live.child_by_field_id(field)),
            face(node.child_by_field_id(field)),
            at(format!("{:?}", node.tree().grammar().field_name(field))),
        );
        if let Some(id) = std::num::NonZeroU16::new(field) {
            let expected: Vec<_> = live
                .children_by_field_id(id, &mut live_cursor)
                .map(|it| live_face(Some(it)))
                .collect();
            let found: Vec<_> =
                node.children_by_field_id(field, &mut cursor).map(|it| face(Some(it))).collect();
            report.compare("children_by_field_id", expected, found, at(format!("{field}")));
        }
    }
    let expected: Vec<_> = live.children(&mut live_cursor).map(|it| live_face(Some(it))).collect();
    let found: Vec<_> = node.children(&mut cursor).map(|it| face(Some(it))).collect();
    report.compare("children", expected, found, at("".into()));
    let expected: Vec<_> =
        live.named_children(&mut live_cursor).map(|it| live_face(Some(it))).collect();
    let found: Vec<_> = node.named_children(&mut cursor).map(|it| face(Some(it))).collect();
    report.compare("named_children", expected, found, at("".into()));
    let around = [
        ("parent", live_face(live.parent()), face(node.parent())),
        ("prev_sibling", live_face(live.prev_sibling()), face(node.prev_sibling())),
        (
            "prev_named_sibling",
            live_face(live.prev_named_sibling()),
            face(node.prev_named_sibling()),
        ),
    ];
    for (method, expected, found) in around {
        report.compare(method, expected, found, at("".into()));
    }
    report.compare(
        "descendant_count",
        live.descendant_count(),
        node.descendant_count(),
        at("".into()),
    );
    report.compare("has_error", live.has_error(), node.has_error(), at("".into()));
    // tree-sitter prints an anonymous node as a named one where it is an alias.
    if node.is_named() && node.descendant_count() < 60 {
        report.compare("to_sexp", live.to_sexp(), node.to_sexp(), at("".into()));
    }
}

/// The next sibling as lists of children have it.
fn next_of<'tree>(
    cursor: &TreeCursor<'tree>,
    counts: fn(&Live<'tree>) -> bool,
) -> Option<Live<'tree>> {
    let mut cursor = cursor.clone();
    while cursor.goto_next_sibling() {
        if counts(&cursor.node()) {
            return Some(cursor.node());
        }
    }
    None
}

fn compare_next(live: &TreeCursor<'_>, node: Node<'_>, place: &str, report: &mut Report) {
    let at = || format!("{place}: {} {:?}", node.kind(), node.byte_range());
    report.compare_visible(
        "next_sibling",
        live_face(live.node().next_sibling()),
        face(node.next_sibling()),
        || live_face(next_of(live, |_| true)),
        at,
    );
    report.compare_visible(
        "next_named_sibling",
        live_face(live.node().next_named_sibling()),
        face(node.next_named_sibling()),
        || live_face(next_of(live, Live::is_named)),
        at,
    );
}

/// The smallest node that spans a range, as lists of children lead to it.
fn smallest<'tree, P: PartialOrd + Copy>(
    mut node: Live<'tree>,
    (from, to): (P, P),
    ends: fn(&Live<'tree>) -> (P, P),
    counts: fn(&Live<'tree>) -> bool,
) -> Option<Live<'tree>> {
    let mut smallest = node;
    loop {
        let mut cursor = node.walk();
        let spans = |child: &Live<'tree>| {
            let (start, end) = ends(child);
            end >= to && if start == end { end >= from } else { end > from }
        };
        match node.children(&mut cursor).find(spans) {
            Some(child) if ends(&child).0 <= from => node = child,
            _ => return Some(smallest),
        }
        if counts(&node) {
            smallest = node;
        }
    }
}

fn bytes_of(node: &Live<'_>) -> (usize, usize) {
    (node.start_byte(), node.end_byte())
}

fn points_of(node: &Live<'_>) -> (tree_sitter::Point, tree_sitter::Point) {
    (node.start_position(), node.end_position())
}

/// The first child that ends after a byte, and its number.
fn ends_after<'tree>(
    node: Live<'tree>,
    byte: usize,
    counts: fn(&Live<'tree>) -> bool,
) -> Option<(usize, Live<'tree>)> {
    let mut cursor = node.walk();
    let mut children = node.children(&mut cursor).filter(counts).enumerate();
    children.find(|(_, child)| child.end_byte() > byte)
}

fn compare_ranges(
    root: Live<'_>,
    live: Live<'_>,
    node: Node<'_>,
    place: &str,
    report: &mut Report,
) {
    let top = node.tree().root_node();
    let (start, end) = (node.start_byte(), node.end_byte());
    let middle = start.midpoint(end);
    let ranges = [(start, start), (start, end), (end, end), (middle, middle), (middle, end + 1)];
    for (from, to) in ranges {
        let at = || format!("{place}: {from}..{to}");
        report.compare_visible(
            "descendant_for_byte_range",
            live_face(root.descendant_for_byte_range(from, to)),
            face(top.descendant_for_byte_range(from, to)),
            || live_face(smallest(root, (from, to), bytes_of, |_| true)),
            at,
        );
        report.compare_visible(
            "named_descendant_for_byte_range",
            live_face(root.named_descendant_for_byte_range(from, to)),
            face(top.named_descendant_for_byte_range(from, to)),
            || live_face(smallest(root, (from, to), bytes_of, Live::is_named)),
            at,
        );
        report.compare_visible(
            "descendant_for_byte_range",
            live_face(live.descendant_for_byte_range(from, to)),
            face(node.descendant_for_byte_range(from, to)),
            || live_face(smallest(live, (from, to), bytes_of, |_| true)),
            || format!("{place}: {from}..{to} in {} {start}..{end}", node.kind()),
        );
    }
    for byte in [start.saturating_sub(1), start, middle, end, end + 1] {
        let at = || format!("{place}: byte {byte} in {} {start}..{end}", node.kind());
        report.compare_visible(
            "first_child_for_byte",
            live_face(live.first_child_for_byte(byte)),
            face(node.first_child_for_byte(byte)),
            || live_face(ends_after(live, byte, |_| true).map(|it| it.1)),
            at,
        );
        report.compare_visible(
            "first_named_child_for_byte",
            live_face(live.first_named_child_for_byte(byte)),
            face(node.first_named_child_for_byte(byte)),
            || live_face(ends_after(live, byte, Live::is_named).map(|it| it.1)),
            at,
        );
        let (mut live_cursor, mut cursor) = (live.walk(), node.walk());
        let expected = live_cursor.goto_first_child_for_byte(byte);
        let found = cursor.goto_first_child_for_byte(byte);
        let by_visible = || ends_after(live, byte, |_| true).map(|it| it.0);
        report.compare_visible("cursor.goto_first_child_for_byte", expected, found, by_visible, at);
    }
    let (from, to) = (node.start_position(), node.end_position());
    for (from, to) in [(from, from), (from, to), (to, to)] {
        let at = || format!("{place}: {from:?}..{to:?}");
        let (live_from, live_to) = (live_point(from), live_point(to));
        report.compare_visible(
            "descendant_for_point_range",
            live_face(root.descendant_for_point_range(live_from, live_to)),
            face(top.descendant_for_point_range(from, to)),
            || live_face(smallest(root, (live_from, live_to), points_of, |_| true)),
            at,
        );
        report.compare_visible(
            "named_descendant_for_point_range",
            live_face(root.named_descendant_for_point_range(live_from, live_to)),
            face(top.named_descendant_for_point_range(from, to)),
            || live_face(smallest(root, (live_from, live_to), points_of, Live::is_named)),
            at,
        );
        let (mut live_cursor, mut cursor) = (live.walk(), node.walk());
        let expected = live_cursor.goto_first_child_for_point(live_from);
        let found = cursor.goto_first_child_for_point(from);
        report.compare("cursor.goto_first_child_for_point", expected, found, at);
    }
}

type Move = (&'static str, fn(&mut TreeCursor<'_>) -> bool, fn(&mut Cursor<'_>) -> bool);

const MOVES: [Move; 5] = [
    ("cursor.goto_first_child", |live| live.goto_first_child(), |it| it.goto_first_child()),
    ("cursor.goto_last_child", |live| live.goto_last_child(), |it| it.goto_last_child()),
    ("cursor.goto_parent", |live| live.goto_parent(), |it| it.goto_parent()),
    ("cursor.goto_next_sibling", |live| live.goto_next_sibling(), |it| it.goto_next_sibling()),
    (
        "cursor.goto_previous_sibling",
        |live| live.goto_previous_sibling(),
        |it| it.goto_previous_sibling(),
    ),
];

/// Whether a cursor knows where it came to: on the way to a previous sibling,
/// tree-sitter's loses its number, and beside extras its field and alias.
fn is_lost(method: &str) -> bool {
    method == "cursor.goto_previous_sibling"
}

fn without_kind(method: &str, face: Option<Face>) -> Option<Face> {
    face.map(|(kind, start, end, children, all)| {
        (if is_lost(method) { 0 } else { kind }, start, end, children, all)
    })
}

/// One move of each sort from where both cursors are, and back.
fn compare_cursor(live: &TreeCursor<'_>, cursor: &Cursor<'_>, place: &str, report: &mut Report) {
    for (method, live_move, own_move) in MOVES {
        let (mut live, mut cursor) = (live.clone(), cursor.clone());
        let from = format!("{} {:?}", cursor.node().kind(), cursor.node().byte_range());
        let expected = (
            live_move(&mut live),
            without_kind(method, live_face(Some(live.node()))),
            live.field_name().filter(|_| !is_lost(method)).map(str::to_owned),
            live.depth(),
            if is_lost(method) { 0 } else { live.descendant_index() },
        );
        let found = (
            own_move(&mut cursor),
            without_kind(method, face(Some(cursor.node()))),
            cursor.field_name().filter(|_| !is_lost(method)).map(str::to_owned),
            cursor.depth(),
            if is_lost(method) { 0 } else { cursor.descendant_index() },
        );
        report.compare(method, expected, found, || format!("{place}: from {from}"));
    }
}

/// Compares every node of the tree of a source.
fn check(language: &Language, source: &[u8], place: &str, report: &mut Report) {
    let mut parser = Parser::new();
    parser.set_language(&language.tree_sitter()).expect("a grammar of this runtime");
    let live = parser.parse(source, None).expect("a tree");
    let captured = Capturer::new(language.grammar()).capture(&live, source).expect("captured");
    let tree = decode(&encode(&captured), language.grammar()).expect("own bytes open");
    let place = format!("{} {place}", language.id());
    let (mut live_cursor, mut cursor) = (live.walk(), tree.walk());
    loop {
        compare_node(live_cursor.node(), cursor.node(), &place, report);
        compare_next(&live_cursor, cursor.node(), &place, report);
        compare_ranges(live.root_node(), live_cursor.node(), cursor.node(), &place, report);
        compare_cursor(&live_cursor, &cursor, &place, report);
        if cursor.goto_first_child() {
            live_cursor.goto_first_child();
            continue;
        }
        while !cursor.goto_next_sibling() {
            live_cursor.goto_parent();
            if !cursor.goto_parent() {
                return;
            }
        }
        live_cursor.goto_next_sibling();
    }
}

fn finish(report: &Report) {
    let lines: Vec<_> = report
        .differ
        .iter()
        .map(|(method, (count, first))| format!("{method}: {count} times, first {first}"))
        .collect();
    assert!(lines.is_empty(), "of {} compared:\n{}", report.compared, lines.join("\n"));
    let (compared, unexplained) = (report.compared, report.unexplained);
    assert!(compared > 10_000 && unexplained * 1_000 < compared, "{unexplained} of {compared}");
}

#[test]
fn every_method_answers_as_tree_sitter_s_does() {
    let mut report = Report::default();
    for language in all() {
        check(language, &sample(language), "sample", &mut report);
    }
    finish(&report);
}

#[test]
fn every_method_answers_as_tree_sitter_s_does_on_broken_code() {
    let mut report = Report::default();
    for language in all() {
        let whole = sample(language);
        for part in 1..6 {
            let at = whole.len() * part / 6;
            let gone = (at + 9).min(whole.len());
            let without = [&whole[..at], &whole[gone..]].concat();
            check(language, &without, &format!("without {at}..{gone}"), &mut report);
            let more = [&whole[..at], b" ) } , (", &whole[at..]].concat();
            check(language, &more, &format!("with brackets at {at}"), &mut report);
        }
    }
    finish(&report);
}

/// Files of each folder at most.
const FILES: usize = 40;

#[test]
fn every_method_answers_as_tree_sitter_s_does_on_real_code() {
    let folders = real_folders();
    if folders.is_empty() {
        return;
    }
    let mut report = Report::default();
    for folder in folders {
        for file in real_files(&folder, FILES, 40_000) {
            check(file.language, &file.source, &file.place, &mut report);
        }
    }
    finish(&report);
}
