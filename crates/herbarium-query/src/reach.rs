//! Whether a pattern can be completed, given which steps anything can match.

use crate::step::{NONE, Program, Step, flag};

/// A search through the steps of a pattern, keeping its memory.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// By step, the search that saw it last.
    seen: Vec<u32>,
    stack: Vec<u16>,
    round: u32,
}

impl Reach {
    /// Whether the end of the pattern can be reached from a step, or with
    /// `captures_count` a step that captures.
    pub(crate) fn leads_anywhere(
        &mut self,
        program: &Program,
        start: u16,
        captures_count: bool,
        possible: impl Fn(usize, &Step) -> bool,
    ) -> bool {
        self.next_round(program.steps.len());
        self.stack.clear();
        self.stack.push(start);
        while let Some(index) = self.stack.pop() {
            let number = usize::from(index);
            let (Some(seen), Some(step)) = (self.seen.get_mut(number), program.steps.get(number))
            else {
                continue;
            };
            if std::mem::replace(seen, self.round) == self.round {
                continue;
            }
            if step.is_done() {
                return true;
            }
            let passes = step.has(flag::PASS_THROUGH);
            if !passes && !step.has(flag::DEAD_END) && possible(number, step) {
                if captures_count && step.is_captured() {
                    return true;
                }
                self.stack.push(index + 1);
            }
            if passes {
                self.stack.push(index + 1);
            }
            if step.alternative != NONE {
                self.stack.push(step.alternative);
            }
        }
        false
    }

    /// Whether nothing that begins at a step comes to the end of the pattern without a
    /// node for a capture. The quantifiers of captures do not tell: a fourth capture of
    /// one step is dropped, and those of groups may stand behind what can be skipped.
    pub(crate) fn always_captures(&mut self, program: &Program, start: u16, capture: u16) -> bool {
        !self.leads_anywhere(program, start, false, |_, step| !step.captures.contains(&capture))
    }

    fn next_round(&mut self, steps: usize) {
        if self.seen.len() < steps || self.round == u32::MAX {
            self.seen.clear();
            self.seen.resize(steps, 0);
            self.round = 0;
        }
        self.round += 1;
    }
}
