//! Matches of chains: found at the node that they end with.

use std::collections::HashMap;

use herbarium_codec::{ERROR_KIND, Tree};

use super::Engine;
use crate::chain::{Chain, Event, MAX_STEPS};
use crate::plan::Mode;
use crate::predicate::TextCheck;
use crate::state::{Captured, Finished, NO_ID, NO_LIST, Rank, captures_of};
use crate::step::{Step, WILDCARD};

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

/// Siblings before a node that are looked at each time.
const FEW: usize = 8;

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

impl<'a> Engine<'a> {
    /// Finds the matches of chains that end at a node. Says whether there are
    /// any, and where captures are asked for, whether there would be.
    pub(super) fn find_chained(&mut self, node: u32) -> bool {
        let mut found = false;
        let mut text = None;
        if self.is_direct {
            for event in self.events_at(node) {
                found |= self.meet(event, node, &mut text);
            }
            return found;
        }
        let shape = self.tree.shape_of(node);
        for at in 0..self.memory.plan.events(shape).len() {
            let event = self.memory.plan.events(shape)[at];
            found |= self.meet(event, node, &mut text);
        }
        self.forget_due(node);
        found
    }

    /// What a node can be to chains, where there is no plan.
    fn events_at(&self, node: u32) -> Vec<Event> {
        let Some(info) = self.tree.shape_info(self.tree.shape_of(node)) else { return Vec::new() };
        let wildcards = self.chains.events_of(WILDCARD).filter(|_| info.kind != ERROR_KIND);
        let events = wildcards.chain(self.chains.events_of(info.kind));
        let ends = |event: &Event| {
            let chain = &self.chains.all[usize::from(event.chain)];
            event.level == chain.last && self.is_like(node, chain.step(self.program, event.level))
        };
        let mut events: Vec<Event> = events.filter(ends).collect();
        self.chains.sort(&mut events);
        events
    }

    /// Whether a node fits a step as far as its shape shows, without a plan.
    fn is_like(&self, node: u32, step: &Step) -> bool {
        let shape = self.tree.shape_of(node);
        self.tree.shape_info(shape).is_some_and(|info| {
            let grammar = self.tree.grammar();
            let may_have_field = self.has_quirks && info.is_extra;
            let supertypes = || {
                let kinds = grammar.supertype_kinds();
                let bit = kinds.iter().position(|kind| *kind == step.supertype);
                bit.is_some_and(|bit| self.tree.shape_supertypes(shape) & 1 << bit != 0)
            };
            step.fits(&info)
                && (step.field == 0 || info.field == step.field || may_have_field)
                && (step.supertype == 0 || supertypes())
        })
    }

    /// Looks whether a node is what it seems to be to a chain, and what comes
    /// of it.
    #[inline]
    fn meet(&mut self, event: Event, node: u32, text: &mut Option<&'a [u8]>) -> bool {
        let chain = &self.chains.all[usize::from(event.chain)];
        if event.level < chain.last {
            if let Some(row) = &chain.row {
                return self.meet_row(event, (chain, row), node);
            }
            return self.nodes_of(chain, event.level, node).is_some();
        }
        let for_captures = self.mode == Mode::Captures;
        let Some(capture) = chain.only else {
            if let Some(row) = &chain.row {
                return self.meet_row(event, (chain, row), node);
            }
            let Some(nodes) = self.nodes_of(chain, event.level, node) else { return false };
            let steps = &chain.steps[..=usize::from(chain.last)];
            return self.complete(chain, steps, &nodes) || for_captures;
        };
        if !self.is_chain(chain, event.level, node) {
            return false;
        }
        let checks = &*self.query.predicates[usize::from(chain.pattern)].checks;
        let is_satisfied = checks.is_empty() || {
            let text = *text.get_or_insert_with(|| self.text_of(node));
            checks.iter().all(|check| check.is_satisfied_by_only(capture, text))
        };
        if is_satisfied {
            self.add_chained(chain, NO_LIST, Some(Captured { node, capture, as_parent: false }));
        }
        is_satisfied || for_captures
    }

    /// Whether a node ends a chain that it seems to end.
    #[inline]
    fn is_chain(&mut self, chain: &Chain, level: u8, node: u32) -> bool {
        if level == 0 {
            return self.is_as_it_seems(node, chain.step(self.program, 0), level);
        }
        self.nodes_of(chain, level, node).is_some()
    }

    /// The nodes of a chain up to one of its steps, which a node seems to fit,
    /// if they do fit.
    pub(super) fn nodes_of(
        &mut self,
        chain: &Chain,
        level: u8,
        node: u32,
    ) -> Option<[u32; MAX_STEPS]> {
        let mut nodes = [node; MAX_STEPS];
        let mut at = node;
        for above in (0..level).rev() {
            if at == self.root {
                return None;
            }
            at = self.tree.parent_index(at);
            let seems = match self.is_direct {
                true => self.is_like(at, chain.step(self.program, above)),
                false => self.memory.plan.above(self.tree.shape_of(at)) & chain.bit(above) != 0,
            };
            if !seems {
                return None;
            }
            nodes[usize::from(above)] = at;
        }
        for level in 0..=level {
            let node = nodes[usize::from(level)];
            if !self.is_as_it_seems(node, chain.step(self.program, level), level) {
                return None;
            }
        }
        Some(nodes)
    }

    /// Whether a node fits a step that its shape fits, that of a level.
    #[inline]
    pub(super) fn is_as_it_seems(&mut self, node: u32, step: &Step, level: u8) -> bool {
        if node != self.root && (!self.has_quirks || step.field == 0) {
            return true;
        }
        self.is_really(node, step, level)
    }

    #[cold]
    fn is_really(&mut self, node: u32, step: &Step, level: u8) -> bool {
        if node == self.root {
            return step.field == 0 && step.supertype == 0;
        }
        // A state starts at any node with the field; only later ones wait for it.
        let field = if level == 0 { self.field_of(node) } else { self.field_seen(node) };
        step.field == 0 || field == step.field
    }

    /// The field of a node that is not the root, 0 where a state that waits for
    /// it does not come to the node.
    fn field_seen(&mut self, node: u32) -> u16 {
        let field = self.field_of(node);
        let parent = self.tree.parent_index(node);
        if field == 0 || self.is_first_of_few(field, node, parent) {
            return field;
        }
        if !self.memory.fields.known.contains_key(&parent) {
            let different = self.different_fields(parent);
            self.memory.fields.known.insert(parent, different);
        }
        let different = self.memory.fields.known.get(&parent).map_or(&[][..], Vec::as_slice);
        match different.binary_search_by_key(&node, |entry| entry.0) {
            Ok(at) => different[at].1,
            Err(_) => field,
        }
    }

    /// Whether few siblings come before a node, and none that may have its
    /// field.
    fn is_first_of_few(&self, field: u16, node: u32, parent: u32) -> bool {
        let mut at = parent + 1;
        for _ in 0..FEW {
            if at == node {
                return true;
            }
            let info = self.tree.shape_info(self.tree.shape_of(at));
            if info.is_none_or(|info| info.field == field || info.is_extra) {
                return false;
            }
            at = self.tree.subtree_end(at);
        }
        false
    }

    /// The field that a node shows to queries.
    fn field_of(&self, node: u32) -> u16 {
        match self.tree.shape_info(self.tree.shape_of(node)) {
            Some(info) if info.is_extra => self.field_of_extra(node),
            info => info.map_or(0, |info| info.field),
        }
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
            let info = self.tree.shape_info(self.tree.shape_of(child));
            info.map_or(0, |info| info.field)
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
            let shows = || later.get(&field).is_some_and(|count| *count > 0);
            if !self.field_quirk(child).unwrap_or_else(shows) {
                over.push(field);
            }
        }
        different
    }

    /// Adds a match of a chain, if it satisfies its predicates.
    fn complete(&mut self, chain: &Chain, steps: &[u16], nodes: &[u32]) -> bool {
        let list = self.captured(chain, steps, nodes);
        list.inspect(|list| self.add_chained(chain, *list, None)).is_some()
    }

    /// A list of what a match captures, if it satisfies its predicates.
    pub(super) fn captured(&mut self, chain: &Chain, steps: &[u16], nodes: &[u32]) -> Option<u32> {
        let checks: &[TextCheck] = &self.query.predicates[usize::from(chain.pattern)].checks;
        let program = self.program;
        let captured = || {
            steps.iter().zip(nodes).flat_map(|(step, node)| {
                let step = &program.steps[usize::from(*step)];
                captures_of(&step.captures).map(move |capture| Captured {
                    node: *node,
                    capture,
                    as_parent: false,
                })
            })
        };
        let is_satisfied = checks.iter().all(|check| {
            check.is_satisfied(|capture| {
                let of_capture = captured().filter(move |one| one.capture == capture);
                of_capture.map(|one| self.text_of(one.node))
            })
        });
        if !is_satisfied {
            return None;
        }
        let list = self.memory.lists.acquire()?;
        self.memory.lists.get_mut(list).extend(captured());
        Some(list)
    }

    #[inline]
    pub(super) fn add_chained(&mut self, chain: &Chain, captures: u32, only: Option<Captured>) {
        // It has no more bits than it has room for: see `is_shallow`.
        let depth = self.memory.path.len().saturating_sub(1 + usize::from(chain.last));
        self.memory.chained.push(Finished {
            id: NO_ID,
            captures,
            only,
            rank: Rank::new(depth as u32, chain.pattern),
            consumed: 0,
            satisfied: true,
        });
    }

    /// The text of a node; as much of it as there is.
    fn text_of(&self, node: u32) -> &'a [u8] {
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let end = (end as usize).min(self.text.len());
        self.text.get(start as usize..end).unwrap_or_default()
    }
}
