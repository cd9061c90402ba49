//! Matches of chains: found at the node that they end with.

use std::collections::HashMap;

use herbarium_codec::{Quirk, Tree};

use super::Engine;
use crate::chain::{Chain, MAX_STEPS};
use crate::plan::Mode;
use crate::predicate::TextCheck;
use crate::state::{Captured, NO_ID, State, captures_of};
use crate::step::Step;

/// Nodes from one look at the depth to the next.
const STRIDE: u32 = 1 << 15;

/// Whether no node is so deep that its depth does not fit the sixteen bits that
/// tree-sitter has for it: what then happens needs states. A node is at most
/// one level deeper than the one before it.
pub(super) fn is_shallow(tree: &Tree) -> bool {
    let count = tree.descendant_count() as u32;
    let is_shallow = |node: u32| {
        let mut at = node;
        (0..STRIDE - 1).any(|_| {
            let is_root = at == 0;
            at = tree.parent_index(at);
            is_root
        })
    };
    (STRIDE..count).step_by(STRIDE as usize).all(is_shallow)
}

/// The fields of nodes as queries see them, in trees in which that is not what
/// the nodes show.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// By node with children, those children that differ; sorted.
    known: HashMap<u32, Vec<(u32, u16)>>,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

impl Engine<'_> {
    /// Finds the matches of chains that end at a node. Says whether there are
    /// any, and where captures are asked for, whether there would be.
    pub(super) fn find_chained(&mut self, node: u32) -> bool {
        let shape = self.tree.shape_of(node);
        let mut found = false;
        for at in 0..self.memory.plan.events(shape).len() {
            let event = self.memory.plan.events(shape)[at];
            let chain = self.query.chains().all[usize::from(event.chain)];
            let Some(nodes) = self.nodes_of(&chain, event.level, node) else { continue };
            if event.level < chain.last {
                found = true;
            } else {
                found |= self.complete(&chain, &nodes) || self.mode == Mode::Captures;
            }
        }
        found
    }

    /// The nodes of a chain up to one of its steps, which a node seems to fit,
    /// if they do fit.
    fn nodes_of(&mut self, chain: &Chain, level: u8, node: u32) -> Option<[u32; MAX_STEPS]> {
        let mut nodes = [node; MAX_STEPS];
        if !self.is_as_it_seems(node, chain.step(self.program, level)) {
            return None;
        }
        let mut at = node;
        for level in (0..level).rev() {
            if at == self.root {
                return None;
            }
            at = self.tree.parent_index(at);
            let shape = self.tree.shape_of(at);
            let fits = self.memory.plan.above(shape) & chain.bit(level) != 0;
            if !fits || !self.is_as_it_seems(at, chain.step(self.program, level)) {
                return None;
            }
            nodes[usize::from(level)] = at;
        }
        nodes[usize::from(level)] = node;
        Some(nodes)
    }

    /// Whether a node fits a step that its shape fits.
    #[inline]
    fn is_as_it_seems(&mut self, node: u32, step: &Step) -> bool {
        if !self.has_quirks && node != self.root {
            return true;
        }
        self.is_really(node, step)
    }

    #[cold]
    fn is_really(&mut self, node: u32, step: &Step) -> bool {
        if node == self.root {
            return step.field == 0 && step.supertype == 0;
        }
        step.field == 0 || self.field_seen(node) == step.field
    }

    /// The field of a node that is not the root, 0 where a state that waits for
    /// it does not come to the node.
    fn field_seen(&mut self, node: u32) -> u16 {
        let parent = self.tree.parent_index(node);
        if !self.memory.fields.known.contains_key(&parent) {
            let different = self.different_fields(parent);
            self.memory.fields.known.insert(parent, different);
        }
        let different = self.memory.fields.known.get(&parent).map_or(&[][..], Vec::as_slice);
        match different.binary_search_by_key(&node, |entry| entry.0) {
            Ok(at) => different[at].1,
            Err(_) => self.field_of(node),
        }
    }

    /// The field that a node shows to queries.
    fn field_of(&self, node: u32) -> u16 {
        let info = &self.memory.plan.shapes[self.tree.shape_of(node) as usize];
        if info.is_extra { self.field_of_extra(node) } else { info.field }
    }

    /// The children of a node that states which wait for their field do not
    /// come to, as they take an earlier one for the last.
    fn different_fields(&self, parent: u32) -> Vec<(u32, u16)> {
        let end = self.tree.subtree_end(parent);
        let mut children = Vec::new();
        let mut at = parent + 1;
        while at < end {
            children.push(at);
            at = self.tree.subtree_end(at);
        }
        let shown = |child: u32| {
            let shape = self.tree.shape_of(child);
            self.memory.plan.shapes[shape as usize].field
        };
        // By field, how many are still to come.
        let mut later: HashMap<u16, usize> = HashMap::new();
        children.iter().for_each(|child| *later.entry(shown(*child)).or_default() += 1);
        let mut over = Vec::new();
        let mut different = Vec::new();
        for child in children {
            later.entry(shown(child)).and_modify(|count| *count -= 1);
            let field = self.field_of(child);
            if field == 0 {
                continue;
            }
            if over.contains(&field) {
                different.push((child, 0));
                continue;
            }
            let comes_again = self.tree.quirks_of(child).find_map(|quirk| match quirk {
                Quirk::LastOfField => Some(false),
                Quirk::NotLastOfField => Some(true),
                Quirk::Field(_) | Quirk::Alias(_) => None,
            });
            let shows = || later.get(&field).is_some_and(|count| *count > 0);
            if !comes_again.unwrap_or_else(shows) {
                over.push(field);
            }
        }
        different
    }

    /// Adds a match of a chain, if it satisfies its predicates.
    fn complete(&mut self, chain: &Chain, nodes: &[u32; MAX_STEPS]) -> bool {
        let checks: &[TextCheck] = &self.query.predicates[usize::from(chain.pattern)].checks;
        let captured = || {
            (0..=chain.last).flat_map(|level| {
                let node = nodes[usize::from(level)];
                let step = chain.step(self.program, level);
                captures_of(&step.captures).map(move |capture| Captured { node, capture })
            })
        };
        let is_satisfied = checks.iter().all(|check| {
            check.is_satisfied(|capture| {
                let of_capture = captured().filter(move |one| one.capture == capture);
                of_capture.map(|one| self.text_of(one.node))
            })
        });
        if !is_satisfied {
            return false;
        }
        let list = self.memory.lists.acquire();
        let Some(list) = list else { return false };
        self.memory.lists.get_mut(list).extend(captured());
        // Fewer bits than a depth has: see `is_shallow`.
        let depth = self.memory.path.len().saturating_sub(1 + usize::from(chain.last));
        self.memory.chained.push(State {
            id: NO_ID,
            captures: list,
            start_depth: depth as u16,
            step: chain.steps[usize::from(chain.last)],
            pattern: chain.pattern,
            consumed: 0,
            seeking_immediate: false,
            has_alternatives: false,
            dead: false,
            needs_parent: false,
            skipped_quantifier: false,
            satisfied: true,
        });
        true
    }

    /// The text of a node; as much of it as there is.
    pub(crate) fn text_of(&self, node: u32) -> &[u8] {
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let end = (end as usize).min(self.text.len());
        self.text.get(start as usize..end).unwrap_or_default()
    }
}
