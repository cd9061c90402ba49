//! What queries see of a tree beyond its nodes, against what tree-sitter's own
//! query cursor is told: for every node, by the same private functions.
//!
//! With `HERBARIUM_REAL_CODE` set to folders (separated as in `PATH`), some
//! hundred files of each are compared, too.
#![cfg(feature = "direct")]

mod support;

use std::collections::HashSet;

use herbarium_capture::Capturer;
use herbarium_codec::{Quirk, Tree, decode, encode};
use herbarium_languages::{Language, all};
use tree_sitter::Parser;

use support::{real_files, real_folders, sample};

/// What a query cursor knows when it enters a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    field: u16,
    has_later: bool,
    has_later_named: bool,
    field_comes_again: bool,
    /// Sorted.
    supertypes: Vec<u16>,
    /// Kind that the node above has for it.
    parent: Option<u16>,
}

/// tree-sitter's tree cursor, asked as its query cursor asks it.
mod oracle {
    use std::marker::PhantomData;
    use std::ops::Range;

    use tree_sitter::ffi::{
        TSNode, TSTreeCursor, ts_tree_cursor_current_node, ts_tree_cursor_delete,
        ts_tree_cursor_goto_first_child, ts_tree_cursor_goto_next_sibling,
        ts_tree_cursor_goto_parent,
    };
    use tree_sitter::{Node, Tree};

    use super::Seen;

    // Of `src/tree_cursor.h`, not part of the public interface.
    unsafe extern "C" {
        fn ts_tree_cursor_current_status(
            cursor: *const TSTreeCursor,
            field: *mut u16,
            has_later: *mut bool,
            has_later_named: *mut bool,
            field_comes_again: *mut bool,
            supertypes: *mut u16,
            supertype_count: *mut u32,
        );
        fn ts_tree_cursor_parent_node(cursor: *const TSTreeCursor) -> TSNode;
    }

    /// Supertypes that a query cursor has room for.
    const SUPERTYPES: usize = 8;

    pub(super) struct Cursor<'tree> {
        raw: TSTreeCursor,
        tree: PhantomData<&'tree Tree>,
    }

    impl<'tree> Cursor<'tree> {
        pub(super) fn new(tree: &'tree Tree) -> Self {
            Self { raw: tree.walk().into_raw(), tree: PhantomData }
        }

        /// To the next node in pre-order; false at the end.
        pub(super) fn step(&mut self) -> bool {
            let raw = &raw mut self.raw;
            // SAFETY: `raw` came from a cursor that was given up for it, is
            // deleted only on drop, and walks a tree that `self.tree` borrows.
            unsafe {
                if ts_tree_cursor_goto_first_child(raw) {
                    return true;
                }
                while !ts_tree_cursor_goto_next_sibling(raw) {
                    if !ts_tree_cursor_goto_parent(raw) {
                        return false;
                    }
                }
            }
            true
        }

        pub(super) fn bytes(&self) -> Range<usize> {
            // SAFETY: as in `step`; a cursor always has a node, which lives as
            // long as the tree.
            let node: Node<'tree> =
                unsafe { Node::from_raw(ts_tree_cursor_current_node(&raw const self.raw)) };
            node.byte_range()
        }

        pub(super) fn seen(&self) -> Seen {
            let mut seen = Seen::default();
            let (mut supertypes, mut count) = ([0; SUPERTYPES], SUPERTYPES as u32);
            // SAFETY: the cursor as in `step`, read only; the other pointers
            // are to values of the types that the C function declares, and
            // `count` says how many supertypes there is room for.
            unsafe {
                ts_tree_cursor_current_status(
                    &raw const self.raw,
                    &raw mut seen.field,
                    &raw mut seen.has_later,
                    &raw mut seen.has_later_named,
                    &raw mut seen.field_comes_again,
                    supertypes.as_mut_ptr(),
                    &raw mut count,
                );
            }
            seen.supertypes = supertypes[..count as usize].to_vec();
            seen.supertypes.sort_unstable();
            seen.supertypes.dedup();
            seen.parent = self.parent();
            seen
        }

        fn parent(&self) -> Option<u16> {
            // SAFETY: the cursor as in `step`, read only.
            let parent = unsafe { ts_tree_cursor_parent_node(&raw const self.raw) };
            // SAFETY: a node that is not null is one of the tree.
            let parent: Option<Node<'tree>> =
                (!parent.id.is_null()).then(|| unsafe { Node::from_raw(parent) });
            parent.map(|node| node.kind_id())
        }
    }

    impl Drop for Cursor<'_> {
        fn drop(&mut self) {
            // SAFETY: as in `step`; used no more.
            unsafe { ts_tree_cursor_delete(&raw mut self.raw) };
        }
    }
}

/// What the stored tree says, for all nodes.
fn seen_of(tree: &Tree) -> Vec<Seen> {
    let mut seen: Vec<Seen> = (0..tree.descendant_count() as u32).map(|at| of(tree, at)).collect();
    // From the end: what comes later among the same siblings.
    let (mut named, mut fields) = (HashSet::new(), HashSet::new());
    for node in (1..seen.len()).rev() {
        let parent = tree.parent_index(node as u32);
        let stored = tree.node(node).expect("a node");
        let same_field = fields.contains(&(parent, seen[node].field));
        let has = |wanted| tree.quirks_of(node as u32).any(|quirk| quirk == wanted);
        seen[node].has_later_named = named.contains(&parent);
        seen[node].field_comes_again = seen[node].field != 0
            && (same_field || has(Quirk::NotLastOfField))
            && !has(Quirk::LastOfField);
        if stored.is_named() {
            named.insert(parent);
        }
        fields.insert((parent, stored.field_id().unwrap_or(0)));
    }
    seen
}

/// What is known of a node alone.
fn of(tree: &Tree, index: u32) -> Seen {
    if index == 0 {
        return Seen::default();
    }
    let info = tree.shape_info(tree.shape_of(index)).expect("a shape");
    let set = tree.shape_supertypes(tree.shape_of(index));
    let kinds = tree.grammar().supertype_kinds().iter().enumerate();
    let supertypes = kinds.filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, kind)| *kind).collect();
    // What else has the quirk of a field has it for being asked: see `node_api.rs`.
    let field = |quirk| match quirk {
        Quirk::Field(field) if info.is_extra => Some(field),
        _ => None,
    };
    let kind = |quirk| if let Quirk::Alias(kind) = quirk { Some(kind) } else { None };
    let parent = tree.parent_index(index);
    let shown = tree.shape_info(tree.shape_of(parent)).expect("a shape").kind;
    Seen {
        field: tree.quirks_of(index).find_map(field).unwrap_or(info.field),
        has_later: !info.is_last,
        supertypes,
        parent: Some(tree.quirks_of(parent).find_map(kind).unwrap_or(shown)),
        ..Seen::default()
    }
}

/// What was compared, so that nothing is not taken for everything.
#[derive(Debug, Default)]
struct Tally {
    nodes: usize,
    supertypes: usize,
    /// In the order of [`Quirk`].
    quirks: [usize; 5],
}

/// Compares every node; what differs is said with its place.
fn check(language: &Language, source: &[u8], place: &str, tally: &mut Tally) {
    let mut parser = Parser::new();
    parser.set_language(&language.tree_sitter()).expect("a grammar of this runtime");
    let live = parser.parse(source, None).expect("a tree");
    let captured = Capturer::new(language.grammar()).capture(&live, source).expect("captured");
    let tree = decode(&encode(&captured), language.grammar()).expect("own bytes open");
    assert!(tree == captured, "{place}: pressed and opened, the tree is another");
    let (mut cursor, mut more) = (oracle::Cursor::new(&live), true);
    for (index, found) in seen_of(&tree).into_iter().enumerate() {
        assert!(more, "{place}: the live tree has {index} nodes");
        let expected = cursor.seen();
        if expected != found {
            let bytes = cursor.bytes();
            let text = String::from_utf8_lossy(&source[bytes.clone()]);
            let node = tree.node(index).expect("a node");
            panic!(
                "{} {place}: node {index}, {} at {bytes:?}, in {:?}, `{}`\nexpected {expected:?}\nfound    {found:?}",
                language.id(),
                node.kind(),
                node.parent().map(|parent| parent.kind()),
                text.chars().take(200).collect::<String>(),
            );
        }
        tally.nodes += 1;
        tally.supertypes += usize::from(!found.supertypes.is_empty());
        for quirk in tree.quirks_of(index as u32) {
            tally.quirks[match quirk {
                Quirk::LastOfField => 0,
                Quirk::NotLastOfField => 1,
                Quirk::Field(_) => 2,
                Quirk::Alias(_) => 3,
                Quirk::FieldWithin(_) => 4,
            }] += 1;
        }
        more = cursor.step();
    }
    assert!(!more, "{place}: the live tree has more nodes");
}

#[test]
fn every_node_of_every_sample_is_seen_as_tree_sitter_sees_it() {
    let mut tally = Tally::default();
    for language in all() {
        check(language, &sample(language), "sample", &mut tally);
    }
    assert!(tally.nodes > 5000 && tally.supertypes > 1000, "{tally:?}");
}

#[test]
fn every_node_of_broken_samples_is_seen_as_tree_sitter_sees_it() {
    let mut tally = Tally::default();
    for language in all() {
        let whole = sample(language);
        for part in 1..16 {
            let at = whole.len() * part / 16;
            check(language, &whole[..at], "the first bytes", &mut tally);
            check(language, &whole[at..], "the last bytes", &mut tally);
            let gone = (at + 9).min(whole.len());
            let without = [&whole[..at], &whole[gone..]].concat();
            check(language, &without, "9 bytes less", &mut tally);
            let more = [&whole[..at], b" ) } , (", &whole[at..]].concat();
            check(language, &more, "8 bytes more", &mut tally);
        }
    }
    let [last, not_last, ..] = tally.quirks;
    assert!(last > 0 && not_last > 0, "{tally:?}");
}

/// The source with a comment before some of its tokens: of `every` tokens the
/// one with that number.
fn commented(language: &Language, source: &[u8], every: usize, number: usize) -> Vec<u8> {
    let mut parser = Parser::new();
    parser.set_language(&language.tree_sitter()).expect("a grammar of this runtime");
    let live = parser.parse(source, None).expect("a tree");
    let tree = Capturer::new(language.grammar()).capture(&live, source).expect("captured");
    let comment: &[u8] = match language.id() {
        "bash" | "python" | "ruby" => b" # no\n",
        "html" => b"<!-- no -->",
        _ => b" /* no */ ",
    };
    let tokens = tree.nodes().filter(|node| node.child(0).is_none()).enumerate();
    let (mut out, mut from) = (Vec::new(), 0);
    for (_, token) in tokens.filter(|(index, _)| index % every == number) {
        out.extend_from_slice(&source[from..token.start_byte()]);
        out.extend_from_slice(comment);
        from = token.start_byte();
    }
    out.extend_from_slice(&source[from..]);
    out
}

#[test]
fn extras_anywhere_are_seen_as_tree_sitter_sees_them() {
    let mut tally = Tally::default();
    for language in all() {
        for every in 1..12 {
            for number in 0..every {
                let source = commented(language, &sample(language), every, number);
                check(language, &source, "with comments", &mut tally);
            }
        }
    }
    let [last, _, field, alias, _] = tally.quirks;
    assert!(last > 0 && field > 0 && alias > 0, "{tally:?}");
}

/// Files of each folder at most.
const FILES: usize = 300;

#[test]
#[expect(clippy::print_stdout, reason = "says how much was compared")]
fn every_node_of_real_code_is_seen_as_tree_sitter_sees_it() {
    for folder in real_folders() {
        let (mut tally, mut files) = (Tally::default(), 0);
        for file in real_files(&folder, FILES, 300_000) {
            check(file.language, &file.source, &file.place, &mut tally);
            files += 1;
        }
        println!("{}: {files} files, {tally:?}", folder.display());
    }
}
