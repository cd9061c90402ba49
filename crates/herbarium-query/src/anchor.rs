//! Patterns that are found from a text.
//!
//! `(call_expression function: (identifier) @f (#eq? @f "kfree"))` can match at
//! a handful of calls in a file of thousands. Looking for the text first, then
//! for the node that has it, then for the root of the pattern above that node,
//! is a hundred times less work than looking at every call.

use memchr::memmem;

use herbarium_codec::Tree;

use crate::plan::Plan;
use crate::predicate::{Predicates, Test};
use crate::quantifier::CaptureQuantifier;
use crate::step::{Entry, Pattern, Program};

/// Texts are looked for as long as they are rarer than one in so many nodes.
const NODES_PER_TEXT: usize = 8;

/// For a start of a pattern, the text that must be so many levels under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    levels: u16,
    texts: Vec<Box<[u8]>>,
}

/// The anchors of all entries of a program.
pub(crate) fn anchors(program: &Program, predicates: &[Predicates]) -> Vec<Option<Anchor>> {
    let entries = program.entries.iter();
    entries.map(|entry| anchor_of(program, predicates, entry)).collect()
}

fn anchor_of(program: &Program, predicates: &[Predicates], entry: &Entry) -> Option<Anchor> {
    let number = usize::from(entry.pattern);
    let (pattern, predicates) = (program.patterns.get(number)?, predicates.get(number)?);
    let from = program.steps.get(usize::from(entry.step))?.depth;
    let found = predicates.checks.iter().find_map(|check| {
        let texts = match &check.test {
            Test::Text(text) => vec![text.clone()],
            Test::AnyOf(texts) => texts.clone(),
            Test::Capture(_) | Test::Matches(_) => return None,
        };
        let usable = check.positive && check.all && texts.iter().all(|text| !text.is_empty());
        let depth = depth_of(program, number, pattern, check.capture)?;
        let levels = depth.checked_sub(from)?;
        usable.then_some(Anchor { levels, texts })
    });
    found.filter(|_| entry.rooted)
}

/// How deep in a pattern a capture stands that every match has.
fn depth_of(program: &Program, number: usize, pattern: &Pattern, capture: u16) -> Option<u16> {
    let quantifier = pattern.quantifiers.0.get(usize::from(capture))?;
    if !matches!(quantifier, CaptureQuantifier::One | CaptureQuantifier::OneOrMore) {
        return None;
    }
    let next = program.patterns.get(number + 1);
    let end = next.map_or(program.steps.len(), |next| next.steps.start as usize);
    let steps = program.steps.get(pattern.steps.start as usize..end)?.iter();
    let mut depths = steps
        .filter(|step| !step.is_done() && step.captures.contains(&capture))
        .map(|step| step.depth);
    let depth = depths.next()?;
    depths.all(|other| other == depth).then_some(depth)
}

/// The nodes at which the patterns of a plan can start, sorted; none when one
/// of them is not tied to a text, or texts are too common to look for.
pub(crate) fn starts(
    program: &Program,
    anchors: &[Option<Anchor>],
    plan: &Plan,
    tree: &Tree,
    text: &[u8],
) -> Option<Vec<u32>> {
    let mut used: Vec<u16> = plan.used_entries().to_vec();
    used.sort_unstable();
    used.dedup();
    let mut wanted: Vec<&Anchor> = Vec::new();
    for number in used {
        let anchor = anchors.get(usize::from(number))?.as_ref()?;
        debug_assert!(usize::from(number) < program.entries.len());
        if !wanted.contains(&anchor) {
            wanted.push(anchor);
        }
    }
    let mut left = tree.descendant_count() / NODES_PER_TEXT + 16;
    let mut found = Vec::new();
    for anchor in wanted {
        for literal in &anchor.texts {
            for at in memmem::find_iter(text, &**literal) {
                left = left.checked_sub(1)?;
                add_starts(tree, anchor.levels, at as u32, literal.len() as u32, &mut found);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// Adds the nodes so many levels above those that are exactly a stretch of the
/// text.
fn add_starts(tree: &Tree, levels: u16, start: u32, len: u32, found: &mut Vec<u32>) {
    let count = tree.descendant_count() as u32;
    let mut node = tree.first_from_byte(start);
    while node < count && tree.start_byte_of(node) == start {
        if tree.end_byte_of(node) == start + len {
            let mut above = node;
            let reached = (0..levels).all(|_| {
                let is_root = above == 0;
                above = tree.parent_index(above);
                !is_root
            });
            if reached {
                found.push(above);
            }
        }
        node += 1;
    }
}
