//! A compiled query: steps, and where they start.
//!
//! A pattern is a sequence of steps, one for each node it names, in the order
//! of its text; depth says how they nest. Alternatives and repetitions are
//! jumps from one step to another.

use herbarium_codec::{ERROR_KIND, ShapeInfo};

use crate::quantifier::Quantifiers;

/// No step, no capture.
pub(crate) const NONE: u16 = u16::MAX;
/// Depth of the step after the last of a pattern.
pub(crate) const DONE: u16 = u16::MAX;
/// Symbol of a step that any kind matches.
pub(crate) const WILDCARD: u16 = 0;
/// Captures that one step can have.
pub(crate) const STEP_CAPTURES: usize = 3;

/// Bits of [`Step::flags`].
pub(crate) mod flag {
    /// A wildcard matches named nodes only.
    pub(crate) const NAMED: u16 = 1;
    /// No named node may stand between this one and the one before.
    pub(crate) const IMMEDIATE: u16 = 2;
    /// No named sibling may follow.
    pub(crate) const LAST_CHILD: u16 = 4;
    /// Matches nothing: go to the next step and, in a copy, to the alternative.
    pub(crate) const PASS_THROUGH: u16 = 8;
    /// Matches nothing: go to the alternative.
    pub(crate) const DEAD_END: u16 = 16;
    pub(crate) const IN_ALTERNATION: u16 = 32;
    /// It or a step under it has captures.
    pub(crate) const CONTAINS_CAPTURES: u16 = 64;
    /// Once this step is reached, the whole pattern is bound to match.
    pub(crate) const ROOT_GUARANTEED: u16 = 128;
    /// Once this step is reached, it and its later siblings are bound to match.
    pub(crate) const PARENT_GUARANTEED: u16 = 256;
    /// Matches missing nodes only.
    pub(crate) const MISSING: u16 = 512;
    /// The alternative skips what a `?` or `*` makes optional.
    pub(crate) const SKIP: u16 = 1024;
    /// Derived: a later sibling must be tried too once this step matched.
    pub(crate) const SPLITS: u16 = 2048;
}

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) symbol: u16,
    pub(crate) supertype: u16,
    pub(crate) field: u16,
    pub(crate) depth: u16,
    pub(crate) alternative: u16,
    /// Number of a list of fields that the node must not have; 0 for none.
    pub(crate) negated: u16,
    pub(crate) flags: u16,
    pub(crate) captures: [u16; STEP_CAPTURES],
}

impl Step {
    pub(crate) fn new(symbol: u16, depth: u16, immediate: bool) -> Self {
        Self {
            symbol,
            supertype: 0,
            field: 0,
            depth,
            alternative: NONE,
            negated: 0,
            flags: if immediate { flag::IMMEDIATE } else { 0 },
            captures: [NONE; STEP_CAPTURES],
        }
    }

    #[inline]
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn set(&mut self, flag: u16, to: bool) {
        if to {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    /// Whether nodes of a shape are of the kind that the step wants.
    #[inline]
    pub(crate) fn fits(&self, info: &ShapeInfo) -> bool {
        if self.symbol != WILDCARD {
            info.kind == self.symbol && (!self.has(flag::MISSING) || info.is_missing)
        } else if self.has(flag::MISSING) {
            info.is_missing
        } else {
            info.kind != ERROR_KIND && (!self.has(flag::NAMED) || info.is_named)
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.depth == DONE
    }

    #[inline]
    pub(crate) fn is_captured(&self) -> bool {
        self.captures[0] != NONE
    }

    /// Adds a capture; one more than fit is dropped, as tree-sitter does.
    pub(crate) fn add_capture(&mut self, capture: u16) {
        if let Some(free) = self.captures.iter_mut().find(|slot| **slot == NONE) {
            *free = capture;
        }
    }

    pub(crate) fn remove_capture(&mut self, capture: u16) {
        let kept = self.captures.into_iter().filter(|slot| *slot != capture && *slot != NONE);
        let mut captures = [NONE; STEP_CAPTURES];
        captures.iter_mut().zip(kept).for_each(|(slot, kept)| *slot = kept);
        self.captures = captures;
    }
}

/// One pattern of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pattern {
    pub(crate) steps: std::ops::Range<u32>,
    pub(crate) predicates: std::ops::Range<u32>,
    pub(crate) start_byte: u32,
    pub(crate) end_byte: u32,
    pub(crate) non_local: bool,
    pub(crate) quantifiers: Quantifiers,
}

/// Where a pattern starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) step: u16,
    pub(crate) pattern: u16,
    /// The pattern has one root.
    pub(crate) rooted: bool,
    /// The pattern has one root and no other start: its states never meet
    /// another state of the same pattern, which would look at them.
    pub(crate) alone: bool,
}

/// One word of a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Capture(u16),
    Text(u16),
    End,
}

/// A compiled query, without its predicates' meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    pub(crate) patterns: Vec<Pattern>,
    /// Starts on any kind first, then by kind.
    pub(crate) entries: Vec<Entry>,
    pub(crate) wildcards: usize,
    /// Lists of fields; the first is empty.
    pub(crate) negated: Vec<Vec<u16>>,
    pub(crate) captures: Vec<String>,
    pub(crate) texts: Vec<String>,
    pub(crate) words: Vec<Word>,
    /// Where in the text each predicate begins; none once they were read.
    pub(crate) predicate_offsets: Vec<u32>,
    /// Alternatives lead round in a circle: nested repetitions of what may be
    /// missing.
    pub(crate) circular: bool,
    /// Where in the text a step comes from; sorted.
    pub(crate) offsets: Vec<(u32, u32)>,
}

impl Program {
    /// Works out which starts are the only ones of their patterns.
    pub(crate) fn mark_alone(&mut self) {
        let mut starts = vec![0u32; self.patterns.len()];
        for entry in &self.entries {
            starts[usize::from(entry.pattern)] += 1;
        }
        for entry in &mut self.entries {
            entry.alone = entry.rooted && starts[usize::from(entry.pattern)] == 1;
        }
    }

    pub(crate) fn entry_symbol(&self, entry: &Entry) -> u16 {
        self.steps[usize::from(entry.step)].symbol
    }

    /// The place of the first start on a kind, or where it would stand.
    pub(crate) fn first_entry(&self, symbol: u16) -> usize {
        let kinds = &self.entries[self.wildcards..];
        self.wildcards + kinds.partition_point(|entry| self.entry_symbol(entry) < symbol)
    }

    /// Whether a match can end at a step or its children, for want of one of
    /// the steps after it.
    pub(crate) fn is_fallible(&self, step: usize) -> bool {
        let this = &self.steps[step];
        let next = self.steps[step + 1..].iter().find(|next| !next.has(flag::PASS_THROUGH));
        next.is_some_and(|next| {
            let inside = next.depth > this.depth;
            let beside = next.depth == this.depth && next.has(flag::IMMEDIATE);
            let guaranteed = next.has(flag::PARENT_GUARANTEED) && this.symbol != WILDCARD;
            !next.is_done() && (inside || beside) && !guaranteed
        })
    }
}
