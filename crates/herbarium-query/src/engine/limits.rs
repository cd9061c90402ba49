//! Which part of a tree counts.

use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use herbarium_codec::Point;

use super::{Engine, Next, wanted_depth};

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
    pub(super) fn covers_all(&self) -> bool {
        let all = Self::default();
        self.bytes == all.bytes
            && self.points == all.points
            && self.containing_bytes == all.containing_bytes
            && self.containing_points == all.containing_points
            && self.max_start_depth == u32::MAX
    }

    pub(super) fn has_points(&self) -> bool {
        let all = Self::default();
        self.points != all.points || self.containing_points != all.containing_points
    }
}

impl Engine<'_> {
    /// The next node where only a part of the tree counts.
    pub(super) fn next_in_limits(&self) -> Next {
        let node = self.memory.path[self.memory.path.len() - 1];
        let after = self.tree.subtree_end(node);
        let next = if self.descends(node) { node + 1 } else { after };
        if next < self.end { Next::Go(next) } else { Next::End }
    }

    pub(super) fn descends(&self, node: u32) -> bool {
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
    pub(super) fn in_range(&self, depth: usize) -> bool {
        let reaches = |node: u32| self.intersects(node, &self.limits.bytes, &self.limits.points);
        let path = &self.memory.path;
        (depth == 0 || reaches(path[depth - 1])) && reaches(path[depth])
    }

    pub(super) fn intersects(&self, node: u32, bytes: &Range<u32>, points: &Range<Point>) -> bool {
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let empty = start == end;
        let by_bytes = (end > bytes.start || (empty && end == bytes.start)) && start < bytes.end;
        if !by_bytes || !self.limits.has_points() {
            return by_bytes;
        }
        let (start, end) = (self.tree.point_at(start as usize), self.tree.point_at(end as usize));
        (end > points.start || (empty && end == points.start)) && start < points.end
    }

    pub(super) fn is_within_containing(&self, node: u32) -> bool {
        let limits = &self.limits;
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let by_bytes = start >= limits.containing_bytes.start && end <= limits.containing_bytes.end;
        if !by_bytes || !limits.has_points() {
            return by_bytes;
        }
        self.tree.point_at(start as usize) >= limits.containing_points.start
            && self.tree.point_at(end as usize) <= limits.containing_points.end
    }

    /// Whether a node ends where the range starts, or before: where all counts,
    /// one without width at the start of the text.
    pub(crate) fn precedes_range(&self, node: u32) -> bool {
        if self.covers_all && self.tree.start_byte_of(node) > 0 {
            return false;
        }
        let end = self.tree.end_byte_of(node);
        end <= self.limits.bytes.start
            || (self.limits.has_points()
                && self.tree.point_at(end as usize) <= self.limits.points.start)
    }

    pub(crate) fn follows_range(&self, node: u32) -> bool {
        if self.covers_all {
            return false;
        }
        let start = self.tree.start_byte_of(node);
        start >= self.limits.bytes.end
            || (self.limits.has_points()
                && self.tree.point_at(start as usize) >= self.limits.points.end)
    }
}
