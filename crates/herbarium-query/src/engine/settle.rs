//! Which states stay: those that say more than others; and which are complete.

use std::cmp::Ordering;

use super::Engine;
use crate::state::{Captured, Finished, State};
use crate::step::flag;

/// The first capture of a match that is not complete.
pub(crate) struct InProgress {
    pub(crate) state: usize,
    pub(crate) start: u32,
    pub(crate) pattern: u16,
    pub(crate) is_guaranteed: bool,
}

impl Engine<'_> {
    /// Drops states that say no more than others, and hands out those that
    /// are complete.
    pub(super) fn settle(&mut self, finish: &mut impl FnMut(Finished)) -> bool {
        self.sort_states();
        let mut did_match = false;
        let mut index = 0;
        while index < self.memory.states.len() && !self.halted {
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
                self.hand_out_before(&state, finish);
                finish(state.into());
                self.memory.states.remove(index);
                did_match = true;
                continue;
            }
            index += 1;
        }
        did_match
    }

    /// Hands out the matches of chains that come before one of a state.
    fn hand_out_before(&mut self, state: &State, finish: &mut impl FnMut(Finished)) {
        let comes_before = |chained: &Finished| chained.rank.is_before(state.rank);
        let chained = &mut self.memory.chained;
        let count = chained.iter().take_while(|chained| comes_before(chained)).count();
        chained.drain(..count).for_each(finish);
    }

    /// Sorts by start depth, pattern and first capture; stable.
    fn sort_states(&mut self) {
        for index in 1..self.memory.states.len() {
            let mut at = index;
            while at > 0 && self.precedes(at, at - 1) {
                self.memory.states.swap(at, at - 1);
                at -= 1;
            }
            if self.is_over((index - at) as u64 / 8) {
                return;
            }
        }
    }

    #[inline]
    fn precedes(&self, a: usize, b: usize) -> bool {
        self.memory.states[a].rank < self.memory.states[b].rank
    }

    /// Compares a state with those after it of the same pattern and root, and
    /// drops the one that captured less. True when that is the state itself.
    fn drop_subsets(&mut self, index: usize) -> bool {
        let mut other = index + 1;
        while other < self.memory.states.len() {
            if self.is_over(1) {
                return false;
            }
            let (left, right) = (&self.memory.states[index], &self.memory.states[other]);
            if !left.rank.is_beside(right.rank) {
                break;
            }
            if let (Some(_), Some(first)) = (left.rank.first(), right.rank.first())
                && first >= self.end_of_last(index)
            {
                break;
            }
            let (left, right) = (&self.memory.states[index], &self.memory.states[other]);
            let lists = &self.memory.lists;
            let (of_left, of_right) = (lists.get(left.captures), lists.get(right.captures));
            let (left_contains, right_contains) = self.compare(of_left, of_right);
            let same_step = left.step == right.step;
            let (left_seeks, right_seeks) = (left.seeking_immediate, right.seeking_immediate);
            if left_contains {
                if same_step && (right_seeks || !left_seeks) {
                    self.remove(other);
                    continue;
                }
                self.memory.states[other].has_alternatives = true;
            }
            if right_contains {
                if same_step && (left_seeks || !right_seeks) {
                    self.remove(index);
                    return true;
                }
                self.memory.states[index].has_alternatives = true;
            }
            other += 1;
        }
        false
    }

    /// Where the last capture of a state ends, which has captured.
    #[inline]
    fn end_of_last(&mut self, index: usize) -> u32 {
        let state = &mut self.memory.states[index];
        if state.last_end == 0
            && let Some(last) = self.memory.lists.get(state.captures).last()
        {
            state.last_end = self.tree.end_byte_of(last.node);
        }
        state.last_end
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
                (Some(a), Some(b)) if a.is(b) => (i, j) = (i + 1, j + 1),
                (Some(a), Some(b)) => match self.compare_nodes(a.node, b.node) {
                    Ordering::Less => (right_contains, i) = (false, i + 1),
                    Ordering::Greater => (left_contains, j) = (false, j + 1),
                    Ordering::Equal => {
                        (left_contains, right_contains) = (false, false);
                        (i, j) = (i + 1, j + 1);
                    }
                },
            }
        }
        (left_contains, right_contains)
    }

    fn compare_nodes(&self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
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
            let state = &self.memory.states[index];
            if state.dead || state.rank.first().is_none() {
                continue;
            }
            let Some(start) = self.next_start_in_range(index) else { continue };
            let state = &self.memory.states[index];
            let pattern = state.rank.pattern();
            let key = (start, pattern);
            if first.as_ref().is_some_and(|first| key >= (first.start, first.pattern)) {
                continue;
            }
            let step = &self.program.steps[usize::from(state.step)];
            if not_guaranteed && step.has(flag::ROOT_GUARANTEED) {
                continue;
            }
            let is_guaranteed = step.has(flag::ROOT_GUARANTEED) && !step.has(flag::IMMEDIATE);
            first = Some(InProgress { state: index, start, pattern, is_guaranteed });
        }
        first
    }

    /// Where the next capture of a state starts that is not before the range.
    #[inline]
    fn next_start_in_range(&mut self, index: usize) -> Option<u32> {
        let state = &self.memory.states[index];
        // At the start of the text, one without width is before all ranges.
        let first = state.rank.first();
        if self.covers_all && state.consumed == 0 && first != Some(0) {
            return first;
        }
        let node = self.next_capture_in_range(index)?;
        Some(self.tree.start_byte_of(node))
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
}
