//! Running a compiled query over a tree.
//!
//! The matching is tree-sitter's (`query.c`, version 0.27), state by state,
//! so that matches come out the same and in the same order. What differs is
//! which nodes are looked at: a node that no pattern can start at, while no
//! state waits at its depth, changes nothing, and is passed over. The next
//! node worth a look is found in the column of shapes.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use herbarium_codec::{ERROR_KIND, Point, Quirk, ShapeInfo, Tree};

use crate::Query;
use crate::anchor;
use crate::plan::{Mode, Plan};
use crate::state::{Captured, Lists, NO_ID, NO_LIST, State, captures_of};
use crate::step::{NONE, Program, Step, WILDCARD, flag};

/// Work between two looks at the clock: nodes looked at, and states at each.
const WORK_PER_CHECK: u64 = 1000;

/// What a query is run with.
#[derive(Debug, Clone)]
pub(crate) struct Limits<'a> {
    pub(crate) bytes: Range<u32>,
    pub(crate) points: Range<Point>,
    pub(crate) containing_bytes: Range<u32>,
    pub(crate) containing_points: Range<Point>,
    pub(crate) max_start_depth: u32,
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancelled: Option<&'a AtomicBool>,
}

/// The furthest point.
pub(crate) const POINT_MAX: Point = Point { row: usize::MAX, column: usize::MAX };

impl Default for Limits<'_> {
    fn default() -> Self {
        Self {
            bytes: 0..u32::MAX,
            points: Point::default()..POINT_MAX,
            containing_bytes: 0..u32::MAX,
            containing_points: Point::default()..POINT_MAX,
            max_start_depth: u32::MAX,
            deadline: None,
            cancelled: None,
        }
    }
}

impl Limits<'_> {
    /// Whether every node counts.
    fn covers_all(&self) -> bool {
        let all = Self::default();
        self.bytes == all.bytes
            && self.points == all.points
            && self.containing_bytes == all.containing_bytes
            && self.containing_points == all.containing_points
            && self.max_start_depth == u32::MAX
    }

    fn has_points(&self) -> bool {
        let all = Self::default();
        self.points != all.points || self.containing_points != all.containing_points
    }
}

/// Memory that is used again from run to run.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) plan: Plan,
    pub(crate) lists: Lists,
    pub(crate) states: Vec<State>,
    path: Vec<u32>,
}

/// Where the walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Look at the node at the end of the path.
    Enter,
    /// Leave nodes up to the one after which that node comes, then enter it.
    Go(u32),
    /// Leave all.
    End,
}

/// A query on its way through a tree.
pub(crate) struct Engine<'a> {
    pub(crate) program: &'a Program,
    pub(crate) tree: &'a Tree,
    pub(crate) memory: &'a mut Memory,
    pub(crate) limits: Limits<'a>,
    pub(crate) exceeded_limit: bool,
    pub(crate) stopped: bool,
    root: u32,
    end: u32,
    next: Next,
    halted: bool,
    covers_all: bool,
    has_quirks: bool,
    /// The only nodes that patterns can start at, where texts tell.
    anchored: Option<Vec<u32>>,
    work: u64,
}

/// A node that is being looked at.
struct Look {
    node: u32,
    depth: u32,
    info: ShapeInfo,
    shape: u32,
    is_named: bool,
    has_later_sibling: bool,
    has_later_named: Option<bool>,
    field_comes_again: Option<bool>,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        query: &'a Query,
        (tree, text): (&'a Tree, &[u8]),
        root: u32,
        memory: &'a mut Memory,
        limits: Limits<'a>,
        mode: Mode,
    ) -> Self {
        let program = &query.program;
        memory.plan.make(query.id, program, tree, mode);
        memory.lists.reset();
        memory.states.clear();
        memory.path.clear();
        memory.path.push(root);
        let covers_all = limits.covers_all();
        let by_text = covers_all && mode == Mode::Matches;
        let anchored = by_text
            .then(|| anchor::starts(program, &query.anchors, &memory.plan, tree, text))
            .flatten();
        let mut engine = Self {
            program,
            tree,
            memory,
            limits,
            exceeded_limit: false,
            stopped: false,
            root,
            end: tree.subtree_end(root),
            next: Next::Enter,
            halted: false,
            covers_all,
            has_quirks: tree.has_quirks(),
            anchored,
            work: 0,
        };
        if engine.memory.plan.is_empty() {
            engine.halted = true;
        } else if covers_all {
            engine.next = engine.scan(root);
        }
        engine
    }

    /// Goes on until matches are complete, which `finish` takes, or a step was
    /// reached from which on one is bound to be. False at the end.
    pub(crate) fn advance(
        &mut self,
        stop_on_guaranteed: bool,
        finish: &mut impl FnMut(State),
    ) -> bool {
        loop {
            if self.halted {
                for state in self.memory.states.drain(..) {
                    self.memory.lists.release(state.captures);
                }
                return false;
            }
            self.work += 1 + self.memory.states.len() as u64;
            if self.work >= WORK_PER_CHECK && self.must_stop() {
                continue;
            }
            let did_match = match self.next {
                Next::Enter => self.enter(stop_on_guaranteed, finish),
                Next::Go(node) => self.leave_for(node, finish),
                Next::End => self.leave_for(self.end, finish),
            };
            if did_match {
                return true;
            }
        }
    }

    fn must_stop(&mut self) -> bool {
        self.work = 0;
        let late = self.limits.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let cancelled = self.limits.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed));
        self.stopped = late || cancelled;
        self.halted |= self.stopped;
        self.stopped
    }

    fn depth(&self) -> u32 {
        self.memory.path.len() as u32 - 1
    }

    /// Leaves the last node of the path if `node` is not under it; enters
    /// `node` otherwise.
    fn leave_for(&mut self, node: u32, finish: &mut impl FnMut(State)) -> bool {
        let last = self.memory.path[self.memory.path.len() - 1];
        if self.tree.subtree_end(last) > node {
            self.enter_path(node);
            self.next = Next::Enter;
            return false;
        }
        let did_match = self.leave(finish);
        self.memory.path.pop();
        if self.memory.path.is_empty() {
            self.halted = true;
        }
        did_match
    }

    /// Makes the path one to `node`, which is under its last node.
    fn enter_path(&mut self, node: u32) {
        let path = &mut self.memory.path;
        let above = path.len();
        let last = path[above - 1];
        let mut at = node;
        while at != last {
            path.push(at);
            at = self.tree.parent_index(at);
        }
        path[above..].reverse();
    }

    /// Takes out what is complete and what can no longer match.
    fn leave(&mut self, finish: &mut impl FnMut(State)) -> bool {
        let depth = self.depth();
        let program = self.program;
        let Memory { states, lists, .. } = &mut *self.memory;
        let mut did_match = false;
        states.retain(|state| {
            let step = &program.steps[usize::from(state.step)];
            if step.is_done() {
                let finishes = u32::from(state.start_depth) > depth || depth == 0;
                if finishes {
                    finish(*state);
                    did_match = true;
                }
                return !finishes;
            }
            let fails = wanted_depth(state, step) > depth;
            if fails {
                lists.release(state.captures);
            }
            !fails
        });
        did_match
    }

    /// The next node that matters, after the one at the end of the path.
    fn next_after(&mut self) -> Next {
        let path = &self.memory.path;
        let node = path[path.len() - 1];
        if !self.covers_all {
            return self.next_in_limits();
        }
        let depth = self.depth();
        let steps = &self.program.steps;
        let mut deepest_first = None;
        for state in &self.memory.states {
            let step = &steps[usize::from(state.step)];
            if step.is_done() {
                // It may be finished by the next node, whichever that is.
                return self.next_node(node);
            }
            let wanted = wanted_depth(state, step);
            if wanted == depth + 1 && self.tree.subtree_end(node) > node + 1 {
                return Next::Go(node + 1);
            }
            if wanted <= depth {
                // The sibling after the node at that depth, if there is one.
                let at = path[wanted as usize];
                if wanted > 0 && !self.is_last(at) {
                    let sibling = self.tree.subtree_end(at);
                    deepest_first =
                        Some(deepest_first.map_or(sibling, |first: u32| first.min(sibling)));
                }
            }
        }
        let until = deepest_first.unwrap_or(self.end);
        match self.next_start(node + 1, until) {
            Some(start) => Next::Go(start),
            None => deepest_first.map_or(Next::End, Next::Go),
        }
    }

    /// The first node from `from` on that a pattern can start at.
    fn scan(&self, from: u32) -> Next {
        match self.next_start(from, self.end) {
            Some(node) => Next::Go(node),
            None => Next::End,
        }
    }

    fn next_start(&self, from: u32, until: u32) -> Option<u32> {
        let Some(anchored) = &self.anchored else {
            return self.tree.next_marked(from, until, &self.memory.plan.marks);
        };
        let at = anchored.partition_point(|node| *node < from);
        anchored.get(at).copied().filter(|node| *node < until)
    }

    fn next_node(&self, node: u32) -> Next {
        if node + 1 < self.end { Next::Go(node + 1) } else { Next::End }
    }

    /// The next node where only a part of the tree counts.
    fn next_in_limits(&self) -> Next {
        let node = self.memory.path[self.memory.path.len() - 1];
        let after = self.tree.subtree_end(node);
        let next = if self.descends(node) { node + 1 } else { after };
        if next < self.end { Next::Go(next) } else { Next::End }
    }

    fn descends(&self, node: u32) -> bool {
        let depth = self.depth();
        if !self.intersects(node, &self.limits.containing_bytes, &self.limits.containing_points) {
            return false;
        }
        if self.in_range(depth as usize) && depth < self.limits.max_start_depth {
            return true;
        }
        self.memory.states.iter().any(|state| {
            let step = &self.program.steps[usize::from(state.step)];
            !step.is_done() && wanted_depth(state, step) > depth
        })
    }

    /// Whether the node at that depth of the path, and the one above it,
    /// reach into the range.
    fn in_range(&self, depth: usize) -> bool {
        let reaches = |node: u32| self.intersects(node, &self.limits.bytes, &self.limits.points);
        let path = &self.memory.path;
        (depth == 0 || reaches(path[depth - 1])) && reaches(path[depth])
    }

    fn intersects(&self, node: u32, bytes: &Range<u32>, points: &Range<Point>) -> bool {
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let empty = start == end;
        let by_bytes = (end > bytes.start || (empty && end == bytes.start)) && start < bytes.end;
        if !by_bytes || !self.limits.has_points() {
            return by_bytes;
        }
        let (start, end) = (self.tree.point_at(start as usize), self.tree.point_at(end as usize));
        (end > points.start || (empty && end == points.start)) && start < points.end
    }

    fn is_within_containing(&self, node: u32) -> bool {
        let limits = &self.limits;
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let by_bytes = start >= limits.containing_bytes.start && end <= limits.containing_bytes.end;
        if !by_bytes || !limits.has_points() {
            return by_bytes;
        }
        self.tree.point_at(start as usize) >= limits.containing_points.start
            && self.tree.point_at(end as usize) <= limits.containing_points.end
    }

    fn is_last(&self, node: u32) -> bool {
        let shape = self.tree.shape_of(node);
        self.memory.plan.shapes.get(shape as usize).is_none_or(|info| info.is_last)
    }

    /// Looks at the node at the end of the path.
    fn enter(&mut self, stop_on_guaranteed: bool, finish: &mut impl FnMut(State)) -> bool {
        let node = self.memory.path[self.memory.path.len() - 1];
        let mut did_match = false;
        if self.covers_all || self.is_within_containing(node) {
            let mut look = self.look(node);
            self.start_patterns(&look);
            did_match = self.update_states(&mut look, stop_on_guaranteed);
            did_match |= self.settle(finish);
        }
        self.next = self.next_after();
        did_match
    }

    fn look(&self, node: u32) -> Look {
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
            is_named: self.tree.grammar().is_named(info.kind),
            has_later_sibling: node != self.root && !info.is_last,
            has_later_named: None,
            field_comes_again: None,
            info,
        }
    }

    #[cold]
    fn field_of_extra(&self, node: u32) -> u16 {
        let mut quirks = self.tree.quirks_of(node);
        quirks
            .find_map(|quirk| if let Quirk::Field(field) = quirk { Some(field) } else { None })
            .unwrap_or(0)
    }

    /// Adds a state for every pattern that can start at the node.
    fn start_patterns(&mut self, look: &Look) {
        let count = self.memory.plan.starts(look.shape).len();
        let elsewhere = |nodes: &Vec<u32>| nodes.binary_search(&look.node).is_err();
        if count == 0 || self.anchored.as_ref().is_some_and(elsewhere) {
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

    fn parent_is_error(&self, depth: u32) -> bool {
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
    fn add_state(&mut self, step: u16, pattern: u16, start_depth: u32) {
        let states = &mut self.memory.states;
        let mut at = states.len();
        while let Some(before) = at.checked_sub(1).map(|before| &states[before]) {
            let depth = u32::from(before.start_depth);
            if depth < start_depth {
                break;
            }
            if depth == start_depth {
                if before.pattern == pattern && before.step == step {
                    return;
                }
                if before.pattern <= pattern {
                    break;
                }
            }
            at -= 1;
        }
        let state = State {
            id: NO_ID,
            captures: NO_LIST,
            start_depth: start_depth as u16,
            step,
            pattern,
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
    fn update_states(&mut self, look: &mut Look, stop_on_guaranteed: bool) -> bool {
        let mut reached_guaranteed = false;
        let mut index = 0;
        while index < self.memory.states.len() {
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
                self.capture(index, &step, look.node);
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
    fn match_step(&self, look: &mut Look, index: usize, step: &Step) -> (bool, bool) {
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

    fn has_later_named(&self, look: &mut Look) -> bool {
        *look.has_later_named.get_or_insert_with(|| {
            look.has_later_sibling
                && self
                    .siblings_after(look.node)
                    .any(|info| self.tree.grammar().is_named(info.kind))
        })
    }

    fn field_comes_again(&self, look: &mut Look) -> bool {
        *look.field_comes_again.get_or_insert_with(|| {
            look.has_later_sibling
                && self.siblings_after(look.node).any(|info| info.field == look.info.field)
                && !(self.has_quirks
                    && self.tree.quirks_of(look.node).any(|quirk| quirk == Quirk::LastOfField))
        })
    }

    fn siblings_after(&self, node: u32) -> impl Iterator<Item = ShapeInfo> + '_ {
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

    fn has_field(&self, node: u32, field: u16) -> bool {
        let Some(node) = self.tree.node(node as usize) else { return false };
        // tree-sitter finds no child of an error by its field.
        !node.is_error() && node.child_by_field_id(field).is_some()
    }

    /// A pattern that starts below its root, since any node will do there:
    /// now that the child matches, captures the root.
    fn take_parent(&mut self, look: &Look, index: usize, step: &Step) {
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
            self.capture(index, &root, parent);
        }
    }

    fn capture(&mut self, index: usize, step: &Step, node: u32) {
        if self.memory.states[index].dead {
            return;
        }
        match self.list_for(index, None) {
            Some(list) => {
                let captured =
                    captures_of(&step.captures).map(|capture| Captured { node, capture });
                self.memory.lists.get_mut(list).extend(captured);
            }
            None => self.memory.states[index].dead = true,
        }
    }

    /// The list of captures of a state, or a new one for its copy. When no
    /// list is left, the state whose first capture is the earliest loses its
    /// own, and dies; it may not be the state `preserve`.
    fn list_for(&mut self, index: usize, preserve: Option<usize>) -> Option<u32> {
        if preserve.is_none() && self.memory.states[index].captures != NO_LIST {
            return Some(self.memory.states[index].captures);
        }
        let list = match self.memory.lists.acquire() {
            Some(list) => list,
            None => {
                self.exceeded_limit = true;
                let victim = self.first_in_progress(true)?.state;
                if Some(victim) == preserve {
                    return None;
                }
                let victim = &mut self.memory.states[victim];
                let list = std::mem::replace(&mut victim.captures, NO_LIST);
                victim.dead = true;
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
    fn copy_state(&mut self, index: usize) -> bool {
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
    fn step_on(&mut self, index: usize, step: &Step) -> Step {
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
    fn branch(&mut self, look: &mut Look, index: usize) -> usize {
        let mut copies = 0;
        let mut at = index;
        let mut end = index + 1;
        // Where alternatives lead round in a circle, each is followed once.
        let mut followed = Vec::new();
        let mut jumps = 0;
        while at < end {
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
            let again = self.program.circular && followed.contains(&step.alternative);
            if self.program.circular {
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
    fn adjust_copy(&mut self, at: usize, step: &Step, passes: bool) {
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

    fn remove(&mut self, index: usize) {
        let state = self.memory.states.remove(index);
        self.memory.lists.release(state.captures);
    }

    /// Drops states that say no more than others, and hands out those that
    /// are complete.
    fn settle(&mut self, finish: &mut impl FnMut(State)) -> bool {
        self.sort_states();
        let mut did_match = false;
        let mut index = 0;
        while index < self.memory.states.len() {
            if self.memory.states[index].dead {
                self.memory.states.remove(index);
                continue;
            }
            if self.drop_subsets(index) {
                continue;
            }
            let state = self.memory.states[index];
            let is_done = self.program.steps[usize::from(state.step)].is_done();
            if is_done && !state.has_alternatives {
                finish(state);
                self.memory.states.remove(index);
                did_match = true;
                continue;
            }
            index += 1;
        }
        did_match
    }

    /// Sorts by start depth, pattern and first capture; stable.
    fn sort_states(&mut self) {
        for index in 1..self.memory.states.len() {
            let mut at = index;
            while at > 0 && self.precedes(at, at - 1) {
                self.memory.states.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn precedes(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.memory.states[a], &self.memory.states[b]);
        if (a.start_depth, a.pattern) != (b.start_depth, b.pattern) {
            return (a.start_depth, a.pattern) < (b.start_depth, b.pattern);
        }
        let first = |state: &State| {
            let captured = self.memory.lists.get(state.captures).first();
            captured.map(|captured| self.tree.start_byte_of(captured.node))
        };
        match (first(a), first(b)) {
            (None, Some(_)) => true,
            (Some(a), Some(b)) => a < b,
            (_, None) => false,
        }
    }

    /// Compares a state with those after it of the same pattern and root, and
    /// drops the one that captured less. True when that is the state itself.
    fn drop_subsets(&mut self, index: usize) -> bool {
        let mut other = index + 1;
        while other < self.memory.states.len() {
            let (left, right) = (self.memory.states[index], self.memory.states[other]);
            if (left.start_depth, left.pattern) != (right.start_depth, right.pattern) {
                break;
            }
            let lists = &self.memory.lists;
            let (of_left, of_right) = (lists.get(left.captures), lists.get(right.captures));
            if let (Some(last), Some(first)) = (of_left.last(), of_right.first())
                && self.tree.start_byte_of(first.node) >= self.tree.end_byte_of(last.node)
            {
                break;
            }
            let (left_contains, right_contains) = self.compare(of_left, of_right);
            let same_step = left.step == right.step;
            if left_contains {
                if same_step && (right.seeking_immediate || !left.seeking_immediate) {
                    self.remove(other);
                    continue;
                }
                self.memory.states[other].has_alternatives = true;
            }
            if right_contains {
                if same_step && (left.seeking_immediate || !right.seeking_immediate) {
                    self.remove(index);
                    return true;
                }
                self.memory.states[index].has_alternatives = true;
            }
            other += 1;
        }
        false
    }

    /// Whether each of two lists of captures contains the other.
    fn compare(&self, left: &[Captured], right: &[Captured]) -> (bool, bool) {
        let (mut left_contains, mut right_contains) = (true, true);
        let (mut i, mut j) = (0, 0);
        loop {
            match (left.get(i), right.get(j)) {
                (None, None) => break,
                (Some(_), None) => {
                    right_contains = false;
                    break;
                }
                (None, Some(_)) => {
                    left_contains = false;
                    break;
                }
                (Some(a), Some(b)) if a == b => (i, j) = (i + 1, j + 1),
                (Some(a), Some(b)) => match self.compare_nodes(a.node, b.node) {
                    std::cmp::Ordering::Less => (right_contains, i) = (false, i + 1),
                    std::cmp::Ordering::Greater => (left_contains, j) = (false, j + 1),
                    std::cmp::Ordering::Equal => {
                        (left_contains, right_contains) = (false, false);
                        (i, j) = (i + 1, j + 1);
                    }
                },
            }
        }
        (left_contains, right_contains)
    }

    fn compare_nodes(&self, a: u32, b: u32) -> std::cmp::Ordering {
        if a == b {
            return std::cmp::Ordering::Equal;
        }
        let tree = self.tree;
        let starts = tree.start_byte_of(a).cmp(&tree.start_byte_of(b));
        starts.then_with(|| tree.end_byte_of(b).cmp(&tree.end_byte_of(a)))
    }

    /// The capture of an unfinished state that comes first in the text, those
    /// before the range passed over. With `not_guaranteed`, states that are
    /// bound to match are passed over as well.
    pub(crate) fn first_in_progress(&mut self, not_guaranteed: bool) -> Option<InProgress> {
        let mut first: Option<InProgress> = None;
        for index in 0..self.memory.states.len() {
            if self.memory.states[index].dead {
                continue;
            }
            let Some(node) = self.next_capture_in_range(index) else { continue };
            let state = self.memory.states[index];
            let start = self.tree.start_byte_of(node);
            let key = (start, state.pattern);
            if first.as_ref().is_some_and(|first| key >= (first.start, first.pattern)) {
                continue;
            }
            let step = &self.program.steps[usize::from(state.step)];
            if not_guaranteed && step.has(flag::ROOT_GUARANTEED) {
                continue;
            }
            let is_guaranteed = step.has(flag::ROOT_GUARANTEED) && !step.has(flag::IMMEDIATE);
            first = Some(InProgress { state: index, start, pattern: state.pattern, is_guaranteed });
        }
        first
    }

    /// The next capture of a state that is not before the range.
    fn next_capture_in_range(&mut self, index: usize) -> Option<u32> {
        loop {
            let state = self.memory.states[index];
            let list = self.memory.lists.get(state.captures);
            let node = list.get(usize::from(state.consumed))?.node;
            if !self.precedes_range(node) {
                return Some(node);
            }
            self.memory.states[index].consumed += 1;
        }
    }

    pub(crate) fn precedes_range(&self, node: u32) -> bool {
        let end = self.tree.end_byte_of(node);
        end <= self.limits.bytes.start
            || (self.limits.has_points()
                && self.tree.point_at(end as usize) <= self.limits.points.start)
    }

    pub(crate) fn follows_range(&self, node: u32) -> bool {
        let start = self.tree.start_byte_of(node);
        start >= self.limits.bytes.end
            || (self.limits.has_points()
                && self.tree.point_at(start as usize) >= self.limits.points.end)
    }
}

/// The first capture of a match that is not complete.
pub(crate) struct InProgress {
    pub(crate) state: usize,
    pub(crate) start: u32,
    pub(crate) pattern: u16,
    pub(crate) is_guaranteed: bool,
}

/// The depth at which a state waits for a node.
#[inline]
fn wanted_depth(state: &State, step: &Step) -> u32 {
    u32::from(state.start_depth) + u32::from(step.depth)
}
