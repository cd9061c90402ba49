//! Running a compiled query over a tree.
//!
//! The matching is tree-sitter's (`query.c`, version 0.27), state by state,
//! so that matches come out the same and in the same order. What differs is
//! which nodes are looked at: a node that no pattern can start at, while no
//! state waits at its depth, changes nothing, and is passed over. The next
//! node worth a look is found in the column of shapes.

mod chains;
mod limits;
mod rows;
mod settle;
mod update;

use std::sync::atomic::Ordering;
use std::time::Instant;

use herbarium_codec::Tree;

use crate::Query;
use crate::anchor::{Places, Spot};
use crate::chain::Chains;
use crate::plan::{Mode, Plan};
use crate::state::{Finished, Lists, State};
use crate::step::{Program, Step};

use chains::Fields;
pub(crate) use limits::{Limits, POINT_MAX};
use rows::Due;

/// Work between two looks at the clock: nodes looked at, and states at each.
const WORK_PER_CHECK: u64 = 1000;

/// Memory that is used again from run to run.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) plan: Plan,
    pub(crate) lists: Lists,
    pub(crate) states: Vec<State>,
    path: Vec<u32>,
    /// Matches of chains at the node that is looked at, in their order.
    chained: Vec<Finished>,
    /// The nodes that matter, sorted, where texts tell.
    anchored: Vec<u32>,
    spots: Vec<Spot>,
    /// Matches of rows that were found at their root, the first to end last.
    due: Vec<Due>,
    fields: Fields,
}

impl Memory {
    fn find(&mut self, places: &Places, program: &Program, found: (&Tree, &[u8])) -> bool {
        places.find(program, found, &mut self.spots, &mut self.anchored)
    }
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
    /// Texts tell which nodes matter.
    is_anchored: bool,
    /// Chains need no states.
    with_chains: bool,
    /// There is nothing but chains, and no plan.
    is_direct: bool,
    query: &'a Query,
    chains: &'a Chains,
    text: &'a [u8],
    mode: Mode,
    work: u64,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        query: &'a Query,
        (tree, text): (&'a Tree, &'a [u8]),
        root: u32,
        memory: &'a mut Memory,
        limits: Limits<'a>,
        mode: Mode,
    ) -> Self {
        let program = &query.program;
        let covers_all = limits.covers_all();
        let with_chains = covers_all && mode != Mode::Exact && chains::is_shallow(tree);
        memory.lists.reset();
        memory.states.clear();
        memory.path.clear();
        memory.path.push(root);
        memory.chained.clear();
        memory.due.clear();
        memory.fields.clear();
        let chains = query.chains();
        let found = (tree, text);
        let places = (with_chains && chains.are_all(mode == Mode::Captures))
            .then(|| query.places())
            .flatten();
        let is_direct = places.is_some_and(|places| memory.find(places, program, found));
        if !is_direct {
            memory.plan.make(query, tree, mode, with_chains);
        }
        let is_anchored = is_direct
            || with_chains
                && places.is_none()
                && Places::of_plan(query, &memory.plan, mode)
                    .is_some_and(|places| memory.find(&places, program, found));
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
            is_anchored,
            with_chains,
            query,
            chains,
            is_direct,
            text,
            mode,
            work: 0,
        };
        if !is_direct && engine.memory.plan.is_empty() {
            engine.halted = true;
        } else if covers_all {
            if !is_anchored {
                engine.memory.plan.prepare_scan();
            }
            engine.next = engine.scan(root);
        }
        engine
    }

    /// Goes on until matches are complete, which `finish` takes, or a step was
    /// reached from which on one is bound to be. False at the end.
    pub(crate) fn advance(
        &mut self,
        stop_on_guaranteed: bool,
        finish: &mut impl FnMut(Finished),
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
            let is_free = self.covers_all && self.memory.states.is_empty();
            let did_match = match self.next {
                Next::Enter => self.enter(stop_on_guaranteed, finish),
                Next::Go(node) if is_free => self.pass(node, finish),
                Next::End if is_free => {
                    self.halted = true;
                    false
                }
                Next::Go(node) => self.leave_for(node, finish),
                Next::End => self.leave_for(self.end, finish),
            };
            if did_match {
                return true;
            }
        }
    }

    /// Whether what is complete is all there is so far.
    pub(crate) fn is_free(&self) -> bool {
        self.covers_all && self.mode != Mode::Exact && self.memory.states.is_empty()
    }

    /// Whether a match that is in the making does not hold back captures of
    /// those that are complete, though it may come before them: they are in
    /// order once all are complete.
    pub(crate) fn holds_nothing_back(&self) -> bool {
        let chains = || self.query.chains();
        self.with_chains && self.mode == Mode::Captures && chains().sole && !chains().are_all_late()
    }

    /// Counts work within one node, of which there can be more than in all the rest of
    /// a tree. Whether it is to end here.
    fn is_over(&mut self, work: u64) -> bool {
        self.work += work;
        self.halted || self.work >= WORK_PER_CHECK && self.must_stop()
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
    fn leave_for(&mut self, node: u32, finish: &mut impl FnMut(Finished)) -> bool {
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

    /// Comes to a node while there are no states: only what happens there
    /// matters, not how one gets there.
    fn pass(&mut self, node: u32, finish: &mut impl FnMut(Finished)) -> bool {
        if self.is_direct || self.memory.plan.starts(self.tree.shape_of(node)).is_empty() {
            let did_match = self.find_chained(node);
            self.memory.chained.drain(..).for_each(finish);
            self.next = self.scan(node + 1);
            return did_match;
        }
        let path = &mut self.memory.path;
        while path.len() > 1 && self.tree.subtree_end(path[path.len() - 1]) <= node {
            path.pop();
        }
        self.enter_path(node);
        self.next = Next::Enter;
        false
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
    fn leave(&mut self, finish: &mut impl FnMut(Finished)) -> bool {
        let depth = self.depth();
        let program = self.program;
        let Memory { states, lists, .. } = &mut *self.memory;
        let mut did_match = false;
        states.retain(|state| {
            let step = &program.steps[usize::from(state.step)];
            if step.is_done() {
                let finishes = u32::from(state.rank.start_depth()) > depth || depth == 0;
                if finishes {
                    finish((*state).into());
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
        let mut looked_at = None;
        for state in &self.memory.states {
            let step = &steps[usize::from(state.step)];
            if step.is_done() {
                // It may be finished by the next node, whichever that is.
                return self.next_node(node);
            }
            let wanted = wanted_depth(state, step);
            if looked_at.replace(wanted) == Some(wanted) {
                continue;
            }
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
        if !self.is_anchored {
            let due = self.memory.due.last().map(|due| due.node).filter(|node| *node < until);
            let marked = self.memory.plan.next_marked(self.tree, from, due.unwrap_or(until));
            return marked.or(due);
        }
        let anchored = &self.memory.anchored;
        let at = anchored.partition_point(|node| *node < from);
        anchored.get(at).copied().filter(|node| *node < until)
    }

    fn next_node(&self, node: u32) -> Next {
        if node + 1 < self.end { Next::Go(node + 1) } else { Next::End }
    }

    fn is_last(&self, node: u32) -> bool {
        let shape = self.tree.shape_of(node);
        self.memory.plan.shapes.get(shape as usize).is_none_or(|info| info.is_last)
    }

    /// Looks at the node at the end of the path.
    fn enter(&mut self, stop_on_guaranteed: bool, finish: &mut impl FnMut(Finished)) -> bool {
        let node = self.memory.path[self.memory.path.len() - 1];
        let mut did_match = false;
        if self.covers_all || self.is_within_containing(node) {
            did_match = self.find_chained(node);
            if self.matters_to_states(node) {
                let mut look = self.look(node);
                self.start_patterns(&look);
                did_match |= self.update_states(&mut look, stop_on_guaranteed);
                did_match |= self.settle(finish);
            }
            self.memory.chained.drain(..).for_each(&mut *finish);
        }
        self.next = self.next_after();
        did_match
    }
}

impl Engine<'_> {
    /// Whether states start at the node at the end of the path, or one waits
    /// for it, or one that is complete may be handed out there.
    fn matters_to_states(&self, node: u32) -> bool {
        let depth = self.depth();
        let waits = |state: &State| {
            let step = &self.program.steps[usize::from(state.step)];
            step.is_done() || wanted_depth(state, step) == depth
        };
        let starts = self.memory.plan.starts(self.tree.shape_of(node));
        !self.covers_all || !starts.is_empty() || self.memory.states.iter().any(waits)
    }
}

/// The depth at which a state waits for a node.
#[inline]
fn wanted_depth(state: &State, step: &Step) -> u32 {
    u32::from(state.rank.start_depth()) + u32::from(step.depth)
}
