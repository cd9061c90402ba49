//! Matches of rows: found at their root, told at the node that they end with.

use super::Engine;
use crate::chain::{Chain, Event};
use crate::row::Row;

/// A match of a row that the walk has not come to the end of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// The node that it ends with.
    pub(super) node: u32,
    chain: u16,
    captures: u32,
}

impl Engine<'_> {
    /// What comes of a node that can be the root of a row, or the end of one. Says
    /// whether it completes a match.
    pub(super) fn meet_row(
        &mut self,
        event: Event,
        (chain, row): (&Chain, &Row),
        node: u32,
    ) -> bool {
        match (event.level < chain.last, self.is_anchored) {
            // Where texts tell, it is the ends that are gone to.
            (true, true) => false,
            (true, false) => {
                self.begin_row(event.chain, (chain, row), node);
                false
            }
            (false, true) => self.is_end_of_row((chain, row), node),
            (false, false) => self.end_row(event.chain, chain, node),
        }
    }

    /// Keeps the match that has a node for its root, if there is one.
    fn begin_row(&mut self, number: u16, (chain, row): (&Chain, &Row), root: u32) {
        if !self.is_as_it_seems(root, chain.step(self.program, 0), 0) {
            return;
        }
        let Some(nodes) = row.nodes(self.program, self.tree, root) else { return };
        let Some(captures) = self.captured(chain, row.steps(), nodes.all()) else { return };
        let node = nodes.last();
        let due = &mut self.memory.due;
        let at = due.iter().rposition(|other| other.node >= node).map_or(0, |at| at + 1);
        due.insert(at, Due { node, chain: number, captures });
    }

    /// Completes the match that was found to end at a node.
    fn end_row(&mut self, number: u16, chain: &Chain, node: u32) -> bool {
        let mut due = self.memory.due.iter().rev().take_while(|due| due.node == node);
        let Some(due) = due.find(|due| due.chain == number).copied() else { return false };
        self.add_chained(chain, due.captures, None);
        true
    }

    /// Whether the node at the end of a way is the last of a row; completes the
    /// match.
    fn is_end_of_row(&mut self, (chain, row): (&Chain, &Row), node: u32) -> bool {
        let Some(way) = self.nodes_of(chain, chain.last, node) else { return false };
        let nodes = row.nodes(self.program, self.tree, way[0]).filter(|it| it.last() == node);
        let captures = nodes.and_then(|it| self.captured(chain, row.steps(), it.all()));
        captures.inspect(|captures| self.add_chained(chain, *captures, None)).is_some()
    }

    /// Forgets what ended at a node.
    #[inline]
    pub(super) fn forget_due(&mut self, node: u32) {
        while self.memory.due.last().is_some_and(|due| due.node <= node) {
            self.memory.due.pop();
        }
    }
}
