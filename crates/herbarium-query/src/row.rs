//! Patterns that are a row: each of their nodes is the first named child of
//! another, or the next named sibling.
//!
//! `(attribute . (name) @_n . (value) @v)` leaves no choice: which nodes it is
//! about follows from the root, and there is one match of a root at most. No two
//! states of such a pattern ever meet, so that one that fails its predicates keeps
//! nothing else from matching: whether it does is known at the root, before the
//! walk goes on. The match is kept until the walk comes to its last node, where
//! states would have completed it; its place among others is the same.

use herbarium_codec::Tree;

use crate::chain::MAX_STEPS;
use crate::step::{NONE, Program, Step, WILDCARD, flag};

/// Steps of a row at most.
pub(crate) const MAX_ROW: usize = 8;

/// The steps of a pattern that is a row, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    steps: [u16; MAX_ROW],
    len: u8,
}

impl Row {
    /// A row of these steps, if they are one. `is_named` tells of a kind.
    pub(crate) fn of(
        program: &Program,
        steps: &[u16],
        is_named: impl Fn(u16) -> bool,
    ) -> Option<Self> {
        let step = |number: &u16| program.steps.get(usize::from(*number));
        let (root, others) = steps.split_first()?;
        let (root, mut above) = (step(root)?, 0);
        if others.is_empty() || root.depth != 0 || root.field != 0 || !is_plain(root) {
            return None;
        }
        for step in others.iter().map(step) {
            let step = step?;
            let is_next = step.depth > 0 && step.depth <= above + 1;
            let leaves_no_choice = step.has(flag::IMMEDIATE) && step.alternative == NONE;
            let is_told = step.field == 0 && step.supertype == 0 && !step.has(flag::MISSING);
            if !(is_next && leaves_no_choice && is_told && is_plain(step) && is_named(step.symbol))
            {
                return None;
            }
            above = step.depth;
        }
        let mut row = Self { steps: [NONE; MAX_ROW], len: steps.len() as u8 };
        row.steps.get_mut(..steps.len())?.copy_from_slice(steps);
        Some(row)
    }

    pub(crate) fn steps(&self) -> &[u16] {
        &self.steps[..usize::from(self.len)]
    }

    /// The steps from the root to the last one, those beside the way left out; none
    /// where they are too many.
    pub(crate) fn way(&self, program: &Program) -> Option<Vec<u16>> {
        let mut way: Vec<u16> = Vec::new();
        for number in self.steps() {
            way.truncate(usize::from(program.steps[usize::from(*number)].depth));
            way.push(*number);
        }
        (way.len() <= MAX_STEPS).then_some(way)
    }

    /// The nodes for the steps under a root, which the root is told to be; none
    /// where one is of another kind.
    #[inline]
    pub(crate) fn nodes(&self, program: &Program, tree: &Tree, root: u32) -> Option<RowNodes> {
        let mut nodes = RowNodes { nodes: [root; MAX_ROW], len: self.len };
        // By depth, the node that was come to last.
        let mut last = [root; MAX_ROW];
        let mut above = 0;
        for (at, number) in self.steps().iter().enumerate().skip(1) {
            let step = &program.steps[usize::from(*number)];
            let depth = usize::from(step.depth);
            let parent = last[depth - 1];
            let from = if depth > above { parent + 1 } else { tree.subtree_end(last[depth]) };
            let node = first_named(tree, from, tree.subtree_end(parent), step.symbol)?;
            (last[depth], nodes.nodes[at], above) = (node, node, depth);
        }
        Some(nodes)
    }
}

/// The nodes that the steps of a row stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowNodes {
    nodes: [u32; MAX_ROW],
    len: u8,
}

impl RowNodes {
    pub(crate) fn all(&self) -> &[u32] {
        &self.nodes[..usize::from(self.len)]
    }

    /// The node that completes the match.
    pub(crate) fn last(&self) -> u32 {
        self.all().last().copied().unwrap_or(0)
    }
}

/// The first named node of some siblings, if it is of that kind.
#[inline]
fn first_named(tree: &Tree, from: u32, end: u32, kind: u16) -> Option<u32> {
    let mut at = from;
    while at < end {
        let info = tree.shape_info(tree.shape_of(at))?;
        if info.kind == kind {
            return Some(at);
        }
        if info.is_named {
            return None;
        }
        at = tree.subtree_end(at);
    }
    None
}

fn is_plain(step: &Step) -> bool {
    let special = flag::DEAD_END | flag::PASS_THROUGH | flag::LAST_CHILD;
    !step.has(special) && step.negated == 0 && step.symbol != WILDCARD
}
