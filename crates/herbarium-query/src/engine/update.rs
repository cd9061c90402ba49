//! Looking at a node: patterns start, states go on.

use herbarium_codec::{ERROR_KIND, Quirk, ShapeInfo};

use super::{Engine, wanted_depth};
use crate::state::{Captured, NO_ID, NO_LIST, Rank, State, captures_of};
use crate::step::{NONE, Step, WILDCARD, flag};

/// A node that is being looked at.
pub(super) struct Look {
    node: u32,
    depth: u32,
    info: ShapeInfo,
    shape: u32,
    is_named: bool,
    has_later_sibling: bool,
    has_later_named: Option<bool>,
    field_comes_again: Option<bool>,
}

impl Engine<'_> {
    pub(super) fn look(&self, node: u32) -> Look {
        let shape = self.tree.shape_of(node);
        let mut info = self.memory.plan.shapes[shape as usize];
        if node == self.root {
            info.field = 0;
        } else if self.has_quirks && info.is_extra {
            info.field = self.field_of_extra(node);
        }
        Look {
            node,
            depth: self.depth(),
            shape,
            is_named: info.is_named,
            has_later_sibling: node != self.root && !info.is_last,
            has_later_named: None,
            field_comes_again: None,
            info,
        }
    }

    #[cold]
    pub(super) fn field_of_extra(&self, node: u32) -> u16 {
        let mut quirks = self.tree.quirks_of(node);
        quirks
            .find_map(|quirk| if let Quirk::Field(field) = quirk { Some(field) } else { None })
            .unwrap_or(0)
    }

    /// Adds a state for every pattern that can start at the node.
    pub(super) fn start_patterns(&mut self, look: &Look) {
        let count = self.memory.plan.starts(look.shape).len();
        let elsewhere = || self.memory.anchored.binary_search(&look.node).is_err();
        if count == 0 || self.is_anchored && elsewhere() {
            return;
        }
        let (in_range, parent_in_range, parent_is_error) = if self.covers_all {
            (true, true, self.parent_is_error(look.depth))
        } else {
            let depth = look.depth as usize;
            let parent_in_range = depth == 0 || {
                let parent = self.memory.path[depth - 1];
                self.intersects(parent, &self.limits.bytes, &self.limits.points)
            };
            (self.in_range(depth), parent_in_range, self.parent_is_error(look.depth))
        };
        for at in 0..count {
            let number = self.memory.plan.starts(look.shape)[at];
            let entry = self.program.entries[usize::from(number)];
            let step = &self.program.steps[usize::from(entry.step)];
            let start_depth = look.depth.wrapping_sub(u32::from(step.depth));
            let counts = if entry.rooted { in_range } else { parent_in_range && !parent_is_error };
            if counts
                && (step.field == 0 || step.field == look.info.field)
                && start_depth <= self.limits.max_start_depth
            {
                self.add_state(entry.step, entry.pattern, start_depth);
            }
        }
    }

    pub(super) fn parent_is_error(&self, depth: u32) -> bool {
        depth > 0 && {
            let parent = self.memory.path[depth as usize - 1];
            let shape = self.tree.shape_of(parent);
            let is_error = self.memory.plan.shapes[shape as usize].kind == ERROR_KIND;
            let alias = |quirk| matches!(quirk, Quirk::Alias(_));
            is_error && !(self.has_quirks && self.tree.quirks_of(parent).any(alias))
        }
    }

    /// Adds a state, in the order of start depth and pattern, unless the same
    /// is there.
    pub(super) fn add_state(&mut self, step: u16, pattern: u16, start_depth: u32) {
        let states = &mut self.memory.states;
        let mut at = states.len();
        while let Some(before) = at.checked_sub(1).map(|before| &states[before]) {
            let depth = u32::from(before.rank.start_depth());
            if depth < start_depth {
                break;
            }
            if depth == start_depth {
                if before.rank.pattern() == pattern && before.step == step {
                    return;
                }
                if before.rank.pattern() <= pattern {
                    break;
                }
            }
            at -= 1;
        }
        let state = State {
            id: NO_ID,
            captures: NO_LIST,
            rank: Rank::new(start_depth, pattern),
            last_end: 0,
            step,
            consumed: 0,
            seeking_immediate: true,
            has_alternatives: false,
            dead: false,
            needs_parent: self.program.steps[usize::from(step)].depth == 1,
            skipped_quantifier: false,
        };
        states.insert(at, state);
    }

    /// Takes every state on that waits for a node at this depth. Says whether
    /// one came to a step from which on it is bound to match.
    pub(super) fn update_states(&mut self, look: &mut Look, stop_on_guaranteed: bool) -> bool {
        let mut reached_guaranteed = false;
        let mut index = 0;
        while index < self.memory.states.len() && !self.halted {
            let state = &mut self.memory.states[index];
            state.has_alternatives = false;
            let step = self.program.steps[usize::from(state.step)];
            if wanted_depth(state, &step) != look.depth {
                index += 1;
                continue;
            }
            let (matches, later_can_match) = self.match_step(look, index, &step);
            if !matches {
                if later_can_match {
                    index += 1;
                } else {
                    self.remove(index);
                }
                continue;
            }
            let mut copies = 0;
            if later_can_match && step.has(flag::SPLITS) && self.copy_state(index) {
                copies += 1;
            }
            self.take_parent(look, index, &step);
            if step.is_captured() {
                self.capture(index, &step, look.node, false);
            }
            if self.memory.states[index].dead {
                self.memory.states.remove(index);
                index += copies;
                continue;
            }
            let next = self.step_on(index, &step);
            reached_guaranteed |= stop_on_guaranteed && next.has(flag::ROOT_GUARANTEED);
            if next.alternative != NONE {
                copies += self.branch(look, index);
            }
            index += 1 + copies;
        }
        reached_guaranteed
    }

    /// Whether the node matches the step that a state waits with, and whether
    /// a sibling after it can.
    pub(super) fn match_step(&self, look: &mut Look, index: usize, step: &Step) -> (bool, bool) {
        let state = &self.memory.states[index];
        let mut matches = if step.symbol != WILDCARD {
            look.info.kind == step.symbol && (!step.has(flag::MISSING) || look.info.is_missing)
        } else if step.has(flag::MISSING) {
            look.info.is_missing
        } else {
            look.info.kind != ERROR_KIND && (look.is_named || !step.has(flag::NAMED))
        };
        let anchored = step.has(flag::IMMEDIATE) && look.is_named && !state.skipped_quantifier;
        let mut later_can_match = look.has_later_sibling && !anchored && !state.seeking_immediate;
        if matches && step.has(flag::LAST_CHILD) && self.has_later_named(look) {
            matches = false;
        }
        if matches && step.supertype != 0 {
            let plan = &self.memory.plan;
            let wanted = plan.wanted[usize::from(state.step)];
            matches = look.node != self.root && plan.supertypes[look.shape as usize] & wanted != 0;
        }
        if step.field != 0 {
            if step.field != look.info.field {
                matches = false;
            } else if later_can_match && !self.field_comes_again(look) {
                later_can_match = false;
            }
        }
        if matches && step.negated != 0 {
            let negated = &self.program.negated[usize::from(step.negated)];
            matches = !negated.iter().any(|field| self.has_field(look.node, *field));
        }
        (matches, later_can_match)
    }

    pub(super) fn has_later_named(&self, look: &mut Look) -> bool {
        *look.has_later_named.get_or_insert_with(|| {
            look.has_later_sibling && self.siblings_after(look.node).any(|info| info.is_named)
        })
    }

    pub(super) fn field_comes_again(&self, look: &mut Look) -> bool {
        *look.field_comes_again.get_or_insert_with(|| {
            let shows = || self.siblings_after(look.node).any(|info| info.field == look.info.field);
            let quirk = if self.has_quirks { self.field_quirk(look.node) } else { None };
            quirk.unwrap_or_else(|| look.has_later_sibling && shows())
        })
    }

    /// Whether the field of a node counts as one that comes again, where that
    /// is not what its siblings show.
    #[cold]
    pub(super) fn field_quirk(&self, node: u32) -> Option<bool> {
        self.tree.quirks_of(node).find_map(|quirk| match quirk {
            Quirk::LastOfField => Some(false),
            Quirk::NotLastOfField => Some(true),
            Quirk::Field(_) | Quirk::Alias(_) | Quirk::FieldWithin(_) => None,
        })
    }

    pub(super) fn siblings_after(&self, node: u32) -> impl Iterator<Item = ShapeInfo> + '_ {
        let mut at = node;
        let mut is_last = self.is_last(node);
        std::iter::from_fn(move || {
            if is_last {
                return None;
            }
            at = self.tree.subtree_end(at);
            let info = self.memory.plan.shapes.get(self.tree.shape_of(at) as usize).copied()?;
            is_last = info.is_last;
            Some(info)
        })
    }

    pub(super) fn has_field(&self, node: u32, field: u16) -> bool {
        let Some(node) = self.tree.node(node as usize) else { return false };
        // tree-sitter finds no child of an error by its field.
        !node.is_error() && node.child_by_field_id(field).is_some()
    }

    /// A pattern that starts below its root, since any node will do there:
    /// now that the child matches, captures the root.
    pub(super) fn take_parent(&mut self, look: &Look, index: usize, step: &Step) {
        if !self.memory.states[index].needs_parent {
            return;
        }
        if look.depth == 0 {
            self.memory.states[index].dead = true;
            return;
        }
        self.memory.states[index].needs_parent = false;
        let at = usize::from(self.memory.states[index].step);
        debug_assert_eq!(self.program.steps[at], *step);
        let before = self.program.steps[..at].iter().rev();
        let root = before
            .copied()
            .find(|step| !step.has(flag::DEAD_END | flag::PASS_THROUGH) && step.depth == 0);
        if let Some(root) = root
            && root.is_captured()
        {
            let parent = self.memory.path[look.depth as usize - 1];
            self.capture(index, &root, parent, true);
        }
    }

    pub(super) fn capture(&mut self, index: usize, step: &Step, node: u32, as_parent: bool) {
        if self.memory.states[index].dead {
            return;
        }
        match self.list_for(index, None) {
            Some(list) => {
                let captured = captures_of(&step.captures).map(|capture| Captured {
                    node,
                    capture,
                    as_parent,
                });
                let list = self.memory.lists.get_mut(list);
                self.memory.states[index].last_end = 0;
                if list.is_empty() {
                    let start = self.tree.start_byte_of(node);
                    self.memory.states[index].rank.set_first(Some(start));
                }
                list.extend(captured);
            }
            None => self.memory.states[index].dead = true,
        }
    }

    /// The list of captures of a state, or a new one for its copy. When no
    /// list is left, the state whose first capture is the earliest loses its
    /// own, and dies; it may not be the state `preserve`.
    pub(super) fn list_for(&mut self, index: usize, preserve: Option<usize>) -> Option<u32> {
        if preserve.is_none() && self.memory.states[index].captures != NO_LIST {
            return Some(self.memory.states[index].captures);
        }
        let list = match self.memory.lists.acquire() {
            Some(list) => list,
            None => {
                self.exceeded_limit = true;
                // All of them are looked at.
                if self.is_over(self.memory.states.len() as u64) {
                    return None;
                }
                let victim = self.first_in_progress(true)?.state;
                if Some(victim) == preserve {
                    return None;
                }
                let victim = &mut self.memory.states[victim];
                let list = std::mem::replace(&mut victim.captures, NO_LIST);
                victim.dead = true;
                victim.rank.set_first(None);
                self.memory.lists.get_mut(list).clear();
                list
            }
        };
        if preserve.is_none() {
            self.memory.states[index].captures = list;
        }
        Some(list)
    }

    /// Puts a copy of a state after it. False when there is no list left.
    pub(super) fn copy_state(&mut self, index: usize) -> bool {
        // Those behind it are moved.
        if self.is_over(1 + (self.memory.states.len() - index) as u64 / 64) {
            return false;
        }
        let mut copy = State { captures: NO_LIST, ..self.memory.states[index] };
        if self.memory.states[index].captures != NO_LIST {
            let Some(list) = self.list_for(index, Some(index)) else { return false };
            self.memory.lists.copy(self.memory.states[index].captures, list);
            copy.captures = list;
        }
        self.memory.states.insert(index + 1, copy);
        true
    }

    /// Takes a state to the step after `step`, which it matched.
    pub(super) fn step_on(&mut self, index: usize, step: &Step) -> Step {
        let state = &mut self.memory.states[index];
        state.step += 1;
        let next = self.program.steps[usize::from(state.step)];
        // Anchors look at named nodes, but after `_`, which any node matches,
        // at all of them.
        state.seeking_immediate =
            step.symbol == WILDCARD && !step.has(flag::NAMED) && next.has(flag::IMMEDIATE);
        state.skipped_quantifier = false;
        next
    }

    /// Follows the alternatives of the step that a state came to, in copies of
    /// it. Says how many there are.
    pub(super) fn branch(&mut self, look: &mut Look, index: usize) -> usize {
        let mut copies = 0;
        let mut at = index;
        let mut end = index + 1;
        // Alternatives that lead round in a circle never come to an end: beyond
        // what any other pattern takes, each is followed once.
        let enough = match self.program.circular {
            true => 0,
            false => 64 + 4 * self.program.steps.len(),
        };
        let mut followed = Vec::new();
        let mut jumps = 0;
        while at < end && !self.halted {
            let step_index = usize::from(self.memory.states[at].step);
            let step = self.program.steps[step_index];
            if step.alternative == NONE {
                at += 1;
                continue;
            }
            if step.has(flag::DEAD_END) {
                jumps += 1;
                if jumps > self.program.steps.len() {
                    return copies;
                }
                self.memory.states[at].step = step.alternative;
                continue;
            }
            let passes = step.has(flag::PASS_THROUGH);
            if passes {
                self.memory.states[at].step += 1;
            }
            // Skipping what must be the last child hands that on to the node
            // that matched.
            let may_skip =
                !(step.has(flag::SKIP) && step.has(flag::LAST_CHILD) && self.has_later_named(look));
            let again = copies >= enough && followed.contains(&step.alternative);
            if copies >= enough {
                followed.push(step.alternative);
            }
            if may_skip && !again && self.copy_state(at) {
                end += 1;
                copies += 1;
                self.adjust_copy(at, &step, passes);
            }
            if !passes {
                at += 1;
            }
        }
        copies
    }

    /// Takes the copy after a state to the alternative of a step.
    pub(super) fn adjust_copy(&mut self, at: usize, step: &Step, passes: bool) {
        let before = usize::from(self.memory.states[at].step).checked_sub(1);
        let before = before.and_then(|before| self.program.steps.get(before));
        let target = &self.program.steps[usize::from(step.alternative)];
        let copy = &mut self.memory.states[at + 1];
        copy.step = step.alternative;
        if passes {
            copy.seeking_immediate = true;
        }
        if !step.has(flag::SKIP) {
            return;
        }
        if !step.has(flag::IMMEDIATE) {
            // No anchor before what is skipped: one right after it is void.
            copy.skipped_quantifier = target.depth == step.depth;
        } else if before.is_some_and(|before| before.depth < step.depth) {
            // The anchor to the first child goes on to what follows.
            copy.seeking_immediate = true;
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        let state = self.memory.states.remove(index);
        self.memory.lists.release(state.captures);
    }
}
